/** Executes commands of every dialect: maps what a client asks for to calls of the runtime. */
import { Cursor, Refusal, type Command, type Dialect } from "@reins/wire"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as ThreadName from "../thread/ThreadName.ts"
import * as Answers from "./Answers.ts"
import * as AgentDescription from "./AgentDescription.ts"
import * as Lookup from "./Lookup.ts"
import * as Outcome from "./Outcome.ts"
import * as Past from "./Past.ts"
import * as Repetition from "./Repetition.ts"
import type { ServerContext } from "./ServerContext.ts"
import * as RunStart from "./RunStart.ts"
import * as Threads from "./Threads.ts"
import * as Webhooks from "./Webhooks.ts"
import type { Principal } from "../access/Authenticator.ts"

/** `isWatched`: the request's answer shows the run. */
export interface Manner extends RunStart.Manner {
  readonly isWatched: boolean
  readonly dialect: Dialect.Dialect
}

export const execute = (
  serving: ServerContext,
  principal: Principal,
  command: Command.Command,
  manner: Manner
): Effect.Effect<Outcome.Outcome, Refusal.Refusal> => {
  switch (command._tag) {
    case "StartQuery":
      return accepted(
        command.detached,
        told(serving, principal, command.push, manner, (manner) =>
          Effect.flatMap(Past.recalled(serving, principal, command), (query) =>
            RunStart.query(serving, principal, query, manner)
          )
        )
      )
    case "Answer":
      return accepted(
        command.detached,
        told(serving, principal, command.push, manner, (manner) => answered(serving, principal, command, manner))
      )
    case "SubmitToolResults":
      return Answers.results(serving, principal, command)
    case "Cancel":
      return cancel(serving, principal, command)
    case "Resume":
      return resume(serving, principal, command)
    case "CreateThread":
      return Threads.create(serving, principal, command)
    case "EditHistory":
      return Threads.edit(serving, principal, command)
    case "GetThread":
      return Threads.get(serving, principal, command.threadId)
    case "ListThreads":
      return Threads.list(serving, principal, command)
    case "DeleteThread":
      return Threads.remove(serving, principal, command.threadId)
    case "GetHistory":
      return Threads.history(serving, principal, command.threadId)
    case "CountTokens":
      return Effect.map(countTokens(serving, principal, command.query, manner), (input) =>
        Outcome.facts({ _tag: "Tokens", input })
      )
    case "GetInput":
      return Past.input(serving, principal, command)
    case "ListRuns":
      return runs(serving, principal, command)
    case "DeleteRun":
      return Threads.removeRun(serving, principal, command.runId)
    case "ListApprovals":
      return approvals(serving, principal, command)
    case "Describe":
      return AgentDescription.agents(serving, principal)
    case "Vote":
      return Threads.vote(serving, principal, command)
    case "ListVotes":
      return Threads.votes(serving, principal, command.threadId)
    case "SetPush":
      return Webhooks.set(serving, principal, command, manner.dialect)
    case "ListPushes":
      return Webhooks.list(serving, principal, command.runId)
    case "RemovePush":
      return Webhooks.remove(serving, principal, command)
  }
}

/**
 * An answer that nothing waits for is executed as a query, if the request has its conversation. A repeated request
 * joins the run that it started, unless that was cut.
 */
const answered = Effect.fnUntraced(function* (
  serving: ServerContext,
  principal: Principal,
  given: Command.Answer,
  { isWatched, ...manner }: Manner
) {
  const otherwise =
    given.otherwise === undefined ? undefined : yield* Past.recalled(serving, principal, given.otherwise)
  const command = otherwise === undefined ? given : { ...given, otherwise }
  // One that its client finds again in a task's history is remembered, also where nobody reads on.
  const isKept = command.echo !== undefined || (isWatched && command.detached !== true)
  const told = yield* Answers.answer(serving, principal, command, isKept)
  if (told !== undefined) return told
  if (otherwise === undefined) return yield* Effect.fail(Lookup.noCall)
  if (otherwise.continues !== undefined || otherwise.requestId !== undefined) {
    return yield* RunStart.query(serving, principal, otherwise, manner)
  }
  const requestId = Repetition.digest({
    decisions: [],
    results: [],
    words: [JSON.stringify([otherwise.seed, otherwise.model])]
  })
  const runId = Lookup.ownRunId(principal.tenant, otherwise.threadId ?? "", requestId)
  const known = Option.getOrUndefined(yield* Effect.option(Lookup.run(serving, principal, runId)))
  const past = known === undefined ? undefined : yield* Effect.option(Past.of(serving, known))
  const isCut = past !== undefined && (past._tag === "None" || past.value.isBroken)
  return yield* RunStart.query(serving, principal, isCut ? otherwise : { ...otherwise, requestId }, manner)
})

/**
 * Sets the web hook that a request brings for its run: before the run begins, or, where the request joins another run, when
 * that is known. One that would be refused is refused before anything begins.
 */
const told = (
  serving: ServerContext,
  principal: Principal,
  push: Command.PushTo | undefined,
  manner: Manner,
  carried: (manner: Manner) => Effect.Effect<Outcome.Watching, Refusal.Refusal>
): Effect.Effect<Outcome.Watching, Refusal.Refusal> => {
  if (push === undefined) return carried(manner)
  if (manner.dialect.openPush === undefined) return Effect.fail(Webhooks.unsupported)
  const brought = Webhooks.brought(serving, principal, push, manner.dialect)
  return Effect.andThen(
    Webhooks.check(serving, push),
    Effect.uninterruptibleMask((restore) =>
      Effect.tap(restore(carried({ ...manner, brought })), ({ feed: { runId } }) =>
        Webhooks.set(serving, principal, { runId, push, isNew: true }, manner.dialect)
      )
    )
  )
}

/** In the background the answer only confirms that the run has started. */
const accepted = (
  detached: boolean | undefined,
  carried: Effect.Effect<Outcome.Watching, Refusal.Refusal>
): Effect.Effect<Outcome.Outcome, Refusal.Refusal> =>
  detached === true
    ? Effect.zipWith(carried, Clock.currentTimeMillis, ({ feed: { runId, threadId } }, at) =>
        Outcome.facts({ _tag: "Accepted", runId, threadId, at })
      )
    : carried

const cancel = Effect.fnUntraced(function* (serving: ServerContext, principal: Principal, { address }: Command.Cancel) {
  const { resourceId, runId, threadId } = yield* Lookup.addressed(serving, principal, address)
  const isRunning = yield* serving.runtime.cancel(runId)
  return Outcome.facts({
    _tag: "Cancelled",
    isRunning,
    threadId: serving.naming.outer(resourceId, threadId)
  })
})

const approvals = Effect.fnUntraced(function* (
  { naming, runtime }: ServerContext,
  { tenant }: Principal,
  { threadId }: Command.ListApprovals
): Effect.fn.Return<Outcome.Outcome> {
  const inThread = threadId === undefined ? {} : { threadId: yield* naming.inner(tenant, threadId) }
  const asked = yield* runtime.pendingApprovals({ resourceId: tenant, ...inThread })
  const approvals = asked.map(({ request }) => ThreadName.question(naming, request))
  return Outcome.facts({ _tag: "Approvals", approvals })
})

/** Runs of threads that the tenant names. */
const runs = Effect.fnUntraced(function* (
  { naming, runtime }: ServerContext,
  { tenant }: Principal,
  { _tag: _, limit = 50, threadId, ...filter }: Command.ListRuns
): Effect.fn.Return<Outcome.Outcome> {
  const inThread = threadId === undefined ? {} : { threadId: yield* naming.inner(tenant, threadId) }
  const page = yield* runtime.runs.list({ ...filter, ...inThread, limit, resourceId: tenant })
  const runs = page.runs.map((run) => ({ ...run, threadId: naming.outer(tenant, run.threadId) }))
  return Outcome.facts({ _tag: "Runs", runs, ...(page.next === undefined ? {} : { next: page.next }) })
})

const badCursor = Refusal.make("bad-request", "BadCursor", "Invalid cursor. Use the id of the last event received")

/** A position before the start means the start; an invalid position is refused. */
const cursorOf = (after: string | undefined): Cursor.Cursor | undefined => {
  if (after === undefined || after.trim() === "" || /^-\d{1,15}$/.test(after.trim())) return Cursor.start
  return Cursor.parse(after)
}

/** Finds the run that a client wants to watch, and the position to continue from. */
const resume = Effect.fnUntraced(function* (
  serving: ServerContext,
  principal: Principal,
  { address, after, answer, cancels, only, scope }: Command.Resume
) {
  const cursor = cursorOf(after)
  if (cursor === undefined) return yield* Effect.fail(badCursor)
  const { tenant } = principal
  if (scope === "thread" && address.threadId !== undefined) {
    if (!(yield* Lookup.hasThread(serving, principal, address.threadId))) return yield* Effect.fail(Lookup.noThread)
    return Outcome.run({
      runId: "",
      threadId: address.threadId,
      tenant,
      openings: [],
      cursor,
      settled: 0,
      until: only === "stored" ? "stored" : "end",
      isThread: true
    })
  }
  const found = yield* Effect.result(Lookup.addressed(serving, principal, address))
  if (found._tag === "Failure") return only === "running" ? nothing : yield* Effect.fail(found.failure)
  const { lastSeq, runId, state, threadId } = found.success
  if (cancels === true) yield* serving.runtime.cancel(runId)
  if (only === "running" && state === "ended" && after === undefined) return nothing
  const place = answer === undefined ? undefined : yield* Past.place(serving, found.success, answer)
  return Outcome.run({
    runId,
    threadId: serving.naming.outer(tenant, threadId),
    tenant,
    openings: place?.openings ?? [],
    cursor,
    settled: Math.min(lastSeq, place?.upTo ?? lastSeq),
    until: only === "stored" ? "stored" : "end",
    upTo: place?.upTo,
    isThread: false
  })
})

const nothing: Outcome.Outcome = { _tag: "NothingToResume" }

/** Counts what a query would send to its agent's model, without starting anything. */
export const countTokens = (
  serving: ServerContext,
  principal: Principal,
  { agent, instructions, model, prompt, seed = [], settings = {} }: Command.StartQuery,
  { anyAgent }: RunStart.Manner
) => {
  const { agents, runtime } = serving
  const counted = ({ agent: name, model }: AgentDescription.Called) =>
    runtime.countTokens(prompt, {
      history: seed,
      tools: AgentDescription.toolsFor(agents, name, settings),
      ...(name === undefined ? {} : { agent: name }),
      ...(model === undefined ? {} : { model }),
      ...(instructions === undefined ? {} : { instructions })
    })
  const mayName = AgentDescription.mayNameModel(serving, principal)
  return AgentDescription.firstKnown({ agent, model }, { anyAgent, mayName }, counted).pipe(
    Effect.map(({ value }) => value),
    Effect.mapError(({ reason }) => Refusal.fromQueryRejected(reason))
  )
}
