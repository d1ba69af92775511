/**
 * A call whose handler sleeps (`ToolRun.sleep`): nothing of it runs meanwhile, so that its run can be unloaded from
 * memory. It waits for its time, or is closed by the run's cancel.
 */
import { Entry } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { Permit } from "../approval/Permit.ts"
import * as Task from "../kernel/Task.ts"
import * as Names from "../run/Names.ts"
import * as ToolOutcome from "../tool/ToolOutcome.ts"
import * as Call from "./Call.ts"
import type { CallContext, CallEnd } from "./Call.ts"
import * as LateResults from "./LateResults.ts"
import type { Before } from "./ToolStep.ts"

const Woken = Schema.Literals(["over", "cancelled"])

/** Waits until the call's time has come, or its run is cancelled. */
export const wait = (
  { agent, call, run }: CallContext,
  { count, until }: Call.Part
): Effect.Effect<typeof Woken.Type> => {
  agent.trim()
  const subject = Names.ofSlept(call.id, count)
  const told = run.engine.emit(Names.sleeps(agent.prefix, subject), agent.path, () => [
    {
      type: "custom",
      event_type: "call_sleeps",
      data: { toolInvocationId: call.id, toolName: call.name, until }
    }
  ])
  const waited = run.engine.wait<typeof Woken.Type>(
    Names.sleep(agent.prefix, subject),
    Woken,
    { cancelled: "cancelled", expires: { at: until, value: "over" } },
    { path: agent.path, reason: "timer", id: call.id }
  )
  return Task.flatMap(told, () => Task.map(waited, ({ value }) => value))
}

/** Closes a call that was cancelled while it slept. It ran, so it has a row, and may have taken effect. */
export const cancel = (
  { agent, call, run, tool }: CallContext,
  { args, grant }: Permit,
  before: Before | undefined,
  { begun, startedAt }: Call.Part
): Effect.Effect<CallEnd> => {
  const { path, prefix } = agent
  const words = "the run was cancelled while the call slept, so it may have taken effect in part"
  const end = Call.cancelled(ToolOutcome.fault("Cancelled", words, "cancelled"))
  const closed = run.engine.activity(Names.lost(prefix, call.id), Schema.Null, (work) => {
    const cost = work.spending.costOf(path, call.id)
    const costNanoUsd = cost?.nanoUsd ?? 0
    const row = Entry.tool({
      path,
      callId: call.id,
      toolName: tool.name,
      costNanoUsd: costNanoUsd === 0 ? undefined : costNanoUsd,
      status: "cancelled",
      abandoned: undefined,
      overrun: cost?.overrun === true ? true : undefined,
      startedAt,
      endedAt: work.now(),
      attempts: begun
    })
    const events = [...(before?.(end) ?? []), Call.resultEvent(call, args, end.outcome, tool.execution)]
    const dropped = LateResults.close(work, agent, call)
    const charged =
      grant === undefined
        ? Effect.void
        : run.grants.settle(Names.grantUse(work.runId, path, call.id), grant.id, costNanoUsd, work.now())
    return Effect.map(Effect.andThen(charged, dropped), (late) => ({
      value: null,
      path,
      events,
      spent: [row, ...late]
    }))
  })
  return Effect.as(closed, end)
}
