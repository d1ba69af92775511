/**
 * What a query would start, without starting it: which tools its agents may call and who is asked about them, the size of
 * the first request, which can also be counted alone, and the most that its limits let it use. Nothing is stored, and neither
 * a policy's code nor a `resolve` is run.
 */
import { Budget, type Grant, Message, Money, QueryRejected, QueryRejections, Quota } from "@reins/protocol"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { Callable, Member } from "../agent/AgentRegistry.ts"
import type { Level } from "../approval/Approvers.ts"
import { isDenial } from "../approval/Policy.ts"
import type { StepHooks } from "../hook/HookChain.ts"
import { asked } from "../loop/Drive.ts"
import * as TokenEstimator from "../model/TokenEstimator.ts"
import type { RunHost } from "../engine/RunHost.ts"
import * as ThreadChange from "../thread/ThreadChange.ts"
import type { StartChange } from "../thread/ThreadChange.ts"
import type { ThreadInfo } from "../thread/ThreadStore.ts"
import { withTools } from "../agent/NarrowedMember.ts"
import { AgentState } from "../run/AgentState.ts"
import type { Preview, PreviewedApprovers, PreviewedTool } from "./PreviewShape.ts"
import type { RuntimeParts } from "./RuntimeParts.ts"
import * as RunStart from "./RunStart.ts"
import type { Asks, QueryOptions } from "./RuntimeVerbs.ts"
import * as Threads from "./Threads.ts"

/** See `RuntimeShape.preview`. */
export const of = Effect.fnUntraced(function* (
  built: RuntimeParts,
  prompt: Message.Prompt,
  options: Asks = {}
): Effect.fn.Return<Preview, QueryRejected> {
  const { host, roster, settings } = built
  // A history is validated, and laid under a thread only when a run starts.
  const prepared = options.history === undefined ? options : { ...options, onThread: "append" as const }
  const run = yield* RunStart.query(built, prompt, prepared)
  const own = roster.members.get(run.agent) ?? roster.first
  const member = asked(run.tools === undefined ? own : withTools(own, run.tools), run)
  const thread = options.threadId === undefined ? undefined : yield* host.threads.info(options.threadId)
  const { change, resourceId, threadId } = run
  const place = yield* placeIn(host, thread, change)
  const read = thread === undefined ? [] : yield* host.threads.read(threadId, { resourceId, ...place })
  const stored = place.version === undefined ? read : ThreadChange.whole(read)
  const agent = new AgentState({
    path: [],
    member,
    history: under(stored, run.change, options),
    prompt: prompt.length === 0 ? undefined : Message.fromPrompt(prompt),
    repeatedCallLimit: Number.POSITIVE_INFINITY
  })
  const estimator = TokenEstimator.forModel(settings.estimator, member.model)
  const total = agent.inputTokens(settings.estimator)
  const instructions = estimator.text(member.definition.instructions ?? "")
  const tools = estimator.text(JSON.stringify(agent.offered))
  const now = yield* Clock.currentTimeMillis
  const grants = thread === undefined ? [] : yield* host.grants.list(run.resourceId)
  const standings = yield* host.quotas.standings(run.quotas ?? [], now)
  const valid = grants.filter((grant) => isValid(grant, run.threadId, now))
  return {
    agent: member.name,
    provider: member.model.provider,
    model: member.model.model,
    messages: agent.messages.length,
    inputTokens: { total, instructions, tools, messages: total - instructions - tools },
    tools: toolsOf(member, [], valid, settings.unattended),
    most: mostOf(
      run.budget ?? {},
      thread?.limits === undefined ? [] : [Budget.threadNode(thread.limits, thread.spent ?? Budget.nothingSpent)],
      standings.map(Quota.toUsage)
    ),
    ...namesOf(member.hooks?.steps),
    onExhausted: run.budget?.onExhausted ?? "stop",
    ...(member.resolver === undefined
      ? {}
      : { choices: Array.from(member.models, ([name, { model, provider }]) => ({ name, provider, model })) })
  }
})

/** The branch that a query continues, if any, and how many messages of it or of the thread; absent: all. */
const placeIn = Effect.fnUntraced(function* (
  host: RunHost,
  thread: ThreadInfo | undefined,
  change: StartChange | undefined
): Effect.fn.Return<{ readonly branch?: string; readonly version?: number }, QueryRejected> {
  if (change === undefined || change._tag === "Lay") return {}
  const { threadId = "" } = thread ?? {}
  const [step, next] = ThreadChange.stepsOf(change)
  const branch = step?._tag === "Return" ? step.to : undefined
  const known = branch === undefined ? [] : yield* host.threads.branches(threadId)
  const version = branch === undefined ? (thread?.version ?? 0) : known.find((one) => one.branchId === branch)?.version
  const back = step?._tag === "Rewind" ? step : next
  const place = back?._tag === "Rewind" ? back.to : undefined
  const before = typeof place === "string" ? yield* host.threads.before(threadId, place) : undefined
  const kept = version === undefined || place === undefined ? undefined : ThreadChange.keepAt(place, version, before)
  if (version === undefined || (place !== undefined && kept === undefined)) {
    return yield* new QueryRejected({ reason: ThreadChange.placeNotFound(threadId, change) })
  }
  return { ...(branch === undefined ? {} : { branch }), ...(kept === undefined ? {} : { version: kept }) }
})

/** The conversation before the prompt. */
const under = (
  stored: ReadonlyArray<Message.Message>,
  change: StartChange | undefined,
  { onThread }: QueryOptions
): ReadonlyArray<Message.Message> => {
  const given = change?._tag === "Lay" ? change.messages : []
  if (stored.length === 0 || onThread === "replace") return given.length === 0 ? stored : given
  return onThread === "append" ? [...stored, ...given] : stored
}

/** A grant that may let a call of the next run on the thread run. */
const isValid = ({ expiresAt, scope, threadId, usesLeft }: Grant.Grant, thread: string, now: number): boolean =>
  scope === "thread" && threadId === thread && (expiresAt ?? now) >= now && usesLeft !== 0

/** The tools of an agent and of all specialists below it. */
const toolsOf = (
  member: Member,
  above: ReadonlyArray<string>,
  grants: ReadonlyArray<Grant.Grant>,
  usual: "wait" | "deny" | "approve"
): ReadonlyArray<PreviewedTool> => {
  const agents = [...above, member.name]
  const way = member.definition.unattended ?? usual
  return [
    ...Array.from(member.tools.values(), (tool) => ({
      ...previewed(tool, agents, grants, way),
      ...namesOf(member.hooks?.ofCall(tool.name, tool.hooks)),
      ...withheldBy(member, tool.name)
    })),
    ...Array.from(member.specialists.values(), ({ name }): PreviewedTool => ({
      name,
      agents,
      execution: "specialist",
      decision: "runs",
      ...namesOf(member.hooks?.ofCall(name)),
      ...withheldBy(member, name)
    })),
    ...Array.from(member.specialists.values()).flatMap((one) => toolsOf(one, agents, grants, usual))
  ]
}

/** The names of hooks; nothing where there are none. */
const namesOf = (hooks: StepHooks | undefined): { readonly hooks?: ReadonlyArray<string> } =>
  hooks === undefined ? {} : { hooks: hooks.map(({ name }) => name) }

const withheldBy = ({ withheld }: Member, name: string): Pick<PreviewedTool, "isWithheld"> =>
  withheld?.has(name) === true ? { isWithheld: true } : {}

const previewed = (
  { approvers, asks, execution, hash, name, policy }: Callable,
  agents: ReadonlyArray<string>,
  grants: ReadonlyArray<Grant.Grant>,
  way: "wait" | "deny" | "approve"
): PreviewedTool => {
  const about = { name, agents, execution }
  if (policy === "never" && asks === undefined) return { ...about, decision: "runs" }
  if (isDenial(policy)) return { ...about, decision: "denied", reason: policy.deny }
  const covering = grants.filter((grant) => grant.toolName === name && grant.toolHash === hash).length
  // Named approvers cannot be replaced.
  const unattended = way === "approve" && approvers !== undefined ? "deny" : way
  return {
    ...about,
    // The call of a tool that asks a person is a question itself.
    decision: policy === "always" || asks !== undefined ? "asks" : "depends",
    ...(unattended === "wait" ? {} : { unattended }),
    ...(approvers === undefined ? {} : { approvers: approvers.map(needOf) }),
    ...(covering === 0 ? {} : { grants: covering })
  }
}

const needOf = ({ afterMs, need }: Level): PreviewedApprovers => ({
  ...need,
  ...(afterMs === undefined ? {} : { afterMs })
})

/** What nothing has used yet, of the limits of the run, its thread and its quotas. */
const mostOf = (
  budget: Budget.Budget,
  above: ReadonlyArray<Budget.Node>,
  quotas: ReadonlyArray<Quota.Usage>
): Preview["most"] => {
  const chain = [Budget.node([], budget), ...above]
  const left = Budget.remaining(chain)
  const ofQuotas = (
    pick: (usage: Quota.Usage) => { readonly limit?: number; readonly used: number; readonly reserved: number }
  ) =>
    quotas.map((usage) => {
      const { limit = Number.POSITIVE_INFINITY, reserved, used } = pick(usage)
      return Math.max(0, limit - used - reserved)
    })
  const tokens = ofQuotas(({ totalTokens }) => totalTokens)
  const all = {
    steps: left.steps,
    toolCalls: left.toolCalls,
    inputTokens: Math.min(left.inputTokens, ...tokens),
    outputTokens: Math.min(left.outputTokens, ...tokens),
    agents: left.agents,
    costUsd: Money.toUsd(Math.min(left.nanoUsd, ...ofQuotas(({ costNanoUsd }) => costNanoUsd))),
    durationMs: Math.min(...chain.map(({ max, sinceMs }) => max.durationMs + sinceMs))
  }
  const most: { -readonly [Name in keyof Preview["most"]]: number } = {}
  for (const name of names) if (Number.isFinite(all[name])) most[name] = all[name]
  return most
}

const names = ["steps", "toolCalls", "inputTokens", "outputTokens", "agents", "costUsd", "durationMs"] as const

/** Counts the agent's instructions and tools, the query's history, and its prompt. */
export const countTokens = Effect.fnUntraced(function* (
  built: RuntimeParts,
  prompt: Message.Prompt,
  options: QueryOptions = {}
): Effect.fn.Return<number, QueryRejected> {
  const { instructions } = options
  const { member, model } = yield* RunStart.memberOf(built, options)
  const { messages } = yield* Effect.mapError(
    Threads.adopt(options.history ?? []),
    (issue) => new QueryRejected({ reason: new QueryRejections.InvalidInput({ agent: member.name, issue }) })
  )
  const agent = new AgentState({
    path: [],
    member: asked(member, {
      ...(instructions === undefined ? {} : { instructions }),
      ...(model === undefined ? {} : { model })
    }),
    history: messages,
    prompt: prompt.length === 0 ? undefined : Message.fromPrompt(prompt),
    repeatedCallLimit: Number.POSITIVE_INFINITY
  })
  return agent.inputTokens(built.settings.estimator)
})
