/**
 * The result of a run, for callers that need the answer and not the stream: a fold of the run's envelopes.
 */
import {
  CancellationReport,
  type CostSummary,
  type Envelope,
  type Events,
  type LatencySummary,
  RunError,
  RunErrors,
  type Usage
} from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Erased from "../kernel/Erased.ts"
import type * as Specialist from "../agent/Specialist.ts"
import * as SpecialistText from "../agent/SpecialistText.ts"

/**
 * A finished run. `Out` is text, or the decoded output of a specialist.
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

/**
 * A specialist's answer, decoded by its output schema. The loop has validated it, so a failure means that the schema
 * has changed.
 */
export const decode = <Out>(
  completion: Completion<string>,
  specialist: Specialist.Of<never, Out>
): Effect.Effect<Completion<Out>, RunError> => {
  const { output } = specialist.definition
  const value: Effect.Effect<unknown, string> =
    output === undefined ? Effect.succeed(completion.output) : SpecialistText.decodeAnswer(output, completion.output)
  return Effect.matchEffect(value, {
    onFailure: (issue) =>
      Effect.fail(
        new RunError({
          runId: completion.runId,
          reason: new RunErrors.OutputInvalid({ agent: specialist.name, issue })
        })
      ),
    onSuccess: (decoded) => Effect.succeed({ ...completion, output: Erased.as<Out>(decoded) }) // by its own schema
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
 * limit without a wrap-up, an incomplete answer.
 */
export const follow = (
  run: { readonly runId: string; readonly threadId: string },
  envelopes: Stream.Stream<Envelope.Envelope>
): Effect.Effect<Completion<string>, RunError> =>
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
              runId: run.runId,
              threadId: run.threadId,
              output: text,
              usage: finish.usage,
              summary: { cost, latency }
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
