/**
 * Gets a model step past the budget: estimates what it may use, reserves it on the agent's node and all above, and says how
 * much output the provider may be asked for.
 *
 * Where tokens or money are short only because siblings hold them, it waits until one of them gives back, since no holder
 * waits while it holds. A count that is short is short for good.
 */
import { Budget, type Entry, Money } from "@reins/protocol"
import * as Effect from "effect/Effect"
import { type Place, priceOf, type Run } from "../run/Run.ts"

/** Output that is reserved for a step when its agent sets no `maxOutputTokens`, in tokens. */
const usualOutput = 4096

export type Admission =
  | {
      readonly _tag: "Admitted"
      /** Give it to `settle`. */
      readonly held: Budget.Amount
      readonly maxOutputTokens: number | undefined
      readonly price: Entry.Price | undefined
    }
  | { readonly _tag: "Refused"; readonly refusal: Budget.Refusal }
  | { readonly _tag: "Cancelled" }

/** Admits one step of the agent at `place`. */
export const admit = (run: Run, place: Place): Effect.Effect<Admission> =>
  Effect.suspend(() => {
    const { engine } = run
    if (engine.cancel.requested) return Effect.succeed({ _tag: "Cancelled" } as const)
    const wanted = want(run, place)
    const seen = engine.tree.version
    const refusal = engine.tree.reserve(place.path, wanted.held, engine.elapsed())
    if (refusal === undefined) return Effect.succeed({ _tag: "Admitted", ...wanted } as const)
    return refusal.heldByOthers && isGivenBack(refusal.limit)
      ? Effect.flatMap(engine.tree.release(engine.cancel, seen), () => admit(run, place))
      : Effect.succeed({ _tag: "Refused", refusal } as const)
  })

/** Whether holds on this limit are larger than what is spent of them, so that some comes back. */
const isGivenBack = (limit: string): boolean =>
  limit === "maxInputTokens" || limit === "maxOutputTokens" || limit === "maxTotalTokens" || limit === "maxCostUsd"

const want = (run: Run, place: Place) => {
  const { engine, settings } = run
  const own = place.member.definition.maxOutputTokens
  const price = priceOf(run, place.member)
  if (!engine.tree.isLimited(place.path)) {
    return { held: { steps: 1 }, maxOutputTokens: own, price }
  }
  const inputTokens = place.inputTokens(settings.estimator)
  const room = engine.tree.headroom(place.path, { inputTokens, price, wanted: Number.POSITIVE_INFINITY })
  if (room === Number.POSITIVE_INFINITY) {
    return { held: { steps: 1, inputTokens }, maxOutputTokens: own, price }
  }
  const outputTokens = Math.max(1, Math.min(own ?? usualOutput, room))
  return {
    held: {
      steps: 1,
      inputTokens,
      outputTokens,
      nanoUsd: price === undefined ? 0 : Money.mostFor(price, inputTokens, outputTokens)
    },
    maxOutputTokens: outputTokens,
    price
  }
}
