/**
 * Accepts messages for running runs: validates them, passes them to the host, which accepts them atomically while the
 * run has not ended, and withdraws the questions that the user did not answer.
 */
import { Message } from "@reins/protocol"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Erased from "../kernel/Erased.ts"
import * as RunStart from "./RunStart.ts"
import * as Answers from "./Answers.ts"
import { MessageRefused, RunNotFound } from "./NotFound.ts"
import type { SteerOptions } from "./RuntimeShape.ts"
import type { Steered } from "./RuntimeVerbs.ts"
import type { RuntimeParts } from "./RuntimeParts.ts"

/** Sends a message to a run. */
export const steer = Effect.fnUntraced(function* (
  built: RuntimeParts,
  runId: string,
  message: Message.Prompt,
  options: SteerOptions = {}
) {
  const { host, ids } = built
  // Read first: the message enters after this event, whatever happens meanwhile.
  const status = yield* host.status(runId)
  if (status === undefined || (options.resourceId !== undefined && status.resourceId !== options.resourceId)) {
    return yield* new RunNotFound({ runId })
  }
  const prompt = RunStart.promptOf(message)
  if (prompt === undefined) return yield* new MessageRefused({ runId, why: "invalid" })
  if (Message.isEmpty(prompt)) return yield* new MessageRefused({ runId, why: "empty" })
  const { content } = Message.fromPrompt(prompt)
  const messageId = options.messageId ?? ids.make("msg")
  const isWithdrawing = options.questions === "withdraw"
  // The sender may be interrupted, but not between storing the message and withdrawing the questions.
  const [accepted, withdrawn] = yield* Effect.uninterruptible(
    Effect.flatMap(host.accept(runId, { messageId, content }), (accepted) =>
      Effect.map(
        accepted._tag === "Accepted" && isWithdrawing
          ? Answers.withdraw(built, status, { messageId, at: accepted.at })
          : Effect.succeed([]),
        (withdrawn) => [accepted, withdrawn] as const
      )
    )
  )
  switch (accepted._tag) {
    case "Accepted": {
      const { position } = accepted
      return { runId, messageId, position, after: status.lastSeq, withdrawn } satisfies Steered
    }
    case "Closed":
      return yield* new MessageRefused({ runId, why: "ending" })
    case "Clash":
      return yield* new MessageRefused({ runId, why: "id-taken" })
    case "Unknown":
      return yield* new RunNotFound({ runId })
  }
})

/** The run that a query started, or has become a message of. */
export interface Entered {
  readonly runId: string
  readonly threadId: string
  readonly steered?: Steered | undefined
}

/** Is told the run that a verb has entered, once it is stored: before that, its id may be another run's. Absent: nobody is. */
export const Entering: Context.Reference<((run: Entered) => void) | undefined> = Context.Reference<
  ((run: Entered) => void) | undefined
>("@reins/runtime/Entering", { defaultValue: () => undefined })

/**
 * Runs `start`, or passes the prompt of `record` to the run that leases its thread. If that run accepts no more
 * messages, or has another agent, waits for its end.
 */
export const steerOr = (
  built: RuntimeParts,
  start: Effect.Effect<Entered, RunStart.Rejected>,
  record: RunStart.NewRun
): Effect.Effect<Entered, RunStart.Rejected> =>
  Effect.catch(start, (rejected) => {
    const holder = RunStart.busy(rejected)
    if (holder === undefined) return Effect.fail(rejected)
    const { host } = built
    const { runId } = holder
    const { prompt, runId: messageId, threadId } = record
    // What replaces a part of the thread is not a message of a run that goes on.
    const isMessage = record.change === undefined || record.change._tag === "Lay"
    const steered = Effect.flatMap(host.status(runId), (status) =>
      isMessage && status?.agent === record.agent
        ? steer(built, runId, Erased.as<Message.Prompt>(prompt), { messageId, questions: "withdraw" })
        : Effect.fail(undefined)
    )
    const ended = Stream.runDrain(host.watch(runId, { after: Number.MAX_SAFE_INTEGER, bounded: false }))
    return Effect.matchEffect(steered, {
      onSuccess: (steered) => Effect.succeed<Entered>({ runId, threadId, steered }),
      onFailure: () =>
        Effect.andThen(
          ended,
          Effect.suspend(() => steerOr(built, start, record))
        )
    })
  })
