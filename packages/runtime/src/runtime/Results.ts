/**
 * Takes results of calls from outside of their run, each at most once: late results of calls that ended with a receipt
 * (`ToolRun.later`), and results of client tools.
 *
 * A late result is validated against what the ticket stores of its tool, in any process and without the agent's code; one
 * write decides between two deliveries, the ticket's expiry and the end of its run. A client's result counts only for an open
 * call that the caller may run: if the call needs an approval, only after that. The result of a call that asks a person is the
 * answer to its question.
 */
import { AgentPath, Approval, Decision, type Json, type Message, Money, Question } from "@reins/protocol"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Ticket from "../engine/Ticket.ts"
import * as PlainJson from "../kernel/PlainJson.ts"
import * as Names from "../run/Names.ts"
import * as JsonSchema from "../tool/JsonSchema.ts"
import { CallNotFound, ResultRefused } from "./NotFound.ts"
import type { RuntimeParts } from "./RuntimeParts.ts"
import * as Answers from "./Answers.ts"

/**
 * The late result of a call: a value that fits its tool's schema, or a failure, which the model reads unchanged.
 *
 * @since 0.2.0
 * @category models
 */
export type LateResult = { readonly value: Json } | { readonly failure: Json }

/**
 * Options of `results.deliver`. `resourceId`: only a ticket of this tenant. `costUsd`: what the result has cost, in US
 * dollars, for the ledger and the budget of its run; absent: nothing.
 *
 * @since 0.2.0
 * @category models
 */
export interface DeliverOptions {
  readonly resourceId?: string | undefined
  readonly costUsd?: number | undefined
}

/**
 * A ticket. `schema`: the JSON Schema of its tool's results. `expiresAt`: in epoch milliseconds; absent: never.
 * `state`: `open` while a result is accepted.
 *
 * @since 0.2.0
 * @category models
 */
export interface TicketStatus {
  readonly ticketId: string
  readonly runId: string
  readonly threadId: string
  readonly toolName: string
  readonly callId: string
  readonly agentPath: ReadonlyArray<string>
  readonly schema: Json
  readonly expiresAt?: number
  readonly state: "open" | "delivered" | "expired" | "closed"
}

/** A ticket, unless it is unknown or of another tenant. */
const found = Effect.fnUntraced(function* ({ host }: RuntimeParts, ticketId: string, resourceId: string | undefined) {
  const names = Names.ofTicket(ticketId)
  const status = names === undefined ? undefined : yield* host.status(names.runId)
  const unknown = () => Effect.fail(new ResultRefused({ ticketId, why: "unknown" }))
  if (names === undefined || status === undefined) return yield* unknown()
  if (resourceId !== undefined && status.resourceId !== resourceId) return yield* unknown()
  const about = (yield* host.answers(names.runId, names.about)).get(names.about)
  if (about === undefined) return yield* unknown()
  const end = (yield* host.answers(names.runId, names.end)).get(names.end)
  return { names, status, about: Ticket.readAbout(about), end: end === undefined ? undefined : Ticket.read(end) }
})

/** The ticket of that id. */
export const get = Effect.fnUntraced(function* (
  parts: RuntimeParts,
  ticketId: string,
  { resourceId }: { readonly resourceId?: string | undefined } = {}
) {
  const { about, end, status } = yield* found(parts, ticketId, resourceId)
  const now = yield* Clock.currentTimeMillis
  const { callId, expiresAt = Number.POSITIVE_INFINITY, path, schema, toolName } = about
  return {
    ticketId,
    runId: status.runId,
    threadId: status.threadId,
    toolName,
    callId,
    agentPath: path,
    schema,
    ...(about.expiresAt === undefined ? {} : { expiresAt }),
    state:
      end !== undefined ? states[end.by] : status.state === "ended" ? "closed" : now >= expiresAt ? "expired" : "open"
  } satisfies TicketStatus
})

const states = { delivery: "delivered", expiry: "expired", close: "closed" } as const
const refusals = { delivery: "already-delivered", expiry: "expired", close: "closed" } as const

/** Delivers the result of a ticket. */
export const deliver = Effect.fnUntraced(function* (
  parts: RuntimeParts,
  ticketId: string,
  result: LateResult,
  { costUsd, resourceId }: DeliverOptions = {}
) {
  const { host } = parts
  const { about, end, names, status } = yield* found(parts, ticketId, resourceId)
  const refuse = (why: ResultRefused["why"], issue?: string) =>
    Effect.fail(new ResultRefused({ ticketId, why, ...(issue === undefined ? {} : { issue }) }))
  if (end !== undefined) return yield* refuse(refusals[end.by])
  if (status.state === "ended") return yield* refuse("run-ended")
  if (about.expiresAt !== undefined && (yield* Clock.currentTimeMillis) >= about.expiresAt) {
    return yield* refuse("expired")
  }
  const isFailure = "failure" in result
  const value = PlainJson.copy(isFailure ? result.failure : result.value)
  if (value === undefined) return yield* refuse("invalid", "it is not JSON")
  const issue = isFailure ? undefined : JsonSchema.checker(about.schema)(value)
  if (issue !== undefined) return yield* refuse("invalid", issue)
  const cost = costUsd === undefined ? Result.succeed(0) : Money.parseUsd("costUsd", costUsd)
  if (Result.isFailure(cost)) return yield* refuse("invalid", cost.failure.message)
  const delivered: Ticket.End = {
    by: "delivery",
    result: value,
    ...(isFailure ? { status: "failed" as const } : {}),
    ...(cost.success === 0 ? {} : { costNanoUsd: cost.success })
  }
  const answered = yield* host.answer(status.runId, names.end, Ticket.write(delivered))
  if (answered._tag === "Resolved") return yield* refuse(refusals[Ticket.read(answered.value).by])
  if (answered._tag === "Unknown") return yield* refuse("run-ended")
})

/** A client's result. `content` is shown to the model in place of `result`. `agentPath` absent: of the root's call. */
export interface ClientAnswer {
  readonly result: Json
  readonly isFailure?: boolean | undefined
  readonly content?: Message.ResultPart["content"] | undefined
  readonly agentPath?: ReadonlyArray<string>
}

/** Submits the result of an open client call. */
export const submit = Effect.fnUntraced(function* (
  parts: RuntimeParts,
  runId: string,
  callId: string,
  answer: ClientAnswer
) {
  const { host } = parts
  const path = answer.agentPath ?? AgentPath.root
  const prefix = AgentPath.key(path)
  const { asked, subject } = yield* lastQuestion(host, runId, prefix, callId)
  const question = asked?.asked.request
  if (question?.kind === "question") {
    yield* Answers.respond(parts, question.id, decisionOf(question, answer))
    return
  }
  // A result from before the approval does not count.
  const mayRun = asked === undefined || (asked.outcome !== undefined && Approval.allows(asked.outcome))
  const isOpen = mayRun && (yield* host.hasClientCall(runId, path, callId))
  const taken = isOpen
    ? yield* host.answer(runId, Names.client(prefix, subject, asked !== undefined), stored(answer))
    : undefined
  if (taken?._tag !== "Taken") return yield* new CallNotFound({ runId, toolInvocationId: callId })
})

/** The decision that a caller's result makes of the call's question: a failure declines to answer. */
const decisionOf = (request: Approval.Request, { isFailure, result }: ClientAnswer): Decision => {
  const asked = Question.of(request)
  if (isFailure === true) return Decision.reject({ feedback: typeof result === "string" ? result : "" })
  return Decision.answer(asked === undefined ? result : Question.fit(asked, result))
}

/** The last question about a call; there is a new one after each change of its tool's definition. */
const lastQuestion = Effect.fnUntraced(function* (
  host: RuntimeParts["host"],
  runId: string,
  prefix: string,
  callId: string
) {
  const find = (subject: Names.Subject) => host.approval(Names.approvalId(runId, prefix, subject))
  let last = { subject: Names.ofCall(callId), asked: yield* find(Names.ofCall(callId)) }
  for (let changes = 1; last.asked !== undefined; changes++) {
    const subject = Names.ofChanged(callId, changes)
    const asked = yield* find(subject)
    if (asked === undefined) break
    last = { subject, asked }
  }
  return last
})

/** The stored form of a client's result. */
const stored = (answer: {
  readonly result: Json
  readonly isFailure?: boolean | undefined
  readonly content?: Message.ResultPart["content"] | undefined
}): Json => {
  const result = PlainJson.copy(answer.result)
  if (result === undefined) {
    return { result: { error: "ResultInvalid", message: "the client's result is not JSON" }, status: "failed" }
  }
  const content = answer.content === undefined ? undefined : PlainJson.copy(answer.content)
  return {
    result,
    ...(answer.isFailure === true ? { status: "failed" } : {}),
    ...(content === undefined ? {} : { content })
  }
}
