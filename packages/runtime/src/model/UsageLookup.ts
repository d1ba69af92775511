/**
 * Asks a provider what a response has really used, where its report did not arrive: an answer was cut, or its process
 * died. The cost ledger's estimates are corrected by what it says (`runtime/Reconciliation.ts`). Off unless a program
 * provides lookups.
 */
import { Budget, Money, Usage } from "@reins/protocol"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Rule from "../kernel/OptionRule.ts"
import * as SchemaCheck from "../kernel/SchemaCheck.ts"

/**
 * What is known of a request.
 *
 * **Details**
 * - `responseId`: the provider's id of its response.
 * - `requestedAt`: when the request's row in the ledger begins, in epoch milliseconds.
 * - `resourceId`, `principal`: the tenant, and the id of who started the run; absent: it has no principal.
 * - `key`, `baseURL`: the tenant's own credentials, by `ModelCredentials` or `providerKeys`; absent: the lookup's own
 *   are meant.
 *
 * @since 0.2.0
 * @category models
 */
export interface Asked {
  readonly provider: string
  readonly model: string
  readonly responseId: string
  readonly requestedAt: number
  readonly runId: string
  readonly resourceId: string
  readonly principal?: string | undefined
  readonly key?: Redacted.Redacted | undefined
  readonly baseURL?: string | undefined
}

/**
 * What a provider says of a response.
 *
 * **Details**
 * - `Reported`: `usage` of this response alone. `costUsd`: what it charged in US dollars, without fees of its tools;
 *   absent: the usage at the price of the request.
 * - `NotYet`: it is asked again later.
 * - `Never`: it keeps no such response, or no usage of it; the estimate stays.
 *
 * @since 0.2.0
 * @category models
 */
export type Found =
  | { readonly _tag: "Reported"; readonly usage: Usage.Usage; readonly costUsd?: number | undefined }
  | { readonly _tag: "NotYet" }
  | { readonly _tag: "Never" }

/**
 * Asks one provider.
 *
 * **Details**
 * - `provider`: its name in prices and traces (`ModelPort.provider`).
 * - `models`: whether it is asked for responses of this model; absent: of all.
 * - `find`: a failure, a defect, an invalid answer and no answer within 30 seconds count as `NotYet`, and are logged
 *   without their content.
 *
 * @since 0.2.0
 * @category models
 */
export interface Lookup<R = never> {
  readonly provider: string
  readonly models?: ((model: string) => boolean) | undefined
  readonly find: (asked: Asked) => Effect.Effect<Found, unknown, R>
}

/**
 * Lookups, and when they are used.
 *
 * **Details**
 * - `every`: how often ended runs with estimated rows are looked for. Default 1 minute.
 * - `within`: how long after a run's end its estimates are asked for; then they stay. Default 1 day.
 *
 * **Errors**: building the layer dies with the message about an invalid option.
 *
 * @since 0.2.0
 * @category models
 */
export interface Options<R = never> {
  readonly lookups: ReadonlyArray<Lookup<R>>
  readonly every?: Duration.Input | undefined
  readonly within?: Duration.Input | undefined
}

/**
 * The lookups of a runtime; times in milliseconds.
 *
 * @since 0.2.0
 * @category models
 */
export interface Lookups {
  readonly all: ReadonlyArray<Lookup>
  readonly everyMs: number
  readonly withinMs: number
}

/**
 * The lookup for a model. `undefined`: no provider is asked.
 *
 * @since 0.2.0
 * @category operations
 */
export const of = (
  { all }: Pick<Lookups, "all">,
  { model, provider }: { readonly model: string; readonly provider: string }
): Lookup | undefined => all.find((one) => one.provider === provider && one.models?.(model) !== false)

const isAmount = Schema.makeFilter((usd: number) => Money.fromUsd(usd) !== undefined)

const FoundUnion = Schema.Union([
  Schema.TaggedStruct("Reported", { usage: Usage.Usage, costUsd: Schema.optional(Schema.Number.check(isAmount)) }),
  Schema.TaggedStruct("NotYet", {}),
  Schema.TaggedStruct("Never", {})
])

/**
 * Whether a lookup's answer can be booked: one without types may say anything.
 *
 * @since 0.2.0
 * @category guards
 */
export const isFound: (found: unknown) => found is Found = Schema.is(FoundUnion)

const readFound = Schema.decodeUnknownResult(FoundUnion)

/**
 * What is invalid in an answer that cannot be booked, and where, without its values; `undefined`: it can be.
 *
 * @since 0.2.0
 * @category operations
 */
export const issueOf = (found: unknown): string | undefined => {
  const read = readFound(found)
  return Result.isFailure(read) ? SchemaCheck.inPlaces(read.failure) : undefined
}

/**
 * The lookups of a runtime, read when its layer is built. Absent: estimates stay until an operator corrects them.
 *
 * @since 0.2.0
 * @category services
 */
export const UsageLookups: Context.Reference<Lookups | undefined> = Context.Reference<Lookups | undefined>(
  "@reins/runtime/UsageLookups",
  { defaultValue: () => undefined }
)

const millis = (input: Duration.Input | undefined, usual: number): number =>
  input === undefined ? usual : Budget.milliseconds(input)

const rule = Rule.fields<Options>("Give an object such as { lookups: [{ provider, find: ({ responseId }) => … }] }", {
  lookups: Rule.list(
    "Give a list of lookups",
    Rule.fields<Lookup>("Give an object such as { provider, find }", {
      provider: Rule.name("Name the provider that is asked"),
      models: Rule.optional(Rule.callable("Give a function of a model's name")),
      find: Rule.callable("Give the function that asks for a response")
    })
  ),
  every: Rule.optional(Rule.duration),
  within: Rule.optional(Rule.duration)
})

/**
 * Provides lookups, with their services.
 *
 * **Example** (A provider that bills by response)
 *
 * ```ts
 * import { UsageLookup } from "@reins/runtime"
 * import { Effect } from "effect"
 *
 * const billed = new Map([["resp_1", { input: 1200, output: 340 }]])
 *
 * export const layer = UsageLookup.layer({
 *   lookups: [
 *     {
 *       provider: "acme",
 *       find: ({ responseId }) => {
 *         const found = billed.get(responseId)
 *         return Effect.succeed(
 *           found === undefined
 *             ? { _tag: "NotYet" }
 *             : { _tag: "Reported", usage: { inputUncached: found.input, outputText: found.output } }
 *         )
 *       }
 *     }
 *   ]
 * })
 * ```
 *
 * @since 0.2.0
 * @category layers
 */
export const layer = <R = never>(options: Options<R>): Layer.Layer<never, never, R> =>
  Layer.effect(
    UsageLookups,
    Effect.contextWith((services: Context.Context<R>): Effect.Effect<Lookups> => {
      const issue = Rule.problemOf("of UsageLookup", options, rule)
      if (issue !== undefined) return Effect.die(new Error(issue))
      const { every, lookups, within } = options
      return Effect.succeed({
        everyMs: Math.max(1, millis(every, 60_000)),
        withinMs: millis(within, 86_400_000),
        all: lookups.map(({ find, models, provider }) => ({
          provider,
          ...(models === undefined ? {} : { models }),
          find: (asked) =>
            Effect.provideContext(
              Effect.suspend(() => find(asked)),
              services
            )
        }))
      })
    })
  )
