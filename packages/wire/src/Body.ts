/**
 * The bodies of requests and answers: a table says what becomes of each field of a request, a schema decodes it, and
 * results are written as text.
 *
 * Decoders refuse fields by the table before anything else, and `docs/dialects.md` is generated from it. A field that is
 * not in the table is ignored: clients often add new ones, and most do not affect the answer. Only decisions on approvals
 * have no others.
 *
 * A body that does not match its schema is reported by the path of the first invalid field, never by its content: a body
 * may hold secrets, and errors reach the client and logs.
 */
import { Decision, type Json } from "@reins/protocol"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as Refusal from "./Refusal.ts"

/**
 * One row.
 *
 * **Details**
 * - `honoured`: the field does what the protocol says. `says`: what that is here.
 * - `ignored`: it is accepted and changes nothing. `says`: why that is harmless.
 * - `refused`: it would change the answer in a way that the server cannot provide. `says`: why. `takes`: the values
 *   that are accepted all the same, because they request what happens anyway; `null` and an absent field always do.
 *
 * @since 0.1.0
 * @category models
 */
export interface Field {
  readonly does: "honoured" | "ignored" | "refused"
  readonly says: string
  readonly takes?: ReadonlyArray<Json>
}

/**
 * Rows by path: `text.verbosity` is a field of an object, `tools[].type` one of each element of a list.
 *
 * @since 0.1.0
 * @category models
 */
export type Fields = { readonly [path: string]: Field }

/**
 * A field that has its effect; `says`: which.
 *
 * @since 0.1.0
 * @category operations
 */
export const honoured = (says: string): Field => ({ does: "honoured", says })

/**
 * A field that changes nothing of the answer; `says`: why it is harmless.
 *
 * @since 0.1.0
 * @category operations
 */
export const ignored = (says: string): Field => ({ does: "ignored", says })

/**
 * A field that is refused, except with the values of `takes`; `says`: why.
 *
 * @since 0.1.0
 * @category operations
 */
export const refused = (says: string, ...takes: ReadonlyArray<Json>): Field => ({ does: "refused", says, takes })

/**
 * The values at a path.
 *
 * @since 0.1.0
 * @category operations
 */
export const at = (body: unknown, path: string): ReadonlyArray<unknown> => {
  let found: ReadonlyArray<unknown> = [body]
  for (const part of path.split(".")) {
    const isList = part.endsWith("[]")
    const name = isList ? part.slice(0, -2) : part
    found = found.flatMap((value) => {
      if (typeof value !== "object" || value === null || Array.isArray(value)) return []
      const entry = Object.entries(value).find(([key]) => key === name)
      if (entry === undefined) return []
      const [, inner]: [string, unknown] = entry
      if (!isList) return [inner]
      return Array.isArray(inner) ? inner : []
    })
  }
  return found
}

const isTaken = (value: unknown, takes: ReadonlyArray<Json>): boolean =>
  value === undefined || value === null || takes.some((one) => JSON.stringify(one) === JSON.stringify(value))

/**
 * The body, or the refusal that names the first field that cannot be honoured.
 *
 * @since 0.1.0
 * @category operations
 */
export const check =
  (fields: Fields) =>
  (body: unknown): Result.Result<unknown, Refusal.Refusal> => {
    for (const [path, { does, says, takes = [] }] of Object.entries(fields)) {
      if (does !== "refused" || at(body, path).every((value) => isTaken(value, takes))) continue
      const cure =
        takes.length === 0
          ? "Leave it out"
          : `Leave it out, or send ${takes.map((one) => JSON.stringify(one)).join(" or ")}`
      return Result.fail({
        ...Refusal.make("bad-request", "UnsupportedField", `Unsupported value of field ${path}: ${says}. ${cure}`),
        field: path
      })
    }
    return Result.succeed(body)
  }

const places = SchemaIssue.makeFormatterStandardSchemaV1({ leafHook: ({ _tag }) => _tag })

const pathOf = (path: ReadonlyArray<PropertyKey | { readonly key: PropertyKey }> = []): ReadonlyArray<string> =>
  path.map((key) => (typeof key === "object" ? String(key.key) : String(key)))

/**
 * The refusal of a field that is missing or that has an invalid value; an empty one is the body itself. `cure`: what to
 * send instead, as a sentence without its full stop.
 *
 * @since 0.2.0
 * @category constructors
 */
export const invalidField = (field: string, cure?: string): Refusal.Refusal => {
  const what = field === "" ? "request body" : `field ${field}`
  const refusal = Refusal.badRequest(`Missing or invalid ${what}${cure === undefined ? "" : `. ${cure}`}`)
  return field === "" ? refusal : { ...refusal, field }
}

const inside = (place: string, path: ReadonlyArray<string>): string =>
  [...(place === "" ? [] : [place]), ...path].join(".")

/** The refusal that names the first invalid field of what is at `place`. `cures`: what to send, by the field's name. */
const invalid = (
  issue: SchemaIssue.Issue,
  place: string,
  cures: { readonly [name: string]: string } = {}
): Refusal.Refusal => {
  const [first] = places(issue).issues
  const path = pathOf(first?.path)
  const field = inside(place, path)
  return first?.message === "UnexpectedKey"
    ? { ...Refusal.badRequest(`Unknown field ${field}`), field }
    : invalidField(field, cures[path[0] ?? ""])
}

/**
 * Decodes `body`, or returns the refusal that names the invalid field, or the field that the table refuses.
 *
 * @since 0.1.0
 * @category conversions
 */
export const read = <A>(
  schema: Schema.ConstraintDecoder<A>,
  fields: Fields = {}
): ((body: unknown) => Result.Result<A, Refusal.Refusal>) => {
  const decode = Schema.decodeUnknownResult(schema)
  const checkFields = check(fields)
  return (body) =>
    Result.flatMap(checkFields(body), (checked) => Result.mapError(decode(checked), ({ issue }) => invalid(issue, "")))
}

const decision = Schema.decodeUnknownResult(Decision, { onExcessProperty: "error" })

const decisionTypes = ["approve", "reject", "revise", "answer"] as const satisfies ReadonlyArray<Decision["type"]>

/** What each field of a decision takes. */
const decisionCures: { readonly [name: string]: string } = {
  "": 'Send an object with a type, such as {"type":"approve"}',
  type: `Use ${decisionTypes.map((type) => `"${type}"`).join(", ")}`,
  by: "Use a string",
  feedback: "Use a string",
  scope: 'Use "call", "run", "thread" or "subtree"',
  matcher: "Use JSON that is part of the arguments",
  uses: "Use a whole number of at least 0",
  maxCostUsd: "Use an amount of US dollars of at least 0",
  expiresInMillis: "Use a whole number of milliseconds",
  raise: "Use an object of limits by name, each a number of at least 0",
  partial: "Use JSON that replaces arguments",
  value: "Use JSON that answers the question"
}

/**
 * Whether a value names a type of decision: it is one, or it is an invalid one.
 *
 * @since 0.2.0
 * @category guards
 */
export const namesDecision = (value: unknown): boolean =>
  at(value, "type").some((type) => decisionTypes.some((one) => one === type))

/**
 * Decodes a decision at `place` of a body, or returns the refusal that names the invalid field. A field that no decision
 * has is refused, although other fields of bodies are ignored: a misspelt limit of a grant would be none.
 *
 * @since 0.2.0
 * @category conversions
 */
export const readDecision = (value: unknown, place = ""): Result.Result<Decision, Refusal.Refusal> =>
  Result.mapError(decision(value), ({ issue }) => {
    const isWithoutType = typeof value === "object" && value !== null && !Array.isArray(value) && !namesDecision(value)
    return isWithoutType
      ? invalidField(inside(place, ["type"]), decisionCures["type"])
      : invalid(issue, place, decisionCures)
  })

const json = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Json))

/**
 * Parses a text as JSON; a text that is not JSON is returned as a string.
 *
 * @since 0.1.0
 * @category conversions
 */
export const jsonOr = (text: string): Schema.Json => Option.getOrElse(json(text), () => text)

/**
 * A tool's result for text-only dialects: a string unchanged, everything else as JSON, so that nothing is lost.
 *
 * @since 0.1.0
 * @category conversions
 */
export const resultText = (result: Json): string => (typeof result === "string" ? result : JSON.stringify(result))
