/**
 * Runs one permitted call, as an activity of the engine: reserves it on the budget, runs the handler under the run's signal
 * and the tool's own deadline, tries again where the tool allows it, and closes the call with its result.
 *
 * Whatever the handler does, the call has exactly one result: a crash, a timeout and a cancel are outcomes like any other.
 */
import { Budget, type Entry, type Event, type Json, Message } from "@reins/protocol"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as Names from "../run/Names.ts"
import * as Permit from "../approval/Permit.ts"
import type { Settled, Work } from "../engine/Engine.ts"
import type { Callable } from "../agent/AgentRegistry.ts"
import type { AgentState } from "../run/AgentState.ts"
import { type Run, tellWarnings } from "../run/Run.ts"
import * as Interruptible from "../kernel/Interruptible.ts"
import { LiveCall } from "./LiveCall.ts"
import * as ToolOutcome from "../tool/ToolOutcome.ts"

const ToolValueStruct = Schema.Struct({
  result: Schema.Json,
  status: Schema.optionalKey(Schema.Literals(["failed", "denied", "cancelled"])),
  content: Schema.optionalKey(Schema.Array(Schema.Union([Message.TextPart, Message.FilePart]))),
  refusal: Schema.optionalKey(Budget.Refusal),
  cancelled: Schema.optionalKey(Schema.Boolean),
  begunBefore: Schema.optionalKey(Schema.Natural),
  expiresAt: Schema.optionalKey(Schema.Natural)
})

/**
 * What is remembered of a call: its result, and whether a limit or the run's cancel ended it. With `begunBefore` it has no result
 * yet: it was begun so often and may have taken effect, so a person is asked, until `expiresAt`, before it is made once more.
 */
export interface ToolValue extends Schema.Schema.Type<typeof ToolValueStruct> {}
const ToolValue: Schema.Codec<ToolValue, Json> = ToolValueStruct

/** What leaves with a call's result, ahead of it. */
export type Before = (value: ToolValue) => ReadonlyArray<Event>

/** A call that somebody allowed to be made once more: for which time, and how often it was begun before. */
export interface Again {
  readonly time: number
  readonly begunBefore: number
}

/** Runs the call that `permit` allows, `again` where a person has allowed that it be made once more. */
export const runTool = (
  run: Run,
  agent: AgentState,
  tool: Callable,
  permit: Permit.Permit,
  before?: Before,
  again?: Again
): Effect.Effect<ToolValue> => {
  const { id } = permit.call
  const name = Names.tool(agent.prefix, again === undefined ? Names.ofCall(id) : Names.ofRepeat(id, again.time))
  return run.engine.activity(name, ToolValue, (work) => {
    const carried = carry(run, work, agent, tool, permit, name, again?.begunBefore ?? 0)
    return before === undefined
      ? carried
      : Effect.map(carried, (settled) =>
          settled.value.begunBefore === undefined
            ? { ...settled, events: [...before(settled.value), ...settled.events] }
            : settled
        )
  })
}

/** The event that closes a call. */
export const resultEvent = (
  call: { readonly id: string; readonly name: string },
  args: Json,
  outcome: ToolOutcome.ToolOutcome,
  execution: "server" | "client"
): Event => ({
  type: "tool-invocation",
  toolInvocationId: call.id,
  toolName: call.name,
  args,
  state: "result",
  result: outcome.result,
  ...(outcome.status === undefined ? {} : { status: outcome.status }),
  ...(execution === "client" ? { execution } : {})
})

const carry = Effect.fnUntraced(function* (
  run: Run,
  work: Work,
  agent: AgentState,
  tool: Callable,
  permit: Permit.Permit,
  name: string,
  begunBefore: number
) {
  const { invoke } = tool
  if (!Permit.isGenuine(permit) || invoke === undefined) {
    return yield* Effect.die(new Error(`the tool ${tool.name} was to run without the gate's permit`))
  }
  if (work.cancel.requested) return close(agent, tool, permit, cancelled, undefined, { cancelled: true })
  const held: Budget.Amount = { toolCalls: 1, tool: tool.name }
  const refusal = work.tree.reserve(agent.path, held, work.elapsed())
  if (refusal !== undefined) return close(agent, tool, permit, refused(refusal), undefined, { refusal })

  const lost = work.begin === undefined ? 0 : yield* work.begin(name, agent.path)
  const begun = begunBefore + lost
  if (lost > 0 && !tool.idempotent) {
    // It may have taken effect, and nobody knows: whoever asks decides, outside of this activity.
    work.tree.settle(agent.path, held, {})
    return unsettled(run, work, agent, begun)
  }
  const startedAt = work.now()
  const live = new LiveCall(run, work, agent, permit.call, begun)
  let attempts = 0
  let ended: Ended
  do {
    if (attempts++ > 0) live.restart()
    ended = yield* once(
      run,
      work,
      agent,
      tool,
      seen(run, agent, permit, () => invoke(permit.args, live)),
      live
    )
    if (!ToolOutcome.mayRetry(ended.outcome) || ended.refusal !== undefined || ended.cancelled) break
  } while (attempts <= tool.retries && !work.cancel.requested)
  live.end()
  const { costNanoUsd } = live
  work.tree.settle(agent.path, held, { ...held, nanoUsd: costNanoUsd })
  if (permit.grantId !== undefined && costNanoUsd > 0) yield* run.grants.spend(permit.grantId, costNanoUsd)
  tellWarnings(work)
  return close(
    agent,
    tool,
    permit,
    ended.outcome,
    {
      kind: "tool",
      path: agent.path,
      callId: permit.call.id,
      toolName: tool.name,
      ...(costNanoUsd === 0 ? {} : { costNanoUsd }),
      ...(ended.outcome.status === undefined ? {} : { status: ended.outcome.status }),
      ...(ended.abandoned === true ? { abandoned: true } : {}),
      startedAt,
      endedAt: work.now(),
      attempts: attempts + begun
    },
    ended
  )
})

/** The handler's work, seen by the runtime's tracing where it has one. */
const seen = (
  { engine, settings: { tracing } }: Run,
  agent: AgentState,
  { call }: Permit.Permit,
  handled: () => Effect.Effect<ToolOutcome.ToolOutcome>
): (() => Effect.Effect<ToolOutcome.ToolOutcome>) => {
  if (tracing === undefined) return handled
  const { runId, threadId } = engine
  const about = { runId, threadId, agent: agent.member.name, agentPath: agent.path }
  return () => tracing.tool({ ...about, toolName: call.name, callId: call.id }, Effect.suspend(handled))
}

interface Ended {
  readonly outcome: ToolOutcome.ToolOutcome
  readonly refusal?: Budget.Refusal | undefined
  readonly cancelled?: boolean | undefined
  /** It did not end when it should, and was left behind. */
  readonly abandoned?: boolean | undefined
}

const once = (
  run: Run,
  work: Work,
  agent: AgentState,
  tool: Callable,
  invocation: () => Effect.Effect<ToolOutcome.ToolOutcome>,
  live: LiveCall
): Effect.Effect<Ended> => {
  const { settings } = run
  const startedAt = work.now()
  const isTimed = work.tree.isTimed(agent.path)
  const own = () => (tool.timeoutMs ?? Number.POSITIVE_INFINITY) - (work.now() - startedAt)
  const held = Interruptible.begin(invocation, {
    signal: work.cancel,
    alarm: run.alarm,
    graceMs: settings.cancelGraceMs,
    remainingMs:
      tool.timeoutMs === undefined && !isTimed
        ? undefined
        : isTimed
          ? () => Math.min(own(), work.tree.remainingMs(agent.path, work.elapsed()))
          : own,
    onCut: live.cut
  })
  return Effect.flatMap(held, (end) => {
    if (end._tag === "Done")
      return Exit.isSuccess(end.exit) ? Effect.succeed({ outcome: end.exit.value }) : crash(run, tool, end.exit.cause)
    const left = end.abandoned ? "; it did not stop when asked and was left behind" : ""
    if (end.by === "signal") {
      return Effect.succeed({
        outcome: { ...cancelled, result: words("Cancelled", `the run was cancelled${left}`) },
        cancelled: true,
        abandoned: end.abandoned
      })
    }
    const refusal = isTimed ? work.tree.overtime(agent.path, work.elapsed()) : undefined
    return Effect.succeed(
      refusal === undefined
        ? {
            outcome: ToolOutcome.fault("ToolTimedOut", `${tool.name} took longer than ${tool.timeoutMs} ms${left}`),
            abandoned: end.abandoned
          }
        : { outcome: refused(refusal), refusal, abandoned: end.abandoned }
    )
  })
}

const unsettled = ({ settings }: Run, work: Work, { path }: AgentState, begunBefore: number): Settled<ToolValue> => {
  const { approvalExpiryMs } = settings
  return {
    value: {
      result: null,
      begunBefore,
      ...(approvalExpiryMs === undefined ? {} : { expiresAt: work.now() + approvalExpiryMs })
    },
    path,
    events: [],
    spent: []
  }
}

const words = (error: ToolOutcome.Fault, message: string): Json => ({ error, message })

const cancelled = ToolOutcome.fault("Cancelled", "the run was cancelled", "cancelled")

const refused = (refusal: Budget.Refusal): ToolOutcome.ToolOutcome =>
  ToolOutcome.fault("BudgetExhausted", Budget.toEvent(refusal).message, "denied")

/** A defect is the tool author's: the model reads that it happened, the operator reads what. */
const crash = (run: Run, tool: Callable, cause: Cause.Cause<never>): Effect.Effect<Ended> =>
  Effect.as(
    run.settings.captureContent
      ? Effect.logError(`the tool ${tool.name} crashed`, cause)
      : Effect.logError(`the tool ${tool.name} crashed`),
    {
      outcome: ToolOutcome.fault(
        "ToolCrashed",
        Cause.hasInterruptsOnly(cause) ? `${tool.name} was interrupted` : `${tool.name} failed unexpectedly`
      )
    }
  )

const close = (
  agent: AgentState,
  tool: Callable,
  permit: Permit.Permit,
  outcome: ToolOutcome.ToolOutcome,
  row: Entry.ToolEntry | undefined,
  ended: Pick<Ended, "refusal" | "cancelled"> = {}
): Settled<ToolValue> => ({
  value: {
    result: outcome.result,
    ...(outcome.status === undefined ? {} : { status: outcome.status }),
    ...(outcome.content === undefined ? {} : { content: outcome.content }),
    ...(ended.refusal === undefined ? {} : { refusal: ended.refusal }),
    ...(ended.cancelled === true ? { cancelled: true } : {})
  },
  path: agent.path,
  events: [resultEvent(permit.call, permit.args, outcome, tool.execution)],
  spent: row === undefined ? [] : [row]
})
