/**
 * One structured log line for each start, refusal, question, decision and end of a run: a fixed message, and its facts
 * as annotations. No prompt, argument, answer or failure text is in it. `Logger.layer([Logger.consoleJson])` writes one
 * JSON object per line.
 */
import { CostSummary, Entry } from "@reins/protocol"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Tracer from "effect/Tracer"
import type { Observer } from "./Observer.ts"

type Annotations = { readonly [name: string]: string | number | undefined }

/** Logs one line with the defined ones of these annotations, and the id of the trace that the caller is in. */
const line = (level: "Info" | "Warn" | "Error", message: string, annotations: Annotations): Effect.Effect<void> =>
  Effect.withFiber((fiber) => {
    const span = Option.getOrUndefined(Context.getOption(fiber.context, Tracer.ParentSpan))
    const told = { ...annotations, traceId: span?.traceId }
    const defined = Object.fromEntries(Object.entries(told).filter(([, value]) => value !== undefined))
    return Effect.annotateLogs(Effect.logWithLevel(level)(message), defined)
  })

/** Logs runs. */
export const observer: Observer = {
  started: ({ agent, resourceId, runId, threadId }) =>
    line("Info", "run started", { runId, threadId, tenant: resourceId, agent }),
  refused: ({ reason, resourceId, runId, threadId }) =>
    line("Warn", "run refused", { reason, runId, threadId, tenant: resourceId }),
  asked: ({ agent, id, kind, resourceId, runId, target, threadId }) =>
    line("Info", "approval asked", { runId, threadId, tenant: resourceId, agent, approvalId: id, kind, target }),
  decided: ({ agent, id, kind, outcome, resourceId, runId, target, threadId }) =>
    line("Info", "approval decided", {
      runId,
      threadId,
      tenant: resourceId,
      agent,
      approvalId: id,
      kind,
      target,
      outcome
    }),
  ended: ({ agent, endedAt, entries, error, reason, resourceId, runId, startedAt, threadId }) => {
    const { costUsd, pricedUsd } = CostSummary.fold(entries)
    const counts = { steps: 0, calls: 0 }
    for (const entry of entries) {
      if (entry.kind === "model") counts.steps += 1
      else if (entry.kind === "tool" && Entry.isCall(entry)) counts.calls += 1
    }
    return line(reason === "failed" ? "Error" : "Info", reason === "failed" ? "run failed" : "run ended", {
      runId,
      threadId,
      tenant: resourceId,
      agent,
      end: reason,
      error,
      durationMs: endedAt - startedAt,
      ...counts,
      costUsd,
      pricedUsd: costUsd === undefined ? pricedUsd : undefined
    })
  }
}
