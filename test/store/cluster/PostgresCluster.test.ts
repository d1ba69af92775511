import { assert, describe, it } from "@effect/vitest"
import { Agent, Model, Runtime } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { PostgresCluster } from "@reins/store/cluster"
import { Effect, Layer, Redacted } from "effect"

const built = (options: object) =>
  Runtime.layer({ agents: [Agent.make("solo", {})] }).pipe(
    Layer.provide([
      Layer.succeed(Model, ScriptedModel.make({ respond: () => ScriptedModel.text("hi") })),
      // Nothing is there: an invalid time is refused before anything is connected.
      PostgresCluster.layer({ url: Redacted.make("postgres://nobody@127.0.0.1:1/nothing"), ...options })
    ]),
    Layer.build,
    Effect.scoped,
    Effect.exit,
    Effect.map(String)
  )

describe("a cluster over Postgres", () => {
  const silence = 'Use a finite time above 0, such as "10 seconds"'
  const invalid: ReadonlyArray<readonly [object, string]> = [
    [{ silence: "soon" }, `Invalid option silence: "soon". ${silence}`],
    [{ silence: 0 }, `Invalid option silence: 0. ${silence}`],
    [{ silence: Number.POSITIVE_INFINITY }, `Invalid option silence: Infinity. ${silence}`],
    [{ drain: -1 }, 'Invalid option drain: -1. Use milliseconds, or text such as "2 seconds"']
  ]
  it.live.each(invalid)("refuses an invalid time before it connects: %o", ([options, said]) =>
    Effect.map(built(options), (found) => assert.include(found, said))
  )
})
