/** Runs a command without namespaces and shows what it finds of the environment of this process; then what this process still has. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Sandbox } from "@reins/cli"
import { Effect, Layer } from "effect"

const look = `tr '\\0' '\\n' < /proc/$PPID/environ; tr '\\0' '\\n' < /proc/${process.pid}/environ; echo end`

const program = Effect.gen(function* () {
  const sandbox = yield* Sandbox.Sandbox
  const { output } = yield* sandbox.run(look, ".")
  process.stdout.write(JSON.stringify({ output, own: process.env["CANARY_API_KEY"], path: process.env["PATH"] }))
}).pipe(Effect.provide(Sandbox.Sandbox.layer({ isolates: false }).pipe(Layer.provideMerge(NodeServices.layer))))

Effect.runPromise(program)
