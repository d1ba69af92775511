/**
 * Brings one announced call to its one result: gate, question, run; or a client's answer; or a specialist. Every way ends in
 * a result part for the model, and in what the loop must know beside it.
 */
import type { Json, Message } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Names from "../run/Names.ts"
import * as Asking from "./Asking.ts"
import * as Gate from "./Gate.ts"
import * as PlanCall from "./PlanCall.ts"
import type { Callable } from "../agent/AgentRegistry.ts"
import type { AgentState } from "../run/AgentState.ts"
import type { Run } from "../run/Run.ts"
import * as SpecialistCall from "./SpecialistCall.ts"
import type { CallEnd } from "./CallEnd.ts"
import * as RepeatedCall from "./RepeatedCall.ts"
import * as ToolOutcome from "../tool/ToolOutcome.ts"
import * as ToolStep from "./ToolStep.ts"

/** Settles `call`, made by `agent`. */
export const settle = (run: Run, agent: AgentState, call: Message.CallPart): Effect.Effect<CallEnd> => {
  const specialist = agent.member.specialists.get(call.name)
  if (specialist !== undefined) return agent.inSlot(SpecialistCall.call(run, agent, call, specialist))
  const tool = agent.member.tools.get(call.name)
  if (tool === undefined) return unknown(run, agent, call)
  return Effect.flatMap(Gate.judge(run, agent, call, tool), (verdict): Effect.Effect<CallEnd> => {
    switch (verdict.verdict) {
      case "allow":
        return tool.isPlan ? PlanCall.carry(run, agent, call, tool) : carry(run, agent, call, tool, call.args, false)
      case "granted":
        return granted(run, agent, call, tool, verdict)
      case "ask":
        return tool.isPlan
          ? PlanCall.ask(run, agent, call, tool, verdict.expiresAt)
          : asked(run, agent, call, tool, verdict.expiresAt)
      case "invalid":
        return closed(run, agent, call, tool, ToolOutcome.fault("InvalidArguments", verdict.issue))
      case "cancelled":
        return Effect.map(
          closed(run, agent, call, tool, ToolOutcome.fault("Cancelled", "the run was cancelled", "cancelled")),
          (end) => ({ ...end, cancelled: true })
        )
    }
  })
}

/** Runs a call on a grant, and shows on which. */
const granted = (
  run: Run,
  agent: AgentState,
  call: Message.CallPart,
  tool: Callable,
  { grantId, scope }: { readonly grantId: string; readonly scope: string }
): Effect.Effect<CallEnd> =>
  Effect.andThen(
    run.engine.emit(Names.granted(agent.prefix, call.id), agent.path, () => [
      { type: "custom", event_type: "approval_granted", data: { grantId, scope, toolInvocationId: call.id } }
    ]),
    carry(run, agent, call, tool, call.args, false, grantId)
  )

const asked = (run: Run, agent: AgentState, call: Message.CallPart, tool: Callable, expiresAt: number | undefined) =>
  Effect.flatMap(
    Asking.ask(run, agent, call, {
      expiresAt,
      closing: (outcome) => ToolStep.resultEvent(call, call.args, outcome, tool.execution)
    }),
    (answer): Effect.Effect<CallEnd> =>
      answer._tag === "MayRun"
        ? carry(run, agent, call, tool, answer.args, true)
        : Effect.succeed({ part: ToolOutcome.part(call, answer.outcome), cancelled: answer.cancelled })
  )

/** `asked`: a person has allowed it, with these arguments. */
const carry = (
  run: Run,
  agent: AgentState,
  call: Message.CallPart,
  tool: Callable,
  args: Json,
  asked: boolean,
  grantId?: string
): Effect.Effect<CallEnd> =>
  tool.execution === "client"
    ? clientCall(run, agent, call, tool, args, asked)
    : Effect.map(
        RepeatedCall.run(run, agent, tool, Gate.permit(call, args, grantId)),
        ({ cancelled, content, refusal, result, status }) => ({
          part: ToolOutcome.part(call, { result, status, content }),
          refusal,
          cancelled
        })
      )

const ClientAnswer = Schema.Struct({
  result: Schema.Json,
  status: Schema.optionalKey(Schema.Literals(["failed", "cancelled"]))
})

const clientCall = Effect.fnUntraced(function* (
  run: Run,
  agent: AgentState,
  call: Message.CallPart,
  tool: Callable,
  args: Json,
  asked: boolean
) {
  const { value } = yield* run.engine.wait(
    Names.client(agent.prefix, call.id, asked),
    ClientAnswer,
    {
      cancelled: {
        ...ToolOutcome.fault("Cancelled", "the run was cancelled", "cancelled"),
        status: "cancelled" as const
      }
    },
    { path: agent.path, reason: "client-tool", id: call.id }
  )
  const issue =
    value.status !== undefined || tool.accept === undefined
      ? undefined
      : yield* Effect.match(tool.accept(value.result), { onFailure: (words) => words, onSuccess: () => undefined })
  const outcome: ToolOutcome.ToolOutcome =
    issue === undefined
      ? { result: value.result, status: value.status, content: undefined }
      : ToolOutcome.fault("ResultInvalid", `the caller answered what the schema of ${call.name} refuses: ${issue}`)
  yield* run.engine.emit(Names.result(agent.prefix, call.id), agent.path, () => [
    ToolStep.resultEvent(call, args, outcome, "client")
  ])
  const end: CallEnd = { part: ToolOutcome.part(call, outcome), cancelled: value.status === "cancelled" }
  return end
})

const unknown = (run: Run, agent: AgentState, call: Message.CallPart) =>
  closed(
    run,
    agent,
    call,
    undefined,
    ToolOutcome.fault(
      "ToolNotFound",
      `there is no tool ${JSON.stringify(call.name)}; there are ${
        agent.member.offered.map((tool) => tool.name).join(", ") || "none"
      }`
    )
  )

/** Closes a call that never ran. */
const closed = (
  run: Run,
  agent: AgentState,
  call: Message.CallPart,
  tool: Callable | undefined,
  outcome: ToolOutcome.ToolOutcome
): Effect.Effect<CallEnd> =>
  Effect.as(
    run.engine.emit(Names.result(agent.prefix, call.id), agent.path, () => [
      ToolStep.resultEvent(call, call.args, outcome, tool?.execution ?? "server")
    ]),
    { part: ToolOutcome.part(call, outcome) }
  )
