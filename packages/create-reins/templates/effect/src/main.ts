/** Asks the agent a question: `npm start -- "Refund 80 dollars for order A-1"`. */
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Runtime } from "@reins/runtime"
import { Console, Effect, Layer, Stream } from "effect"
import { Prompt } from "effect/cli"
import app from "./app.ts"

const question = process.argv.slice(2).join(" ") || "Where is my order A-1?"

/** Without a terminal nobody can be asked, and the answer is no. */
const decide = (message: string) =>
  process.stdin.isTTY
    ? Effect.map(Prompt.run(Prompt.Confirm({ message })), (yes) => (yes ? "approve" : "reject"))
    : Effect.succeed("reject" as const)

const program = Effect.gen(function* () {
  const runtime = yield* Runtime
  yield* Console.log(`> ${question}`)
  yield* Stream.runForEach(
    runtime.query(question),
    Effect.fnUntraced(function* (event) {
      if (event.type === "text") process.stdout.write(event.text)
      if (event.type === "tool-invocation") yield* Console.log(`[${event.toolName} ${event.state}]`)
      if (event.type === "approval-required") {
        const { id, payload, target } = event.data
        yield* runtime.approvals.respond(id, yield* decide(`${target} ${JSON.stringify(payload)}: go on?`))
      }
      if (event.type === "finish") yield* Console.log(`\n${event.finishReason}, ${event.usage.totalTokens} tokens`)
    })
  )
})

program.pipe(Effect.provide(Layer.merge(app, NodeServices.layer)), NodeRuntime.runMain)
