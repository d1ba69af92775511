/**
 * The hooks around one call. Before the gate: their verdict is stored, so that they run once, and what they rewrite is
 * what the gate, the question and the tool get. After it has a result: within the work that makes the result, or, for a
 * result that no tool of the runtime made, in an activity of its own. What they let through is all that is in an event,
 * in a stored value of the run and in the history.
 */
import { Budget, type Event, type Json, type Message, RunErrors, Usage } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import type { Member } from "../agent/AgentRegistry.ts"
import { promptFromCall } from "../agent/TypedText.ts"
import type { Settled, Work } from "../engine/Engine.ts"
import type * as Hook from "../hook/Hook.ts"
import type { CallHooks } from "../hook/HookChain.ts"
import * as PlainJson from "../kernel/PlainJson.ts"
import * as Task from "../kernel/Task.ts"
import type { AgentState } from "../run/AgentState.ts"
import * as Names from "../run/Names.ts"
import type { Run } from "../run/Run.ts"
import { HookRun, type Unsaid } from "../step/HookRun.ts"
import * as ToolOutcome from "../tool/ToolOutcome.ts"
import * as Call from "./Call.ts"
import type { CallEnd } from "./Call.ts"

/** A call with hooks, of a tool or a specialist. */
export interface Hooked {
  readonly run: Run
  readonly agent: AgentState
  readonly call: Message.CallPart
  readonly hooks: CallHooks
  readonly about: Pick<Hook.Call, "execution" | "parameters" | "issueOf">
}

/** The call of a tool with hooks; `undefined` without any. */
export const ofTool = ({ agent, call, hooks, run, tool }: Call.CallContext): Hooked | undefined =>
  hooks === undefined
    ? undefined
    : {
        run,
        agent,
        call,
        hooks,
        about: {
          execution: tool.execution,
          parameters: tool.definition.parameters,
          issueOf: (args) =>
            Effect.match(
              Effect.suspend(() => tool.decode(PlainJson.thaw(args))),
              { onFailure: (issue) => issue, onSuccess: () => undefined }
            )
        }
      }

/** The call of a specialist with hooks. */
export const ofSpecialist = (
  run: Run,
  agent: AgentState,
  call: Message.CallPart,
  specialist: Member,
  hooks: CallHooks
): Hooked => ({
  run,
  agent,
  call,
  hooks,
  about: {
    execution: "agent",
    parameters: agent.member.offered.find(({ name }) => name === specialist.name)?.parameters ?? {},
    issueOf: (args) =>
      Effect.match(promptFromCall(specialist, args), {
        onFailure: (issue) => issue,
        onSuccess: () => undefined
      })
  }
})

/**
 * What becomes of a call before its gate. `from`: how many of the hooks, from the outermost on, see the result that a
 * hook has made in its place.
 */
export type Before =
  | { readonly _tag: "Go"; readonly args: Json | undefined; readonly usage: Usage.Usage | undefined }
  | { readonly _tag: "Closed"; readonly end: CallEnd; readonly from: number }

const Fields = Schema.Struct({
  verdict: Schema.Literals(["pass", "arguments", "refused", "ended", "failed", "cancelled", "limited"]),
  args: Schema.optionalKey(Schema.Json),
  hook: Schema.optionalKey(Schema.String),
  reason: Schema.optionalKey(Schema.String),
  from: Schema.optionalKey(Schema.Natural),
  refusal: Schema.optionalKey(Budget.Refusal),
  usage: Schema.optionalKey(Usage.Usage)
})

/** The stored verdict of all hooks before a call. */
interface Said extends Schema.Schema.Type<typeof Fields> {}
const Said: Schema.Codec<Said, Json> = Fields

const readBefore = ({ args, from = 0, hook = "", reason = "", refusal, usage, verdict }: Said): Before => {
  const closed = (end: CallEnd): Before => ({ _tag: "Closed", from, end: { ...end, usage } })
  switch (verdict) {
    case "pass":
    case "arguments":
      return { _tag: "Go", args, usage }
    case "refused":
      return closed(Call.done(ToolOutcome.fault("Denied", reason, "denied")))
    case "ended":
      return closed(ended(hook, reason))
    case "failed":
      return closed(Call.done(notRun(hook)))
    case "cancelled":
      return closed(Call.cancelled())
    case "limited":
      return closed(refusal === undefined ? Call.done(notRun(hook)) : Call.refused(refusal))
  }
}

const notRun = (hook: string): ToolOutcome.ToolOutcome =>
  ToolOutcome.fault("HookFailed", `The call did not run: the check ${JSON.stringify(hook)} before it failed`, "denied")

const ended = (hook: string, description: string): CallEnd =>
  Call.ended(new RunErrors.HookEnded({ hook, description }), ToolOutcome.fault("Denied", description, "denied"))

/** Runs the hooks before a call. */
export const before = ({ about, agent, call, hooks, run }: Hooked): Effect.Effect<Before> => {
  const name = Names.hook(agent.prefix, call.id)
  const carried = (work: Work) => {
    const all = new HookRun(run, work, agent, agent.step, name)
    return Task.map(sayBefore(all, hooks, call, about), (said): Settled<Said> => ({
      value: all.bill === undefined ? said : { ...said, usage: all.bill.usage },
      path: agent.path,
      events: [],
      spent: all.end(),
      by: all.bill === undefined ? undefined : all
    }))
  }
  const said =
    run.engine.direct === undefined ? run.engine.activity(name, Said, carried) : Task.of(run.engine.direct(carried))
  return Task.map(said, readBefore)
}

/** Asks one after the other, the outermost first, until one does not let it through. */
const sayBefore = (
  all: HookRun,
  hooks: CallHooks,
  call: Message.CallPart,
  about: Hooked["about"],
  from = 0,
  args = call.args
): Effect.Effect<Said> => {
  for (let index = from; index < hooks.length; index++) {
    const hook = hooks[index]
    const { beforeCall } = hook ?? {}
    if (hook === undefined || beforeCall === undefined) continue
    const given: Hook.Call = { ...all.placeOf(hook), ...about, toolName: call.name, toolCallId: call.id, args }
    const said = all.verdict(hook, "beforeCall", () => beforeCall(given))
    return Task.flatMap(said, (verdict): Effect.Effect<Said> => {
      const at = { hook: hook.name, from: index }
      switch (verdict._tag) {
        case "Pass":
          return sayBefore(all, hooks, call, about, index + 1, args)
        case "Arguments":
          return sayBefore(all, hooks, call, about, index + 1, verdict.args)
        case "Refuse":
          return Exit.succeed({ verdict: "refused", reason: verdict.reason, ...at })
        case "End":
          return Exit.succeed({ verdict: "ended", reason: verdict.reason, ...at })
        case "Failed":
          return Exit.succeed({ verdict: "failed", ...at })
        case "Cancelled":
          return Exit.succeed({ verdict: "cancelled", ...at })
        case "OutOfTime":
          return Exit.succeed({ verdict: "limited", refusal: verdict.refusal, ...at })
      }
    })
  }
  return Exit.succeed(args === call.args ? { verdict: "pass" } : { verdict: "arguments", args })
}

/**
 * Whether hooks see how a call ended: not the runtime's words on a cancel, nor the end of a run by a hook. `from`: how
 * many of them, from the outermost on.
 */
export const isSeen = ({ _tag }: CallEnd, hooks: CallHooks | undefined, from = Number.POSITIVE_INFINITY): boolean =>
  hooks !== undefined &&
  (_tag === "Done" || _tag === "Refused") &&
  hooks.some(({ afterCall }, index) => index < from && afterCall !== undefined)

/** The events that close a call with its end; none where hooks see its result first, and `closeSeen` closes it. */
export const closing = ({ call, hooks, tool }: Call.CallContext, end: CallEnd): ReadonlyArray<Event> =>
  isSeen(end, hooks) ? [] : [Call.resultEvent(call, call.args, end.outcome, tool.execution)]

/** Closes a call that `closing` has left open, with what its hooks let through. */
export const closeSeen = (context: Call.CallContext, end: CallEnd, from?: number): Effect.Effect<CallEnd> => {
  const { call, hooks, tool } = context
  const hooked = isSeen(end, hooks, from) ? ofTool(context) : undefined
  return hooked === undefined
    ? Effect.succeed(end)
    : close(hooked, end, ({ outcome }) => [Call.resultEvent(call, call.args, outcome, tool.execution)], from)
}

/** Runs the hooks after a call, the innermost of the first `from` first. */
const sayAfter = (all: HookRun, hooked: Hooked, end: CallEnd, from: number): Effect.Effect<CallEnd> => {
  const { about, call, hooks } = hooked
  const { execution } = about
  for (let index = Math.min(from, hooks.length) - 1; index >= 0; index--) {
    const hook = hooks[index]
    const { afterCall } = hook ?? {}
    if (hook === undefined || afterCall === undefined) continue
    const { content, result, status } = end.outcome
    const of = { execution, toolName: call.name, toolCallId: call.id, args: call.args }
    const given: Hook.CallResult = { ...all.placeOf(hook), ...of, result, status, content }
    return Task.flatMap(
      all.verdict(hook, "afterCall", () => afterCall(given)),
      (verdict): Effect.Effect<CallEnd> => {
        const then = afterOne(end, hook.name, verdict)
        return isSeen(then, hooks, index) ? sayAfter(all, hooked, then, index) : Exit.succeed(then)
      }
    )
  }
  return Exit.succeed(end)
}

/** The end after one hook. */
const afterOne = (end: CallEnd, hook: string, verdict: Hook.Verdicts["afterCall"] | Unsaid): CallEnd => {
  const as = (outcome: ToolOutcome.ToolOutcome): CallEnd => ({ ...end, outcome })
  switch (verdict._tag) {
    case "Pass":
      return end
    case "Result":
      return as({ result: verdict.result, status: verdict.status, content: verdict.content })
    case "Refuse":
      return as(ToolOutcome.fault("Withheld", verdict.reason))
    case "Failed":
      return as(withheld(hook))
    case "End": {
      const failure = new RunErrors.HookEnded({ hook, description: verdict.reason })
      return Call.ended(failure, ToolOutcome.fault("Withheld", verdict.reason), end.usage)
    }
    case "Cancelled": {
      const words = "The run was cancelled. The call has ended, and its result was not checked"
      return Call.cancelled(ToolOutcome.fault("Cancelled", words, "cancelled"), end.usage)
    }
    case "OutOfTime": {
      const words = `${Budget.toEvent(verdict.refusal).message}. The call has ended, and its result was not checked`
      return Call.refused(verdict.refusal, ToolOutcome.fault("BudgetExhausted", words), end.usage)
    }
  }
}

const withheld = (hook: string): ToolOutcome.ToolOutcome =>
  ToolOutcome.fault("HookFailed", `The result is withheld: the check ${JSON.stringify(hook)} of it failed`)

/** A call's end as its hooks have let it through, and what they have used. */
export interface After {
  readonly end: CallEnd
  readonly all: HookRun
}

/** Runs the hooks after a call within the work that has made its result, stored under `name`. */
export const after = (
  hooked: Hooked,
  work: Work,
  name: string,
  end: CallEnd,
  from = hooked.hooks.length
): Effect.Effect<After> => {
  const { agent, run } = hooked
  const all = new HookRun(run, work, agent, agent.step, name)
  return Task.map(sayAfter(all, hooked, end, from), (end) => ({ end: Call.using(end, all.bill?.usage), all }))
}

/**
 * Closes a call whose result no tool of the runtime has made: runs the hooks after it, and emits `events` of its end.
 */
export const close = (
  hooked: Hooked,
  end: CallEnd,
  events: (end: CallEnd) => ReadonlyArray<Event>,
  from = hooked.hooks.length
): Effect.Effect<CallEnd> => {
  const { agent, call, run } = hooked
  const name = Names.hooked(agent.prefix, call.id)
  const carried = (work: Work) =>
    Task.map(after(hooked, work, name, end, from), ({ all, end }): Settled<Call.Ran> => ({
      value: end,
      path: agent.path,
      events: events(end),
      spent: all.end(),
      by: all.bill === undefined ? undefined : all
    }))
  const closed =
    run.engine.direct === undefined
      ? run.engine.activity(name, Call.StoredRan, carried)
      : Task.of(run.engine.direct(carried))
  return Task.map(closed, (ran) => (Call.isEnd(ran) ? ran : end))
}
