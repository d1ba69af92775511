/**
 * Settles a call of a specialist: admits it, runs the specialist's loop in the same run under its own agent path, and
 * closes it with its usage and result.
 *
 * The specialist has its own history; its approvals appear in the run's log; its budget is a node below its caller's. A
 * failure of the specialist is a result that the coordinator reads.
 */
import { AgentPath, Budget, Entry, Event, type Json, Message, Usage } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Names from "../run/Names.ts"
import type { Settled, Work } from "../engine/Engine.ts"
import type { Member } from "../agent/AgentRegistry.ts"
import { type AgentEnd, AgentState } from "../run/AgentState.ts"
import * as CallRow from "../agent/CallRow.ts"
import * as AgentMemory from "../run/AgentMemory.ts"
import { type Run, settle } from "../run/Run.ts"
import * as LateResults from "./LateResults.ts"
import * as Call from "./Call.ts"
import type { CallEnd } from "./Call.ts"
import * as CallHooks from "./CallHooks.ts"
import * as ToolOutcome from "../tool/ToolOutcome.ts"
import { promptFromCall } from "../agent/TypedText.ts"

const AdmissionSchema = Schema.Union([
  Schema.Struct({
    _tag: Schema.Literal("Admitted"),
    prompt: Schema.String,
    elapsedMs: Schema.Natural,
    at: Schema.Natural
  }),
  Schema.Struct({ _tag: Schema.Literal("Refused"), refusal: Budget.Refusal }),
  Schema.Struct({ _tag: Schema.Literal("TooDeep"), depth: Schema.Natural }),
  Schema.Struct({ _tag: Schema.Literal("Invalid"), issue: Schema.String }),
  Schema.Struct({ _tag: Schema.Literal("Cancelled") })
])
type Admission = Schema.Schema.Type<typeof AdmissionSchema>

/** Settles a call of `specialist`, made by `agent`. `hooked`: its hooks; absent: none. */
export const call = Effect.fnUntraced(function* (
  run: Run,
  agent: AgentState,
  call: Message.CallPart,
  specialist: Member,
  hooked?: CallHooks.Hooked
) {
  const { engine } = run
  const path = AgentPath.child(agent.path, specialist.name, call.id)
  const admission = yield* engine.activity(Names.agent(agent.prefix, call.id), AdmissionSchema, (work) =>
    Effect.map(admit(run, work, agent, path, call, specialist), (value): Settled<Admission> => ({
      value,
      path: agent.path,
      events: [],
      spent: value._tag === "Admitted" ? [admitted(agent, call, specialist, value.at)] : []
    }))
  )
  if (admission._tag !== "Admitted") {
    return yield* close(run, agent, call, specialist, refuse(admission, run), hooked)
  }
  // Also on replay, where the admission above only returns its stored value.
  engine.limits.open(path, specialist.budget, admission.elapsedMs)
  const prompt = Message.fromPrompt(admission.prompt)
  const { definition } = specialist
  const repeatedCallLimit =
    definition.repeatedCallLimit === undefined ? agent.repeatedCallLimit : CallRow.limitOf(definition.repeatedCallLimit)
  const member =
    definition.recall === undefined
      ? specialist
      : yield* AgentMemory.remind(run, path, AgentPath.key(path), specialist, prompt)
  const state = new AgentState({ path, member, history: [], prompt, repeatedCallLimit })
  const ended = yield* run.runAgent(run, state)
  yield* LateResults.leave(run, state)
  return yield* close(run, agent, call, specialist, endOf(specialist, ended), hooked, undefined, state.answeredBy)
})

const admitted = (agent: AgentState, call: Message.CallPart, specialist: Member, at: number): Entry.AgentEntry =>
  Entry.agent(agent.path, { id: call.id, name: specialist.name }, at)

const admit = (
  { settings }: Run,
  work: Work,
  agent: AgentState,
  path: AgentPath.AgentPath,
  call: Message.CallPart,
  specialist: Member
): Effect.Effect<Admission> =>
  Effect.suspend(() => {
    if (work.cancel.requested) return Effect.succeed({ _tag: "Cancelled" } as const)
    if (path.length > settings.maxDepth) return Effect.succeed({ _tag: "TooDeep", depth: settings.maxDepth } as const)
    return Effect.map(Effect.result(promptFromCall(specialist, call.args)), (prompt): Admission => {
      if (Result.isFailure(prompt)) return { _tag: "Invalid", issue: prompt.failure }
      const held: Budget.Amount = { agents: 1 }
      const refusal = work.tree.depthRefusal(agent.path) ?? work.tree.reserve(agent.path, held, work.elapsed())
      if (refusal !== undefined) return { _tag: "Refused", refusal }
      settle(work, agent.path, held, held)
      return { _tag: "Admitted", prompt: prompt.success, elapsedMs: work.elapsed(), at: work.now() }
    })
  })

const refuse = (admission: Exclude<Admission, { readonly _tag: "Admitted" }>, { settings }: Run): CallEnd => {
  switch (admission._tag) {
    case "Cancelled":
      return Call.cancelled()
    case "Invalid":
      return Call.done(ToolOutcome.fault("InvalidArguments", admission.issue))
    case "TooDeep":
      return Call.done(
        ToolOutcome.fault("Denied", `Specialists can be nested at most ${settings.maxDepth} deep`, "denied")
      )
    case "Refused":
      return Call.refused(admission.refusal)
  }
}

const endOf = (specialist: Member, ended: AgentEnd): CallEnd => {
  const outcome = outcomeOf(specialist, ended)
  if (ended.reason === "cancelled") return Call.cancelled(outcome, ended.usage)
  const { failure } = ended
  if (ended.endsRun === true && failure?._tag === "HookEnded") return Call.ended(failure, outcome, ended.usage)
  return ended.refusal === undefined
    ? Call.done(outcome, ended.usage)
    : Call.refused(ended.refusal, outcome, ended.usage)
}

const outcomeOf = (specialist: Member, ended: AgentEnd): ToolOutcome.ToolOutcome => {
  switch (ended.reason) {
    case "stop":
      return ToolOutcome.success(ended.output ?? ended.text)
    case "cancelled":
      return ToolOutcome.cancelled
    case "failed":
      return ToolOutcome.failure({
        error: ended.failure?._tag ?? "InternalFailure",
        message: `${specialist.name} failed${ended.failure === undefined ? "" : `: ${ended.failure.message}`}`,
        ...partial(ended)
      })
    case "budget":
      return ToolOutcome.failure({
        error: "BudgetExhausted",
        message: ended.refusal === undefined ? "the budget is exhausted" : Budget.toEvent(ended.refusal).message,
        ...partial(ended)
      })
    default:
      return ToolOutcome.failure({
        error: "AnswerIncomplete",
        message: `${specialist.name} finished with ${ended.reason}`,
        ...partial(ended)
      })
  }
}

/** Its output so far, for a coordinator that can use a partial answer. */
const partial = (ended: AgentEnd): { readonly partial?: Json } => (ended.text === "" ? {} : { partial: ended.text })

/** Closes the call of a specialist. `from`: see `CallHooks.Before`. */
export const close = (
  run: Run,
  agent: AgentState,
  call: Message.CallPart,
  specialist: Member,
  end: CallEnd,
  hooked: CallHooks.Hooked | undefined,
  from?: number,
  answeredBy: string = specialist.model.model
): Effect.Effect<CallEnd> => {
  const called = { id: call.id, name: specialist.name }
  const usage = Usage.toTotals(end.usage ?? Usage.empty)
  const events = ({ outcome }: CallEnd) => [
    Event.agentUsage(called, answeredBy, usage),
    Event.agentResult(called, outcome)
  ]
  return hooked !== undefined && CallHooks.isSeen(end, hooked.hooks, from)
    ? CallHooks.close(hooked, end, events, from)
    : Effect.as(
        run.engine.emit(Names.agentEnd(agent.prefix, call.id), agent.path, () => events(end)),
        end
      )
}
