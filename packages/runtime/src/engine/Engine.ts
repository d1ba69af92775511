/**
 * The engine port: what carries one open run, remembers what it did, and writes its log.
 *
 * The agent loop is written once, over this port. On the memory engine the verbs cost nothing; a durable engine remembers
 * the value of every finished activity, emit and wait, so that after a crash the loop is simply run again and takes the same
 * way. Therefore, in the loop's body: every event leaves by exactly one of three doors (`push` inside an activity,
 * `Settled.events`, `emit`); names come from position and call id; no clock, flag or store is read; all control flow hangs on
 * remembered values; nothing depends on which sibling ended first. Expected outcomes are values, never failures.
 */
import type { AgentPath, Entry, Event, Json } from "@reins/protocol"
import type * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import type { BudgetTree } from "../budget/BudgetTree.ts"
import type { Signal } from "../kernel/Signal.ts"

/** How an activity ends. Its value, its last events and what it spent become durable in one commit. */
export interface Settled<A> {
  readonly value: A
  readonly path: AgentPath.AgentPath
  readonly events: ReadonlyArray<Event>
  readonly spent: ReadonlyArray<Entry.Entry>
}

/** What a wait answers when nobody does. */
export interface WaitEnd<A> {
  readonly cancelled: A
  /** At this time (epoch milliseconds) the wait answers `value`. Absent: it waits for ever. */
  readonly expires?: { readonly at: number; readonly value: A } | undefined
  /** At this time (epoch milliseconds) whoever waits has something to do, so that the run must be in memory then. */
  readonly wakesAt?: number | undefined
}

/** For the ledger: who waits, for what. */
export interface WaitRow {
  readonly path: AgentPath.AgentPath
  readonly reason: Entry.WaitEntry["reason"]
  readonly id: string
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

export interface Engine extends RunInfo {
  /** Does `effect` once; a replay answers its remembered value. */
  readonly activity: <A>(
    name: string,
    schema: Schema.Codec<A, Json>,
    effect: Effect.Effect<Settled<A>>
  ) => Effect.Effect<A>
  /** Emits the events exactly once; on replay the thunk is not even called. */
  readonly emit: (name: string, path: AgentPath.AgentPath, events: () => ReadonlyArray<Event>) => Effect.Effect<void>
  /** Waits for an answer from outside (first writer wins), for a cancel, or for the clock. */
  readonly wait: <A>(
    name: string,
    schema: Schema.Codec<A, Json>,
    end: WaitEnd<A>,
    row: WaitRow
  ) => Effect.Effect<{ readonly value: A; readonly waitedMs: number }>

  // Only inside an activity, never in the loop's body:

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
  /** Epoch milliseconds. */
  readonly now: () => number
  /** Milliseconds since the run's start, without the time it only waited for people and the time no process carried it. */
  readonly elapsed: () => number
  /** Time in which no process carried the run, in milliseconds. */
  readonly downMs: () => number
  /** All rows settled so far. Also for the thunk of an `emit`. */
  readonly ledger: () => ReadonlyArray<Entry.Entry>
}
