/**
 * One attempt at a request: sends it with the key that it needs (the caller's, its tenant's, or the model's own), streams
 * the answer into the log if it is shown, and classifies how it ended. A request that needs a key that is not there is not
 * sent, and costs nothing.
 *
 * It neither retries nor settles anything; that is `PaidRequest`.
 */
import { type Budget, Entry, type Event, ModelFailure, type Usage } from "@reins/protocol"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as RunLog from "../run/RunLog.ts"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { Emit, ModelPort, ModelRequest } from "../model/Model.ts"
import type { Key, NoKey } from "../model/ProviderKeys.ts"
import type * as TokenEstimator from "../model/TokenEstimator.ts"
import type { Work } from "../engine/Engine.ts"
import type { AgentState } from "../run/AgentState.ts"
import * as Interruptible from "../kernel/Interruptible.ts"
import { Answer } from "./Answer.ts"
import { Patience } from "../kernel/RunClock.ts"
import type { Alarm } from "../kernel/Alarm.ts"
import type { Signal } from "../kernel/Signal.ts"
import type { Run } from "../run/Run.ts"
import * as Task from "../kernel/Task.ts"

/** How an attempt ended. */
export type Ending =
  | { readonly _tag: "Completed" }
  | { readonly _tag: "Cancelled" }
  | { readonly _tag: "Refused"; readonly refusal: Budget.Refusal }
  | { readonly _tag: "Failed"; readonly failure: ModelFailure.ModelFailure }

export class Attempted {
  declare readonly answer: Answer
  declare readonly ending: Ending
  declare readonly row: Entry.Attempt

  constructor(answer: Answer, ending: Ending, row: Entry.Attempt) {
    this.answer = answer
    this.ending = ending
    this.row = row
  }

  /** Its row, where `usage` is not what its provider reported, or not all of it. */
  estimated(usage: Usage.Usage): Entry.Attempt {
    return Entry.attempt({ ...this.row, estimated: usage, responseId: this.answer.responseId })
  }
}

/** Who sends attempts, one after the other. */
export interface Sender {
  readonly ask: Ask
  /** The attempt that is under way; absent between attempts. */
  sending: Sending | undefined
  /** Stores the providers' ids of its responses; absent: they are not stored. */
  readonly ids: { readonly take: (id: string) => void } | undefined
}

/**
 * Sends one request, with the caller's or its tenant's key where there is one. What of its answer is shown is in the log when this
 * completes. `now`: the time, if it was just read.
 */
export const attempt = (sender: Sender, request: ModelRequest, now?: number): Effect.Effect<Attempted> => {
  const { agent, run } = sender.ask
  const { runId, threadId: _, resourceId } = run.engine
  const { model, provider } = agent.model
  const found = run.settings.keys.find({
    runId,
    resourceId,
    principal: run.requestedBy,
    provider,
    model,
    brought: run.keyed
  })
  if (found === undefined) return send(sender, request, undefined, now)
  return Effect.flatMap(found, (key) => {
    if (key === undefined) return send(sender, request)
    return send(sender, request, typeof key === "string" || agent.model.takesKeys === true ? key : "taken by no model")
  })
}

/** `key`: the key that the request is sent with, or why it is not sent. */
const send = (sender: Sender, request: ModelRequest, key?: Needed, now?: number) => {
  const { ask } = sender
  const startedAt = now ?? ask.work.now()
  const sending = ask.holds === undefined ? new Sending(ask, startedAt) : new HookedSending(ask, startedAt)
  sender.sending = sending
  if (sender.ids !== undefined) sending.answer.identified = sender.ids.take
  const held = Interruptible.begin(() => begin(ask, request, sending.emit, key), sending)
  return Task.flatMap(held, (held) => {
    const answer = sending.close()
    // The usual way: a whole answer.
    if (held._tag === "Done" && answer.stop !== undefined && answer.flaw === undefined && Exit.isSuccess(held.exit))
      return Exit.succeed(sending.ended(completed, held))
    return Task.map(judge(ask, answer, held, sending.patience), (ending) => sending.ended(ending, held))
  })
}

/** The key that a request is sent with, or why it is not sent. */
type Needed = Key | NoKey | "taken by no model"

/** Sends a request to the agent's model. `key` absent: with the model's own. */
const begin = (
  { agent, run }: Ask,
  request: ModelRequest,
  emit: Emit,
  key: Needed | undefined
): Effect.Effect<void, ModelFailure.ModelFailure> => {
  const { model, provider } = agent.model
  if (key === undefined) return agent.model.attempt(request, emit)
  switch (key) {
    case "missing":
    case "unavailable":
      return Effect.fail(
        new ModelFailure.CredentialsMissing({ provider, model, tenant: run.engine.resourceId, kind: key })
      )
    case "lost":
    case "taken by no model": {
      const description =
        key === "lost"
          ? "this process does not hold the key that the query brought"
          : "this model takes no keys of callers"
      return Effect.fail(new ModelFailure.AuthenticationFailed({ provider, model, key: "caller", description }))
    }
    default:
      return withKey(agent.model, request, emit, key)
  }
}

/** Whose key was rejected decides who can mend it. A tenant's that was rotated meanwhile is looked up again, once. */
const withKey = (
  port: ModelPort,
  request: ModelRequest,
  emit: Emit,
  { baseURL, key, of, renew }: Key
): Effect.Effect<void, ModelFailure.ModelFailure> => {
  const { model, provider } = port
  const sent = port.attempt(baseURL === undefined ? { ...request, key } : { ...request, key, baseURL }, emit)
  return Effect.catch(sent, (failure) => {
    if (failure._tag !== "AuthenticationFailed") return Effect.fail(failure)
    const rejected = Effect.fail(new ModelFailure.AuthenticationFailed({ provider, model, key: of }))
    return renew === undefined
      ? rejected
      : Effect.flatMap(renew, (other) => (other === undefined ? rejected : withKey(port, request, emit, other)))
  })
}

/** A request that was sent: what has come of its answer, and what cuts it. */
export class Sending implements Interruptible.Limits {
  declare readonly answer: Answer
  declare readonly patience: Patience | undefined
  declare readonly signal: Signal
  declare readonly alarm: Alarm
  declare readonly graceMs: number
  declare readonly remainingMs: (() => number) | undefined
  declare protected readonly ask: Ask
  declare private readonly startedAt: number
  private firstTokenAt: number | undefined
  private firstTextAt: number | undefined
  private isLive = true

  constructor(ask: Ask, startedAt: number) {
    const { agent, run, work } = ask
    const { cancelGraceMs, patience } = run.settings
    this.ask = ask
    this.answer = new Answer(
      (message) => (ask.isShown ? warning(agent, message) : undefined),
      ask.showsInput ? agent : undefined
    )
    this.startedAt = startedAt
    this.patience = patience === undefined ? undefined : new Patience(patience, work)
    this.signal = work.cancel
    this.alarm = run.alarm
    this.graceMs = cancelGraceMs
    this.remainingMs = remaining(timeLeft(work, agent), this.patience)
  }

  /** Takes what the model says. Its promise is kept when the reader has room for more. */
  readonly emit: Emit = (parts) => {
    if (!this.isLive) return undefined
    const { answer, patience } = this
    const { isShown, work } = this.ask
    patience?.heard()
    const events = answer.take(parts)
    const isFirst = this.firstTokenAt === undefined && !answer.isIdle
    const isFirstText = this.firstTextAt === undefined && answer.hasText
    const isSeen = isShown && events.length > 0
    if (!isFirst && !isFirstText && !isSeen) return undefined
    const now = work.now()
    if (isFirst) this.firstTokenAt = now
    if (isFirstText) this.firstTextAt = now
    if (!isSeen || !this.show(events, now)) return undefined
    return patience === undefined ? work.room() : patience.hold(work.room())
  }

  /** Writes events to the log at `now`. True: the reader is behind. */
  protected show(events: ReadonlyArray<Event>, now: number): boolean {
    return this.ask.work.push(this.ask.agent.path, events, now)
  }

  onCut(): void {
    this.isLive = false
  }

  /** The answer as far as it has come; nothing more is taken. */
  close(): Answer {
    this.isLive = false
    this.answer.close()
    return this.answer
  }

  /** The attempt as it stands, if nothing more comes of it: one that was cut. */
  cut(): Attempted {
    const { ask, firstTextAt, firstTokenAt, startedAt } = this
    const answer = this.close()
    const outcome = answer.stop === undefined ? "cancelled" : "completed"
    const endedAt = Math.max(startedAt, ask.work.now())
    const times = { startedAt, endedAt, firstTokenAt, firstTextAt }
    return new Attempted(
      answer,
      { _tag: "Cancelled" },
      Entry.attempt({ ...times, outcome, error: undefined, abandoned: undefined })
    )
  }

  ended(ending: Ending, held: Interruptible.Held<void, ModelFailure.ModelFailure>): Attempted {
    return new Attempted(
      this.answer,
      ending,
      Entry.attempt({
        startedAt: this.startedAt,
        endedAt: this.ask.work.now(),
        firstTokenAt: this.firstTokenAt,
        firstTextAt: this.firstTextAt,
        outcome: ending._tag === "Completed" ? "completed" : ending._tag === "Failed" ? "failed" : "cancelled",
        error: ending._tag === "Failed" ? ending.failure._tag : undefined,
        abandoned: held._tag === "Cut" && held.abandoned ? true : undefined
      })
    )
  }
}

/** The same for an answer that hooks see before it counts: where it is held, nothing that the model says is shown. */
class HookedSending extends Sending {
  protected override show(events: ReadonlyArray<Event>, now: number): boolean {
    const sources = events.filter(({ type }) => type === "source")
    if (sources.length > 0) (this.answer.sources ??= []).push(...sources)
    if (this.ask.holds !== true) return super.show(events, now)
    const told = events.filter(({ type }) => type === "custom")
    return told.length > 0 && super.show(told, now)
  }
}

/** The event of a warning: once for each model and message, in an agent's run. */
const warning = (agent: AgentState, message: string): Event | undefined => {
  const { model, provider } = agent.model
  const key = `${provider}/${model}\n${message}`
  if (agent.warned?.has(key) === true) return undefined
  agent.warned = (agent.warned ?? new Set<string>()).add(key)
  return { type: "custom", event_type: "model_warning", data: { provider, model, message } }
}

/** A function of the agent's remaining time, in milliseconds; `undefined` without a limit. */
export const timeLeft = (work: Work, { path }: AgentState): (() => number) | undefined =>
  work.tree.isTimed(path) ? () => work.tree.remainingMs(path, work.elapsed()) : undefined

const remaining = (left: (() => number) | undefined, patience: Patience | undefined): (() => number) | undefined =>
  left === undefined || patience === undefined
    ? (left ?? patience?.remaining)
    : () => Math.min(left(), patience.remaining())

/** How an interrupted request has ended: by the run's cancel, or by a time limit. */
export const cutShort = (
  work: Work,
  { path }: AgentState,
  by: Interruptible.CutBy
): Extract<Ending, { readonly _tag: "Cancelled" | "Refused" }> => {
  const refusal = by === "deadline" ? work.tree.overtime(path, work.elapsed()) : undefined
  return refusal === undefined ? { _tag: "Cancelled" } : { _tag: "Refused", refusal }
}

const judge = (
  { agent, run, work }: Ask,
  answer: Answer,
  held: Interruptible.Held<void, ModelFailure.ModelFailure>,
  patience: Patience | undefined
): Effect.Effect<Ending> => {
  const about = { provider: agent.model.provider, model: agent.model.model }
  if (held._tag === "Cut") {
    const short = cutShort(work, agent, held.by)
    const afterMs = held.by === "deadline" && short._tag === "Cancelled" ? patience?.over : undefined
    return Exit.succeed(afterMs === undefined ? short : failed(new ModelFailure.ModelTimedOut({ ...about, afterMs })))
  }
  if (Exit.isSuccess(held.exit)) {
    const flaw =
      answer.flaw ??
      (answer.stop !== undefined
        ? undefined
        : answer.isEmpty
          ? "its answer was empty"
          : "its stream ended without a finish part")
    return flaw === undefined
      ? Exit.succeed(completed)
      : Exit.succeed(failed(new ModelFailure.InvalidModelOutput({ ...about, description: flaw })))
  }
  const failure = Cause.findErrorOption(held.exit.cause)
  if (Option.isSome(failure) && isReason(failure.value)) {
    const { captureContent } = run.settings
    const isTold = captureContent || agent.model.describesSafely === true
    return Exit.succeed(failed(named(failure.value, about, isTold)))
  }
  return Effect.as(
    RunLog.error(run.settings, `The adapter of ${about.provider}/${about.model} failed`, held.exit.cause),
    failed(new ModelFailure.ModelFailedUnknown({ ...about, description: "its adapter crashed" }))
  )
}

/**
 * The failure with its port's names. A custom adapter's description may quote the provider: without content capture it
 * is removed.
 */
const named = (
  failure: ModelFailure.ModelFailure,
  about: { readonly provider: string; readonly model: string },
  isTold: boolean
): ModelFailure.ModelFailure => {
  const isNamed = failure.provider === about.provider && failure.model === about.model
  if (isNamed && (isTold || failure.description === undefined)) return failure
  const { description, ...kind } = encodeKnown(failure)
  const known = { ...kind, ...about, ...(isTold && description !== undefined ? { description } : {}) }
  return Option.getOrElse(decodeReason(known), () => new ModelFailure.ModelFailedUnknown(about))
}

const completed: Ending = { _tag: "Completed" }

const failed = (failure: ModelFailure.ModelFailure) => ({ _tag: "Failed", failure }) as const

/** An adapter without types may fail with anything, also with a reason that cannot be encoded. */
const isReason = (failure: unknown): boolean => Option.isSome(encodeReason(failure))

const Reason = Schema.Union(ModelFailure.members)
const encodeReason = Schema.encodeUnknownOption(Reason)
const decodeReason = Schema.decodeUnknownOption(Reason)
const encodeKnown = Schema.encodeSync(Reason)

/**
 * A paid request to a model: for an agent's step, with an answer that is streamed into the log, or for a compaction or
 * a hook, with an answer that is not shown.
 */
export interface Ask {
  readonly run: Run
  readonly work: Work
  readonly agent: AgentState
  /** The step that it is for, counted from 1 within the agent. */
  readonly step: number
  /** Its purpose in the ledger's row; absent for the step itself. */
  readonly purpose: "compaction" | "hook" | undefined
  /** The name under which each attempt is stored before it is sent. */
  readonly name: string
  /** How many steps it counts as in the budget. */
  readonly steps: 0 | 1
  /** Whether text and reasoning are streamed into the log, between a `step-start` and what ends the step. */
  readonly isShown: boolean
  /** Whether the input of its calls is streamed, too, while the model writes it. */
  readonly showsInput: boolean
  /** Whether its answer is held until hooks have let it through. Absent: no hook sees the answer. */
  readonly holds?: boolean | undefined
  /** The maximum output, in tokens. Absent: the default reserve, and no cap without a limit. */
  readonly maxOutputTokens: number | undefined
  /** Estimated input tokens. */
  readonly inputTokens: (estimator: TokenEstimator.Estimator) => number
  readonly request: (maxOutputTokens: number | undefined, attempt: number) => ModelRequest
}
