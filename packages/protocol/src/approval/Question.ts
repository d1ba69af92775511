/**
 * A question to a person, as the payload of an approval of kind `question`: its text, its options, and the JSON Schema
 * of its answer. Pure: reads the payload, describes the expected answer, and parses an answer that was typed.
 * Whether an answer fits the schema is validated by the runtime when the answer is given.
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { Request } from "./Approval.ts"
import { Json } from "../Json.ts"

const QuestionStruct = Schema.Struct({
  question: Schema.String,
  options: Schema.optionalKey(Schema.Array(Schema.String)),
  schema: Json
}).annotate({ identifier: "Question" })

/**
 * The payload of an approval of kind `question`.
 *
 * **Details**
 * - `question`: what the person is asked. Written by a model or a server: show it as text, not as markup.
 * - `options`: answers to choose from. The schema says whether others fit, too, and whether several can be chosen.
 * - `schema`: the JSON Schema of the answer: a string, a list of options, or the fields of a form.
 *
 * @since 0.1.0
 * @category schemas
 */
export interface Question extends Schema.Schema.Type<typeof QuestionStruct> {}
export const Question: Schema.Codec<Question> = QuestionStruct

const decode = Schema.decodeUnknownOption(Question)

/**
 * The question of a request; `undefined` for the other kinds.
 *
 * @since 0.1.0
 * @category operations
 */
export const of = ({ kind, payload }: Pick<Request, "kind" | "payload">): Question | undefined =>
  kind === "question" ? Option.getOrUndefined(decode(payload)) : undefined

type Fields = { readonly [name: string]: Json }

const isFields = (value: Json | undefined): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const fieldOf = (schema: Json | undefined, name: string): Json | undefined =>
  isFields(schema) && Object.hasOwn(schema, name) ? schema[name] : undefined

const texts = (value: Json | undefined): ReadonlyArray<string> =>
  isList(value) ? value.filter((one) => typeof one === "string") : []

const isList: (value: unknown) => value is ReadonlyArray<Json> = Array.isArray

/** The texts that a schema allows; none if it does not list them. */
const allowed = (schema: Json | undefined): ReadonlyArray<string> => texts(fieldOf(schema, "enum"))

/**
 * A field of a form: its name, the schema of its value, and whether the form needs it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Field {
  readonly name: string
  readonly schema: Json
  readonly required: boolean
}

/**
 * The fields that a question asks for; none if its answer is not a form.
 *
 * @since 0.1.0
 * @category operations
 */
export const fields = ({ schema }: Question): ReadonlyArray<Field> => {
  const properties = fieldOf(schema, "properties")
  const required = texts(fieldOf(schema, "required"))
  if (!isFields(properties)) return []
  return Object.entries(properties).map(([name, schema]) => ({ name, schema, required: required.includes(name) }))
}

/**
 * The options of a question with one answer that is one of them, or may be; none for a list and for a form.
 *
 * @since 0.1.0
 * @category operations
 */
export const choices = ({ options, schema }: Question): ReadonlyArray<string> =>
  fieldOf(schema, "type") === "array" || fieldOf(schema, "type") === "object" ? [] : (options ?? allowed(schema))

/**
 * What answer a schema expects, as the end of a sentence: `one of "red", "blue"`.
 *
 * @since 0.1.0
 * @category operations
 */
export const expected = (schema: Json): string => {
  const choices = allowed(schema)
  if (choices.length > 0) return `one of ${choices.map((one) => JSON.stringify(one)).join(", ")}`
  switch (fieldOf(schema, "type")) {
    case "string":
      return "a text"
    case "number":
      return "a number"
    case "integer":
      return "a whole number"
    case "boolean":
      return "true or false"
    case "array": {
      const items = fieldOf(schema, "items")
      return items === undefined ? "a list" : `a list, each ${expected(items)}`
    }
    case "object": {
      const named = fields({ question: "", schema }).map(
        ({ name, required, schema }) => `${name} (${expected(schema)}${required ? "" : ", optional"})`
      )
      return named.length === 0 ? "an object" : `an object with ${named.join(", ")}`
    }
    default:
      return "a value that fits the schema of the question"
  }
}

const parsed = Schema.decodeUnknownOption(Schema.fromJsonString(Json))

/** The text parsed as JSON, if the result is accepted by the predicate. */
const json = (text: string, isWanted: (value: Json) => boolean): Json | undefined =>
  Option.getOrUndefined(Option.filter(parsed(text), isWanted))

/**
 * Converts typed text to the answer that the schema expects: an option by its number (from 1) or its text, a number,
 * `yes` or `no`, a list separated by commas, a form as JSON or as `name=value` pairs separated by line breaks or
 * semicolons. Text that cannot be converted is returned unchanged, so that validation reports what is expected.
 *
 * @since 0.1.0
 * @category operations
 */
export const fromText = ({ options, schema }: Question, text: string): Json => {
  const typed = text.trim()
  switch (fieldOf(schema, "type")) {
    case "array": {
      const list = json(typed, isList)
      if (list !== undefined) return list
      const items = fieldOf(schema, "items") ?? {}
      const parts = typed.split(",").map((part) => part.trim())
      return parts.filter((part) => part !== "").map((part) => one(items, options, part))
    }
    case "object":
      return json(typed, isFields) ?? form(schema, typed) ?? typed
    default:
      return one(schema, options, typed)
  }
}

/**
 * Converts an answer of another type to the one that the schema expects: text is read as if it was typed where the
 * schema expects no text, and a number or a boolean becomes text where it expects text. Anything else is unchanged.
 *
 * @since 0.1.0
 * @category operations
 */
export const fit = (question: Question, value: Json): Json => {
  const { options, schema } = question
  const isText = fieldOf(schema, "type") === "string"
  if (typeof value !== "string") return isText && isBare(value) ? String(value) : value
  return isText && options === undefined && allowed(schema).length === 0 ? value : fromText(question, value)
}

const isBare = (value: Json): boolean => typeof value === "number" || typeof value === "boolean"

/** `name=value` lines. A form with one field takes its bare value. */
const form = (schema: Json, typed: string): Json | undefined => {
  const known = fields({ question: "", schema })
  const [first] = known
  const lines = typed.split(/\n|;\s*(?=[^\s=;]+\s*=)/).filter((line) => line.trim() !== "")
  const pairs = lines.flatMap((line) => {
    const at = line.indexOf("=")
    const field = known.find(({ name }) => name === line.slice(0, Math.max(at, 0)).trim())
    return field === undefined ? [] : [[field.name, one(field.schema, undefined, line.slice(at + 1).trim())] as const]
  })
  if (pairs.length > 0 && pairs.length === lines.length) return Object.fromEntries(pairs)
  return known.length === 1 && first !== undefined ? { [first.name]: one(first.schema, undefined, typed) } : undefined
}

/** One value: an option, a number, a yes or no, or the text itself. */
const one = (schema: Json, options: ReadonlyArray<string> | undefined, typed: string): Json => {
  const choices = options ?? allowed(schema)
  const chosen =
    choices.find((choice) => choice === typed) ??
    choices.find((choice) => choice.toLowerCase() === typed.toLowerCase()) ??
    (/^[0-9]{1,4}$/.test(typed) ? choices[Number(typed) - 1] : undefined)
  if (chosen !== undefined) return chosen
  switch (fieldOf(schema, "type")) {
    case "number":
    case "integer":
      return json(typed, (value) => typeof value === "number") ?? typed
    case "boolean":
      return /^(y|yes|true)$/i.test(typed) ? true : /^(n|no|false)$/i.test(typed) ? false : typed
    case "string":
      return typed
    default:
      return json(typed, () => true) ?? typed
  }
}
