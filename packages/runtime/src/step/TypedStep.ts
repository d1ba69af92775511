/**
 * The check of a typed answer, as part of the step that gave it: the verdict is stored with the step, and a retraction is in
 * its last commit. So a run that continues elsewhere, or with another schema, goes on by the verdict that was made.
 */
import type { Event } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as TypedText from "../agent/TypedText.ts"
import type { Settled } from "../engine/Engine.ts"
import { type StepValue, textOf } from "./StepValue.ts"

/**
 * A step of an agent with a typed answer: an answer without calls is checked in the commit of its step, as hooks have left
 * it. One that is invalid is retracted if it is asked for again, unless it has calls that the provider ran.
 */
export const typedStep = (
  step: () => Effect.Effect<Settled<StepValue>>,
  repairs: boolean,
  check: TypedText.Check
): Effect.Effect<Settled<StepValue>> =>
  Effect.gen(function* () {
    const made = yield* Effect.provideService(Effect.suspend(step), TypedText.Current, check)
    const { events, value } = made
    if (value._tag !== "Completed" || !isAnswer(value)) return made
    const verdict = yield* check(textOf(value.content))
    const retracts = verdict.issue !== undefined && repairs && !events.some(isCall)
    return {
      ...made,
      // The check took its time.
      at: undefined,
      value: { ...value, verdict: retracts ? { ...verdict, retracted: true } : verdict },
      events: retracts ? [...events, invalid] : events
    }
  })

/** Whether a step ends the conversation, unless its answer is invalid. */
const isAnswer = ({ calls, dropped, stop }: StepValue & { readonly _tag: "Completed" }): boolean =>
  calls.length === 0 && dropped === undefined && (stop === "stop" || stop === "tool-calls")

const isCall = ({ type }: Event): boolean => type === "tool-invocation" || type === "tool-agent"

/** Named as the failure of a run whose second answer is invalid, too. */
const invalid: Event = { type: "step-retracted", reason: "OutputInvalid" }
