/** Runs of every kind replay from their logs: those that random scenarios do not have. */
import { assert, describe, it } from "@effect/vitest"
import { Agent, AskPerson, Budget, Decision, Deployment, Model, Runtime } from "@reins/runtime"
import { journalHost, MemoryJournal } from "@reins/runtime/journal"
import { Probe, ScriptedModel } from "@reins/runtime/testing"
import { Effect, Layer, References, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"

const quiet = Effect.provideService(References.MinimumLogLevel, "None")

const parameters = Schema.Struct({ n: Schema.Number })
const Double = Tool.make("double", { parameters, success: Schema.Number })
class Kit extends Toolkit.make(Double) {}

/** A program with a journal, and how often its tool ran. */
const program = (approval: "always" | "never" = "never") => {
  const journal = MemoryJournal.make()
  const world = { ran: 0, asked: 0 }
  const desk = Agent.make("desk", {
    toolkit: [Kit, AskPerson.toolkit],
    approvals: { double: approval },
    budget: Budget.make({ maxToolCalls: 5 })
  })
  const model = ScriptedModel.make({
    respond: ({ messages }) => {
      world.asked++
      return messages.some(({ role }) => role === "tool")
        ? ScriptedModel.text("Done.")
        : ScriptedModel.calls([
            { id: "c1", name: "AskPerson", args: { question: "Which colour?", options: ["red", "blue"] } }
          ])
    }
  })
  const handler = ({ n }: { readonly n: number }) =>
    Effect.sync(() => {
      world.ran++
      return 2 * n
    })
  const layer = Runtime.layer({ agents: [desk] }).pipe(
    Layer.provide([
      Kit.toLayer({ double: handler }),
      Layer.succeed(Model, model),
      Layer.succeed(Deployment.Deployment, journalHost(journal))
    ])
  )
  return { journal, layer, world }
}

type Program = ReturnType<typeof program>

const replay = ({ layer, world }: Program, exported: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const runtime = yield* Runtime
    const before = { ...world }
    const replayed = yield* runtime.replay(exported)
    assert.deepStrictEqual(world, before)
    return replayed
  }).pipe(Effect.provide(layer))

describe("a replay", () => {
  it.effect("of a question that a model asks a person has the person's answer", () =>
    Effect.gen(function* () {
      const original = program()
      const exported = yield* Effect.gen(function* () {
        const runtime = yield* Runtime
        const { runId } = yield* runtime.start("Paint.")
        const probe = yield* Probe.watch(runId)
        const { data } = yield* probe.next("approval-required")
        yield* runtime.approvals.respond(data.id, Decision.answer("blue"))
        yield* probe.end
        return original.journal.exportRun(runId)
      }).pipe(Effect.scoped, Effect.provide(original.layer))
      assert.strictEqual((yield* replay(original, exported))._tag, "Identical")
    }).pipe(quiet)
  )

  it.effect("of a call by hand asks no model, and finds a policy that asks now", () =>
    Effect.gen(function* () {
      const original = program()
      const exported = yield* Effect.gen(function* () {
        const runtime = yield* Runtime
        const { runId } = yield* runtime.callTool({ name: "double", args: { n: 4 } })
        const probe = yield* Probe.watch(runId)
        yield* probe.end
        return original.journal.exportRun(runId)
      }).pipe(Effect.scoped, Effect.provide(original.layer))
      assert.deepStrictEqual(original.world, { ran: 1, asked: 0 })
      assert.strictEqual((yield* replay(original, exported))._tag, "Identical")
      const replayed = yield* replay(program("always"), exported)
      assert.isTrue(replayed._tag === "Diverged")
      if (replayed._tag === "Diverged") {
        assert.strictEqual(replayed.divergence.event?.event.type, "tool-invocation")
        assert.deepInclude(replayed.divergence.replayed, { type: "approval-required" })
      }
    }).pipe(quiet)
  )
})
