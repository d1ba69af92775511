/**
 * Requests generated from an OpenAPI document and a seed: mostly valid, some of them damaged. The same seed generates
 * the same requests.
 */
import type { OpenApi } from "effect/http-api"

type Schema = { readonly [key: string]: unknown }

export interface Drawn {
  readonly method: string
  readonly path: string
  readonly operation: string
  readonly headers: { readonly [name: string]: string }
  readonly body: string | undefined
}

const strange = [
  "",
  "null",
  "0",
  "-1",
  "7.5",
  "..",
  "%00",
  "a/b",
  "__proto__",
  "constructor",
  "\u0000",
  "\r\nx: 1",
  "💩",
  "\ud800",
  "'; --",
  "<script>",
  "x".repeat(600),
  "{{}}",
  "9".repeat(30)
]

export class Fuzz {
  readonly #page: ReturnType<typeof OpenApi.fromApi>
  readonly #known: ReadonlyArray<string>
  readonly #operations: ReadonlyArray<{ readonly path: string; readonly method: string; readonly operation: Schema }>
  #state: number

  constructor(page: ReturnType<typeof OpenApi.fromApi>, seed: number, known: ReadonlyArray<string>) {
    this.#page = page
    this.#known = known
    this.#state = seed >>> 0
    this.#operations = Object.entries(page.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({
        path,
        method,
        operation: operation as unknown as Schema
      }))
    )
  }

  /** From 0 to below 1; Mulberry32. */
  #next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }

  #pick<A>(from: ReadonlyArray<A>): A {
    return from[Math.floor(this.#next() * from.length)] as A
  }

  #text(): string {
    const kind = this.#next()
    if (kind < 0.5) return this.#pick(this.#known)
    return kind < 0.8 ? this.#pick(strange) : `w${Math.floor(this.#next() * 100)}`
  }

  #resolve(schema: Schema): Schema {
    const name = typeof schema["$ref"] === "string" ? schema["$ref"].split("/").at(-1) : undefined
    return name === undefined ? schema : ((this.#page.components.schemas[name] ?? {}) as Schema)
  }

  /** A valid value, except where it is damaged. */
  value(given: Schema, depth = 0): unknown {
    if (depth > 6 || this.#next() < 0.06) return this.#pick([null, 7, "text", [], {}, true, -1.5, [[[]]]])
    const schema = this.#resolve(given)
    if (Array.isArray(schema["enum"])) return this.#pick(schema["enum"])
    const choices = schema["anyOf"] ?? schema["oneOf"]
    if (Array.isArray(choices)) return this.value(this.#pick(choices as ReadonlyArray<Schema>), depth + 1)
    switch (schema["type"]) {
      case "string":
        return this.#text()
      case "integer":
      case "number":
        return this.#pick([0, 1, -1, 2 ** 53, 1e308, 3])
      case "boolean":
        return this.#next() < 0.5
      case "array":
        return Array.from({ length: Math.floor(this.#next() * 3) }, () =>
          this.value((schema["items"] ?? {}) as Schema, depth + 1)
        )
      case "object": {
        const properties = (schema["properties"] ?? {}) as { readonly [name: string]: Schema }
        const required = (schema["required"] ?? []) as ReadonlyArray<string>
        const drawn = Object.entries(properties)
          .filter(([name]) => this.#next() < (required.includes(name) ? 0.96 : 0.4))
          .map(([name, one]) => [name, this.value(one, depth + 1)])
        const extra = this.#next() < 0.1 ? [[this.#text(), 1]] : []
        return Object.fromEntries([...drawn, ...extra])
      }
      default:
        return this.#pick<unknown>([null, 1, "x", { a: [1] }])
    }
  }

  /** The documented statuses of an operation. */
  statuses(path: string, method: string): ReadonlyArray<string> {
    const found = this.#operations.find((one) => one.path === path && one.method.toUpperCase() === method)
    return Object.keys((found?.operation["responses"] ?? {}) as object)
  }

  request(): Drawn {
    const { method, operation, path } = this.#pick(this.#operations)
    const filled = path.replaceAll(/\{\w+\}/g, () => encodeURIComponent(this.#text().toWellFormed()))
    const parameters = (operation["parameters"] ?? []) as ReadonlyArray<{ readonly name: string; readonly in: string }>
    const query = parameters
      .filter((one) => one.in === "query" && this.#next() < 0.5)
      .map(({ name }) => `${name}=${encodeURIComponent(this.#text().toWellFormed())}`)
    const content = (operation["requestBody"] as Schema | undefined)?.["content"] as Schema | undefined
    const schema = (content?.["application/json"] as Schema | undefined)?.["schema"] as Schema | undefined
    const isPost = method === "post" || method === "put"
    const body = schema === undefined ? (isPost ? "{}" : undefined) : JSON.stringify(this.value(schema))
    const isCut = body !== undefined && this.#next() < 0.05
    return {
      method: method.toUpperCase(),
      path: query.length === 0 ? filled : `${filled}?${query.join("&")}`,
      operation: path,
      headers: this.#next() < 0.1 ? { "last-event-id": `${Math.floor(this.#next() * 30) - 5}` } : {},
      body: isCut ? body.slice(0, Math.floor(this.#next() * body.length)) : body
    }
  }
}
