/**
 * Kai's events in the form that its reference and its CLI's JSON lines have: the name beside the data, keys in
 * snake_case. Other clients read the type inside of the data; `x-kai-events: wrapped`, `events=wrapped` in the query,
 * or NDJSON asks for this form.
 */
import type { Json } from "@reins/protocol"
import type { Request } from "../Dialect.ts"
import type { KaiEvent } from "./KaiEvent.ts"

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
