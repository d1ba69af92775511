/**
 * Makes the golden files of a release: `node test/golden/write.ts REVISION [NAME]`, into the folder `NAME` (absent: the
 * revision's short commit id) beside this file.
 *
 * It checks the revision out into a temporary folder, installs it there, runs the programs of this folder with that
 * revision's packages, over SQLite and over the Postgres server of the tests, and copies what they wrote here. A store
 * that has files already is left as it is. `README.md` says what remains to do.
 */
import { Effect, Redacted } from "effect"
import { execFileSync } from "node:child_process"
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import * as Server from "../postgres/Server.ts"
import { dump } from "../postgres/Dump.ts"

const git = (...args: ReadonlyArray<string>): string =>
  execFileSync("git", args, { cwd: import.meta.dirname, encoding: "utf8" }).trim()

const [revision = ""] = process.argv.slice(2)
if (revision === "") throw new Error("Name the revision: node test/golden/write.ts REVISION [NAME]")
const commit = git("rev-parse", "--verify", `${revision}^{commit}`)
const name = process.argv[3] ?? commit.slice(0, 7)

const checkout = join(mkdtempSync(join(tmpdir(), "reins-golden-")), "checkout")
const here = (store: string) => join(import.meta.dirname, name, store)
const there = (store: string) => join(checkout, "test", "golden", name, store)
const node = (...args: ReadonlyArray<string>) =>
  execFileSync(process.execPath, args, { cwd: checkout, stdio: ["ignore", "ignore", "inherit"] })

/** Copies the files of a store. */
const keep = (store: string) => {
  cpSync(there(store), here(store), { recursive: true })
  process.stdout.write(`Wrote ${here(store)}\n`)
}

const overPostgres = Effect.gen(function* () {
  const database = yield* Server.database(yield* Server.server)
  node("test/golden/main.ts", name, "--postgres", Redacted.value(database))
  const text = yield* Effect.flatMap(Server.client(database), dump)
  writeFileSync(join(there("postgres"), "runs.sql.gz"), gzipSync(text, { level: 9 }))
  keep("postgres")
})

git("worktree", "add", "--quiet", "--detach", checkout, commit)
try {
  node("--input-type=module", "-e", 'await (await import("./scripts/Install.mjs")).ensure()')
  for (const file of readdirSync(import.meta.dirname).filter((one) => one.endsWith(".ts"))) {
    cpSync(join(import.meta.dirname, file), join(checkout, "test", "golden", file))
  }
  if (!existsSync(here("sqlite"))) {
    node("test/golden/main.ts", name)
    keep("sqlite")
  }
  if (!existsSync(here("postgres"))) await Effect.runPromise(Effect.scoped(overPostgres))
} finally {
  git("worktree", "remove", "--force", checkout)
  rmSync(join(checkout, ".."), { recursive: true, force: true })
}
