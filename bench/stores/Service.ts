/**
 * The service whose runs are stored: one agent, a scripted model without latency, one tool that answers 2 KB at once.
 */
import { Agent, Budget, Model, type ModelPart, ModelStream, Prices, Runtime, ToolSettings } from "@reins/runtime"
import { Effect, Layer, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { type Script, tool, type Voice } from "../Script.ts"

const Work = Tool.make(tool.name, {
  description: tool.description,
  parameters: Schema.Struct({ n: Schema.Number }),
  success: Schema.String
})
  .annotate(ToolSettings.Timeout, "30 seconds")
  .annotate(Tool.Idempotent, true)

const Kit = Toolkit.make(Work)

const answer = "two kilobytes of an answer, more or less. ".repeat(50)

const voice: Voice<ModelPart> = {
  text: (text) => ({ type: "text", text }),
  call: (id, args) => ({ type: "tool-call", id, name: tool.name, args: JSON.parse(args) }),
  finish: (calls) => ({
    type: "finish",
    reason: calls ? "tool-calls" : "stop",
    usage: { inputUncached: 10, outputText: 10 }
  })
}

export interface Options {
  readonly script: Script
  readonly gated?: boolean | undefined
  /** The tool's work, if it does not return at once. */
  readonly work?: ((n: number) => Effect.Effect<string> | undefined) | undefined
}

/** Its runtime, over the deployment that is provided. */
export const layer = ({ gated = false, script, work }: Options) => {
  const agent = Agent.make("bench", {
    toolkit: Kit,
    budget: Budget.make({ maxDuration: "10 minutes" }),
    approvals: gated ? { work: "always" } : {}
  })
  const model = ModelStream.fromAsyncIterable({
    provider: "bench",
    model: "scripted",
    open: ({ metadata }) => script(metadata.step, voice)
  })
  return Runtime.layer({ agents: [agent] }).pipe(
    Layer.provide([
      Kit.toLayer({ work: ({ n }) => work?.(n) ?? Effect.succeed(answer) }),
      Layer.succeed(Model, model),
      Prices.layerTable({ "bench/scripted": { inputPerMillionUsd: 3, outputPerMillionUsd: 15 } })
    ])
  )
}
