/**
 * A custom tool from the caller's side: small refunds run at once, large ones need approval, and repeating a refund is
 * a failure that the model reads. The clerk who answers here approves up to 100 USD.
 */
import { NodeRuntime } from "@effect/platform-node"
import { type Approval, Decision, Runtime } from "@reins/runtime"
import { Console, Effect, Layer, Option, Schema, Stream } from "effect"
import { Desk, model } from "./Desk.ts"
import { PaymentLedger } from "./PaymentLedger.ts"
import { RefundOrder, Refunds } from "./Refunds.ts"

const LedgerLive = PaymentLedger.layerMemory({
  "A-7": [
    { id: "charge-1", amountUsd: 60 },
    { id: "charge-2", amountUsd: 20 }
  ],
  "B-2": [{ id: "charge-3", amountUsd: 30 }],
  "C-9": [{ id: "charge-4", amountUsd: 900 }]
})

const RuntimeLive = Runtime.layer({ agents: [Desk] }).pipe(
  Layer.provide([Refunds.layer, model]),
  Layer.provide(LedgerLive)
)

const decode = Schema.decodeUnknownOption(RefundOrder.parametersSchema)

/** The clerk's decision. The arguments come from a model, so they are validated first. */
const decide = ({ payload }: Approval.Request): Decision =>
  Option.exists(decode(payload), ({ amountUsd }) => amountUsd <= 100)
    ? Decision.approve({ by: "clerk" })
    : Decision.reject({ by: "clerk", feedback: "above 100 USD the manager decides" })

const ask = Effect.fnUntraced(function* (question: string) {
  const runtime = yield* Runtime
  yield* Console.log(`\n> ${question}`)
  yield* Stream.runForEach(runtime.query(question, { threadId: "ticket-1" }), (event) => {
    switch (event.type) {
      case "text":
        return Effect.sync(() => process.stdout.write(event.text))
      case "tool-progress":
        return Console.log(`  ${event.label} (${event.phaseIndex} of ${event.totalPhases})`)
      case "approval-required":
        return Effect.andThen(
          Console.log(`  asked: ${event.data.target} ${JSON.stringify(event.data.payload)}`),
          runtime.approvals.respond(event.data.id, decide(event.data))
        )
      case "approval-decision":
        return Console.log(`  answered: ${event.data.outcome.outcome} by ${event.data.by}`)
      default:
        return Effect.void
    }
  })
})

const program = Effect.gen(function* () {
  yield* ask("Please refund order b2, 30 USD. My card is 4111 1111 1111 1111.")
  yield* ask("Please refund order A-7, 80 USD.")
  yield* ask("Please refund order A-7, 80 USD. Again!")
  yield* ask("Please refund order C-9, 900 USD.")
})

program.pipe(Effect.provide(RuntimeLive), NodeRuntime.runMain)
