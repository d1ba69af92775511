/**
 * Puts a call to a person, and says what the answer means for it: the arguments it may run with, or how it ends instead.
 * Nothing of the call runs meanwhile.
 */
import type { Event, Grant, Json, Message } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Names from "../run/Names.ts"
import type { AgentState } from "../run/AgentState.ts"
import type { Run } from "../run/Run.ts"
import * as ToolOutcome from "../tool/ToolOutcome.ts"
import * as Question from "./Question.ts"
import { unattendedName } from "./Question.ts"

/** What came of a question: the arguments to run with, or how the call ends instead. */
export type Asked =
  | { readonly _tag: "MayRun"; readonly args: Json }
  | { readonly _tag: "Ended"; readonly outcome: ToolOutcome.ToolOutcome; readonly cancelled: boolean }

/** Asks about `call`. When it may not run, its result leaves with the decision: `closing` says which event that is. */
export const ask = (
  run: Run,
  agent: AgentState,
  call: Message.CallPart,
  options: {
    readonly expiresAt: number | undefined
    readonly closing: (outcome: ToolOutcome.ToolOutcome) => Event
  }
): Effect.Effect<Asked> => {
  const put = Question.put(run, agent, Names.ofCall(call.id), {
    kind: "tool",
    target: call.name,
    payload: call.args,
    toolInvocationId: call.id,
    ...(options.expiresAt === undefined ? {} : { expiresAt: options.expiresAt })
  })
  return Effect.flatMap(put, (answer) => {
    const asked = read(answer, call)
    const decided = run.engine.emit(Names.decided(agent.prefix, Names.ofCall(call.id)), agent.path, () => {
      const decision: Event = { type: "approval-decision", data: answer.resolution }
      return asked._tag === "MayRun" ? [decision] : [decision, options.closing(asked.outcome)]
    })
    const told = Effect.as(decided, asked)
    return answer.grant === undefined ? told : Effect.andThen(keep(run, agent, call, answer.grant), told)
  })
}

/**
 * Keeps the grant that the answer leaves behind. The run does it, and not who answered: so an answer that came second leaves
 * none, and the next call finds it.
 */
const keep = (run: Run, agent: AgentState, call: Message.CallPart, grant: Grant.Grant) =>
  run.engine.activity(Names.grant(agent.prefix, call.id), Schema.Null, () =>
    Effect.as(run.grants.add(grant), { value: null, path: agent.path, events: [], spent: [] })
  )

/** What an answer means for the call. */
const read = (answer: Question.Answer, call: Message.CallPart): Asked => {
  const { by, feedback, outcome } = answer.resolution
  const who = by === unattendedName ? "this call was refused" : "a person refused this call"
  const said = feedback === undefined || feedback === "" ? "" : `: ${feedback}`
  switch (outcome.outcome) {
    case "approve":
      return { _tag: "MayRun", args: call.args }
    case "revise":
      return { _tag: "MayRun", args: answer.args ?? call.args }
    case "reject":
      return ended(ToolOutcome.fault("Denied", `${who}, for good${said}`, "denied"))
    case "expired":
      return ended(ToolOutcome.fault("Expired", "nobody answered in time; the call did not run", "denied"))
    case "cancelled":
      return ended(ToolOutcome.fault("Cancelled", "the run was cancelled; the call did not run", "cancelled"), true)
  }
}

const ended = (outcome: ToolOutcome.ToolOutcome, cancelled = false): Asked => ({ _tag: "Ended", outcome, cancelled })
