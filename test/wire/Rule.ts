/**
 * For readers of a dialect: frames as JSON, and a rule that throws when it does not hold.
 */
import { Schema } from "effect"
import type { Frame } from "@reins/wire"

/** A JSON value before decoding. */
export type Parsed = ReturnType<typeof JSON.parse>

/** An object as it came. */
export type Fields = Readonly<Record<string, Parsed>>

export const rule: (holds: boolean, says: string, at?: unknown) => asserts holds = (holds, says, at) => {
  if (!holds) throw new Error(`${says}${at === undefined ? "" : `: ${JSON.stringify(at)}`}`)
}

/** The object in a frame. */
export const fields = (frame: Frame.Frame): Fields => {
  const value: unknown = JSON.parse(frame.data)
  rule(typeof value === "object" && value !== null && !Array.isArray(value), "a frame carries a JSON object", frame)
  return value
}

/** Reads by a schema that knows every field: what it does not know is a fault. */
export const strictly = <A>(schema: Schema.Codec<A, unknown>): ((value: unknown) => A) => {
  const decode = Schema.decodeUnknownSync(schema, { onExcessProperty: "error" })
  return (value) => decode(value)
}

export const textOf = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value))
