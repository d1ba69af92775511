/**
 * Commits of runs' owners to SQLite: all commits that are ready at the same time share one transaction, since ending it
 * costs more than its statements. Each batch is still all or nothing, and a rejected one does not affect the others.
 */
import type { Batch, Rejected, StoreFailure } from "@reins/runtime/journal"
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import { isSqlError, type SqlError } from "effect/sql/SqlError"
import type { Database } from "../sql/Database.ts"
import * as SqlCommit from "../sql/SqlCommit.ts"
import type { Ask, Opened } from "./NodeSqlite.ts"

/** The most batches in one transaction: it blocks the process. */
const most = 64

type Ending = Effect.Effect<void, Rejected>

/** A pending batch and its result. */
interface Waiting {
  readonly batch: Batch
  ending: Ending | undefined
}

export const make = (db: Database, transact: Opened["transact"]): ((batch: Batch) => Effect.Effect<void, Rejected>) => {
  const writing = SqlCommit.writing(db.dialect)
  const lock = Semaphore.makeUnsafe(1)
  const queue: Array<Waiting> = []

  const together = (batches: ReadonlyArray<Batch>): Effect.Effect<ReadonlyArray<SqlCommit.Fault>, StoreFailure> =>
    Effect.suspend(() => {
      const all = batches.map((batch) => ({ batch, writing: writing(batch) }))
      const work: Effect.Effect<ReadonlyArray<SqlCommit.Fault>, SqlError> = transact((ask) =>
        all.map((each) => write(ask, each.batch, each.writing))
      )
      return db.operation("commit", work)
    })

  const alone = (batch: Batch): Effect.Effect<Ending> =>
    Effect.match(together([batch]), { onFailure: Effect.fail, onSuccess: ([fault]) => ended(fault) })

  /**
   * Writes the pending batches. If the database rejects them together, each is tried alone, so that one invalid batch
   * does not fail the others.
   */
  const drain = Effect.suspend(() => {
    const taken = queue.splice(0, most)
    const isEverybodys = (failure: StoreFailure) => taken.length === 1 || isOutOfReach(failure)
    return Effect.matchEffect(together(taken.map(({ batch }) => batch)), {
      onSuccess: (faults) =>
        Effect.sync(() => {
          for (const [index, waiting] of taken.entries()) waiting.ending = ended(faults[index])
        }),
      onFailure: (failure) =>
        Effect.forEach(
          taken,
          (waiting) =>
            Effect.map(
              isEverybodys(failure) ? Effect.succeed(Effect.fail(failure)) : alone(waiting.batch),
              (ending) => {
                waiting.ending = ending
              }
            ),
          { discard: true }
        )
    })
  })

  return (batch) =>
    Effect.suspend(() => {
      const waiting: Waiting = { batch, ending: undefined }
      queue.push(waiting)
      const settled: Ending = Effect.suspend(
        () =>
          waiting.ending ??
          Effect.andThen(
            drain,
            Effect.suspend(() => waiting.ending ?? settled)
          )
      )
      // Yields, so that other commits that are ready share the transaction.
      return Effect.andThen(Effect.yieldNow, lock.withPermits(1)(settled))
    }).pipe(Effect.uninterruptible)
}

/** Whether the database itself stayed unavailable after all retries: then every batch fails. */
const isOutOfReach = ({ cause }: StoreFailure): boolean => isSqlError(cause) && unreachable.has(cause.reason._tag)

const unreachable = new Set(["LockTimeoutError", "ConnectionError"])

const ended = (fault: SqlCommit.Fault): Ending => (fault === undefined ? Effect.void : Effect.fail(fault))

const write = (ask: Ask, batch: Batch, { guard, rest }: SqlCommit.Writing): SqlCommit.Fault => {
  if (ask(guard.text, ...guard.values).length === 0) {
    const { text, values } = SqlCommit.standing(batch)
    return SqlCommit.fault(batch, ask(text, ...values)[0])
  }
  for (const { text, values } of rest) ask(text, ...values)
  return undefined
}
