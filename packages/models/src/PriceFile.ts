/**
 * Custom prices from a JSON file: negotiated prices, private models, corrections. It overrides the prices beneath it;
 * models that it does not name are looked up there.
 *
 * Two formats are accepted. Ours is keyed `provider/model`, in US dollars per million tokens, with the fields of a
 * price row: `{ "openai/gpt-5.2": { "inputPerMillionUsd": 1.75, "outputPerMillionUsd": 14 } }`, and `toolFees` for
 * provider-run tools, in US dollars per call: `"toolFees": { "web_search": 0.01 }`. The other is LiteLLM's, in US
 * dollars per token. An incomplete row is an error, never a price of 0.
 */
import { type Entry, Money } from "@reins/protocol"
import { Prices } from "@reins/runtime"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import type { PlatformError } from "effect/PlatformError"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as JsonValue from "./aisdk/JsonValue.ts"

/**
 * An invalid price file: lists every invalid row and its problem.
 *
 * @since 0.1.0
 * @category errors
 */
export class PriceFileInvalid extends Schema.TaggedError<PriceFileInvalid>()("PriceFileInvalid", {
  file: Schema.String,
  problems: Schema.Array(Schema.String)
}) {
  override get message() {
    return `Invalid price file ${this.file}: ${this.problems.join("; ")}`
  }
}

/**
 * Rows by `provider/model`.
 *
 * @since 0.1.0
 * @category models
 */
export type Rows = ReadonlyMap<string, Entry.Price>

/**
 * Puts the prices of a file on top of those beneath it. Reads the file once, when the layer is built.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (path: string): Layer.Layer<never, PriceFileInvalid | PlatformError, FileSystem.FileSystem> =>
  Layer.effect(
    Prices.Prices,
    Effect.gen(function* () {
      const beneath = yield* Prices.Prices
      const files = yield* FileSystem.FileSystem
      const rows = yield* Effect.fromResult(parse(yield* files.readFileString(path), path))
      return over(rows, beneath)
    })
  )

/**
 * A price book that looks in the rows first. They match by exact name only.
 *
 * @since 0.1.0
 * @category operations
 */
export const over = (rows: Rows, beneath: Prices.PriceBook): Prices.PriceBook => ({
  find: (provider, model, at) => rows.get(`${provider}/${model}`) ?? beneath.find(provider, model, at)
})

/**
 * Parses a file's text. `file` is its name, for errors and as the rows' source. Pure.
 *
 * @since 0.1.0
 * @category conversions
 */
export const parse = (text: string, file: string): Result.Result<Rows, PriceFileInvalid> => {
  const invalid = (...problems: ReadonlyArray<string>) => Result.fail(new PriceFileInvalid({ file, problems }))
  const value = JsonValue.parse(text)
  if (value === undefined) return invalid("not valid JSON")
  if (!JsonValue.isObject(value)) return invalid("the top level must be an object keyed by model")
  const rows = new Map<string, Entry.Price>()
  const problems: Array<string> = []
  for (const [key, entry] of Object.entries(value)) {
    if (!JsonValue.isObject(entry)) {
      problems.push(`${key} must be an object with prices`)
      continue
    }
    const read = isForeign(entry) ? readForeign(key, entry) : readOwn(key, entry)
    if (read === undefined) continue
    const row = finish(read, file)
    if (Predicate.isString(row)) problems.push(`${key} ${row}`)
    else rows.set(read.key, row)
  }
  return problems.length > 0 ? invalid(...problems) : Result.succeed(rows)
}

type Fields = { readonly [field: string]: unknown }

/** A parsed row before validation: its key, and its rates in US dollars per million tokens. */
interface Read {
  readonly key: string
  readonly rates: Fields
  readonly tiers: ReadonlyArray<{ readonly aboveInputTokens: number; readonly rates: Fields }>
  /** Unknown fields, most likely typos that leave a price missing. */
  readonly unknown: ReadonlyArray<string>
}

const required = ["inputPerMillionUsd", "outputPerMillionUsd"] as const
const optional = [
  "cacheReadPerMillionUsd",
  "cacheWritePerMillionUsd",
  "cacheWriteLongPerMillionUsd",
  "reasoningPerMillionUsd"
] as const

/** The validated row, or its problem. */
const finish = (read: Read, file: string): Entry.Price | string => {
  if (!/^[^/]+\/.+$/.test(read.key)) return "has no provider. Use provider/model as the key"
  if (read.unknown.length > 0) return `has an unknown field: ${read.unknown.join(", ")}`
  const base = rates(read.rates)
  if (Predicate.isString(base)) return base
  const tiers: Array<Entry.PriceTier> = []
  for (const tier of read.tiers) {
    if (!Number.isSafeInteger(tier.aboveInputTokens) || tier.aboveInputTokens < 0)
      return "has a tier without aboveInputTokens"
    const own = rates({ ...read.rates, ...tier.rates })
    if (Predicate.isString(own)) return `${own} above ${tier.aboveInputTokens} tokens`
    tiers.push({ aboveInputTokens: tier.aboveInputTokens, ...own })
  }
  const fees = feesOf(read.rates["toolFees"])
  if (Predicate.isString(fees)) return fees
  const model = read.key.slice(read.key.indexOf("/") + 1)
  const row: Entry.Price = {
    model,
    match: "exact",
    source: file,
    ...base,
    ...(tiers.length === 0 ? {} : { tiers }),
    ...fees
  }
  return Money.isPrice(row) ? row : "has an invalid price. Use numbers of US dollars, 0 or more"
}

/** Fees of provider-run tools, in US dollars per call, by tool name. */
const feesOf = (value: unknown): { readonly toolFees?: { readonly [tool: string]: number } } | string => {
  if (value === undefined) return {}
  if (!JsonValue.isObject(value)) return "needs an object in toolFees"
  const toolFees: { [tool: string]: number } = {}
  for (const [tool, fee] of Object.entries(value)) {
    if (!Predicate.isNumber(fee) || !(fee >= 0 && fee < Number.POSITIVE_INFINITY))
      return `needs a number in toolFees.${tool}`
    toolFees[tool] = fee
  }
  return { toolFees }
}

const rates = (fields: Fields): Omit<Entry.PriceTier, "aboveInputTokens"> | string => {
  const out: { [field: string]: number } = {}
  for (const field of [...required, ...optional]) {
    const value = fields[field]
    if (value === undefined) continue
    if (!Predicate.isNumber(value) || !(value >= 0 && value < Number.POSITIVE_INFINITY))
      return `needs a number in ${field}`
    out[field] = value
  }
  const { inputPerMillionUsd, outputPerMillionUsd, ...more } = out
  if (inputPerMillionUsd === undefined) return "needs inputPerMillionUsd"
  if (outputPerMillionUsd === undefined) return "needs outputPerMillionUsd"
  return { inputPerMillionUsd, outputPerMillionUsd, ...more }
}

const readOwn = (key: string, entry: Fields): Read => ({
  key,
  rates: entry,
  tiers: list(entry["tiers"]).map((tier) => {
    const fields = JsonValue.isObject(tier) ? tier : {}
    const above = fields["aboveInputTokens"]
    return { aboveInputTokens: Predicate.isNumber(above) ? above : Number.NaN, rates: fields }
  }),
  unknown: Object.keys(entry).filter((field) => !ownFields.has(field))
})

const list = (value: unknown): ReadonlyArray<unknown> =>
  Array.isArray(value) ? value : value === undefined ? [] : [value]

const ownFields: ReadonlySet<string> = new Set([
  ...required,
  ...optional,
  "tiers",
  "toolFees",
  "model",
  "match",
  "source"
])

const isForeign = (entry: Fields): boolean =>
  "litellm_provider" in entry || Object.keys(entry).some((field) => field.endsWith("_per_token"))

/** LiteLLM's field names and ours. */
const foreign: ReadonlyArray<readonly [theirs: string, ours: string]> = [
  ["input_cost_per_token", "inputPerMillionUsd"],
  ["output_cost_per_token", "outputPerMillionUsd"],
  ["cache_read_input_token_cost", "cacheReadPerMillionUsd"],
  ["cache_creation_input_token_cost", "cacheWritePerMillionUsd"],
  ["cache_creation_input_token_cost_above_1hr", "cacheWriteLongPerMillionUsd"],
  ["output_cost_per_reasoning_token", "reasoningPerMillionUsd"]
]

const providers: { readonly [theirs: string]: string } = {
  gemini: "google",
  cohere_chat: "cohere",
  vertex_ai: "google"
}

/** Rows of other kinds of models, and rows without any price, are ignored. */
const readForeign = (key: string, entry: Fields): Read | undefined => {
  const { litellm_provider: named, mode } = entry
  if (mode !== undefined && mode !== "chat" && mode !== "completion" && mode !== "responses") return undefined
  if (!foreign.some(([theirs]) => theirs in entry)) return undefined
  const from = Predicate.isString(named) ? named : key.slice(0, Math.max(0, key.indexOf("/")))
  const provider = providers[from] ?? from
  const model = key.startsWith(`${from}/`) ? key.slice(from.length + 1) : key
  const thresholds = new Set(Object.keys(entry).flatMap((field) => /_above_(\d+)k_tokens$/.exec(field)?.[1] ?? []))
  return {
    key: provider === "" ? key : `${provider}/${model}`,
    rates: translated(entry, ""),
    unknown: [],
    tiers: Array.from(thresholds, (thousands) => ({
      aboveInputTokens: Number(thousands) * 1000,
      rates: translated(entry, `_above_${thousands}k_tokens`)
    }))
  }
}

const translated = (entry: Fields, suffix: string): Fields =>
  Object.fromEntries(
    foreign.flatMap(([theirs, ours]) => {
      const value = entry[theirs + suffix]
      return value === undefined ? [] : [[ours, Predicate.isNumber(value) ? perMillion(value) : value]]
    })
  )

/** Keeps decimals exact: 0.000003 per token is 3 per million, not the nearest binary fraction. */
const perMillion = (perToken: number): number => Number((perToken * 1e6).toPrecision(12))
