/**
 * The operator's log lines: one structured line for each start, refusal, question, decision and end of a run, and one
 * for each failure in code of the program (a hook, a tool, a model's adapter). `Logger.layer([Logger.consoleJson])`
 * writes one JSON object per line.
 *
 * No prompt, argument, answer or failure text is in the lines about runs: a fixed message, and its facts as
 * annotations. The cause of a failure in code may contain all of these, so that it is logged only with content capture;
 * without, the line says how to see it.
 */
import { CostSummary, Entry } from "@reins/protocol"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Tracer from "effect/Tracer"
import * as ThreadName from "../thread/ThreadName.ts"
import type { Observer } from "./Observer.ts"
import type { Settings } from "./Run.ts"

type Annotations = { readonly [name: string]: string | number | undefined }

/** Logs one line with the defined ones of these annotations, and the id of the trace that the caller is in. */
const line = (level: "Info" | "Warn" | "Error", message: string, annotations: Annotations): Effect.Effect<void> =>
  Effect.withFiber((fiber) => {
    const span = Option.getOrUndefined(Context.getOption(fiber.context, Tracer.ParentSpan))
    const told = { ...annotations, traceId: span?.traceId }
    const defined = Object.fromEntries(Object.entries(told).filter(([, value]) => value !== undefined))
    return Effect.annotateLogs(Effect.logWithLevel(level)(message), defined)
  })

/** A run and its thread, as its tenant names it. */
const named = ({
  resourceId,
  runId,
  threadId
}: {
  readonly resourceId: string
  readonly runId?: string | undefined
  readonly threadId?: string | undefined
}) => ({
  runId,
  threadId: threadId === undefined ? undefined : ThreadName.shown(resourceId, threadId),
  tenant: resourceId
})

/** Logs runs. */
export const observer: Observer = {
  started: (run) => line("Info", "run started", { ...named(run), agent: run.agent }),
  refused: ({ reason, ...run }) => line("Warn", "run refused", { reason, ...named(run) }),
  asked: ({ agent, id, kind, target, ...run }) =>
    line("Info", "approval asked", { ...named(run), agent, approvalId: id, kind, target }),
  decided: ({ agent, id, kind, outcome, target, ...run }) =>
    line("Info", "approval decided", { ...named(run), agent, approvalId: id, kind, target, outcome }),
  ended: ({ agent, endedAt, entries, error, reason, startedAt, ...run }) => {
    const { costUsd, pricedUsd } = CostSummary.fold(entries)
    const counts = { steps: 0, calls: 0 }
    for (const entry of entries) {
      if (entry.kind === "model") counts.steps += 1
      else if (entry.kind === "tool" && Entry.isCall(entry)) counts.calls += 1
    }
    return line(reason === "failed" ? "Error" : "Info", reason === "failed" ? "run failed" : "run ended", {
      ...named(run),
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

/** Logs `words`, with `cause` if content is captured. Absent: there is no cause to show. */
export const error = (
  { captureContent }: Pick<Settings, "captureContent">,
  words: string,
  cause?: unknown
): Effect.Effect<void> => {
  if (cause === undefined) return Effect.logError(words)
  return captureContent ? Effect.logError(words, cause) : Effect.logError(`${words}. ${cure}`)
}

const cure = "To log the cause, set captureContent: true on the runtime"
