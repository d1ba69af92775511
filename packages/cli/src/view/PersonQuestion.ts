/**
 * A question that a model asks a person, as it is shown at a terminal: its text, its numbered options or its fields, and what may be
 * typed. And what was typed, as an answer that fits the question. Pure.
 */
import { type Approval, Decision, type Json, Question } from "@reins/protocol"
import { JsonSchema } from "@reins/runtime"
import * as Text from "../text/Text.ts"

const unreadable: Question.Question = { question: "(its text cannot be read)", schema: {} }

const of = (request: Approval.Request): Question.Question => Question.of(request) ?? unreadable

/** Text of a model in one line, without what would drive the terminal. */
const line = (text: string): string => Text.harmless(text).replaceAll("\n", " ")

/** The question in one sentence. */
export const sentence = (request: Approval.Request, agent: string): string => `${agent} asks: ${of(request).question}`

/** Its options, numbered, or the fields of its form. */
export const details = (request: Approval.Request): ReadonlyArray<string> => {
  const asked = of(request)
  const { options = [] } = asked
  if (options.length > 0) return options.map((option, index) => `${index + 1}  ${line(option)}`)
  return Question.fields(asked).map(
    ({ name, required, schema }) =>
      `${line(name)}: ${line(Question.expected(schema))}${required ? "" : ", may be left out"}`
  )
}

/** What may be typed. */
export const options = (request: Approval.Request): string => {
  const asked = of(request)
  const decline = "! REASON does not answer"
  if (Question.fields(asked).length > 0) return `NAME=VALUE; NAME=VALUE, or JSON; ${decline}`
  if (Question.choices(asked).length > 0) return `The number of an option, or its text; ${decline}`
  return `${(asked.options ?? []).length > 0 ? "Numbers or texts of options, with commas" : "Type the answer"}; ${decline}`
}

/** What the answers mean. */
export const help = (request: Approval.Request): ReadonlyArray<string> => [
  `TEXT            answer with ${line(Question.expected(of(request).schema))}`,
  "! REASON        do not answer; the agent is told the reason",
  "?               this list"
]

/** The decision that a value is, or what is wrong with it, as the start of a sentence. */
export const decide = (request: Approval.Request, value: Json): Decision | string => {
  const { schema } = of(request)
  const issue = JsonSchema.checker(schema)(value)
  return issue === undefined
    ? Decision.answer(value)
    : line(`That does not fit: ${issue.replace(/\.$/, "")}. Answer with ${Question.expected(schema)}`)
}

/** What was typed, as a decision; or what is wrong with it. */
export const read = (request: Approval.Request, typed: string): Decision | string => {
  const text = typed.trim()
  if (text.startsWith("!")) {
    const reason = text.slice(1).trim()
    return Decision.reject(reason === "" ? {} : { feedback: reason })
  }
  if (text === "") return `Type an answer: ${line(Question.expected(of(request).schema))}. Or ! to give none`
  return decide(request, Question.fromText(of(request), text))
}
