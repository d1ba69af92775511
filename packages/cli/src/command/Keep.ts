/** What is kept of runs in a local store: archiving it, backing it up, and bringing it back. `Erase` deletes it. */
import { Sqlite } from "@reins/store/sqlite"
import type { Archive } from "@reins/store/sqlite"
import * as Clock from "effect/Clock"
import { ThreadName } from "@reins/runtime"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { createReadStream } from "node:fs"
import { open } from "node:fs/promises"
import { resolve } from "node:path"
import { createInterface } from "node:readline"
import * as NewFile from "../desk/NewFile.ts"
import * as StoreArchive from "../desk/StoreArchive.ts"
import { type CommandFailed, ended, failed, misused } from "../setting/CommandFailed.ts"
import * as Moment from "../setting/Moment.ts"
import * as StoreChoice from "../setting/StoreChoice.ts"
import { type OutputFailed, type ReaderLeft, Screen } from "../terminal/Screen.ts"
import * as Style from "../text/Style.ts"
import * as Text from "../text/Text.ts"

/** The store, and the format of the report. */
export interface Given {
  readonly store: string | undefined
  readonly path: string | undefined
  readonly jsonOutput: boolean
}

/** Whose runs are meant, and whether a person is asked first. */
export interface Asked extends Given {
  readonly tenant: string
  readonly yes: boolean
}

export type Done = Effect.Effect<void, CommandFailed | ReaderLeft | OutputFailed, Screen>

export const storeOf = ({ path, store }: Given) => StoreChoice.chosen(store, resolve(path ?? "."))

export const say = (given: Given, text: string, data: { readonly [name: string]: unknown }) =>
  Effect.flatMap(Screen, ({ look, print }) =>
    print(`${given.jsonOutput ? JSON.stringify(data) : folded(text, look().columns)}\n`)
  )

const folded = (text: string, columns = Infinity): string =>
  Text.lines(text)
    .flatMap((line) => Style.fold(line, columns))
    .join("\n")

/** Asks a person to confirm; fails if the answer is no or there is no terminal. */
export const confirm = Effect.fnUntraced(function* (yes: boolean, question: string) {
  if (yes) return
  const { ask, look } = yield* Screen
  if (ask === undefined) return yield* failed(`${question} There is no terminal to ask at. Add --yes to do it.`)
  const answer = yield* ask(`${folded(`${question} [y/N]`, look().columns)} `)
  if (!/^\s*y(es)?\s*$/i.test(answer ?? "")) return yield* failed("Nothing was deleted.")
})

export const momentOf = (text: string) =>
  Effect.flatMap(Clock.currentTimeMillis, (now) => {
    const at = Moment.parse(text, now)
    return at === undefined
      ? Effect.fail(
          misused(`--before: ${JSON.stringify(text)} is not a time. Write how long ago, such as 30d, or a date.`)
        )
      : Effect.succeed(at)
  })

/** What a thread may be called in a store: as a server stores what its client calls so, which comes first as everywhere, or as it is. */
export const namesOf = (thread: string, tenant: string): ReadonlyArray<string> => [
  ThreadName.qualified(tenant, thread),
  thread
]

export const quoted = (text: string): string => JSON.stringify(Text.harmless(text))

/**
 * Rewrites the store without what was deleted. What to know where that cannot be done now: the deletion itself has
 * been.
 */
export const leftover = (archive: Pick<Archive, "compact">): Effect.Effect<string> =>
  Effect.match(archive.compact, {
    onFailure: () =>
      "\nThe file could not be rewritten now, so that deleted bytes stay in it until others take their place. Run VACUUM on it later.",
    onSuccess: () => ""
  })

/** How many runs are erased or archived at most by one command. */
export const mostRuns = 1_000_000

export const archive = (
  given: Asked & {
    readonly file: string
    readonly runs: ReadonlyArray<string>
    readonly thread: string | undefined
    readonly before: string | undefined
    readonly forget: boolean
  }
): Done =>
  Effect.gen(function* () {
    const { before, file, forget, runs: named, tenant: resourceId, thread, yes } = given
    const store = yield* storeOf(given)
    yield* StoreArchive.isThere(store)
    const shelf = yield* StoreArchive.make(store)
    const endedBefore = before === undefined ? Number.MAX_SAFE_INTEGER : yield* momentOf(before)
    const threads = thread === undefined ? [undefined] : namesOf(thread, resourceId)
    const all = (yield* Effect.forEach(threads, (threadId) =>
      StoreArchive.telling(shelf.runs({ resourceId, threadId, endedBefore, limit: mostRuns }))
    )).flat()
    const missing = named.find((id) => all.every(({ runId }) => runId !== id))
    if (missing !== undefined) {
      return yield* failed(
        `There is no run ${quoted(missing)} that has ended. reins runs lists them; end a running one first.`
      )
    }
    // The earliest first, so that threads grow as they did.
    const wanted = (named.length === 0 ? all : all.filter(({ runId }) => named.includes(runId))).toReversed()
    if (wanted.length === 0) return yield* failed("No run has ended that could be archived.")
    if (forget) {
      const what = Text.counted(wanted.length, "run")
      yield* confirm(yes, `Archive ${what} and delete their data from the store? Threads keep their messages.`)
    }
    yield* NewFile.write(file, (write) =>
      Effect.forEach(
        wanted,
        ({ runId }) =>
          Effect.flatMap(StoreArchive.telling(shelf.exportRun(runId)), (lines) =>
            write(lines.map((line) => `${line}\n`).join(""))
          ),
        { discard: true }
      )
    )
    if (forget) {
      yield* Effect.forEach(wanted, ({ runId }) => StoreArchive.telling(shelf.erase({ runId }, { resourceId })))
    }
    const left = forget ? yield* leftover(shelf) : ""
    const gone = forget ? ` Their data is deleted from the store; threads keep their messages.${left}` : ""
    const data = { runs: wanted.map(({ runId }) => runId), file, forgotten: forget }
    yield* say(given, `Archived ${Text.counted(wanted.length, "run")} in ${file}.${gone}`, data)
  }).pipe(Effect.scoped)

export const backup = (given: Given & { readonly file: string }): Done =>
  Effect.gen(function* () {
    const store = yield* storeOf(given)
    yield* StoreArchive.isThere(store)
    if (store._tag !== "Sqlite") {
      return yield* failed(
        'A Postgres store is backed up with its own tools: pg_dump --format=custom --file=FILE "$REINS_STORE". ' +
          "As JSON lines, runs that have ended: reins archive FILE."
      )
    }
    const made = yield* StoreArchive.telling(Sqlite.backup({ filename: store.file, to: resolve(given.file) }))
    const held = `${Text.counted(made.runs, "run")} in ${Text.counted(made.threads, "thread")}, ${Text.size(made.sizeBytes)}`
    yield* say(given, `Backed up ${store.file} in ${given.file}: ${held}, read again and whole.`, {
      ...made,
      file: given.file
    })
  })

/** What a file begins with. */
const headOf = (file: string) =>
  Effect.acquireUseRelease(
    Effect.tryPromise({
      try: () => open(file, "r"),
      catch: (cause) => failed(`There is no file ${JSON.stringify(file)} that can be read.`, cause)
    }),
    (handle) =>
      Effect.tryPromise({
        try: () => handle.read(Buffer.alloc(16), 0, 16, 0).then(({ buffer }) => buffer.toString("latin1")),
        catch: (cause) => failed(`${file} cannot be read.`, cause)
      }),
    (handle) => Effect.promise(() => handle.close())
  )

export const restore = (given: Given & { readonly file: string }): Done =>
  Effect.gen(function* () {
    const { file } = given
    const store = yield* storeOf(given)
    if (store._tag === "Memory") return yield* StoreArchive.isThere(store)
    const head = yield* headOf(file)
    if (head.startsWith("SQLite format 3")) {
      if (store._tag === "Postgres") {
        return yield* failed(
          `${file} is a backup of a SQLite store. Restore it into one, --store sqlite:FILE; runs that have ended move with reins archive.`
        )
      }
      yield* StoreChoice.folderOf(store.file)
      const made = yield* StoreArchive.telling(Sqlite.restore({ from: resolve(file), filename: store.file }))
      const held = `${Text.counted(made.runs, "run")} in ${Text.counted(made.threads, "thread")}`
      return yield* say(
        given,
        `Restored ${held} to ${store.file}. What had not ended goes on in the next process that opens it.`,
        { ...made, store: store.file }
      )
    }
    if (!head.startsWith('{"kind":"run"')) {
      return yield* failed(`${file} is neither a backup nor an archive. Name a file of reins backup or reins archive.`)
    }
    if (store._tag === "Sqlite") yield* StoreChoice.folderOf(store.file)
    const shelf = yield* StoreArchive.make(store)
    let [restored, known] = [0, 0]
    const take = (lines: ReadonlyArray<string>) =>
      Effect.matchEffect(shelf.importRun(lines), {
        onSuccess: () => Effect.sync(() => void restored++),
        onFailure: (error) =>
          error._tag === "NotImported" && error.reason === "RunExists"
            ? Effect.sync(() => void known++)
            : Effect.fail(failed(`${file}: ${ended(error.message)} ${Text.counted(restored, "run")} restored.`, error))
      })
    let run: Array<string> = []
    const text = Stream.fromAsyncIterable(createInterface({ input: createReadStream(file) }), (cause) =>
      failed(`${file} cannot be read.`, cause)
    )
    yield* Stream.runForEach(text, (line) => {
      if (line === "") return Effect.void
      const before = line.startsWith('{"kind":"run"') && run.length > 0 ? run : undefined
      if (before === undefined) {
        run.push(line)
        return Effect.void
      }
      run = [line]
      return take(before)
    })
    if (run.length > 0) yield* take(run)
    const there = known === 0 ? "" : ` ${Text.counted(known, "run")} ${known === 1 ? "was" : "were"} there already.`
    yield* say(given, `Restored ${Text.counted(restored, "run")} from ${file}.${there}`, { restored, known })
  }).pipe(Effect.scoped)
