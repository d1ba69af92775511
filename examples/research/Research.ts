/**
 * The example's main flow: starts the run, shows its events, answers its approvals, and reports how it ended.
 *
 * Interrupting this effect cancels the run and still shows its end, including both tables.
 */
import type { Envelope } from "@reins/protocol"
import { Runtime } from "@reins/runtime"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { Arguments } from "./Arguments.ts"
import * as Asking from "./Asking.ts"
import { Folder } from "./Folder.ts"
import * as Presenter from "./Presenter.ts"
import * as Responder from "./Responder.ts"
import * as Text from "./Text.ts"

/** The run ended without a normal finish: over its budget, cancelled, or failed. */
export class EndedOtherwise extends Schema.TaggedError<EndedOtherwise>()("EndedOtherwise", {
  how: Schema.Literals(["budget", "cancelled", "incomplete", "failed"])
}) {
  override get message() {
    return `The run ended: ${this.how}.`
  }
}

/** Answers `question` about the folder. Succeeds when the run stopped by itself. */
export const research = Effect.fnUntraced(function* (question: string, given: Arguments) {
  const runtime = yield* Runtime
  const presenter = yield* given.json ? Presenter.json : Presenter.text(root)
  const leaving = yield* Deferred.make<void>()
  let how: EndedOtherwise["how"] | undefined

  const handle = yield* runtime.start(question, { budget: given.budget })
  if (!given.json) yield* presenter.note(...(yield* heading(question, given)), "")

  const take = Effect.fnUntraced(function* (envelope: Envelope.Envelope) {
    yield* presenter.take(envelope)
    const { event } = envelope
    if (event.type === "finish" && envelope.agentPath.length === 0) how = howOf(event.finishReason)
    if (event.type === "error") how = "failed"
    if (event.type !== "approval-required") return
    const decision = yield* Effect.raceFirst(
      Asking.answer(event.data, given.mode, presenter.note),
      Effect.as(Deferred.await(leaving), undefined)
    )
    // An approval that its run has closed meanwhile needs no answer.
    if (decision !== undefined) yield* Effect.ignore(runtime.respondToApproval(event.data.id, decision))
  })

  const showing = yield* Effect.forkChild(Stream.runForEach(handle.envelopes, take))
  const cancel = Effect.gen(function* () {
    yield* Deferred.succeed(leaving, undefined)
    yield* Effect.ignore(presenter.note("Cancelling. Press Ctrl-C again to leave at once."))
    yield* handle.cancel
    yield* Fiber.await(showing)
  })
  yield* Fiber.join(showing).pipe(
    Effect.onInterrupt(() => cancel),
    // Nobody reads the output any more: cancel the run and ask nobody.
    Effect.tapError(() => Effect.andThen(handle.cancel, Effect.exit(handle.result)))
  )
  if (how !== undefined) return yield* new EndedOtherwise({ how })
})

/** The root agent's name. */
const root = "coordinator"

const howOf = (reason: string): EndedOtherwise["how"] | undefined =>
  reason === "stop" ? undefined : reason === "budget" || reason === "cancelled" ? reason : "incomplete"

const heading = Effect.fnUntraced(function* (question: string, { budget }: Arguments) {
  const folder = yield* Folder
  const limits = [
    Text.counted(budget.maxSteps ?? 0, "step"),
    Text.counted(budget.maxToolCalls ?? 0, "tool call"),
    Text.counted(budget.maxTotalTokens ?? 0, "token"),
    `$${budget.maxCostUsd}`
  ]
  return [
    `Question: ${question}`,
    `Folder: ${folder.root}`,
    `Model: ${Responder.about}`,
    `Budget: ${limits.join(", ")}`
  ]
})
