/**
 * Starts runs for clients, and looks after each until it has ended: its place among the tenant's runs is given back then, and
 * questions that nobody will look at are answered as the client asked.
 */
import { QueryRejections } from "@reins/protocol"
import type { Decision, QueryRejected } from "@reins/protocol"
import type { RunHandle } from "@reins/runtime"
import { Cursor, Refusal } from "@reins/wire"
import type { Command } from "@reins/wire"
import { sha256 } from "@noble/hashes/sha2.js"
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Principal } from "../access/Principal.ts"
import { withEnd, withSettings } from "../thread/ThreadBook.ts"
import type { ThreadNote } from "../thread/ThreadBook.ts"
import * as Lookup from "./Lookup.ts"
import * as Outcome from "./Outcome.ts"
import type { ServerContext } from "./ServerContext.ts"
import * as Toolset from "./Toolset.ts"

const manyRuns = Refusal.make("rate-limited", "TooManyRuns", "too many runs at the same time", 1)
const otherPlace = Refusal.make("conflict", "RequestIdTaken", "the request id belongs to a run of another thread")

/** Carries out a query. Names of threads and runs in refusals are the client's. */
export const query = Effect.fnUntraced(function* (
  serving: ServerContext,
  principal: Principal,
  asked: Command.StartQuery,
  anyAgent: boolean
) {
  const { naming, runtime } = serving
  const { tenant } = principal
  const named = yield* threadOf(serving, principal, asked)
  const isThere = named !== undefined && (yield* Lookup.hasThread(serving, principal, named))
  if (asked.create === "existing" && !isThere) return yield* Effect.fail(Lookup.noThread)
  const runId = asked.requestId === undefined ? serving.newId("run") : ownRunId(tenant, named ?? "", asked.requestId)
  if (asked.requestId !== undefined) {
    const known = yield* Effect.option(Lookup.run(serving, principal, runId))
    if (known._tag === "Some") return yield* joined(serving, tenant, known.value)
  }
  if (asked.create === "new" && isThere) {
    return yield* Effect.fail(Refusal.make("conflict", "ThreadExists", "the thread exists"))
  }
  const threadId = named ?? serving.newId("thread")
  const now = yield* Clock.currentTimeMillis
  const note = yield* serving.book.get(tenant, threadId)
  if (!serving.allowance.takeRun(tenant, now)) return yield* Effect.fail(manyRuns)
  const agent = asked.agent ?? note?.agent
  const settings = withSettings(note?.settings, asked.settings)
  const begin = (name: string | undefined) =>
    runtime.start(asked.prompt, {
      runId,
      threadId: naming.inner(tenant, threadId),
      resourceId: tenant,
      ...(asked.seed === undefined || isThere ? {} : { history: asked.seed }),
      ...(name === undefined ? {} : { agent: name }),
      ...(settings === undefined ? {} : { tools: Toolset.of(serving.agents, agent, settings) })
    })
  const handle = yield* begin(agent).pipe(
    anyAgent ? Effect.catchReason("QueryRejected", "UnknownAgent", () => begin(undefined)) : (same) => same,
    Effect.tapError(() => Effect.sync(() => serving.allowance.leaveRun(tenant))),
    Effect.mapError(({ reason }) => Refusal.fromQueryRejected(outward(reason, threadId)))
  )
  serving.watchers.began(tenant, runId)
  yield* serving.book.put(noteOf({ asked, note, now, runId, tenant, threadId, agent }))
  yield* serving.fork(attend(serving, { tenant, threadId }, handle, asked.automatic))
  return Outcome.run({
    runId,
    threadId,
    tenant,
    openings: [],
    cursor: Cursor.start,
    settled: 0,
    until: "end",
    isThread: false
  })
})

const threadOf = (
  serving: ServerContext,
  principal: Principal,
  { continues, threadId }: Command.StartQuery
): Effect.Effect<string | undefined, Refusal.Refusal> =>
  continues === undefined
    ? Effect.succeed(threadId)
    : Effect.map(Lookup.run(serving, principal, continues), (status) =>
        serving.naming.outer(principal.tenant, status.threadId)
      )

/** The id that the client's own name of a query stands for: the same every time, and another for every tenant. */
const ownRunId = (tenant: string, threadId: string, requestId: string): string =>
  `run_${bytesToHex(sha256(utf8ToBytes(JSON.stringify([tenant, threadId, requestId])))).slice(0, 40)}`

/** The same query again: the run that it started. */
const joined = Effect.fnUntraced(function* (
  serving: ServerContext,
  tenant: string,
  { lastSeq, runId, threadId }: { readonly runId: string; readonly threadId: string; readonly lastSeq: number }
) {
  const outer = serving.naming.outer(tenant, threadId)
  if (outer === undefined) return yield* Effect.fail(otherPlace)
  return Outcome.run({
    runId,
    threadId: outer,
    tenant,
    openings: [],
    cursor: Cursor.start,
    settled: lastSeq,
    until: "end",
    isThread: false
  })
})

const outward = (reason: QueryRejected["reason"], threadId: string): QueryRejected["reason"] => {
  switch (reason._tag) {
    case "ThreadBusy":
      return new QueryRejections.ThreadBusy({ threadId, runId: reason.runId })
    case "ThreadForbidden":
      return new QueryRejections.ThreadForbidden({ threadId })
    case "ThreadExhausted":
      return new QueryRejections.ThreadExhausted({
        threadId,
        limit: reason.limit,
        max: reason.max,
        used: reason.used
      })
    default:
      return reason
  }
}

const titleOf = ({ prompt }: Command.StartQuery): string => {
  const first = typeof prompt === "string" ? prompt : (prompt.find((part) => part.type === "text")?.text ?? "")
  const line = first.trim().split("\n")[0] ?? ""
  return line.length > 80 ? `${line.slice(0, 79)}…` : line
}

const noteOf = (made: {
  readonly asked: Command.StartQuery
  readonly note: ThreadNote | undefined
  readonly now: number
  readonly runId: string
  readonly tenant: string
  readonly threadId: string
  readonly agent: string | undefined
}): ThreadNote => {
  const { agent, asked, note, now, runId, tenant, threadId } = made
  return {
    tenant,
    threadId,
    agent,
    createdAt: note?.createdAt ?? now,
    updatedAt: now,
    title: note?.title ?? titleOf(asked),
    metadata: asked.metadata ?? note?.metadata,
    settings: withSettings(note?.settings, asked.settings),
    runs: [...(note?.runs ?? []), { runId, prompt: asked.prompt, openings: [] }],
    votes: note?.votes ?? []
  }
}

const attend = (
  serving: ServerContext,
  { tenant, threadId }: { readonly tenant: string; readonly threadId: string },
  { envelopes, runId }: RunHandle,
  automatic: Decision | undefined
): Effect.Effect<void> => {
  const { book, runtime } = serving
  const end =
    automatic === undefined
      ? Stream.runDrain(runtime.watch(runId, { after: Number.MAX_SAFE_INTEGER }))
      : Stream.runForEach(envelopes, ({ event }) =>
          event.type === "approval-required"
            ? Effect.ignore(runtime.respondToApproval(event.data.id, automatic, { resourceId: tenant }))
            : Effect.void
        )
  return Effect.gen(function* () {
    yield* Effect.ignore(end)
    const note = yield* book.get(tenant, threadId)
    if (note !== undefined) yield* book.put(withEnd(note, runId, yield* Clock.currentTimeMillis))
  }).pipe(
    Effect.ensuring(
      Effect.sync(() => {
        serving.allowance.leaveRun(tenant)
        serving.watchers.ended(tenant, runId)
      })
    )
  )
}
