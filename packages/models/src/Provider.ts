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

/**
 * Each package is imported within a `try`: a bundler then leaves out a package that is not installed, instead of
 * failing. `absent` passes the reason on.
 */
const absent = (cause: unknown): never => {
  throw cause
}

const openaiPackage = async () => {
  try {
    return await import("@ai-sdk/openai")
  } catch (cause) {
    return absent(cause)
  }
}

const all: ReadonlyArray<Provider> = [
  provider("anthropic", "ANTHROPIC", async (settings) => {
    try {
      return (await import("@ai-sdk/anthropic")).createAnthropic(given(settings))
    } catch (cause) {
      return absent(cause)
    }
  }),
  provider("cohere", "COHERE", async (settings) => {
    try {
      return (await import("@ai-sdk/cohere")).createCohere(given(settings))
    } catch (cause) {
      return absent(cause)
    }
  }),
  provider("deepseek", "DEEPSEEK", async (settings) => {
    try {
      return (await import("@ai-sdk/deepseek")).createDeepSeek(given(settings))
    } catch (cause) {
      return absent(cause)
    }
  }),
  provider(
    "google",
    "GOOGLE_GENERATIVE_AI",
    async (settings) => {
      try {
        return (await import("@ai-sdk/google")).createGoogle(given(settings))
      } catch (cause) {
        return absent(cause)
      }
    },
    { baseVariable: "GOOGLE_BASE_URL" }
  ),
  provider("groq", "GROQ", async (settings) => {
    try {
      return (await import("@ai-sdk/groq")).createGroq(given(settings))
    } catch (cause) {
      return absent(cause)
    }
  }),
  provider("mistral", "MISTRAL", async (settings) => {
    try {
      return (await import("@ai-sdk/mistral")).createMistral(given(settings))
    } catch (cause) {
      return absent(cause)
    }
  }),
  provider("openai", "OPENAI", async (settings) => {
    const own = (await openaiPackage()).createOpenAI(given(settings))
    // A server at a custom address most often has the older of the two APIs.
    return settings.baseURL === undefined ? own.responses : own.chat
  }),
  provider("openai-chat", "OPENAI", async (settings) => (await openaiPackage()).createOpenAI(given(settings)).chat, {
    package: "@ai-sdk/openai"
  }),
  provider(
    "openai-responses",
    "OPENAI",
    async (settings) => (await openaiPackage()).createOpenAI(given(settings)).responses,
    { package: "@ai-sdk/openai" }
  ),
  provider("xai", "XAI", async (settings) => {
    try {
      return (await import("@ai-sdk/xai")).createXai(given(settings))
    } catch (cause) {
      return absent(cause)
    }
  }),
  provider("openai-compatible", "OPENAI_COMPATIBLE", async (settings) => {
    try {
      return (await import("@ai-sdk/openai-compatible")).createOpenAICompatible({
        ...given(settings),
        name: "openai-compatible",
        baseURL: settings.baseURL ?? "",
        includeUsage: true,
        supportsStructuredOutputs: settings.structuredOutputs ?? false
      }).chatModel
    } catch (cause) {
      return absent(cause)
    }
  })
]

/** Providers by name. */
export const known: ReadonlyMap<string, Provider> = new Map(all.map((one) => [one.name, one]))
