/** Providers that say later what a response has used, and processes over a journal that ask them. */
import type { Usage } from "@reins/protocol"
import { Deployment, Prices, UsageLookup } from "@reins/runtime"
import { journalHost, type JournalStore } from "@reins/runtime/journal"
import { ScriptedModel } from "@reins/runtime/testing"
import { Effect, Exit, Layer, Scope } from "effect"
import * as Solo from "./Solo.ts"

export const price = {
  model: "scripted-1",
  match: "exact",
  source: "test",
  inputPerMillionUsd: 1.234567,
  outputPerMillionUsd: 9.876543
} as const

export const real = { inputUncached: 777, outputText: 13 } satisfies Usage.Usage
const never = { _tag: "Never" } as const
export const reported = { _tag: "Reported", usage: real } as const

export type Answer = UsageLookup.Found | Effect.Effect<UsageLookup.Found, unknown>

/** A provider that answers from a list, then as its last entry says; it keeps what it was asked. */
export const provider = (...answers: ReadonlyArray<Answer>) => {
  const asked: Array<UsageLookup.Asked> = []
  const find: UsageLookup.Lookup["find"] = (about) =>
    Effect.suspend(() => {
      asked.push(about)
      const answer = answers[asked.length - 1] ?? answers.at(-1) ?? never
      return Effect.isEffect(answer) ? answer : Effect.succeed(answer)
    })
  const lookups = [{ provider: "scripted", find }]
  return {
    asked,
    layer: UsageLookup.layer({ lookups }),
    within: (within: "2 hours") => UsageLookup.layer({ lookups, within })
  }
}

export const response = (id: string) => [{ type: "response", id }] as const

/** One process over a journal. */
export const life = Effect.fnUntraced(function* (
  store: JournalStore,
  lookups: Layer.Layer<never>,
  replies: ReadonlyArray<ScriptedModel.Reply>
) {
  const scope = yield* Scope.fork(yield* Effect.scope)
  const host = journalHost(store, { gatherMs: 0, pollMs: Number.POSITIVE_INFINITY })
  const runtime = yield* Solo.runtime(ScriptedModel.make({ replies: [...replies] }), {
    services: Layer.mergeAll(
      lookups,
      Layer.succeed(Deployment.Deployment, host),
      Layer.succeed(Prices.Prices, { find: () => price })
    )
  }).pipe(Scope.provide(scope))
  return { runtime, end: Scope.close(scope, Exit.void) }
})

/** A run that was cancelled in its answer, in a process that has ended, over a journal. */
export const left = Effect.fnUntraced(function* (journal: JournalStore) {
  const hold = yield* ScriptedModel.hold
  const { parts } = ScriptedModel.words("one two")
  const replies = [{ parts: [response("resp_1"), ...parts], hold, heldAfter: 2 }]
  const first = yield* life(journal, Layer.empty, replies)
  const handle = yield* first.runtime.start("hello", { runId: "run", threadId: "thread" })
  yield* hold.reached
  yield* handle.cancel
  yield* Effect.exit(handle.result)
  yield* first.end
})
