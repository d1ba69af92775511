/**
 * What a reader of a dialect is: it takes the frames of a stream one by one and says which of the protocol's rules they
 * break. Each dialect's reader is written from its protocol and knows nothing of how we encode it.
 *
 * Readers decode frames by schemas (`decoderOf`) that know the protocol's fields and let others pass.
 */
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"

/**
 * A frame as it was captured.
 *
 * **Details**
 * - `data`: the text of the frame. `value`: the JSON in it; absent where it is not JSON, as `[DONE]`.
 * - `event` and `id`: of an SSE frame. `isSse`: false for a line of JSON, which has neither.
 *
 * @since 0.1.0
 * @category models
 */
export interface Captured {
  readonly data: string
  readonly value?: unknown
  readonly event?: string
  readonly id?: string
  readonly isSse: boolean
}

/**
 * What a reader says about the frame that it reads.
 *
 * @since 0.1.0
 * @category models
 */
export interface Notes<Rule extends string = string> {
  /** The stream continues an earlier one that is not at hand: what it refers to and does not show may be in that. */
  readonly continues: boolean
  /** The frame breaks a rule. `found` says how, by names and ids, and never quotes texts, arguments and results. */
  readonly fault: (rule: Rule, found: string) => void
  /** A piece of the answer's text. `part`: what it belongs to; `replaces`: it takes the place of what the part had. */
  readonly text: (piece: string, part?: string, replaces?: boolean) => void
  /** The result of a call, as text. */
  readonly result: (callId: string, text: string) => void
}

/**
 * Reads one conversation: the frames of an answer, its end, the frames of the next answer.
 *
 * @since 0.1.0
 * @category models
 */
export interface Reader {
  readonly read: (frame: Captured) => void
  /** The stream has ended. */
  readonly end: () => void
  /** True where the answer that has ended waits for its client: for an approval, or for the result of a call. */
  readonly isWaiting: boolean
}

/**
 * A dialect as `reins check` knows it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Protocol {
  readonly name: string
  readonly title: string
  /** What the protocol says, by the id of the rule. */
  readonly rules: { readonly [rule: string]: string }
  /** True for a frame that only this dialect has. */
  readonly isSign: (frame: Captured) => boolean
  readonly open: (notes: Notes) => Reader
}

/** Makes a protocol. The reader can only break rules that are listed. */
export const make = <const Rules extends { readonly [rule: string]: string }>(protocol: {
  readonly name: string
  readonly title: string
  readonly rules: Rules
  readonly isSign: (frame: Captured) => boolean
  readonly open: (notes: Notes<keyof Rules & string>) => Reader
}): Protocol => protocol

export const Text = Schema.String
export const Bool = Schema.Boolean
export const Count = Schema.Natural
export const Any = Schema.Unknown
export const Is = Schema.Literal
export const Maybe = <S extends Schema.Constraint>(schema: S) => Schema.optionalKey(schema)
export const Nullable = <S extends Schema.Constraint>(schema: S) => Schema.optionalKey(Schema.NullOr(schema))
/** An object, or `null`: what most clients accept as a tool's input and output. */
export const Fields = Schema.Record(Schema.String, Schema.Unknown)

const places = SchemaIssue.makeFormatterStandardSchemaV1()

const nameOf = (value: unknown): string =>
  value === null ? "null" : Array.isArray(value) ? "an array" : value === undefined ? "nothing" : `a ${typeof value}`

const at = (value: unknown, path: ReadonlyArray<string>): unknown =>
  path.reduce<unknown>((inner, key) => (Predicate.hasProperty(inner, key) ? inner[key] : undefined), value)

/** What is wrong with a value, by the path of the first field that does not fit, and never by its content. */
const explain = (value: unknown, issue: SchemaIssue.Issue, tag: string): string => {
  const { issues } = places(issue)
  const paths = issues.map(({ message, path = [] }) => ({
    message,
    path: path.map((key) => String(typeof key === "object" ? key.key : key))
  }))
  // A union reports each member; members of another name do not concern this value.
  const found = paths.find(({ path }) => path.at(-1) !== tag) ?? paths[0]
  if (found === undefined || found.path.length === 0) return `it is ${nameOf(value)}, and no object of the protocol`
  const field = found.path.join(".")
  if (found.message === "Missing key") return `field ${field} is missing`
  return `field ${field} is ${nameOf(at(value, found.path))}: ${found.message.charAt(0).toLowerCase()}${found.message.slice(1)}`
}

/** Decodes by `schema`, or says what is wrong. `tag`: the field by which the members of a union are told apart. */
export const decoderOf = <A>(
  schema: Schema.ConstraintDecoder<A>,
  tag = "type"
): ((value: unknown) => Result.Result<A, string>) => {
  const decode = Schema.decodeUnknownResult(schema)
  return (value) => Result.mapError(decode(value), ({ issue }) => explain(value, issue, tag))
}

const json = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Unknown))

/** The value of a JSON text; nothing if it is not JSON. */
export const parseJson = (text: string): Option.Option<unknown> => json(text)

export const isJson = (text: string): boolean => Option.isSome(json(text))

/** The text under `key` of an object; `undefined` where there is none. */
export const textAt = (value: unknown, key: string): string | undefined => {
  const found = Predicate.hasProperty(value, key) ? value[key] : undefined
  return typeof found === "string" ? found : undefined
}

export const hasField = (value: unknown, key: string): boolean => Predicate.hasProperty(value, key)

/** A value as text: a text as it is, everything else as JSON. */
export const asText = (value: unknown): string => (typeof value === "string" ? value : (JSON.stringify(value) ?? ""))

/** A name or an id within a sentence, cut where it is long. */
export const quote = (name: string): string => JSON.stringify(name.length > 60 ? `${name.slice(0, 60)}…` : name)
