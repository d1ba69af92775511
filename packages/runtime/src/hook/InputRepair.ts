/**
 * Repairs arguments that do not fit a tool's schema, where what was meant is plain: JSON in a string, a number or a
 * boolean as text, members that the schema does not have. A repair counts only if the tool then accepts the arguments;
 * otherwise the model reads what is wrong with its own.
 */
import type { Json } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Hook from "./Hook.ts"

type Members = { readonly [name: string]: Json }

const isMembers = (value: Json | undefined): value is Members =>
  typeof value === "object" && value !== null && !isArray(value)
const isArray = (value: Json | undefined): value is ReadonlyArray<Json> => Array.isArray(value)

const parse = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Json))

/** The JSON in a string; `undefined` if it has none. */
const parsed = (text: string): Json | undefined => Option.getOrUndefined(parse(text))

/** How deep schemas are followed: a recursive one has no end. */
const most = 32

/**
 * Arguments as the JSON Schema `schema` reads them: the same value where nothing is to be repaired. It may still not fit.
 *
 * @since 0.1.0
 * @category operations
 */
export const repair = (schema: Json, args: Json): Json => repaired(schema, schema, args, 0)

const repaired = (root: Json, schema: Json, value: Json, depth: number): Json => {
  if (!isMembers(schema) || depth > most) return value
  const { $ref } = schema
  if (typeof $ref === "string") {
    const target = at(root, $ref)
    return target === undefined ? value : repaired(root, target, value, depth + 1)
  }
  const choices = schema["anyOf"] ?? schema["oneOf"]
  if (isArray(choices)) {
    // A value of one of the types is what was meant.
    if (choices.some((choice) => isOf(root, choice, value, depth))) return value
    for (const choice of choices) {
      const made = repaired(root, choice, value, depth + 1)
      if (made !== value && isOf(root, choice, made, depth)) return made
    }
    return value
  }
  const types = typesOf(schema)
  if (
    types.length > 0 &&
    !types.includes(typeOf(value)) &&
    !(typeOf(value) === "integer" && types.includes("number"))
  ) {
    for (const type of types) {
      const made = coerced(type, value)
      if (made !== undefined) return inside(root, schema, made, depth)
    }
    return value
  }
  return inside(root, schema, value, depth)
}

/** The members and items of a value of the right type. */
const inside = (root: Json, schema: Members, value: Json, depth: number): Json => {
  if (isArray(value)) {
    const { items } = schema
    if (items === undefined) return value
    const made = value.map((item) => repaired(root, items, item, depth + 1))
    return made.some((item, index) => item !== value[index]) ? made : value
  }
  if (!isMembers(value)) return value
  const properties = isMembers(schema["properties"]) ? schema["properties"] : {}
  const strips = schema["additionalProperties"] === false && schema["patternProperties"] === undefined
  let isChanged = false
  const made = Object.entries(value).flatMap(([name, member]) => {
    const own = Object.hasOwn(properties, name) ? properties[name] : undefined
    if (own === undefined) {
      isChanged ||= strips
      return strips ? [] : [[name, member] as const]
    }
    const next = repaired(root, own, member, depth + 1)
    isChanged ||= next !== member
    return [[name, next] as const]
  })
  return isChanged ? Object.fromEntries(made) : value
}

const at = (root: Json, ref: string): Json | undefined => {
  if (ref === "#") return root
  if (!ref.startsWith("#/")) return undefined
  let found: Json | undefined = root
  for (const name of ref.slice(2).split("/")) {
    const plain = name.replaceAll("~1", "/").replaceAll("~0", "~")
    found = isMembers(found) && Object.hasOwn(found, plain) ? found[plain] : undefined
  }
  return found
}

const typesOf = ({ type }: Members): ReadonlyArray<string> =>
  typeof type === "string" ? [type] : isArray(type) ? type.filter((one) => typeof one === "string") : []

const typeOf = (value: Json): string => {
  if (value === null) return "null"
  if (isArray(value)) return "array"
  return typeof value === "number" && Number.isInteger(value) ? "integer" : typeof value
}

/** Whether a value is of a schema's type, as far as this is plain: a schema without a type takes any. */
const isOf = (root: Json, schema: Json, value: Json, depth: number): boolean => {
  if (!isMembers(schema) || depth > most) return schema !== false
  const target = typeof schema["$ref"] === "string" ? at(root, schema["$ref"]) : undefined
  if (target !== undefined) return isOf(root, target, value, depth + 1)
  const { enum: allowed } = schema
  if (isArray(allowed) && !allowed.includes(value)) return false
  const types = typesOf(schema)
  const type = typeOf(value)
  return types.length === 0 || types.includes(type) || (type === "integer" && types.includes("number"))
}

/** A value as one of another type; `undefined` where what was meant is not plain. */
const coerced = (type: string, value: Json): Json | undefined => {
  if (typeof value === "string") {
    const text = value.trim()
    switch (type) {
      case "number":
      case "integer": {
        const number = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN
        return Number.isFinite(number) && (type === "number" || Number.isInteger(number)) ? number : undefined
      }
      case "boolean":
        return /^true$/i.test(text) ? true : /^false$/i.test(text) ? false : undefined
      case "null":
        return text === "null" || text === "" ? null : undefined
      case "object":
      case "array": {
        const found = parsed(text)
        return found !== undefined && typeOf(found) === type ? found : undefined
      }
      default:
        return undefined
    }
  }
  if (type === "string") return typeof value === "number" || typeof value === "boolean" ? String(value) : undefined
  return undefined
}

/**
 * The hook. `tools`: of which tools and specialists; absent: all.
 *
 * **Example** (A model that writes numbers as text)
 *
 * ```ts
 * import { Agent, InputRepair } from "@reins/runtime"
 *
 * export const Desk = Agent.make("desk", { hooks: [InputRepair.make()] })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: { readonly tools?: ReadonlyArray<string> | undefined } = {}): Hook.Hook =>
  Hook.make("input-repair", {
    tools: options.tools,
    beforeCall: ({ args, issueOf, parameters }) =>
      Effect.flatMap(issueOf(args), (issue): Effect.Effect<Hook.Verdicts["beforeCall"]> => {
        const made = issue === undefined ? args : repair(parameters, args)
        if (made === args) return Effect.succeed(Hook.pass)
        return Effect.map(issueOf(made), (left) => (left === undefined ? Hook.withArguments(made) : Hook.pass))
      })
  })
