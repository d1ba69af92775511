/** Where a runtime without Effect asks providers what responses have really used. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as UsageLookup from "../model/UsageLookup.ts"

/**
 * A lookup with promises; see `UsageLookup.Lookup`. A lookup of Effect, such as `OpenAiUsage.make` of `@reins/models`,
 * can stand in its place.
 *
 * @since 0.2.0
 * @category models
 */
export interface AsyncUsageLookup extends Omit<UsageLookup.Lookup, "find"> {
  readonly find: (asked: UsageLookup.Asked) => Promise<UsageLookup.Found> | UsageLookup.Found
}

/**
 * The lookups of a runtime.
 *
 * @since 0.2.0
 * @category models
 */
export interface UsageLookups {
  /**
   * How providers are asked for what a response has really used whose report did not arrive, and when; the cost ledger
   * follows. See `UsageLookup.Options`. Absent: estimates stay until they are corrected by `costs.correct`.
   */
  readonly usageLookups?:
    | (Omit<UsageLookup.Options, "lookups"> & {
        readonly lookups: ReadonlyArray<AsyncUsageLookup | UsageLookup.Lookup>
      })
    | undefined
}

export const layerOf = (given: UsageLookups["usageLookups"]): Layer.Layer<never> =>
  given === undefined
    ? Layer.empty
    : UsageLookup.layer({
        ...given,
        lookups: given.lookups.map(({ find, ...rest }) => ({
          ...rest,
          find: (asked): Effect.Effect<UsageLookup.Found, unknown> =>
            Effect.suspend(() => {
              const found = find(asked)
              return Effect.isEffect(found) ? found : Effect.tryPromise(() => Promise.resolve(found))
            })
        }))
      })
