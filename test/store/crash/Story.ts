/**
 * The run to be killed: a coordinator with two tools, a gated tool and a specialist, under a budget. Real executions
 * are counted in a file, which is shared across processes.
 */
import { Agent, Budget, Model, type ModelRequest, Prices, Runtime, Specialist, ToolRun } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Effect, Layer, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { appendFileSync, existsSync, readFileSync } from "node:fs"

/**
 * The variant of a story: runs to its end, into its budget, with an approval that expires, or with tools that take a
 * second.
 */
export type Kind = "plain" | "budget" | "expiring" | "slow"

export const runId = "run"
export const threadId = "thread"

const shape = { parameters: Schema.Struct({ n: Schema.Natural }), success: Schema.String, dependencies: [ToolRun] }
const Dig = Tool.make("dig", { description: "Digs in four phases", ...shape }).annotate(Tool.Idempotent, true)
const Fetch = Tool.make("fetch", { description: "Fetches", ...shape }).annotate(Tool.Readonly, true)
const Pay = Tool.make("pay", { description: "Pays", ...shape, needsApproval: true })

class Tools extends Toolkit.make(Dig, Fetch, Pay) {}
class Few extends Toolkit.make(Dig, Fetch) {}

/** What has really been started so far. */
export interface World {
  readonly requests: Array<{ readonly path: string; readonly step: number }>
  readonly begun: Array<string>
  readonly costs: Array<{ readonly nanoUsd: number; taken: boolean }>
}

/** What each call costs. */
const costNanoUsd = 100_000

/** Reads a counter file. */
export const world = (file: string): World => {
  const lines = existsSync(file) ? readFileSync(file, "utf8").split("\n") : []
  const of = (word: string) =>
    lines.filter((line) => line.startsWith(`${word} `)).map((line) => line.slice(word.length + 1))
  return {
    requests: of("model").map((line) => ({ path: line.slice(line.indexOf(" ") + 1), step: Number.parseInt(line, 10) })),
    begun: of("tool"),
    costs: of("cost").map((_, index) => ({ nanoUsd: costNanoUsd, taken: index < of("taken").length }))
  }
}

/** The process that last worked on a run. */
export const carrier = (file: string, run: string): number | undefined => {
  const lines = existsSync(file) ? readFileSync(file, "utf8").split("\n") : []
  const last = lines.findLast((line) => line.startsWith("by ") && line.endsWith(` ${run}`))
  return last === undefined ? undefined : Number(last.split(" ")[1])
}

/** Steps that were requested from a model, and calls that were started, more than once. */
export const repeated = (file: string): ReadonlyArray<string> => {
  const lines = existsSync(file) ? readFileSync(file, "utf8").split("\n") : []
  const work = lines.filter((line) => line.startsWith("request ") || line.startsWith("tool "))
  return [...new Set(work.filter((line, index) => work.indexOf(line) !== index))]
}

const call = (id: string, name: string, args: { readonly [key: string]: string | number }) => ({ id, name, args })

const reply = ({ metadata }: ModelRequest): ScriptedModel.Reply => {
  const { agentPath, step } = metadata
  if (agentPath.length > 0) {
    if (step === 1) return ScriptedModel.calls([call("h1", "dig", { n: 1 }), call("h2", "fetch", { n: 2 })])
    if (step === 2) return ScriptedModel.calls([call("h3", "fetch", { n: 3 })], { text: "One more." })
    return ScriptedModel.words("Found what there is.")
  }
  if (step === 1) {
    const made = [
      call("c1", "dig", { n: 4 }),
      call("c2", "pay", { n: 5 }),
      call("c3", "helper", { prompt: "Look around." })
    ]
    return ScriptedModel.calls(made, { text: "Let me see." })
  }
  if (step === 2) return ScriptedModel.calls([call("c4", "fetch", { n: 6 }), call("c5", "dig", { n: 7 })])
  return ScriptedModel.words("All of it is done.")
}

/** The story's runtime, over any deployment; `file` counts executions. */
export const layer = (kind: Kind, file: string) => {
  const count = (line: string) => appendFileSync(file, `${line}\n`)
  const helper = Specialist.make("helper", { description: "Helps", instructions: "Be brief.", toolkit: Few })
  const root = Agent.make("root", {
    instructions: "Do what you can.",
    toolkit: Tools,
    specialists: [helper],
    budget: Budget.make(kind === "budget" ? { maxToolCalls: 5, maxSteps: 20 } : { maxSteps: 20, maxCostUsd: 1 })
  })
  const work = (forMs: number) =>
    Effect.fnUntraced(function* ({ n }: { readonly n: number }) {
      const run = yield* ToolRun
      count(`tool ${run.idempotencyKey}`)
      count(`cost ${run.callId}`)
      yield* run.reportCost(costNanoUsd / 1e9)
      count(`taken ${run.callId}`)
      for (let phase = 0; phase < (forMs === 0 ? 0 : 4); phase++) {
        yield* run.progress({ label: `phase ${phase}`, phaseIndex: phase, totalPhases: 4 })
        yield* Effect.sleep(forMs)
      }
      return `done ${n}`
    })
  const digMs = kind === "slow" ? 250 : 2
  const model = ScriptedModel.make({
    respond: reply,
    onRequest: ({ metadata: { agentPath, runId, step } }) => {
      count(`model ${step} ${agentPath.join("/")}`)
      count(`request ${runId} ${agentPath.join("/")} ${step}`)
      count(`by ${process.pid} ${runId}`)
    }
  })
  return Runtime.layer({ agents: [root], approvalExpiresIn: kind === "expiring" ? 400 : undefined }).pipe(
    Layer.provide([
      Tools.toLayer({ dig: work(digMs), fetch: work(0), pay: work(0) }),
      Few.toLayer({ dig: work(digMs), fetch: work(0) }),
      Layer.succeed(Model, model),
      Prices.layerTable({ "scripted/scripted-1": { inputPerMillionUsd: 3, outputPerMillionUsd: 15 } })
    ])
  )
}
