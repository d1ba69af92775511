/**
 * Validates JSON with a raw JSON Schema: of a tool's parameters, an MCP server, or a caller. Drafts 4, 7, 2019-09 and
 * 2020-12, by `$schema`; absent, 2020-12. The schema is interpreted and never compiled to code, so a schema from a
 * server or a caller cannot run code (`docs/decisions/0013-arguments-are-checked-by-raw-schemas.md`).
 */
import { type OutputUnit, type Schema, type SchemaDraft, Validator } from "@cfworker/json-schema"
import type { Json } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Erased from "../kernel/Erased.ts"
import * as SchemaTree from "./SchemaTree.ts"

/**
 * The violations, as a message that a model can act on; `undefined` if the value is valid. Never fails.
 *
 * @since 0.1.0
 * @category models
 */
export type Check = (value: Json) => string | undefined

/** How many errors a message lists. */
const most = 5

/**
 * The validator of `schema`, prepared on first use.
 *
 * @since 0.1.0
 * @category operations
 */
export const checker = (schema: Json): Check => {
  let validator: Validator | undefined
  return (value) => {
    // The validator throws for an invalid schema and for one with circular references.
    const checked = Effect.runSyncExit(
      Effect.sync(() => {
        validator ??= new Validator(prepared(schema), draftOf(schema), false)
        return validator.validate(value)
      })
    )
    if (!Exit.isSuccess(checked)) return "The schema of the arguments is invalid, so they could not be validated"
    return checked.value.valid ? undefined : sentence(checked.value.errors)
  }
}

const draftOf = (schema: Json): SchemaDraft => {
  const named = SchemaTree.isNode(schema) ? schema["$schema"] : undefined
  const found = typeof named === "string" ? /draft-0?(4|6|7)\b|2019-09/.exec(named) : null
  if (found === null) return "2020-12"
  return found[1] === undefined ? "2019-09" : found[1] === "4" ? "4" : "7"
}

/** A mutable copy for the validator, without patterns that it cannot parse: what cannot be validated is accepted. */
const prepared = (schema: Json): Schema =>
  Erased.as(
    SchemaTree.map(schema, (node) => {
      const { pattern, patternProperties, ...rest } = node
      return {
        ...rest,
        ...(typeof pattern === "string" && isPattern(pattern) ? { pattern } : {}),
        ...(SchemaTree.isNode(patternProperties)
          ? {
              patternProperties: Object.fromEntries(Object.entries(patternProperties).filter(([one]) => isPattern(one)))
            }
          : {})
      }
    })
  )

const isPattern = (pattern: string): boolean =>
  Exit.isSuccess(Effect.runSyncExit(Effect.sync(() => new RegExp(pattern, "u"))))

/** What is wrong with a value where the schema takes none, which is nearly always a property that it does not list. */
const forbidden = "The schema allows nothing here. Leave it out."

/** Only the innermost errors are useful; those around them only say that something inside is invalid. */
const sentence = (errors: ReadonlyArray<OutputUnit>): string => {
  const inner = errors.filter(
    ({ instanceLocation, keyword }, index) => !isFrame(keyword, instanceLocation, errors, index)
  )
  const named = inner.length === 0 ? errors : inner
  const lines = [
    ...new Set(named.map((one) => `${placeOf(one.instanceLocation)}${one.keyword === "false" ? forbidden : one.error}`))
  ]
  const left = lines.length - most
  return [...lines.slice(0, most), ...(left > 0 ? [`and ${left} more`] : [])].join("; ")
}

const frames = new Set([
  "properties",
  "items",
  "prefixItems",
  "additionalProperties",
  "patternProperties",
  "$ref",
  "allOf"
])

const isFrame = (keyword: string, location: string, errors: ReadonlyArray<OutputUnit>, index: number): boolean =>
  frames.has(keyword) &&
  errors.some((other, at) => at !== index && other.instanceLocation.startsWith(location) && !frames.has(other.keyword))

/** `#/where/0` as `where.0: `. */
const placeOf = (location: string): string => {
  const path = location.replace(/^#\/?/, "").replaceAll("/", ".").replaceAll("~1", "/").replaceAll("~0", "~")
  return path === "" ? "" : `${path}: `
}
