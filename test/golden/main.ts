/**
 * Writes the golden files of a release: `node test/golden/main.ts NAME`, into a folder of that name beside this file.
 *
 * It is run once for a release, **in a checkout of the very commit that the folder is named after**, and what it wrote is never
 * written again: it is what that release left on the disks of its users. `fd5c8c0` was written so. Where an export that is used
 * here changes later, this program follows it; the files stay.
 *
 * - `runs.db.gz`: a SQLite database with runs that have ended, and runs that are open, some of whose processes were killed.
 * - `logs/RUN.jsonl`: the run's envelopes as that release showed them, one a line; of an open run, so far.
 * - `state.json`: what that release told of the rest: transcripts, summaries, threads, grants, files, open questions.
 * - `calls.jsonl`: every call of a tool's handler, with its idempotency key.
 *
 * With `--postgres URL` the runs are carried in that empty Postgres database instead, and nothing else is written. `runs.sql.gz` is
 * what `pg_dump --inserts --no-owner --no-privileges` says of it, without comments and settings.
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

const folder = join(import.meta.dirname, name)
if (values.postgres === undefined && existsSync(folder))
  throw new Error(`${folder} is there: golden files stay as they are`)
const scratch = mkdtempSync(join(tmpdir(), "reins-golden-"))
const filename = join(scratch, "runs.db")
const world = new World(Golden.beganAt)

const record = (runtime: Lives.Reader) =>
  Effect.gen(function* () {
    mkdirSync(join(folder, "logs"), { recursive: true })
    for (const runId of [...Golden.runIds.ended, ...Golden.runIds.unfinished]) {
      writeFileSync(join(folder, "logs", `${runId}.jsonl`), Golden.lines(yield* Golden.log(runtime, runId)))
    }
    writeFileSync(join(folder, "state.json"), yield* Golden.state(runtime))
    writeFileSync(join(folder, "calls.jsonl"), world.calls.map((call) => `${JSON.stringify(call)}\n`).join(""))
  })

const written = Effect.gen(function* () {
  const store = yield* values.postgres === undefined ? Lives.sqlite(filename) : Lives.postgres(values.postgres)
  for (const scene of [...ended, ...unfinished]) yield* Lives.live(store, world, scene)
  if (values.postgres === undefined) yield* Effect.flatMap(Lives.reader(store, world), record)
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
  writeFileSync(join(folder, "runs.db.gz"), gzipSync(readFileSync(filename), { level: 9 }))
}
rmSync(scratch, { recursive: true, force: true })
// The processes that were killed still hang in this one.
process.exit(0)
