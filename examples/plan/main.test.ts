import { assert, describe, it } from "@effect/vitest"
import { Decision, Runtime } from "@reins/runtime"
import { Probe, ScriptedModel } from "@reins/runtime/testing"
import { Effect, Layer } from "effect"
import { execFile } from "node:child_process"
import { promisify } from "node:util"
import { Moving, Planner, respond } from "./Moving.ts"

const live = () =>
  Runtime.layer({ agents: [Planner] }).pipe(Layer.provide([Moving.layer, ScriptedModel.layer({ respond })]))

/** A run whose approvals get these answers in turn, watched to its end. */
const answered = Effect.fnUntraced(function* (prompt: string, answers: ReadonlyArray<Decision>) {
  const runtime = yield* Runtime
  const run = yield* runtime.start(prompt)
  const probe = yield* Probe.watch(run.runId)
  for (const [index, decision] of answers.entries()) {
    const { data } = yield* probe.next("approval-required", index + 1)
    assert.deepStrictEqual(moved(probe), [])
    yield* runtime.approvals.respond(data.id, decision)
  }
  yield* probe.end
  return probe
})

const moved = (probe: Probe.Probe) => probe.of("tool-progress").map(({ label }) => label)
const way = (probe: Probe.Probe) => probe.of("plan-status-change").map(({ data }) => data.to)
const results = (probe: Probe.Probe) =>
  probe.of("tool-invocation").flatMap((event) => (event.state === "result" ? [event.result] : []))

describe("a plan", () => {
  it.effect("is executed as a whole once it is approved", () =>
    Effect.gen(function* () {
      const probe = yield* answered("billing, mail", [Decision.approve()])
      assert.deepStrictEqual(way(probe), ["pending_approval", "approved", "executing", "executed"])
      assert.deepStrictEqual(moved(probe), ["moved billing", "moved mail"])
    }).pipe(Effect.provide(live()), Effect.scoped)
  )

  it.effect("returns to its planner with a revision, and needs approval again", () =>
    Effect.gen(function* () {
      const mailOnly = { stages: [{ system: "mail", downtimeMinutes: 5 }] }
      const probe = yield* answered("billing, mail", [Decision.revise(mailOnly), Decision.approve()])
      const [first, second] = probe.of("approval-required")
      assert.notStrictEqual(first?.data.id, second?.data.id)
      assert.deepStrictEqual(second?.data.payload, mailOnly)
      assert.deepStrictEqual(moved(probe), ["moved mail"])
    }).pipe(Effect.provide(live()), Effect.scoped)
  )

  it.effect("is not executed after a rejection", () =>
    Effect.gen(function* () {
      const probe = yield* answered("billing, mail", [Decision.reject({ feedback: "not this year" })])
      assert.deepStrictEqual(way(probe), ["pending_approval", "failed"])
      assert.deepStrictEqual(moved(probe), [])
      assert.include(JSON.stringify(results(probe)), "not this year")
    }).pipe(Effect.provide(live()), Effect.scoped)
  )

  it.effect("reports the finished stages when one fails", () =>
    Effect.gen(function* () {
      const probe = yield* answered("mail, mainframe, billing", [Decision.approve()])
      assert.strictEqual(way(probe).at(-1), "failed")
      assert.deepStrictEqual(results(probe), [{ _tag: "StageFailed", done: ["mail"], at: "mainframe" }])
    }).pipe(Effect.provide(live()), Effect.scoped)
  )

  it.effect("is rejected without asking anybody when it does not match its schema", () =>
    Effect.gen(function* () {
      const probe = yield* answered("mail, ", [])
      assert.deepStrictEqual(way(probe), [])
      assert.include(JSON.stringify(results(probe)), "InvalidArguments")
    }).pipe(Effect.provide(live()), Effect.scoped)
  )
})

describe("the program", () => {
  it("prints the states of both plans and ends", async () => {
    const { stderr, stdout } = await promisify(execFile)(process.execPath, [`${import.meta.dirname}/main.ts`])
    assert.strictEqual(stderr, "")
    assert.include(stdout, "plan: pending_approval -> draft")
    assert.include(stdout, "plan: executing -> executed")
    assert.include(stdout, "plan: executing -> failed")
  })
})
