/**
 * Validates a query and makes the record of its run. All rejections happen here, before anything has run.
 */
import { Budget, Message, QueryRejected, QueryRejections } from "@reins/protocol"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Agent from "../agent/Agent.ts"
import type { RunRecord } from "../engine/RunHost.ts"
import type { StartChange } from "../thread/ThreadChange.ts"
import type { Asks, QueryOptions, RunOptions } from "./RuntimeVerbs.ts"
import { promptFromValue } from "../agent/TypedText.ts"
import type * as ProviderKeys from "../model/ProviderKeys.ts"
import * as Task from "../kernel/Task.ts"
import * as Rule from "../kernel/OptionRule.ts"
import * as PlainJson from "../kernel/PlainJson.ts"
import * as NarrowedMember from "../agent/NarrowedMember.ts"
import { allModels, findModel } from "../agent/AgentParts.ts"
import * as AgentRegistry from "../agent/AgentRegistry.ts"
import * as CallRow from "../agent/CallRow.ts"
import * as Quotas from "./Quotas.ts"
import * as Threads from "./Threads.ts"
import { type RuntimeParts, defaultResource } from "./RuntimeParts.ts"

/**
 * A run's record before its host has accepted it. `change`: what its query does to its thread when it starts. `keys`: what
 * it brought of them.
 */
export interface NewRun extends Omit<RunRecord, "historyVersion"> {
  readonly keys?: ProviderKeys.Given
  readonly change?: StartChange
}

/** Why a query was rejected. */
export type Rejected = QueryRejected

/** The run that leases the thread, if that is the reason. */
export const busy = ({ reason }: Rejected): QueryRejections.ThreadBusy | undefined =>
  reason._tag === "ThreadBusy" ? reason : undefined

const reject = (reason: QueryRejections.Reason) => Exit.fail(new QueryRejected({ reason }))

/** The agent that a query asks, with the query's tools; what the query asks of its model is not applied yet. */
export const memberOf = (built: RuntimeParts, options: Asks): Effect.Effect<Asked, QueryRejected> => {
  const found = options.agent === undefined ? Exit.succeed(built.roster.first) : find(built, options.agent)
  if (options.tools === undefined && options.model === undefined && options.output === undefined)
    return Task.map(found, (member) => ({ member }))
  return Effect.gen(function* () {
    const own = yield* found
    const tools = options.tools === undefined ? undefined : yield* toolsOf(own, options.tools)
    const member = tools === undefined ? own : NarrowedMember.withTools(own, tools)
    const asked = options.model === undefined ? undefined : yield* modelOf(member, options.model)
    const model = options.output === undefined ? asked : NarrowedMember.withOutput(member, asked, options.output)
    if (typeof model === "string") {
      return yield* reject(new QueryRejections.InvalidInput({ agent: member.name, issue: model }))
    }
    return { member, tools, model }
  })
}

/** The agent of a query, and what the query asks of it. */
interface Asked {
  readonly member: AgentRegistry.Member
  readonly tools?: NarrowedMember.QueryTools | undefined
  readonly model?: NarrowedMember.QueryModel | undefined
}

const readPrompt = Schema.decodeUnknownOption(Message.Prompt)

/** A copy of a prompt, which may be of a program without types; `undefined` if it is invalid: no store could read it again. */
export const promptOf = (given: unknown): Message.Prompt | undefined =>
  typeof given === "string" ? given.toWellFormed() : Option.getOrUndefined(readPrompt(PlainJson.copy(given)))

/** The record of a query. */
export const query = (
  built: RuntimeParts,
  given: Message.Prompt,
  options: Asks = {}
): Effect.Effect<NewRun, QueryRejected> =>
  Effect.withFiber((fiber) => {
    const prompt = promptOf(given)
    if (prompt === undefined) {
      const agent = options.agent ?? built.roster.first.name
      const issue =
        'Invalid prompt. Pass text, or a list of { type: "text", text } and { type: "file", mediaType, data }'
      return reject(new QueryRejections.InvalidInput({ agent: Predicate.isString(agent) ? agent : agent.name, issue }))
    }
    if (Message.isEmpty(prompt) && !continues(prompt, options.history)) {
      return reject(new QueryRejections.EmptyPrompt({}))
    }
    const now = fiber.getRef(Clock.Clock).currentTimeMillisUnsafe()
    return Task.flatMap(memberOf(built, options), (asked) => {
      const { model } = asked
      const member = model === undefined ? asked.member : NarrowedMember.withModel(asked.member, model)
      const made = record(built, member, prompt, now, { ...options, isolated: false })
      const whole = isPlain(asked, options) ? made : Task.map(made, (run) => ({ ...run, ...asksOf(asked, options) }))
      const { branch, history, replaces } = options
      if (history === undefined && replaces === undefined && branch === undefined) return whole
      return Effect.flatMap(whole, (run) => changing(built, run, options))
    })
  })

/** Whether a query asks for nothing beside its prompt. */
const isPlain = ({ model, tools }: Asked, { instructions }: QueryOptions): boolean =>
  model === undefined && tools === undefined && instructions === undefined

/** What a query asks for beside its prompt, as its record keeps it. */
const asksOf = ({ model, tools }: Asked, { instructions }: QueryOptions): Partial<NewRun> => ({
  ...(tools === undefined ? {} : { tools }),
  ...(model === undefined ? {} : { model }),
  ...(instructions === undefined ? {} : { instructions })
})

/** The record of a query that changes its thread when it starts. */
const changing = Effect.fnUntraced(function* (
  { ids }: RuntimeParts,
  made: NewRun,
  { branch, history, onThread = "ignore", replaces, threadId }: QueryOptions
): Effect.fn.Return<NewRun, QueryRejected> {
  const refused = (issue: string) =>
    new QueryRejected({ reason: new QueryRejections.InvalidInput({ agent: made.agent, issue }) })
  const branchId = ids.make("branch")
  if (history === undefined) {
    if (threadId === undefined) return yield* refused("replaces and branch are about a thread. Pass its threadId")
    const first = branch === undefined ? undefined : ({ _tag: "Return", to: branch, branchId } as const)
    if (replaces === undefined) return first === undefined ? made : { ...made, change: first }
    if (first === undefined) return { ...made, change: { _tag: "Rewind", to: replaces, branchId } }
    if (typeof replaces === "string") return yield* refused("With branch, replaces is the index of a message in it")
    const next = { _tag: "Rewind", to: replaces, branchId: ids.make("branch") } as const
    return { ...made, change: { _tag: "Resume", first, next } }
  }
  if (replaces !== undefined || branch !== undefined) {
    return yield* refused("Pass history, or replaces and branch, and not both")
  }
  const { messages } = yield* Effect.mapError(Threads.adopt(history), refused)
  // A thread without messages gets them; an existing one is not changed.
  if (onThread === "ignore" && messages.length === 0) return made
  return { ...made, change: { _tag: "Lay", messages, onThread, branchId } }
})

/** Whether the query has no prompt because its history ends with results that the model has not answered. */
const continues = (prompt: Message.Prompt, history: ReadonlyArray<Message.Message> = []): boolean =>
  prompt.length === 0 && typeof prompt !== "string" && history.at(-1)?.role === "tool"

const readTools = Schema.decodeUnknownOption(NarrowedMember.QueryTools)

/** A copy of the query's changes to the agent's tools, stored with the run. */
const toolsOf = (member: AgentRegistry.Member, given: NarrowedMember.QueryTools) => {
  const tools = Option.getOrUndefined(readTools(PlainJson.copy(given)))
  const refused = (issue: string) => reject(new QueryRejections.InvalidInput({ agent: member.name, issue }))
  if (tools === undefined) return refused("Invalid tools. Pass JSON of the shape { without, ask, client }")
  const issue = NarrowedMember.toolsRefusal(member, tools)
  return issue === undefined ? Effect.succeed(tools) : refused(issue)
}

const readModel = Schema.decodeUnknownOption(NarrowedMember.QueryModel)

/** A copy of what the query asks of the agent's model, which is kept with the run; `undefined` if that is nothing. */
const modelOf = (
  member: AgentRegistry.Member,
  given: NonNullable<QueryOptions["model"]>
): Effect.Effect<NarrowedMember.QueryModel | undefined, QueryRejected> => {
  const isNamed = typeof given === "string" || Context.isKey(given)
  const model = isNamed ? {} : Option.getOrUndefined(readModel(PlainJson.copy(given)))
  const refused = (issue: string) => reject(new QueryRejections.InvalidInput({ agent: member.name, issue }))
  if (model === undefined) {
    return refused("Invalid model. Pass a name, or JSON of the shape { name, maxOutputTokens, output, settings }")
  }
  const { name, ...settings } = model
  const asked = isNamed ? given : name
  const found = asked === undefined ? "own" : findModel(member, asked)
  if (found === undefined) {
    const known = [...member.models.keys()]
    const unknown = Context.isKey(asked) ? asked.key : (asked ?? "")
    return reject(new QueryRejections.UnknownModel({ agent: member.name, name: unknown, known }))
  }
  const issue = NarrowedMember.modelRefusal(member, settings)
  if (issue !== undefined) return refused(issue)
  if (found === "own" && isNamed) return Effect.succeed(undefined)
  return Effect.succeed(found === "own" ? settings : { ...settings, ...found })
}

/** The record of a specialist's run from code: no history is read, none is written. */
export const specialist = Effect.fnUntraced(function* (
  built: RuntimeParts,
  agent: Agent.Any,
  input: unknown,
  options: RunOptions = {}
) {
  const member = yield* find(built, agent)
  const now = yield* Clock.currentTimeMillis
  const prompt = yield* Effect.result(promptFromValue(member, input))
  if (Result.isFailure(prompt)) {
    return yield* reject(new QueryRejections.InvalidInput({ agent: member.name, issue: prompt.failure }))
  }
  return yield* record(built, member, prompt.success, now, { ...options, isolated: true })
})

/** Passes the run to the host, with what its query changes of the thread. */
export const start = (
  { host, settings }: RuntimeParts,
  { change, keys, ...run }: NewRun
): Effect.Effect<void, QueryRejected> => {
  const rejected = Effect.mapError(host.start(run, change), (reason) => new QueryRejected({ reason }))
  return keys === undefined ? rejected : holding(settings.keys, run.runId, keys, rejected)
}

/** Holds the keys of a run that starts, before its first request asks for them. */
const holding = <E>(
  held: ProviderKeys.ProviderKeys,
  runId: string,
  keys: ProviderKeys.Given,
  started: Effect.Effect<void, E>
): Effect.Effect<void, E> =>
  Effect.suspend(() => {
    held.take(runId, keys)
    return Effect.tapError(started, () => Effect.sync(() => held.release(runId)))
  })

/** The registered agent. */
export const find = (
  built: RuntimeParts,
  agent: string | Agent.Any
): Exit.Exit<AgentRegistry.Member, QueryRejected> => {
  const name = Predicate.isString(agent) ? agent : agent.name
  const member = built.roster.members.get(name)
  return member === undefined || (!Predicate.isString(agent) && member.definition !== agent.definition)
    ? reject(new QueryRejections.UnknownAgent({ name, known: [...built.roster.members.keys()] }))
    : Exit.succeed(member)
}

/** `now`: when the run starts. `isolated`: its thread's history is neither read nor written. */
/** The record of a run of this agent that starts now. */
export const record = (
  built: RuntimeParts,
  member: AgentRegistry.Member,
  prompt: Message.Prompt,
  now: number,
  options: RunOptions & { readonly isolated: boolean }
): Effect.Effect<NewRun, QueryRejected> => {
  const said = PlainJson.copy(prompt)
  if (said === undefined) {
    return reject(new QueryRejections.InvalidInput({ agent: member.name, issue: "The prompt is not valid JSON" }))
  }
  const own = options.budget
  const invalid = own === undefined ? undefined : (Budget.validate(own) ?? unknownTool(built, member, own))
  if (invalid !== undefined) return reject(invalid)
  const budget = own === undefined ? member.budget : Budget.narrow(member.budget, own)
  const threadId = options.threadId ?? built.ids.make("thread")
  const resourceId = options.resourceId ?? defaultResource
  const known = options.isolated || options.threadId === undefined ? noThread : built.host.threads.info(threadId)
  return Task.flatMap(known, (thread) => {
    if (thread !== undefined && thread.resourceId !== resourceId) {
      return reject(new QueryRejections.ThreadForbidden({ threadId }))
    }
    if (thread?.isDamaged === true) {
      return reject(new QueryRejections.ThreadDamaged({ threadId, table: "reins_threads" }))
    }
    const charged = Quotas.chargesOf(built, options)
    if (Result.isFailure(charged)) return reject(charged.failure)
    const quotas = charged.success
    const limits =
      thread?.limits === undefined && quotas.length === 0
        ? [budget]
        : [budget, thread?.limits ?? {}, ...quotas.map(({ quota }) => quota)]
    const unpriced = withoutPrice(built, member, limits, now)
    if (unpriced !== undefined) return reject(unpriced)
    const spent = thread === undefined ? undefined : Threads.exhausted(thread)
    if (spent !== undefined) {
      const { limit, max, used } = spent
      return reject(new QueryRejections.ThreadExhausted({ threadId, limit, max, used }))
    }
    const issue = Rule.issueOf("repeatedCallLimit", options.repeatedCallLimit, CallRow.limitRule)
    if (issue !== undefined) return reject(new QueryRejections.InvalidInput({ agent: member.name, issue }))
    const { defaultMaxSteps, keys, repeatedCallLimit } = built.settings
    const limit = CallRow.limitOf(options.repeatedCallLimit, member.definition.repeatedCallLimit, repeatedCallLimit)
    const made: NewRun = {
      runId: options.runId ?? built.ids.make("run"),
      threadId,
      resourceId,
      agent: member.name,
      prompt: said,
      isolated: options.isolated,
      budget:
        defaultMaxSteps === Number.POSITIVE_INFINITY || bounds(budget) || bounds(thread?.limits ?? {})
          ? budget
          : { ...budget, maxSteps: defaultMaxSteps },
      ...(limit === Number.POSITIVE_INFINITY ? {} : { repeatedCallLimit: limit }),
      ...(options.onOpenResults === undefined ? {} : { onOpenResults: options.onOpenResults }),
      ...(quotas.length === 0 ? {} : { quotas }),
      startedAt: now,
      ...(options.principal === undefined ? {} : { principal: options.principal }),
      ...(options.providerKeys === undefined
        ? {}
        : { keys: options.providerKeys, keyed: Object.keys(options.providerKeys) })
    }
    const { keyed: brought, principal } = made
    const missing = keys.missing({ resourceId, principal, brought }, allModels(member))
    if (missing === undefined) return Exit.succeed(made)
    return Effect.flatMap(missing, (model) =>
      model === undefined
        ? Effect.succeed(made)
        : reject(new QueryRejections.CredentialsMissing({ provider: model.provider, tenant: resourceId }))
    )
  })
}

const noThread = Exit.succeed(undefined)

/** Whether a budget ends an endless run. */
const bounds = (budget: Budget.Budget): boolean =>
  bounding.some((limit) => (budget[limit] ?? Number.POSITIVE_INFINITY) !== Number.POSITIVE_INFINITY)

const bounding = [
  "maxSteps",
  "maxToolCalls",
  "maxInputTokens",
  "maxOutputTokens",
  "maxTotalTokens",
  "maxCostUsd",
  "maxDurationMs"
] as const satisfies ReadonlyArray<keyof Budget.Budget>

/** `member`: the agent with the query's tools. */
const unknownTool = ({ roster }: RuntimeParts, member: AgentRegistry.Member, budget: Budget.Budget) =>
  budget.maxCallsPerTool === undefined
    ? undefined
    : Budget.unknownTool(budget, AgentRegistry.toolNames([...roster.members.values(), member]))

/** A limit in dollars cannot be enforced on a model without a price. */
const withoutPrice = (
  built: RuntimeParts,
  member: AgentRegistry.Member,
  budgets: ReadonlyArray<Pick<Budget.Budget, "maxCostUsd">>,
  now: number
): QueryRejections.UnknownPrice | undefined => {
  const limits = (one: Pick<Budget.Budget, "maxCostUsd">) =>
    one.maxCostUsd !== undefined && one.maxCostUsd !== Number.POSITIVE_INFINITY
  const all = AgentRegistry.below(member)
  const unpriced = (of: ReadonlyArray<AgentRegistry.Member>) =>
    of.flatMap(allModels).find(({ model, provider }) => built.settings.prices.find(provider, model, now) === undefined)
  const found = budgets.some(limits)
    ? unpriced(all)
    : all
        .filter((one) => one !== member && limits(one.budget))
        .map((one) => unpriced(AgentRegistry.below(one)))
        .find(Boolean)
  return found === undefined
    ? undefined
    : new QueryRejections.UnknownPrice({ provider: found.provider, model: found.model })
}
