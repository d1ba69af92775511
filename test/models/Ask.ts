/** One request through the port, without a run around it. */
import { AiSdkModel } from "@reins/models"
import type { LanguageModelV4 } from "@ai-sdk/provider"
import type { Message } from "@reins/protocol"
import type { ModelPart, ModelRequest } from "@reins/runtime"
import { Effect, Exit } from "effect"

export const request = (more: Partial<ModelRequest> = {}): ModelRequest => ({
  instructions: undefined,
  messages: [{ role: "user", content: [{ type: "text", text: "hello" }] }],
  tools: [],
  maxOutputTokens: undefined,
  output: undefined,
  providerOptions: undefined,
  metadata: { runId: "run", threadId: "thread", agent: "agent", agentPath: [], step: 1, attempt: 1 },
  ...more
})

export const asking = (messages: ReadonlyArray<Message.Message>): ModelRequest => request({ messages })

/** The received arrays, and how the response ended. */
export const ask = (model: LanguageModelV4, options?: AiSdkModel.Options, sent: ModelRequest = request()) =>
  Effect.gen(function* () {
    const batches: Array<ReadonlyArray<ModelPart>> = []
    const exit = yield* Effect.exit(
      AiSdkModel.make(model, options).attempt(sent, (parts) => {
        batches.push(parts)
      })
    )
    return { batches, parts: batches.flat(), exit, failure: Exit.findErrorOption(exit) }
  })
