/** A replay runs the program's hooks again, and finds where they decide something else. */
import { assert, describe, it } from "@effect/vitest"
import { Agent, Deployment, Hook, Model, Runtime } from "@reins/runtime"
import { journalHost, MemoryJournal } from "@reins/runtime/journal"
import { Probe, ScriptedModel } from "@reins/runtime/testing"
import { Effect, Layer, References, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"

const quiet = Effect.provideService(References.MinimumLogLevel, "None")

class Kit extends Toolkit.make(
  Tool.make("double", { parameters: Schema.Struct({ n: Schema.Number }), success: Schema.Number })
) {}

const journal = MemoryJournal.make()
let asked = 0

/** A program whose agent has these hooks, around a call with `n`. */
const program = (hooks: ReadonlyArray<Hook.Hook>, n: unknown = 4) =>
  Runtime.layer({ agents: [Agent.make("desk", { toolkit: Kit, hooks })] }).pipe(
    Layer.provide([
      Kit.toLayer({ double: (args) => Effect.succeed(2 * args.n) }),
      Layer.succeed(
        Model,
        ScriptedModel.make({
          respond: ({ messages, tools }) => {
            asked++
            if (tools.length === 0) return ScriptedModel.text("yes")
            return messages.some(({ role }) => role === "tool")
              ? ScriptedModel.text("Done.")
              : ScriptedModel.calls([{ id: "c1", name: "double", args: { n } as never }])
          }
        })
      ),
      Layer.succeed(Deployment.Deployment, journalHost(journal, { gatherMs: 0 }))
    ])
  )

const recorded = (layer: Layer.Layer<Runtime>) =>
  Effect.gen(function* () {
    const runtime = yield* Runtime
    const { runId } = yield* runtime.start("Double.")
    const probe = yield* Probe.watch(runId)
    yield* probe.end
    return journal.exportRun(runId)
  }).pipe(Effect.scoped, Effect.provide(layer))

const replayed = (layer: Layer.Layer<Runtime>, exported: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const before = asked
    const found = yield* (yield* Runtime).replay(exported)
    assert.strictEqual(asked, before, "a replay asks no model")
    return found._tag === "Identical" ? "Identical" : found.divergence
  }).pipe(Effect.provide(layer))

const giving = (n: number) => Hook.make("giving", { beforeCall: () => Effect.succeed(Hook.withArguments({ n })) })
const passing = Hook.make("passing", {
  beforeCall: () => Effect.succeed(Hook.pass),
  afterCall: () => Effect.succeed(Hook.pass)
})
const asking = Hook.make("asking", {
  beforeCall: ({ ask }) => Effect.map(ask({ prompt: "May it?" }), () => Hook.withArguments({ n: 5 }))
})
const askingAfter = (then: "passes" | "changes") =>
  Hook.make("asking-after", {
    afterCall: ({ ask }) =>
      Effect.map(ask({ prompt: "Was it right?" }), (said) => (then === "passes" ? Hook.pass : Hook.withResult(said)))
  })
const wording = (words: string) =>
  Hook.make("wording", { afterCall: () => Effect.succeed(Hook.withResult(words, { status: "failed" })) })

describe("a replay of a run with hooks", () => {
  it.effect("goes the same way with the same hooks, also one that asks a model, and with none that pass", () =>
    Effect.gen(function* () {
      for (const hooks of [[giving(5)], [passing], [asking], [wording("no")]]) {
        const layer = program(hooks)
        assert.strictEqual(yield* replayed(layer, yield* recorded(layer)), "Identical")
      }
      assert.strictEqual(yield* replayed(program([]), yield* recorded(program([passing]))), "Identical")
      assert.strictEqual(yield* replayed(program([passing]), yield* recorded(program([]))), "Identical")
    }).pipe(quiet)
  )

  it.effect("finds a hook that rewrites otherwise, one that is gone and one that is new, at the call's event", () =>
    Effect.gen(function* () {
      const exported = yield* recorded(program([giving(5)]))
      for (const hooks of [
        [giving(6)],
        [],
        [Hook.make("no", { beforeCall: () => Effect.succeed(Hook.refuse("no")) })]
      ]) {
        const found = yield* replayed(program(hooks), exported)
        assert.isTrue(found !== "Identical" && found.seq > 1, JSON.stringify(found))
      }
      const found = yield* replayed(program([giving(6)]), exported)
      assert.isTrue(found !== "Identical")
      if (found === "Identical") return
      assert.strictEqual(found.field, "hooks before double")
      assert.strictEqual(found.event?.event.type, "tool-invocation")
      assert.deepInclude(found.replayed, { args: { n: 6 } })
    }).pipe(quiet)
  )

  it.effect("finds a hook that sends another request, and one that no longer refuses it", () =>
    Effect.gen(function* () {
      const saying = (instructions: string) =>
        Hook.make("saying", { beforeStep: () => Effect.succeed(Hook.withRequest({ instructions })) })
      const exported = yield* recorded(program([saying("Be brief.")]))
      assert.strictEqual(yield* replayed(program([saying("Be brief.")]), exported), "Identical")
      const found = yield* replayed(program([saying("Be long.")]), exported)
      assert.isTrue(found !== "Identical" && found.field === "instructions" && found.event?.event.type === "step-start")
      const no = Hook.make("no", { beforeStep: () => Effect.succeed(Hook.refuse("no")) })
      const refused = yield* recorded(program([no]))
      assert.strictEqual(yield* replayed(program([no]), refused), "Identical")
      assert.notStrictEqual(yield* replayed(program([]), refused), "Identical")
      const tone = Hook.make("tone", {
        afterStep: ({ step, text }) => Effect.succeed(step < 3 && text !== "" ? Hook.refuse("no") : Hook.pass)
      })
      assert.strictEqual(yield* replayed(program([tone]), yield* recorded(program([tone]))), "Identical")
    }).pipe(quiet)
  )

  it.live("ends where a hook says nothing in its time, as the run did", () =>
    Effect.gen(function* () {
      const never = Effect.never
      const silent = [
        Hook.make("silent-before", { timeout: 5, beforeCall: () => never }),
        Hook.make("silent-after", { timeout: 5, afterCall: () => never })
      ]
      for (const hook of silent) {
        const exported = yield* recorded(program([hook]))
        assert.strictEqual(yield* replayed(program([hook]), exported), "Identical")
      }
    }).pipe(quiet)
  )

  it.effect("finds a hook that says something else of arguments that do not fit", () =>
    Effect.gen(function* () {
      const exported = yield* recorded(program([wording("no")], "four"))
      assert.strictEqual(yield* replayed(program([wording("no")], "four"), exported), "Identical")
      assert.notStrictEqual(yield* replayed(program([wording("never")], "four"), exported), "Identical")
      for (const said of ["passes", "changes"] as const) {
        const asked = yield* recorded(program([askingAfter(said)], "four"))
        assert.strictEqual(yield* replayed(program([askingAfter(said)], "four"), asked), "Identical", said)
      }
    }).pipe(quiet)
  )
})
