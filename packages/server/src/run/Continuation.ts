/**
 * Where a query continues: the thread, and its messages before the prompt. A query may have results that a run waits
 * for, and then answers that run; or continue an answer that is not its thread's last.
 */
import { Refusal, type Command, type Dialect } from "@reins/wire"
import type { Message } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Principal } from "../access/Authenticator.ts"
import type { ThreadNote } from "../thread/ThreadBook.ts"
import * as Answers from "./Answers.ts"
import * as Lookup from "./Lookup.ts"
import type * as Outcome from "./Outcome.ts"
import * as Past from "./Past.ts"
import * as Repetition from "./Repetition.ts"
import type { ServerContext } from "./ServerContext.ts"

/**
 * A query with its thread and history determined. `otherwise`: in its place if the thread has changed meanwhile: another
 * run uses it, or what would be replaced was replaced.
 */
export interface Settled {
  readonly asked: Command.StartQuery
  readonly onBusy: Dialect.OnBusy
  readonly otherwise?: Command.StartQuery
}

/**
 * Determines a query's thread and history. A `Watching`: the query only had an answer, and this is the answer's result.
 */
export const settle = Effect.fnUntraced(function* (
  serving: ServerContext,
  principal: Principal,
  query: Command.StartQuery,
  onBusy: Dialect.OnBusy
): Effect.fn.Return<Told, Refusal.Refusal> {
  const { continues, replies, ...asked } = query
  const note = asked.threadId === undefined ? undefined : yield* serving.book.get(principal.tenant, asked.threadId)
  if (replies !== undefined) {
    const told = yield* reply(serving, principal, { asked, note, replies, onBusy })
    if (told !== undefined) return told
    // Closed calls need no answer, but a result must belong to a call.
    if (continues === undefined) yield* Past.named([], asked.seed ?? [])
  }
  if (continues !== undefined) return yield* continued(serving, principal, { asked, continues, onBusy })
  if (asked.after !== undefined) {
    const after = yield* afterRun(serving, principal, { asked, after: asked.after })
    if (after !== undefined) return { asked: after, onBusy } satisfies Settled
  }
  const found = yield* answered(serving, principal, asked, note)
  if (found === undefined) return { asked: shown(asked, note), onBusy } satisfies Settled
  const { onThread: _, seed: __, ...again } = asked
  return { asked: { ...again, replaces: found }, onBusy, otherwise: shown(asked, note) } satisfies Settled
})

const noParent = Refusal.make(
  "not-found",
  "ParentRunNotFound",
  "The thread has no run of that id to continue after. Name one of its runs, or leave it out"
)

/**
 * The query where it continues after a run of its thread: in the run's branch, if the run was replaced, and what came
 * after the run is replaced when the query starts. `undefined`: the thread does not exist yet, or the query has a run
 * already.
 */
const afterRun = Effect.fnUntraced(function* (
  serving: ServerContext,
  principal: Principal,
  { after, asked }: { readonly asked: Command.StartQuery; readonly after: string }
): Effect.fn.Return<Command.StartQuery | undefined, Refusal.Refusal> {
  const { requestId, threadId } = asked
  const { tenant } = principal
  if (threadId === undefined || (yield* Lookup.info(serving, principal, threadId)) === undefined) return undefined
  const known = requestId === undefined ? undefined : Lookup.ownRunId(tenant, threadId, requestId)
  if (known !== undefined && Option.isSome(yield* Effect.option(Lookup.run(serving, principal, known))))
    return undefined
  const { threads } = serving.runtime
  const inner = yield* serving.naming.inner(tenant, threadId)
  const own = { resourceId: tenant }
  const runId = Lookup.ownRunId(tenant, threadId, after)
  let places = yield* threads.places(inner, own)
  let branch: string | undefined
  if (!places.has(runId)) {
    const branches = yield* Effect.orElseSucceed(threads.branches(inner, own), () => [])
    const found = branches.find(({ runs }) => runs.some((one) => one.runId === runId))
    if (found === undefined) return yield* Effect.fail(noParent)
    branch = found.branchId
    places = new Map(found.runs.map(({ before, runId }) => [runId, before]))
  }
  const at = places.get(runId) ?? 0
  const later = Array.from(places.values()).filter((place) => place > at)
  const { after: _, onThread: __, seed: ___, ...rest } = asked
  return {
    ...rest,
    ...(branch === undefined ? {} : { branch }),
    ...(later.length === 0 ? {} : { replaces: Math.min(...later) })
  }
})

/** The run of the thread that answered a message which is asked again, or edited; `undefined` if none is known. */
const answered = Effect.fnUntraced(function* (
  { naming, runtime }: ServerContext,
  { tenant }: Principal,
  asked: Command.StartQuery,
  note: ThreadNote | undefined
) {
  const { isAgain, messageId, onThread, seed } = asked
  const isAsked = onThread === "replace" && (isAgain === true || seed === undefined)
  if (!isAsked || note === undefined || messageId === undefined) return undefined
  const runs = note.runs.filter((run) => run.messageId === messageId)
  if (runs.length === 0) return undefined
  const places = yield* runtime.threads.places(yield* naming.inner(tenant, note.threadId), { resourceId: tenant })
  return runs.findLast(({ runId }) => places.has(runId))?.runId
})

/** A single message continues its thread, unless it repeats the thread's first one. */
const shown = (asked: Command.StartQuery, note: ThreadNote | undefined): Command.StartQuery => {
  if (asked.seed !== undefined || asked.onThread !== "replace") return asked
  if (asked.isFirst === true || isKnown(note, asked.messageId)) return { ...asked, seed: [] }
  const { onThread: _, ...rest } = asked
  return rest
}

const isKnown = (note: ThreadNote | undefined, messageId: string | undefined): boolean =>
  messageId !== undefined &&
  (note?.firstId === messageId || (note?.runs ?? []).some((run) => run.messageId === messageId))

interface Replied {
  readonly asked: Command.StartQuery
  readonly note: ThreadNote | undefined
  readonly replies: NonNullable<Command.StartQuery["replies"]>
  readonly onBusy: Dialect.OnBusy
}

/** Passes the prompt's input to a waiting run; nothing if none waits. */
const reply = Effect.fnUntraced(function* (
  serving: ServerContext,
  principal: Principal,
  { asked, note, onBusy, replies }: Replied
) {
  if (replies.decisions.length > 0 && isKnown(note, asked.messageId)) {
    return yield* Answers.answer(serving, principal, { _tag: "Answer", ...replies }, true)
  }
  const { address } = replies
  const seed = asked.seed ?? []
  const since = seed.slice(seed.findLastIndex(({ role }) => role === "assistant") + 1)
  const words = [...since.flatMap((message) => (message.role === "user" ? [message.content] : [])), asked.prompt]
  const { echo, requestId } = asked
  const given = { decisions: replies.decisions, results: replies.results, words, requestId }
  const found = Option.getOrUndefined(yield* Effect.option(Answers.waiting(serving, principal, address, replies, seed)))
  if (found === undefined || found.fits.ids.length === 0 || !(yield* Answers.suits(serving, found.status, asked))) {
    return yield* Repetition.repeated(serving, principal, { ...given, address, shown: seed })
  }
  const { fits, open } = found
  const isLeft = open.questions.length + open.plainCalls.length > fits.decisions.length + fits.results.length
  const isRefused = fits.results.length === 0 && fits.decisions.every(({ decision }) => decision.type === "reject")
  // Who refuses what was asked, leaves the rest open and writes on, is done with this run.
  if (onBusy === "cancel-previous" && isLeft && isRefused) return undefined
  const told = yield* Answers.tell(
    serving,
    principal,
    found,
    { ...given, ...(echo === undefined ? {} : { echo }) },
    true
  )
  return told ?? (yield* Repetition.repeated(serving, principal, { ...given, address, shown: seed }))
})

interface Continued {
  readonly asked: Command.StartQuery
  readonly continues: NonNullable<Command.StartQuery["continues"]>
  readonly onBusy: Dialect.OnBusy
}

/**
 * In the same thread if there is nothing after the answer, otherwise in a new thread that begins with the answer's
 * past.
 */
const continued = Effect.fnUntraced(function* (
  serving: ServerContext,
  principal: Principal,
  { asked: { onThread: _, ...asked }, continues: { answer, runId }, onBusy }: Continued
) {
  const { tenant } = principal
  const status = yield* Lookup.run(serving, principal, runId)
  const past = yield* Past.of(serving, status, answer)
  const own: ReadonlyArray<Message.Message> = yield* Past.named(past.messages, asked.seed ?? [])
  const threadId = serving.naming.outer(tenant, status.threadId)
  // On a server with `onBusy: "steer"`, text for the current answer steers its run.
  if (onBusy === "steer" && status.state === "running" && past.upTo === undefined) {
    return { asked: { ...asked, threadId }, onBusy } satisfies Settled
  }
  const note = yield* serving.book.get(tenant, threadId)
  const agent = asked.agent ?? note?.agent
  const branch: Command.StartQuery = {
    ...asked,
    ...(agent === undefined ? {} : { agent }),
    seed: [...past.messages, ...own]
  }
  if (!past.isLast || threadId === undefined) return { asked: branch, onBusy: "reject" } satisfies Settled
  return {
    asked: { ...asked, threadId, seed: own, onThread: "append" },
    onBusy: "reject",
    otherwise: branch
  } satisfies Settled
})

/** Serializes requests that continue the same run, so that only one continues in its thread. */
export const inTurn = <A, E>(
  { turns }: ServerContext,
  query: Command.StartQuery,
  effect: Effect.Effect<A, E>
): Effect.Effect<A, E> => {
  const { continues } = query
  if (continues === undefined) return effect
  return turns.pass(continues.runId, effect)
}

export type Told = Settled | Outcome.Watching

export const isWatching = (told: Told): told is Outcome.Watching => "_tag" in told

/** Whether the thread is not as it was: another run is in it, or what would be replaced was. */
export const isOvertaken = ({ code }: Refusal.Refusal): boolean => code === "ThreadBusy" || code === "PlaceNotFound"

/** The query's history before its prompt. `ofThread`: the thread's additional instructions. */
export const historyOf = (
  { branch, instructions: own, onThread, replaces, seed }: Command.StartQuery,
  ofThread: string | undefined,
  isThere: boolean
) => {
  const told = [ofThread, own].filter((text) => text !== undefined)
  const instructions = told.length === 0 ? undefined : told.join("\n\n")
  return {
    ...(seed === undefined || (isThere && onThread === undefined) ? {} : { history: seed }),
    ...(seed === undefined || onThread === undefined ? {} : { onThread }),
    ...(replaces === undefined ? {} : { replaces }),
    ...(branch === undefined ? {} : { branch }),
    ...(instructions === undefined ? {} : { instructions })
  }
}

/** What a query does to its thread's active run, where that depends on the run. */
export const onBusyOf = Effect.fnUntraced(function* (
  serving: ServerContext,
  principal: Principal,
  threadId: string,
  onBusy: Dialect.OnBusy
) {
  switch (onBusy) {
    case "cancel-waiting":
      return (yield* Lookup.isWaiting(serving, principal, threadId)) ? "cancel-previous" : "reject"
    case "steer-or-cancel": {
      const info = yield* Lookup.info(serving, principal, threadId)
      return info?.runId === undefined || serving.watchers.isWatched(info.runId) ? "steer" : "cancel-previous"
    }
    default:
      return onBusy
  }
})

/** The tenant has as many runs as it may have at once. */
export const manyRuns = Refusal.make(
  "rate-limited",
  "TooManyRuns",
  "Too many concurrent runs. Wait until one has ended",
  1
)

const nothingToDo = { taken: () => {} }

/**
 * Reserves a slot for a run. At the limit, a query that ends its thread's run, or becomes a message of it, needs no slot
 * besides that run's own. `taken`: to be called when the query has started, or was refused.
 */
export const takePlace = Effect.fnUntraced(function* (
  serving: ServerContext,
  principal: Principal,
  threadId: string,
  onBusy: Dialect.OnBusy
) {
  const { allowance, watchers } = serving
  const { tenant } = principal
  if (allowance.takeRun(tenant)) return nothingToDo
  const ends = onBusy === "cancel-previous" || onBusy === "steer"
  const runId = ends ? (yield* Lookup.info(serving, principal, threadId))?.runId : undefined
  const isOurs = runId !== undefined && watchers.running(tenant).includes(runId)
  return isOurs && allowance.takePlaceOf(tenant, runId)
    ? { taken: () => allowance.followed(runId) }
    : yield* Effect.fail(manyRuns)
})
