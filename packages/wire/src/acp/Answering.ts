/**
 * The answers to a question that a client can choose from, since the protocol has no free text in a permission request:
 * its options, or yes and no. Other questions can only be declined here, and be answered by another way.
 */
import { type Json, Decision, Question } from "@reins/protocol"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { Permission } from "./Update.ts"

type Options = Permission["options"]

const prefix = "answer:"

const choice = (name: string, value: Json): Options[number] => ({
  optionId: prefix + JSON.stringify(value),
  name,
  kind: "allow_once"
})

/** The choices for a question; the last one declines. */
export const options = (asked: Question.Question): Options => [
  ...(Question.expected(asked.schema) === "true or false"
    ? [choice("Yes", true), choice("No", false)]
    : Question.choices(asked).map((option) => choice(option, option))),
  { optionId: "reject_once", name: "Do not answer", kind: "reject_once" }
]

const parse = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Json))

/** The answer in an option's id; `undefined` if it has none. */
export const decisionOf = (optionId: string): Decision | undefined =>
  optionId.startsWith(prefix)
    ? Option.getOrUndefined(Option.map(parse(optionId.slice(prefix.length)), (value) => Decision.answer(value)))
    : undefined
