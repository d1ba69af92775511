/** The cluster example, with a real server. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { execFile } from "node:child_process"
import { join } from "node:path"
import { promisify } from "node:util"
import * as Server from "./Server.ts"

const main = join(import.meta.dirname, "..", "..", "examples", "cluster", "main.ts")

const started = (environment: Record<string, string>) =>
  Effect.promise(async () => {
    return (await promisify(execFile)(process.execPath, [main], { env: { ...process.env, ...environment } })).stdout
  })

describe("examples/cluster", () => {
  it.live(
    "continues in the other process when the first is killed, and repeats nothing",
    () =>
      Effect.gen(function* () {
        const url = yield* Server.database(yield* Server.server)
        const said = yield* started({ POSTGRES_URL: Redacted.value(url) })
        assert.strictEqual(said.match(/the shop is asked/g)?.length, 1)
        assert.match(said, /The (first|second) is killed[^]*\$40 are paid back[^]*The run has ended: stop\./)
      }).pipe(Effect.scoped),
    240_000
  )
})
