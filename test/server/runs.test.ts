/** Lists of runs: of the key's tenant, by every field, in pages; what an auditor sees, and a principal without a role. */
import { assert, describe, it } from "@effect/vitest"
import { Memory, MemoryJournal, journalHost } from "@reins/runtime/journal"
import { Deployment, Prices } from "@reins/runtime"
import { Authenticator } from "@reins/server"
import { ConfigProvider, Effect, Layer } from "effect"
import * as Served from "./Served.ts"

const keys = Authenticator.layerKeys({
  "dev-key": "dev",
  "dora-key": { tenant: "dev", name: "dora" },
  "olga-key": { tenant: "dev", name: "olga", roles: ["operator", "auditor"] },
  "aldo-key": { tenant: "dev", name: "aldo", roles: ["auditor"] },
  "other-key": { tenant: "other", name: "otto", roles: ["operator"] }
})

const configured = ConfigProvider.layer(
  ConfigProvider.fromUnknown({ KEYS: "a=shop,b=shop:auditor,c=shop:operator,d=shop:other" })
)

const price = {
  model: "scripted",
  match: "prefix",
  source: "test",
  inputPerMillionUsd: 1.25,
  outputPerMillionUsd: 10.000001
} as const

const serve = (deployment?: Layer.Layer<never>) => Served.serve({}, deployment, keys)

const query = (served: Served.Served, prompt: string, key = "dev-key", more: object = {}) =>
  Effect.map(
    served.ask("/native/query", { key, body: { prompt, stream: false, ...more } }),
    ({ headers }) => headers.get("x-run-id") ?? ""
  )

const ids = (served: Served.Served, path: string, key = "dev-key"): Effect.Effect<ReadonlyArray<string>> =>
  Effect.map(served.ask(`/native/runs${path}`, { key }), ({ json, status, text }) => {
    assert.strictEqual(status, 200, text)
    return json.runs.map(({ runId }: { readonly runId: string }) => runId)
  })

describe("a list of runs", () => {
  it.live("has the runs of the key's tenant with how they ended, the latest first, and selects by each field", () =>
    Effect.gen(function* () {
      const served = yield* serve()
      const hello = yield* query(served, "hello", "olga-key", { threadId: "mine" })
      const failed = yield* query(served, "error", "dora-key")
      const waiting = yield* query(served, "gated")
      const foreign = yield* query(served, "hello", "other-key", { threadId: "mine" })
      const { json } = yield* served.ask("/native/runs")
      const told = json.runs.map((run: Record<string, unknown>) => [run["runId"], run["state"], run["endReason"]])
      assert.deepStrictEqual(
        told.toSorted(),
        [
          [hello, "ended", "stop"],
          [failed, "ended", "failed"],
          [waiting, "waiting", undefined]
        ].toSorted()
      )
      const first = json.runs.find(({ runId }: { readonly runId: string }) => runId === hello)
      assert.strictEqual(first.threadId, "mine")
      assert.strictEqual(first.principal, "olga")
      assert.isNumber(first.costNanoUsd)
      const expected: ReadonlyArray<readonly [string, ReadonlyArray<string>]> = [
        ["?state=waiting", [waiting]],
        ["?state=open", [waiting]],
        ["?endReason=failed", [failed]],
        ["?threadId=mine", [hello]],
        ["?principal=dora", [failed]],
        ["?agent=nobody", []],
        ["?agent=desk&state=ended&principal=olga", [hello]],
        ["?since=999999999999999", []],
        ["?until=0", []],
        ["?minCostUsd=1000", []]
      ]
      for (const [path, wanted] of expected) assert.deepStrictEqual(yield* ids(served, path), wanted, path)
      assert.deepStrictEqual(yield* ids(served, "", "other-key"), [foreign])
      assert.deepStrictEqual(yield* ids(served, `?threadId=mine`, "other-key"), [foreign])
    })
  )

  it.live("is read in pages that later runs do not move", () =>
    Effect.gen(function* () {
      const served = yield* serve()
      const all = yield* Effect.forEach(["1", "2", "3"], (prompt) => query(served, prompt))
      const { json: one } = yield* served.ask("/native/runs?limit=2")
      yield* query(served, "later")
      const { json: two } = yield* served.ask(`/native/runs?limit=2&after=${encodeURIComponent(one.next)}`)
      assert.strictEqual(two.next, undefined)
      const seen = [...one.runs, ...two.runs].map(({ runId }: { readonly runId: string }) => runId)
      assert.deepStrictEqual(seen.toSorted(), all.toSorted())
    })
  )

  it.live("refuses a field that is none, and names it", () =>
    Effect.gen(function* () {
      const served = yield* serve()
      for (const field of ["state", "endReason", "since", "until", "minCostUsd", "maxCostUsd", "limit"]) {
        const { status, text } = yield* served.ask(`/native/runs?${field}=secret-words`)
        assert.strictEqual(status, 400)
        assert.include(text, field)
        assert.notInclude(text, "secret-words")
      }
    })
  )

  it.live("is the store's, so that it is there after a restart", () =>
    Effect.gen(function* () {
      const journal = MemoryJournal.make()
      const deployment = () => Deployment.layerStore("memory", Effect.succeed(journalHost(journal)))
      const before = yield* serve(deployment())
      const runId = yield* query(before, "hello")
      yield* before.close
      const after = yield* serve(deployment())
      assert.deepStrictEqual(yield* ids(after, ""), [runId])
      const { json } = yield* after.ask(`/native/runs/${runId}`)
      assert.strictEqual(json.text, "hello")
      assert.strictEqual(json.endReason, "stop")
      assert.strictEqual(json.cost.costNanoUsd, json.costNanoUsd)
      assert.isNumber(json.latency.totalMs)
    })
  )
})

describe("costs", () => {
  it.live("are summed by what is asked for, as JSON and CSV, and equal the runs' own", () =>
    Effect.gen(function* () {
      const served = yield* serve(Layer.succeed(Prices.Prices, { find: () => price }))
      const runs = [
        yield* query(served, "hello", "olga-key"),
        yield* query(served, "tool", "dora-key"),
        yield* query(served, "error", "dora-key")
      ]
      yield* query(served, "hello", "other-key")
      const details = yield* Effect.forEach(runs, (id) => served.ask(`/native/runs/${id}`))
      const wanted = details.reduce((sum, { json }) => sum + json.cost.costNanoUsd, 0)
      assert.isAbove(wanted, 0)
      const { json } = yield* served.ask("/native/costs?by=run,model,tool")
      assert.strictEqual(json.sum.costNanoUsd, wanted)
      assert.strictEqual(
        json.totals.reduce((sum: number, total: { readonly costNanoUsd: number }) => sum + total.costNanoUsd, 0),
        wanted
      )
      const { json: days } = yield* served.ask("/native/costs?by=tenant,day")
      assert.deepStrictEqual(
        days.totals.map((total: { readonly tenant: string; readonly runs: number }) => [total.tenant, total.runs]),
        [["dev", 3]]
      )
      const { json: mine } = yield* served.ask("/native/costs?by=principal", { key: "dora-key" })
      assert.deepStrictEqual(
        mine.totals.map(({ principal }: { readonly principal: string }) => principal),
        ["dora"]
      )
      const { json: none } = yield* served.ask("/native/costs?principal=olga", { key: "dora-key" })
      assert.strictEqual(none.sum.costNanoUsd, 0)
      const csv = yield* served.ask("/native/costs?by=principal&format=csv", { key: "aldo-key" })
      assert.match(csv.headers.get("content-type") ?? "", /^text\/csv/)
      const [header, ...lines] = csv.text.split("\r\n")
      assert.strictEqual(
        header,
        "principal,usd,runs,calls,costNanoUsd,unpriced,promptTokens,completionTokens,estimated"
      )
      assert.deepStrictEqual(
        lines.map((line) => line.split(",")[0]),
        ['"dora"', '"olga"', ""]
      )
      const accepted = yield* served.ask("/native/costs?by=principal", { headers: { accept: "text/csv" } })
      assert.strictEqual(accepted.text, csv.text)
    })
  )

  it.live("refuse a field that is none, and name it", () =>
    Effect.gen(function* () {
      const served = yield* serve()
      for (const field of ["by", "since", "until", "limit", "format"]) {
        const { status, text } = yield* served.ask(`/native/costs?${field}=secret-words`)
        assert.strictEqual(status, 400)
        assert.include(text, field)
        assert.notInclude(text, "secret-words")
      }
    })
  )
})

describe("the export of a run", () => {
  it.live("has all that a store has of it, for its tenant's operators and its own principal", () =>
    Effect.gen(function* () {
      const journal = MemoryJournal.make()
      const served = yield* serve(Deployment.layerStore("memory", Effect.succeed(journalHost(journal))))
      const runId = yield* query(served, "hello", "olga-key")
      const path = `/native/runs/${runId}/export`
      const { headers, text } = yield* served.ask(path, { key: "olga-key" })
      assert.strictEqual(headers.get("content-type"), "application/x-ndjson")
      assert.strictEqual(text, `${journal.exportRun(runId).join("\n")}\n`)
      const statuses = yield* Effect.forEach(["dev-key", "dora-key", "aldo-key", "other-key"], (key) =>
        Effect.map(served.ask(path, { key }), ({ status }) => status)
      )
      assert.deepStrictEqual(statuses, [200, 404, 403, 404])
    })
  )

  it.live("is refused in words by a server that keeps its runs in memory", () =>
    Effect.gen(function* () {
      const served = yield* serve()
      const runId = yield* query(served, "hello")
      const { json, status } = yield* served.ask(`/native/runs/${runId}/export`)
      assert.deepStrictEqual([status, json.error.code], [404, "NotExported"])
    })
  )
})

describe("a correction", () => {
  it.live("is an operator's, of an estimated row of an ended run of its tenant", () =>
    Effect.gen(function* () {
      const served = yield* serve()
      const runId = yield* query(served, "hello", "olga-key")
      const path = `/native/runs/${runId}`
      const body = { step: 1, usage: { inputUncached: 5 } }
      const told = yield* Effect.forEach(["dora-key", "aldo-key", "other-key", "dev-key"], (key) =>
        Effect.map(served.ask(`${path}/corrections`, { key, body }), ({ json, status }) => [status, json.error.code])
      )
      assert.deepStrictEqual(told, [
        [403, "RoleForbidden"],
        [403, "RoleForbidden"],
        [404, "RunNotFound"],
        [422, "NotEstimated"]
      ])
      assert.strictEqual((yield* served.ask(`${path}/corrections`, { body: { step: -1 } })).status, 400)
      const lists = yield* Effect.forEach(["dora-key", "aldo-key", "other-key", "dev-key"], (key) =>
        Effect.map(served.ask(`${path}/estimates`, { key }), ({ json, status }) => [status, json.estimates])
      )
      assert.deepStrictEqual(lists, [
        [404, undefined],
        [200, []],
        [404, undefined],
        [200, []]
      ])
    })
  )
})

describe("a principal", () => {
  it.live("sees its own runs in lists without a role, and all of the tenant as an operator", () =>
    Effect.gen(function* () {
      const served = yield* serve()
      const own = yield* query(served, "hello", "dora-key")
      const others = yield* query(served, "hello", "olga-key")
      assert.deepStrictEqual(yield* ids(served, "", "dora-key"), [own])
      assert.deepStrictEqual(yield* ids(served, "?principal=dora", "dora-key"), [own])
      assert.deepStrictEqual(yield* ids(served, "?principal=olga", "dora-key"), [])
      for (const key of ["olga-key", "aldo-key", "dev-key"]) {
        assert.deepStrictEqual((yield* ids(served, "", key)).toSorted(), [own, others].toSorted(), key)
      }
      const sees = yield* Effect.forEach(["dev-key", "dora-key", "olga-key", "aldo-key"], (key) =>
        Effect.map(served.ask("/native/principal", { key }), ({ json }) => [json.tenant, json.name, json.sees])
      )
      assert.deepStrictEqual(sees, [
        ["dev", undefined, "all"],
        ["dev", "dora", "own"],
        ["dev", "olga", "all"],
        ["dev", "aldo", "order"]
      ])
    })
  )

  it.live("with the role auditor sees order and money, no content, and changes nothing", () =>
    Effect.gen(function* () {
      const served = yield* serve()
      const runId = yield* query(served, "very-secret-words", "olga-key", { threadId: "mine" })
      const waiting = yield* query(served, "gated", "olga-key")
      const key = "aldo-key"
      const { json, text } = yield* served.ask(`/native/runs/${runId}`, { key })
      assert.notInclude(text, "very-secret-words")
      assert.strictEqual(json.endReason, "stop")
      assert.strictEqual(json.cost.costNanoUsd, json.costNanoUsd)
      for (const path of [
        "/native/runs",
        "/native/costs?by=run",
        "/native/approvals/history",
        "/native/quotas",
        "/native/principal"
      ]) {
        const answer = yield* served.ask(path, { key })
        assert.strictEqual(answer.status, 200, path)
        assert.notInclude(answer.text, "very-secret-words")
      }
      for (const id of [runId, waiting]) {
        const path = `/native/runs/${id}/events?view=all&format=ndjson`
        const limited = id === runId ? {} : { signal: AbortSignal.timeout(300) }
        const seen = yield* Effect.promise(async () => {
          let lines = ""
          const response = await served.fetch(path, { key, ...limited })
          // The waiting run stays open: what it has said so far is enough.
          try {
            for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) lines += chunk
          } catch {}
          return lines
        })
        const types = seen
          .trim()
          .split("\n")
          .map((line) => JSON.parse(line).event.type)
        assert.include(types, id === runId ? "text" : "approval-required")
        assert.notInclude(seen, "very-secret-words")
        assert.notInclude(seen, '"value"')
      }
      const approvals = yield* served.runtime.pendingApprovals({ resourceId: "dev" })
      const closed: ReadonlyArray<readonly [string, Served.Ask]> = [
        ["/native/approvals", {}],
        ["/native/threads", {}],
        ["/native/threads/mine", {}],
        ["/native/threads/mine", { method: "DELETE" }],
        ["/native/agents", {}],
        ["/native/grants", {}],
        ["/native/files/f", {}],
        ["/native/socket", {}],
        ["/native/query", { body: { prompt: "hello" } }],
        [`/native/runs/${waiting}/cancel`, { method: "POST" }],
        [`/native/runs/${waiting}/messages`, { body: { message: "hello" } }],
        [`/native/approvals/${approvals[0]?.request.id}`, { body: { type: "approve" } }],
        ["/ai-sdk/chat/mine/messages", {}],
        ["/openai-responses/v1/responses", { body: { model: "desk", input: "hello" } }],
        ["/kai/api/history", {}]
      ]
      for (const [path, asked] of closed) {
        const answer = yield* served.ask(path, { ...asked, key })
        assert.strictEqual(answer.status, 403, path)
        assert.notInclude(answer.text, "very-secret-words")
      }
      assert.strictEqual((yield* served.runtime.status(waiting))?.state, "running")
    })
  )

  it.live("gets its role from the configuration", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve({}, undefined, Layer.orDie(Authenticator.layerConfig("KEYS")))
      const sees = yield* Effect.forEach(["a", "b", "c", "d"], (key) =>
        Effect.map(served.ask("/native/principal", { key }), ({ json }) => [json.tenant, json.sees])
      )
      assert.deepStrictEqual(sees, [
        ["shop", "all"],
        ["shop", "order"],
        ["shop", "all"],
        ["shop:other", "all"]
      ])
    }).pipe(Effect.provide(configured))
  )
})

describe("what agents remember", () => {
  it.live("is listed and deleted by operators for their tenant, by others for themselves", () =>
    Effect.gen(function* () {
      const journal = MemoryJournal.make()
      const served = yield* serve(Deployment.layerStore("memory", Effect.succeed(journalHost(journal))))
      for (const [id, resourceId, principal] of [
        ["m1", "dev", "dora"],
        ["m2", "dev", "olga"],
        ["m3", "dev", undefined],
        ["m4", "other", "dora"]
      ] as const) {
        const scope = { resourceId, principal }
        const given = { id, scope, text: `Fact ${id}`, at: Number(id.slice(1)) }
        yield* journal.memories?.remember(given, Memory.defaultLimits) ?? Effect.die("no memories")
      }
      const listed = (key: string, path = "") =>
        Effect.map(served.ask(`/native/memories${path}`, { key }), ({ json }) =>
          json.memories.map(({ id }: { readonly id: string }) => id)
        )
      assert.deepStrictEqual(yield* listed("olga-key"), ["m3", "m2", "m1"])
      assert.deepStrictEqual(yield* listed("olga-key", "?principal=dora"), ["m1"])
      assert.deepStrictEqual(yield* listed("dora-key"), ["m1"])
      assert.deepStrictEqual(yield* listed("dora-key", "?principal=olga"), [])
      assert.deepStrictEqual(yield* listed("other-key"), ["m4"])
      const { json: page } = yield* served.ask("/native/memories?limit=2", { key: "olga-key" })
      assert.deepStrictEqual(yield* listed("olga-key", `?limit=2&after=${page.next}`), ["m1"])
      const forget = (key: string, id: string) =>
        Effect.map(served.ask(`/native/memories/${id}`, { key, method: "DELETE" }), ({ status }) => status)
      assert.strictEqual(yield* forget("dora-key", "m2"), 404)
      assert.strictEqual(yield* forget("other-key", "m1"), 404)
      assert.strictEqual(yield* forget("aldo-key", "m1"), 403)
      assert.strictEqual((yield* served.ask("/native/memories", { key: "aldo-key" })).status, 403)
      assert.strictEqual(yield* forget("dora-key", "m1"), 204)
      assert.strictEqual(yield* forget("olga-key", "m3"), 204)
      assert.deepStrictEqual(yield* listed("olga-key"), ["m2"])
    })
  )
})
