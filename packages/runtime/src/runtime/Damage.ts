/**
 * What a store's ports say as a defect, because they have no error for it, as a typed error for callers: a row of the very thing that
 * was asked for cannot be read. Any other failure of a store stays a defect.
 */
import { RunErrors } from "@reins/protocol"
import * as Effect from "effect/Effect"
import { StoreFailure } from "../host/journal/JournalStore.ts"

/** The table of the row that cannot be read; `undefined` for any other defect. */
export const tableOf = (defect: unknown): string | undefined =>
  defect instanceof StoreFailure ? defect.damaged : undefined

/** Fails with `DataDamaged` about what is named where the store finds it damaged. */
export const typed =
  (subject: RunErrors.DataDamaged["subject"], id: string) =>
  <A, E>(asked: Effect.Effect<A, E>): Effect.Effect<A, E | RunErrors.DataDamaged> =>
    Effect.catchDefect(asked, (defect) => {
      const table = tableOf(defect)
      return table === undefined ? Effect.die(defect) : Effect.fail(new RunErrors.DataDamaged({ subject, id, table }))
    })
