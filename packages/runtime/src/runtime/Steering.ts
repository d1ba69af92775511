/**
 * Takes messages for running runs: checks them, has the host accept them in one act with the check that the run goes on, and withdraws
 * questions where the user wrote instead of answering.
 */
import { Message } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Erased from "../kernel/Erased.ts"
import * as PlainJson from "../kernel/PlainJson.ts"
import * as RunStart from "./RunStart.ts"
import * as Answers from "./Answers.ts"
import { MessageRefused, RunNotFound } from "./NotFound.ts"
import type { SteerOptions } from "./RuntimeShape.ts"
import type { Steered } from "./RuntimeVerbs.ts"
import type { RuntimeParts } from "./RuntimeParts.ts"

const read = Schema.decodeUnknownExit(Message.Prompt)

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
  const prompt = read(PlainJson.copy(message))
  if (Exit.isFailure(prompt)) return yield* new MessageRefused({ runId, why: "invalid" })
  if (Message.isEmpty(prompt.value)) return yield* new MessageRefused({ runId, why: "empty" })
  const { content } = Message.fromPrompt(prompt.value)
  const messageId = options.messageId ?? ids.make("msg")
  const isWithdrawing = options.questions === "withdraw"
  // Whoever sends it may leave, but not between the message and the questions that it takes the place of.
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

/**
 * Does `start`, or hands the prompt of `record` to the run that holds its thread. Where that run takes no more messages, or is of
 * another agent, its end is waited for.
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
    const steered = Effect.flatMap(host.status(runId), (status) =>
      status?.agent === record.agent
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
