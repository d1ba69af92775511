/**
 * Attends a run from its start to its end: shows its events, answers its approvals, and shows how it ended.
 * Interrupting it cancels the run and still shows its end, with both tables.
 */
import type { Approval, Envelope } from "@reins/protocol"
import { type RunHandle, Runtime } from "@reins/runtime"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { CommandFailed, codes } from "../setting/CommandFailed.ts"
import * as Asking from "../chat/Asking.ts"
import * as Text from "../text/Text.ts"
import type { Presenter } from "./Presenter.ts"

/** How a run ended otherwise than by itself, as an exit code; nothing is left to say. */
const endings = {
  budget: codes.budget,
  cancelled: codes.cancelled,
  incomplete: codes.failed,
  failed: codes.failed
} as const
type Ending = keyof typeof endings

const endingOf = ({ agentPath, event }: Envelope.Envelope): Ending | "stop" | undefined => {
  if (event.type === "error") return "failed"
  if (event.type !== "finish" || agentPath.length > 0) return undefined
  const { finishReason } = event
  return finishReason === "stop" || finishReason === "budget" || finishReason === "cancelled"
    ? finishReason
    : "incomplete"
}

/** Fails with an exit code, and an empty sentence, when the run ended otherwise than by itself. */
export const attend = Effect.fnUntraced(function* (handle: RunHandle, presenter: Presenter, mode: Asking.Mode) {
  const runtime = yield* Runtime
  const leaving = yield* Deferred.make<void>()
  let how: Ending | "stop" | undefined

  const take = Effect.fnUntraced(function* (envelope: Envelope.Envelope) {
    yield* presenter.take(envelope)
    how ??= endingOf(envelope)
    const { event } = envelope
    if (event.type === "approval-required") yield* answer(event.data)
  })

  /** Answers a request. The person is asked again where the answer did not fit it: nobody else would be, and the run waits. */
  const answer = Effect.fnUntraced(function* (request: Approval.Request) {
    for (;;) {
      const decision = yield* Effect.raceFirst(
        Asking.answer(request, mode, presenter.note),
        Effect.as(Deferred.await(leaving), undefined)
      )
      if (decision === undefined) return
      const error = yield* Effect.match(runtime.respondToApproval(request.id, decision), {
        onFailure: (refused) => refused,
        onSuccess: () => undefined
      })
      if (error === undefined) return
      yield* presenter.note(`${Text.harmless(error.message)}.`)
      // The answer of an option of the command line is always the same.
      if (mode !== "prompt" || error.reason._tag !== "InvalidArguments") return
    }
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
    // The output has no reader any more: cancel the run and ask nothing.
    Effect.tapError(() => Effect.andThen(handle.cancel, Effect.exit(handle.result)))
  )
  if (how !== undefined && how !== "stop") return yield* new CommandFailed({ issue: "", code: endings[how] })
})
