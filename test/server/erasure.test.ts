/** Erasing a principal over HTTP. */
import { assert, describe, it } from "@effect/vitest"
import { Deployment } from "@reins/runtime"
import { MemoryJournal, journalHost } from "@reins/runtime/journal"
import { Authenticator } from "@reins/server"
import { Effect } from "effect"
import * as Served from "./Served.ts"

const keys = Authenticator.layerKeys({
  "dora-key": { tenant: "dev", name: "dora" },
  "olga-key": { tenant: "dev", name: "olga", roles: ["operator"] },
  "aldo-key": { tenant: "dev", name: "aldo", roles: ["auditor"] },
  "other-key": { tenant: "other", name: "otto", roles: ["operator"] }
})

const query = (served: Served.Served, prompt: string, key: string, more: object = {}) =>
  Effect.map(
    served.ask("/native/query", { key, body: { prompt, stream: false, ...more } }),
    ({ headers }) => headers.get("x-run-id") ?? ""
  )

describe.each(["a server in memory", "a store"])("erasing a principal over HTTP on %s", (kind) => {
  it.live("is for operators of its tenant, refused while its runs go on, and told in the tenant's own names", () =>
    Effect.gen(function* () {
      const store = Deployment.layerStore(
        "memory",
        Effect.sync(() => journalHost(MemoryJournal.make()))
      )
      const served = yield* Served.serve({}, kind === "a store" ? store : undefined, keys)
      const first = yield* query(served, "hello", "dora-key", { threadId: "hers" })
      yield* query(served, "hello", "dora-key", { threadId: "shared" })
      const his = yield* query(served, "hello", "olga-key", { threadId: "shared" })
      const waiting = yield* query(served, "gated", "dora-key")
      // Copies of what she said are hers, whoever made them.
      const copies = [
        yield* served.ask("/native/threads/hers/fork", { key: "dora-key", body: { threadId: "fork" } }),
        yield* served.ask(`/native/runs/${first}/fork`, { key: "olga-key", body: { threadId: "run-fork" } })
      ]
      assert.deepStrictEqual(
        copies.map(({ status }) => status),
        // A run in memory has no log that could be forked.
        [200, kind === "a store" ? 200 : 404]
      )
      const erase = (key: string, path: string) => served.ask(`/native/principals/${path}`, { key, method: "DELETE" })
      for (const key of ["dora-key", "aldo-key"]) {
        const { status, text } = yield* erase(key, "dora")
        assert.strictEqual(status, 403)
        assert.include(text, "operator")
      }
      // A namesake in another tenant is somebody else.
      const { json: stranger } = yield* erase("other-key", "dora")
      assert.deepInclude(stranger, { resourceId: "other", kept: [], cancelled: [] })
      assert.strictEqual(stranger.deleted.runs, 0)
      assert.strictEqual((yield* erase("olga-key", "dora?cancel=perhaps")).status, 400)
      const busy = yield* erase("olga-key", "dora")
      assert.strictEqual(busy.status, 409)
      assert.include(busy.text, waiting)
      assert.strictEqual((yield* served.ask("/native/threads/hers", { key: "dora-key" })).status, 200)

      const { json, status } = yield* erase("olga-key", "dora?cancel=true&audit=keep")
      assert.strictEqual(status, 200)
      assert.deepInclude(json, { principal: "dora", resourceId: "dev", cancelled: [waiting] })
      assert.deepInclude(json.deleted, { threads: kind === "a store" ? 4 : 3, runs: 3 })
      const shared = json.kept.find(({ what }: { readonly what: string }) => what === "shared-threads")
      assert.deepStrictEqual(shared.ids, ["shared"])
      for (const thread of ["hers", "fork", "run-fork"]) {
        assert.strictEqual((yield* served.ask(`/native/threads/${thread}`, { key: "olga-key" })).status, 404, thread)
      }
      assert.strictEqual((yield* served.ask("/native/threads/shared", { key: "olga-key" })).status, 200)
      assert.strictEqual((yield* served.ask(`/native/runs/${his}`, { key: "olga-key" })).status, 200)
      // What was answered stays in the audit record, under the pseudonym.
      const { json: audit } = yield* served.ask("/native/approvals/history", { key: "olga-key" })
      assert.isAbove(audit.acts.length, 0)
      assert.notInclude(JSON.stringify(audit), "dora")
      const { json: hers } = yield* served.ask("/native/runs?principal=dora", { key: "olga-key" })
      assert.deepStrictEqual(hers.runs, [])
      const { json: gone } = yield* served.ask(`/native/runs/${first}`, { key: "olga-key" })
      assert.notInclude(JSON.stringify(gone), "dora")
    })
  )
})
