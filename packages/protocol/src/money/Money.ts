/**
 * Money in whole nano-dollars (10⁻⁹ USD), and what a model call costs at a price.
 *
 * Amounts are integers, so that they add up exactly in any order. Prices are interpreted as the decimal numbers that
 * they are written as: 0.075 USD per million tokens is 75 thousandths, not the nearest binary fraction. A row is
 * rounded once, half up.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Count from "./Count.ts"
import type { Price, PriceTier } from "./Entry.ts"
import { inputTokens as inputOf, type Usage } from "./Usage.ts"

/**
 * Whole nano-dollars (10⁻⁹ USD). Exact up to `max`.
 *
 * @since 0.1.0
 * @category models
 */
export type NanoUsd = number

/**
 * The largest amount that is exact: 9,007,199.254740991 USD. Larger results are set to it.
 *
 * @since 0.1.0
 * @category constants
 */
export const max: NanoUsd = Count.max

/** `units / 10 ** scale`, exactly. */
interface Decimal {
  readonly units: bigint
  readonly scale: number
}

/** The decimal that `n` is written as; `n` is finite and not negative. */
const decimal = (n: number): Decimal => {
  const [mantissa = "0", exponent = "0"] = String(n).split("e")
  const [whole = "0", fraction = ""] = mantissa.split(".")
  return { units: BigInt(whole + fraction), scale: fraction.length - Number(exponent) }
}

const shift = (units: bigint, places: number): bigint => units * 10n ** BigInt(places)

const roundHalfUp = (units: bigint, scale: number): bigint => {
  if (scale <= 0) return shift(units, -scale)
  const one = shift(1n, scale)
  return (units + one / 2n) / one
}

const bounded = (amount: bigint): NanoUsd => (amount > BigInt(max) ? max : Number(amount))

/**
 * US dollars as nano-dollars, rounded half up where there are more than nine decimals. `undefined` for an invalid
 * amount: negative, NaN, infinite, or above `max`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromUsd = (usd: number): NanoUsd | undefined => {
  // Code without types may give text, which compares as a number.
  if (typeof usd !== "number" || !(usd >= 0 && usd < Infinity)) return undefined
  const { scale, units } = decimal(usd)
  const amount = roundHalfUp(units, scale - 9)
  return amount > BigInt(max) ? undefined : Number(amount)
}

/** A number is shown, and text that looks like one; other values may be anything. */
const shown = (amount: unknown): string => {
  if (amount === null || amount === undefined || typeof amount === "number") return String(amount)
  if (typeof amount === "string" && amount.length <= 20 && !Number.isNaN(Number(amount))) return JSON.stringify(amount)
  return `a value of type ${typeof amount}`
}

/**
 * An invalid amount of US dollars. `field` is the name of the setting or the report. `amount` is what was given, also by code
 * without types.
 *
 * @since 0.1.0
 * @category errors
 */
export class InvalidAmount extends Schema.TaggedError<InvalidAmount>()("InvalidAmount", {
  field: Schema.String,
  amount: Schema.Unknown
}) {
  override get message() {
    return `Invalid ${this.field}: ${shown(this.amount)}. Use US dollars from 0 to ${format(max).slice(1)}`
  }
}

/**
 * As `fromUsd`, for external amounts: fails if an amount cannot be represented, so that none is counted as 0. `field`
 * is for the error message.
 *
 * @since 0.1.0
 * @category conversions
 */
export const parseUsd = (field: string, usd: number): Result.Result<NanoUsd, InvalidAmount> => {
  const amount = fromUsd(usd)
  return amount === undefined ? Result.fail(new InvalidAmount({ field, amount: usd })) : Result.succeed(amount)
}

/**
 * The amount times a count, at most `max`.
 *
 * @since 0.1.0
 * @category operations
 */
export const times = (amount: NanoUsd, count: number): NanoUsd =>
  amount === 0 || count === 0 ? 0 : Math.min(amount * count, max)

/**
 * Nano-dollars as US dollars, the nearest number. `fromUsd` converts it back exactly up to 8 million dollars.
 *
 * @since 0.1.0
 * @category conversions
 */
export const toUsd = (amount: NanoUsd): number => amount / 1e9

/**
 * `"$0.001234"`: all decimals, at least two, never an exponent.
 *
 * @since 0.1.0
 * @category operations
 */
export const format = (amount: NanoUsd): string => {
  if (amount < 0) return `-${format(-amount)}`
  const digits = String(amount).padStart(10, "0")
  return `$${digits.slice(0, -9)}.${digits.slice(-9).replace(/0{1,7}$/, "")}`
}

/**
 * The sum of two amounts, at most `max`.
 *
 * @since 0.1.0
 * @category operations
 */
export const add = (a: NanoUsd, b: NanoUsd): NanoUsd => Count.add(a, b)

/** Tokens, and what a million of them cost in US dollars. */
type Part = readonly [tokens: number, perMillionUsd: number]

const rate = (perMillionUsd: number): number => (perMillionUsd > 0 && perMillionUsd < Infinity ? perMillionUsd : 0)

/**
 * A million tokens at 1 USD cost 10⁻⁶ USD each, so a price with up to six decimals is a whole number of pico-dollars a
 * token. NaN where it is not, or where the product would not be exact.
 */
const pico = (tokens: number, perMillionUsd: number): number => {
  if (tokens === 0) return 0
  const each = Math.round(perMillionUsd * 1e6)
  const product = tokens * each
  return each / 1e6 === perMillionUsd && product <= Number.MAX_SAFE_INTEGER ? product : NaN
}

/**
 * Pico-dollars as nano-dollars, rounded half up; `undefined` where the sum is not exact, and `sumExactly` is needed.
 */
const fromPico = (total: number): NanoUsd | undefined => {
  if (!(total <= Number.MAX_SAFE_INTEGER)) return undefined
  // The quotient may be rounded up to the next whole number; the rest is then negative, and the result is the same.
  const whole = Math.floor(total / 1000)
  return total - whole * 1000 >= 500 ? whole + 1 : whole
}

const sumExactly = (parts: ReadonlyArray<Part>): NanoUsd => {
  const prices = parts.map(([, perMillionUsd]) => decimal(perMillionUsd))
  const scale = Math.max(...prices.map((price) => price.scale))
  let sum = 0n
  for (const [index, price] of prices.entries()) {
    sum += BigInt(parts[index]?.[0] ?? 0) * shift(price.units, scale - price.scale)
  }
  return bounded(roundHalfUp(sum, scale - 3))
}

type Rates = Omit<PriceTier, "aboveInputTokens">

/** The rates for a call with this number of input tokens. */
const ratesFor = (price: Price, inputTokens: number): Rates => {
  if (price.tiers === undefined) return price
  let found: PriceTier | undefined
  for (const tier of price.tiers) {
    if (inputTokens > tier.aboveInputTokens && tier.aboveInputTokens >= (found?.aboveInputTokens ?? 0)) found = tier
  }
  return found ?? price
}

/**
 * What `usage` costs at `price`: each part at its own price, exact, rounded half up once.
 *
 * **Details**
 * - An absent cache price is the input price, an absent reasoning price the output price; an unknown part costs
 *   nothing.
 * - The row must pass `isPrice`: the runtime treats any other row as no price, so that its calls are unpriced and not
 *   free. Here an invalid rate counts as 0.
 * - Above `max` the cost is `max`.
 *
 * @since 0.1.0
 * @category operations
 */
export const costOf = (usage: Usage, row: Price): { readonly nanoUsd: NanoUsd } => {
  const price = row.tiers === undefined ? row : ratesFor(row, inputOf(usage))
  const input = rate(price.inputPerMillionUsd)
  const output = rate(price.outputPerMillionUsd)
  // Most answers have no other parts.
  if (isPlain(usage)) {
    const sum = pico(Count.whole(usage.inputUncached), input) + pico(Count.whole(usage.outputText), output)
    const nanoUsd = fromPico(sum)
    if (nanoUsd !== undefined) return { nanoUsd }
  }
  const read = rate(price.cacheReadPerMillionUsd ?? input)
  const write = rate(price.cacheWritePerMillionUsd ?? input)
  const writeLong = rate(price.cacheWriteLongPerMillionUsd ?? input)
  const reasoning = rate(price.reasoningPerMillionUsd ?? output)
  const inputUncached = Count.whole(usage.inputUncached)
  const inputCacheRead = Count.whole(usage.inputCacheRead)
  const inputCacheWrite = Count.whole(usage.inputCacheWrite)
  const inputCacheWriteLong = Count.whole(usage.inputCacheWriteLong)
  const outputText = Count.whole(usage.outputText)
  const outputReasoning = Count.whole(usage.outputReasoning)
  const plain = fromPico(
    pico(inputUncached, input) +
      pico(inputCacheRead, read) +
      pico(inputCacheWrite, write) +
      pico(inputCacheWriteLong, writeLong) +
      pico(outputText, output) +
      pico(outputReasoning, reasoning)
  )
  return {
    nanoUsd:
      plain ??
      sumExactly([
        [inputUncached, input],
        [inputCacheRead, read],
        [inputCacheWrite, write],
        [inputCacheWriteLong, writeLong],
        [outputText, output],
        [outputReasoning, reasoning]
      ])
  }
}

/** Whether only plain input and text were reported. */
const isPlain = (usage: Usage): boolean =>
  usage.inputCacheRead === undefined &&
  usage.inputCacheWrite === undefined &&
  usage.inputCacheWriteLong === undefined &&
  usage.outputReasoning === undefined

const isRate = (usd: number | undefined): boolean => usd === undefined || (usd >= 0 && usd < Infinity)

const areRates = (rates: Rates): boolean =>
  isRate(rates.inputPerMillionUsd) &&
  isRate(rates.outputPerMillionUsd) &&
  isRate(rates.cacheReadPerMillionUsd) &&
  isRate(rates.cacheWritePerMillionUsd) &&
  isRate(rates.cacheWriteLongPerMillionUsd) &&
  isRate(rates.reasoningPerMillionUsd)

/**
 * True when every rate of the row, and every fee, is a number of at least 0 and finite.
 *
 * @since 0.1.0
 * @category guards
 */
export const isPrice = (price: Price): boolean =>
  areRates(price) &&
  (price.tiers === undefined || price.tiers.every(areRates)) &&
  (price.toolFees === undefined || Object.values(price.toolFees).every(isRate))

const dearestInput = (price: Rates): number =>
  Math.max(
    rate(price.inputPerMillionUsd),
    rate(price.cacheReadPerMillionUsd ?? 0),
    rate(price.cacheWritePerMillionUsd ?? 0),
    rate(price.cacheWriteLongPerMillionUsd ?? 0)
  )

const dearestOutput = (price: Rates): number =>
  Math.max(rate(price.outputPerMillionUsd), rate(price.reasoningPerMillionUsd ?? 0))

/**
 * The maximum cost of a call with these tokens: all input at the highest input rate of the row (a cache write, if it
 * has one), all output at the highest output rate. Reserve this before a model call.
 *
 * @since 0.1.0
 * @category operations
 */
export const mostFor = (row: Price, inputTokens: number, outputTokens: number): NanoUsd => {
  const price = ratesFor(row, inputTokens)
  const input = dearestInput(price)
  const output = dearestOutput(price)
  const tokensIn = Count.whole(inputTokens)
  const tokensOut = Count.whole(outputTokens)
  const plain = fromPico(pico(tokensIn, input) + pico(tokensOut, output))
  return (
    plain ??
    sumExactly([
      [tokensIn, input],
      [tokensOut, output]
    ])
  )
}

/**
 * The most output tokens for which `mostFor` stays within `amount`: 0 when the input alone costs as much, `Infinity`
 * when output is free.
 *
 * @since 0.1.0
 * @category operations
 */
export const outputTokensFor = (row: Price, inputTokens: number, amount: NanoUsd): number => {
  const price = ratesFor(row, inputTokens)
  const input = decimal(dearestInput(price))
  const output = decimal(dearestOutput(price))
  const scale = Math.max(input.scale, output.scale, 3)
  // Rounded half up, the cost is within the amount while it is less than the amount plus a half. All terms are doubled
  // to stay whole.
  const room =
    shift(2n * BigInt(Count.whole(amount)) + 1n, scale - 3) -
    2n * BigInt(Count.whole(inputTokens)) * shift(input.units, scale - input.scale)
  if (room <= 0n) return 0
  if (output.units === 0n) return Infinity
  return Number((room - 1n) / (2n * shift(output.units, scale - output.scale)))
}
