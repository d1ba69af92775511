/**
 * A JSON value: what events, tool arguments and tool results carry.
 */
import * as Schema from "effect/Schema"

/** Any JSON value. `undefined`, `NaN`, functions and class instances are not JSON. */
export type Json = Schema.Json
export const Json: Schema.Codec<Json> = Schema.Json
