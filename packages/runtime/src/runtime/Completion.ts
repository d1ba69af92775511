/**
 * The result of a run, for callers that need the answer and not the stream: a fold of the run's envelopes.
 */
import {
  CancellationReport,
  type CostSummary,
  type Envelope,
  type Events,
  type Json,
  type LatencySummary,
  RunError,
  RunErrors,
  type Usage
} from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type * as Erased from "../kernel/Erased.ts"
import * as TypedText from "../agent/TypedText.ts"

/**
 * A finished run. `Out` is text, or a typed answer, decoded by its schema.
 *
 * @since 0.1.0
 * @category models
 */
export interface Completion<out Out> {
  readonly runId: string
  readonly threadId: string
  readonly output: Out
  readonly usage: Usage.UsageTotals
  readonly summary: {
    readonly cost: CostSummary.CostSummary
    readonly latency: LatencySummary.LatencySummary
  }
}

/** What decodes an answer: the schema of an agent or a query. */
export interface Typed {
  /** The name of the agent; absent: the query's own. */
  readonly agent: string | undefined
  readonly output: Erased.CodecOf<Erased.Any>
}

/** A finished run with its text, and with the JSON of a typed answer. */
interface Followed {
  readonly completion: Completion<string>
  readonly json: Json | undefined
}

/**
 * An answer, decoded by its schema. The loop has validated it: by the schema of an agent, so that a failure means that it
 * has changed; of a query, by what its JSON Schema says.
 */
const decode = ({ completion, json }: Followed, { agent = "the agent", output }: Typed) => {
  const decoded = json === undefined ? TypedText.decodeText(output, completion.output) : TypedText.decode(output, json)
  return Effect.matchEffect(decoded, {
    onFailure: (issue) =>
      Effect.fail(new RunError({ runId: completion.runId, reason: new RunErrors.OutputInvalid({ agent, issue }) })),
    onSuccess: (value) => Effect.succeed({ ...completion, output: value })
  })
}

interface Fold {
  text: string
  finish: Events.Finish | undefined
  cost: CostSummary.CostSummary | undefined
  latency: LatencySummary.LatencySummary | undefined
  error: Events.ErrorEvent | undefined
  exhausted: Events.BudgetExhausted | undefined
  report: CancellationReport.CancellationReport | undefined
}

/**
 * Follows a run to its end. Succeeds with its answer; fails with the reason why there is none: a failure, a cancel, a
 * limit without a wrap-up, an incomplete answer. `typed`: what decodes the answer; absent: it is text.
 */
export const follow = (
  run: { readonly runId: string; readonly threadId: string },
  envelopes: Stream.Stream<Envelope.Envelope>,
  typed?: Typed
): Effect.Effect<Completion<Erased.Any>, RunError> =>
  typed === undefined
    ? Effect.map(followed(run, envelopes), ({ completion }) => completion)
    : Effect.flatMap(followed(run, envelopes), (one) => decode(one, typed))

const followed = (
  run: { readonly runId: string; readonly threadId: string },
  envelopes: Stream.Stream<Envelope.Envelope>
): Effect.Effect<Followed, RunError> =>
  Effect.suspend(() => {
    const fold: Fold = {
      text: "",
      finish: undefined,
      cost: undefined,
      latency: undefined,
      error: undefined,
      exhausted: undefined,
      report: undefined
    }
    return Effect.flatMap(
      Stream.runForEachArray(envelopes, (batch) => Effect.sync(() => batch.forEach((each) => take(fold, each)))),
      () => {
        const { cost, finish, latency, text } = fold
        const reason = reasonOf(fold)
        return reason !== undefined || finish === undefined || cost === undefined || latency === undefined
          ? Effect.fail(new RunError({ runId: run.runId, reason: reason ?? new RunErrors.InternalFailure({}) }))
          : Effect.succeed({
              completion: {
                runId: run.runId,
                threadId: run.threadId,
                output: text,
                usage: finish.usage,
                summary: { cost, latency }
              },
              json: finish.output
            })
      }
    )
  })

const take = (fold: Fold, { agentPath, event }: Envelope.Envelope): void => {
  if (agentPath.length > 0) return
  switch (event.type) {
    case "step-start":
    case "step-retracted":
      fold.text = ""
      return
    case "text":
      fold.text += event.text
      return
    case "budget_exhausted":
      fold.exhausted ??= event
      fold.text = ""
      return
    case "finish":
      fold.finish = event
      return
    case "data-cost-summary":
      fold.cost = event.data
      return
    case "data-latency-summary":
      fold.latency = event.data
      return
    case "error":
      fold.error = event
      return
    case "custom":
      if (event.event_type === CancellationReport.eventType) {
        const report = Schema.decodeUnknownExit(CancellationReport.CancellationReport)(event.data)
        // A tool may use the event type for its own data.
        if (Exit.isSuccess(report)) fold.report = report.value
      }
      return
    default:
      return
  }
}

const reasonOf = (fold: Fold): RunErrors.Reason | undefined => {
  if (fold.error !== undefined) return RunErrors.fromPublicData(fold.error.error.data)
  switch (fold.finish?.finishReason) {
    case "cancelled":
      return new RunErrors.RunCancelled(fold.report === undefined ? {} : { report: fold.report })
    case "budget": {
      // Text after the limit is the answer of a wrap-up step.
      if (fold.text !== "") return undefined
      const data = fold.exhausted?.data
      return data === undefined
        ? new RunErrors.AnswerIncomplete({ finishReason: "budget" })
        : new RunErrors.BudgetExhausted(data)
    }
    case "length":
    case "content-filter":
    case "repeated-calls":
    case "other":
      return new RunErrors.AnswerIncomplete({ finishReason: fold.finish.finishReason })
    default:
      return undefined
  }
}
