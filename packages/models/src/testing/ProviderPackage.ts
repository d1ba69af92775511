/**
 * Finds the real provider package that plays a recording: by its folder's name if it matches a package, else by the
 * form of its payloads; and asks it directly. What it then reports (text, calls, usage, and how it ended) is the
 * reference for everything that goes through the port.
 */
import type { LanguageModelV4, LanguageModelV4StreamPart, LanguageModelV4Usage } from "@ai-sdk/provider"
import * as Effect from "effect/Effect"
import { known, type Provider } from "../Provider.ts"
import { modelOf, type Recording } from "./Recording.ts"
import type { Json } from "@reins/protocol"
import * as Stream from "effect/Stream"
import * as JsonValue from "../aisdk/JsonValue.ts"

/** Folders whose name states both provider and API. */
const byFolder = (recording: Recording): Provider | undefined => {
  const { api, folder } = recording
  switch (api) {
    case "chat":
      // xAI's package has dropped its older API, which is OpenAI's.
      return folder.startsWith("xai") || folder.startsWith("openai-compatible")
        ? known.get("openai-compatible")
        : folder.startsWith("openai")
          ? known.get("openai-chat")
          : known.get(folder.replace(/-chat$/, ""))
    case "responses":
      return folder.startsWith("xai") ? known.get("xai") : known.get("openai-responses")
    default:
      return known.get(folder)
  }
}

const byApi = {
  chat: "openai-compatible",
  responses: "openai-responses",
  anthropic: "anthropic",
  google: "google",
  cohere: "cohere"
}

/**
 * The name of the provider that plays a recording.
 *
 * @since 0.1.0
 * @category operations
 */
export const nameOf = (recording: Recording): string => byFolder(recording)?.name ?? byApi[recording.api]

/** Provider names as price data use them, where the package has another. */
const billedBy = (recording: Recording): string =>
  recording.folder.startsWith("xai") ? "xai" : nameOf(recording).replace(/^openai-(chat|responses)$/, "openai")

/**
 * What plays a recording.
 *
 * @since 0.1.0
 * @category models
 */
export interface Player {
  readonly model: LanguageModelV4
  /** The provider's name for prices. */
  readonly provider: string
}

/**
 * The real package's model for a recording, talking to `url`. A missing package is a defect.
 *
 * @since 0.1.0
 * @category operations
 */
export const playerOf = (recording: Recording, url: string): Effect.Effect<Player> =>
  Effect.promise(() => {
    const provider = byFolder(recording) ?? known.get(byApi[recording.api])
    if (provider === undefined)
      return Promise.reject(new Error(`Unknown provider for recording folder ${recording.folder}`))
    return provider.load({ apiKey: "recorded", baseURL: url }).then((open) => ({
      model: open(modelOf(recording) ?? "unknown"),
      provider: billedBy(recording)
    }))
  })

/**
 * A call that a package reports.
 *
 * @since 0.1.0
 * @category models
 */
export interface SpokenCall {
  readonly id: string
  readonly name: string
  /** Parsed when it was JSON. */
  readonly args: Json
}

/**
 * What a package reports for a response.
 *
 * @since 0.1.0
 * @category models
 */
export interface Spoken {
  readonly text: string
  readonly reasoning: string
  readonly calls: ReadonlyArray<SpokenCall>
  /** One per finish: streams of several messages have several. */
  readonly usages: ReadonlyArray<LanguageModelV4Usage>
  /** The unified finish reason; `failed` after an error, thrown or within the stream, `none` when nothing came. */
  readonly ending: string
  /** Whether the package itself missed the end: then its counts are incomplete. */
  readonly isShort: boolean
  readonly parts: number
}

/**
 * Sends one request to a provider package and reads the whole response.
 *
 * @since 0.1.0
 * @category operations
 */
export const listen = (model: LanguageModelV4): Effect.Effect<Spoken> =>
  Effect.tryPromise(() =>
    Promise.resolve(model.doStream({ prompt: [{ role: "user", content: [{ type: "text", text: "play" }] }] }))
  ).pipe(
    Effect.flatMap(({ stream }) => {
      const fold = new Fold()
      return Stream.fromReadableStream({ evaluate: () => stream, onError: (error) => error }).pipe(
        Stream.runForEachArray((parts) => Effect.sync(() => parts.forEach((part) => fold.take(part)))),
        Effect.catch(() => Effect.sync(() => fold.fail())),
        Effect.as(fold)
      )
    }),
    Effect.catch(() => Effect.succeed(new Fold().fail()))
  )

class Fold implements Spoken {
  text = ""
  reasoning = ""
  readonly calls: Array<SpokenCall> = []
  readonly usages: Array<LanguageModelV4Usage> = []
  ending = "none"
  isShort = false
  parts = 0

  fail(): this {
    this.ending = "failed"
    return this
  }

  take(part: LanguageModelV4StreamPart): void {
    this.parts++
    switch (part.type) {
      case "text-delta":
        this.text += part.delta
        return
      case "reasoning-delta":
        this.reasoning += part.delta
        return
      case "tool-call":
        this.calls.push({
          id: part.toolCallId,
          name: part.toolName,
          args: part.input.trim() === "" ? {} : (JsonValue.parse(part.input) ?? part.input)
        })
        return
      case "finish":
        this.usages.push(part.usage)
        if (part.finishReason.unified === "interrupted") this.isShort = true
        if (this.ending !== "failed") this.ending = part.finishReason.unified
        return
      case "error":
        this.ending = "failed"
        return
      default:
        return
    }
  }
}
