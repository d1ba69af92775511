/**
 * The engine port: executes one open run, stores the results of its work, and writes its log.
 *
 * The agent loop is written once, over this port. On the memory engine the verbs cost nothing; a durable engine
 * remembers the value of every finished activity, emit and wait, so that after a crash the loop is simply run again and
 * takes the same way. What an `Engine` itself offers is therefore the same on every replay. Everything else (the clock,
 * the budget, the cancel signal, the log) is a `Work`, which only the effect of an `activity` is given, and what of it
 * a last event may say is a `Readings`, which only the thunk of an `emit` is given: code of the loop's body that reads
 * a clock does not compile.
 *
 * Rules that types cannot enforce: every event is emitted in exactly one of three ways (`Work.push`, `Settled.events`,
 * `emit`); names come from position and call id (`run/Names.ts`); nothing depends on which sibling ended first; a
 * `Work` is not kept beyond its activity. Expected outcomes are values, never failures.
 */
import type { AgentPath, Audit, Entry, Event, Json } from "@reins/protocol"
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import type { InboxMessage } from "./Inbox.ts"
import type { Vote } from "../approval/Quorum.ts"
import type { BudgetTree } from "../budget/BudgetTree.ts"
import type { Signal } from "../kernel/Signal.ts"

/** How an activity ends. Its value, its last events and what it spent become durable in one commit. */
export interface Settled<A> {
  readonly value: A
  readonly path: AgentPath.AgentPath
  readonly events: ReadonlyArray<Event>
  readonly spent: ReadonlyArray<Entry.Entry>
}

/** An agent's step that was begun and has no result: what a re-run finds after a crash. */
export interface OpenStep {
  /** How many requests may have gone out for it. */
  readonly attempts: number
  /** True when a `step-start` is in the log that has not been retracted. */
  readonly started: boolean
  /** What its attempts said, text and reasoning together, in characters; the lost tokens are estimated from it. */
  readonly said: number
}

/** What is known of the run from its record; the same on every replay. */
export interface RunInfo {
  readonly runId: string
  readonly threadId: string
  readonly resourceId: string
  /** Epoch milliseconds. */
  readonly startedAt: number
}

/** What may be read of a run once, where what is read becomes an event or a remembered value. */
export interface Readings {
  /** Epoch milliseconds. */
  readonly now: () => number
  /**
   * Milliseconds since the run's start, without the time it only waited for people and the time no process executed it.
   */
  readonly elapsed: () => number
  /** Time in which no process executed the run, in milliseconds. */
  readonly downMs: () => number
  /** All rows settled so far. */
  readonly ledger: () => ReadonlyArray<Entry.Entry>
}

/** What the effect of an activity may use. It runs once, so it may read, spend and emit; its value is stored. */
export interface Work extends Readings, RunInfo {
  /** Checks the order, numbers the events and writes them. True: the reader is behind, wait for `room` first. */
  readonly push: (path: AgentPath.AgentPath, events: ReadonlyArray<Event>) => boolean
  /** Resolves when there is room again. */
  readonly room: () => Promise<void>
  /** Durable before it answers: how often this was begun before. Absent where nothing is remembered. */
  readonly begin?: ((name: string, path: AgentPath.AgentPath) => Effect.Effect<number>) | undefined
  /** The unfinished attempts of this agent's step, after a crash. */
  readonly open: (path: AgentPath.AgentPath) => OpenStep | undefined
  /** Last progress phase of an open call; -1 where there was none. */
  readonly phase: (path: AgentPath.AgentPath, callId: string) => number
  readonly tree: BudgetTree
  readonly cancel: Signal
}

/**
 * What the loop uses: three verbs whose results are the same on every replay, and the facts of the run that do not
 * change.
 */
export interface Engine extends RunInfo {
  /**
   * Runs the effect once and stores its value. On a replay it returns that value without calling `effect`.
   */
  readonly activity: <A>(
    name: string,
    schema: Schema.Codec<A, Json>,
    effect: (work: Work) => Effect.Effect<Settled<A>>
  ) => Effect.Effect<A>
  /**
   * As `activity`, begun when this is called: only for code whose turn has come. What is done by then needs no fiber.
   * Absent where a value must be stored before anything hangs on it.
   */
  readonly direct?: (<A>(effect: (work: Work) => Effect.Effect<Settled<A>>) => Effect.Effect<A>) | undefined
  /**
   * Emits the events exactly once. On a replay `events` is not called, so that what it reads of the run is read once, too. `acts`: what
   * the audit record is to say of it, written in the same commit.
   */
  readonly emit: (
    name: string,
    path: AgentPath.AgentPath,
    events: (readings: Readings) => ReadonlyArray<Event>,
    acts?: (readings: Readings) => ReadonlyArray<Audit.Act>
  ) => Effect.Effect<void>
  /** Waits for an external answer (the first writer wins), a cancel, or the clock. */
  readonly wait: <A>(
    name: string,
    schema: Schema.Codec<A, Json>,
    end: WaitEnd<A>,
    row: WaitRow
  ) => Effect.Effect<{ readonly value: A; readonly waitedMs: number }>
  /**
   * Takes the messages of the run's inbox beyond the first `taken`, before a model step: says them
   * (`message-received`), and remembers under `name` how many were taken by then, which is the answer. `undefined`, and
   * nothing is remembered: there are none, or an earlier life has begun `step` without them.
   */
  readonly receive: (
    taken: number,
    names: () => { readonly name: string; readonly step: string }
  ) => Effect.Effect<number> | undefined
  /** The message at a position of the inbox that `receive` has told of. */
  readonly message: (position: number) => InboxMessage
  /**
   * Closes the inbox at `position`, the one behind the messages that were taken, so that no more is accepted. Answers
   * the message that was accepted there first, and closes nothing then.
   */
  readonly closeInbox: (position: number) => Effect.Effect<InboxMessage | undefined>
  /** What the loop tells the budget again on every replay, from remembered values. */
  readonly limits: Pick<BudgetTree, "open" | "raiseAgain">
  /** The rows settled so far, for observers of a run. They differ between replays: the loop does not read them. */
  readonly observed: () => ReadonlyArray<Entry.Entry>
}

/** How the wait of a question takes part in answers that not everybody may give. */
export interface Voting {
  /** Whether the vote's principal may give it: code of the agent. */
  readonly judge: (vote: Vote) => Effect.Effect<boolean>
  /** Says that the vote was counted as the `given`th of those that are needed: an `emit`, so that it is said once. */
  readonly counted: (vote: Vote, given: number) => Effect.Effect<void>
}

/** What a wait answers when nobody does. */
export interface WaitEnd<A> {
  readonly cancelled: A
  /** At this time (epoch milliseconds) the wait answers `value`. Absent: it waits for ever. */
  readonly expires?: { readonly at: number; readonly value: A } | undefined
  /** Done at these times (epoch milliseconds, the earliest first) where the wait has not ended by then: each an `emit`, so that it is done once. */
  readonly reminders?: ReadonlyArray<Reminder> | undefined
  /** Present where the question names its approvers. */
  readonly voting?: Voting | undefined
}

/** What is done at a time at which the wait goes on. */
export interface Reminder {
  readonly at: number
  readonly emit: Effect.Effect<void>
}

/** For the ledger: who waits, for what. */
export interface WaitRow {
  readonly path: AgentPath.AgentPath
  readonly reason: Entry.WaitEntry["reason"]
  readonly id: string
}

/** For engines: `wait`, and beside it the reminders of its `end`. */
export const reminding = <A, B>(
  run: { readonly now: () => number },
  { reminders = [] }: WaitEnd<A>,
  wait: Effect.Effect<B>
): Effect.Effect<B> => {
  if (reminders.length === 0) return wait
  const reminded = Effect.forEach(
    reminders,
    ({ at, emit }) =>
      Effect.andThen(
        Effect.suspend(() => Effect.sleep(Math.max(0, at - run.now()))),
        emit
      ),
    { discard: true }
  )
  return Effect.raceFirst(wait, Effect.andThen(reminded, Effect.never))
}
