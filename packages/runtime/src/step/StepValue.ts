/**
 * What is remembered of a model step: everything that the loop's further way depends on.
 */
import { Budget, type Json, Message, ModelFailure, Usage } from "@reins/protocol"
import * as Schema from "effect/Schema"
import * as Erased from "../kernel/Erased.ts"

const Stop = Schema.Literals(["stop", "tool-calls", "length", "content-filter", "error", "other"])

const Fields = {
  content: Schema.Array(Message.AssistantPart),
  usage: Usage.Usage
}

const Completed = Schema.Struct({
  outcome: Schema.Literal("completed"),
  ...Fields,
  calls: Schema.Array(Message.CallPart),
  stop: Stop,
  model: Schema.String
})
const Cancelled = Schema.Struct({ outcome: Schema.Literal("cancelled"), ...Fields })
const Refused = Schema.Struct({ outcome: Schema.Literal("refused"), ...Fields, refusal: Budget.Refusal })
const Failed = Schema.Struct({
  outcome: Schema.Literal("failed"),
  ...Fields,
  failure: Schema.Union(ModelFailure.members)
})

/**
 * How a step ended: with an answer, by the run's cancel, by a limit (before it, or in its middle by `maxDuration`), or by a
 * failure of the model that was not, or could not be, tried again. `calls` are those to settle; a step that ended `length`,
 * `content-filter`, `error` or `other` has none, whatever the model wrote. `usage` covers all attempts.
 */
export type StepValue = Schema.Schema.Type<typeof Completed | typeof Cancelled | typeof Refused | typeof Failed>
export const StepValue: Schema.Codec<StepValue, Json> = Erased.as(
  // Its failures encode to plain objects of JSON.
  Schema.Union([Completed, Cancelled, Refused, Failed])
)
