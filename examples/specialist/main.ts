/** Asks a specialist four questions from code: one that it answers, and three that fail, each for another reason. */
import { NodeRuntime } from "@effect/platform-node"
import { Runtime } from "@reins/runtime"
import { Console, Effect, Layer } from "effect"
import { Library } from "./Library.ts"
import { research } from "./Research.ts"
import { Researcher } from "./Researcher.ts"
import { model } from "./Script.ts"

const RuntimeLive = Runtime.layer({ agents: [Researcher] }).pipe(Layer.provide([Library.layer, model]))

const program = Effect.forEach(
  ["tidal power", "perpetual motion", "poetry", ""],
  Effect.fnUntraced(function* (topic) {
    const lines = yield* research(topic)
    yield* Console.log(`${JSON.stringify(topic)}\n${lines.join("\n")}\n`)
  })
)

program.pipe(Effect.provide(RuntimeLive), NodeRuntime.runMain)
