/**
 * The history up to the end of one answer of a run: the thread's messages before the run, and the run's messages up to
 * then. Later answers and later runs of the thread are not part of it.
 */
import { Message, RunErrors, Transcript } from "@reins/protocol"
import type { RunStatus } from "@reins/runtime"
import { Accumulation, type Command, Refusal } from "@reins/wire"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Opening } from "../thread/ThreadBook.ts"
import * as ThreadName from "../thread/ThreadName.ts"
import * as Lookup from "./Lookup.ts"
import * as Outcome from "./Outcome.ts"
import type { ServerContext } from "./ServerContext.ts"
import type { Principal } from "../access/Authenticator.ts"

/**
 * **Details**
 * - `messages`: calls that were unanswered by then have no result.
 * - `given`: those of them that the model was given before the run said anything.
 * - `isLast`: there is nothing after it, so that the thread itself can continue.
 * - `openings`: those of the run before the answer's end. `upTo`: the run's envelope that the answer ends with; absent:
 *   it is the run's last answer so far.
 * - `isBroken`: the run was cancelled or has failed in this answer, so that a repeated request needs a new one.
 */
export interface Past {
  readonly messages: ReadonlyArray<Message.Message>
  readonly given: ReadonlyArray<Message.Message>
  readonly isLast: boolean
  readonly openings: ReadonlyArray<Opening>
  readonly upTo: number | undefined
  readonly isBroken: boolean
}

const replaced = Refusal.make(
  "gone",
  "HistoryReplaced",
  "The thread no longer has the history of this answer. Send the conversation instead of its id"
)

/** The position of the answer in its run. Refused if the run has no such answer. */
export const place = Effect.fnUntraced(function* (serving: ServerContext, status: RunStatus, answer: number) {
  const { resourceId, state, threadId } = status
  // A run whose thread was deleted is kept for a while by some hosts.
  const isDeleted = state === "ended" && (yield* serving.runtime.threads.info(threadId, { resourceId })) === undefined
  const openings = (yield* Lookup.note(serving, status))?.openings ?? []
  if (isDeleted || answer > openings.length + 1) return yield* Effect.fail(Lookup.noRun)
  return { openings: openings.slice(0, answer - 1), upTo: openings[answer - 1]?.after }
})

/** The branch that a run's messages are in, and how many are before them. */
const kept = ({ runtime }: ServerContext, { resourceId, runId, threadId }: RunStatus) =>
  Effect.map(
    Effect.orElseSucceed(runtime.threads.branches(threadId, { resourceId }), () => []),
    (branches): { readonly before?: number; readonly branch?: string } => {
      for (const { branchId: branch, runs } of branches) {
        const run = runs.find((one) => one.runId === runId)
        if (run !== undefined) return { before: run.before, branch }
      }
      return {}
    }
  )

/** The past of the `answer`th answer of a run; absent: of its last one so far. */
export const of = Effect.fnUntraced(function* (serving: ServerContext, status: RunStatus, answer?: number) {
  const { naming, runtime } = serving
  const { resourceId, runId, threadId } = status
  const note = yield* Lookup.note(serving, status)
  const { openings, upTo } = yield* place(serving, status, answer ?? (note?.openings.length ?? 0) + 1)
  const info = yield* runtime.threads.info(threadId, { resourceId })
  const isActive = info?.runId === runId
  const here = isActive ? info.version : yield* runtime.threads.before(threadId, runId, { resourceId })
  const { before = here, branch } = here === undefined ? yield* kept(serving, status) : {}
  if (before === undefined) return yield* Effect.fail(replaced)
  const stored = yield* Effect.mapError(runtime.threads.get(threadId, { resourceId, branch }), (failure) =>
    failure._tag === "BranchNotFound"
      ? replaced
      : Refusal.fromDataDamaged(
          new RunErrors.DataDamaged({
            subject: "thread",
            id: naming.outer(resourceId, threadId),
            table: failure.table
          })
        )
  )
  const accumulation = new Accumulation.Accumulation()
  const rename = ThreadName.envelopes(naming, resourceId)
  yield* runtime.watch(runId).pipe(
    Stream.take(upTo ?? status.lastSeq),
    Stream.runForEachArray((envelopes) =>
      Effect.sync(() => {
        for (const envelope of envelopes) accumulation.step(rename(envelope))
      })
    ),
    Effect.ignore
  )
  const asked = isActive
    ? askedBy(note?.prompt)
    : stored.slice(before, before + 1).filter(({ role }) => role === "user")
  const { error, finish, messages: said } = accumulation.result()
  const given = [...stored.slice(0, before), ...asked]
  const messages = [...given, ...said]
  return {
    messages,
    given,
    isLast:
      branch === undefined &&
      !isActive &&
      info?.runId === undefined &&
      upTo === undefined &&
      stored.length === messages.length,
    openings,
    upTo,
    isBroken: error !== undefined || finish?.finishReason === "cancelled"
  } satisfies Past
})

/**
 * What the model was given for an answer: the conversation before the run, what was asked, and what came until the
 * answer began.
 */
export const input = Effect.fnUntraced(function* (
  serving: ServerContext,
  principal: Principal,
  { answer, runId }: Command.GetInput
) {
  const status = yield* Lookup.run(serving, principal, runId)
  const whole = yield* of(serving, status, answer)
  const { resourceId, threadId } = status
  const said = answer === 1 ? undefined : yield* of(serving, status, answer - 1)
  const answered = new Set(whole.openings.at(-1)?.answered)
  const results = whole.messages.flatMap((message) => {
    if (message.role !== "tool") return []
    const content = message.content.filter(({ id }) => answered.has(id))
    return content.length === 0 ? [] : [{ ...message, content }]
  })
  const messages = said === undefined ? whole.given : [...said.messages, ...results]
  return Outcome.facts({
    _tag: "History",
    threadId: serving.naming.outer(resourceId, threadId),
    messages
  })
})

const askedBy = (prompt: Message.Prompt | undefined): ReadonlyArray<Message.Message> =>
  prompt === undefined || prompt.length === 0 ? [] : [Message.fromPrompt(prompt)]

/** Whether a client that shows `shown` got this past. A conversation without a user message matches any. */
export const isShownIn = ({ messages }: Past, shown: ReadonlyArray<Message.Message>): boolean => {
  if (!shown.some(({ role }) => role === "user")) return true
  const { add, keep } = Transcript.align(messages, shown)
  return keep === messages.length && add.length === 0
}

/**
 * A history with its results named after their calls, which may be in an earlier part. A result without a call is
 * refused.
 */
export const named = (
  before: ReadonlyArray<Message.Message>,
  history: ReadonlyArray<Message.Message>
): Effect.Effect<ReadonlyArray<Message.Message>, Refusal.Refusal> => {
  const names = new Map<string, string>()
  for (const { content } of [...before, ...history]) {
    for (const part of content) if (part.type === "tool-call") names.set(part.id, part.name)
  }
  const isKnown = (message: Message.Message) =>
    message.role !== "tool" || message.content.every(({ id }) => names.has(id))
  if (!history.every(isKnown)) return Effect.fail(Lookup.noCall)
  return Effect.succeed(
    history.map((message) =>
      message.role === "tool"
        ? { ...message, content: message.content.map((part) => ({ ...part, name: names.get(part.id) ?? part.name })) }
        : message
    )
  )
}

/**
 * A query with the results that its client did not send back. They are those of the same calls (name and arguments, in
 * order) of the run that made them; if that run is unknown, they stay empty.
 */
export const recalled = Effect.fnUntraced(function* (
  serving: ServerContext,
  principal: Principal,
  { recalls, ...query }: Command.StartQuery
): Effect.fn.Return<Command.StartQuery> {
  if (recalls === undefined || query.seed === undefined) return query
  const known = new Map<string, Array<Message.ResultPart>>()
  for (const runId of new Set(recalls.map((recall) => recall.runId))) {
    const past = yield* Effect.option(
      Effect.flatMap(Lookup.run(serving, principal, runId), (status) => of(serving, status))
    )
    if (past._tag === "Some") note(known, runId, past.value.messages)
  }
  const calls = callsOf(query.seed)
  const runs = new Map(recalls.map(({ id, runId }) => [id, runId]))
  const resultOf = (part: Message.ResultPart): Message.ResultPart => {
    const call = calls.get(part.id)
    const runId = runs.get(part.id)
    const found = call === undefined || runId === undefined ? undefined : known.get(keyOf(runId, call))?.shift()
    return found === undefined ? part : { ...found, id: part.id }
  }
  const seed = query.seed.map((message) =>
    message.role === "tool" ? { ...message, content: message.content.map(resultOf) } : message
  )
  return { ...query, seed }
})

const keyOf = (runId: string, { args, name }: Message.CallPart): string => JSON.stringify([runId, name, args])

const callsOf = (messages: ReadonlyArray<Message.Message>): ReadonlyMap<string, Message.CallPart> =>
  new Map(
    messages.flatMap(({ content }) => content.flatMap((part) => (part.type === "tool-call" ? [[part.id, part]] : [])))
  )

/** Collects the results of a run's calls, in order. */
const note = (
  known: Map<string, Array<Message.ResultPart>>,
  runId: string,
  messages: ReadonlyArray<Message.Message>
): void => {
  const calls = callsOf(messages)
  for (const { content, role } of messages) {
    if (role !== "tool") continue
    for (const part of content) {
      const call = calls.get(part.id)
      if (call === undefined) continue
      const key = keyOf(runId, call)
      known.set(key, [...(known.get(key) ?? []), part])
    }
  }
}
