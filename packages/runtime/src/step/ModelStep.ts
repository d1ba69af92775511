/**
 * One step's model call, as an activity of the engine: a paid request with an answer that is streamed into the log, and
 * with calls that are announced together in its last commit. The stored `StepValue` has everything that the loop needs
 * to continue. `CallSettlement` settles the calls.
 */
import { type Entry, type Event, Usage } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { SettledWork, type Settled, type Work } from "../engine/Engine.ts"
import type { Spender } from "../engine/Spending.ts"
import type * as Hook from "../hook/Hook.ts"
import type * as HookChain from "../hook/HookChain.ts"
import type { ModelRequest, ModelSettings } from "../model/Model.ts"
import * as TokenEstimator from "../model/TokenEstimator.ts"
import type { Estimator } from "../model/TokenEstimator.ts"
import type { AgentState } from "../run/AgentState.ts"
import { type RequestDigest, SentDigests } from "../run/RequestDigest.ts"
import * as Names from "../run/Names.ts"
import type { Run } from "../run/Run.ts"
import * as Admission from "./Admission.ts"
import * as Announcement from "./Announcement.ts"
import type { Answer } from "./Answer.ts"
import { HookRun } from "./HookRun.ts"
import { PaidRequest, retraction, type Sent } from "./PaidRequest.ts"
import * as StepHooks from "./StepHooks.ts"
import { StepValue, typedStep } from "./StepValue.ts"
import type { Ask } from "./Attempt.ts"
import * as Task from "../kernel/Task.ts"
import * as TypedText from "../agent/TypedText.ts"

export interface StepOptions {
  /** Counts from 1 within the agent. */
  readonly step: number
  /** False for a last step without tools. */
  readonly offersTools: boolean
  /** Whether a typed answer that is invalid is asked for once more. */
  readonly repairs: boolean
}

/** Executes one model step of `agent`. Call it when the step is due. */
export const modelStep = (run: Run, agent: AgentState, options: StepOptions): Effect.Effect<StepValue> => {
  const { check, hooks } = agent.member
  const carried = (work: Work, now = work.now()) => {
    // The wrap-up step is paid from the reserve.
    if (!options.offersTools) work.tree.releaseReserve(agent.path)
    const ask = new StepAsk(run, work, agent, options)
    const paid = new PaidRequest(ask, now)
    return check === undefined
      ? madeStep(ask, paid, options)
      : typedStep(() => madeStep(ask, paid, options), options.repairs, check)
  }
  return run.engine.direct === undefined
    ? run.engine.activity(Names.model(agent.prefix, options.step), StepValue, carried, hooks?.steps === undefined)
    : run.engine.direct(carried)
}

const madeStep = (ask: StepAsk, paid: PaidRequest, options: StepOptions): Effect.Effect<Settled<StepValue>> => {
  const hooks = ask.agent.member.hooks?.steps
  if (hooks !== undefined) return hookedStep(ask, paid, options, hooks)
  ask.work.spending.begin(paid)
  return Task.flatMap(paid.send(paid.tally.startedAt), (sent) => {
    if (sent._tag !== "Completed") return Exit.succeed(digested(ask, unanswered(paid, sent)))
    const { files } = sent.answer
    return files === undefined
      ? Exit.succeed(digested(ask, settled(paid, options, sent, nothing, sent.at)))
      : Effect.map(Announcement.storeFiles(ask, files), (files) => digested(ask, settled(paid, options, sent, files)))
  })
}

/** Who spends in a step with hooks: the step and their questions. */
class HookedSpender implements Spender {
  readonly paid: PaidRequest
  readonly all: HookRun

  constructor(paid: PaidRequest, all: HookRun) {
    this.paid = paid
    this.all = all
  }

  spent(): ReadonlyArray<Entry.Entry> {
    return [...this.paid.spent(), ...this.all.spent()]
  }

  /** The work as it ends, with what the hooks' questions have used. */
  settled({ value, ...settled }: Settled<StepValue>): Settled<StepValue> {
    const { bill } = this.all
    const rows = this.all.end()
    const all = bill === undefined ? value : { ...value, usage: Usage.add(value.usage, bill.usage) }
    return { ...settled, value: all, spent: [...settled.spent, ...rows], by: this }
  }
}

/** A step with hooks: before its request is sent, and when it has been answered. */
const hookedStep = (
  ask: StepAsk,
  paid: PaidRequest,
  options: StepOptions,
  hooks: HookChain.StepHooks
): Effect.Effect<Settled<StepValue>> => {
  const { agent, run, step, work } = ask
  const all = new HookRun(run, work, agent, step, ask.name, true)
  const spender = new HookedSpender(paid, all)
  work.spending.begin(spender)
  ask.holds = StepHooks.holds(hooks)
  const asked = requestOf(ask, options)
  return Task.flatMap(StepHooks.before(all, hooks, asked), (before): Effect.Effect<Settled<StepValue>> => {
    if (before._tag !== "Go") {
      unsent(paid)
      return Exit.succeed(spender.settled(stoppedBy(paid, before, nothing)))
    }
    if (before.request !== asked) ask.rewritten = before.request
    return Task.flatMap(paid.send(), (sent): Effect.Effect<Settled<StepValue>> => {
      if (sent._tag !== "Completed") {
        // An answer that was not checked is not kept.
        const unchecked = ask.holds === true ? { ...sent, content: [] } : sent
        return Exit.succeed(spender.settled(digested(ask, unanswered(paid, unchecked))))
      }
      const { answer } = sent
      const isSeen = ask.holds === false && !answer.isUnseen
      return Task.flatMap(StepHooks.after(all, hooks, answer, paid.usage), (after) => {
        const done = (value: Settled<StepValue>) => spender.settled(digested(ask, value))
        if (after._tag !== "Go") {
          if (answer.inputs !== undefined) agent.leave(answer.inputs.ids)
          if (after._tag === "Cancelled" || after._tag === "OutOfTime") {
            // As any answer that a cancel or a limit has cut.
            return Exit.succeed(done(stoppedBy(paid, after, nothing, ask.holds === true ? [] : answer.content)))
          }
          const hook = after._tag === "Failed" ? after.failure.hook : after.hook
          return Exit.succeed(done(stoppedBy(paid, after, [StepHooks.retracted(hook)])))
        }
        const isChanged = after.content !== answer.content
        if (isChanged) answer.rewrite(after.content)
        const shown = [
          ...(isChanged && isSeen ? [StepHooks.retracted(undefined), StepHooks.stepStart] : nothing),
          ...(isChanged || ask.holds === true ? StepHooks.spoken(answer) : nothing)
        ]
        const made = answer.files === undefined ? Effect.succeed(nothing) : Announcement.storeFiles(ask, answer.files)
        return Task.map(made, (files) => done(settled(paid, options, sent, [...shown, ...files])))
      })
    })
  })
}

/** Nothing is sent: counts what was lost in a crash, and retracts what was shown of it. */
const unsent = (paid: PaidRequest): void => {
  const { agent, work } = paid.ask
  const lost = work.open(agent.path)
  if (lost === undefined) return
  paid.recover(lost.attempts, lost.said, lost.ids)
  if (lost.inputs !== undefined) agent.leave(lost.inputs)
  if (lost.started) work.push(agent.path, [retraction])
}

/** The end of a step that has ended at its hooks; `content`: what is kept of an answer that was cut. */
const stoppedBy = (
  paid: PaidRequest,
  by: Exclude<StepHooks.Before | StepHooks.After, { readonly _tag: "Go" }>,
  events: ReadonlyArray<Event>,
  content: Answer["content"] = []
): Settled<StepValue> => {
  const { usage } = paid
  switch (by._tag) {
    case "Cancelled":
      return end(paid, { _tag: "Cancelled", content, usage }, events)
    case "OutOfTime":
      return end(paid, { _tag: "Refused", content, usage, refusal: by.refusal }, events)
    case "Failed":
      return end(paid, { _tag: "Failed", content: [], usage, failure: by.failure, endsRun: by.endsRun }, events)
    case "Rejected":
      return end(paid, { _tag: "Rejected", content: [], usage, hook: by.hook, reason: by.reason }, events)
  }
}

/** The parts of a step's request that hooks may rewrite. */
const requestOf = (ask: StepAsk, { offersTools }: StepOptions): Hook.Request => {
  const { instructions, messages, output, providerOptions, settings, tools } = new StepRequest(
    ask,
    offersTools,
    undefined,
    1
  )
  return { instructions, messages, output, providerOptions, settings, tools }
}

/** What holds for one step: only the first step requires a call, so that the run reaches an answer. */
export const settingsOf = (settings: ModelSettings | undefined, step: number): ModelSettings | undefined => {
  if (settings?.toolChoice === undefined || settings.toolChoice === "none" || step === 1) return settings
  const { toolChoice: _, ...rest } = settings
  return rest
}

/** What a step asks of the agent's model. */
class StepAsk implements Ask {
  readonly run: Run
  readonly work: Work
  readonly agent: AgentState
  readonly step: number
  readonly purpose: undefined
  readonly name: string
  readonly steps = 1
  readonly isShown = true
  readonly maxOutputTokens: number | undefined
  private readonly mayShowInput: boolean
  holds: boolean | undefined
  /** What hooks have made of its request; absent: nothing. */
  rewritten: Hook.Request | undefined
  /** Of its last request; absent before one, and on an engine without storage. */
  digest: RequestDigest | undefined
  private readonly offersTools: boolean

  constructor(run: Run, work: Work, agent: AgentState, { offersTools, step }: StepOptions) {
    this.run = run
    this.work = work
    this.agent = agent
    this.step = step
    this.name = Names.model(agent.prefix, step)
    this.maxOutputTokens = agent.member.definition.maxOutputTokens
    this.offersTools = offersTools
    this.mayShowInput = offersTools && run.settings.showsInput
  }

  get showsInput(): boolean {
    return this.mayShowInput && this.holds !== true
  }

  inputTokens(estimator: Estimator): number {
    const { agent, rewritten } = this
    return rewritten === undefined ? agent.inputTokens(estimator) : tokensOf(agent, rewritten, estimator)
  }

  request(maxOutputTokens: number | undefined, attempt: number): ModelRequest {
    const { rewritten } = this
    if (rewritten !== undefined) {
      const request = { ...new StepRequest(this, this.offersTools, maxOutputTokens, attempt), ...rewritten }
      if (this.work.begin !== undefined) this.digest = new SentDigests().of(request)
      return TypedText.told(this.agent.model, request)
    }
    if (this.work.begin !== undefined) this.digest = this.agent.digest(this.step, this.offersTools)
    return TypedText.told(this.agent.model, new StepRequest(this, this.offersTools, maxOutputTokens, attempt))
  }
}

/** Estimated tokens of a request that hooks have rewritten. */
const tokensOf = (
  { member, model }: AgentState,
  { instructions, messages, tools }: Hook.Request,
  of: Estimator
): number => {
  const estimator = TokenEstimator.forModel(of, model ?? member.model)
  const fixed = estimator.text(instructions ?? "") + estimator.text(JSON.stringify(tools))
  return messages.reduce((sum, message) => sum + TokenEstimator.message(estimator, message), fixed)
}

class StepRequest implements ModelRequest {
  declare readonly instructions: string | undefined
  declare readonly messages: ModelRequest["messages"]
  declare readonly tools: ModelRequest["tools"]
  declare readonly maxOutputTokens: number | undefined
  declare readonly output: ModelRequest["output"]
  declare readonly providerOptions: ModelRequest["providerOptions"]
  declare readonly settings: ModelSettings | undefined
  declare readonly metadata: ModelRequest["metadata"]

  constructor(
    { agent, step, work }: StepAsk,
    offersTools: boolean,
    maxOutputTokens: number | undefined,
    attempt: number
  ) {
    const { member, own } = agent
    const { definition, name, output } = member
    this.instructions = definition.instructions
    // A copy: the conversation keeps growing, and an adapter must not change it.
    this.messages = agent.messages.slice()
    this.tools = offersTools ? agent.offered : []
    this.maxOutputTokens = maxOutputTokens
    this.output = output
    this.providerOptions = definition.providerOptions
    // What an agent has chosen for this step is for this step.
    this.settings = member === own ? settingsOf(definition.settings, step) : definition.settings
    const { runId, threadId } = work
    this.metadata = { runId, threadId, agent: name, agentPath: agent.path, step, attempt }
  }
}

/**
 * `files`: events before the calls: of the files that the model made, and of what was held. `now`: the time, if it was just
 * read.
 */
const settled = (
  paid: PaidRequest,
  options: StepOptions,
  { admission, answer }: Extract<Sent, { readonly _tag: "Completed" }>,
  files: ReadonlyArray<Event>,
  now = paid.ask.work.now()
): Settled<StepValue> => {
  const { path } = paid.ask.agent
  const announced = Announcement.announce(paid.ask.agent, answer, options.offersTools)
  const { calls, content, dropped } = announced
  if (answer.inputs !== undefined) paid.ask.agent.leave(answer.inputs.ids)
  const events = files.length === 0 ? announced.events : [...files, ...announced.events]
  const stop = answer.stop ?? "other"
  if (stop === "length" && admission.isClamped) {
    // Cut by the budget's cap and not by the model's own length: the limit was reached within the answer.
    paid.pay()
    const refusal = Admission.shortfall(paid.ask, admission)
    if (refusal !== undefined)
      return end(paid, { _tag: "Refused", content, usage: paid.usage, refusal, dropped }, events)
  }
  const model = answer.responseModel ?? paid.ask.agent.model.model
  const { stopSequence } = answer
  const value: StepValue = { _tag: "Completed", content, usage: paid.usage, calls, stop, stopSequence, model, dropped }
  const spent = paid.settle(now)
  return new SettledWork(value, path, calls.length === 0 ? events : withUsage(paid, events), spent, paid, now)
}

/** The step with the digest of its request. */
const digested = ({ digest }: StepAsk, settled: Settled<StepValue>): Settled<StepValue> =>
  digest === undefined ? settled : { ...settled, value: { ...settled.value, request: digest } }

/** The events of a step, with the run's usage on client calls. */
const withUsage = ({ ask: { work }, usage }: PaidRequest, events: ReadonlyArray<Event>): ReadonlyArray<Event> => {
  const waits = (event: Event) =>
    event.type === "tool-invocation" && event.state === "call" && event.execution === "client"
  if (!events.some(waits)) return events
  let used = Usage.toTotals(usage)
  for (const entry of work.ledger())
    if (entry.kind === "model") used = Usage.addTotals(used, Usage.toTotals(entry.usage))
  return events.map((event) => (waits(event) ? { ...event, usage: used } : event))
}

const end = (paid: PaidRequest, value: StepValue, events: ReadonlyArray<Event>): Settled<StepValue> => ({
  value,
  path: paid.ask.agent.path,
  events,
  spent: paid.settle(),
  by: paid
})

const nothing: ReadonlyArray<Event> = []

/** How a step without an answer ended. */
const unanswered = (paid: PaidRequest, sent: Exclude<Sent, { readonly _tag: "Completed" }>): Settled<StepValue> => {
  const { usage } = paid
  const { content } = sent
  switch (sent._tag) {
    case "Cancelled":
      return end(paid, { _tag: "Cancelled", content, usage }, nothing)
    case "Refused":
      return end(paid, { _tag: "Refused", content, usage, refusal: sent.refusal }, nothing)
    case "Failed":
      return end(paid, { _tag: "Failed", content, usage, failure: sent.failure }, nothing)
  }
}
