/** The runtime that each of the apps mounts, and how it is served: under `/ai`, for clients with the key. */
import { createRuntime, type ModelPart } from "@reins/runtime/promise"
import * as AiSdk from "@reins/wire/ai-sdk"
import * as OpenaiChat from "@reins/wire/openai-chat"
import { z } from "zod"

/** A model written as a program; `AiSdkModel.make(openai("gpt-5.2"))` of `@reins/models` fits here too. */
const model = {
  provider: "example",
  model: "scripted",
  open: async function* ({ metadata }: { metadata: { step: number } }): AsyncGenerator<ModelPart> {
    if (metadata.step === 1) {
      yield { type: "tool-call", id: "1", name: "find_order", args: { order: "A-1" } }
      yield { type: "finish", reason: "tool-calls", usage: { inputUncached: 40, outputText: 20 } }
      return
    }
    yield { type: "text", text: "Order A-1 is on its way." }
    yield { type: "finish", reason: "stop", usage: { inputUncached: 60, outputText: 10 } }
  }
}

export const runtime = createRuntime({
  model,
  tools: {
    find_order: {
      description: "Find an order",
      parameters: z.object({ order: z.string() }),
      execute: async ({ order }) => ({ order, state: "sent" })
    }
  },
  agents: [{ name: "desk", instructions: "You answer for a shop.", tools: ["find_order"] }]
})

export const options = {
  prefix: "/ai",
  access: { [process.env["DESK_KEY"] ?? "local-key"]: "shop" },
  dialects: [AiSdk.dialect, OpenaiChat.dialect]
} as const
