/**
 * Requests that died with their process are on the bill: each that a provider may have charged, also where one process
 * had sent several for a step.
 */
import { assert, describe, it } from "@effect/vitest"
import { ModelFailure } from "@reins/protocol"
import { Agent, Deployment, Model, type ModelPort, Runtime } from "@reins/runtime"
import { journalHost, MemoryJournal } from "@reins/runtime/journal"
import { ScriptedModel } from "@reins/runtime/testing"
import { Context, Effect, Exit, Layer, References, Scope } from "effect"
import { TestClock } from "effect/testing"

class Second extends Context.Service<Second, ModelPort>()("test/Second") {}

const quiet = Effect.provideService(References.MinimumLogLevel, "None")
const broken = new ModelFailure.ProviderUnavailable({ provider: "scripted", model: "scripted-1" })

/** Carries the run in a process of its own for an hour. */
const process = Effect.fnUntraced(function* (
  journal: MemoryJournal.MemoryJournal,
  models: { readonly first: ModelPort; readonly second: ModelPort },
  isFirst: boolean
) {
  const scope = yield* Scope.make()
  const layer = Runtime.layer({
    agents: [Agent.make("solo", { fallbacks: [Second] })],
    midStreamFailure: "retract",
    modelRetries: 1
  }).pipe(
    Layer.provide([
      Layer.succeed(Model, models.first),
      Layer.succeed(Second, models.second),
      Layer.succeed(Deployment.Deployment, journalHost(journal, { gatherMs: 0, pollMs: Number.POSITIVE_INFINITY }))
    ])
  )
  const runtime = Context.get(yield* Scope.provide(Layer.build(layer), scope), Runtime)
  if (isFirst) yield* runtime.start("Go.", { runId: "run" })
  yield* TestClock.adjust("1 hour")
  yield* Scope.close(scope, Exit.void)
})

const lost = (journal: MemoryJournal.MemoryJournal) =>
  journal
    .marks("run")
    .flatMap(({ spent }) => spent)
    .flatMap((entry) => (entry.kind === "model" ? entry.attempts : []))
    .filter(({ outcome }) => outcome === "lost").length

const hanging = Effect.map(ScriptedModel.hold, (hold) =>
  ScriptedModel.make({ model: "second", replies: [{ ...ScriptedModel.text("never"), hold }] })
)
const answering = ScriptedModel.make({ respond: () => ScriptedModel.text("done") })

describe("a process that dies during a fallback's response", () => {
  it.effect("keeps the cost of what each earlier model had streamed", () =>
    Effect.gen(function* () {
      const journal = MemoryJournal.make()
      const first = ScriptedModel.make({ respond: () => ScriptedModel.failure(broken, "half") })
      yield* process(journal, { first, second: yield* hanging }, true)
      assert.strictEqual(first.requests.length, 2)
      yield* process(journal, { first: answering, second: answering }, false)
      assert.strictEqual(journal.log("run").find(({ event }) => event.type === "finish")?.event.type, "finish")
      assert.strictEqual(lost(journal), 3)
    }).pipe(quiet)
  )

  it.effect("charges nothing for requests that no provider charges", () =>
    Effect.gen(function* () {
      const journal = MemoryJournal.make()
      const first = ScriptedModel.make({ respond: () => ScriptedModel.failure(broken) })
      yield* process(journal, { first, second: yield* hanging }, true)
      yield* process(journal, { first: answering, second: answering }, false)
      assert.strictEqual(lost(journal), 1)
    }).pipe(quiet)
  )
})
