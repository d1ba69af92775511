/**
 * Accepts answers to waiting runs: decisions and results of client calls. Only answers that match something open count;
 * other input, such as a history in which a call looks approved, has no effect.
 */
import { type Approval, ApprovalErrors, Decision, Question } from "@reins/protocol"
import type { ApprovalProgress, RunStatus } from "@reins/runtime"
import { CallId, ModelOptions, Refusal, Command, type Parking } from "@reins/wire"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { type Opening, withOpening, withoutOpening, withSettings } from "../thread/ThreadBook.ts"
import * as Lookup from "./Lookup.ts"
import * as Outcome from "./Outcome.ts"
import * as Past from "./Past.ts"
import { type Answers, beforeResults, digest, type Given, repeated, type Shown, watching } from "./Repetition.ts"
import type { ServerContext } from "./ServerContext.ts"
import { actor, type Principal } from "../access/Authenticator.ts"

/**
 * Answers that match something open. `ids` are the ids that encoders know them by. `refusal`: of the first one that cannot
 * decide what it matches; none may be passed on.
 */
interface Fitting {
  readonly decisions: ReadonlyArray<{ readonly question: Approval.Request; readonly decision: Decision }>
  readonly results: ReadonlyArray<{ readonly call: Parking.ClientCall; readonly given: Command.ResultFor }>
  readonly ids: ReadonlyArray<string>
  readonly refusal: Refusal.Refusal | undefined
}

const callIdOf = ({ call, path }: Parking.ClientCall): string => CallId.make(path, call.toolInvocationId)

/** The ids of a question: its own, and of one that a call asks, that of the call. */
const idsOf = ({ agentPath = [], id, kind, toolInvocationId }: Approval.Request): ReadonlyArray<string> =>
  kind === "question" && toolInvocationId !== undefined ? [id, CallId.make(agentPath, toolInvocationId)] : [id]

const contradicting = Refusal.make(
  "bad-request",
  "AnswersContradict",
  "Two different answers to the same question or call. Send one"
)

/** Whether some of these say something else than the others. */
const differ = (said: ReadonlyArray<unknown>): boolean => new Set(said.map((one) => JSON.stringify(one))).size > 1

const fitting = (open: Parking.Parking, { decisions, results }: Answers): Fitting => {
  let refusal: Refusal.Refusal | undefined
  const decided = open.questions.flatMap((question) => {
    const named = decisions.filter((decision) => Command.concerns(decision, question))
    const [given] = named
    const all =
      given === undefined
        ? results.flatMap((one) => (Command.answers(one, question) ? [Command.decisionBy(question, one)] : []))
        : named.map((one) => Command.decisionOn(question, one))
    const [decision] = all
    if (differ(all)) refusal ??= contradicting
    if (given !== undefined) refusal ??= Command.refusalOn(question, given)
    return decision === undefined ? [] : [{ question, decision }]
  })
  const returned = open.plainCalls.flatMap((call) => {
    const all = results.filter(({ toolCallId }) => toolCallId === callIdOf(call))
    const [given] = all
    if (differ(all)) refusal ??= contradicting
    return given === undefined ? [] : [{ call, given }]
  })
  const ids = [...decided.flatMap(({ question }) => idsOf(question)), ...returned.map(({ call }) => callIdOf(call))]
  return { decisions: decided, results: returned, ids, refusal }
}

const incomplete = Refusal.make(
  "bad-request",
  "AnswersMissing",
  "Every open question must be answered in the same request"
)

/** A run, what it waits for, and which answers match. */
export interface Waiting {
  readonly status: RunStatus
  readonly open: Parking.Parking
  readonly fits: Fitting
}

/**
 * The addressed run. Without an address: a run of the tenant that waits for an answer and, if the client shows a
 * conversation, had this one.
 */
export const waiting = Effect.fnUntraced(function* (
  serving: ServerContext,
  principal: Principal,
  address: Command.Address,
  answers: Answers,
  shown: Shown = []
) {
  if (address.runId !== undefined || address.threadId !== undefined) {
    const status = yield* Lookup.addressed(serving, principal, address)
    const open = yield* Lookup.standing(serving, status)
    return { status, open, fits: fitting(open, answers) } satisfies Waiting
  }
  const { tenant } = principal
  const asked = yield* serving.runtime.pendingApprovals({ resourceId: tenant })
  const named = asked.find(({ request }) => answers.decisions.some(({ approvalId }) => approvalId === request.id))
  for (const runId of named === undefined ? yield* active(serving, principal) : [named.runId]) {
    const status = yield* Effect.option(Lookup.run(serving, principal, runId))
    if (status._tag === "None") continue
    const open = yield* Lookup.standing(serving, status.value)
    const fits = fitting(open, answers)
    if (fits.ids.length === 0) continue
    if (named !== undefined) return { status: status.value, open, fits } satisfies Waiting
    const past = yield* Effect.option(Past.of(serving, status.value))
    const isMeant = past._tag === "None" || Past.isShownIn(past.value, beforeResults(shown))
    if (isMeant) return { status: status.value, open, fits } satisfies Waiting
  }
  return undefined
})

/** The tenant's active runs: those that were started here, then those of other servers over the same store. */
const active = ({ runtime, watchers }: ServerContext, { tenant }: Principal) =>
  Effect.map(runtime.threads.list({ resourceId: tenant }), (threads) => {
    const held = threads.flatMap(({ runId }) => (runId === undefined ? [] : [runId]))
    return new Set([...watchers.running(tenant), ...held.toReversed()])
  })

const respond = (
  { runtime }: ServerContext,
  principal: Principal,
  id: string,
  { by: _claimed, ...decision }: Decision
): Effect.Effect<ApprovalProgress, Refusal.Refusal> =>
  // By the authenticated principal. A name from the client is ignored.
  runtime.respondToApproval(id, decision, { resourceId: principal.tenant, principal: actor(principal) }).pipe(
    Effect.mapError(({ reason }) =>
      // Another tenant's question is reported as unknown.
      reason._tag === "ApprovalForbidden" ? unknownApproval : Refusal.fromApprovalError(reason)
    )
  )

// The same as for an unknown id, so that another tenant's question is not revealed.
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

/**
 * Submits the matching answers, in order; a failure is reported only when none was accepted, or if a retry cannot help.
 * Returns the ids of the questions that are still open, because more approvals are needed.
 */
const submit = Effect.fnUntraced(function* (
  serving: ServerContext,
  principal: Principal,
  { runId }: RunStatus,
  { decisions, results }: Fitting
) {
  let taken = 0
  let refusal: Refusal.Refusal | undefined
  const undecided = new Set<string>()
  const count = (outcome: Result.Result<unknown, Refusal.Refusal>): void => {
    if (Result.isSuccess(outcome)) taken += 1
    else refusal = refusal ?? outcome.failure
  }
  for (const { decision, question } of decisions) {
    const outcome = yield* Effect.result(respond(serving, principal, question.id, decision))
    if (Result.isSuccess(outcome) && !outcome.success.decided) undecided.add(question.id)
    count(outcome)
  }
  for (const { call, given } of results) {
    const sent = serving.runtime.submitToolResult(runId, call.call.toolInvocationId, {
      result: given.result,
      ...(given.isFailure === undefined ? {} : { isFailure: given.isFailure }),
      ...(given.content === undefined ? {} : { content: given.content }),
      agentPath: call.path
    })
    count(yield* Effect.result(Effect.mapError(sent, () => Lookup.noCall)))
  }
  const isFinal = refusal?.kind === "unprocessable" || refusal?.kind === "forbidden"
  if (taken === 0 || isFinal) return yield* Effect.fail(refusal ?? Lookup.noCall)
  return undecided
})

/**
 * Whether the run was asked for what this request asks of the model. A request that names a thread takes the run as it
 * is.
 */
export const suits = (serving: ServerContext, status: RunStatus, { model, threadId }: Command.StartQuery) =>
  threadId === undefined
    ? Effect.map(Lookup.note(serving, status), (note) => note === undefined || ModelOptions.isSame(note.model, model))
    : Effect.succeed(true)

const ambiguous = Refusal.make(
  "conflict",
  "AnswerAmbiguous",
  "Several questions or calls wait. Name the one that is answered"
)
const yes = /^\s*(approve|approved|yes|y|ok|okay|allow|confirm|confirmed)\s*[.!]?\s*$/i
const no = /^\s*(reject|rejected|no|n|deny|denied|refuse)\s*[.!]?\s*$/i

/**
 * What words answer that name nothing: the one thing that waits. Only a plain yes approves; a question of a call is answered
 * by the words themselves.
 */
const meaning = (
  { plainCalls, questions }: Pick<Parking.Parking, "plainCalls" | "questions">,
  said: string
): Answers | Refusal.Refusal => {
  const [question] = questions
  const [call] = plainCalls
  if (questions.length + plainCalls.length > 1) return ambiguous
  const asked = question === undefined ? undefined : Question.of(question)
  if (question !== undefined && asked !== undefined) {
    return {
      decisions: [{ approvalId: question.id, decision: Decision.answer(Question.fromText(asked, said)) }],
      results: []
    }
  }
  if (question !== undefined) {
    const rejected = no.test(said) ? Decision.reject() : Decision.reject({ feedback: said })
    const decision = yes.test(said) ? Decision.approve() : rejected
    return { decisions: [{ approvalId: question.id, decision }], results: [] }
  }
  if (call === undefined) return nothingWaits
  return { decisions: [], results: [{ toolCallId: callIdOf(call), result: said }] }
}

/**
 * Executes an answer; the run continues afterwards. `isWatched`: the response streams the run, or the answer is kept for its
 * client. `undefined`: nothing waits for it; then `otherwise` decides.
 */
export const answer = Effect.fnUntraced(function* (
  serving: ServerContext,
  principal: Principal,
  command: Command.Answer,
  isWatched: boolean
): Effect.fn.Return<Outcome.Watching | undefined, Refusal.Refusal> {
  const { said } = command
  if (said === undefined) return yield* named(serving, principal, command, isWatched)
  // Sent again, words are no answer to what is asked by now.
  const again = yield* repeated(serving, principal, command)
  if (again !== undefined) return again
  const asked = yield* waiting(serving, principal, command.address, command)
  const meant = asked === undefined ? nothingWaits : meaning(asked.open, said)
  if ("kind" in meant) return yield* Effect.fail(meant)
  return yield* named(serving, principal, { ...command, ...meant }, isWatched)
})

/** Executes an answer that names what it answers. */
const named = Effect.fnUntraced(function* (
  serving: ServerContext,
  principal: Principal,
  command: Command.Answer,
  isWatched: boolean
): Effect.fn.Return<Outcome.Watching | undefined, Refusal.Refusal> {
  const { otherwise } = command
  const found = yield* waiting(serving, principal, command.address, command, otherwise?.seed)
  const isOpen = found !== undefined && found.fits.ids.length > 0
  if (isOpen && (otherwise === undefined || (yield* suits(serving, found.status, otherwise)))) {
    const told = yield* tell(serving, principal, found, command, isWatched)
    if (told !== undefined) return told
  }
  const again = yield* repeated(serving, principal, { ...command, shown: otherwise?.seed })
  if (again !== undefined) return again
  return otherwise === undefined ? yield* explain(serving, principal, command) : undefined
})

/** Passes answers to a run. `undefined`: another request is answering one of them. */
export const tell = Effect.fnUntraced(function* (
  serving: ServerContext,
  principal: Principal,
  { fits, open, status }: Waiting,
  command: Given & Pick<Command.Answer, "complete" | "echo" | "settings">,
  isWatched: boolean
): Effect.fn.Return<Outcome.Watching | undefined, Refusal.Refusal> {
  if (fits.refusal !== undefined) return yield* Effect.fail(fits.refusal)
  const isMissing = open.questions.length + open.plainCalls.length > fits.decisions.length + fits.results.length
  if (command.complete === true && isMissing) return yield* Effect.fail(incomplete)
  const { tenant } = principal
  const threadId = serving.naming.outer(tenant, status.threadId)
  const given = digest(command)
  const words = (command.words ?? []).map((message, index) => ({
    message,
    messageId: `${given.slice(0, 32)}_${index}`
  }))
  const follows = words.at(-1)?.messageId
  const opening: Opening = {
    after: status.lastSeq,
    answered: fits.ids,
    given,
    echo: command.echo,
    ...(follows === undefined ? {} : { follows })
  }
  let before: ReadonlyArray<Opening> = []
  let isTaken = false
  // Before the answer is passed on, so that a concurrent repetition finds it.
  yield* serving.book.update(tenant, threadId, (note) => {
    before = note?.runs.find(({ runId }) => runId === status.runId)?.openings ?? []
    isTaken = before.some(({ answered }) => answered.some((id) => fits.ids.includes(id)))
    if (note === undefined || isTaken) return undefined
    const settled = { ...note, settings: withSettings(note.settings, command.settings) }
    return isWatched ? withOpening(settled, status.runId, opening) : settled
  })
  if (isTaken) return undefined
  // Words wait in the run until the answers are there, so that its model hears both at once.
  const said = Effect.forEach(words, ({ message, messageId }) =>
    Effect.mapError(serving.runtime.steer(status.runId, message, { messageId }), (refused) =>
      Refusal.make("conflict", refused._tag, refused.message)
    )
  )
  const undecided = yield* Effect.onError(Effect.andThen(said, submit(serving, principal, status, fits)), () =>
    isWatched
      ? serving.book.update(tenant, threadId, (note) =>
          note === undefined ? undefined : withoutOpening(note, status.runId, opening)
        )
      : Effect.void
  )
  if (undecided.size === 0) return watching(status, { tenant, threadId, openings: [...before, opening] })
  // More answers are needed, possibly equal ones: a later equal answer is not a repetition.
  const { given: _, ...rest } = opening
  const counted: Opening = { ...rest, answered: fits.ids.filter((id) => !undecided.has(id)) }
  if (isWatched) {
    yield* serving.book.update(tenant, threadId, (note) => {
      if (note === undefined) return undefined
      const without = withoutOpening(note, status.runId, opening)
      return counted.answered.length === 0 && follows === undefined
        ? without
        : withOpening(without, status.runId, counted)
    })
  }
  return watching(status, { tenant, threadId, openings: [...before, counted] })
})

/** Executes a submission of client results. */
export const results = (serving: ServerContext, principal: Principal, command: Command.SubmitToolResults) =>
  Effect.map(answer(serving, principal, { ...command, _tag: "Answer", decisions: [] }, false), (told) =>
    Outcome.facts({
      _tag: "Accepted",
      ...(told === undefined ? {} : { runId: told.feed.runId, threadId: told.feed.threadId })
    })
  )
