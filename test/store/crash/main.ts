/**
 * `pnpm crash memory|sqlite [NAME]`: kills runs and sees whether they keep their promises. A row a scenario; closes with how many
 * passed and failed.
 */
import { Effect, References } from "effect"
import * as InMemory from "./InMemory.ts"
import * as Scenarios from "./Scenarios.ts"

const stores: { readonly [store: string]: ReadonlyArray<Scenarios.Scenario> } = {
  memory: InMemory.scenarios,
  sqlite: Scenarios.scenarios
}

const main = async ([store = "", name]: ReadonlyArray<string>) => {
  const all = stores[store]
  const chosen = all?.filter((scenario) => name === undefined || scenario.name === name) ?? []
  if (all === undefined || chosen.length === 0) {
    const names = Object.entries(stores).map(
      ([each, scenarios]) => `${each}: ${scenarios.map((one) => one.name).join(", ")}`
    )
    process.stderr.write(`Usage: crash memory|sqlite [NAME]\n${names.join("\n")}\n`)
    return 2
  }
  let failed = 0
  for (const { name, run, says } of chosen) {
    const started = Date.now()
    const faults = await Effect.runPromise(
      run.pipe(
        Effect.catchCause((cause) => Effect.succeed([String(cause)])),
        Effect.provideService(References.MinimumLogLevel, "None")
      )
    )
    if (faults.length > 0) failed++
    const seconds = ((Date.now() - started) / 1000).toFixed(1)
    process.stdout.write(`${faults.length === 0 ? "ok    " : "FAILED"} ${name.padEnd(8)} ${says} (${seconds} s)\n`)
    for (const fault of faults.slice(0, 20)) process.stdout.write(`       ${fault}\n`)
  }
  process.stdout.write(`\n${chosen.length - failed} passed, ${failed} failed\n`)
  return failed === 0 ? 0 : 1
}

process.exitCode = await main(process.argv.slice(2))
