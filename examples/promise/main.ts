/**
 * Reins without Effect: a runtime from a record, tools as plain functions, events in a plain loop, a promise for the
 * result.
 */
import { createRuntime, Decision, type ModelPart } from "@reins/runtime/promise"
import { setTimeout as sleep } from "node:timers/promises"
import { z } from "zod"

/**
 * A model written as a program: it reads the conversation and streams the parts of its answer. A real one fits here
 * too.
 */
const model = {
  provider: "example",
  model: "scripted",
  open: async function* ({
    metadata,
    messages
  }: {
    metadata: { step: number }
    messages: ReadonlyArray<unknown>
  }): AsyncGenerator<ModelPart> {
    if (metadata.step === 1) {
      yield { type: "tool-call", id: "1", name: "lookup", args: { order: "A-1" } }
      yield { type: "tool-call", id: "2", name: "refund", args: { order: "A-1", amountUsd: 80 } }
      yield { type: "finish", reason: "tool-calls", usage: { inputUncached: 40, outputText: 20 } }
      return
    }
    for (const word of `After ${messages.length} messages: 60 dollars are on their way.`.split(/(?<= )/)) {
      await sleep(1)
      yield { type: "text", text: word }
    }
    yield { type: "finish", reason: "stop", usage: { inputUncached: 60, outputText: 10 } }
  }
}

const Order = z.object({ order: z.string().regex(/^[A-Z]-\d+$/) })

await using runtime = createRuntime({
  model,
  tools: {
    lookup: {
      description: "Find an order",
      parameters: Order,
      execute: async ({ order }, call) => {
        await call.progress({ label: `reading ${order}`, phaseIndex: 1, totalPhases: 1 })
        return { order, paidUsd: 80 }
      }
    },
    refund: {
      description: "Give money back for an order",
      parameters: Order.extend({ amountUsd: z.number().positive() }),
      needsApproval: ({ amountUsd }) => amountUsd > 50,
      execute: ({ amountUsd, order }) => `${amountUsd} dollars back for ${order}`
    }
  },
  agents: [{ name: "desk", instructions: "You answer support tickets.", tools: ["lookup", "refund"] }],
  budget: { maxSteps: 8, maxDuration: "1 minute" }
})

const signal = AbortSignal.timeout(30_000)
for await (const event of runtime.query("My order A-1 arrived broken.", { threadId: "ticket-1", signal })) {
  switch (event.type) {
    case "tool-progress":
      console.log(`… ${event.label}`)
      break
    case "approval-required":
      console.log("? refund", event.data.payload)
      // Here, in a web hook or in another process tomorrow: answering takes only the id.
      await runtime.approvals.respond(event.data.id, Decision.revise({ amountUsd: 60 }, { by: "mia" }))
      break
    case "tool-invocation":
      if (event.state === "result") console.log("=", event.result)
      break
    case "text":
      process.stdout.write(event.text)
      break
    case "finish":
      console.log(`\n${event.finishReason}, ${event.usage.totalTokens} tokens`)
  }
}
