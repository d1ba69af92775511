/**
 * What providers, tools and callers hand over, drawn: JSON values, JSON Schemas, names, ids, media types and the parts
 * of responses, of every type that provider packages have.
 */
import type { LanguageModelV4CallOptions } from "@ai-sdk/provider"
import type { Json } from "@reins/protocol"
import { Effect, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { finish, type Part } from "../models/FakeModel.ts"

/** What a case is drawn from: numbers that pick, and JSON values and words that are used as they come. */
export const Material = {
  numbers: Schema.Array(Schema.Natural.check(Schema.isLessThan(10_000))).check(
    Schema.isMinLength(60),
    Schema.isMaxLength(200)
  ),
  values: Schema.Array(Schema.Json).check(Schema.isMaxLength(6)),
  words: Schema.Array(Schema.String).check(Schema.isMaxLength(8))
}

export interface Drawn {
  readonly numbers: ReadonlyArray<number>
  readonly values: ReadonlyArray<Schema.Json>
  readonly words: ReadonlyArray<string>
}

/** Picks by the drawn numbers, one after the other; 0 once they are used up. */
export class Draw {
  private at = 0
  private readonly drawn: Drawn
  constructor(drawn: Drawn) {
    this.drawn = drawn
  }
  below(most: number): number {
    return (this.drawn.numbers[this.at++] ?? 0) % most
  }
  of<A>(values: ReadonlyArray<A>, otherwise: A): A {
    return values[this.below(values.length)] ?? otherwise
  }
  several<A>(most: number, one: () => A): ReadonlyArray<A> {
    return Array.from({ length: this.below(most + 1) }, one)
  }
  /** A word of the material, or one of those that are known to be odd. */
  word(odd: ReadonlyArray<string>): string {
    return this.below(3) === 0 ? this.of(this.drawn.words, "w") : this.of(odd, "w")
  }
  json(): Json {
    return this.of<Json>(this.drawn.values as ReadonlyArray<Json>, null)
  }
}

const names = ["look", "a.b", "a_b", "files/read", "The Planner", "3d", "é", "-", "x".repeat(100), "constructor"]
const ids = ["c1", "c1", "", "functions.look:0", "look|fc_1", "y".repeat(80), "budget/1", "c1_2", "__proto__"]
const inputs = ["{}", "", "null", '{"a":1}', '{"a":', "[1]", '"text"', "7", '{"__proto__":{"a":1}}', '{"a":"\\ud83d"}']
const texts = ["a", "", " ", "\n", "\ud83d", "\ude00", "long ".repeat(50)]
const medias = [
  "image/png",
  "image/*",
  "IMAGE/JPG",
  "",
  "png",
  "text/plain; charset=utf-8",
  "application/x-odd",
  "audio/wav"
]
const png = "iVBORw0KGgo="
const files = [png, "", "data:image/png;base64,iVBORw0KGgo=", "data:,a%20b", "https://example.org/a.png", "not base64!"]

/** The text of a call's arguments. */
const input = (draw: Draw): string => (draw.below(2) === 0 ? JSON.stringify(draw.json()) : draw.of(inputs, "{}"))

/** A file that a caller or a tool shows a model. */
export const file = (draw: Draw) => ({
  type: "file" as const,
  mediaType: draw.word(medias),
  data: draw.of(files, png)
})

/** A prompt: text, empty text, files. One of them says something, since a prompt of nothing is refused. */
export const prompt = (draw: Draw) => [
  { type: "text" as const, text: "go" },
  ...draw.several(3, () =>
    draw.below(2) === 0 ? file(draw) : { type: "text" as const, text: draw.word(texts).toWellFormed() }
  )
]

const cycle = (): unknown => {
  const own: { self?: unknown } = {}
  own.self = own
  return own
}
const results: ReadonlyArray<(draw: Draw) => unknown> = [
  () => "",
  () => "ok",
  () => undefined,
  () => ({ at: new Date(0), n: Number.NaN }),
  () => new Map([["a", 1n]]),
  () => new Map<unknown, unknown>([[{ a: 1 }, new Set([1, "b"])]]),
  () => [1n],
  () => cycle(),
  () => Symbol("no"),
  () => () => 1,
  () => new Error("lost"),
  () => new URL("https://example.org/a"),
  () => ({ content: [], type: "text" }),
  () => ({ content: [{ type: "text", text: "" }] }),
  (draw) => ({ deep: [draw.json()], half: "\ud83d" }),
  (draw) => draw.json(),
  (draw) => draw.json()
]

const types: ReadonlyArray<Json> = [
  "object",
  "string",
  "integer",
  "array",
  "null",
  ["object", "null"],
  ["string", "number"]
]

/** A JSON Schema (2020-12), of members that may contradict each other; `$ref`s may go anywhere, and nowhere. */
export const schema = (draw: Draw, depth = 3): Json => {
  const one = (): Json => (depth === 0 ? draw.of<Json>([true, {}, { type: "string" }], true) : schema(draw, depth - 1))
  const list = (): ReadonlyArray<Json> => [one(), ...draw.several(2, one)]
  const byName = (): Json =>
    Object.fromEntries(draw.several(3, () => [draw.word(["a", "b", "a b", "$ref", "__proto__"]), one()] as const))
  const member = (): Readonly<Record<string, Json>> => {
    switch (draw.below(22)) {
      case 0:
        return { properties: byName(), required: ["a"] }
      case 1:
        return { anyOf: list() }
      case 2:
        return { oneOf: list() }
      case 3:
        return { allOf: list() }
      case 4:
        return {
          $ref: draw.of(["#", "#/$defs/a", "#/definitions/a", "#here", "other.json", "#/$defs/%", "#/anyOf/0"], "#")
        }
      case 5:
        return { $defs: { a: one() } }
      case 6:
        return { definitions: { a: one() } }
      case 7:
        return { additionalProperties: draw.of<Json>([false, true, one()], false) }
      case 8:
        return { patternProperties: { [draw.of(["^a", "("], "^a")]: one() }, propertyNames: one() }
      case 9:
        // oxlint-disable-next-line unicorn/no-thenable -- a keyword of JSON Schema, in data that nobody awaits
        return { if: one(), then: one(), else: one() }
      case 10:
        return { not: one() }
      case 11:
        return { items: one(), prefixItems: list(), contains: one(), uniqueItems: true }
      case 12:
        return { const: draw.json() }
      case 13:
        return { enum: [draw.json(), draw.json()] }
      case 14:
        return { dependentRequired: { a: ["b"] }, dependentSchemas: { b: one() } }
      case 15:
        return { unevaluatedProperties: false, minProperties: draw.below(3) }
      case 16:
        return { pattern: draw.of(["^a$", "(", "\\p{L}"], "^a$"), minLength: 1, format: "date-time" }
      case 17:
        return { minimum: 0, exclusiveMaximum: 10, multipleOf: 0.5 }
      case 18:
        return {
          $anchor: "here",
          $id: "https://example.org/s",
          $schema: "https://json-schema.org/draft/2020-12/schema"
        }
      case 19:
        return { title: "T", description: draw.of(texts, ""), default: draw.json(), examples: [draw.json()] }
      case 20:
        return { $dynamicRef: "#here", $comment: "c", nullable: true }
      default:
        return { type: draw.of(types, "object") }
    }
  }
  return Object.assign({ type: "object" }, draw.below(3) === 0 ? {} : member(), ...draw.several(3, member)) as Json
}

const untyped = Schema.decodeUnknownSync(Schema.Any)

/** A tool as drawn: its schema, what it is shown as, and a handler that answers or fails with something drawn. */
export interface DrawnTool {
  readonly name: string
  readonly tool: Tool.Any
  readonly handler: () => Effect.Effect<unknown, unknown>
}

/** Tools of drawn names. */
export const tools = (draw: Draw): ReadonlyArray<DrawnTool> =>
  [...new Set(["look", ...draw.several(4, () => draw.word(names))])]
    .filter((name) => name !== "")
    .map((name) => {
      const shown = draw.several(3, () => (draw.below(2) === 0 ? file(draw) : { type: "text", text: draw.word(texts) }))
      const value = draw.of(results, () => null)(draw)
      const fails = draw.below(4) === 0
      return {
        name,
        tool: Tool.dynamic(name, {
          parameters:
            name === "look"
              ? draw.of([{ type: "object" }, {}, { type: "object", required: ["a"] }], {})
              : untyped(schema(draw)),
          success: Schema.Unknown,
          failure: Schema.Unknown,
          ...(draw.below(3) === 0 ? { toModelOutput: () => untyped(shown) } : {})
        }),
        handler: () => (fails ? Effect.fail(value) : Effect.succeed(value))
      }
    })

/** A toolkit of these tools, with their handlers. */
export const kitOf = (drawn: ReadonlyArray<DrawnTool>) => {
  const kit = Toolkit.make(...drawn.map(({ tool }) => tool))
  return Effect.provide(
    kit,
    kit.toLayer(untyped(Object.fromEntries(drawn.map(({ handler, name }) => [name, handler]))))
  )
}

/** A response of drawn parts; it calls the tools by the names that it was told. */
export const response = (draw: Draw, { tools = [] }: LanguageModelV4CallOptions): ReadonlyArray<Part> => {
  const metadata = () =>
    draw.below(3) === 0 ? { providerMetadata: { fake: { kept: draw.json(), gone: undefined } } } : {}
  const data = () =>
    draw.of<Extract<Part, { type: "file" }>["data"]>(
      [
        { type: "data", data: png },
        { type: "data", data: new Uint8Array([1, 2]) },
        { type: "url", url: new URL("https://example.org/a.png") }
      ],
      { type: "data", data: png }
    )
  const part = (): ReadonlyArray<Part> => {
    const id = draw.of(["0", "1", ""], "0")
    switch (draw.below(14)) {
      case 0:
        return [
          { type: "text-start", id, ...metadata() },
          { type: "text-delta", id, delta: draw.word(texts) }
        ]
      case 1:
        return [
          { type: "text-delta", id, delta: draw.word(texts) },
          { type: "text-end", id, ...metadata() }
        ]
      case 2:
        return [
          { type: "reasoning-start", id, ...metadata() },
          { type: "reasoning-delta", id, delta: draw.word(texts) },
          { type: "reasoning-end", id, ...metadata() }
        ]
      case 3: {
        const call = { toolCallId: draw.word(ids), toolName: draw.word(["search", "look"]), ...metadata() }
        const ran: Part = { type: "tool-call", ...call, input: input(draw), providerExecuted: true }
        const result: Part = {
          type: "tool-result",
          ...call,
          result: draw.json() ?? 0,
          isError: draw.below(3) === 0,
          preliminary: draw.below(4) === 0
        }
        return draw.of([[ran], [ran, result], [result], [ran, result, result]], [ran])
      }
      case 4:
        return [
          { type: "source", sourceType: "url", id, url: draw.word(["https://example.org", ""]), title: "Example" },
          { type: "source", sourceType: "document", id, mediaType: draw.word(medias), title: "Example" }
        ]
      case 5:
        return [
          { type: "raw", rawValue: { odd: 1n } },
          { type: "ping" },
          { type: "response-metadata", id: "r", modelId: draw.word(["fake-2", ""]) }
        ]
      case 6:
        return [
          {
            type: draw.of(["file", "reasoning-file"] as const, "file"),
            mediaType: draw.word(medias),
            data: data(),
            ...metadata()
          }
        ]
      case 7:
        return [{ type: "custom", kind: "fake.mark", ...metadata() }]
      case 8:
        return [{ type: "tool-approval-request", approvalId: "a", toolCallId: draw.word(ids) }]
      default: {
        const toolCallId = draw.word(ids)
        const told = tools.map(({ name }) => name)
        const toolName = draw.below(5) === 0 ? draw.word(names) : draw.of(told, "look")
        return [
          { type: "tool-input-start", id: toolCallId, toolName },
          { type: "tool-input-delta", id: toolCallId, delta: "{" },
          { type: "tool-input-end", id: toolCallId },
          { type: "tool-call", toolCallId, toolName, input: input(draw), dynamic: true, ...metadata() }
        ]
      }
    }
  }
  const warnings = draw.several(2, () =>
    draw.of<Extract<Part, { type: "stream-start" }>["warnings"][number]>(
      [
        { type: "unsupported", feature: "seed" },
        { type: "compatibility", feature: "topK", details: "d" },
        { type: "deprecated", setting: "s", message: "m" },
        { type: "other", message: "" }
      ],
      { type: "other", message: "o" }
    )
  )
  const raw = draw.word(["stop", "tool_use", "pause_turn", "eos", ""])
  const unified = draw.of(["stop", "tool-calls", "other"] as const, "stop")
  return [
    { type: "stream-start", warnings: [...warnings] },
    ...draw.several(6, part).flat(),
    finish(unified, { finishReason: { unified, raw: draw.below(5) === 0 ? undefined : raw } })
  ]
}
