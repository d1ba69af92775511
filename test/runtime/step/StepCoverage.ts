/**
 * A program, for `Literals.test.ts`: runs steps with one tool call each on the memory host, and prints how often V8 has
 * executed each part of the runtime's sources, per step. In a process of its own, because the test runner's modules are
 * not the sources.
 */
import { createRuntime } from "@reins/runtime/promise"
import type { ModelPart } from "@reins/runtime"
import { Session } from "node:inspector/promises"

const steps = 20

const runtime = createRuntime({
  model: {
    provider: "scripted",
    model: "scripted",
    async *open({ metadata }): AsyncGenerator<ModelPart> {
      const { step } = metadata
      if (step > steps) yield { type: "text", text: "done" }
      else yield { type: "tool-call", id: `call-${step}`, name: "work", args: { n: step } }
      yield {
        type: "finish",
        reason: step > steps ? "stop" : "tool-calls",
        usage: { inputUncached: 10, outputText: 10 }
      }
    }
  },
  tools: {
    work: {
      description: "Does a piece of work",
      parameters: { type: "object", properties: { n: { type: "number" } } },
      timeoutMs: 30_000,
      execute: () => ({ done: true })
    }
  },
  agents: [{ name: "worker", tools: ["work"] }],
  budget: { maxDuration: "10 minutes" }
})

const run = async (): Promise<void> => {
  for await (const event of runtime.query("go")) if (event.type === "error") throw new Error(event.error.message)
}

const session = new Session()
session.connect()
await session.post("Profiler.enable")
await session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: true })
await run()
await session.post("Profiler.takePreciseCoverage")
await run()
const { result } = await session.post("Profiler.takePreciseCoverage")
const sources = result.flatMap(({ functions, url }) => {
  const path = /\/packages\/runtime\/src\/(.+\.ts)$/.exec(url)?.[1]
  if (path === undefined) return []
  const ranges = functions.flatMap((one) =>
    one.ranges.map(({ count, endOffset, startOffset }) => [startOffset, endOffset, count / steps] as const)
  )
  return [{ path, ranges }]
})
process.stdout.write(JSON.stringify(sources), () => process.exit(0))
