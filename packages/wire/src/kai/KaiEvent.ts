/**
 * The Kai events that we send, in both forms. Its client reads data only, with the type inside; it passes unknown types
 * through, and ours go as `data-…`, so that no name it parses is reused.
 *
 * The reference (source 003) and the JSON lines of its CLI have the name beside the data, and keys in snake_case.
 * `x-kai-events: wrapped`, `events=wrapped` in the query, or NDJSON asks for this form.
 */
import type { Json } from "@reins/protocol"
import * as Schema from "effect/Schema"
import type { Request } from "../Dialect.ts"

const Text = Schema.String

/** Tool inputs and outputs: the client accepts objects only. */
const Value = Schema.Record(Schema.String, Schema.Json)

/**
 * An event of the stream, as its clients read it.
 *
 * @since 0.1.0
 * @category schemas
 */
export const KaiEvent = Schema.Union([
  Schema.Struct({ type: Schema.Literal("start"), messageId: Text }),
  Schema.Struct({ type: Schema.Literal("text"), text: Text, state: Schema.Literals(["streaming", "complete"]) }),
  Schema.Struct({ type: Schema.Literal("step-start") }),
  Schema.Struct({
    type: Schema.Literal("tool-call"),
    toolCallId: Text,
    toolName: Text,
    state: Schema.Literals(["started", "input-available", "output-available", "output-error", "output-denied"]),
    input: Schema.optionalKey(Value),
    output: Schema.optionalKey(Value),
    errorText: Schema.optionalKey(Text),
    approval: Schema.optionalKey(Schema.Struct({ id: Text }))
  }),
  Schema.Struct({ type: Schema.Literal("tool-output-error"), toolCallId: Text, errorText: Text }),
  Schema.Struct({ type: Schema.Literal("tool-approval-request"), approvalId: Text, toolCallId: Text }),
  Schema.Struct({
    type: Schema.Literal("data-usage"),
    data: Schema.Struct({ promptTokens: Schema.Natural, completionTokens: Schema.Natural })
  }),
  Schema.Struct({ type: Schema.Literal("finish"), finishReason: Text }),
  Schema.Struct({ type: Schema.Literal("error"), message: Text, code: Text }),
  Schema.Struct({ type: Schema.TemplateLiteral(["data-reins-", Schema.String]), data: Schema.Unknown })
])
export type KaiEvent = typeof KaiEvent.Type

/** `typed`: `{type, …}`. `wrapped`: `{event, data}`. */
export type Form = "typed" | "wrapped"

export const wantsLines = ({ headers }: Request): boolean => (headers["accept"] ?? "").includes("application/x-ndjson")

export const formOf = (request: Request): Form => {
  const asked = request.headers["x-kai-events"] ?? request.query["events"]
  return asked === "wrapped" || (asked === undefined && wantsLines(request)) ? "wrapped" : "typed"
}

const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

/** Names are ours to write; what stands under `input`, `output` and in our own `data-reins-…` is not. */
const renamed = (fields: object): Record<string, unknown> =>
  Object.fromEntries(Object.entries(fields).map(([name, value]) => [snake(name), value]))

/**
 * An event under its name. A call says `null` where it has no input or output.
 *
 * @since 0.1.0
 * @category operations
 */
export const wrap = (event: KaiEvent): { readonly event: string; readonly data: unknown } => {
  const { type, ...fields } = event
  if ("data" in event) {
    const { data } = event
    return { event: type, data: type === "data-usage" && isRecord(data) ? renamed(data) : data }
  }
  const absent: { readonly [field: string]: Json } = type === "tool-call" ? { input: null, output: null } : {}
  return { event: type, data: { ...absent, ...renamed(fields) } }
}

const isRecord = (value: unknown): value is object => typeof value === "object" && value !== null
