/**
 * A paid request: reserved on the budget, sent, retried while its answer said nothing or can be retracted, sent to a fallback model, settled, and added to the ledger. Model steps and compaction both send their
 * requests this way.
 *
 * The usual way (admitted at once, answered by the first attempt) is plain code; everything else is the generator
 * `goOn`, which can take over at any point. The caller interprets the answer.
 */
import { trimmed } from "../kernel/PlainJson.ts"
import { Entry, type Event, type Message, type ModelFailure, Usage } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import * as Interruptible from "../kernel/Interruptible.ts"
import type { Spender } from "../engine/Spending.ts"
import type { ModelPort } from "../model/Model.ts"
import * as TokenEstimator from "../model/TokenEstimator.ts"
import { charge, priceOf, settle } from "../run/Run.ts"
import * as Admission from "./Admission.ts"
import type { Answer } from "./Answer.ts"
import * as Attempt from "./Attempt.ts"
import type { Ask } from "./Attempt.ts"
import * as Tally from "./Tally.ts"
import * as Task from "../kernel/Task.ts"

/** How a request ended. `at`: when its answer had ended, in epoch milliseconds. `content` is the last attempt's output if its answer is incomplete. */
export type Sent =
  | { readonly _tag: "Completed"; readonly answer: Answer; readonly admission: Admission.Admitted; readonly at: number }
  | (Ending & { readonly content: ReadonlyArray<Message.AssistantPart> })

type Ending = Exclude<Attempt.Ending, { readonly _tag: "Completed" }>

/** Where `goOn` takes over. */
type Stage =
  | { readonly _tag: "Start" }
  | { readonly _tag: "Admitted"; readonly admission: Admission.Admission }
  | { readonly _tag: "Full" }
  | { readonly _tag: "Ready" }
  | { readonly _tag: "Attempted"; readonly attempted: Attempt.Attempted }

/** One request, from its admission to its ledger rows. Send it once, then settle it once. */
export class PaidRequest implements Attempt.Sender, Spender {
  readonly ask: Ask
  sending: Attempt.Sending | undefined
  admission: Admission.Admission = { _tag: "Cancelled" }
  tally: Tally.Tally
  readonly ids: Tally.ResponseIds | undefined
  /** Rows of the models before the current one. */
  private before: ReadonlyArray<Entry.ModelEntry> = []

  constructor(ask: Ask, now = ask.work.now()) {
    this.ask = ask
    this.tally = Tally.make(now)
    this.ids = Tally.idsOf(ask)
  }

  /**
   * Sends the request to the agent's own model first. Call it when the request is due, since it starts at once. `now`: the
   * time, if it was just read.
   */
  send(now?: number): Effect.Effect<Sent> {
    const { agent, isShown, work } = this.ask
    agent.model = agent.member.model
    if (work.begin !== undefined) return goOn(this, { _tag: "Start" })
    const admitting = Admission.admit(this.ask, this.ask.steps, undefined, now)
    if (!Task.isDone(admitting)) {
      return Effect.flatMap(admitting, (admission) => goOn(this, { _tag: "Admitted", admission }))
    }
    this.admission = admitting.value
    if (this.admission._tag !== "Admitted") return Exit.succeed(ended(this.admission, []))
    const { at, maxOutputTokens } = this.admission
    if (isShown && work.push(agent.path, [stepStart], at)) return goOn(this, { _tag: "Full" })
    if (work.cancel.requested) return goOn(this, { _tag: "Ready" })
    return Task.flatMap(Attempt.attempt(this, this.ask.request(maxOutputTokens, 1), at), (attempted) =>
      attempted.ending._tag === "Completed"
        ? Exit.succeed(this.completed(attempted))
        : goOn(this, { _tag: "Attempted", attempted })
    )
  }

  /** The usage of all attempts of all models. */
  get usage(): Usage.Usage {
    return this.before.length === 0
      ? this.tally.usage
      : this.before.reduce((sum, row) => Usage.add(row.usage, sum), this.tally.usage)
  }

  /** Settles the hold with what was used, and returns the ledger rows: one for each model that was asked. */
  settle(now = this.ask.work.now()): ReadonlyArray<Entry.ModelEntry> {
    this.pay()
    if (this.tally.rows.length === 0) return this.before
    const row = this.row(this.price(), now)
    return this.before.length === 0 ? [row] : [...this.before, row]
  }

  /** Charges what the current model has used so far, in place of its hold. */
  pay(): void {
    const { admission, tally } = this
    if (admission._tag !== "Admitted" || tally.paid === admission.held) return
    const { agent, work } = this.ask
    const { held, price } = admission
    tally.paid = held
    const fees = Tally.knownFees(tally.fees, price)
    const spent = Tally.owed(tally, price, fees - tally.feesCharged, held.steps)
    tally.feesCharged = fees
    tally.overrun ||= work.tree.isLimited(agent.path) && Tally.exceeds(spent, held)
    tally.charged = tally.usage
    settle(work, agent.path, held, spent)
  }

  completed(attempted: Attempt.Attempted): Sent {
    this.take(attempted)
    const { admission } = this
    return admission._tag === "Admitted"
      ? { _tag: "Completed", answer: attempted.answer, admission, at: attempted.row.endedAt }
      : ended(admission, attempted.answer.content)
  }

  /** Counts an attempt; returns its usage. */
  take(attempted: Attempt.Attempted): Usage.Usage {
    const { tally } = this
    const { estimated, usage } = Tally.usageOf(this.ask, attempted)
    tally.usage = tally.rows.length === 0 ? usage : Usage.add(tally.usage, usage)
    tally.estimated ||= estimated
    tally.rows.push(estimated ? attempted.estimated(usage) : attempted.row)
    Tally.countFees(tally, attempted.answer.calls)
    this.sending = undefined
    return usage
  }

  /**
   * Counts the attempt that is under way, if there is one, as one that was cut. The estimator may be what failed: then
   * the default one counts.
   */
  stop(): void {
    const { ask, sending, tally } = this
    if (sending === undefined) return
    this.sending = undefined
    const cut = sending.cut()
    const own = Result.try(() => Tally.usageOf(ask, cut))
    const counted = Result.isSuccess(own) ? own : Result.try(() => Tally.usageOf(ask, cut, TokenEstimator.byLength))
    const usage = Result.isSuccess(counted) ? counted.success.usage : (cut.answer.usage ?? Usage.empty)
    const estimated = Result.isFailure(counted) || counted.success.estimated
    tally.usage = Usage.add(tally.usage, usage)
    tally.estimated ||= estimated
    tally.rows.push(estimated ? cut.estimated(usage) : cut.row)
    Tally.countFees(tally, cut.answer.calls)
  }

  /**
   * Its rows, if a defect stopped it before it was settled. The price book may be what failed: then the price is
   * unknown.
   */
  spent(): ReadonlyArray<Entry.ModelEntry> {
    this.stop()
    if (this.tally.rows.length === 0) return this.before
    return [...this.before, this.row(Result.getOrUndefined(Result.try(() => this.price())))]
  }

  /**
   * Counts attempts that were lost in a crash: estimated, charged, and part of this row. `said`: in characters. `ids`: the
   * providers' ids of their responses, as far as they are known.
   */
  recover(attempts: number, said: number, ids: ReadonlyArray<string> = []): void {
    const { agent, run, work } = this.ask
    const { tally } = this
    if (attempts === 0) return
    const [inputUncached, outputText] = [this.ask.inputTokens(run.settings.estimator), Math.ceil(said / 3)]
    tally.usage = { inputUncached: attempts * inputUncached, outputText }
    tally.estimated = true
    this.ids?.recover(ids.slice(0, attempts))
    const { startedAt } = tally
    for (let index = 0; index < attempts; index++) {
      // Which of them said how much is unknown: all of it counts as the last one's.
      const estimated = { inputUncached, outputText: index === attempts - 1 ? outputText : 0 }
      tally.rows.push(Tally.lost(startedAt, estimated, ids[index]))
    }
    charge(work, agent.path, Tally.owed(tally, priceOf(run, work.now(), agent), 0, undefined))
    tally.charged = tally.usage
  }

  /**
   * Continues with another model. The previous one's use is in its own row, and charged before the next is admitted.
   */
  change(model: ModelPort): void {
    this.pay()
    this.before = [...this.before, this.row(this.price())]
    this.tally = Tally.make(this.ask.work.now())
    this.ask.agent.model = model
  }

  private price(): Entry.Price | undefined {
    const { admission } = this
    const { agent, run, work } = this.ask
    return admission._tag === "Admitted" ? admission.price : priceOf(run, work.now(), agent)
  }

  private row(price: Entry.Price | undefined, endedAt = this.ask.work.now()): Entry.ModelEntry {
    const { tally } = this
    const { agent, purpose, step } = this.ask
    return Entry.model({
      path: agent.path,
      step,
      purpose,
      provider: agent.model.provider,
      model: agent.model.model,
      usage: tally.usage,
      estimated: tally.estimated,
      overrun: tally.overrun ? true : undefined,
      costNanoUsd: price === undefined ? undefined : Tally.costOf(tally, price),
      price,
      fees: tally.fees === undefined ? undefined : Tally.feeRows(tally.fees, price),
      startedAt: tally.startedAt,
      endedAt,
      attempts: trimmed(tally.rows)
    })
  }
}

const goOn = Effect.fnUntraced(function* (paid: PaidRequest, from: Stage) {
  const { ask } = paid
  const { agent, isShown, run, work } = ask
  const tells = isShown && run.settings.tellsRetries
  let first = from._tag === "Attempted" ? from.attempted : undefined
  if (from._tag === "Start" || from._tag === "Admitted") {
    const lost = isShown ? work.open(agent.path) : undefined
    if (lost !== undefined) paid.recover(lost.attempts, lost.said, lost.ids)
    if (lost?.inputs !== undefined) agent.leave(lost.inputs)
    paid.admission = from._tag === "Admitted" ? from.admission : yield* Admission.admit(ask)
    if (paid.admission._tag !== "Admitted") {
      if (lost?.started === true) work.push(agent.path, [retraction])
      return ended(paid.admission, [])
    }
    if (isShown && work.push(agent.path, lost?.started === true ? [retraction, stepStart] : [stepStart])) {
      const cut = yield* uncut(
        ask,
        Effect.promise(() => work.room())
      )
      if (cut !== undefined) return ended(cut, [])
    }
    const begun = yield* begin(paid)
    if (!isShown) paid.recover(begun, 0)
  }
  if (from._tag === "Full") {
    const cut = yield* uncut(
      ask,
      Effect.promise(() => work.room())
    )
    if (cut !== undefined) return ended(cut, [])
  }
  for (let attempt = 1; ; attempt++) {
    const { admission } = paid
    if (admission._tag !== "Admitted") return ended(admission, [])
    // A request that was not sent is not an attempt, and costs nothing.
    if (first === undefined && work.cancel.requested) return ended({ _tag: "Cancelled" }, [])
    const attempted: Attempt.Attempted =
      first ?? (yield* Attempt.attempt(paid, ask.request(admission.maxOutputTokens, attempt)))
    first = undefined
    const { answer, ending } = attempted
    if (ending._tag === "Completed") return paid.completed(attempted)
    const used = paid.take(attempted)
    if (ending._tag !== "Failed") return ended(ending, answer.content)
    const isSilent = !isShown || ask.holds === true || answer.isSilent
    const mayRetry =
      ending.failure.isRetryable &&
      (isSilent || run.settings.midStream === "retract") &&
      attempt <= run.settings.modelRetries &&
      !work.cancel.requested
    if (mayRetry) {
      if (tells) work.push(agent.path, [again(ending.failure, attempt)])
      const cut = yield* pause(ask, ending.failure, attempt)
      if (cut !== undefined) return ended(cut, answer.content)
      paid.admission = yield* readmit(paid)
    } else {
      const next = fallback(ask, ending.failure, isSilent)
      if (next === undefined) return ended(ending, answer.content)
      if (tells) work.push(agent.path, [changed(ending.failure, next)])
      paid.change(next)
      paid.admission = yield* Admission.admit(ask, 0)
      attempt = 0
    }
    if (paid.admission._tag !== "Admitted") return ended(paid.admission, answer.content)
    // Shown output is retracted before another attempt emits anything: two partial answers are never joined.
    if (isShown && ask.holds !== true && !answer.isUnseen) {
      if (answer.inputs !== undefined) agent.leave(answer.inputs.ids)
      work.push(agent.path, [retracted(ending.failure), stepStart])
    }
    if (!Usage.isUnknown(used)) yield* begin(paid)
  }
})

/**
 * Stores a request before it is sent, so that it is charged even after a crash; returns how often it was counted
 * before. A request that follows one without cost replaces it.
 */
const begin = ({ ask: { agent, name, work }, ids }: PaidRequest): Effect.Effect<number> => {
  if (work.begin === undefined) return Effect.succeed(0)
  const stored = work.begin(name, agent.path)
  return ids === undefined ? stored : Effect.map(stored, ids.begin)
}

const ended = (
  ending: Ending | Exclude<Admission.Admission, Admission.Admitted>,
  content: Answer["content"]
): Sent => ({
  ...ending,
  content
})

const stepStart: Event = { type: "step-start" }
const retracted = (failure: ModelFailure.ModelFailure): Event => ({ type: "step-retracted", reason: failure._tag })
/** A request that is made again, and one that another model is asked instead: the run goes on. */
const again = (failure: ModelFailure.ModelFailure, attempt: number): Event => ({
  type: "custom",
  event_type: "model_retry",
  data: { ...about(failure), attempt }
})
const changed = (failure: ModelFailure.ModelFailure, next: ModelPort): Event => ({
  type: "custom",
  event_type: "model_failover",
  data: { ...about(failure), to: { provider: next.provider, model: next.model } }
})
const about = ({ _tag, message, model, provider }: ModelFailure.ModelFailure) => ({
  message,
  reason: _tag,
  provider,
  model
})
export const retraction: Event = { type: "step-retracted", reason: "the process that executed this step crashed" }

/** Admission for one more attempt: earlier attempts are charged first, so that a retry cannot exceed a limit. */
const readmit = (paid: PaidRequest): Effect.Effect<Admission.Admission> => {
  const { charged, usage } = paid.tally
  if (Usage.isUnknown(usage) || usage === charged) return Effect.succeed(paid.admission)
  paid.pay()
  return Admission.admit(paid.ask, 0)
}

/** The delay before the next attempt: as the provider requests, else growing. */
const pause = (ask: Ask, failure: ModelFailure.ModelFailure, attempt: number) => {
  const asked = "retryAfterMs" in failure ? failure.retryAfterMs : undefined
  return uncut(ask, Effect.sleep(asked ?? ask.run.settings.modelRetryBaseMs * 2 ** (attempt - 1)))
}

/** Waits; returns how the request ends if a cancel or a time limit ends the wait. */
const uncut = ({ agent, run, work }: Ask, wait: Effect.Effect<void>) =>
  Effect.map(
    Interruptible.hold(wait, {
      signal: work.cancel,
      alarm: run.alarm,
      graceMs: 0,
      remainingMs: Attempt.timeLeft(work, agent)
    }),
    (held) => (held._tag === "Cut" ? Attempt.cutShort(work, agent, held.by) : undefined)
  )

/** The agent's next fallback model; `undefined` without one, or if the failure would be the same. */
const fallback = (
  { agent, run, work }: Ask,
  failure: ModelFailure.ModelFailure,
  isSilent: boolean
): ModelPort | undefined => {
  if (failure._tag === "InvalidRequest" || failure._tag === "ContentRefused" || work.cancel.requested) {
    return undefined
  }
  // Another model would be paid by somebody else. A tenant's credentials are looked up for each model.
  if (failure._tag === "AuthenticationFailed" && failure.key === "caller") return undefined
  if (!isSilent && run.settings.midStream === "error") return undefined
  const { fallbacks } = agent.member
  return fallbacks[fallbacks.indexOf(agent.model) + 1]
}
