import { assert, describe, it } from "@effect/vitest"
import { AuditStore, Names } from "@reins/runtime/journal"
import { Effect, Schema } from "effect"
import { createHash } from "node:crypto"
import { afterEach, vi } from "vitest"
import * as OneTool from "../../support/OneTool.ts"

const digestOf = (text: string): string => createHash("sha256").update(text).digest("hex")

describe("the id of an approval", () => {
  it.effect("is a digest that is stable across replays and versions", () =>
    Effect.gen(function* () {
      const { probe } = yield* OneTool.start({
        tool: OneTool.work.setNeedsApproval(true),
        handler: () => Effect.succeed({})
      })
      const { data } = yield* probe.next("approval-required")
      assert.strictEqual(data.id, `apr_${digestOf("run\n\nc1").slice(0, 32)}`)
    }).pipe(Effect.scoped)
  )
})

describe("a digest", () => {
  afterEach(() => {
    vi.unstubAllGlobals()
    vi.resetModules()
  })

  it.effect.prop("is the SHA-256 of any text", { text: Schema.String }, ({ text }) =>
    Effect.sync(() => {
      assert.strictEqual(AuditStore.argsHash(text), digestOf(JSON.stringify(text)))
      const id = Names.approvalId(text, "", Names.ofCall("c1"))
      assert.strictEqual(id, `apr_${digestOf(`${text}\n\nc1`).slice(0, 32)}`)
    })
  )

  it("is the same on a platform without a hash function of its own", async () => {
    vi.stubGlobal("process", { ...process, getBuiltinModule: undefined })
    vi.resetModules()
    const there = await import("@reins/runtime/journal")
    for (const text of ["", "a", "é", "\ud83d alone", "😀".repeat(100)]) {
      assert.strictEqual(there.AuditStore.argsHash(text), AuditStore.argsHash(text))
      const subject = Names.ofCall("c1")
      assert.strictEqual(there.Names.approvalId(text, "", subject), Names.approvalId(text, "", subject))
    }
  })
})
