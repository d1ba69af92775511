/**
 * The agents of the random scenarios: a root with two specialists, one nested below the other, and five tools that behave as
 * their arguments say. `World` sees what really ran.
 */
import type { Json } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as Agent from "../Agent.ts"
import { Model } from "../port/Model.ts"
import * as Prices from "../port/Prices.ts"
import * as Specialist from "../Specialist.ts"
import { ToolRun } from "../tool/ToolRun.ts"
import * as ToolSettings from "../tool/ToolSettings.ts"
import * as Scenario from "./Scenario.ts"
import * as ScriptedModel from "./ScriptedModel.ts"

/** What really happened, across all lives of the run. */
export interface World {
  /** Model requests, by place: agent path, step, attempt. */
  readonly requests: Array<{ readonly path: string; readonly step: number }>
  /** Handlers that were begun, by their idempotency key. */
  readonly begun: Array<string>
}

export const makeWorld = (): World => ({ requests: [], begun: [] })

const parameters = Schema.Struct({
  behaviour: Schema.Literals(["answers", "sleeps", "progresses", "fails", "dies", "hangs"]),
  forMs: Schema.Natural,
  asks: Schema.Boolean
})
const success = Schema.Struct({ done: Schema.String })
const failure = Schema.Struct({ sorry: Schema.String })

const options = { parameters, success, failure, dependencies: [ToolRun] }
const Work = Tool.make("work", { description: "Works", ...options })
const Timed = Tool.make("timed", { description: "Works, for a second at most", ...options })
  .annotate(ToolSettings.Timeout, 1000)
  .annotate(ToolSettings.Retries, 1)
const Gated = Tool.make("gated", { description: "Works when it may", ...options, needsApproval: true })
const Picky = Tool.make("picky", {
  description: "Asks now and then",
  ...options,
  needsApproval: ({ asks, behaviour }) => {
    if (behaviour === "dies") throw new Error("a predicate that throws")
    return behaviour === "hangs" ? Effect.never : asks
  }
})

const Planned = Tool.make("planned", { description: "Carries out a plan", ...options }).annotate(
  ToolSettings.IsPlan,
  true
)

/** The five tools. */
export class Tools extends Toolkit.make(Work, Timed, Gated, Picky, Planned) {}

type Arguments = typeof parameters.Type

const handler = (world: World) =>
  Effect.fnUntraced(function* ({ behaviour, forMs }: Arguments) {
    const run = yield* ToolRun
    world.begun.push(run.idempotencyKey)
    yield* run.reportCost(0.000001)
    switch (behaviour) {
      case "answers":
        return { done: "at once" }
      case "sleeps":
        yield* Effect.sleep(forMs)
        return { done: `after ${forMs}` }
      case "progresses":
        for (let phase = 0; phase <= 3; phase++) {
          yield* run.progress({ label: `phase ${phase}`, phaseIndex: phase, totalPhases: 3 })
          if (forMs > 1500) yield* Effect.sleep(100)
        }
        return { done: "in four phases" }
      case "fails":
        return yield* Effect.fail({ sorry: "it did not work" })
      case "dies":
        return yield* Effect.die("a string thrown")
      case "hangs":
        return yield* Effect.never
    }
  })

/** The agents of one scenario. The first is the root. */
export const agents = (scenario: Scenario.Scenario) => {
  const beta = Specialist.make("beta", {
    description: "Helps alpha",
    instructions: "Be brief.",
    toolkit: Tools,
    budget: scenario.betaBudget
  })
  const alpha = Specialist.make("alpha", {
    description: "Helps the root",
    instructions: "Be brief.",
    toolkit: Tools,
    specialists: [beta],
    budget: scenario.alphaBudget
  })
  const root = Agent.make("root", {
    instructions: "Do what you can.",
    toolkit: Tools,
    specialists: [alpha, beta],
    budget: scenario.rootBudget
  })
  return [root] as const
}

/** Everything that the agents need: handlers, the scenario's model, a price for it. */
export const layer = (scenario: Scenario.Scenario, world: World) => {
  const handle = handler(world)
  const model = ScriptedModel.make({
    respond: (request) => Scenario.respond(scenario, request),
    onRequest: ({ metadata }) => {
      world.requests.push({ path: metadata.agentPath.join("/"), step: metadata.step })
    }
  })
  return Layer.mergeAll(
    Tools.toLayer({ work: handle, timed: handle, gated: handle, picky: handle, planned: handle }),
    Layer.succeed(Model, model),
    Prices.layerTable({
      "scripted/scripted-1": {
        inputPerMillionUsd: 3,
        outputPerMillionUsd: 15,
        cacheReadPerMillionUsd: 0.3,
        cacheWritePerMillionUsd: 3.75
      }
    })
  )
}

/** The arguments that a person's revision puts in. */
export const revision: Json = { behaviour: "answers" }
