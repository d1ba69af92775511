/**
 * Writes the golden files of a release: `node test/golden/main.ts NAME`, into the folder `NAME/sqlite` beside this
 * file.
 *
 * `write.ts` runs it once for a release, **in a checkout of the very commit that the folder is named after**, and what it
 * wrote is never written again: it is what that release left on the disks of its users. Where an export that is used here
 * changes later, this program follows it; the files stay.
 *
 * - `runs.db.gz`: a SQLite database with runs that have ended, and runs that are open, some of whose processes were
 *   killed.
 * - `logs.jsonl.gz`: their envelopes as that release showed them, one a line; of open runs, so far.
 * - `state.json.gz`: what that release told of the rest: transcripts, summaries, threads, grants, files, open
 *   questions.
 * - `calls.jsonl.gz`: every call of a tool's handler, with its idempotency key.
 *
 * With `--postgres URL` the runs are executed in that empty Postgres database instead, and the folder is
 * `NAME/postgres`. Its `runs.sql.gz` are the statements of `Dump.ts`, which `write.ts` adds.
 */
import { Effect, References } from "effect"
import { Clock } from "effect/Clock"
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { parseArgs } from "node:util"
import { gzipSync } from "node:zlib"
import * as Golden from "./Golden.ts"
import * as Lives from "./Lives.ts"
import { ended, unfinished } from "./Scenes.ts"
import { World } from "./World.ts"

const { positionals, values } = parseArgs({ allowPositionals: true, options: { postgres: { type: "string" } } })
const [name = ""] = positionals
if (!/^[\w.-]+$/.test(name)) throw new Error("name the release: node test/golden/main.ts NAME")

const folder = join(import.meta.dirname, name, values.postgres === undefined ? "sqlite" : "postgres")
if (existsSync(folder)) throw new Error(`${folder} is there: golden files stay as they are`)
const scratch = mkdtempSync(join(tmpdir(), "reins-golden-"))
const filename = join(scratch, "runs.db")
/** A Postgres server may take longer than SQLite, so that a quiet moment is no end. */
const world = new World(Golden.beganAt, values.postgres === undefined ? 20 : 60)

const write = (file: string, content: string | Uint8Array) =>
  writeFileSync(join(folder, `${file}.gz`), gzipSync(content, { level: 9 }))

const record = (runtime: Lives.Reader) =>
  Effect.gen(function* () {
    const runIds = [...Golden.runIds.ended, ...Golden.runIds.unfinished]
    const logs = yield* Effect.forEach(runIds, (runId) => Golden.log(runtime, runId))
    const state = yield* Golden.state(runtime)
    mkdirSync(folder, { recursive: true })
    write("logs.jsonl", logs.map(Golden.lines).join(""))
    write("state.json", state)
    write("calls.jsonl", world.calls.map((call) => `${JSON.stringify(call)}\n`).join(""))
  })

const written = Effect.gen(function* () {
  const store = yield* values.postgres === undefined ? Lives.sqlite(filename) : Lives.postgres(values.postgres)
  for (const scene of [...ended, ...unfinished]) yield* Lives.live(store, world, scene)
  yield* Effect.flatMap(Lives.reader(store, world), record)
}).pipe(
  Effect.scoped,
  Effect.provideService(References.MinimumLogLevel, "None"),
  Effect.provideService(Clock, world.clock)
)

await Effect.runPromise(written)
if (values.postgres === undefined) {
  const database = new DatabaseSync(filename)
  database.exec("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE; VACUUM")
  database.close()
  write("runs.db", readFileSync(filename))
}
rmSync(scratch, { recursive: true, force: true })
// The processes that were killed still hang in this one.
process.exit(0)
