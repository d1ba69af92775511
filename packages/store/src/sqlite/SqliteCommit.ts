/**
 * Commits of runs' owners to SQLite: all that are ready in one turn share one transaction, since ending it costs more than what
 * stands in it. Each batch is still all or nothing, and one that may not be written leaves the others alone.
 */
import type { Batch, Fenced, StoreFailure } from "@reins/runtime/journal"
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import { isSqlError, type SqlError } from "effect/sql/SqlError"
import type { Database } from "../sql/Database.ts"
import * as SqlCommit from "../sql/SqlCommit.ts"
import type { Ask, Opened } from "./NodeSqlite.ts"

/** Most batches in one transaction: the process does nothing else meanwhile. */
const most = 64

type Ending = Effect.Effect<void, Fenced | StoreFailure>

/** A batch that waits, and what became of it. */
interface Waiting {
  readonly batch: Batch
  ending: Ending | undefined
}

export const make = (
  db: Database,
  transact: Opened["transact"]
): ((batch: Batch) => Effect.Effect<void, Fenced | StoreFailure>) => {
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

  /** Writes what waits. Where the database refuses it, each is tried alone: one batch's fault is no other's. */
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
      // Others who are about to commit do so first, and share the transaction.
      return Effect.andThen(Effect.yieldNow, lock.withPermits(1)(settled))
    }).pipe(Effect.uninterruptible)
}

/** Whether the database itself could not be had, after it was asked for long: then it is so for all. */
const isOutOfReach = ({ cause }: StoreFailure): boolean => isSqlError(cause) && unreachable.has(cause.reason._tag)

const unreachable = new Set(["LockTimeoutError", "ConnectionError"])

const ended = (fault: SqlCommit.Fault): Ending => (fault === undefined ? Effect.void : Effect.fail(fault))

const write = (ask: Ask, batch: Batch, { guard, rest }: SqlCommit.Writing): SqlCommit.Fault => {
  if (ask(guard.text, ...guard.values).length === 0) {
    const { text, values } = SqlCommit.ownership(batch)
    return SqlCommit.fault(batch, ask(text, ...values).length > 0)
  }
  for (const { text, values } of rest) ask(text, ...values)
  return undefined
}
