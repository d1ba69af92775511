/**
 * Ends a durable run whose loop failed with a defect: work in flight is charged, what was accepted and not read counts,
 * messages are added to the thread, grants release their holds, and the log gets its last events. The stop is stored first, with the rows of the work in
 * flight: if the process crashes meanwhile, the next owner continues ending the run instead of executing it.
 */
import { AgentPath, type Envelope } from "@reins/protocol"
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type { GrantStore } from "../../approval/GrantStore.ts"
import type { EventLog } from "../../engine/EventLog.ts"
import type { Cost } from "../../engine/Spending.ts"
import type { Stores } from "../../engine/RunHost.ts"
import * as RunFailure from "../../loop/RunFailure.ts"
import * as Names from "../../run/Names.ts"
import { checked, type JournalRun } from "./JournalRun.ts"
import type { JournalStore, StoreFailure } from "./JournalStore.ts"

/**
 * Ends `run`, whose `log` is open here. Its exit is a failure if the store failed; then the run continues. `cause`: of the
 * defect, which is logged where it has happened.
 */
export const end = (
  store: JournalStore,
  { grants, threads }: Stores,
  run: JournalRun,
  log: EventLog,
  cause: Cause.Cause<never>
): Effect.Effect<Exit.Exit<void>> =>
  Effect.gen(function* () {
    const { record, runId, writer } = run
    yield* run.past.isStruck ? Effect.logError(`Run ${runId} failed`) : RunFailure.logged(runId, cause)
    yield* writer.flush
    const envelopes = yield* Effect.orDie(wholeLog(store, runId, log))
    const { reported } = run.spending
    run.spending.strike(run.now())
    yield* charge(grants, run, reported)
    // No other life goes on with it.
    if (!run.past.isStruck) yield* run.note(Names.struck, run.spending.struck ?? [])
    yield* grants.release(runId, run.now())
    const messages = yield* run.inbox.unread(RunFailure.receivedIn(envelopes), run.now())
    const unread = yield* RunFailure.collectUnread(run, storedOf(run), grants, envelopes, messages)
    if (unread.rows.length > 0) {
      run.spending.settle(unread.rows)
      yield* run.note(Names.unreadCosts, unread.rows)
    }
    yield* RunFailure.save(threads, record, run, RunFailure.said(record, envelopes, unread))
    yield* Effect.sync(() => RunFailure.force(run, envelopes, unread))
    yield* writer.flush
    yield* RunFailure.observed(record, run)
  }).pipe(Effect.exit)

/** Its stored answers. */
const storedOf = ({ kept, past }: JournalRun): RunFailure.Stored => ({
  put: (name, value) => kept.put(name, value),
  tickets: kept.under(Names.tickets),
  clientWaits: Array.from(past.asks).flatMap(([name, { path, value }]) => {
    const prefix = AgentPath.key(path)
    if (!Names.isClient(prefix, name)) return []
    return [{ name, key: AgentPath.callKey(path, Names.callOf(prefix, name)), isChecked: value === checked }]
  })
})

/** Charges grants with the reported costs of unfinished calls. */
const charge = (grants: GrantStore, { now, runId }: JournalRun, reported: ReadonlyArray<Cost>): Effect.Effect<void> =>
  Effect.forEach(
    reported,
    ({ callId, grantId, nanoUsd, path }) =>
      grantId === undefined ? Effect.void : grants.settle(Names.grantUse(runId, path, callId), grantId, nanoUsd, now()),
    { discard: true }
  )

/** All events of a run that was opened from a snapshot, to find what is open in it. */
const wholeLog = (
  store: JournalStore,
  runId: string,
  log: EventLog
): Effect.Effect<ReadonlyArray<Envelope.Envelope>, StoreFailure> =>
  log.before === 0
    ? Effect.succeed(log.envelopes)
    : Effect.map(store.read(runId, 0, log.before), (earlier) => [...earlier, ...log.envelopes])
