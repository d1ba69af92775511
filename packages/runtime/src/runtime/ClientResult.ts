/**
 * Accepts results of client tools. A result counts only for an open call that the caller may run: if the call needs an
 * approval, only after that. The result of a call that asks a person is the answer to its question.
 */
import { AgentPath, Approval, Decision, type Json, type Message, Question } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as PlainJson from "../kernel/PlainJson.ts"
import * as Names from "../run/Names.ts"
import * as Answers from "./Answers.ts"
import { CallNotFound } from "./NotFound.ts"
import type { RuntimeParts } from "./RuntimeParts.ts"

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
