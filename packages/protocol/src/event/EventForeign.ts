/**
 * Events of types that this version does not know, from the stored log of a later version or from a later server. They
 * are decoded as `custom` events with `foreign: true`, so that code that handles a product's own events handles these
 * too, and are encoded to their original JSON: the same fields with the same values.
 */
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import { Json } from "../Json.ts"
import type { Custom } from "./EventData.ts"
import { known } from "./EventData.ts"

/** The original JSON of an event. */
export interface Original {
  readonly [field: string]: Json
}

const types: ReadonlySet<string> = new Set(
  known.map((member) => ("fields" in member ? member.fields.type.literal : "custom"))
)

// An event of a known type that lacks a field is invalid, and not foreign.
const isForeign = ({ type }: Original): boolean => typeof type === "string" && !types.has(type)

const isRecord = (data: Json): data is Original => typeof data === "object" && data !== null && !Array.isArray(data)

/** The original JSON of a foreign event. */
export const original = ({ data, event_type }: Custom): Original =>
  isRecord(data) ? { type: event_type, ...data } : { type: event_type, data }

const Marked = Schema.Struct({
  type: Schema.Literal("custom"),
  event_type: Schema.String,
  data: Json,
  foreign: Schema.Literal(true)
})

const read = ({ type, ...data }: Original): typeof Marked.Type => ({
  type: "custom",
  event_type: typeof type === "string" ? type : "",
  data,
  foreign: true
})

export const Foreign: Schema.Codec<Custom, Original> = Schema.Record(Schema.String, Json)
  .check(Schema.makeFilter(isForeign))
  .pipe(
    Schema.decodeTo(Marked, {
      decode: SchemaGetter.transform(read),
      encode: SchemaGetter.transform(original)
    })
  )
