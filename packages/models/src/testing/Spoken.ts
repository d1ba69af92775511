/**
 * What a provider package reports for a response when it is called directly: text, calls, usage, and how it ended. The
 * reference for everything that goes through the port.
 */
import type { LanguageModelV4, LanguageModelV4StreamPart, LanguageModelV4Usage } from "@ai-sdk/provider"
import type { Json } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as JsonValue from "../aisdk/JsonValue.ts"

export interface SpokenCall {
  readonly id: string
  readonly name: string
  /** Parsed when it was JSON. */
  readonly args: Json
}

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

/** Sends one request to a provider package and reads the whole response. */
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
