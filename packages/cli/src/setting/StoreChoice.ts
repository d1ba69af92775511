/**
 * Where a command keeps its runs, as text on the command line or in the environment: `memory`, `sqlite:FILE`,
 * `postgres://…`.
 */
import { Sqlite } from "@reins/store/sqlite"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import { mkdir, writeFile } from "node:fs/promises"
import { dirname, join, resolve } from "node:path"
import { type CommandFailed, ended, failed, misused } from "./CommandFailed.ts"

/** Where runs are kept. */
export type Store =
  | { readonly _tag: "Memory" }
  | { readonly _tag: "Sqlite"; readonly file: string }
  | { readonly _tag: "Postgres"; readonly url: Redacted.Redacted<string> }

/** The store of a folder, where no other is named. */
const usual = (folder: string): Store => ({ _tag: "Sqlite", file: join(folder, ".reins", "runs.db") })

/** The variable that names the store, where the name holds a password that a list of processes must not show. */
export const variable = "REINS_STORE"

/** The store: `given`, else that of the environment, else that of the folder. */
export const chosen = (given: string | undefined, folder: string): Effect.Effect<Store, CommandFailed> =>
  given === undefined
    ? Effect.flatMap(
        Effect.mapError(Config.option(Config.Redacted(variable)), () => failed(`${variable} cannot be read.`)),
        (found) => {
          const name = Option.isNone(found) ? "" : Redacted.value(found.value).trim()
          return name === "" ? Effect.succeed(usual(folder)) : parse(name, variable)
        }
      )
    : parse(given, "--store")

/** Reads the name of a store; `from`: where it was written. */
const parse = (text: string, from: string): Effect.Effect<Store, CommandFailed> => {
  if (text === "memory") return Effect.succeed({ _tag: "Memory" })
  const file = /^sqlite:(.+)$/s.exec(text)?.[1]
  if (file !== undefined) return Effect.succeed({ _tag: "Sqlite", file: resolve(file.replace(/^\/\/(?=\/)/, "")) })
  if (/^sqlite:?$/.test(text)) return Effect.fail(misused(`${from}: ${text} names no file. Write sqlite:FILE.`))
  if (/^postgres(ql)?:\/\/./.test(text)) return Effect.succeed({ _tag: "Postgres", url: Redacted.make(text) })
  // What is written there may hold a password.
  const kind = /^[a-z]+(?=:)/i.exec(text)?.[0] ?? (text.length > 20 ? `${text.slice(0, 20)}…` : text)
  return Effect.fail(misused(`${from}: unknown store ${JSON.stringify(kind)}. Use memory, sqlite:FILE or postgres://…`))
}

/** How a store is named to people; never with its password. */
export const describe = (store: Store): string => {
  if (store._tag === "Memory") return "memory"
  return store._tag === "Sqlite" ? store.file : "postgres"
}

/** Makes the folder of a store of a folder, which version control passes over. */
export const folderOf = (file: string): Effect.Effect<void, CommandFailed> => {
  const folder = dirname(file)
  if (!folder.endsWith(".reins")) return Effect.void
  return Effect.tryPromise({
    try: () =>
      mkdir(folder)
        .then(() => writeFile(join(folder, ".gitignore"), "*\n", { flag: "wx" }))
        .catch((cause: unknown) =>
          Predicate.hasProperty(cause, "code") && cause.code === "EEXIST" ? undefined : Promise.reject(cause)
        ),
    catch: (cause) =>
      failed(
        `${folder} cannot be made, where runs are kept. Choose another place: --store sqlite:FILE, or --store memory.`,
        cause
      )
  })
}

/**
 * The deployment over a store. `carries: false` for commands that only look or answer: they leave the runs to others.
 * Fails with a sentence where the store cannot be used.
 */
export const layer = (store: Store, { carries }: { readonly carries: boolean }): Layer.Layer<never, CommandFailed> => {
  switch (store._tag) {
    case "Memory":
      return Layer.empty
    case "Sqlite": {
      const open = Sqlite.layer({ filename: store.file, carries })
      return Layer.unwrap(Effect.as(folderOf(store.file), telling(open)))
    }
    case "Postgres":
      return Layer.unwrap(
        Effect.map(
          Effect.tryPromise({
            try: () => import("@reins/store/postgres"),
            catch: (cause) =>
              failed("A Postgres store needs the package @effect/sql-pg. Run: npm install @effect/sql-pg", cause)
          }),
          ({ Postgres }) => telling(Postgres.layer({ url: store.url, carries }))
        )
      )
  }
}

/** The layer, whose errors are sentences that name the cure. */
const telling = (layer: Layer.Layer<never, Error>): Layer.Layer<never, CommandFailed> =>
  Layer.effectContext(
    Effect.mapError(
      Effect.flatMap(Effect.scope, (scope) => Layer.buildWithScope(layer, scope)),
      (error) => failed(wordsOf(error), error)
    )
  )

/** The store's error, worded for users of the command line. Pure. */
export const wordsOf = (error: Error): string =>
  ended(
    error.message
      .replace(
        "Check the url option (host, port, user, password)",
        `Check its host, port, user and password in --store or ${variable}`
      )
      .replace(/[.;] [Ss]ee the cause$/, ". Add --log-level debug to see why")
  )
