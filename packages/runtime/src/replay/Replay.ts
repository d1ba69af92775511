/**
 * Runs a recorded run again, on the agents of this program, and says whether it would go the same way.
 *
 * No model and no tool is called, and no store is read or written. What came from outside is taken from the log;
 * everything that the program decides is decided again. Policies, compaction strategies and approvers' predicates are
 * the program's own code and are called.
 */
import type { Json } from "@reins/protocol"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Cause from "effect/Cause"
import { MemoryAudit } from "../approval/AuditStore.ts"
import { MemoryGrants } from "../approval/GrantStore.ts"
import { MemoryQuotas } from "../budget/QuotaStore.ts"
import type { Stores } from "../engine/RunHost.ts"
import * as RunExport from "../host/journal/RunExport.ts"
import { Alarms } from "../kernel/Alarm.ts"
import { type Common, drive } from "../loop/Drive.ts"
import { ProviderKeys } from "../model/ProviderKeys.ts"
import { MemoryMemories } from "../memory/MemoryStore.ts"
import { MemoryFiles } from "../thread/FileStore.ts"
import { MemoryThreads } from "../thread/MemoryThreads.ts"
import { requested } from "./Checks.ts"
import type { Divergence } from "./Divergence.ts"
import { Played } from "./Played.ts"
import { ReplayEngine } from "./ReplayEngine.ts"
import * as Trial from "./Trial.ts"

/**
 * The result of a replay. `events`: how many the log has. `undigested`: how many of its model requests have no digest,
 * so that their prompts could not be compared, as in logs of earlier releases. `others`: how many differences come
 * after the first.
 *
 * @since 0.1.0
 * @category models
 */
export type Replayed =
  | { readonly _tag: "Identical"; readonly runId: string; readonly events: number; readonly undigested: number }
  | {
      readonly _tag: "Diverged"
      readonly runId: string
      readonly events: number
      readonly divergence: Divergence
      readonly others: number
    }

/**
 * Why a run cannot be replayed: its lines cannot be read, it has not ended, or this program has no such agent.
 *
 * @since 0.1.0
 * @category errors
 */
export class NotReplayed extends Schema.TaggedError<NotReplayed>()("NotReplayed", {
  reason: Schema.Literals(["Unreadable", "StillOpen", "UnknownAgent"]),
  issue: Schema.String
}) {
  override get message() {
    return this.issue
  }
}

/**
 * The result in words, for a person who asked about a log of theirs: it quotes what both sides say.
 *
 * @since 0.1.0
 * @category conversions
 */
export const describe = (replayed: Replayed): string => {
  const { events, runId } = replayed
  if (replayed._tag === "Identical") {
    const { undigested } = replayed
    const unknown =
      undigested === 0
        ? ""
        : `; the prompts of ${undigested} model requests are not compared, as the log has no digest of them`
    return `Run ${runId} goes the same way: ${events} events${unknown}`
  }
  const { agentPath, event, field, recorded, replayed: now, seq } = replayed.divergence
  const where = event === undefined ? `behind the last of ${events} events` : `at event ${seq} (${event.event.type})`
  const who = agentPath.length === 0 ? "" : ` of ${agentPath.join("/")}`
  return `Run ${runId} goes another way ${where}${who}: ${field}\n  log:    ${shortly(recorded)}\n  replay: ${shortly(now)}`
}

const shortly = (value: Json | undefined): string => {
  const text = value === undefined ? "nothing" : typeof value === "string" ? value : JSON.stringify(value)
  return text.length > 500 ? `${text.slice(0, 500)}…` : text
}

/**
 * A run that was expected to go the same way goes another. Its message quotes what both sides say.
 *
 * @since 0.1.0
 * @category errors
 */
export class ReplayDiffers extends Schema.TaggedError<ReplayDiffers>()("ReplayDiffers", {
  runId: Schema.String,
  seq: Schema.Natural,
  field: Schema.String,
  description: Schema.String
}) {
  override get message() {
    return this.description.trim() === "" ? `Run ${this.runId} differs from event ${this.seq} on` : this.description
  }
}

/** Fails if the run goes another way. */
export const expectSame = (replayed: Replayed): Effect.Effect<void, ReplayDiffers> => {
  if (replayed._tag === "Identical") return Effect.void
  const { field, seq } = replayed.divergence
  return Effect.fail(new ReplayDiffers({ runId: replayed.runId, seq, field, description: describe(replayed) }))
}

/**
 * Replays exported runs on the agents of the runtime that a host is made for. Absent outside of a runtime's making: a
 * deployment reads it there, as that of the tests does, which replays every run that it has executed.
 */
export const Replayer: Context.Reference<
  ((exported: string | ReadonlyArray<string>) => Effect.Effect<Replayed, NotReplayed>) | undefined
> = Context.Reference<((exported: string | ReadonlyArray<string>) => Effect.Effect<Replayed, NotReplayed>) | undefined>(
  "@reins/runtime/replay/Replayer",
  { defaultValue: () => undefined }
)

/** Replays an exported run: its text, its lines, or what was read of them. */
export const replayExported = (
  parts: Omit<Common, "alarms">,
  exported: string | ReadonlyArray<string> | RunExport.Recording
): Effect.Effect<Replayed, NotReplayed> =>
  typeof exported !== "string" && "record" in exported
    ? replay(parts, exported)
    : RunExport.read(typeof exported === "string" ? exported.split("\n") : exported).pipe(
        Effect.flatMap(RunExport.recordingOf),
        Effect.mapError(({ message }) => new NotReplayed({ reason: "Unreadable", issue: message })),
        Effect.flatMap((recording) => replay(parts, recording))
      )

/** Replays `recording` on the agents and settings of `common`. */
export const replay = Effect.fnUntraced(function* (
  { roster, settings }: Omit<Common, "alarms">,
  recording: RunExport.Recording
): Effect.fn.Return<Replayed, NotReplayed> {
  const { envelopes, history, marks, record } = recording
  const { agent, keyed: _, runId } = record
  const last = envelopes.at(-1)?.event.type
  if (last !== "data-latency-summary" && last !== "error") {
    const issue = `Run ${runId} has not ended: its log stops at event ${envelopes.length}. Replay it when it has, or cancel it first`
    return yield* new NotReplayed({ reason: "StillOpen", issue })
  }
  if (!roster.members.has(agent)) {
    const known = [...roster.members.keys()].join(", ")
    const issue = `Run ${runId} is of agent ${JSON.stringify(agent)}, which this program does not have. Its agents: ${known}`
    return yield* new NotReplayed({ reason: "UnknownAgent", issue })
  }
  const log = new Played(recording)
  const engine = new ReplayEngine(log)
  const { keyed: _keys, ...plain } = record
  const common: Common = {
    roster: Trial.substitute(roster, settings.predicateMs),
    // The caller's keys, traces and patience belong to requests, and none is sent.
    settings: {
      ...settings,
      keys: new ProviderKeys(undefined),
      tracing: undefined,
      observer: undefined,
      patience: undefined
    },
    alarms: new Alarms()
  }
  const clock = yield* Clock.Clock
  const driven = drive(common, emptyStores(), plain, history, engine)
  const exit = yield* Effect.raceFirst(
    Effect.exit(Effect.provideService(driven, Clock.Clock, clockOf(clock, engine))),
    Effect.andThen(engine.stopped.await, Effect.exit(engine.trials.settled))
  )
  if (exit._tag === "Failure" && !log.isStruck && !Cause.hasInterruptsOnly(exit.cause)) {
    engine.report(log.nextOf([]), [], {
      field: "defect",
      recorded: undefined,
      replayed: "the code failed with a defect"
    })
  }
  if (engine.found.length === 0) {
    for (const mark of log.unvisited) {
      const { path, seq } = mark
      engine.report(seq, path, { field: log.kindOf(mark), recorded: mark.name, replayed: undefined })
    }
  }
  const [first] = engine.found.toSorted((a, b) => a.seq - b.seq)
  const events = envelopes.length
  if (first !== undefined) {
    return { _tag: "Diverged", runId, events, divergence: first, others: engine.found.length - 1 }
  }
  const undigested = marks.filter(
    (mark) =>
      mark.kind === "result" && log.kindOf(mark) === "model" && !hasDigest(mark.value) && requested(mark) !== undefined
  ).length
  return { _tag: "Identical", runId, events, undigested }
})

const hasDigest = Schema.is(Schema.Struct({ request: Schema.Unknown }))

/** Grants that are not looked up again: the log says which calls they allowed, and which were asked about after all. */
class ReplayedGrants extends MemoryGrants {
  override readonly stands = (): Effect.Effect<boolean> => Effect.succeed(true)
}

/** Stores with nothing in them, for a run that stores nothing. */
const emptyStores = (): Stores => {
  const audit = new MemoryAudit(0)
  return {
    threads: new MemoryThreads(0),
    grants: new ReplayedGrants(audit),
    files: new MemoryFiles(),
    memories: new MemoryMemories(),
    quotas: new MemoryQuotas(),
    audit
  }
}

/** The time of the log. Only limits of the replay's own code wait for the machine's. */
const clockOf = (clock: Clock.Clock, engine: { readonly time: number }): Clock.Clock => {
  const millis = () => engine.time
  const nanos = () => BigInt(engine.time) * 1_000_000n
  return {
    currentTimeMillisUnsafe: millis,
    currentTimeMillis: Effect.sync(millis),
    currentTimeNanosUnsafe: nanos,
    currentTimeNanos: Effect.sync(nanos),
    monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe(),
    monotonicTimeNanos: clock.monotonicTimeNanos,
    sleep: (duration) => clock.sleep(duration)
  }
}
