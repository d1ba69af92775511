/**
 * The body of a notice: its kind, its time, and what it is about. Without content it has ids, names, times and money;
 * with content also what is asked, and what an ended run has said.
 */
import type { RuntimeShape } from "@reins/runtime"
import type { Notice } from "@reins/runtime/journal"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as ThreadName from "../thread/ThreadName.ts"
import * as Accumulated from "./Accumulated.ts"

/** What is read for a notice. */
interface Source {
  readonly runtime: RuntimeShape
  readonly naming: ThreadName.Naming
}

/** What is asked, while it is open; what the run has said, if it has not been deleted. */
const contentOf = Effect.fnUntraced(function* ({ naming, runtime }: Source, { event, name, run }: Notice) {
  const { resourceId, runId } = run
  if (event === "approval.required") {
    const open = yield* runtime.pendingApprovals({ resourceId, runId })
    const asked = open.find(({ request }) => request.id === name)
    return asked === undefined ? {} : { request: ThreadName.question(naming, asked.request) }
  }
  const status = yield* runtime.status(runId)
  if (status === undefined || status.lastSeq === 0) return {}
  const { text } = yield* Accumulated.of(runtime, naming, status)
  return { text }
})

/** The body as JSON. Without content it is the same at each attempt. */
export const of = Effect.fnUntraced(function* (source: Source, notice: Notice, hasContent: boolean) {
  const { at, event, facts, run } = notice
  const { agent, principal, resourceId, runId, startedAt, threadId } = run
  const data = {
    tenant: resourceId,
    runId,
    threadId: source.naming.outer(resourceId, threadId),
    agent,
    ...(principal === undefined ? {} : { principal }),
    startedAt,
    ...facts,
    ...(hasContent ? yield* contentOf(source, notice) : {})
  }
  return JSON.stringify({ type: event, timestamp: DateTime.formatIso(DateTime.makeUnsafe(at)), data })
})
