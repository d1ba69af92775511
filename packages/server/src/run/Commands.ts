/** Executes commands of every dialect: maps what a client asks for to calls of the runtime. */
import type { Refusal } from "@reins/wire"
import type { Command, Dialect } from "@reins/wire"
import * as Effect from "effect/Effect"
import type { Principal } from "../access/Principal.ts"
import * as ThreadName from "../thread/ThreadName.ts"
import * as Answers from "./Answers.ts"
import * as AgentDescription from "./AgentDescription.ts"
import * as Lookup from "./Lookup.ts"
import * as Outcome from "./Outcome.ts"
import * as ResumePoint from "./ResumePoint.ts"
import type { ServerContext } from "./ServerContext.ts"
import * as RunStart from "./RunStart.ts"
import * as Threads from "./Threads.ts"

/** `isWatched`: the request's answer shows the run. `anyAgent` and `onBusy`: as in `Mount`. */
export interface Manner {
  readonly isWatched: boolean
  readonly anyAgent: boolean
  readonly onBusy: Dialect.OnBusy
}

export const carry = (
  serving: ServerContext,
  principal: Principal,
  command: Command.Command,
  { anyAgent, isWatched, onBusy }: Manner
): Effect.Effect<Outcome.Outcome, Refusal.Refusal> => {
  switch (command._tag) {
    case "StartQuery":
      return accepted(command.detached, RunStart.query(serving, principal, command, { anyAgent, onBusy }))
    case "Answer":
      return accepted(
        command.detached,
        Answers.answer(serving, principal, command, isWatched && command.detached !== true)
      )
    case "SubmitToolResults":
      return Answers.results(serving, principal, command)
    case "Cancel":
      return cancel(serving, principal, command)
    case "Resume":
      return ResumePoint.resume(serving, principal, command)
    case "CreateThread":
      return Threads.create(serving, principal, command)
    case "GetThread":
      return Threads.get(serving, principal, command.threadId)
    case "ListThreads":
      return Threads.list(serving, principal, command)
    case "DeleteThread":
      return Threads.remove(serving, principal, command.threadId)
    case "GetHistory":
      return Threads.history(serving, principal, command.threadId)
    case "ListApprovals":
      return approvals(serving, principal, command)
    case "Describe":
      return AgentDescription.agents(serving)
    case "Vote":
      return Threads.vote(serving, principal, command)
    case "ListVotes":
      return Threads.votes(serving, principal, command.threadId)
  }
}

/** In the background the answer only confirms that the run has started. */
const accepted = (
  detached: boolean | undefined,
  carried: Effect.Effect<Outcome.Watching, Refusal.Refusal>
): Effect.Effect<Outcome.Outcome, Refusal.Refusal> =>
  detached === true
    ? Effect.map(carried, ({ feed: { runId, threadId } }) => Outcome.facts({ _tag: "Accepted", runId, threadId }))
    : carried

const cancel = Effect.fnUntraced(function* (serving: ServerContext, principal: Principal, { address }: Command.Cancel) {
  const { runId } = yield* Lookup.addressed(serving, principal, address)
  return Outcome.facts({ _tag: "Cancelled", isRunning: yield* serving.runtime.cancel(runId) })
})

const approvals = (
  { naming, runtime }: ServerContext,
  { tenant }: Principal,
  { threadId }: Command.ListApprovals
): Effect.Effect<Outcome.Outcome> =>
  Effect.map(
    runtime.pendingApprovals({
      resourceId: tenant,
      ...(threadId === undefined ? {} : { threadId: naming.inner(tenant, threadId) })
    }),
    (asked) =>
      Outcome.facts({
        _tag: "Approvals",
        approvals: asked.map(({ request }) => ThreadName.question(naming, request))
      })
  )
