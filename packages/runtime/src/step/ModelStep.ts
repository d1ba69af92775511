/**
 * One step's model call, as an activity of the engine: past the budget, sent, retried while nothing of it was shown, settled
 * on the ledger, and its calls announced together in its last commit.
 *
 * Everything the loop needs to go on is in the remembered `StepValue`. What a call then does is `CallSettlement`.
 */
import { type Budget, type Entry, type Event, type Message, type ModelFailure, Money, Usage } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Names from "../run/Names.ts"
import type { Settled, Work } from "../engine/Engine.ts"
import type { ModelPort, ModelRequest } from "../model/Model.ts"
import type { AgentState } from "../run/AgentState.ts"
import { priceOf, type Run, tellWarnings } from "../run/Run.ts"
import * as Interruptible from "../kernel/Interruptible.ts"
import * as Admission from "./Admission.ts"
import * as Announcement from "./Announcement.ts"
import * as Attempt from "./Attempt.ts"
import * as Fees from "./Fees.ts"
import { StepValue } from "./StepValue.ts"

export interface StepOptions {
  /** Counts from 1 within the agent. */
  readonly step: number
  /** False for a last step that may call nothing. */
  readonly offersTools: boolean
}

/** Carries one model step of `agent`. */
export const modelStep = (run: Run, agent: AgentState, options: StepOptions): Effect.Effect<StepValue> =>
  run.engine.activity(Names.model(agent.prefix, options.step), StepValue, (work) => carry(run, work, agent, options))

/** What is known of a step while it is carried. */
interface Tally {
  readonly startedAt: number
  usage: Usage.Usage
  estimated: boolean
  /** Some attempt used more than was held for it. */
  overrun: boolean
  /** What of `usage` is on the budget already: lost attempts, and those that were tried again. */
  charged: Usage.Usage
  /** The hold that was last given back. */
  paid: Budget.Amount | undefined
  readonly rows: Array<Entry.Attempt>
  /** How often the provider ran which tool itself. */
  fees: Map<string, number> | undefined
  /** What of the fees is on the budget already. */
  feesCharged: number
}

const newTally = (startedAt: number): Tally => ({
  startedAt,
  usage: Usage.empty,
  estimated: false,
  overrun: false,
  charged: Usage.empty,
  paid: undefined,
  rows: [],
  fees: undefined,
  feesCharged: 0
})

const carry = Effect.fnUntraced(function* (run: Run, work: Work, agent: AgentState, options: StepOptions) {
  agent.model = agent.member.model
  let tally = newTally(work.now())
  const before: Array<Entry.ModelEntry> = []
  const lost = work.open(agent.path)
  if (lost !== undefined) recover(run, work, agent, tally, lost)

  // The last step of a budget that wraps up is paid from what was kept back for it.
  if (!options.offersTools) work.tree.releaseReserve(agent.path)
  let admission: Admission.Admission = yield* Admission.admit(run, work, agent)
  const end = (value: StepValue, events: ReadonlyArray<Event> = []) =>
    settled(run, work, agent, options, tally, before, value, admission, events)
  const used = () => before.reduce((sum, row) => Usage.add(row.usage, sum), tally.usage)
  if (admission._tag !== "Admitted") {
    if (lost?.started === true) work.push(agent.path, [retraction])
    return end(endOf(admission, used(), []))
  }
  if (work.push(agent.path, lost?.started === true ? [retraction, stepStart] : [stepStart])) {
    const cut = yield* uncut(
      run,
      work,
      agent,
      Effect.promise(() => work.room())
    )
    if (cut !== undefined) return end(endOf(cut, used(), []))
  }
  yield* begin(work, agent, options)

  for (let attempt = 1; ; attempt++) {
    // A request that was never sent is no attempt, and costs nothing.
    if (work.cancel.requested) return end(endOf(cancelled, used(), []))
    const attempted = yield* Attempt.attempt(run, work, agent, request(work, agent, options, admission, attempt))
    const { answer, ending, row } = attempted
    const reported = Attempt.usageOf(run, agent, attempted)
    tally.usage = tally.rows.length === 0 ? reported.usage : Usage.add(tally.usage, reported.usage)
    tally.estimated ||= reported.estimated
    tally.rows.push(row)
    Fees.count(tally, answer.calls)
    if (ending._tag === "Completed") {
      const { calls, content, events } = Announcement.announce(agent, answer, options.offersTools)
      const stop = answer.stop ?? "other"
      if (stop === "length" && admission.isClamped) {
        // Not the model's own length but the budget's: the limit is met in the middle of the answer.
        pay(work, agent, tally, admission)
        const refusal = Admission.shortfall(work, agent, admission)
        if (refusal !== undefined) return end(endOf({ _tag: "Refused", refusal }, used(), content))
      }
      const model = answer.responseModel ?? agent.model.model
      return end({ outcome: "completed", content, usage: used(), calls, stop, model }, events)
    }
    const mayRetry =
      ending._tag === "Failed" &&
      ending.failure.isRetryable &&
      (answer.isSilent || run.settings.midStream === "retract") &&
      attempt <= run.settings.modelRetries &&
      !work.cancel.requested
    if (!mayRetry) {
      const next = ending._tag === "Failed" ? fallback(run, work, agent, ending.failure, answer.isSilent) : undefined
      if (next === undefined || ending._tag !== "Failed") return end(endOf(ending, used(), answer.content))
      // What the model before has used is on its own row, and paid before the next one is admitted.
      pay(work, agent, tally, admission)
      before.push(rowOf(run, work, agent, options, tally, admission))
      tally = newTally(work.now())
      agent.model = next
      admission = yield* Admission.admit(run, work, agent, 0)
      if (admission._tag !== "Admitted") return end(endOf(admission, used(), answer.content))
      if (!answer.isSilent) work.push(agent.path, [retracted(ending.failure), stepStart])
      if (!Usage.isUnknown(reported.usage)) yield* begin(work, agent, options)
      attempt = 0
      continue
    }
    const cut = yield* pause(run, work, agent, ending.failure, attempt)
    if (cut !== undefined) return end(endOf(cut, used(), answer.content))
    admission = yield* readmit(run, work, agent, tally, admission)
    if (admission._tag !== "Admitted") return end(endOf(admission, used(), answer.content))
    // What was shown is taken back before another attempt says anything: two halves are never one answer.
    if (!answer.isSilent) work.push(agent.path, [retracted(ending.failure), stepStart])
    if (!Usage.isUnknown(reported.usage)) yield* begin(work, agent, options)
  }
})

/**
 * Counts a request durably before it goes out, so that it is on the bill should this process die. One that follows a request which
 * costs nothing takes its place.
 */
const begin = (work: Work, { path, prefix }: AgentState, { step }: StepOptions): Effect.Effect<unknown> =>
  work.begin === undefined ? Effect.void : work.begin(Names.model(prefix, step), path)

const cancelled = { _tag: "Cancelled" } as const

/** How a step ended that brought no answer. */
const endOf = (
  ending: Exclude<Attempt.Ending, { readonly _tag: "Completed" }>,
  usage: Usage.Usage,
  content: ReadonlyArray<Message.AssistantPart>
): StepValue => {
  switch (ending._tag) {
    case "Cancelled":
      return { outcome: "cancelled", content, usage }
    case "Refused":
      return { outcome: "refused", content, usage, refusal: ending.refusal }
    case "Failed":
      return { outcome: "failed", content, usage, failure: ending.failure }
  }
}

const stepStart: Event = { type: "step-start" }
const retracted = (failure: ModelFailure.ModelFailure): Event => ({ type: "step-retracted", reason: failure._tag })
const retraction: Event = { type: "step-retracted", reason: "the process that carried this step was lost" }

/** Takes up the attempts that died with an earlier process: estimated, charged, and part of this step's row. */
const recover = (
  run: Run,
  work: Work,
  agent: AgentState,
  tally: Tally,
  lost: { readonly attempts: number; readonly said: number }
) => {
  if (lost.attempts === 0) return
  tally.usage = {
    inputUncached: lost.attempts * agent.inputTokens(run.settings.estimator),
    outputText: Math.ceil(lost.said / 3)
  }
  tally.estimated = true
  for (let index = 0; index < lost.attempts; index++) {
    tally.rows.push({ startedAt: tally.startedAt, endedAt: tally.startedAt, outcome: "lost" })
  }
  work.tree.charge(agent.path, owed(tally, priceOf(run, work, agent)))
  tally.charged = tally.usage
}

/** What of the step is not on the budget yet. */
const owed = ({ charged, usage }: Tally, price: Entry.Price | undefined): Budget.Amount => ({
  inputTokens: Usage.inputTokens(usage) - Usage.inputTokens(charged),
  outputTokens: Usage.outputTokens(usage) - Usage.outputTokens(charged),
  nanoUsd: price === undefined ? 0 : Money.costOf(usage, price).nanoUsd - Money.costOf(charged, price).nanoUsd
})

/** Puts what the step has used so far on the budget, in place of what was held for it. */
const pay = (work: Work, agent: AgentState, tally: Tally, { held, price }: Admission.Admitted): void => {
  if (tally.paid === held) return
  tally.paid = held
  const fees = Fees.known(tally.fees, price)
  const tokens = owed(tally, price)
  const spent: Budget.Amount = {
    ...tokens,
    nanoUsd: (tokens.nanoUsd ?? 0) + fees - tally.feesCharged,
    steps: held.steps
  }
  tally.feesCharged = fees
  tally.overrun ||= work.tree.isLimited(agent.path) && exceeds(spent, held)
  tally.charged = tally.usage
  work.tree.settle(agent.path, held, spent)
}

/** Admission for one more attempt: what those before have used is paid first, so that trying again cannot pass a limit. */
const readmit = (
  run: Run,
  work: Work,
  agent: AgentState,
  tally: Tally,
  admission: Admission.Admitted
): Effect.Effect<Admission.Admission> => {
  if (Usage.isUnknown(tally.usage) || tally.usage === tally.charged) return Effect.succeed(admission)
  pay(work, agent, tally, admission)
  return Admission.admit(run, work, agent, 0)
}

const request = (
  work: Work,
  agent: AgentState,
  options: StepOptions,
  admission: Admission.Admitted,
  attempt: number
): ModelRequest => ({
  instructions: agent.member.definition.instructions,
  // A list of its own: the conversation grows on, and is not the adapter's to change.
  messages: agent.messages.slice(),
  tools: options.offersTools ? agent.member.offered : [],
  maxOutputTokens: admission.maxOutputTokens,
  output: agent.member.output,
  providerOptions: agent.member.definition.providerOptions,
  metadata: {
    runId: work.runId,
    threadId: work.threadId,
    agent: agent.member.name,
    agentPath: agent.path,
    step: options.step,
    attempt
  }
})

/** Waits before the next attempt: as long as the provider asks, else longer each time. */
const pause = (run: Run, work: Work, agent: AgentState, failure: ModelFailure.ModelFailure, attempt: number) => {
  const asked = "retryAfterMs" in failure ? failure.retryAfterMs : undefined
  return uncut(run, work, agent, Effect.sleep(asked ?? run.settings.modelRetryBaseMs * 2 ** (attempt - 1)))
}

/** Waits; answers how the step ends where a cancel or a limit on time cuts the wait short. */
const uncut = (run: Run, work: Work, agent: AgentState, wait: Effect.Effect<void>) =>
  Effect.map(
    Interruptible.hold(wait, {
      signal: work.cancel,
      alarm: run.alarm,
      graceMs: 0,
      remainingMs: Attempt.timeLeft(work, agent)
    }),
    (held) => (held._tag === "Cut" ? Attempt.cutShort(work, agent, held.by) : undefined)
  )

const settled = (
  run: Run,
  work: Work,
  agent: AgentState,
  options: StepOptions,
  tally: Tally,
  before: ReadonlyArray<Entry.ModelEntry>,
  value: StepValue,
  admission: Admission.Admission,
  events: ReadonlyArray<Event>
): Settled<StepValue> => {
  if (admission._tag === "Admitted") pay(work, agent, tally, admission)
  const { path } = agent
  if (tally.rows.length === 0) return { value, path, events, spent: before }
  const spent = [...before, rowOf(run, work, agent, options, tally, admission)]
  tellWarnings(work)
  return { value, path, events, spent }
}

/** The ledger's row of what one model did for the step. */
const rowOf = (
  run: Run,
  work: Work,
  agent: AgentState,
  options: StepOptions,
  tally: Tally,
  admission: Admission.Admission
): Entry.ModelEntry => {
  const price = admission._tag === "Admitted" ? admission.price : priceOf(run, work, agent)
  const { model, provider } = agent.model
  return {
    kind: "model",
    path: agent.path,
    step: options.step,
    provider,
    model,
    usage: tally.usage,
    estimated: tally.estimated,
    ...(tally.overrun ? { overrun: true } : {}),
    ...(price === undefined ? {} : { costNanoUsd: Money.costOf(tally.usage, price).nanoUsd, price }),
    ...(tally.fees === undefined ? {} : { fees: Fees.rows(tally.fees, price) }),
    startedAt: tally.startedAt,
    endedAt: work.now(),
    attempts: tally.rows
  }
}

/** The next model of the agent that may do better; `undefined` where there is none, or none could. */
const fallback = (
  run: Run,
  work: Work,
  agent: AgentState,
  failure: ModelFailure.ModelFailure,
  isSilent: boolean
): ModelPort | undefined => {
  if (failure._tag === "InvalidRequest" || failure._tag === "ContentRefused" || work.cancel.requested) {
    return undefined
  }
  if (!isSilent && run.settings.midStream === "error") return undefined
  const { fallbacks } = agent.member
  return fallbacks[fallbacks.indexOf(agent.model) + 1]
}

/** True where more was spent than had been held, of what was held at all. */
const exceeds = (spent: Budget.Amount, held: Budget.Amount): boolean =>
  (held.inputTokens !== undefined && (spent.inputTokens ?? 0) > held.inputTokens) ||
  (held.outputTokens !== undefined && (spent.outputTokens ?? 0) > held.outputTokens) ||
  (held.nanoUsd !== undefined && (spent.nanoUsd ?? 0) > held.nanoUsd)
