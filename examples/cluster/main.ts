/**
 * Two processes execute runs over one Postgres. One asks a person, and is killed while the person decides; the other
 * continues.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Decision, Runtime } from "@reins/runtime"
import { Config, Console, Effect, Option, type Scope, Stream } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { join } from "node:path"
import * as Desk from "./Desk.ts"

interface Runner {
  readonly name: string
  readonly child: ChildProcess
  /** What it has printed. */
  readonly said: Array<string>
}

/** Another process. It ends with the scope. */
const runner = (name: string): Effect.Effect<Runner, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<Runner>((resume) => {
      const child = spawn(process.execPath, [join(import.meta.dirname, "runner.ts")], {
        stdio: ["ignore", "pipe", "inherit"]
      })
      const made: Runner = { name, child, said: [] }
      child.stdout?.on("data", (chunk: Buffer) => {
        for (const line of chunk.toString().split("\n").filter(Boolean)) {
          if (line === "ready") resume(Effect.succeed(made))
          else process.stdout.write(`  (${name}: ${line})\n`)
          made.said.push(line)
        }
      })
    }),
    ({ child }) => Effect.sync(() => child.kill("SIGKILL"))
  )

const story = Effect.gen(function* () {
  const runners = yield* Effect.all([runner("first"), runner("second")], { concurrency: "unbounded" })
  yield* Console.log("Two processes share the work.")
  // Each has its shards once it has seen the other.
  yield* Effect.sleep("3 seconds")

  const runtime = yield* Runtime
  const { runId } = yield* runtime.start("Where is my money for order A-7?")
  yield* Stream.runForEach(runtime.watch(runId), ({ event }) => {
    switch (event.type) {
      case "approval-required":
        return Effect.gen(function* () {
          yield* Console.log(`May I? ${event.data.target} ${JSON.stringify(event.data.payload)}`)
          const carrier = runners.find(({ said }) => said.length > 1)
          carrier?.child.kill("SIGKILL")
          yield* Console.log(`The ${carrier?.name ?? "?"} is killed, and no process executes the run. Mia decides.`)
          yield* runtime.approvals.respond(event.data.id, Decision.approve({ by: "mia" }))
        })
      case "approval-decision":
        return Console.log(`The answer: ${event.data.outcome.outcome}.`)
      case "text":
        return Console.log(event.text)
      case "finish":
        return Console.log(`The run has ended: ${event.finishReason}.`)
      default:
        return Effect.void
    }
  })
}).pipe(Effect.scoped)

const program = Effect.gen(function* () {
  const url = yield* Config.option(Config.Redacted("POSTGRES_URL"))
  return yield* Option.match(url, {
    onNone: () =>
      Console.log("This needs a Postgres. Name an empty database: POSTGRES_URL=postgres://user:password@host/name"),
    onSome: (address) => Effect.provide(story, Desk.runtime(address, false))
  })
})

NodeRuntime.runMain(program)
