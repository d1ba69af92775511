/** The output without a database. With one: `test/postgres/cluster-example.test.ts`. */
import { assert, describe, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import { join } from "node:path"
import { promisify } from "node:util"

describe("a cluster", () => {
  it("says what it needs when there is no database", async () => {
    const { POSTGRES_URL: _, ...env } = process.env
    const { stdout } = await promisify(execFile)(process.execPath, [join(import.meta.dirname, "main.ts")], { env })
    assert.match(stdout, /needs a Postgres/)
  })
})
