/**
 * The providers known by name: the package of each, the settings it reads, and how its models are made.
 *
 * The packages are optional: each is loaded only when it is named. `Models` chooses the model.
 */
import type { LanguageModelV4 } from "@ai-sdk/provider"

/** The type of the global `fetch`. */
export type Fetch = (input: RequestInfo | URL, init?: RequestInit) => Promise<Response>

export interface Settings {
  readonly apiKey?: string | undefined
  /** Absent: the provider's own address. */
  readonly baseURL?: string | undefined
  /** Absent: the platform's. */
  readonly fetch?: Fetch | undefined
  /** Whether a server with OpenAI's chat API accepts a JSON Schema for its response. Absent: it does not. */
  readonly structuredOutputs?: boolean | undefined
}

export interface Provider {
  readonly name: string
  /** The package to install. */
  readonly package: string
  readonly keyVariable: string
  readonly baseVariable: string
  /** Loads the package; rejects when it is not installed. */
  readonly load: (settings: Settings) => Promise<(model: string) => LanguageModelV4>
}

const given = ({ apiKey, baseURL, fetch }: Settings) => ({
  ...(apiKey === undefined ? {} : { apiKey }),
  ...(baseURL === undefined ? {} : { baseURL }),
  ...(fetch === undefined ? {} : { fetch })
})

const provider = (name: string, variable: string, load: Provider["load"], more: Partial<Provider> = {}): Provider => ({
  name,
  package: `@ai-sdk/${name}`,
  keyVariable: `${variable}_API_KEY`,
  baseVariable: `${variable}_BASE_URL`,
  load,
  ...more
})

/** A custom address most often serves the older of the two APIs. */
const openai: Provider["load"] = (settings) =>
  import("@ai-sdk/openai").then(({ createOpenAI }) => {
    const own = createOpenAI(given(settings))
    return settings.baseURL === undefined ? own.responses : own.chat
  })

const all: ReadonlyArray<Provider> = [
  provider("anthropic", "ANTHROPIC", (settings) =>
    import("@ai-sdk/anthropic").then(({ createAnthropic }) => createAnthropic(given(settings)))
  ),
  provider("cohere", "COHERE", (settings) =>
    import("@ai-sdk/cohere").then(({ createCohere }) => createCohere(given(settings)))
  ),
  provider("deepseek", "DEEPSEEK", (settings) =>
    import("@ai-sdk/deepseek").then(({ createDeepSeek }) => createDeepSeek(given(settings)))
  ),
  provider(
    "google",
    "GOOGLE_GENERATIVE_AI",
    (settings) => import("@ai-sdk/google").then(({ createGoogle }) => createGoogle(given(settings))),
    { baseVariable: "GOOGLE_BASE_URL" }
  ),
  provider("groq", "GROQ", (settings) => import("@ai-sdk/groq").then(({ createGroq }) => createGroq(given(settings)))),
  provider("mistral", "MISTRAL", (settings) =>
    import("@ai-sdk/mistral").then(({ createMistral }) => createMistral(given(settings)))
  ),
  provider("openai", "OPENAI", openai),
  provider(
    "openai-chat",
    "OPENAI",
    (settings) => import("@ai-sdk/openai").then(({ createOpenAI }) => createOpenAI(given(settings)).chat),
    { package: "@ai-sdk/openai" }
  ),
  provider(
    "openai-responses",
    "OPENAI",
    (settings) => import("@ai-sdk/openai").then(({ createOpenAI }) => createOpenAI(given(settings)).responses),
    { package: "@ai-sdk/openai" }
  ),
  provider("xai", "XAI", (settings) => import("@ai-sdk/xai").then(({ createXai }) => createXai(given(settings)))),
  provider("openai-compatible", "OPENAI_COMPATIBLE", (settings) =>
    import("@ai-sdk/openai-compatible").then(
      ({ createOpenAICompatible }) =>
        createOpenAICompatible({
          ...given(settings),
          name: "openai-compatible",
          baseURL: settings.baseURL ?? "",
          includeUsage: true,
          supportsStructuredOutputs: settings.structuredOutputs ?? false
        }).chatModel
    )
  )
]

/** Providers by name. */
export const known: ReadonlyMap<string, Provider> = new Map(all.map((one) => [one.name, one]))
