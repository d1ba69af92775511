/**
 * Asks OpenAI's Responses API what a stored response has used (`GET /responses/{id}`), so that the cost of an answer that
 * was cut, or whose process died, is corrected without an operator.
 *
 * Facts of that API: a response is kept for 30 days unless `store` is false or the organisation keeps nothing, and has its
 * usage when it has ended. A response that was cancelled has none, and its estimate stays. Responses of the chat API are
 * not kept, so nothing is asked for them.
 */
import { type Usage } from "@reins/protocol"
import { UsageLookup } from "@reins/runtime"
import * as Clock from "effect/Clock"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"

/**
 * How OpenAI is asked.
 *
 * **Details**
 * - `apiKey`: for responses to requests with the model's own key. Absent: only those to requests with a tenant's key are
 *   asked for.
 * - `baseURL`: absent: `https://api.openai.com/v1`.
 * - `provider`: the models' provider in prices and traces. Absent: `openai`, as models by name have it.
 *
 * @since 0.2.0
 * @category models
 */
export interface Options {
  readonly apiKey?: Redacted.Redacted | string | undefined
  readonly baseURL?: string | undefined
  readonly provider?: string | undefined
}

/**
 * OpenAI did not answer with a response: its status, or 0 where there was no answer that can be read.
 *
 * @since 0.2.0
 * @category errors
 */
export class NoResponse extends Schema.TaggedError<NoResponse>()("NoResponse", { status: Schema.Natural }) {
  override get message() {
    return this.status === 0
      ? "OpenAI did not answer with a response"
      : `OpenAI answered with status ${this.status}. With 401 or 403, correct the key`
  }
}

const address = "https://api.openai.com/v1"

/** How long a response that was just begun may be unknown, in milliseconds. */
const graceMs = 3_600_000

const Count = Schema.optional(Schema.NullOr(Schema.Natural))

const Stored = Schema.Struct({
  status: Schema.String,
  usage: Schema.optional(
    Schema.NullOr(
      Schema.Struct({
        input_tokens: Schema.Natural,
        input_tokens_details: Schema.optional(Schema.NullOr(Schema.Struct({ cached_tokens: Count }))),
        output_tokens: Schema.Natural,
        output_tokens_details: Schema.optional(Schema.NullOr(Schema.Struct({ reasoning_tokens: Count })))
      })
    )
  )
})

/** The usage in disjoint parts. */
const usageOf = (usage: NonNullable<(typeof Stored.Type)["usage"]>): Usage.Usage => {
  const cached = Math.min(usage.input_tokens, usage.input_tokens_details?.cached_tokens ?? 0)
  const reasoning = Math.min(usage.output_tokens, usage.output_tokens_details?.reasoning_tokens ?? 0)
  return {
    inputUncached: usage.input_tokens - cached,
    ...(cached === 0 ? {} : { inputCacheRead: cached }),
    outputText: usage.output_tokens - reasoning,
    ...(reasoning === 0 ? {} : { outputReasoning: reasoning })
  }
}

const foundOf = ({ status, usage }: typeof Stored.Type): UsageLookup.Found => {
  if (status === "queued" || status === "in_progress") return { _tag: "NotYet" }
  return usage === undefined || usage === null ? { _tag: "Never" } : { _tag: "Reported", usage: usageOf(usage) }
}

/** What its answer of this status says; a failure is asked again. */
const read = (status: number, body: Effect.Effect<unknown, unknown>, { requestedAt }: UsageLookup.Asked) => {
  if (status === 404) {
    return Effect.map(Clock.currentTimeMillis, (now): UsageLookup.Found => ({
      _tag: now - requestedAt < graceMs ? "NotYet" : "Never"
    }))
  }
  if (status !== 200) return Effect.fail(new NoResponse({ status }))
  return Effect.flatMap(
    Effect.mapError(body, () => new NoResponse({ status: 0 })),
    (json) => Effect.mapError(Effect.map(decode(json), foundOf), () => new NoResponse({ status: 0 }))
  )
}

const decode = Schema.decodeUnknownEffect(Stored)

/**
 * A lookup for OpenAI's responses; also for a server that stores responses as OpenAI does.
 *
 * **Example** (Corrected costs)
 *
 * ```ts
 * import { OpenAiUsage } from "@reins/models"
 * import { UsageLookup } from "@reins/runtime"
 *
 * export const layer = UsageLookup.layer({ lookups: [OpenAiUsage.make({ apiKey: "sk-…" })] })
 * ```
 *
 * @since 0.2.0
 * @category constructors
 */
export const make = ({ apiKey, baseURL = address, provider = "openai" }: Options = {}): UsageLookup.Lookup => ({
  provider,
  find: (asked) => {
    const key = asked.key ?? apiKey
    // Ids of the chat API begin otherwise.
    if (key === undefined || !/^resp_[\w-]{1,200}$/.test(asked.responseId)) return Effect.succeed({ _tag: "Never" })
    const request = HttpClientRequest.get(
      `${(asked.baseURL ?? baseURL).replace(/\/+$/, "")}/responses/${asked.responseId}`
    ).pipe(HttpClientRequest.bearerToken(key), HttpClientRequest.acceptJson)
    return HttpClient.execute(request).pipe(
      Effect.mapError(() => new NoResponse({ status: 0 })),
      Effect.flatMap((response) => read(response.status, response.json, asked)),
      Effect.scoped,
      Effect.provide(FetchHttpClient.layer),
      // A span would send the trace's id along, and have an address that may be a tenant's secret.
      Effect.provideService(HttpClient.TracerDisabledWhen, () => true),
      Effect.provideService(FetchHttpClient.RequestInit, { redirect: "error" })
    )
  }
})

/**
 * A lookup with the settings of models by name: the key in `OPENAI_API_KEY`, the address in `OPENAI_BASE_URL`.
 *
 * @since 0.2.0
 * @category constructors
 */
export const fromConfig: Effect.Effect<UsageLookup.Lookup, Config.ConfigError> = Effect.map(
  Effect.all([Config.option(Config.Redacted("OPENAI_API_KEY")), Config.option(Config.String("OPENAI_BASE_URL"))]),
  ([apiKey, baseURL]) =>
    make({
      apiKey: Option.getOrUndefined(Option.filter(apiKey, (key) => Redacted.value(key) !== "")),
      baseURL: Option.getOrUndefined(Option.filter(baseURL, (url) => url !== ""))
    })
)

/**
 * Asks OpenAI, with the lookup of `fromConfig`, as `reconcile` of `createRuntime` and `REINS_RECONCILE` of `reins serve`
 * do.
 *
 * @since 0.2.0
 * @category layers
 */
export const layerConfig: Layer.Layer<never, Config.ConfigError> = Layer.unwrap(
  Effect.map(fromConfig, (lookup) => UsageLookup.layer({ lookups: [lookup] }))
)
