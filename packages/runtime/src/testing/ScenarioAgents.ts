/**
 * The agents of the random scenarios: a root with specialists, one nested below another and one with a typed output;
 * tools that behave as their arguments say, one of them run by the client; and a fallback model. `World` records what
 * was executed.
 */
import type { Json } from "@reins/protocol"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Prompt from "effect/ai/Prompt"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as Agent from "../agent/Agent.ts"
import type { Policy } from "../approval/Policy.ts"
import * as Compaction from "../thread/Compaction.ts"
import { Model, type ModelPort } from "../model/Model.ts"
import * as TokenEstimator from "../model/TokenEstimator.ts"
import * as Specialist from "../agent/Specialist.ts"
import * as AskPerson from "../tool/AskPerson.ts"
import { ToolRun } from "../tool/ToolRun.ts"
import * as MemoryTools from "../tool/MemoryTools.ts"
import * as ToolSettings from "../tool/ToolSettings.ts"
import * as Scenario from "./Scenario.ts"
import * as ScenarioLate from "./ScenarioLate.ts"
import * as ScenarioAnswers from "./ScenarioAnswers.ts"
import * as ScenarioModels from "./ScenarioModels.ts"
import * as ScenarioQuestions from "./ScenarioQuestions.ts"
import * as ScenarioSearch from "./ScenarioSearch.ts"

/**
 * What was executed, over all owners of the run.
 *
 * @since 0.1.0
 * @category models
 */
export interface World extends ScenarioModels.Watched {
  /** The idempotency keys of the handlers that were called. */
  readonly begun: Array<string>
  /** What they and hooks reported as their cost, in nano-dollars: `taken` once that was acknowledged. */
  readonly costs: Array<{ readonly nanoUsd: number; taken: boolean }>
  /** The idempotency keys of the calls that hooks were asked about before they ran. Absent: not recorded. */
  readonly hooked?: Array<string> | undefined
  /** What calls that take their time have done. Absent: not recorded. */
  readonly late?: ScenarioLate.LateWorld | undefined
  /** What handlers that ask a person got. Absent: not recorded. */
  readonly told?: Array<ScenarioQuestions.Told> | undefined
}

/**
 * An empty record.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeWorld = (): World => ({
  requests: [],
  begun: [],
  costs: [],
  hooked: [],
  used: [],
  judged: [],
  late: ScenarioLate.makeWorld(),
  told: [],
  offers: []
})

/** What a call costs, in US dollars. */
const costOf = (forMs: number): number => (1000 + forMs) / 1e9

const parameters = Schema.Struct({
  behaviour: Schema.Literals(["answers", "sleeps", "progresses", "tells", "fails", "dies", "hangs"]),
  forMs: Schema.Natural,
  asks: Schema.Boolean
})
const success = Schema.Struct({ done: Schema.String })
const failure = Schema.Struct({ sorry: Schema.String })

const options = { parameters, success, failure, dependencies: [ToolRun] }
const Work = Tool.make("work", {
  description: "Works, and returns rich content",
  ...options,
  toModelOutput: ({ done }) => [
    Prompt.makePart("text", { text: done }),
    Prompt.makePart("file", { mediaType: "image/png", data: "iVBORw0KGgo=" })
  ]
})
const Timed = Tool.make("timed", { description: "Works, with a timeout of one second", ...options })
  .annotate(ToolSettings.Timeout, 1000)
  .annotate(ToolSettings.Retries, 1)
  // Less than some of its calls cost.
  .annotate(ToolSettings.MaxCostUsd, 0.000_002)
const Gated = Tool.make("gated", { description: "Works after an approval", ...options, needsApproval: true }).annotate(
  ToolSettings.MaxCostUsd,
  ({ forMs }: Arguments) => costOf(forMs)
)
const Picky = Tool.make("picky", {
  description: "Asks for approval depending on its arguments",
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

/** The tool that the client runs. */
const BudgetObserver = Tool.make("look", {
  description: "Looks at the client's screen",
  parameters: Schema.Struct({ at: Schema.Natural }),
  success: Schema.Struct({ seen: Schema.String })
})

/** The root's fallback model. */
class Second extends Context.Service<Second, ModelPort>()("@reins/runtime/testing/ScenarioAgents/Second") {}

/**
 * The five tools.
 *
 * @since 0.1.0
 * @category models
 */
export class Tools extends Toolkit.make(Work, Timed, Gated, Picky, Planned) {}
const Client = Toolkit.make(BudgetObserver)

type Arguments = typeof parameters.Type

const handler = (world: World) =>
  Effect.fnUntraced(function* ({ behaviour, forMs }: Arguments) {
    const run = yield* ToolRun
    world.begun.push(run.idempotencyKey)
    const cost = { nanoUsd: 1000 + forMs, taken: false }
    world.costs.push(cost)
    yield* run.reportCost(costOf(forMs))
    cost.taken = true
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
      case "tells":
        yield* run.hint("a hint")
        yield* run.emit("scenario_fact", { forMs })
        yield* run.registerFile({ filename: "a.txt", mediaType: "text/plain", sizeBytes: forMs })
        return { done: "all told" }
      case "fails":
        return yield* Effect.fail({ sorry: "it did not work" })
      case "dies":
        return yield* Effect.die("a string thrown")
      case "hangs":
        return yield* Effect.never
    }
  })

/** The compaction strategy: none, a sliding window or a summary, at a low limit so that it applies. */
const compaction = ({ seed }: Scenario.Scenario): Compaction.Strategy | undefined => {
  const window = { above: 500, keep: 200 }
  return [undefined, undefined, Compaction.slidingWindow(window), Compaction.summarise(window)][seed % 4]
}

/** The agents' policies: approvers for one tool and for questions, and a denial of long calls of another. */
const policies = ({
  approvers,
  callsAsk,
  denials,
  questions
}: Scenario.Scenario): { readonly [tool: string]: Policy } => ({
  ...(approvers ? { gated: { approvers: Scenario.approvers } } : {}),
  ...(approvers && callsAsk ? { survey: { approvers: Scenario.approvers } } : {}),
  ...(approvers && questions ? { [ScenarioQuestions.toolName]: { approvers: Scenario.approvers } } : {}),
  ...(denials ? { timed: ({ forMs }: Arguments) => (forMs > 1500 ? { deny: "too long" } : false) } : {})
})

/**
 * Chooses a model of another price, and tools that come and go, by the step alone: as a replay does. Models call `work`
 * even where it is not offered.
 */
const resolving = (scenario: Scenario.Scenario) => {
  if (!scenario.resolves) return {}
  const resolve = ({ agent, agentPath, step }: Agent.ResolveContext): Agent.Resolution<"second"> => {
    const random = Scenario.draw(scenario.seed, `resolve ${agentPath.join("/")} ${step}`)
    const own = [
      "work",
      "timed",
      "gated",
      "picky",
      "planned",
      "look",
      "beta",
      "gamma",
      ...(agent === "root" ? ["alpha"] : [])
    ]
    return {
      ...(random() < 0.4 ? { model: "second" } : {}),
      ...(random() < 0.5 ? { tools: own.filter((name) => random() < (name === "work" ? 0.3 : 0.6)) } : {}),
      ...(random() < 0.3 ? { instructions: "Be quick.", maxOutputTokens: 1 + Math.floor(random() * 400) } : {})
    }
  }
  return { models: { second: Second }, resolve }
}

/** The setting of an agent with these specialists whose tools are searched: in half of all scenarios, some others, too. */
const searching = (scenario: Scenario.Scenario, specialists: ReadonlyArray<string>) => {
  if (!scenario.searches) return {}
  const own = ["work", "timed", "gated", "picky", "planned", ...specialists]
  const asked = scenario.questions ? [ScenarioQuestions.toolName] : []
  const memory = scenario.memory ? ["remember", "recall", "forget"] : []
  return { toolSearch: ScenarioSearch.options([...(scenario.seed % 2 === 0 ? own : ["work"]), ...asked, ...memory]) }
}

/**
 * The agents of one scenario. The first is the root.
 *
 * @since 0.1.0
 * @category operations
 */
export const agents = (scenario: Scenario.Scenario) => {
  const approvals = policies(scenario)
  const late = scenario.late ? [ScenarioLate.Tools] : []
  const toolkit = [
    Tools,
    ...(scenario.questions ? [AskPerson.toolkit] : []),
    ...(scenario.callsAsk ? [ScenarioQuestions.Tools] : []),
    ...late,
    ...(scenario.memory ? [MemoryTools.toolkit] : []),
    ...(scenario.searches ? [ScenarioSearch.Tools] : [])
  ]
  const remembers = scenario.memory ? { recall: { limit: 3 } } : {}
  const beta = Specialist.make("beta", {
    description: "Helps alpha",
    instructions: "Be brief.",
    toolkit,
    ...searching(scenario, []),
    approvals,
    budget: scenario.betaBudget
  })
  const gamma = Specialist.make("gamma", {
    description: "Counts",
    output: Schema.Struct({ found: Schema.Natural }),
    budget: scenario.betaBudget
  })
  const alpha = Specialist.make("alpha", {
    description: "Helps the root",
    instructions: "Be brief.",
    toolkit,
    clientTools: Client,
    specialists: [beta, gamma],
    ...resolving(scenario),
    ...remembers,
    ...searching(scenario, ["beta", "gamma"]),
    approvals,
    budget: scenario.alphaBudget
  })
  const root = Agent.make("root", {
    instructions: "Do what you can.",
    toolkit,
    clientTools: Client,
    specialists: [alpha, beta, gamma],
    fallbacks: [Second],
    output: scenario.outputs ? ScenarioAnswers.Answer : undefined,
    ...resolving(scenario),
    ...remembers,
    ...searching(scenario, ["alpha", "beta", "gamma"]),
    compaction: compaction(scenario),
    approvals,
    budget: scenario.rootBudget
  })
  return [root] as const
}

/**
 * Everything that the agents need: handlers, the scenario's models, prices for them.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (scenario: Scenario.Scenario, world: World) => {
  const handle = handler(world)
  const isBroken = ScenarioModels.throwing(scenario, "adapter")
  return Layer.mergeAll(
    Layer.succeed(TokenEstimator.TokenEstimator, ScenarioModels.estimator(scenario)),
    Tools.toLayer({ work: handle, timed: handle, gated: handle, picky: handle, planned: handle }),
    ScenarioLate.layer(world, world.late ?? ScenarioLate.makeWorld()),
    ScenarioQuestions.layer(world),
    ScenarioSearch.layer(world),
    Layer.succeed(Model, ScenarioModels.modelOf(scenario, world, "scripted-1", isBroken)),
    Layer.succeed(Second, ScenarioModels.modelOf(scenario, world, "scripted-2", isBroken)),
    ScenarioModels.prices(scenario, world)
  )
}

/**
 * The arguments of a person's revision.
 *
 * @since 0.1.0
 * @category constants
 */
export const revision: Json = { behaviour: "answers" }
