/**
 * The engine port: executes one open run, stores the results of its work, and writes its log.
 *
 * The agent loop is written once, over this port. On the memory engine the verbs cost nothing; a durable engine stores
 * the value of every finished activity, emit and wait, so that after a crash the loop is run again and takes the same
 * path. So the members of an `Engine` return the same on every replay. Everything else (the clock, the budget, the
 * cancel signal, the log) is a `Work`, which only the effect of an `activity` gets, or a `Readings`, which only the
 * thunk of an `emit` gets: a loop that reads a clock does not compile. What a call has done before it ends is kept
 * beside the log (`Kept`).
 *
 * Rules that types cannot enforce: every event is emitted in exactly one of three ways (`Work.push`, `Settled.events`,
 * `emit`); names come from position and call id (`run/Names.ts`); nothing depends on which sibling ended first; a
 * `Work` is not used after its activity. Expected outcomes are values, never failures.
 */
import type { AgentPath, Audit, Entry, Event, Json, Message, Ordering } from "@reins/protocol"
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import type { InboxMessage } from "./Inbox.ts"
import type { Kept as ThreadKept } from "../thread/ThreadStore.ts"
import type { Vote } from "../approval/Quorum.ts"
import type { BudgetTree } from "../budget/BudgetTree.ts"
import type { Signal } from "../kernel/Signal.ts"
import type { StoredForm } from "../kernel/StoredForm.ts"
import type { Cost, Spender, Spending } from "./Spending.ts"

/**
 * How an activity ends. Its value, its last events and what it spent become durable in one commit.
 *
 * @since 0.1.0
 * @category models
 */
export interface Settled<A> {
  readonly value: A
  readonly path: AgentPath.AgentPath
  readonly events: ReadonlyArray<Event>
  readonly spent: ReadonlyArray<Entry.Entry>
  /** Whose rows `spent` has: what it had under way is settled by them. */
  readonly by?: Spender | undefined
  /** The time of `events`, where it was just read, in epoch milliseconds; absent: when they are written. */
  readonly at?: number | undefined
  /** With the run's last events: what it adds to its thread, in the same commit; if the engine `storesThread`. */
  readonly left?: Left | undefined
}

/** Work that ends with a value alone: it emits and spends nothing. */
export const silent = <A>(value: A, path: AgentPath.AgentPath): Settled<A> => ({ value, path, events: [], spent: [] })

/**
 * What an ended run adds to its thread, once: its messages, and what is kept with the thread.
 *
 * @since 0.1.0
 * @category models
 */
export interface Left {
  readonly messages: ReadonlyArray<Message.Message>
  readonly kept: ThreadKept
}

/** The same as each step and each call makes it and drops it: by a class, as `kernel/Task.ts` explains. */
export class SettledWork<A> implements Settled<A> {
  declare readonly value: A
  declare readonly path: AgentPath.AgentPath
  declare readonly events: ReadonlyArray<Event>
  declare readonly spent: ReadonlyArray<Entry.Entry>
  declare readonly by: Spender | undefined
  declare readonly at: number | undefined

  constructor(
    value: A,
    path: AgentPath.AgentPath,
    events: ReadonlyArray<Event>,
    spent: ReadonlyArray<Entry.Entry>,
    by?: Spender,
    at?: number
  ) {
    this.value = value
    this.path = path
    this.events = events
    this.spent = spent
    this.by = by
    this.at = at
  }
}

/** An agent's step that was started and has no result, as found after a crash. */
export interface OpenStep {
  /** How many requests may have been sent for it. */
  readonly attempts: number
  /** True when its `step-start` is in the log and not retracted. */
  readonly started: boolean
  /** The length of its attempts' text and reasoning, in characters; lost tokens are estimated from it. */
  readonly said: number
  /** The ids of the calls whose input is in the log; absent: none. */
  readonly inputs?: Iterable<string> | undefined
  /** The providers' ids of its responses, in the order of its attempts; empty: unknown. Absent: none was stored. */
  readonly ids?: ReadonlyArray<string> | undefined
}

/** By which ids a provider knows the responses to the requests of a step; `step`: the name of its activity. */
export interface Identified {
  readonly step: string
  readonly ids: ReadonlyArray<string>
}

/**
 * The facts of the run's record; the same on every replay.
 *
 * @since 0.1.0
 * @category models
 */
export interface RunInfo {
  readonly runId: string
  readonly threadId: string
  readonly resourceId: string
  /** Epoch milliseconds. */
  readonly startedAt: number
}

/**
 * Readings of a run that become an event or a stored value, so that they are taken once.
 *
 * @since 0.1.0
 * @category models
 */
export interface Readings {
  /** Epoch milliseconds. */
  readonly now: () => number
  /**
   * Milliseconds since the run's start, without the time it only waited for people and the time no process executed it.
   * `now`: a time of `now` that was just read; absent: it is read.
   */
  readonly elapsed: (now?: number) => number
  /** Time in which no process executed the run, in milliseconds. */
  readonly downMs: () => number
  /** All rows settled so far. */
  readonly ledger: () => ReadonlyArray<Entry.Entry>
}

/**
 * The capabilities of an activity's effect. It runs once, so it may read, spend and emit; its value is stored.
 *
 * @since 0.1.0
 * @category models
 */
export interface Work extends Readings, RunInfo {
  /**
   * Checks the order, numbers the events and writes them. True: the reader is behind, wait for `room` first. `at`:
   * their time, where it was just read; absent: it is read.
   */
  readonly push: (path: AgentPath.AgentPath, events: ReadonlyArray<Event>, at?: number) => boolean
  /** Resolves when there is room again. */
  readonly room: () => Promise<void>
  /** Stores that work is starting, and returns how often it was started before. Absent on an engine without storage. */
  readonly begin?: ((name: string, path: AgentPath.AgentPath) => Effect.Effect<number>) | undefined
  /**
   * Completes when every value of the run so far is stored: for an effect that `begins`, and acts outside of the run
   * although it never begins. Absent on an engine without storage.
   */
  readonly stored?: Effect.Effect<void> | undefined
  /** Stores the providers' ids of an agent's step, soon and without waiting. Absent on an engine without storage. */
  readonly identify?: ((path: AgentPath.AgentPath, identified: Identified) => void) | undefined
  /** This agent's unfinished step, after a crash. */
  readonly open: (path: AgentPath.AgentPath) => OpenStep | undefined
  /**
   * Records what a call has reported as its cost, in all; stored before it completes, where the engine stores anything.
   */
  readonly report: (cost: Cost) => Effect.Effect<void>
  /** Values that are written once, such as receipts of parts of calls. */
  readonly kept: Kept
  /** The ledger's rows, and what is spent without a row so far. */
  readonly spending: Spending
  /**
   * Where its open calls stand: the last progress phase of one, the question that one has open, and which were asked.
   */
  readonly order: Pick<Ordering.Automaton, "phaseOf" | "questionOf" | "hasAsked">
  readonly tree: BudgetTree
  readonly cancel: Signal
}

/**
 * The loop's view of a run: three verbs with results that are the same on every replay, and the run's constant facts.
 *
 * @since 0.1.0
 * @category models
 */
export interface Engine extends RunInfo {
  /**
   * Runs the effect once and stores its value. On a replay it returns that value without calling `effect`. The value is
   * stored before any other activity runs its effect; with `begins`, before that effect's first `begin`. So pass it
   * only where the effect acts on nothing outside of the run before it begins, or waits for `Work.stored` first. A
   * lease of quotas may be extended before: what the run has used of them is booked anew by its end. Absent: false.
   */
  readonly activity: <A>(
    name: string,
    schema: StoredForm<A>,
    effect: (work: Work) => Effect.Effect<Settled<A>>,
    begins?: boolean
  ) => Effect.Effect<A>
  /**
   * As `activity`, but started when this is called: only for work that is due. Work that completes at once needs no
   * fiber. `now`: the time, which was just read. Absent if values must be stored before others depend on them.
   */
  readonly direct?:
    | (<A>(effect: (work: Work, now: number) => Effect.Effect<Settled<A>>) => Effect.Effect<A>)
    | undefined
  /** Whether it stores what a run adds to its thread (`Settled.left`). Absent: no, the loop does. */
  readonly storesThread?: boolean | undefined
  /**
   * Emits the events exactly once. On a replay `events` is not called, so that its readings are taken once, too.
   * `acts`: acts for the audit record, written in the same commit.
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
   * Takes the messages of the run's inbox after the first `taken`, before a model step: emits them
   * (`message-received`), stores under `name` how many are taken by then, and returns that number. `undefined`, with
   * nothing stored, if there are none or an earlier owner has started `step` without them.
   */
  readonly receive: (
    taken: number,
    names: () => { readonly name: string; readonly step: string }
  ) => Effect.Effect<number> | undefined
  /** The message at a position of the inbox that `receive` has taken. */
  readonly message: (position: number) => InboxMessage
  /**
   * Closes the inbox at `position`, the one after the taken messages, so that no more are accepted. If a message was
   * accepted there first, returns it and closes nothing. An engine that stores runs may close it in the commit of the
   * run's last event instead, and repeats the run from its log if a message came before that; with `now`, it closes it
   * before this completes.
   */
  readonly closeInbox: (position: number, now?: boolean) => Effect.Effect<InboxMessage | undefined>
  /** Budget changes that the loop repeats on every replay, from stored values. */
  readonly limits: Pick<BudgetTree, "open" | "raiseAgain">
  /** The rows settled so far, for observers of a run. They differ between replays: the loop does not read them. */
  readonly observed: () => ReadonlyArray<Entry.Entry>
}

/** How the wait of a question takes part in votes. */
export interface Voting {
  /** Whether the vote's principal may give it: the agent's code. */
  readonly judge: (vote: Vote) => Effect.Effect<boolean>
  /**
   * Reports that the vote was counted as the `given`th of the required ones: an `emit`, so that it is reported once.
   */
  readonly counted: (vote: Vote, given: number) => Effect.Effect<void>
}

/**
 * How a wait ends without an answer.
 *
 * @since 0.1.0
 * @category models
 */
export interface WaitEnd<A> {
  readonly cancelled: A
  /** At this time (epoch milliseconds) the wait returns `value`: at once where it is over. Absent: no deadline. */
  readonly expires?: { readonly at: number; readonly value: A } | undefined
  /**
   * Effects at these times (epoch milliseconds, the earliest first) while the wait is open: each an `emit`, so that it
   * happens once.
   */
  readonly reminders?: ReadonlyArray<Reminder> | undefined
  /** Present if the question names its approvers. */
  readonly voting?: Voting | undefined
  /** As soon as one of these other names has an answer, the wait returns `value`. */
  readonly any?: { readonly names: ReadonlyArray<string>; readonly value: A } | undefined
}

/** An effect at a time while the wait is open. */
export interface Reminder {
  readonly at: number
  readonly emit: Effect.Effect<void>
}

/**
 * For the ledger: which agent waits, and for what. `isChecked`: hooks see the answer first.
 *
 * @since 0.1.0
 * @category models
 */
export interface WaitRow {
  readonly path: AgentPath.AgentPath
  readonly reason: Entry.WaitEntry["reason"]
  readonly id: string
  readonly isChecked?: true | undefined
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

/**
 * What a run keeps beside its log while work is under way: values under names, each written once. The first one counts,
 * also where an owner wrote it that the run has left behind, so that what has happened once is known to have happened.
 */
export interface Kept {
  /**
   * Stores a value under a name, unless it has one, and returns the stored value. Where the run has ended, nothing is
   * stored.
   */
  readonly put: (name: string, value: Json) => Effect.Effect<Json>
  /** The value stored under a name, as far as this process knows. */
  readonly get: (name: string) => Json | undefined
  /** The value stored under a name, also by another process. */
  readonly find: (name: string) => Effect.Effect<Json | undefined>
}

/** For a run in the memory of this process. */
export class MemoryKept implements Kept {
  private values: Map<string, Json> | undefined

  put(name: string, value: Json): Effect.Effect<Json> {
    return Effect.sync(() => this.first(name, value) ?? value)
  }

  /** Stores a value under a name, unless it has one, which it returns. */
  first(name: string, value: Json): Json | undefined {
    const known = this.values?.get(name)
    if (known === undefined) (this.values ??= new Map()).set(name, value)
    return known
  }

  get(name: string): Json | undefined {
    return this.values?.get(name)
  }

  find(name: string): Effect.Effect<Json | undefined> {
    return Effect.sync(() => this.get(name))
  }

  /** The values with names that begin with `prefix`. */
  under(prefix: string): ReadonlyArray<readonly [name: string, value: Json]> {
    return [...(this.values ?? [])].filter(([name]) => name.startsWith(prefix))
  }
}
