/**
 * Runs a permitted call, and asks before it is made once more: a call whose process died in the middle may have taken effect, and
 * where its tool is neither `Tool.Readonly` nor `Tool.Idempotent` only a person can tell whether a second time does harm.
 *
 * The question is an approval of kind `tool` with `begunBefore`. Allowed, the call runs with the same idempotency key; refused, the
 * model reads that the call may have taken effect. A process may die again: then it is asked about again. On an engine that
 * remembers nothing none of this comes up.
 */
import type { Event, Json, Message } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Names from "../run/Names.ts"
import * as Gate from "./Gate.ts"
import type { Permit } from "../approval/Permit.ts"
import * as Question from "./Question.ts"
import type { Callable } from "../agent/AgentRegistry.ts"
import type { AgentState } from "../run/AgentState.ts"
import type { Run } from "../run/Run.ts"
import * as ToolOutcome from "../tool/ToolOutcome.ts"
import * as ToolStep from "./ToolStep.ts"

/** Brings the call that `permit` allows to its result, in one of the step's slots. `before`: see `ToolStep.Before`. */
export const run = (
  run: Run,
  agent: AgentState,
  tool: Callable,
  permit: Permit,
  before?: ToolStep.Before
): Effect.Effect<ToolStep.ToolValue> => {
  const first = agent.limited(tool, ToolStep.runTool(run, agent, tool, permit, before))
  return Effect.flatMap(first, (value) => settled(run, agent, tool, permit, before, value, 1))
}

/** The value of a call that has a result; else what comes of the question whether it is made for the `time`th time again. */
const settled = (
  run: Run,
  agent: AgentState,
  tool: Callable,
  permit: Permit,
  before: ToolStep.Before | undefined,
  value: ToolStep.ToolValue,
  time: number
): Effect.Effect<ToolStep.ToolValue> => {
  const { begunBefore } = value
  if (begunBefore === undefined) return Effect.succeed(value)
  return Effect.flatMap(ask(run, agent, tool, permit, before, { ...value, begunBefore }, time), (answer) => {
    if ("refused" in answer) return Effect.succeed(answer.refused)
    const again = Gate.permit(permit.call, answer.args, permit.grantId)
    return Effect.flatMap(
      agent.limited(tool, ToolStep.runTool(run, agent, tool, again, before, { time, begunBefore })),
      (next) => settled(run, agent, tool, again, before, next, time + 1)
    )
  })
}

type Answered = { readonly args: Json } | { readonly refused: ToolStep.ToolValue }

const ask = Effect.fnUntraced(function* (
  run: Run,
  agent: AgentState,
  tool: Callable,
  { args, call }: Permit,
  before: ToolStep.Before | undefined,
  { begunBefore, expiresAt }: ToolStep.ToolValue & { readonly begunBefore: number },
  time: number
) {
  const name = Names.ofRepeat(call.id, time)
  const answer = yield* Question.put(run, agent, name, {
    kind: "tool",
    target: call.name,
    payload: args,
    toolInvocationId: call.id,
    begunBefore,
    ...(expiresAt === undefined ? {} : { expiresAt })
  })
  const refused = refusal(answer)
  yield* run.engine.emit(Names.decided(agent.prefix, name), agent.path, () => {
    const decision: Event = { type: "approval-decision", data: answer.resolution }
    return refused === undefined
      ? [decision]
      : [decision, ...(before?.(refused) ?? []), closing(call, args, refused, tool)]
  })
  const answered: Answered = refused === undefined ? { args: answer.args ?? args } : { refused }
  return answered
})

const closing = (call: Message.CallPart, args: Json, { result, status }: ToolStep.ToolValue, tool: Callable): Event =>
  ToolStep.resultEvent(call, args, { result, status, content: undefined }, tool.execution)

/** How the call ends where it is not made once more; `undefined` where it may be. */
const refusal = ({ resolution: { feedback, outcome } }: Question.Answer): ToolStep.ToolValue | undefined => {
  const said = feedback === undefined || feedback === "" ? "" : `: ${feedback}`
  const fault = (why: string, status: "failed" | "cancelled" = "failed") => {
    const { result } = ToolOutcome.fault("MayHaveRun", `${lost}; ${why}`)
    return { result, status }
  }
  switch (outcome.outcome) {
    case "approve":
    case "revise":
      return undefined
    case "reject":
      return fault(`a person decided that it is not made again${said}`)
    case "expired":
      return fault("nobody said in time that it may be made again")
    case "cancelled":
      return { ...fault("the run was cancelled", "cancelled"), cancelled: true }
  }
}

const lost = "the process that ran this call died in the middle of it, so it may have taken effect or not"
