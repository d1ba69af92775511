/**
 * A tool with which a model asks a person: a question with options, for free text, or with a small form. The runtime
 * asks it with the service of approvals (kind `question`): it can expire, names who may answer, and waits in no
 * process. The answer is validated by the question's schema when it is given (`Decision.answer`), and is the tool's
 * result.
 *
 * This file has the tool and how its arguments become a question. `call/CallQuestion` asks it.
 */
import type { Json, Question } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as Erased from "../kernel/Erased.ts"
import * as PlainJson from "../kernel/PlainJson.ts"
import * as ToolSettings from "./ToolSettings.ts"

const Field = Schema.Struct({
  name: Schema.NonEmptyString,
  label: Schema.optionalKey(Schema.String.annotate({ description: "What the person reads beside the field" })),
  type: Schema.Literals(["text", "number", "integer", "boolean", "choice"]),
  options: Schema.optionalKey(
    Schema.Array(Schema.NonEmptyString).annotate({ description: "Of a choice: what to choose from" })
  ),
  optional: Schema.optionalKey(Schema.Boolean)
})

/**
 * The arguments of the tool: a question, and at most one of options and fields. Neither: the answer is free text.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Parameters = Schema.Struct({
  question: Schema.NonEmptyString.annotate({
    description: "One question, complete: the person does not see your text"
  }),
  options: Schema.optionalKey(
    Schema.Array(Schema.NonEmptyString).annotate({ description: "Answers to choose from. Absent: free text" })
  ),
  multiple: Schema.optionalKey(Schema.Boolean.annotate({ description: "Several options can be chosen" })),
  other: Schema.optionalKey(Schema.Boolean.annotate({ description: "The person may also answer in own words" })),
  fields: Schema.optionalKey(Schema.Array(Field).annotate({ description: "A form, instead of options" }))
})

type Arguments = typeof Parameters.Type

/** The question in the tool's arguments, or what is wrong with them, for the model to read. */
const questionOf = (args: Arguments): Result.Result<Question.Question, string> => {
  const { fields, multiple, options, other, question } = args
  if (fields === undefined) {
    const issue = options === undefined ? undefined : choiceIssue("options", options)
    if (issue !== undefined) return Result.fail(issue)
    if (multiple === true && options === undefined) {
      return Result.fail("`multiple` needs `options`: list what can be chosen")
    }
    return Result.succeed({
      question,
      ...(options === undefined ? {} : { options }),
      schema: multiple === true ? listOf(textOf(options, other)) : textOf(options, other)
    })
  }
  if (options !== undefined) return Result.fail("Give `options` or `fields`, not both")
  if (fields.length === 0) return Result.fail("`fields` is empty: name at least one field, or leave `fields` out")
  const names = new Set<string>()
  for (const { name, options, type } of fields) {
    if (names.has(name)) return Result.fail(`Two fields are named ${JSON.stringify(name)}. Rename one`)
    names.add(name)
    const issue = type === "choice" ? choiceIssue(`options of field ${JSON.stringify(name)}`, options ?? []) : undefined
    if (issue !== undefined) return Result.fail(issue)
  }
  return Result.succeed({
    question,
    schema: {
      type: "object",
      properties: Object.fromEntries(fields.map((field) => [field.name, valueOf(field)])),
      required: fields.flatMap(({ name, optional }) => (optional === true ? [] : [name])),
      additionalProperties: false
    }
  })
}

const choiceIssue = (what: string, options: ReadonlyArray<string>): string | undefined =>
  options.length === 0
    ? `\`${what}\` is empty: list at least one option`
    : new Set(options).size < options.length
      ? `\`${what}\` has an option twice. List each once`
      : undefined

const textOf = (options: ReadonlyArray<string> | undefined, isOpen: boolean | undefined): Json =>
  options === undefined || isOpen === true ? { type: "string", minLength: 1 } : { type: "string", enum: options }

const listOf = (items: Json): Json => ({ type: "array", items, minItems: 1, uniqueItems: true })

const valueOf = ({ label, options, type }: typeof Field.Type): Json => ({
  ...(type === "text"
    ? { type: "string", minLength: 1 }
    : type === "choice"
      ? { type: "string", enum: options ?? [] }
      : { type }),
  ...(label === undefined ? {} : { title: label })
})

/**
 * Options of `make`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** Its name for the model. Default `AskPerson`. */
  readonly name?: string | undefined
  /** Absent: a description that fits any question. */
  readonly description?: string | undefined
}

/** A question whose answer has a schema of the program's own. */
interface TypedOptions extends Options {
  /** The schema of the answer, which the model does not choose. */
  readonly answer: Schema.Top
}

/**
 * What the model reads about the tool, unless the program describes it.
 *
 * @since 0.1.0
 * @category constants
 */
export const description =
  "Asks a person and returns the answer. Use it when you need a decision or a fact that only they have, and ask one " +
  "question at a time. If nobody answers, go on without the answer or say what you would need."

const Asked = Schema.Struct({ question: Parameters.fields.question })

/**
 * The setting of a tool that asks, for arguments of `Parameters`.
 *
 * @since 0.1.0
 * @category operations
 */
export const asks: ToolSettings.Asks = (args) =>
  Result.flatMap(
    Result.mapError(Schema.decodeUnknownResult(Parameters)(args), (error) => error.message),
    questionOf
  )

/**
 * The setting of a tool that asks for an answer of this JSON Schema.
 *
 * @since 0.1.0
 * @category operations
 */
export const asksFor =
  (schema: Json): ToolSettings.Asks =>
  (args) =>
    Result.mapBoth(Schema.decodeUnknownResult(Asked)(args), {
      onFailure: (error) => error.message,
      onSuccess: ({ question }) => ({ question, schema })
    })

/**
 * A tool that asks: the model's JSON in, the person's answer out.
 *
 * @since 0.1.0
 * @category models
 */
export type AskingTool = Tool.Tool<
  string,
  {
    readonly parameters: typeof Schema.Unknown
    readonly success: typeof Schema.Json
    readonly failure: typeof Schema.Never
    readonly failureMode: "error"
  }
>

/**
 * Makes the toolkit of one tool that asks. With `answer`, the model only writes the question, and the program decides what
 * answer it needs.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  options: Options | TypedOptions = {}
): Effect.Effect<Toolkit.WithHandler<Record<string, AskingTool>>> => {
  const { name = "AskPerson", description: said = description } = options
  const isTyped = "answer" in options
  const setting = isTyped ? asksFor(PlainJson.copy(Tool.getJsonSchemaFromSchema(options.answer)) ?? {}) : asks
  // Its callers write JSON; the schema of the parameters is the tool's own.
  const tool: AskingTool = Erased.as(
    Tool.make(name, {
      description: said,
      parameters: isTyped ? Asked : Parameters,
      success: Schema.Json
    }).annotate(ToolSettings.AsksPerson, setting)
  )
  const kit = Toolkit.make(tool)
  return Effect.flatMap(kit.toHandlers({ [name]: neverRun(name) }), (handlers) => Effect.provideContext(kit, handlers))
}

/** The runtime asks instead of running the tool. */
const neverRun = (name: string) => () =>
  Effect.die(new Error(`${name} asks a person and is not run. Run it in a runtime`))

/**
 * The tool `AskPerson`, for an agent's `toolkit`.
 *
 * **Example** (An agent that may ask)
 *
 * ```ts
 * import { Agent, AskPerson } from "@reins/runtime"
 *
 * export const Desk = Agent.make("desk", {
 *   instructions: "You answer for a shop. Ask a person where you are not sure.",
 *   toolkit: AskPerson.toolkit
 * })
 * ```
 *
 * @since 0.1.0
 * @category operations
 */
export const toolkit: Effect.Effect<Toolkit.WithHandler<Record<string, AskingTool>>> = make()
