import { assert, describe, it } from "@effect/vitest"
import { dialect } from "@reins/wire/karta"
import { ask } from "../Ask.ts"
import { play } from "../Play.ts"
import type { Parsed } from "../Rule.ts"
import { rule } from "../Rule.ts"
import { scenario } from "../Scenarios.ts"

describe("the answer to a decision", () => {
  it("is the rest of the turn, and the session without its question", () => {
    const { answer } = ask(dialect, "PUT /v1/sessions/thread-1/inputs/apr-1", { decision: "approve_once" })
    rule(answer._tag === "Whole", "it is answered at once")
    const folding = answer.open()
    const log = scenario("gated, approved")
    for (const envelope of log.slice(0, 4)) folding.step(envelope)
    folding.reopen(["apr-1"])
    for (const envelope of log.slice(4)) folding.step(envelope)
    const body: Parsed = folding.reply().body
    assert.deepStrictEqual(
      body.events.map(({ type }: { readonly type: string }) => type),
      ["system", "system", "step_finish", "step_start", "text", "step_finish", "done"]
    )
    assert.deepStrictEqual(body.session, { id: "thread-1", status: "active", pending_input: null })
  })
})

describe("the whole answer to a message", () => {
  it("reports that the budget is exhausted, as the stream does", () => {
    const { answer } = ask(dialect, "POST /v1/sessions/thread-1/messages", { text: "go" })
    rule(answer._tag === "Whole", "it is answered at once")
    const folding = answer.open()
    for (const envelope of scenario("budget")) folding.step(envelope)
    const body: Parsed = folding.reply().body
    assert.strictEqual(body.error, "budget_exhausted")
    assert.include(body.reason, "budget is exhausted")
  })
})

describe("a managed agent's log", () => {
  const path = "/v1/projects/p/managed-agents/sessions/thread-1/events/stream"
  const follow = (after: string) => {
    const { answer } = ask(dialect, `GET ${path}`, undefined, { query: { after } })
    rule(answer._tag === "Stream", "it is a stream")
    const runs = [...scenario("text"), ...scenario("one tool").map((envelope) => ({ ...envelope, runId: "run-2" }))]
    return play(answer.open, runs).flat()
  }

  it("counts over all runs of the session, and continues after any event", () => {
    const all = follow("0")
    assert.deepStrictEqual(
      all.map(({ id }) => id),
      all.map((_frame, index) => `${index + 1}`)
    )
    for (let after = 0; after <= all.length; after++) assert.deepStrictEqual(follow(`${after}`), all.slice(after))
    assert.isTrue(all.every(({ event = "" }) => event.startsWith("agent.")))
  })
})
