/**
 * Converts any schema of an object to the JSON Schema that a model gets for a tool's or a specialist's parameters: its
 * root has `type: "object"` and `properties`, and no union, reference or condition, since providers reject those. Pure.
 *
 * A union of objects becomes one object with the properties of all, and its description lists the shapes. Definitions
 * are under `$defs`. The result never accepts less than the original: arguments are validated by the original schema.
 */
import type { Json } from "@reins/protocol"
import * as SchemaTree from "./SchemaTree.ts"
import { isList, isNode, type Node } from "./SchemaTree.ts"

/**
 * The converted schema, or why there is none, as the end of a sentence: `… are a string`.
 *
 * @since 0.1.0
 * @category models
 */
export type Told =
  | { readonly _tag: "Told"; readonly schema: Node }
  | { readonly _tag: "Refused"; readonly problem: string }

/**
 * Converts `document`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (document: Json): Told => {
  if (document === true) return told({ type: "object", properties: {} })
  if (!isNode(document)) return refused(document === false ? "accept nothing" : "are not a JSON Schema")
  const root = withDefinitions(document)
  const missing = [...SchemaTree.references(root)].find((target) => !isFound(root, target))
  if (missing !== undefined) {
    return refused(`refer to ${JSON.stringify(missing)}, which is missing in the schema; add it under $defs`)
  }
  if (!needsMerge(root)) {
    const problem = typeProblem(root)
    return problem === undefined ? told(SchemaTree.pruned(plain(root))) : refused(problem)
  }
  const shape = shapeOf(root, root, [])
  return typeof shape === "string" ? refused(shape) : told(SchemaTree.pruned(rootOf(shape, root)))
}

/**
 * The cure for parameters that cannot be converted.
 *
 * @since 0.1.0
 * @category constants
 */
export const cure = 'a model calls a tool with one JSON object: wrap the value, as in { "value": … }'

const told = (schema: Node): Told => {
  const tidied = SchemaTree.map(schema, tidy)
  return { _tag: "Told", schema: isNode(tidied) ? tidied : schema }
}

/** Removes `propertyNames` with a type other than string: names are strings, and providers reject such schemas. */
const tidy = (node: Node): Node => {
  const { propertyNames, ...rest } = node
  if (propertyNames === undefined) return node
  return isNode(propertyNames) && (propertyNames["type"] ?? "string") === "string" ? node : rest
}

const refused = (problem: string): Told => ({ _tag: "Refused", problem })

/** Keywords that providers reject at the root. */
const compound = ["$ref", "allOf", "anyOf", "oneOf", "not", "if", "then", "else", "enum", "const", "dependentSchemas"]

const needsMerge = (root: Node): boolean => compound.some((keyword) => root[keyword] !== undefined)

/** Moves older `definitions` under `$defs`, and removes the document's own ids. */
const withDefinitions = (document: Node): Node => {
  const { $id: _id, $schema: _schema, definitions, ...root } = document
  if (!isNode(definitions) || root["$defs"] !== undefined) {
    return definitions === undefined ? root : { ...root, definitions }
  }
  const moved = SchemaTree.map({ ...root, $defs: definitions }, (node) => withReference(node, toDefs))
  return isNode(moved) ? moved : root
}

const toDefs = (target: string): string => target.replace(/^#\/definitions\//, "#/$defs/")

const withReference = (node: Node, change: (target: string) => string): Node =>
  typeof node["$ref"] === "string" ? { ...node, $ref: change(node["$ref"]) } : node

/** Anchors and ids are resolved by the validator; a model gets them unchanged. */
const isFound = (root: Node, target: string): boolean =>
  target.startsWith("#/") ? SchemaTree.resolve(root, target) !== undefined : target.startsWith("#") || hasIds(root)

const hasIds = (root: Node): boolean => {
  let found = false
  SchemaTree.map(root, (node) => {
    found ||= typeof node["$id"] === "string"
    return node
  })
  return found
}

const plain = (root: Node): Node => ({
  ...root,
  type: "object",
  properties: isNode(root["properties"]) ? root["properties"] : {}
})

/** The shape of an object, as far as a root can express it. */
interface Shape {
  readonly properties: { readonly [name: string]: Json }
  readonly required: ReadonlyArray<string>
  readonly isClosed: boolean
  /** Keywords that are kept unchanged. */
  readonly rest: Node
  /** The shapes of a union as text. */
  readonly shapes: ReadonlyArray<string>
}

const typeProblem = ({ not, type }: Node): string | undefined => {
  if (not === true || (isNode(not) && Object.keys(not).length === 0)) return "accept nothing"
  const types = isList(type) ? type : [type]
  return type === undefined || types.includes("object") ? undefined : `are of type ${types.join(" or ")}`
}

/** The shape of a schema, or why it has none. `above`: the references that led here. */
const shapeOf = (schema: Json, root: Node, above: ReadonlyArray<string>): Shape | string => {
  if (schema === true) return empty
  if (!isNode(schema)) return "accept nothing"
  const problem = typeProblem(schema) ?? valueProblem(schema)
  if (problem !== undefined) return problem
  let shape: Shape | string = ownShape(schema)
  const target = schema["$ref"]
  if (typeof target === "string") {
    if (above.includes(target)) return "only refer to themselves"
    const found = SchemaTree.resolve(root, target)
    const referred = found === undefined ? "refer to a missing definition" : shapeOf(found, root, [...above, target])
    shape = both(referred, shape)
  }
  const { allOf, anyOf, oneOf } = schema
  for (const one of isList(allOf) ? allOf : []) shape = both(shape, shapeOf(one, root, above))
  for (const union of [anyOf, oneOf]) {
    if (isList(union)) shape = both(shape, either(union.map((one) => shapeOf(one, root, above))))
  }
  return shape
}

const valueProblem = (schema: Node): string | undefined => {
  const values = [...(isList(schema["enum"]) ? schema["enum"] : []), ...("const" in schema ? [schema["const"]] : [])]
  return values.length === 0 || values.some(isNode) ? undefined : "accept only fixed values that are not objects"
}

const empty: Shape = { properties: {}, required: [], isClosed: false, rest: {}, shapes: [] }

const ownShape = (schema: Node): Shape => {
  const { additionalProperties, properties, required, type: _type, ...others } = schema
  const rest = Object.fromEntries(
    Object.entries(others).filter(([keyword]) => !compound.includes(keyword) && keyword !== "$defs")
  )
  return {
    properties: isNode(properties) ? properties : {},
    required: isList(required) ? required.filter((name) => typeof name === "string") : [],
    isClosed: additionalProperties === false,
    rest:
      additionalProperties === undefined || additionalProperties === false ? rest : { ...rest, additionalProperties },
    shapes: []
  }
}

/** The intersection of two shapes. */
const both = (one: Shape | string, other: Shape | string): Shape | string => {
  if (typeof one === "string") return one
  if (typeof other === "string") return other
  const properties: Record<string, Json> = { ...one.properties }
  for (const [name, schema] of Object.entries(other.properties)) {
    const known = own(properties, name)
    put(properties, name, known === undefined || isSame(known, schema) ? schema : { allOf: [known, schema] })
  }
  return {
    properties,
    required: [...new Set([...one.required, ...other.required])],
    isClosed: one.isClosed && other.isClosed ? true : isBare(one) ? other.isClosed : isBare(other) && one.isClosed,
    rest: { ...one.rest, ...other.rest },
    shapes: [...one.shapes, ...other.shapes]
  }
}

const isBare = ({ isClosed, properties }: Shape): boolean => !isClosed && Object.keys(properties).length === 0

/** The union of several shapes. Members that are not objects are left out, since a call needs an object. */
const either = (members: ReadonlyArray<Shape | string>): Shape | string => {
  const shapes = members.filter((member) => typeof member !== "string")
  const [first, ...others] = shapes
  if (first === undefined) return members.find((member) => typeof member === "string") ?? "accept nothing"
  if (others.length === 0) return first
  const names = new Set(shapes.flatMap(({ properties }) => Object.keys(properties)))
  const properties: Record<string, Json> = {}
  for (const name of names)
    put(properties, name, oneOfAll(shapes.flatMap((shape) => own(shape.properties, name) ?? [])))
  return {
    properties,
    required: first.required.filter((name) => others.every(({ required }) => required.includes(name))),
    isClosed: shapes.every(({ isClosed }) => isClosed),
    rest: {},
    shapes: shapes.map(inWords)
  }
}

const oneOfAll = (schemas: ReadonlyArray<Json>): Json => {
  const distinct = schemas.filter((schema, index) => schemas.findIndex((other) => isSame(other, schema)) === index)
  const [first] = distinct
  if (distinct.length < 2) return first ?? true
  const values = distinct.map(fixedValues)
  return values.every((some) => some !== undefined) ? { enum: [...new Set(values.flat())] } : { anyOf: distinct }
}

/** The values of a schema that only accepts listed strings. */
const fixedValues = (schema: Json): ReadonlyArray<Json> | undefined => {
  if (!isNode(schema) || Object.keys(schema).some((keyword) => !["type", "const", "enum"].includes(keyword)))
    return undefined
  const values = "const" in schema ? [schema["const"] ?? null] : schema["enum"]
  return isList(values) && values.every((value) => typeof value === "string") ? values : undefined
}

const inWords = ({ properties, required, shapes }: Shape): string => {
  const names = Object.entries(properties).map(([name, schema]) => {
    const values = fixedValues(schema)
    const about = values === undefined ? "" : `: ${values.map((value) => JSON.stringify(value)).join(" | ")}`
    return `${name}${required.includes(name) ? "" : "?"}${about}`
  })
  return `{ ${names.join(", ")} }${shapes.length === 0 ? "" : ` as ${shapes.join(" or ")}`}`
}

/** The root of a shape. References into the old root find it among the definitions. */
const rootOf = (shape: Shape, root: Node): Node => {
  const { description, ...rest } = shape.rest
  const union = shape.shapes.length === 0 ? [] : [`One of these shapes: ${shape.shapes.join(" or ")}`]
  const words = [...(typeof description === "string" ? [description] : []), ...union].join("\n")
  const made: Node = {
    type: "object",
    ...(words === "" ? {} : { description: words }),
    properties: shape.properties,
    ...(shape.required.length === 0 ? {} : { required: shape.required }),
    ...(shape.isClosed ? { additionalProperties: false } : {}),
    ...rest
  }
  const { $defs = {}, ...old } = root
  const inRoot = (target: string) =>
    target === "#" || /^#\/(?!\$defs\/)/.test(target) ? `${place}${target.slice(1)}` : target
  const place = `#/$defs/${rootName}`
  const moved = SchemaTree.map({ ...made, $defs: { ...(isNode($defs) ? $defs : {}), [rootName]: old } }, (node) =>
    withReference(node, inRoot)
  )
  return isNode(moved) ? moved : made
}

/** The name of the old root among the definitions. */
const rootName = "__root"

const isSame = (one: Json, other: Json): boolean => JSON.stringify(one) === JSON.stringify(other)

const own = (record: { readonly [name: string]: Json }, name: string): Json | undefined =>
  Object.hasOwn(record, name) ? record[name] : undefined

/** Sets a member; one named `__proto__` is data like any other. */
const put = (out: Record<string, Json>, name: string, value: Json): void => {
  Object.defineProperty(out, name, { value, enumerable: true, configurable: true, writable: true })
}
