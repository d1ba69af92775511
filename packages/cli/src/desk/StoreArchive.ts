/** The administration of a store that the command line names. It opens the store, and carries no run. */
import { Sqlite } from "@reins/store/sqlite"
import * as Effect from "effect/Effect"
import { statSync } from "node:fs"
import { failed } from "../setting/CommandFailed.ts"
import * as StoreChoice from "../setting/StoreChoice.ts"

/** What fails, as a sentence. */
export const telling = <A, E extends Error, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.mapError(effect, (error) => failed(StoreChoice.wordsOf(error), error))

/** The message for a store that no other process can see. */
const inMemory = failed(
  "A store in memory ends with its process. Name the one that is meant: --store sqlite:FILE, or --url."
)

/** Administration of the store. A file that is not there is made. */
export const make = (store: StoreChoice.Store) => {
  switch (store._tag) {
    case "Memory":
      return Effect.fail(inMemory)
    case "Sqlite":
      return telling(Sqlite.archive({ filename: store.file }))
    case "Postgres":
      return Effect.tryPromise({
        try: () => import("@reins/store/postgres"),
        catch: (cause) =>
          failed("A Postgres store needs the package @effect/sql-pg. Run: npm install @effect/sql-pg", cause)
      }).pipe(Effect.flatMap(({ Postgres }) => telling(Postgres.archive({ url: store.url }))))
  }
}

/** Fails where nothing was ever kept: a command that looks, deletes or copies must not make a store first. */
export const isThere = (store: StoreChoice.Store) => {
  switch (store._tag) {
    case "Memory":
      return Effect.fail(inMemory)
    case "Postgres":
      return Effect.void
    case "Sqlite":
      return Effect.flatMap(
        Effect.try({
          try: () => statSync(store.file, { throwIfNoEntry: false }),
          catch: (cause) =>
            failed(
              `${store.file} cannot be read. Check the path and the rights of its folder, or name another: --store sqlite:FILE.`,
              cause
            )
        }),
        (found) =>
          found === undefined
            ? Effect.fail(failed(`There is no store ${store.file}. Name another: --path DIR, or --store sqlite:FILE.`))
            : Effect.void
      )
  }
}
