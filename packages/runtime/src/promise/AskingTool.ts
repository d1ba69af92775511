/**
 * The tool with which a model asks a person (`AskPerson`), as a record among the other tools of a program without
 * Effect. The answer comes by `respondToApproval` with `Decision.answer(value)`.
 */
import * as Tool from "effect/ai/Tool"
import * as Rule from "../kernel/OptionRule.ts"
import * as PlainJson from "../kernel/PlainJson.ts"
import * as AskPerson from "../tool/AskPerson.ts"
import type { AsyncTool } from "./AsyncTool.ts"
import { schema } from "./PromiseRules.ts"
import { type JsonObjectSchema, type Parameters, toSchema } from "./Parameters.ts"

/**
 * What the tool asks for.
 *
 * @since 0.1.0
 * @category models
 */
export interface AskOptions {
  /** What the model reads about it. Absent: a description that fits any question. */
  readonly description?: string | undefined
  /** The schema of the answer. Absent: the model asks for text, with options, or with a small form. */
  readonly answer?: Parameters | undefined
}

const question: JsonObjectSchema = {
  type: "object",
  properties: { question: { type: "string", minLength: 1, description: "One question, complete" } },
  required: ["question"]
}

const rule = Rule.fields<AskOptions>("Give an object such as { answer: z.boolean() }", {
  description: Rule.optional(Rule.text()),
  answer: Rule.optional(schema)
})

/**
 * A tool that asks a person, for `tools`; its name is the record's. Throws when an option is invalid.
 *
 * **Example** (An agent that may ask)
 *
 * ```ts
 * import { askPerson, createRuntime } from "@reins/runtime/promise"
 * import { ScriptedModel } from "@reins/runtime/testing"
 *
 * export const runtime = createRuntime({
 *   model: ScriptedModel.make(),
 *   tools: { ask_person: askPerson() },
 *   agents: [{ name: "desk", tools: ["ask_person"] }]
 * })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const askPerson = (options: AskOptions = {}): AsyncTool<JsonObjectSchema> => {
  const issue = Rule.issueOf("askPerson()", options, rule)
  if (issue !== undefined) throw new Error(issue)
  const { answer, description = AskPerson.description } = options
  if (answer === undefined) {
    return {
      description,
      parameters: { ...Tool.getJsonSchemaFromSchema(AskPerson.Parameters), type: "object" },
      asks: AskPerson.asks
    }
  }
  const written = Tool.getJsonSchemaFromSchema(toSchema("the answer of a tool that asks", answer))
  return { description, parameters: question, asks: AskPerson.asksFor(PlainJson.copy(written) ?? {}) }
}
