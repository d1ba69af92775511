/** A provider's model in the AI SDK's interface, made of given parts. */
import type { LanguageModelV4, LanguageModelV4CallOptions, LanguageModelV4StreamPart } from "@ai-sdk/provider"

export type Part = LanguageModelV4StreamPart

export interface Fake extends LanguageModelV4 {
  readonly asked: ReadonlyArray<LanguageModelV4CallOptions>
}

/** Returns the parts of each answer at once, in the order of the requests. */
export const fake = (...answers: ReadonlyArray<ReadonlyArray<Part>>): Fake =>
  streaming((_options, index) => {
    const parts = answers[index] ?? []
    return new ReadableStream({
      start: (controller) => {
        for (const part of parts) controller.enqueue(part)
        controller.close()
      }
    })
  })

/** Returns what `open` streams. */
export const streaming = (open: (options: LanguageModelV4CallOptions, index: number) => ReadableStream<Part>): Fake => {
  const asked: Array<LanguageModelV4CallOptions> = []
  return {
    specificationVersion: "v4",
    provider: "fake.chat",
    modelId: "fake-1",
    supportedUrls: {},
    asked,
    doGenerate: () => Promise.reject(new Error("nobody asks for whole answers")),
    doStream: (options) => {
      asked.push(options)
      return Promise.resolve({ stream: open(options, asked.length - 1) })
    }
  }
}

export const finish = (
  unified: "stop" | "tool-calls" | "length" | "content-filter" | "error" | "interrupted" | "other" = "stop",
  more: Partial<Extract<Part, { type: "finish" }>> = {}
): Part => ({
  type: "finish",
  finishReason: { unified, raw: unified },
  usage: {
    inputTokens: { total: 10, noCache: 10, cacheRead: undefined, cacheWrite: undefined },
    outputTokens: { total: 5, text: undefined, reasoning: undefined }
  },
  ...more
})

export const text = (delta: string, id = "0"): ReadonlyArray<Part> => [
  { type: "text-start", id },
  { type: "text-delta", id, delta },
  { type: "text-end", id }
]
