/**
 * What models cost. `Prices` finds the price row of a model; it never calculates. The default knows no price at all: an
 * unknown price is unknown, and with `maxCostUsd` set a run on such a model is refused before it starts.
 */
import { type Entry, Money } from "@reins/protocol"
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"

/** Knows prices. */
export interface PriceBook {
  /** The row for a model on a day (`at`: epoch milliseconds), or `undefined` where it is unknown. A row with a rate that is no amount counts as unknown. Must be cheap: asked at every step. */
  readonly find: (provider: string, model: string, at: number) => Entry.Price | undefined
}

/**
 * The book without rows that nothing can be priced by (`Money.isPrice`): what such a row would price is unpriced, and not free. Each row
 * is looked at once.
 */
export const sound = (book: PriceBook): PriceBook => {
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

/** The price book of a runtime. Read when the runtime's layer is built. */
export const Prices: Context.Reference<PriceBook> = Context.Reference<PriceBook>("@reins/runtime/Prices", {
  defaultValue: () => ({ find: () => undefined })
})

/** A row of {@link layerTable}, in US dollars per million tokens. */
export interface PriceOptions {
  readonly inputPerMillionUsd: number
  readonly outputPerMillionUsd: number
  readonly cacheReadPerMillionUsd?: number
  readonly cacheWritePerMillionUsd?: number
  readonly cacheWriteLongPerMillionUsd?: number
  readonly reasoningPerMillionUsd?: number
  /** What a call of a tool costs that the provider runs itself, in US dollars, by tool name. */
  readonly toolFees?: { readonly [toolName: string]: number }
}

/** Prices from a table keyed `provider/model`, for tests, private models and agreed prices. Matches exactly or not at all. */
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
