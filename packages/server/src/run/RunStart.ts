/**
 * Starts runs for clients and supervises each until it ends: then releases its slot; answers questions automatically if
 * the client requested that.
 */
import { type Approval, Decision, QueryRejections, type QueryRejected } from "@reins/protocol"
import type { RunHandle, Steered } from "@reins/runtime"
import { Cursor, Refusal, type Command, type Dialect } from "@reins/wire"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import type { OnDisconnect } from "../options/ServerOptions.ts"
import {
  titleOf,
  withEnd,
  withOpening,
  withSettings,
  type Opening,
  type RunNote,
  withRun
} from "../thread/ThreadBook.ts"
import * as Continuation from "./Continuation.ts"
import * as Lookup from "./Lookup.ts"
import * as Outcome from "./Outcome.ts"
import { newThread, type ServerContext } from "./ServerContext.ts"
import * as StreamResponse from "./StreamResponse.ts"
import { actor, type Principal } from "../access/Authenticator.ts"
import * as Webhooks from "./Webhooks.ts"
import * as AgentDescription from "./AgentDescription.ts"

const disconnected = Refusal.make(
  "unavailable",
  "StartInterrupted",
  "The client that sent this request first disconnected while waiting. Send the request again",
  1
)
/** As in `Mount`. */
export interface Manner {
  readonly anyAgent: boolean
  readonly onBusy: Dialect.OnBusy
  /** As in `Feed`. */
  readonly onDisconnect?: OnDisconnect | undefined
  /** The request's keys for model providers, in addition to its principal's. */
  readonly providerKeys?: Principal["providerKeys"]
  /** The web hook of the request, which is stored before its run. Absent: it brings none. */
  readonly brought?: Webhooks.Brought | undefined
}

type Restore = <A, E>(effect: Effect.Effect<A, E>) => Effect.Effect<A, E>

/** Starts a run in an uninterruptible region; `restore` makes a wait in it interruptible. */
type Start = (restore: Restore) => Effect.Effect<Outcome.Watching, Refusal.Refusal>

/**
 * Executes a query. Refusals name threads and runs by the client's ids.
 *
 * **Details**
 * - Starting is uninterruptible: once it has begun, either the run is stored, counted and attended to, or its slot is
 *   released. If the client disconnects meanwhile, `onDisconnect` decides about the run. Waiting for a thread with an
 *   active run ends when the client disconnects.
 * - A repeated `requestId` joins the run that it started, even while that run is still being started.
 */
export const query = Effect.fnUntraced(function* (
  serving: ServerContext,
  principal: Principal,
  asked: Command.StartQuery,
  manner: Manner
) {
  const started = (query: Command.StartQuery, onBusy: Dialect.OnBusy) => {
    const { requestId, threadId } = query
    const runId =
      requestId === undefined ? serving.newId("run") : Lookup.ownRunId(principal.tenant, threadId ?? "", requestId)
    const start: Start = (restore) =>
      begin(serving, principal, { ...manner, onBusy, asked: query, named: threadId, runId, restore })
    return requestId === undefined ? whole(start, serving, query, manner) : once(serving, runId, start, query, manner)
  }
  const settled = Effect.gen(function* () {
    const told: Continuation.Told = yield* Continuation.settle(serving, principal, asked, manner.onBusy)
    if (Continuation.isWatching(told)) return told
    const { onBusy, otherwise } = told
    const first = started(told.asked, onBusy)
    return yield* otherwise === undefined
      ? first
      : Effect.catchIf(first, Continuation.isOvertaken, () => started(otherwise, onBusy))
  })
  return yield* Continuation.inTurn(serving, asked, settled)
})

/** Starts uninterruptibly. A run whose client has disconnected meanwhile is abandoned. */
const whole = (
  start: Start,
  serving: ServerContext,
  { detached }: Command.StartQuery,
  { onDisconnect }: Manner
): Effect.Effect<Outcome.Watching, Refusal.Refusal> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.tap(start(restore), ({ feed: { runId } }) =>
      detached === true
        ? Effect.void
        : Effect.onInterrupt(restore(Effect.void), () => StreamResponse.abandon(serving, { runId, onDisconnect }))
    )
  )

/**
 * Starts a run that several requests may ask for at the same time: one of them starts it, the others share the result.
 */
const once = (
  serving: ServerContext,
  runId: string,
  start: Start,
  asked: Command.StartQuery,
  manner: Manner
): Effect.Effect<Outcome.Watching, Refusal.Refusal> =>
  Effect.suspend(() => {
    const { starting } = serving
    const underWay = starting.get(runId)
    if (underWay !== undefined) return Deferred.await(underWay)
    const done = Deferred.makeUnsafe<Outcome.Watching, Refusal.Refusal>()
    starting.set(runId, done)
    const settled: Start = (restore) =>
      Effect.onExit(start(restore), (exit) => {
        starting.delete(runId)
        const left = Exit.isFailure(exit) && Exit.hasInterrupts(exit)
        return left ? Deferred.fail(done, disconnected) : Deferred.done(done, exit)
      })
    return whole(settled, serving, asked, manner)
  })

/** A query before its run exists. `named`: the thread that the client names. */
interface Query extends Manner {
  readonly asked: Command.StartQuery
  /** Makes a wait interruptible. */
  readonly restore: Restore
  readonly named: string | undefined
  readonly runId: string
}

const begin = Effect.fnUntraced(function* (serving: ServerContext, principal: Principal, query: Query) {
  const { anyAgent, asked, named, restore, runId } = query
  const { naming, runtime } = serving
  const { tenant } = principal
  const isThere = named !== undefined && (yield* Lookup.hasThread(serving, principal, named))
  if (asked.create === "existing" && !isThere) return yield* Effect.fail(Lookup.noThread)
  const known = asked.requestId === undefined ? undefined : yield* knownRun(serving, principal, runId)
  if (known !== undefined) return joined(serving, tenant, known)
  if (asked.create === "new" && isThere) {
    return yield* Effect.fail(Refusal.make("conflict", "ThreadExists", "The thread already exists"))
  }
  const threadId = named ?? newThread(serving, tenant)
  const now = yield* Clock.currentTimeMillis
  const note = yield* serving.book.get(tenant, threadId)
  const called: AgentDescription.Called = { agent: asked.agent ?? note?.agent, model: asked.model }
  const into = asked.requestId === undefined ? undefined : note?.runs.find((run) => isSteeredBy(run, runId))
  if (into !== undefined) {
    const openings = upTo(into, runId)
    return feedOf({ runId: into.runId, threadId, tenant, openings, settled: openings.at(-1)?.after ?? 0 })
  }
  const onBusy = yield* Continuation.onBusyOf(serving, principal, threadId, query.onBusy)
  const settings = withSettings(note?.settings, asked.settings)
  const inner = yield* naming.inner(tenant, threadId)
  const start = ({ agent: name, model }: AgentDescription.Called) =>
    runtime.start(asked.prompt, {
      runId,
      threadId: inner,
      resourceId: tenant,
      ...(principal.name === undefined ? {} : { principal: principal.name }),
      ...(principal.quotas === undefined ? {} : { quotas: principal.quotas }),
      ...(query.providerKeys === undefined && principal.providerKeys === undefined
        ? {}
        : { providerKeys: { ...principal.providerKeys, ...query.providerKeys } }),
      onBusy,
      ...Continuation.historyOf(asked, settings?.instructions, isThere),
      ...(name === undefined ? {} : { agent: name }),
      ...(model === undefined ? {} : { model }),
      ...(settings === undefined ? {} : { tools: AgentDescription.toolsFor(serving.agents, name, settings) })
    })
  const begun = AgentDescription.firstKnown(
    called,
    { anyAgent, mayName: AgentDescription.mayNameModel(serving, principal) },
    start
  )
  const place = yield* Continuation.takePlace(serving, principal, threadId, onBusy)
  // The runtime itself starts uninterruptibly; only waiting for the thread can be interrupted.
  const handle = yield* Webhooks.announced(query.brought, runId, onBusy === "reject" ? begun : restore(begun)).pipe(
    Effect.onExit((exit) =>
      Effect.sync(() => {
        place.taken()
        if (!Exit.isSuccess(exit)) serving.allowance.leaveRun(tenant)
      })
    ),
    Effect.result
  )
  if (Result.isFailure(handle)) {
    const { reason } = handle.failure
    // Another process has started the same request since our lookup.
    const other =
      asked.requestId !== undefined && reason._tag === "RunExists"
        ? yield* knownRun(serving, principal, runId)
        : undefined
    if (other !== undefined) return joined(serving, tenant, other)
    return yield* Effect.fail(Refusal.fromQueryRejected(outward(reason, threadId)))
  }
  const { agent = called.agent, value: run } = handle.success
  const { steered } = run
  if (steered !== undefined) {
    serving.allowance.leaveRun(tenant)
    return yield* joinedByMessage(serving, tenant, threadId, steered)
  }
  serving.watchers.began(tenant, runId)
  const title = note === undefined && !isThere ? titleOf(asked) : ""
  if (title !== "") {
    yield* Effect.ignore(runtime.threads.describe(inner, { title }, { resourceId: tenant }))
  }
  yield* serving.book
    .update(tenant, threadId, (found) => withRun({ asked, note: found, now, runId, tenant, threadId, agent }))
    // Releases the slot even when the note cannot be written.
    .pipe(Effect.ensuring(serving.fork(attend(serving, { principal, threadId }, run, asked.automatic))))
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

/** The run that the query became a message of: its answer is the rest of the run, after the message. */
const joinedByMessage = Effect.fnUntraced(function* (
  { book }: ServerContext,
  tenant: string,
  threadId: string,
  { after, messageId, runId, withdrawn }: Steered
) {
  const opening: Opening = { after, answered: withdrawn, messageId }
  let openings: ReadonlyArray<Opening> = [opening]
  yield* book.update(tenant, threadId, (note) => {
    const run = note?.runs.find((one) => one.runId === runId)
    if (note === undefined || run === undefined) return undefined
    const changed = isSteeredBy(run, messageId) ? note : withOpening(note, runId, opening)
    openings = upTo(changed.runs.find((one) => one.runId === runId) ?? run, messageId)
    return changed
  })
  return feedOf({ runId, threadId, tenant, openings, settled: after })
})

/** Whether the query with this id became a message of the run. */
const isSteeredBy = ({ openings }: RunNote, messageId: string): boolean =>
  openings.some((opening) => opening.messageId === messageId)

/** Where requests resumed the run, up to the message. */
const upTo = ({ openings }: RunNote, messageId: string): ReadonlyArray<Opening> =>
  openings.slice(0, openings.findIndex((opening) => opening.messageId === messageId) + 1)

/** A run that another request has started. */
const feedOf = (found: Pick<Outcome.Feed, "runId" | "threadId" | "tenant" | "openings" | "settled">) =>
  Outcome.run({ ...found, cursor: Cursor.start, until: "end", isThread: false })

/** The tenant's run with this id, if it exists. */
const knownRun = (serving: ServerContext, principal: Principal, runId: string) =>
  Effect.map(Effect.option(Lookup.run(serving, principal, runId)), Option.getOrUndefined)

/** The same query again: the run that it started. */
const joined = (
  { naming }: ServerContext,
  tenant: string,
  { lastSeq, runId, threadId }: { readonly runId: string; readonly threadId: string; readonly lastSeq: number }
) => feedOf({ runId, threadId: naming.outer(tenant, threadId), tenant, openings: [], settled: lastSeq })

const outward = (reason: QueryRejected["reason"], threadId: string): QueryRejected["reason"] => {
  switch (reason._tag) {
    case "ThreadBusy":
      return new QueryRejections.ThreadBusy({ threadId, runId: reason.runId })
    case "ThreadForbidden":
      return new QueryRejections.ThreadForbidden({ threadId })
    case "PlaceNotFound":
      return new QueryRejections.PlaceNotFound({
        threadId,
        place: reason.place,
        ...(reason.branch === undefined ? {} : { branch: reason.branch })
      })
    case "ThreadDamaged":
      return new QueryRejections.ThreadDamaged({ threadId, table: reason.table })
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

/** The automatic decision on a question: only a person's answer is an answer. */
const automaticOn = (request: Approval.Request, automatic: Decision): Decision =>
  request.kind === "question" ? Decision.reject({ feedback: "no person is available to ask" }) : automatic

const attend = (
  serving: ServerContext,
  { principal, threadId }: { readonly principal: Principal; readonly threadId: string },
  { envelopes, runId }: RunHandle,
  automatic: Decision | undefined
): Effect.Effect<void> => {
  const { book, runtime } = serving
  const { tenant } = principal
  const who = { resourceId: tenant, principal: actor(principal) }
  const end =
    automatic === undefined
      ? Stream.runDrain(runtime.watch(runId, { after: Number.MAX_SAFE_INTEGER }))
      : Stream.runForEach(envelopes, ({ event }) =>
          event.type === "approval-required"
            ? Effect.ignore(runtime.respondToApproval(event.data.id, automaticOn(event.data, automatic), who))
            : Effect.void
        )
  return Effect.gen(function* () {
    yield* Effect.ignore(end)
    const now = yield* Clock.currentTimeMillis
    yield* book.update(tenant, threadId, (note) => (note === undefined ? undefined : withEnd(note, runId, now)))
  }).pipe(
    Effect.ensuring(
      Effect.sync(() => {
        serving.allowance.leaveRun(tenant)
        serving.watchers.ended(tenant, runId)
      })
    )
  )
}
