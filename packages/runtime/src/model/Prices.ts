/**
 * The price book: `Prices` finds the price row of a model; it never calculates. The default has no prices: the cost of
 * a model without a price is unknown, and with `maxCostUsd` set a run on it is rejected before it starts.
 */
import { type Entry, Money } from "@reins/protocol"
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"

/**
 * Finds prices.
 *
 * @since 0.1.0
 * @category models
 */
export interface PriceBook {
  /**
   * The row for a model on a day (`at`: epoch milliseconds), or `undefined` where it is unknown. A row with an invalid
   * rate counts as unknown. Must be cheap: called at every step.
   */
  readonly find: (provider: string, model: string, at: number) => Entry.Price | undefined
}

/** No prices: the default. */
const none: PriceBook = { find: () => undefined }

/**
 * The book without invalid rows (`Money.isPrice`): their models have no price, and are not free. Each row is validated
 * once.
 *
 * @since 0.1.0
 * @category operations
 */
export const sound = (book: PriceBook): PriceBook => {
  if (book === none) return book
  const known = new WeakMap<Entry.Price, boolean>()
  return {
    find: (provider, model, at) => {
      const row = book.find(provider, model, at)
      if (row === undefined) return undefined
      let isSound = known.get(row)
      if (isSound === undefined) {
        isSound = Money.isPrice(row)
        known.set(row, isSound)
      }
      return isSound ? row : undefined
    }
  }
}

/**
 * The book, with a call of `tell` once for each model without a price; never for a runtime without any prices.
 *
 * @since 0.1.0
 * @category operations
 */
export const telling = (book: PriceBook, tell: (model: string) => void): PriceBook => {
  if (book === none) return book
  const told = new Set<string>()
  return {
    find: (provider, model, at) => {
      const row = book.find(provider, model, at)
      if (row === undefined && told.size < maxTold && !told.has(`${provider}/${model}`)) {
        told.add(`${provider}/${model}`)
        tell(`${provider}/${model}`)
      }
      return row
    }
  }
}

/** Bounded, since a port may name a new model in each answer. */
const maxTold = 1000

/**
 * The price book of a runtime. Read when the runtime's layer is built.
 *
 * @since 0.1.0
 * @category services
 */
export const Prices: Context.Reference<PriceBook> = Context.Reference<PriceBook>("@reins/runtime/Prices", {
  defaultValue: () => none
})

/**
 * A row of {@link layerTable}, in US dollars per million tokens.
 *
 * @since 0.1.0
 * @category models
 */
export interface PriceOptions {
  readonly inputPerMillionUsd: number
  readonly outputPerMillionUsd: number
  readonly cacheReadPerMillionUsd?: number
  readonly cacheWritePerMillionUsd?: number
  readonly cacheWriteLongPerMillionUsd?: number
  readonly reasoningPerMillionUsd?: number
  /** The fee per call of a tool that the provider runs itself, in US dollars, by tool name. */
  readonly toolFees?: { readonly [toolName: string]: number }
}

/**
 * Prices from a table keyed `provider/model`, for tests, private models and agreed prices. Matches exactly or not at
 * all.
 *
 * **Example** (A price per million tokens)
 *
 * ```ts
 * import { Prices } from "@reins/runtime"
 *
 * export const layer = Prices.layerTable({ "acme/small": { inputPerMillionUsd: 0.5, outputPerMillionUsd: 1.5 } })
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layerTable = (
  rows: { readonly [providerAndModel: string]: PriceOptions },
  source = "table"
): Layer.Layer<never> => {
  const book = new Map<string, Entry.Price>()
  for (const [key, row] of Object.entries(rows)) {
    book.set(key, { model: key.slice(key.indexOf("/") + 1), match: "exact", source, ...row })
  }
  return Layer.succeed(Prices, { find: (provider, model) => book.get(`${provider}/${model}`) })
}
