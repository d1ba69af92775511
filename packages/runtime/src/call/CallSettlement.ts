/**
 * Settles one announced call: the gate, the question and the execution of the tool; or the caller's result; or a
 * specialist. Every path ends in one `CallEnd`, with its result in the log.
 */
import { Approval, type Json, Message } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { Answer } from "../approval/Quorum.ts"
import type { Member } from "../agent/AgentRegistry.ts"
import type { GrantUse } from "../approval/Policy.ts"
import { silent } from "../engine/Engine.ts"
import type * as HookChain from "../hook/HookChain.ts"
import type { AgentState } from "../run/AgentState.ts"
import * as Names from "../run/Names.ts"
import type { Run } from "../run/Run.ts"
import * as ToolOutcome from "../tool/ToolOutcome.ts"
import * as Call from "./Call.ts"
import { type Review, type CallContext, type CallEnd, type Ruling, reviewOf } from "./Call.ts"
import * as CallHooks from "./CallHooks.ts"
import * as Gate from "./Gate.ts"
import * as CallQuestion from "./CallQuestion.ts"
import * as PlanCall from "./PlanCall.ts"
import * as Question from "./Question.ts"
import * as PermittedCall from "./PermittedCall.ts"
import * as SpecialistCall from "./SpecialistCall.ts"
import * as Task from "../kernel/Task.ts"

/**
 * Settles `call`, made by `agent`. Call it when the call is due: one that is allowed and completes at once is settled
 * when this returns.
 */
export const settle = (run: Run, agent: AgentState, call: Message.CallPart): Effect.Effect<CallEnd> => {
  const specialist = agent.member.specialists.get(call.name)
  if (specialist !== undefined) {
    const hooks = agent.member.hooks?.ofCall(call.name)
    return hooks === undefined
      ? agent.inSlot(() => SpecialistCall.call(run, agent, call, specialist))
      : ofSpecialist(run, agent, call, specialist, hooks)
  }
  const tool = agent.member.tools.get(call.name)
  if (tool === undefined) return emitEnd(run, agent, call, "server", Call.done(unknown(agent, call)))
  const hooks = agent.member.hooks?.ofCall(call.name, tool.hooks)
  const context: CallContext = { run, agent, call, tool, hooks }
  const at: Gate.Round = { subject: Names.ofCall(call.id), changes: 0 }
  return hooks === undefined ? round(context, at) : afterHooks(context, at)
}

/** Settles the call that the hooks before it leave. */
const afterHooks = (context: CallContext, at: Gate.Round): Effect.Effect<CallEnd> => {
  const hooked = CallHooks.ofTool(context)
  if (hooked === undefined) return round(context, at)
  return Task.flatMap(CallHooks.before(hooked), (before) => {
    if (before._tag === "Closed") return closed(context, before.end, before.from)
    const settled = round(
      before.args === undefined ? context : { ...context, call: { ...context.call, args: before.args } },
      at
    )
    return before.usage === undefined ? settled : Task.map(settled, (end) => Call.using(end, before.usage))
  })
}

/** The same for a specialist's call. */
const ofSpecialist = (
  run: Run,
  agent: AgentState,
  call: Message.CallPart,
  specialist: Member,
  hooks: HookChain.CallHooks
): Effect.Effect<CallEnd> =>
  Task.flatMap(CallHooks.before(CallHooks.ofSpecialist(run, agent, call, specialist, hooks)), (before) => {
    const of = before._tag === "Go" && before.args !== undefined ? { ...call, args: before.args } : call
    const hooked = CallHooks.ofSpecialist(run, agent, of, specialist, hooks)
    return Task.map(
      agent.inSlot(() =>
        before._tag === "Closed"
          ? SpecialistCall.close(run, agent, of, specialist, before.end, hooked, before.from)
          : SpecialistCall.call(run, agent, of, specialist, hooked)
      ),
      (end) => (before._tag === "Closed" ? end : Call.using(end, before.usage))
    )
  })

/**
 * Applies the gate's verdict. Each time that the tool's definition has changed, the call is judged again, with a
 * question.
 */
const round = (context: CallContext, at: Gate.Round): Effect.Effect<CallEnd> => {
  const judged = Gate.judge(context, at)
  return Task.isDone(judged)
    ? apply(context, at, judged.value)
    : Task.flatMap(judged, (verdict) => apply(context, at, verdict))
}

const apply = (context: CallContext, at: Gate.Round, verdict: Gate.Verdict): Effect.Effect<CallEnd> => {
  const { call, tool } = context
  switch (verdict._tag) {
    case "Allow":
      return tool.isPlan ? PlanCall.settle(context) : settleAllowed(context, at, call.args, verdict)
    case "Granted":
      return granted(context, at, verdict)
    case "Ask":
      return Task.flatMap(
        tool.isPlan ? PlanCall.ask(context, at, verdict) : ask(context, at, verdict),
        (end): Effect.Effect<CallEnd> => (end === "superseded" ? anew(context, at) : Effect.succeed(end))
      )
    case "Question":
      return CallQuestion.settle(context, at, verdict, verdict.question)
    case "Denied":
      return closed(context, Call.done(ToolOutcome.fault("Denied", verdict.reason, "denied")))
    case "Invalid":
      return closed(context, Call.done(ToolOutcome.fault("InvalidArguments", verdict.issue)))
    case "Cancelled":
      return closed(context, Call.cancelled())
  }
}

/** Decides about a call under the definition and the grants that there are now. It may have been started, with costs. */
const anew = (context: CallContext, { changes }: Gate.Round): Effect.Effect<CallEnd> =>
  Task.flatMap(
    round(context, { subject: Names.ofChanged(context.call.id, changes + 1), changes: changes + 1 }),
    (end) =>
      // The ticket of a receipt stays open.
      end.later === undefined
        ? Effect.as(PermittedCall.book(context, undefined, end.outcome.status), end)
        : Effect.succeed(end)
  )

/** Runs a call on a grant, and reports which. */
const granted = (
  context: CallContext,
  at: Gate.Round,
  { grantId, isMetered, scope, toolHash }: Extract<Gate.Verdict, { readonly _tag: "Granted" }>
): Effect.Effect<CallEnd> => {
  const { agent, call, run } = context
  const told = run.engine.emit(Names.granted(agent.prefix, call.id), agent.path, () => [
    { type: "custom", event_type: "approval_granted", data: { grantId, scope, toolInvocationId: call.id } }
  ])
  return Task.flatMap(told, () =>
    settleAllowed(context, at, call.args, { grant: { id: grantId, isMetered }, toolHash })
  )
}

/** Asks a person about a call, and runs it if allowed. */
const ask = (context: CallContext, at: Gate.Round, shown: Call.Shown): Effect.Effect<CallEnd | "superseded"> => {
  const { agent, call, run, tool } = context
  const ruled = Question.ask<Ruling>(run, agent, {
    subject: at.subject,
    approvers: tool.approvers,
    request: {
      kind: "tool",
      target: call.name,
      payload: call.args,
      toolInvocationId: call.id,
      ...(at.changes > 0 ? { begunBefore: 0 } : {}),
      ...Question.shownIn(shown)
    },
    close: (answer) => {
      const ruling = rule(answer, call)
      return { value: ruling, events: ruling._tag === "Closed" ? CallHooks.closing(context, ruling.end) : [] }
    }
  })
  return Task.flatMap(ruled, (ruling): Effect.Effect<CallEnd | "superseded"> => {
    switch (ruling._tag) {
      case "Allowed":
        return settleAllowed(context, at, ruling.args, {
          toolHash: shown.toolHash,
          isAsked: true,
          review: ruling.review
        })
      case "Superseded":
        return Effect.succeed("superseded")
      case "Closed":
        return CallHooks.closeSeen(context, ruling.end)
    }
  })
}

/** The effect of an answer on a call. */
const rule = (answer: Answer, call: Message.CallPart): Ruling => {
  const { by, outcome } = answer.resolution
  switch (outcome.outcome) {
    case "approve":
      return { _tag: "Allowed", args: call.args, review: reviewOf(answer) }
    case "revise":
      return { _tag: "Allowed", args: answer.args ?? call.args, review: reviewOf(answer) }
    case "superseded": {
      if (Approval.isAskedAgain(outcome)) return { _tag: "Superseded" }
      const words = "The user sent a message instead of answering. The call did not run"
      return { _tag: "Closed", end: Call.done(ToolOutcome.fault("Withdrawn", words, "denied")) }
    }
    case "reject": {
      const who = by === Question.unattendedName ? "This call was refused" : "A person refused this call"
      const why = Question.feedbackOf(answer)
      const words = why === "" ? `${who}. It did not run` : `${who}${why}`
      return { _tag: "Closed", end: Call.done(ToolOutcome.fault("Denied", words, "denied")) }
    }
    // The automaton and `Answers` accept an answer to a question only.
    case "answer":
    case "expired": {
      const words = "The approval expired without an answer. The call did not run"
      return { _tag: "Closed", end: Call.done(ToolOutcome.fault("Expired", words, "denied")) }
    }
    case "cancelled": {
      const words = "The run was cancelled. The call did not run"
      return { _tag: "Closed", end: Call.cancelled(ToolOutcome.fault("Cancelled", words, "cancelled")) }
    }
  }
}

/** How a call was allowed: on a grant, or by a person who was asked about it. */
interface Allowance {
  readonly grant?: GrantUse | undefined
  /** Of the definition that was allowed. */
  readonly toolHash?: string | undefined
  readonly isAsked?: boolean | undefined
  readonly review?: Review | undefined
}

/** Runs an allowed call, unless its tool's definition has changed or its grant is gone by then: then it is decided anew. */
const settleAllowed = (
  context: CallContext,
  at: Gate.Round,
  args: Json,
  { grant, isAsked = false, review, toolHash }: Allowance
): Effect.Effect<CallEnd> => {
  const { subject } = at
  if (context.tool.execution === "client") {
    return Task.flatMap(isHeld(context, at, toolHash), (isHeld) =>
      isHeld ? Task.map(clientCall(context, at, args, isAsked), (end) => Call.reviewed(end, review)) : anew(context, at)
    )
  }
  const permit = Gate.permit(context.call, args, { grant, toolHash, subject })
  return Task.flatMap(PermittedCall.run(context, permit, { review }), (end) =>
    end._tag === "Changed" ? anew(context, at) : Effect.succeed(end)
  )
}

/** Whether a client tool still has the allowed definition; checked once, before waiting for the caller. */
const isHeld = (context: CallContext, { subject }: Gate.Round, toolHash: string | undefined): Effect.Effect<boolean> =>
  toolHash === undefined || context.run.engine.direct !== undefined
    ? Effect.succeed(true)
    : context.run.engine.activity(Names.held(context.agent.prefix, subject), Schema.Boolean, () =>
        Effect.succeed(silent(Gate.holds(context, toolHash), context.agent.path))
      )

const ClientFields = Schema.Struct({
  result: Schema.Json,
  status: Schema.optionalKey(Schema.Literals(["failed", "cancelled"])),
  content: Schema.optionalKey(Schema.Array(Message.UserPart))
})

/** The result of a client tool as its caller has submitted it. */
export interface ClientAnswer extends Schema.Schema.Type<typeof ClientFields> {}
export const ClientAnswer: Schema.Codec<ClientAnswer, Json> = ClientFields

/** Waits for the result of a client tool, and validates it. */
const clientCall = Effect.fnUntraced(function* (
  context: CallContext,
  { subject }: Gate.Round,
  args: Json,
  isAsked: boolean
) {
  const { agent, call, hooks, run, tool } = context
  agent.trim()
  const isChecked = CallHooks.isSeen(Call.done(ToolOutcome.success(null)), hooks)
  const { value } = yield* run.engine.wait(
    Names.client(agent.prefix, subject, isAsked),
    ClientAnswer,
    { cancelled: { result: ToolOutcome.cancelled.result, status: "cancelled" } },
    { path: agent.path, reason: "client-tool", id: call.id, ...(isChecked ? { isChecked } : {}) }
  )
  const issue =
    value.status !== undefined || tool.accept === undefined
      ? undefined
      : yield* Effect.match(tool.accept(value.result), { onFailure: (words) => words, onSuccess: () => undefined })
  const outcome: ToolOutcome.ToolOutcome =
    issue === undefined
      ? { result: value.result, status: value.status, content: value.content }
      : ToolOutcome.fault("ResultInvalid", `Invalid result of ${call.name} from the caller: ${issue}`)
  const end = value.status === "cancelled" ? Call.cancelled(outcome) : Call.done(outcome)
  return yield* closed({ ...context, call: { ...call, args } }, end)
})

/** The agent's step has no such tool: it chose others (`resolve`), or the model made the name up. */
const unknown = ({ member, offered, own }: AgentState, call: Message.CallPart): ToolOutcome.ToolOutcome => {
  const told = offered.map((tool) => tool.name).join(", ") || "none"
  const names = member.withheld === undefined ? told : `${told}, and those that a search finds`
  const name = JSON.stringify(call.name)
  return own.tools.has(call.name) || own.specialists.has(call.name)
    ? ToolOutcome.fault(
        "ToolNotOffered",
        `Tool ${name} is not offered in this step. It did not run. Available tools: ${names}`,
        "denied"
      )
    : ToolOutcome.fault("ToolNotFound", `Unknown tool ${name}. Available tools: ${names}`)
}

/** Closes a call that no tool of the runtime ran. `from`: see `CallHooks.Before`. */
const closed = (context: CallContext, end: CallEnd, from?: number): Effect.Effect<CallEnd> => {
  const { agent, call, hooks, run, tool } = context
  return CallHooks.isSeen(end, hooks, from)
    ? CallHooks.closeSeen(context, end, from)
    : emitEnd(run, agent, call, tool.execution, end)
}

const emitEnd = (
  { engine }: Run,
  { path, prefix }: AgentState,
  call: Message.CallPart,
  execution: "server" | "client",
  end: CallEnd
): Effect.Effect<CallEnd> =>
  Effect.as(
    engine.emit(Names.result(prefix, call.id), path, () => [Call.resultEvent(call, call.args, end.outcome, execution)]),
    end
  )
