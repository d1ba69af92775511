import { assert, describe, it } from "@effect/vitest"
import { PostgresCluster } from "@reins/store/cluster"
import { Postgres } from "@reins/store/postgres"
import { Sqlite } from "@reins/store/sqlite"
import { Cause, Effect, Exit, Layer, Redacted } from "effect"

// Nothing is there: an invalid option is refused before anything is opened.
const url = Redacted.make("postgres://nobody@127.0.0.1:1/nothing")

const stores: { readonly [name: string]: (options: object) => Layer.Layer<never, unknown> } = {
  SQLite: (options) => Sqlite.layer({ filename: ":memory:", ...options }),
  Postgres: (options) => Postgres.layer({ url, ...options }),
  "a cluster over Postgres": (options) => PostgresCluster.layer({ url, ...options })
}

const milliseconds = "Use a number of at least 0"

const everywhere: ReadonlyArray<readonly [object, string]> = [
  [{ gatherMs: NaN }, `Invalid option gatherMs: NaN. ${milliseconds}`],
  [{ gatherMs: "25" }, `Invalid option gatherMs: "25". ${milliseconds}`],
  [{ hibernateMs: -1 }, `Invalid option hibernateMs: -1. ${milliseconds}`],
  [{ carries: "no" }, 'Invalid option carries: "no". Use true or false'],
  [{ hibernatesMs: 1000 }, "Unknown option hibernatesMs. Available options: "],
  [{ "postgres://user:password@host": 1 }, "Unknown option of the "]
]

const connections = "Use a whole number of at least 2"

const withServer: typeof everywhere = [
  [{ maxConnections: 0 }, `Invalid option maxConnections: 0. ${connections}`],
  [{ maxConnections: 1 }, `Invalid option maxConnections: 1. ${connections}`],
  [{ maxConnections: 2.5 }, `Invalid option maxConnections: 2.5. ${connections}`],
  [{ url: "postgres://user:password@host/database" }, 'Invalid option url. Use Redacted.make("postgres://…")']
]

const own: { readonly [name: string]: typeof everywhere } = {
  SQLite: [
    [{ filename: "" }, 'Invalid option filename: "". Give the path of a file, or ":memory:"'],
    [{ synchronous: "full" }, 'Invalid option synchronous: "full". Use "NORMAL" or "FULL"'],
    [{ pollMs: 0 }, "Invalid option pollMs: 0. Use a number of at least 1"]
  ],
  Postgres: withServer,
  "a cluster over Postgres": withServer
}

const cases = Object.keys(stores).flatMap((name) =>
  [...everywhere, ...(own[name] ?? [])].map(([options, said]) => ({ name, options, said }))
)

describe("an invalid option of a store", () => {
  it.effect.each(cases)("is refused before anything is opened: $name, $options", ({ name, options, said }) =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(Effect.scoped(Layer.build(stores[name]?.(options) ?? Layer.empty)))
      const message = Exit.isFailure(exit) ? String(Cause.squash(exit.cause)) : "built"
      assert.include(message, said)
      assert.notInclude(message, "password@")
    })
  )

  it.live("leaves one connection to an archive, which neither listens nor locks", () =>
    Effect.gen(function* () {
      const failure = yield* Effect.flip(Effect.scoped(Postgres.archive({ url, maxConnections: 1 })))
      assert.strictEqual(failure.reason, "CannotConnect")
    })
  )
})
