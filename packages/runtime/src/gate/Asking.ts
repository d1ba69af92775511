/**
 * Puts a call to a person and waits for the answer: announces the question, waits for a decision, expiry or cancel, and
 * announces what came of it. The question can be found before it is announced; nothing of the call runs meanwhile.
 */
import { Approval, type Event, type Json, type Message } from "@reins/protocol"
import { sha256 } from "@noble/hashes/sha2.js"
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { Place, Run } from "../run/Run.ts"
import * as ToolOutcome from "../tool/ToolOutcome.ts"

const AnswerStruct = Schema.Struct({
  resolution: Approval.Resolution,
  args: Schema.optionalKey(Schema.Json)
})

/** The answer as it is stored: what the event will say, and the arguments a revision leaves. */
export interface Answer extends Schema.Schema.Type<typeof AnswerStruct> {}
export const Answer: Schema.Codec<Answer> = AnswerStruct

/** The name that answers to a question are stored under. */
export const waitName = (approvalId: string): string => `approval/${approvalId}`

/** A question's id: the same on every replay of the run, and as hard to guess as the run's own id. */
export const approvalId = (runId: string, prefix: string, callId: string): string =>
  `apr_${bytesToHex(sha256(utf8ToBytes(`${runId}\n${prefix}\n${callId}`))).slice(0, 32)}`

/** What came of a question: the arguments to run with, or how the call ends instead. */
export type Asked =
  | { readonly _tag: "MayRun"; readonly args: Json }
  | { readonly _tag: "Ended"; readonly outcome: ToolOutcome.ToolOutcome; readonly cancelled: boolean }

/** Asks about `call`. When it may not run, its result leaves with the decision: `closing` says which event that is. */
export const ask = Effect.fnUntraced(function* (
  run: Run,
  place: Place,
  call: Message.CallPart,
  options: {
    readonly expiresAt: number | undefined
    readonly closing: (outcome: ToolOutcome.ToolOutcome) => Event
  }
) {
  const { engine } = run
  const id = approvalId(engine.runId, place.prefix, call.id)
  const request: Approval.Request = {
    id,
    kind: "tool",
    target: call.name,
    payload: call.args,
    resourceId: engine.resourceId,
    threadId: engine.threadId,
    toolInvocationId: call.id,
    ...(place.path.length === 0 ? {} : { agentPath: place.path }),
    ...(options.expiresAt === undefined ? {} : { expiresAt: options.expiresAt })
  }
  yield* engine.emit(`${place.prefix}ask/${call.id}`, place.path, () => [{ type: "approval-required", data: request }])
  const value =
    unattended(run, id) ??
    (yield* engine.wait(
      waitName(id),
      Answer,
      {
        cancelled: { resolution: { id, outcome: { outcome: "cancelled" } } },
        ...(options.expiresAt === undefined
          ? {}
          : { expires: { at: options.expiresAt, value: { resolution: { id, outcome: { outcome: "expired" } } } } })
      },
      { path: place.path, reason: "approval", id }
    )).value
  const asked = read(value, call)
  yield* engine.emit(`${place.prefix}decided/${call.id}`, place.path, () => {
    const decision: Event = { type: "approval-decision", data: value.resolution }
    return asked._tag === "MayRun" ? [decision] : [decision, options.closing(asked.outcome)]
  })
  return asked
})

/** The answer of a runtime that has nobody to ask. */
const unattended = ({ settings }: Run, id: string): Answer | undefined => {
  switch (settings.unattended) {
    case "wait":
      return undefined
    case "approve":
      return { resolution: { id, outcome: { outcome: "approve" }, by: "unattended" } }
    case "deny":
      return { resolution: { id, outcome: { outcome: "reject" }, by: "unattended", feedback: "nobody is here to ask" } }
  }
}

/** What an answer means for the call. */
const read = (answer: Answer, call: Message.CallPart): Asked => {
  const { feedback, outcome } = answer.resolution
  const said = feedback === undefined || feedback === "" ? "" : `: ${feedback}`
  switch (outcome.outcome) {
    case "approve":
      return { _tag: "MayRun", args: call.args }
    case "revise":
      return { _tag: "MayRun", args: answer.args ?? call.args }
    case "reject":
      return ended(ToolOutcome.fault("Denied", `a person refused this call, for good${said}`, "denied"))
    case "expired":
      return ended(ToolOutcome.fault("Expired", "nobody answered in time; the call did not run", "denied"))
    case "cancelled":
      return ended(ToolOutcome.fault("Cancelled", "the run was cancelled; the call did not run", "cancelled"), true)
  }
}

const ended = (outcome: ToolOutcome.ToolOutcome, cancelled = false): Asked => ({ _tag: "Ended", outcome, cancelled })
