/**
 * A value that fits a JSON Schema, for the scripted model when a typed answer is asked for. It knows types, `enum`,
 * `const`, unions, references and the least sizes; what else a schema says (patterns, formats) is not looked at.
 */
import type { Json } from "@reins/protocol"

type Document = { readonly [keyword: string]: Json }

const isObject = (value: Json | undefined): value is Document =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** How deep references are followed: a schema may contain itself. */
const deepest = 24

class Sampling {
  readonly #root: Json

  constructor(root: Json) {
    this.#root = root
  }

  of(schema: Json | undefined, depth: number): Json {
    if (!isObject(schema) || depth > deepest) return null
    const { $ref, allOf, anyOf, default: usual, enum: values, oneOf, type } = schema
    if (typeof $ref === "string") return this.of(this.#at($ref), depth + 1)
    if (schema["const"] !== undefined) return schema["const"]
    if (Array.isArray(values) && values[0] !== undefined) return values[0]
    if (usual !== undefined) return usual
    if (Array.isArray(allOf)) {
      const { allOf: _, ...own } = schema
      return this.#merged([own, ...allOf], depth)
    }
    for (const union of [anyOf, oneOf]) if (Array.isArray(union)) return this.of(union[0], depth + 1)
    return this.#typed(Array.isArray(type) ? type[0] : type, schema, depth)
  }

  #typed(type: Json | undefined, schema: Document, depth: number): Json {
    switch (type ?? (schema["properties"] === undefined ? undefined : "object")) {
      case "object":
        return this.#object(schema, depth)
      case "array": {
        const { items, minItems = 0, prefixItems } = schema
        if (Array.isArray(prefixItems)) return prefixItems.map((one) => this.of(one, depth + 1))
        return Array.from({ length: numberOf(minItems) }, () => this.of(items, depth + 1))
      }
      case "string":
        return "sample".padEnd(numberOf(schema["minLength"]), ".")
      case "integer":
      case "number":
        return leastOf(schema)
      case "boolean":
        return false
      default:
        return null
    }
  }

  #object({ properties, required }: Document, depth: number): Json {
    const fields = isObject(properties) ? properties : {}
    const names = Array.isArray(required) ? required.filter((name) => typeof name === "string") : []
    return Object.fromEntries(names.map((name) => [name, this.of(fields[name], depth + 1)]))
  }

  /** An object that fits all parts; the first part's value where they are not objects. */
  #merged(parts: ReadonlyArray<Json>, depth: number): Json {
    const made = parts
      .filter((part) => isObject(part) && Object.keys(part).length > 0)
      .map((part) => this.of(part, depth + 1))
    return made.every(isObject) ? Object.assign({}, ...made) : (made.find((one) => one !== null) ?? null)
  }

  #at(reference: string): Json | undefined {
    let found: Json | undefined = this.#root
    for (const key of reference.replace(/^#\/?/, "").split("/")) {
      if (key !== "") found = isObject(found) ? found[key.replaceAll("~1", "/").replaceAll("~0", "~")] : undefined
    }
    return found
  }
}

const numberOf = (value: Json | undefined): number => (typeof value === "number" ? value : 0)

const leastOf = ({ exclusiveMinimum, maximum, minimum }: Document): number => {
  const least = typeof exclusiveMinimum === "number" ? Math.floor(exclusiveMinimum) + 1 : Math.ceil(numberOf(minimum))
  return typeof maximum === "number" && maximum < least ? maximum : least
}

/** The value. */
export const make = (schema: Json): Json => new Sampling(schema).of(schema, 0)
