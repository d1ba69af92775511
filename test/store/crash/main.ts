/**
 * `npm run crash -- memory|sqlite|postgres|cluster [NAME]`: kills runs and checks their promises. One row per scenario;
 * the last line counts passed and failed ones.
 */
import { Effect, Redacted, References, type Scope } from "effect"
import * as Clustered from "./Clustered.ts"
import * as Faults from "./Faults.ts"
import * as InMemory from "./InMemory.ts"
import * as Paused from "./Paused.ts"
import * as Scenarios from "./Scenarios.ts"
import * as Stores from "./Stores.ts"
import * as Waits from "./Waits.ts"

/** Runs with four waits each, in a new database. */
const waits = (count: number, fresh: Effect.Effect<string, never, Scope.Scope>) =>
  Waits.none(
    count,
    Effect.map(fresh, (database) => Stores.layer(database, true, Waits.hibernateMs))
  )

/** The scenarios of each store; its server, if any, lives as long as the scope. */
const stores: {
  readonly [store: string]: Effect.Effect<ReadonlyArray<Scenarios.Scenario>, unknown, Scope.Scope>
} = {
  memory: Effect.succeed(InMemory.scenarios),
  sqlite: Effect.succeed([
    ...Scenarios.scenarios(Stores.file),
    ...Faults.onSqlite,
    {
      name: "waits",
      says: "a thousand runs with four waits each, let go in between",
      short: false,
      run: waits(1000, Stores.file)
    },
    {
      name: "paused",
      says: "ten thousand runs wait, in 500 bytes each, and are answered in any order",
      short: false,
      run: Paused.all(10_000)
    }
  ]),
  postgres: Effect.gen(function* () {
    const Server = yield* Effect.promise(() => import("../../postgres/Server.ts"))
    const url = yield* Server.server
    const fresh = Effect.map(Server.database(url), Redacted.value)
    return [
      ...Scenarios.scenarios(fresh),
      ...Faults.onPostgres(fresh),
      {
        name: "waits",
        says: "three hundred runs with four waits each, let go in between",
        short: false,
        run: waits(300, fresh)
      }
    ]
  }),
  cluster: Effect.gen(function* () {
    const Server = yield* Effect.promise(() => import("../../postgres/Server.ts"))
    const url = yield* Server.server
    return Clustered.scenarios(Effect.map(Server.database(url), Redacted.value))
  })
}

const usage = "Usage: crash memory|sqlite|postgres|cluster [NAME]\n"

const main = ([store = "", name]: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const all = yield* stores[store] ?? Effect.succeed([])
    const chosen = all.filter((scenario) => name === undefined || scenario.name === name)
    if (chosen.length === 0) {
      process.stderr.write(`${usage}${all.map((one) => `  ${one.name.padEnd(8)} ${one.says}\n`).join("")}`)
      return 2
    }
    let failed = 0
    for (const { name, run, says } of chosen) {
      const started = Date.now()
      const faults = yield* Effect.catchCause(run, (cause) => Effect.succeed([String(cause)]))
      if (faults.length > 0) failed++
      const seconds = ((Date.now() - started) / 1000).toFixed(1)
      process.stdout.write(`${faults.length === 0 ? "ok    " : "FAILED"} ${name.padEnd(8)} ${says} (${seconds} s)\n`)
      for (const fault of faults.slice(0, 20)) process.stdout.write(`       ${fault}\n`)
    }
    process.stdout.write(`\n${chosen.length - failed} passed, ${failed} failed\n`)
    return failed === 0 ? 0 : 1
  }).pipe(Effect.scoped, Effect.provideService(References.MinimumLogLevel, "None"))

process.exitCode = await Effect.runPromise(main(process.argv.slice(2)))
