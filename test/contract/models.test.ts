/** Model ports keep the promises of `ModelContract`: the scripted one, and one over a model of `effect/ai`. */
import { describe, it } from "@effect/vitest"
import { Deferred, Effect, Stream } from "effect"
import { LanguageModel } from "effect/ai"
import type { Response } from "effect/ai"
import { EffectAiModel, type ModelPort } from "@reins/runtime"
import { ModelContract, ScriptedModel } from "@reins/runtime/testing"

const scripted = (reply: ScriptedModel.Reply) => Effect.sync(() => ScriptedModel.make({ replies: [reply] }))

/** A port whose request reports when it was released. */
const watched = (
  port: ModelPort
): Effect.Effect<{ readonly port: ModelPort; readonly released: Effect.Effect<void> }> =>
  Effect.gen(function* () {
    const released = yield* Deferred.make<void>()
    const letGo = Deferred.succeed(released, undefined)
    return {
      port: { ...port, attempt: (request, emit) => Effect.onInterrupt(port.attempt(request, emit), () => letGo) },
      released: Deferred.await(released)
    }
  })

const Scripted: ModelContract.ModelSubject = {
  text: scripted(ScriptedModel.words("Hello world.")),
  call: scripted(ScriptedModel.calls([{ id: "c1", name: "look", args: { at: "the sky" } }])),
  hanging: Effect.flatMap(scripted({ parts: [[{ type: "text", text: "Hm" }]], hangs: true }), watched)
}

type Part = Response.StreamPartEncoded

const usage = {
  inputTokens: { uncached: 3, total: 3, cacheRead: undefined, cacheWrite: undefined },
  outputTokens: { total: 2, text: 2, reasoning: undefined }
}

const effectAi = (parts: Stream.Stream<Part>) =>
  Effect.map(
    LanguageModel.make({ generateText: () => Effect.die("not asked for"), streamText: () => parts }),
    (service) => EffectAiModel.make({ provider: "acme", model: "acme-1" }, service)
  )

const EffectAi: ModelContract.ModelSubject = {
  text: effectAi(
    Stream.make<ReadonlyArray<Part>>(
      { type: "text-start", id: "t" },
      { type: "text-delta", id: "t", delta: "Hello " },
      { type: "text-delta", id: "t", delta: "world." },
      { type: "text-end", id: "t" },
      { type: "finish", reason: "stop", usage }
    )
  ),
  call: effectAi(
    Stream.make<ReadonlyArray<Part>>(
      { type: "tool-call", id: "c1", name: "look", params: { at: "the sky" } },
      { type: "finish", reason: "tool-calls", usage }
    )
  ),
  hanging: Effect.flatMap(
    effectAi(
      Stream.make<ReadonlyArray<Part>>(
        { type: "text-start", id: "t" },
        { type: "text-delta", id: "t", delta: "Hm" }
      ).pipe(Stream.concat(Stream.never))
    ),
    watched
  )
}

for (const [name, subject] of Object.entries({ "a scripted model": Scripted, "a model of effect/ai": EffectAi })) {
  describe(`the model port: ${name}`, () => {
    for (const clause of ModelContract.clauses) it.live(clause.name, () => clause.check(subject))
  })
}
