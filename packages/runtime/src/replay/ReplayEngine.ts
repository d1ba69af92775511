/**
 * The engine of a replay: runs the loop over a log, and finds where it would do something else.
 *
 * What came from outside (answers of models, results of tools, answers of people, messages, a cancel) is returned as
 * the log has it. Whatever the program decides itself (requests, decisions about calls, questions, results of calls
 * that did not run, a specialist's prompt, the summaries) is done again by `Checks` and compared. The loop goes on with
 * what the log has, so that every difference is found and not only the first one on the way; where the log has nothing
 * to go on with, that branch of the run stops.
 */
import { AgentPath, Entry, type Event, type Json } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Schema from "effect/Schema"
import type { Engine, Readings, Settled, WaitEnd, WaitRow, Work } from "../engine/Engine.ts"
import * as Inbox from "../engine/Inbox.ts"
import type { Mark } from "../host/journal/JournalStore.ts"
import * as Names from "../run/Names.ts"
import * as StoredForm from "../kernel/StoredForm.ts"
import { SentDigests } from "../run/RequestDigest.ts"
import { BudgetThen, type Used, type Played } from "./Played.ts"
import * as Checks from "./Checks.ts"
import { betweenEvents, type Difference, type Divergence, jsonOf } from "./Divergence.ts"
import * as Trial from "./Trial.ts"

/** Work that only decides or reads: it is done where the log does not have it. */
const decisions: ReadonlySet<string> = new Set(["gate", "held", "shown", "expiry", "agent", "lost", "resolve", "hook"])

/** Work of a step, and not of a call. */
const ofSteps: ReadonlySet<string> = new Set(["model", "compact", "resolve"])

export class ReplayEngine implements Engine {
  readonly runId: string
  readonly threadId: string
  readonly resourceId: string
  readonly startedAt: number
  readonly limits: Engine["limits"]
  readonly found: Array<Divergence> = []
  /** Opened when a branch cannot go on. */
  readonly stopped = Latch.makeUnsafe(false)
  readonly trials = new Trial.Trials()
  /** The time that the replay has reached, in epoch milliseconds. */
  time: number
  private readonly log: Played
  private readonly entries: Array<Entry.Entry> = []
  private readonly waits: Array<Entry.Entry> = []
  private readonly waited = new Set<string>()
  private readonly budget: BudgetThen
  private readonly digests = new Map<string, SentDigests>()

  constructor(log: Played) {
    const { resourceId, runId, startedAt, threadId } = log.recording.record
    this.log = log
    this.runId = runId
    this.threadId = threadId
    this.resourceId = resourceId
    this.startedAt = startedAt
    this.time = startedAt
    this.budget = new BudgetThen(log.recording.record)
    this.limits = {
      open: (path, budget, elapsedMs) => {
        log.know(path)
        this.budget.open(path, budget, elapsedMs)
      },
      raiseAgain: (path, limits) => this.budget.raiseAgain(path, limits)
    }
  }

  readonly activity: Engine["activity"] = (name, schema, effect) =>
    Effect.suspend(() => {
      const mark = this.log.results.get(name) ?? this.log.endOf(name)
      if (mark === undefined) return this.unrecorded(name, effect)
      this.visit(mark)
      return Effect.andThen(
        this.check(mark, schema, effect),
        Effect.suspend(() => {
          this.entries.push(...mark.spent)
          return StoredForm.decode(schema, mark.value)
        })
      )
    })

  readonly emit: Engine["emit"] = (name, path, events) =>
    Effect.suspend(() => {
      const mark = this.log.emits.get(name)
      if (mark !== undefined) {
        this.visit(mark)
        this.compareEvents(path, events(this.readingsAt(mark)), mark)
        return Effect.void
      }
      const all = events(this.readings)
      const [first] = all
      if (first === undefined) return Effect.void
      const callId = callIn(first)
      if (callId !== undefined && this.isSameEnd(path, callId, all)) return Effect.void
      return this.stop(path, callId, "event", jsonOf(first))
    })

  readonly wait = <A>(
    name: string,
    schema: Schema.Codec<A, Json>,
    end: WaitEnd<A>,
    row: WaitRow
  ): Effect.Effect<{ readonly value: A; readonly waitedMs: number }> =>
    Effect.suspend(() => {
      this.waited.add(name)
      const answer = this.log.answer(name)
      const cancel = this.log.answer(Names.cancel)
      if (answer === undefined && cancel === undefined) {
        return this.stop(
          row.path,
          row.id,
          "wait",
          row.reason === "approval" ? "a person's answer" : row.reason === "timer" ? "a time" : "the caller's result"
        )
      }
      const startedAt = this.log.askedAt(name) ?? this.time
      const endedAt = Math.max(startedAt, (answer ?? cancel)?.at ?? startedAt)
      this.waits.push(Entry.wait(row, startedAt, endedAt))
      const value =
        answer === undefined
          ? Effect.succeed(end.cancelled)
          : Effect.orDie(Schema.decodeUnknownEffect(schema)(answer.value))
      return Effect.map(value, (value) => ({ value, waitedMs: endedAt - startedAt }))
    })

  readonly receive: Engine["receive"] = (_taken, names) => {
    const mark = this.log.results.get(names().name)
    if (mark === undefined) return undefined
    this.visit(mark)
    return Effect.succeed(Number(mark.value))
  }

  readonly message: Engine["message"] = (position) => {
    const message = this.inbox(position)
    if (message === undefined) throw new Error(`Run ${this.runId}: no message at position ${position} of the inbox`)
    return message
  }

  readonly closeInbox: Engine["closeInbox"] = (position) => Effect.sync(() => this.inbox(position))

  readonly observed: Engine["observed"] = () => this.entries

  private inbox(position: number): Inbox.InboxMessage | undefined {
    const slot = this.log.answer(Names.inbox(position))
    return slot === undefined ? undefined : Inbox.messageIn(slot.value)
  }

  private visit(mark: Mark): void {
    this.log.visit(mark)
    this.time = Math.max(this.time, mark.at)
  }

  /** Does the work of a mark again, and compares. */
  private check<A>(
    mark: Mark,
    schema: Schema.Codec<A, Json>,
    effect: (work: Work) => Effect.Effect<Settled<A>>
  ): Effect.Effect<void> {
    const kind = this.log.kindOf(mark)
    if (mark.name === Names.finish) {
      return Effect.map(this.trials.run(this.scene(this.closingTime), effect), (tried) => {
        if (tried._tag === "Settled") this.compareEvents(mark.path, tried.settled.events, mark)
        else this.died(mark, tried)
      })
    }
    const check = Checks.of(kind)
    if (check === undefined) return Effect.void
    // A choice by what was spent is made where it was spent so far.
    const past = kind === "resolve" ? { ledger: () => this.entries } : undefined
    const scene = { ...this.scene(mark.at, this.log.before(mark)), ...past }
    const { tree } = scene
    return Effect.flatMap(this.trials.run(scene, effect), (tried) => {
      if (tried._tag === "Died") return Effect.sync(() => this.died(mark, tried))
      const settled = tried._tag === "Asked" ? undefined : tried.settled
      const encoded =
        settled === undefined
          ? Effect.succeed(undefined)
          : Effect.map(Effect.orDie(Schema.encodeEffect(schema)(settled.value)), (value) => ({
              value,
              events: settled.events
            }))
      return Effect.flatMap(encoded, (settled) => {
        const asked = tried._tag === "Asked" ? tried.asked : undefined
        const call = Names.callOf(AgentPath.key(mark.path), mark.name)
        const toolName = this.log.toolOf(mark.path, call)
        const digests = this.digestsOf(mark.path)
        const difference = check({ mark, asked, settled, tree, toolName, digests, hasDied: this.log.hasDied })
        const all = difference === undefined ? Checks.answer(mark, asked) : Effect.succeed(difference)
        return Effect.map(all, (difference) => {
          if (difference === undefined) return
          const seq = ofSteps.has(kind) ? this.log.stepOf(mark) : this.log.callOf(mark.path, call)
          this.report(seq ?? mark.seq, mark.path, difference)
        })
      })
    })
  }

  private digestsOf(path: AgentPath.AgentPath): SentDigests {
    const key = AgentPath.key(path)
    const found = this.digests.get(key) ?? new SentDigests()
    this.digests.set(key, found)
    return found
  }

  /** The code that the replay runs failed where the log has a result. */
  private died({ path, seq }: Mark, { _tag }: Pick<Trial.Tried<unknown>, "_tag">): void {
    this.report(seq, path, {
      field: "defect",
      recorded: undefined,
      replayed: _tag === "Died" ? "the code failed with a defect" : "a model or tool is asked"
    })
  }

  /** Work that the log does not have. */
  private unrecorded<A>(name: string, effect: (work: Work) => Effect.Effect<Settled<A>>): Effect.Effect<A> {
    const path = this.log.pathOf(name)
    const prefix = AgentPath.key(path)
    const kind = Names.kindOf(prefix, name)
    const call = Names.callOf(prefix, name)
    const beyond = () => this.stop(path, call, ...Checks.beyond(kind, call))
    const ends = kind === "tool" || kind === "hooked"
    if (!ends && !decisions.has(kind)) return beyond()
    const scene = this.scene(this.time)
    return Effect.flatMap(this.trials.run(scene, effect), (tried): Effect.Effect<A> => {
      if (ends) {
        const isSame = tried._tag === "Settled" && this.isSameEnd(path, call, tried.settled.events)
        return isSame ? Effect.succeed(tried.settled.value) : beyond()
      }
      return tried._tag === "Settled"
        ? Effect.succeed(tried.settled.value)
        : this.stop(path, call, "defect", "the code failed with a defect")
    })
  }

  /**
   * Whether a call ends with the same events as in the log, although it came to its end another way: invalid arguments
   * are refused by the gate, if it judges the call, and else by the tool.
   */
  private isSameEnd(path: AgentPath.AgentPath, callId: string, events: ReadonlyArray<Event>): boolean {
    const mark = this.log.endOfCall(path, callId)
    if (mark === undefined) return false
    const found = this.found.length
    this.compareEvents(path, events, mark)
    const isSame = this.found.length === found
    this.found.length = found
    if (isSame) this.visit(mark)
    return isSame
  }

  /** This branch of the run cannot go on: reports it, unless a defect has stopped the run there in the log as well. */
  private stop(
    path: AgentPath.AgentPath,
    callId: string | undefined,
    field: string,
    replayed: Json
  ): Effect.Effect<never> {
    return Effect.suspend(() => {
      if (!this.log.isStruck) {
        const seq = (callId === undefined ? undefined : this.log.callOf(path, callId)) ?? this.log.nextOf(path)
        const recorded = this.log.at(seq)
        this.report(seq, path, {
          field,
          recorded: recorded === undefined ? undefined : jsonOf(recorded.event),
          replayed
        })
      }
      this.stopped.openUnsafe()
      return Effect.never
    })
  }

  report(seq: number, agentPath: AgentPath.AgentPath, { field, recorded, replayed }: Difference): void {
    const event = this.log.at(seq)
    this.found.push({
      seq,
      agentPath,
      field,
      ...(event === undefined ? {} : { event }),
      ...(recorded === undefined ? {} : { recorded }),
      ...(replayed === undefined ? {} : { replayed })
    })
  }

  /**
   * Compares events with those that the log has under a mark: the last ones before it, wherever their order put them.
   */
  private compareEvents(path: AgentPath.AgentPath, events: ReadonlyArray<Event>, mark: Mark): void {
    const key = AgentPath.key(path)
    const first = Math.max(1, mark.seq - events.length + 1)
    for (const [index, event] of events.entries()) {
      const seq = first + index
      const there = this.log.at(seq)
      const replayed = jsonOf(event)
      const isSame = (envelope: typeof there) =>
        envelope !== undefined &&
        AgentPath.key(envelope.agentPath) === key &&
        betweenEvents(comparable(envelope.event), comparable(event)) === undefined
      if (isSame(there) || this.log.recording.envelopes.slice(0, mark.seq).some(isSame)) continue
      const recorded = there === undefined ? undefined : jsonOf(there.event)
      const isAlike = there?.event.type === event.type && AgentPath.key(there.agentPath) === key
      const difference = isAlike ? betweenEvents(there.event, event) : undefined
      return this.report(seq, path, difference ?? { field: "event", recorded, replayed })
    }
  }

  /** Without `before`: nothing is reserved. */
  private scene(at: number, before: ReadonlyArray<Used> = []): Trial.Scene {
    return { info: this, tree: this.budget.after(before), ledger: () => this.ledger, downMs: this.log.downMs, at }
  }

  private get ledger(): ReadonlyArray<Entry.Entry> {
    return [...this.log.spent, ...this.waits, ...this.log.waitsBesides(this.waited)]
  }

  /** When the run ended, as its summary has it, in epoch milliseconds. */
  private get closingTime(): number {
    const summary = this.log.recording.envelopes.find(({ event }) => event.type === "data-latency-summary")?.event
    return summary?.type === "data-latency-summary" ? this.startedAt + summary.data.totalMs : this.time
  }

  private readonly readings: Readings = {
    now: () => this.time,
    elapsed: () => this.time - this.startedAt,
    downMs: () => this.log.downMs,
    ledger: () => this.ledger
  }

  private readingsAt({ at, name }: Mark): Readings {
    return { ...this.readings, now: () => (name === Names.finish ? this.closingTime : at) }
  }
}

/** An event without what depends on which of several agents was first: the use of a limit that they have reached. */
const comparable = (event: Event): Event =>
  event.type === "budget_exhausted" ? { ...event, message: "", data: { ...event.data, used: event.data.max } } : event

/** The call that an event is about. */
const callIn = (event: Event): string | undefined => {
  switch (event.type) {
    case "tool-invocation":
    case "tool-agent":
      return event.toolInvocationId
    case "approval-required":
      return event.data.toolInvocationId
    case "data-tool-agent":
      return event.data.toolInvocationId
    default:
      return undefined
  }
}
