/**
 * A random scenario: what models say, what tools do, how people answer, which budgets apply and when the run is
 * cancelled, all derived from one seed. Plain data and pure draws: the same seed gives the same scenario in every
 * process, and a draw depends only on its position in the run, so that a replayed run gets the same draws.
 */
import { type Approval, Budget, ModelFailure, type Principal, Quota } from "@reins/protocol"
import type { Approvers } from "../approval/Approvers.ts"
import * as Generated from "@reins/protocol/testing"
import type { ModelRequest } from "../model/Model.ts"
import type { Death } from "./CrashingJournal.ts"
import * as ScenarioLate from "./ScenarioLate.ts"
import * as ScenarioAnswers from "./ScenarioAnswers.ts"
import * as ScenarioMemory from "./ScenarioMemory.ts"
import * as ScenarioQuestions from "./ScenarioQuestions.ts"
import * as ScenarioSearch from "./ScenarioSearch.ts"
import * as ScriptedModel from "./ScriptedModel.ts"

/**
 * How a tool call behaves; the model writes it into the arguments.
 *
 * @since 0.1.0
 * @category models
 */
export type Behaviour = "answers" | "sleeps" | "progresses" | "tells" | "fails" | "dies" | "hangs"

/**
 * What a scenario may contain. All on by default, unless they say otherwise.
 *
 * @since 0.1.0
 * @category models
 */
export interface ScenarioOptions {
  readonly cancels?: boolean | undefined
  readonly budgets?: boolean | undefined
  /** Quotas; none where `budgets` is off. */
  readonly quotas?: boolean | undefined
  /** Questions that expire. */
  readonly expiry?: boolean | undefined
  /** Tools and models that hang, time out, or crash. */
  readonly faults?: boolean | undefined
  /** People who refuse to repeat a call whose process crashed. */
  readonly refusals?: boolean | undefined
  /** Messages to the run while it goes on. */
  readonly steers?: boolean | undefined
  /** Approvals that leave a grant. Which call claims a grant first depends on time. */
  readonly grants?: boolean | undefined
  /** Tools that name their approvers: roles, a predicate, a quorum, escalation. */
  readonly approvers?: boolean | undefined
  /** Policies that deny. */
  readonly denials?: boolean | undefined
  /** Models that ask a person. */
  readonly questions?: boolean | undefined
  /** Models that stream the input of calls. */
  readonly inputs?: boolean | undefined
  /** Hooks that rewrite, refuse, fail and end. Off by default. */
  readonly hooks?: boolean | undefined
  /** Hooks that ask models; none where `hooks` is off. Off by default. */
  readonly hooksAsk?: boolean | undefined
  /** Tools that ask a person while they run. Off by default. */
  readonly callsAsk?: boolean | undefined
  /** Defects of code that the run depends on, which end it; none where `faults` is off. */
  readonly defects?: boolean | undefined
  /** Agents that choose what each of their steps uses. Off by default. */
  readonly resolves?: boolean | undefined
  /** Tools that sleep, and tools that answer later. Off by default. */
  readonly late?: boolean | undefined
  /** A typed answer of the root, valid or not. Off by default. */
  readonly outputs?: boolean | undefined
  /** Agents that remember, recall and forget, and are reminded when they start. Off by default. */
  readonly memory?: boolean | undefined
  /** Agents with more tools than their models are sent at once, which search them. Off by default. */
  readonly searches?: boolean | undefined
}

/**
 * Code that fails with a defect when it is called for the `at`th time in a life of the run, and from then on where it
 * `lasts`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Defect {
  readonly of: "prices" | "estimates" | "adapter"
  readonly at: number
  readonly lasts: boolean
}

/**
 * What was drawn for a seed. Models, tools and people draw more from it during the run.
 *
 * @since 0.1.0
 * @category models
 */
export interface Scenario {
  readonly seed: number
  readonly rootBudget: Budget.Budget
  readonly alphaBudget: Budget.Budget
  readonly betaBudget: Budget.Budget
  /** The number of the event at which the run is cancelled; absent: never. */
  readonly cancelAt: number | undefined
  /** The messages sent to the run, each at an event. */
  readonly messages: ReadonlyArray<SentMessage>
  readonly expires: boolean
  readonly faults: boolean
  readonly refusals: boolean
  readonly grants: boolean
  /** Of the tenant, over windows of several lengths. */
  readonly quotas: ReadonlyArray<Quota.Quota>
  readonly approvers: boolean
  readonly denials: boolean
  /** Whether the agents can ask a person. */
  readonly questions: boolean
  /** Whether models stream the input of calls: a step that is repeated after a crash then gives its calls other ids. */
  readonly inputs: boolean
  /** Whether agents choose what each of their steps uses. */
  readonly resolves: boolean
  /** Whether agents have tools that sleep and tools that answer later. */
  readonly late: boolean
  /** Whether the root gives a typed answer. */
  readonly outputs: boolean
  /** Whether agents have the tools of memory, and are reminded. */
  readonly memory: boolean
  /** Whether agents search some of their tools. */
  readonly searches: boolean
  /** Whether hooks are around all calls and model steps. */
  readonly hooks: boolean
  /** Whether these hooks ask models. */
  readonly hooksAsk: boolean
  /** Whether agents have tools that ask a person while they run. */
  readonly callsAsk: boolean
  /** Whether a grant is given before the run starts. */
  readonly givenGrant: boolean
  /** What grants may cost; absent: no limit. */
  readonly grantUsd: number | undefined
  readonly defect: Defect | undefined
}

/**
 * A message to the run at event `at`; `withdraws`: it withdraws the open questions.
 *
 * @since 0.1.0
 * @category models
 */
export interface SentMessage {
  readonly at: number
  readonly messageId: string
  readonly text: string
  readonly withdraws: boolean
}

/**
 * Draws the scenario of a seed.
 *
 * @since 0.1.0
 * @category operations
 */
export const generate = (seed: number, options: ScenarioOptions = {}): Scenario => {
  const random = draw(seed, "scenario")
  const policies = draw(seed, "policies")
  const budgets = options.budgets !== false
  return {
    seed,
    rootBudget: budgets ? budget(random) : Budget.make({ maxSteps: 12 }),
    alphaBudget: budgets ? budget(random) : Budget.make({}),
    betaBudget: budgets ? budget(random) : Budget.make({}),
    cancelAt: options.cancels !== false && random() < 0.25 ? 1 + Math.floor(random() * 30) : undefined,
    messages: options.steers === false ? [] : messages(seed, options.callsAsk === true),
    expires: options.expiry !== false && random() < 0.5,
    faults: options.faults !== false,
    refusals: options.refusals !== false,
    grants: options.grants !== false,
    quotas: budgets && options.quotas !== false ? quotas(draw(seed, "quotas")) : [],
    approvers: policies() < 0.4 && options.approvers !== false,
    denials: policies() < 0.2 && options.denials !== false,
    inputs: options.inputs !== false,
    hooks: options.hooks === true,
    hooksAsk: options.hooks === true && options.hooksAsk === true,
    callsAsk: options.callsAsk === true,
    late: options.late === true,
    outputs: options.outputs === true,
    memory: options.memory === true,
    searches: options.searches === true,
    questions: options.questions !== false && draw(seed, "questions")() < 0.6,
    resolves: options.resolves === true,
    givenGrant: policies() < 0.3 && options.grants !== false,
    grantUsd: policies() < 0.4 ? 0.000_001 + policies() * 0.000_006 : undefined,
    defect: options.faults !== false && options.defects !== false ? defect(draw(seed, "defects")) : undefined
  }
}

const defect = (random: () => number): Defect | undefined =>
  random() < 0.8
    ? undefined
    : {
        of: pick(random, ["prices", "estimates", "adapter"]),
        at: 1 + Math.floor(random() * random() * 40),
        lasts: random() < 0.5
      }

/**
 * When the processes of a scenario crash; in half of all seeds none does.
 *
 * @since 0.1.0
 * @category operations
 */
export const deaths = (seed: number): ReadonlyArray<Death> => {
  const random = draw(seed, "deaths")
  if (random() < 0.5) return []
  return Array.from({ length: 1 + Math.floor(random() * 2) }, () => ({
    at: 1 + Math.floor(random() * 30),
    cost: random() < 0.3 ? 1 + Math.floor(random() * 4) : undefined,
    when: pick(random, ["before", "after"])
  }))
}

/** `isAsking`: most of them withdraw the questions that are open. */
const messages = (seed: number, isAsking: boolean): ReadonlyArray<SentMessage> => {
  const random = draw(seed, "messages")
  if (random() < 0.5) return []
  return Array.from({ length: 1 + Math.floor(random() * 3) }, (_, index) => ({
    at: 1 + Math.floor(random() * 40),
    messageId: `m${index + 1}`,
    text: `And ${index + 1}.`,
    withdraws: random() < (isAsking ? 0.8 : 0.3)
  }))
}

/**
 * A random source for one position in a scenario.
 *
 * @since 0.1.0
 * @category operations
 */
export const draw = (seed: number, place: string): (() => number) => {
  let hash = 0x811c9dc5 ^ seed
  for (let index = 0; index < place.length; index++) hash = Math.imul(hash ^ place.charCodeAt(index), 0x01000193)
  return Generated.seeded(hash)
}

const pick = <A>(random: () => number, all: readonly [A, ...ReadonlyArray<A>]): A =>
  all[Math.floor(random() * all.length)] ?? all[0]

/** One or two quotas in half of all scenarios; a run reaches some of them. */
const quotas = (random: () => number): ReadonlyArray<Quota.Quota> => {
  if (random() < 0.5) return []
  const maybe = (chance: number, draw: () => number) => (random() < chance ? draw() : undefined)
  const one = (window: Quota.Options["window"], name: string) =>
    Quota.make({
      name,
      per: "tenant",
      window,
      maxCostUsd: maybe(0.6, () => 0.0001 + random() * 0.02),
      maxTotalTokens: maybe(0.4, () => 200 + Math.floor(random() * 5000)),
      maxRuns: 1 + Math.floor(random() * 3)
    })
  const first = one(pick(random, ["day", "month", "30 seconds"]), "first")
  return random() < 0.5 ? [first] : [first, one(pick(random, ["week", "10 minutes"]), "second")]
}

const budget = (random: () => number): Budget.Budget => {
  const maybe = (chance: number, draw: () => number) => (random() < chance ? draw() : undefined)
  return Budget.make({
    // Always a limit, so that every scenario ends.
    maxSteps: 1 + Math.floor(random() * 12),
    maxToolCalls: maybe(0.3, () => Math.floor(random() * 9)),
    maxOutputTokens: maybe(0.15, () => Math.floor(random() * 400)),
    maxTotalTokens: maybe(0.15, () => 200 + Math.floor(random() * 9000)),
    maxCostUsd: maybe(0.2, () => random() * 0.05),
    maxDuration: maybe(0.2, () => Math.floor(random() * 5000)),
    maxDepth: maybe(0.2, () => Math.floor(random() * 3)),
    maxAgents: maybe(0.2, () => Math.floor(random() * 3)),
    warnAt: maybe(0.3, () => 0.5),
    onExhausted: pick(random, ["stop", "stop", "wrap-up", "wrap-up", "pause"])
  })
}

/**
 * The reply of the scenario's model to a request; the fallback model replies differently.
 *
 * @since 0.1.0
 * @category operations
 */
export const respond = (scenario: Scenario, request: ModelRequest, model: string): ScriptedModel.Reply => {
  const { agent, agentPath, attempt, step } = request.metadata
  const random = draw(scenario.seed, `${agentPath.join("/")} ${step} ${attempt} ${model}`)
  const form = draw(scenario.seed, `form ${agentPath.join("/")} ${step} ${attempt} ${model}`)
  const usage = ScenarioAnswers.usage(random)
  const isTyped = agent === "root" && scenario.outputs
  if (request.tools.length === 0 || random() < (isTyped ? 0.5 : 0.25)) {
    if (isTyped) return ScenarioAnswers.ofRoot(form, usage)
    return agent === "gamma"
      ? ScenarioAnswers.ofGamma(random, usage)
      : ScenarioAnswers.dressed(form, ScenarioAnswers.speech(random, usage))
  }
  if (scenario.faults && random() < 0.2) return fault(random, usage, scenario, request, form)
  const made = Array.from({ length: 1 + Math.floor(random() * 4) }, (_, index) =>
    call(random, scenario, request, index)
  )
  const options = { usage, ...(random() < 0.5 ? { text: "Let me see. " } : {}) }
  return form() < 0.5 || !scenario.inputs
    ? ScriptedModel.calls(made, options)
    : ScenarioAnswers.dressed(form, ScriptedModel.written(made, { ...options, size: 1 + Math.floor(form() * 30) }))
}

const call = (
  random: () => number,
  scenario: Scenario,
  request: ModelRequest,
  index: number
): ScriptedModel.ScriptedCall => {
  const offered = request.tools.map((tool) => tool.name)
  const remembering = scenario.memory ? ScenarioMemory.weighted(offered) : offered
  const searching = scenario.searches ? ScenarioSearch.weighted(remembering) : remembering
  const asking = scenario.callsAsk ? searching.flatMap(ScenarioQuestions.weighted) : searching
  const offers = scenario.late ? asking.flatMap(ScenarioLate.weighted) : asking
  const name = random() < 0.05 ? "unknown_tool" : pick(random, ["work", ...offers])
  // Some models restart their call ids at each step.
  const id = random() < 0.2 ? `call_${index}` : `c${request.metadata.step}_${index}`
  if (name === ScenarioQuestions.toolName) return { id, name, args: ScenarioQuestions.args(random) }
  if (ScenarioQuestions.isOfRunning(name)) return { id, name, args: ScenarioQuestions.argsOfRunning(random) }
  if (ScenarioLate.has(name)) return { id, name, args: ScenarioLate.args(random) }
  if (ScenarioMemory.has(name)) return { id, name, args: ScenarioMemory.args(random, name, request) }
  if (ScenarioSearch.has(name)) return { id, name, args: ScenarioSearch.args(random, name) }
  if (name === "look") return { id, name, args: random() < 0.1 ? { at: "nothing" } : { at: index } }
  if (name === "alpha" || name === "beta" || name === "gamma") {
    return { id, name, args: random() < 0.1 ? { wrong: true } : { prompt: `part ${index}` } }
  }
  const faulty: readonly [Behaviour, ...ReadonlyArray<Behaviour>] = scenario.faults
    ? ["answers", "answers", "sleeps", "progresses", "tells", "fails", "dies", "hangs"]
    : ["answers", "answers", "sleeps", "progresses", "tells", "fails"]
  const args = { behaviour: pick(random, faulty), forMs: Math.floor(random() * 3000), asks: random() < 0.5 }
  return { id, name, args: random() < 0.06 ? { behaviour: 7 } : args }
}

const fault = (
  random: () => number,
  usage: ReturnType<typeof ScenarioAnswers.usage>,
  scenario: Scenario,
  request: ModelRequest,
  form: () => number
): ScriptedModel.Reply => {
  const about = { provider: "scripted", model: "scripted-1" }
  const one = call(random, scenario, request, 0)
  const half = ScriptedModel.input(one, 5).slice(0, 3)
  const isInput = form() < 0.5 && scenario.inputs
  switch (Math.floor(random() * 9)) {
    case 0:
      return ScriptedModel.failure(new ModelFailure.ProviderUnavailable(about))
    case 1:
      return ScriptedModel.failure(new ModelFailure.RateLimited({ ...about, retryAfterMs: 2000 }))
    case 2:
      if (isInput) return { parts: [half], failure: new ModelFailure.NetworkFailed(about) }
      return ScriptedModel.failure(new ModelFailure.NetworkFailed(about), "half an ans")
    case 3:
      return ScriptedModel.failure(new ModelFailure.AuthenticationFailed(about))
    case 4:
      return { parts: [] }
    case 5:
      return { parts: isInput ? [half] : [[{ type: "text", text: "no finish" }]] }
    case 6:
      return isInput ? ScriptedModel.written([one, one], { usage }) : ScriptedModel.calls([one, one], { usage })
    case 7:
      return isInput
        ? { parts: [half, [{ type: "finish", reason: "length", usage }]] }
        : ScriptedModel.calls([one], { usage, stop: "length" })
    default:
      return { parts: [isInput ? half : [{ type: "text", text: "and then " }]], hangs: true }
  }
}

/**
 * Who starts a scenario's run.
 *
 * @since 0.1.0
 * @category constants
 */
export const requester: Principal = { id: "rex", roles: ["lead"] }

/**
 * The people who answer a question that names its approvers, in this order, allowed or not.
 *
 * @since 0.1.0
 * @category constants
 */
export const people: ReadonlyArray<Principal> = [
  requester,
  { id: "bob" },
  { id: "zoe", roles: ["lead"] },
  { id: "mia", roles: ["lead"] },
  { id: "leo", roles: ["lead", "helper"] },
  { id: "cat", roles: ["chief"] }
]

/**
 * Two leads other than zoe and the requester; after escalation, a chief.
 *
 * @since 0.1.0
 * @category constants
 */
export const approvers: Approvers = {
  roles: ["lead"],
  who: ({ id }) => id !== "zoe",
  excludeRequester: true,
  quorum: 2,
  escalate: { after: 8000, to: { roles: ["chief"] } }
}

/**
 * By escalation level: whose approval counts, and how many of them must approve.
 *
 * @since 0.1.0
 * @category constants
 */
export const quorums: ReadonlyArray<{ readonly of: ReadonlyArray<string>; readonly count: number }> = [
  { of: ["mia", "leo"], count: 2 },
  { of: ["cat"], count: 1 }
]

/**
 * The number of uses of a grant that an approval leaves.
 *
 * @since 0.1.0
 * @category constants
 */
export const grantUses = 2

/**
 * How and after how long a person answers the question about a call; absent: never.
 *
 * @since 0.1.0
 * @category operations
 */
export const answer = (
  scenario: Scenario,
  place: string
):
  | {
      readonly afterMs: number
      readonly says: "approve" | "reject" | "revise"
      /** The scope of an approval. */
      readonly scope: Approval.Scope
    }
  | undefined => {
  const random = draw(scenario.seed, `answer ${place}`)
  if (random() < 0.15) return undefined
  const afterMs = Math.floor(random() * 20_000)
  const says = pick<"approve" | "reject" | "revise">(random, ["approve", "approve", "reject", "revise"])
  const scope = pick<Approval.Scope>(random, ["call", "call", "run", "thread", "subtree"])
  return { afterMs, says, scope: scenario.grants ? scope : "call" }
}

/**
 * What a client returns for a call that it must run, and after how long; absent: never.
 *
 * @since 0.1.0
 * @category operations
 */
export const clientAnswer = (
  scenario: Scenario,
  place: string
): { readonly afterMs: number; readonly isFailure: boolean } | undefined => {
  const random = draw(scenario.seed, `client ${place}`)
  return random() < 0.1 ? undefined : { afterMs: Math.floor(random() * 8000), isFailure: random() < 0.2 }
}
