/**
 * A JSON Schema as a tree of schemas: its subschemas, local references and definitions. Pure. Values that only look
 * like schemas (a `default`, a `const`, an `example`) are not touched.
 */
import type { Json } from "@reins/protocol"

/** A schema that is not a boolean. */
export interface Node {
  readonly [keyword: string]: Json
}

/** Whether `value` is an object of JSON. */
export const isNode = (value: Json | undefined): value is Node =>
  typeof value === "object" && value !== null && !isList(value)

/** Whether `value` is an array of JSON. */
export const isList = (value: Json | undefined): value is ReadonlyArray<Json> => Array.isArray(value)

/** Keywords with a map of names to schemas. */
const maps = new Set(["properties", "patternProperties", "$defs", "definitions", "dependentSchemas"])
/** Keywords with a list of schemas. */
const lists = new Set(["allOf", "anyOf", "oneOf", "prefixItems", "items"])
/** Keywords with a schema. */
const singles = new Set([
  "items",
  "additionalItems",
  "unevaluatedItems",
  "contains",
  "additionalProperties",
  "unevaluatedProperties",
  "propertyNames",
  "not",
  "if",
  "then",
  "else"
])

/** A copy of `schema` in which `change` was applied to each schema, the innermost first. */
export const map = (schema: Json, change: (node: Node) => Node): Json => {
  if (!isNode(schema)) return schema
  const inside = (keyword: string, value: Json): Json => {
    if (maps.has(keyword) && isNode(value)) {
      return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, map(one, change)]))
    }
    if (lists.has(keyword) && isList(value)) return value.map((one) => map(one, change))
    return singles.has(keyword) ? map(value, change) : value
  }
  return change(Object.fromEntries(Object.entries(schema).map(([keyword, value]) => [keyword, inside(keyword, value)])))
}

/** The targets of all references in `schema`, as they are written. */
export const references = (schema: Json): ReadonlySet<string> => {
  const found = new Set<string>()
  map(schema, (node) => {
    for (const keyword of ["$ref", "$dynamicRef", "$recursiveRef"]) {
      const target = node[keyword]
      if (typeof target === "string") found.add(target)
    }
    return node
  })
  return found
}

/** The target of a local reference (`#`, `#/$defs/Name`); `undefined` if it is missing. */
export const resolve = (root: Json, reference: string): Json | undefined => {
  if (reference === "#") return root
  if (!reference.startsWith("#/")) return undefined
  let found: Json | undefined = root
  for (const segment of reference.slice(2).split("/")) {
    const name = decoded(segment)?.replaceAll("~1", "/").replaceAll("~0", "~")
    if (name === undefined) return undefined
    if (isList(found)) found = found[Number(name)]
    else found = isNode(found) && Object.hasOwn(found, name) ? found[name] : undefined
  }
  return found
}

/** A decoded part of a URI's fragment; `undefined` if its escapes are invalid. */
const decoded = (segment: string): string | undefined =>
  /%(?![0-9a-f]{2})/i.test(segment)
    ? undefined
    : segment.replaceAll(/(?:%[0-7][0-9a-f])/gi, (escape) => String.fromCharCode(Number.parseInt(escape.slice(1), 16)))

/** Removes unused definitions. */
export const pruned = (root: Node): Node => {
  const { $defs, ...rest } = root
  if (!isNode($defs)) return root
  const kept: Record<string, Json> = {}
  const visit = (schema: Json): void => {
    for (const target of references(schema)) {
      const name = Object.keys($defs).find((one) => isUnder(target, `#/$defs/${escaped(one)}`))
      const definition = name === undefined ? undefined : $defs[name]
      if (name === undefined || definition === undefined || Object.hasOwn(kept, name)) continue
      kept[name] = definition
      visit(definition)
    }
  }
  visit(rest)
  return Object.keys(kept).length === 0 ? rest : { ...rest, $defs: kept }
}

const isUnder = (reference: string, place: string): boolean => reference === place || reference.startsWith(`${place}/`)

/** A name as a segment of a reference. */
export const escaped = (name: string): string => encodeURI(name.replaceAll("~", "~0").replaceAll("/", "~1"))
