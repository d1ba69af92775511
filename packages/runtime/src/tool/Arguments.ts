/**
 * Decodes the arguments that a model wrote for a call: for the gate, before a person is asked, and before a handler, a
 * caller or a specialist runs.
 *
 * A call has one JSON object as its arguments. Absent arguments and `null` are the empty object. Anything else,
 * including text that is not JSON, is a failure that the model reads. The schema decides about the rest.
 */
import type { Json } from "@reins/protocol"
import * as Effect from "effect/Effect"
import type { Check } from "./JsonSchema.ts"

/** Decodes arguments; the failure is a sentence that the model can act on. */
export type Decode = (args: Json) => Effect.Effect<unknown, string>

/** A decoder that `take`s objects only. */
export const decoder =
  (take: (args: Json) => Effect.Effect<unknown, string>): Decode =>
  (args) => {
    const object = args === null ? {} : args
    return typeof object === "object" && !Array.isArray(object)
      ? take(object)
      : Effect.fail(
          `the arguments must be one JSON object, as in { "name": "value" }, but are ${
            typeof object === "string" ? "a string, or text that is not valid JSON" : `a JSON ${kindOf(object)}`
          }`
        )
  }

const kindOf = (value: Json): string => (Array.isArray(value) ? "array" : typeof value)

/** Decoders of schemas that are decoded by plain code instead of the schema interpreter. */
const plain = new WeakMap<object, (args: Json) => Effect.Effect<unknown, unknown>>()

/**
 * Registers `take` as a plain decoder of JSON for `schema`. Only its successes count: when it fails, the schema itself
 * reports the error.
 */
export const readBy = <S extends object>(schema: S, take: (args: Json) => Effect.Effect<unknown, unknown>): S => {
  plain.set(schema, take)
  return schema
}

/** The plain decoder of a schema, if it has one. */
export const plainReading = (schema: object): ((args: Json) => Effect.Effect<unknown, unknown>) | undefined =>
  plain.get(schema)

/** A decoder by JSON Schema, which does not change valid arguments. */
export const checked = (check: Check): Decode =>
  decoder((args) => {
    const fault = check(args)
    return fault === undefined ? Effect.succeed(args) : Effect.fail(fault)
  })
