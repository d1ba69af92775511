/**
 * Accepts answers to what runs wait for: decisions and results of client calls. Only answers that match something open
 * count; anything else the client sends along, such as a history in which a call looks approved, changes nothing.
 */
import { ApprovalErrors, type Decision } from "@reins/protocol"
import type { RunStatus } from "@reins/runtime"
import { CallId, Cursor, Refusal, type Command, type Parking } from "@reins/wire"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { type Opening, withOpening, withSettings } from "../thread/ThreadBook.ts"
import * as Lookup from "./Lookup.ts"
import * as Outcome from "./Outcome.ts"
import type { ServerContext } from "./ServerContext.ts"
import type { Principal } from "../access/Authenticator.ts"

/** Answers that match something open. `ids` are the ids that encoders know them by. */
interface Fitting {
  readonly decisions: ReadonlyArray<{ readonly id: string; readonly decision: Decision }>
  readonly results: ReadonlyArray<{ readonly call: Parking.ClientCall; readonly given: Command.ResultFor }>
  readonly ids: ReadonlyArray<string>
}

type Answers = Pick<Command.Answer, "decisions" | "results">

const callIdOf = ({ call, path }: Parking.ClientCall): string => CallId.make(path, call.toolInvocationId)

const fitting = (open: Parking.Parking, { decisions, results }: Answers): Fitting => {
  const decided = open.questions.flatMap((question) => {
    const { agentPath = [], id, toolInvocationId } = question
    const callId = toolInvocationId === undefined ? undefined : CallId.make(agentPath, toolInvocationId)
    const given = decisions.find(
      ({ approvalId, toolCallId }) =>
        approvalId === id || (approvalId === undefined && toolCallId !== undefined && toolCallId === callId)
    )
    return given === undefined ? [] : [{ id, decision: given.decision }]
  })
  const returned = open.clientCalls.flatMap((call) => {
    const given = results.find(({ toolCallId }) => toolCallId === callIdOf(call))
    return given === undefined ? [] : [{ call, given }]
  })
  const ids = [...decided.map(({ id }) => id), ...returned.map(({ call }) => callIdOf(call))]
  return { decisions: decided, results: returned, ids }
}

const incomplete = Refusal.make(
  "bad-request",
  "AnswersMissing",
  "Every open question must be answered in the same request"
)

/** The run that is meant, what it waits for, and which answers match. */
const find = Effect.fnUntraced(function* (
  serving: ServerContext,
  principal: Principal,
  address: Command.Address,
  answers: Answers
) {
  if (address.runId !== undefined || address.threadId !== undefined) {
    const status = yield* Lookup.addressed(serving, principal, address)
    const open = yield* Lookup.standing(serving, status)
    return { status, open, fits: fitting(open, answers) }
  }
  const { tenant } = principal
  const asked = yield* serving.runtime.pendingApprovals({ resourceId: tenant })
  const named = asked.find(({ request }) => answers.decisions.some(({ approvalId }) => approvalId === request.id))
  for (const runId of named === undefined ? serving.watchers.running(tenant) : [named.runId]) {
    const status = yield* Effect.option(Lookup.run(serving, principal, runId))
    if (status._tag === "None") continue
    const open = yield* Lookup.standing(serving, status.value)
    const fits = fitting(open, answers)
    if (fits.ids.length > 0) return { status: status.value, open, fits }
  }
  return undefined
})

const respond = (
  { runtime }: ServerContext,
  { name, tenant }: Principal,
  id: string,
  decision: Decision
): Effect.Effect<void, Refusal.Refusal> =>
  runtime.respondToApproval(id, signed(decision, name), { resourceId: tenant }).pipe(
    Effect.mapError(({ reason }) =>
      // Another tenant's question is reported as unknown.
      reason._tag === "ApprovalForbidden" ? unknownApproval : Refusal.fromApprovalError(reason)
    )
  )

/** The decision, by who is known to have sent it. Whom a client names counts for nothing. */
const signed = ({ by: _claimed, ...decision }: Decision, name: string | undefined): Decision =>
  name === undefined ? decision : { ...decision, by: name }

// The same as for an id that does not exist, so that neither tells of another tenant's question.
const unknownApproval = Refusal.fromApprovalError(new ApprovalErrors.ApprovalNotFound())

const nothingWaits = Refusal.make("conflict", "NothingWaits", "No open question or client call matches this answer")

/**
 * Why no answer matches. A question that is open in another run or thread is unknown at this address; the runtime knows
 * what happened to closed ones.
 */
const explain = Effect.fnUntraced(function* (
  serving: ServerContext,
  principal: Principal,
  { decisions, results: given }: Answers
) {
  const first = decisions.find(({ approvalId }) => approvalId !== undefined)
  if (first?.approvalId === undefined) {
    return yield* Effect.fail(given.length > 0 && decisions.length === 0 ? Lookup.noCall : nothingWaits)
  }
  const asked = yield* serving.runtime.pendingApprovals({ resourceId: principal.tenant })
  if (asked.some(({ request }) => request.id === first.approvalId)) return yield* Effect.fail(unknownApproval)
  yield* respond(serving, principal, first.approvalId, first.decision)
  return yield* Effect.fail(unknownApproval)
})

/** Submits the matching answers, in order; a failure is reported only when none was accepted. */
const submit = Effect.fnUntraced(function* (
  serving: ServerContext,
  principal: Principal,
  { runId }: RunStatus,
  { decisions, results }: Fitting
) {
  let taken = 0
  let refusal: Refusal.Refusal | undefined
  const count = (outcome: Result.Result<void, Refusal.Refusal>): void => {
    if (Result.isSuccess(outcome)) taken += 1
    else refusal = refusal ?? outcome.failure
  }
  for (const { decision, id } of decisions) count(yield* Effect.result(respond(serving, principal, id, decision)))
  for (const { call, given } of results) {
    const sent = serving.runtime.submitToolResult(runId, call.call.toolInvocationId, {
      result: given.result,
      ...(given.isFailure === undefined ? {} : { isFailure: given.isFailure }),
      agentPath: call.path
    })
    count(yield* Effect.result(Effect.mapError(sent, () => Lookup.noCall)))
  }
  if (taken === 0 || refusal?.kind === "unprocessable") return yield* Effect.fail(refusal ?? Lookup.noCall)
})

/** Executes an answer; the run continues afterwards. `isWatched`: the request's own answer shows the run. */
export const answer = Effect.fnUntraced(function* (
  serving: ServerContext,
  principal: Principal,
  command: Command.Answer,
  isWatched: boolean
) {
  const found = yield* find(serving, principal, command.address, command)
  if (found === undefined || found.fits.ids.length === 0) return yield* explain(serving, principal, command)
  const { fits, open, status } = found
  const isMissing = open.questions.length + open.clientCalls.length > fits.ids.length
  if (command.complete === true && isMissing) return yield* Effect.fail(incomplete)
  yield* submit(serving, principal, status, fits)
  const { tenant } = principal
  const threadId = serving.naming.outer(tenant, status.threadId) ?? status.threadId
  const opening = { after: status.lastSeq, answered: fits.ids }
  let before: ReadonlyArray<Opening> = []
  yield* serving.book.update(tenant, threadId, (note) => {
    if (note === undefined) return undefined
    before = note.runs.find(({ runId }) => runId === status.runId)?.openings ?? []
    const settled = { ...note, settings: withSettings(note.settings, command.settings) }
    return isWatched ? withOpening(settled, status.runId, opening) : settled
  })
  return Outcome.run({
    runId: status.runId,
    threadId,
    tenant,
    openings: [...before, opening],
    cursor: Cursor.start,
    settled: status.lastSeq,
    until: "end",
    isThread: false
  })
})

/** Executes a submission of client results. */
export const results = (serving: ServerContext, principal: Principal, command: Command.SubmitToolResults) =>
  Effect.map(answer(serving, principal, { ...command, _tag: "Answer", decisions: [] }, false), ({ feed }) =>
    Outcome.facts({ _tag: "Accepted", runId: feed.runId, threadId: feed.threadId })
  )
