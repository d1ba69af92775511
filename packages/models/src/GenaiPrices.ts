/**
 * Prices of public models, from the data of `@pydantic/genai-prices`: dated prices, cache reads and writes, rates for
 * long inputs.
 *
 * A model that the data do not list has no price; prices are never guessed from another provider. Limits of a row:
 * audio and image tokens are charged at the text rates. Fees for provider-run tools are not in the data: such calls
 * count as unpriced, unless a price file names them.
 */
import { type Entry, Money } from "@reins/protocol"
import { Prices } from "@reins/runtime"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import type * as Genai from "@pydantic/genai-prices"

/**
 * The source of the data.
 *
 * @since 0.1.0
 * @category constants
 */
export const source = "genai-prices 0.1.8"

/**
 * Prices of public models. The data are loaded when the layer is built, in about 50 ms.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<never> = Layer.effect(
  Prices.Prices,
  Effect.map(
    Effect.promise(() => import("@pydantic/genai-prices")),
    (genai) => book(genai)
  )
)

/**
 * A price book over the data with a cache: it is asked at every step, but looks a price up once a day, or once a minute
 * where prices change within a day.
 *
 * @since 0.1.0
 * @category operations
 */
export const book = (genai: Pick<typeof Genai, "calcPrice" | "findProvider">): Prices.PriceBook => {
  const found = new Map<string, { readonly until: number; readonly price: Entry.Price | undefined }>()
  return {
    find: (provider, model, at) => {
      const key = `${provider}/${model}`
      const known = found.get(key)
      if (known !== undefined && at < known.until && at >= known.until - day) return known.price
      const { changesWithinDay, price } = look(genai, provider, model, at)
      const span = changesWithinDay ? minute : day
      found.set(key, { until: at - (at % span) + span, price })
      return price
    }
  }
}

const day = 86_400_000
const minute = 60_000

/** Names that providers have elsewhere. Matched exactly, never as a substring. */
const aliases: { readonly [name: string]: string } = {
  xai: "x-ai",
  vertex: "google",
  "google-vertex": "google",
  bedrock: "aws",
  "amazon-bedrock": "aws",
  togetherai: "together"
}

const look = (
  genai: Pick<typeof Genai, "calcPrice" | "findProvider">,
  name: string,
  model: string,
  at: number
): { readonly price: Entry.Price | undefined; readonly changesWithinDay: boolean } => {
  const id = aliases[name] ?? name
  const provider = genai.findProvider({ providerId: id })
  if (provider === undefined || provider.id !== id) return { price: undefined, changesWithinDay: false }
  const timestamp = DateTime.toDateUtc(DateTime.makeUnsafe(at))
  const match = genai.calcPrice({}, model, { provider, timestamp })
  if (match === null) return { price: undefined, changesWithinDay: false }
  const { id: row, prices } = match.model
  return {
    price: priceOf(match.model_price, row, row === model),
    changesWithinDay: Array.isArray(prices) && prices.some((one) => one.constraint?.type === "time_of_date")
  }
}

const priceOf = (prices: Genai.ModelPrice, model: string, exact: boolean): Entry.Price | undefined => {
  const starts = new Set<number>()
  for (const price of Object.values(prices)) {
    if (price !== undefined && !Predicate.isNumber(price)) for (const tier of price.tiers) starts.add(tier.start)
  }
  const base = ratesAt(prices, undefined)
  if (base === undefined) return undefined
  const tiers = [...starts]
    .toSorted((a, b) => a - b)
    .flatMap((start) => {
      const rates = ratesAt(prices, start)
      return rates === undefined ? [] : [{ aboveInputTokens: start, ...rates }]
    })
  const row: Entry.Price = {
    model,
    match: exact ? "exact" : "prefix",
    source,
    ...base,
    ...(tiers.length === 0 ? {} : { tiers })
  }
  return Money.isPrice(row) ? row : undefined
}

/** The rates above so many tokens, or without a tier. A row without an input and an output price gives no price. */
const ratesAt = (prices: Genai.ModelPrice, start: number | undefined) => {
  const rate = (key: string): number | undefined => {
    const price = prices[key]
    if (price === undefined || Predicate.isNumber(price)) return price
    if (start === undefined) return price.base
    let value = price.base
    for (const tier of price.tiers) if (tier.start <= start) value = tier.price
    return value
  }
  const input = rate("input_mtok")
  const output = rate("output_mtok")
  if (input === undefined || output === undefined) return undefined
  const cacheRead = rate("cache_read_mtok")
  const cacheWrite = rate("cache_write_mtok")
  const cacheWriteLong = rate("cache_write_1h_mtok") ?? cacheWrite
  const reasoning = rate("output_reasoning_mtok")
  return {
    inputPerMillionUsd: input,
    outputPerMillionUsd: output,
    ...(cacheRead === undefined ? {} : { cacheReadPerMillionUsd: cacheRead }),
    ...(cacheWrite === undefined ? {} : { cacheWritePerMillionUsd: cacheWrite }),
    ...(cacheWriteLong === undefined ? {} : { cacheWriteLongPerMillionUsd: cacheWriteLong }),
    ...(reasoning === undefined ? {} : { reasoningPerMillionUsd: reasoning })
  }
}
