/** Executes the commands about threads: create, get, list and delete them, read their history, vote on messages. */
import type { Envelope } from "@reins/protocol"
import { Message, RunErrors } from "@reins/protocol"
import type { DescriptionChange, RunStatus, ThreadInfo } from "@reins/runtime"
import { Accumulation, Refusal, type Command, type Facts } from "@reins/wire"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { ThreadNote } from "../thread/ThreadBook.ts"
import * as ThreadName from "../thread/ThreadName.ts"
import * as Lookup from "./Lookup.ts"
import * as Outcome from "./Outcome.ts"
import * as Past from "./Past.ts"
import { newThread, type ServerContext } from "./ServerContext.ts"
import type { Principal } from "../access/Authenticator.ts"

const exists = Refusal.make("conflict", "ThreadExists", "The thread already exists")
const busy = Refusal.make("conflict", "ThreadBusy", "The thread has an active run")
const badPage = Refusal.make("bad-request", "BadCursor", "Invalid cursor. Use the id of a thread")

/** Makes a thread; `owner`: the principal whose conversation it starts from. Absent: that of the request. */
export const create = Effect.fnUntraced(function* (
  serving: ServerContext,
  principal: Principal,
  asked: Command.CreateThread,
  owner: string | undefined = principal.name
) {
  const { naming, runtime } = serving
  const threadId = asked.threadId ?? newThread(serving, principal.tenant)
  if (yield* Lookup.hasThread(serving, principal, threadId)) {
    return asked.resumes === true ? yield* get(serving, principal, threadId) : yield* Effect.fail(exists)
  }
  const now = yield* Clock.currentTimeMillis
  if (asked.seed !== undefined) {
    const options = {
      threadId: yield* naming.inner(principal.tenant, threadId),
      resourceId: principal.tenant,
      principal: owner
    }
    yield* Effect.mapError(runtime.threads.import(asked.seed, options), (error) =>
      error._tag === "ThreadExists" ? exists : Refusal.make("bad-request", error._tag, error.message)
    )
  }
  const made: ThreadNote = {
    tenant: principal.tenant,
    threadId,
    agent: asked.agent,
    createdAt: now,
    updatedAt: now,
    metadata: asked.metadata,
    settings: asked.settings,
    runs: []
  }
  const note = yield* serving.book.update(principal.tenant, threadId, (found) =>
    found === undefined ? made : undefined
  )
  if (note === undefined) return yield* Effect.fail(exists)
  if (asked.metadata !== undefined) yield* describe(serving, principal, threadId, { metadata: asked.metadata })
  return Outcome.facts({
    _tag: "Thread",
    thread: threadOf(serving, threadId, note, undefined, undefined),
    messages: []
  })
})

/** Changes a thread without an active run; answers it as `get` does. */
export const edit = Effect.fnUntraced(function* (
  serving: ServerContext,
  principal: Principal,
  asked: Command.EditHistory
): Effect.fn.Return<Outcome.Outcome, Refusal.Refusal> {
  const { book, naming, runtime } = serving
  const { tenant } = principal
  const { change, metadata, recalls = [], settings, threadId } = asked
  if (!(yield* Lookup.hasThread(serving, principal, threadId))) return yield* Effect.fail(Lookup.noThread)
  const inner = yield* naming.inner(tenant, threadId)
  if (change !== undefined) {
    const info = yield* Lookup.info(serving, principal, threadId)
    if (info?.runId !== undefined) return yield* Effect.fail(busy)
    const stored = info === undefined ? [] : yield* messagesOf(serving, principal, threadId)
    const seed = yield* Effect.fromResult(change(stored))
    const { seed: messages = [] } = yield* Past.recalled(serving, principal, {
      _tag: "StartQuery",
      prompt: [],
      seed,
      recalls
    })
    const written = Effect.gen(function* () {
      if (info !== undefined) {
        return yield* runtime.threads.replace(inner, messages, { resourceId: tenant, version: info.version })
      }
      yield* runtime.threads.import(messages, { threadId: inner, resourceId: tenant, principal: principal.name })
      return true
    })
    const isDone = yield* Effect.catchTags(written, {
      ThreadExists: () => Effect.succeed(false),
      ThreadNotFound: () => Effect.succeed(false),
      HistoryInvalid: ({ message }) => Effect.fail(Refusal.make("bad-request", "HistoryInvalid", message)),
      DataDamaged: (damaged) => Effect.fail(Refusal.fromDataDamaged(damaged))
    })
    // Another request has changed it.
    if (!isDone) return yield* edit(serving, principal, asked)
  }
  if (metadata !== undefined) yield* describe(serving, principal, threadId, { metadata })
  const now = yield* Clock.currentTimeMillis
  const added = settings?.instructions
  yield* book.update(tenant, threadId, (note) =>
    note === undefined
      ? undefined
      : {
          ...note,
          updatedAt: now,
          ...(metadata === undefined ? {} : { metadata }),
          ...(added === undefined ? {} : { settings: withInstructions(note.settings, added) })
        }
  )
  return yield* get(serving, principal, threadId)
})

const withInstructions = (settings: Command.Settings | undefined, added: string): Command.Settings => ({
  ...settings,
  instructions: settings?.instructions === undefined ? added : `${settings.instructions}\n\n${added}`
})

export const get = Effect.fnUntraced(function* (serving: ServerContext, principal: Principal, threadId: string) {
  return Outcome.facts({ _tag: "Thread", ...(yield* read(serving, principal, threadId)) })
})

export const history = Effect.fnUntraced(function* (serving: ServerContext, principal: Principal, threadId: string) {
  const { messages, thread } = yield* read(serving, principal, threadId)
  const instructions = thread.settings?.instructions
  return Outcome.facts({
    _tag: "History",
    threadId,
    messages,
    ...(instructions === undefined ? {} : { instructions })
  })
})

/** Newest first, in pages. */
export const list = Effect.fnUntraced(function* (
  serving: ServerContext,
  principal: Principal,
  { after, before, limit = 50 }: Command.ListThreads
) {
  const all = yield* known(serving, principal)
  const place = (threadId: string) => all.findIndex((each) => each.threadId === threadId)
  const size = Math.min(Math.max(1, Math.floor(limit)), 200)
  const from = after === undefined ? 0 : place(after) + 1
  const to = before === undefined ? all.length : place(before)
  if ((after !== undefined && from === 0) || to < 0) return yield* Effect.fail(badPage)
  const start = after === undefined && before !== undefined ? Math.max(0, to - size) : from
  const page = all.slice(start, Math.min(to, start + size))
  const threads = yield* Effect.forEach(page, ({ info, threadId }) =>
    Effect.zipWith(serving.book.get(principal.tenant, threadId), stand(serving, principal, info), (note, standing) =>
      threadOf(serving, threadId, note, info, standing)
    )
  )
  const last = page.at(-1)
  const hasMore = start + page.length < to && last !== undefined
  return Outcome.facts({ _tag: "Threads", threads, ...(hasMore ? { next: last.threadId } : {}) })
})

export const remove = Effect.fnUntraced(function* (serving: ServerContext, principal: Principal, threadId: string) {
  const { book, naming, runtime } = serving
  const { tenant } = principal
  if (!(yield* Lookup.hasThread(serving, principal, threadId))) return yield* Effect.fail(Lookup.noThread)
  const info = yield* Lookup.info(serving, principal, threadId)
  const inner = yield* naming.inner(tenant, threadId)
  if (info !== undefined && !(yield* runtime.threads.delete(inner, { resourceId: tenant }))) {
    return yield* Effect.fail(busy)
  }
  yield* book.remove(tenant, threadId)
  return Outcome.facts({ _tag: "Nothing" })
})

const inThread = Refusal.make(
  "conflict",
  "RunInConversation",
  "The answer is part of a thread that has others, or a name. Delete the thread"
)

/** Deletes a run with the thread that was made for it. */
export const removeRun = Effect.fnUntraced(function* (serving: ServerContext, principal: Principal, runId: string) {
  const status = yield* Lookup.run(serving, principal, runId)
  yield* Past.place(serving, status, 1)
  const threadId = serving.naming.outer(principal.tenant, status.threadId)
  const note = yield* serving.book.get(principal.tenant, threadId)
  const isAlone = note?.runs.length === 1 && note.runs.every((run) => run.isAlone === true)
  if (!isAlone) return yield* Effect.fail(inThread)
  return yield* remove(serving, principal, threadId)
})

export const vote = Effect.fnUntraced(function* (serving: ServerContext, principal: Principal, given: Command.Vote) {
  const { isUp, messageId, threadId } = given
  if (!(yield* Lookup.hasThread(serving, principal, threadId))) return yield* Effect.fail(Lookup.noThread)
  yield* describe(serving, principal, threadId, { votes: [{ messageId, isUp }] })
  return Outcome.facts({ _tag: "Accepted", threadId })
})

export const votes = Effect.fnUntraced(function* (serving: ServerContext, principal: Principal, threadId: string) {
  if (!(yield* Lookup.hasThread(serving, principal, threadId))) return yield* Effect.fail(Lookup.noThread)
  const info = yield* Lookup.info(serving, principal, threadId)
  const votes = info?.description?.votes ?? []
  return Outcome.facts({ _tag: "Votes", votes: votes.map((vote) => ({ threadId, ...vote })) })
})

/** Changes a thread's description. */
const describe = (
  { naming, runtime }: ServerContext,
  { tenant }: Principal,
  threadId: string,
  change: DescriptionChange
) =>
  Effect.flatMap(naming.inner(tenant, threadId), (inner) =>
    Effect.mapError(runtime.threads.describe(inner, change, { resourceId: tenant }), () => Lookup.noThread)
  )

interface Known {
  readonly threadId: string
  /** Of the note, if there is one. */
  readonly note: Pick<ThreadNote, "createdAt"> | undefined
  readonly info: ThreadInfo | undefined
}

const known = Effect.fnUntraced(function* ({ book, naming, runtime }: ServerContext, { tenant }: Principal) {
  const found = new Map<string, Known>()
  for (const info of yield* runtime.threads.list({ resourceId: tenant })) {
    const threadId = naming.outer(tenant, info.threadId)
    // Of two that are shown by one name, the server's own is the one that the name means.
    if (info.threadId === threadId && found.has(threadId)) continue
    found.set(threadId, { threadId, info, note: undefined })
  }
  for (const note of yield* book.list(tenant)) {
    found.set(note.threadId, { threadId: note.threadId, note, info: found.get(note.threadId)?.info })
  }
  return [...found.values()].toReversed().sort((one, other) => createdAt(other) - createdAt(one))
})

/** The note's where there is one: it may have been written before the thread's first run. 0: not known. */
const createdAt = ({ info, note }: Omit<Known, "threadId">): number => note?.createdAt ?? info?.createdAt ?? 0

/** A thread's active run and its log so far. */
interface Standing {
  readonly status: RunStatus
  readonly soFar: Accumulation.Accumulated
}

const stand = Effect.fnUntraced(function* (serving: ServerContext, principal: Principal, info: ThreadInfo | undefined) {
  if (info?.runId === undefined) return undefined
  const status = yield* Effect.option(Lookup.run(serving, principal, info.runId))
  if (status._tag === "None" || status.value.state === "ended") return undefined
  const accumulation = new Accumulation.Accumulation()
  const rename = ThreadName.envelopes(serving.naming, principal.tenant)
  yield* serving.runtime.watch(info.runId).pipe(
    Stream.take(status.value.lastSeq),
    Stream.runForEachArray((envelopes: ReadonlyArray<Envelope.Envelope>) =>
      Effect.sync(() => {
        for (const envelope of envelopes) accumulation.step(rename(envelope))
      })
    ),
    Effect.ignore
  )
  return { status: status.value, soFar: accumulation.result() } satisfies Standing
})

/** Every option that is not declared as safe to show. */
const secretsOf = ({ descriptions }: ServerContext, { agent = "", settings }: ThreadNote): ReadonlyArray<string> => {
  const shown = (descriptions[agent]?.options ?? []).filter(({ type }) => type !== "secret").map(({ name }) => name)
  return Object.keys(settings?.options ?? {}).filter((name) => !shown.includes(name))
}

const threadOf = (
  serving: ServerContext,
  threadId: string,
  note: ThreadNote | undefined,
  info: ThreadInfo | undefined,
  standing: Standing | undefined
): Facts.Thread => {
  const runId = info?.runId ?? note?.runs.at(-1)?.runId
  const title = info?.description?.title ?? note?.title
  const metadata = note?.metadata ?? info?.description?.metadata
  return {
    threadId,
    agent: note?.agent ?? standing?.status.agent ?? serving.agents[0]?.name ?? "",
    state: standing === undefined ? "idle" : "running",
    createdAt: createdAt({ note, info }),
    updatedAt: Math.max(note?.updatedAt ?? 0, info?.updatedAt ?? createdAt({ note, info })),
    ...(title === undefined ? {} : { title }),
    ...(runId === undefined ? {} : { runId }),
    ...(metadata === undefined ? {} : { metadata }),
    ...(note?.settings === undefined ? {} : { settings: note.settings }),
    secrets: note === undefined ? [] : secretsOf(serving, note),
    questions: standing?.soFar.questions ?? [],
    clientCalls: standing?.soFar.clientCalls ?? []
  }
}

/** A thread's messages without those of its active run. */
const messagesOf = ({ naming, runtime }: ServerContext, { tenant }: Principal, threadId: string) =>
  Effect.flatMap(naming.inner(tenant, threadId), (inner) =>
    Effect.mapError(runtime.threads.get(inner, { resourceId: tenant }), ({ table }) =>
      Refusal.fromDataDamaged(new RunErrors.DataDamaged({ subject: "thread", id: threadId, table }))
    )
  )

/** A thread with all its messages, including those of its active run. */
const read = Effect.fnUntraced(function* (serving: ServerContext, principal: Principal, threadId: string) {
  const { book, naming, runtime } = serving
  const { tenant } = principal
  const note = yield* book.get(tenant, threadId)
  const info = yield* Lookup.info(serving, principal, threadId)
  if (note === undefined && info === undefined) return yield* Effect.fail(Lookup.noThread)
  const standing = yield* stand(serving, principal, info)
  const stored = info === undefined ? [] : yield* messagesOf(serving, principal, threadId)
  const prompt = note?.runs.find(({ runId }) => runId === standing?.status.runId)?.prompt
  const messages: ReadonlyArray<Message.Message> = [
    ...stored,
    ...(standing === undefined || prompt === undefined ? [] : [Message.fromPrompt(prompt)]),
    ...(standing?.soFar.messages ?? [])
  ]
  const thread = threadOf(serving, threadId, note, info, standing)
  const runs: Array<Facts.RunPlace> = []
  const places =
    note === undefined
      ? undefined
      : yield* runtime.threads.places(yield* naming.inner(tenant, threadId), { resourceId: tenant })
  for (const { messageId, runId } of note?.runs ?? []) {
    const at = runId === standing?.status.runId ? stored.length : places?.get(runId)
    if (at !== undefined) runs.push({ at, runId, ...(messageId === undefined ? {} : { messageId }) })
  }
  return { thread, messages, runs, ...(standing === undefined ? {} : { runAt: stored.length }) }
})
