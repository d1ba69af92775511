/**
 * The calls of one step: those of a model, settled in parallel, each in one of the agent's slots; or, in a run of a
 * single call, the one that its caller makes instead of a model. The loop waits for all of them.
 */
import { type Message, Budget, Event, Usage } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { CallEnd } from "../call/Call.ts"
import * as Task from "../kernel/Task.ts"
import type { AgentState, AgentEnd } from "../run/AgentState.ts"
import type { Run } from "../run/Run.ts"
import * as CallSettlement from "../call/CallSettlement.ts"
import * as Names from "../run/Names.ts"
import * as ToolOutcome from "../tool/ToolOutcome.ts"

/**
 * Settles the calls of a step in parallel; a call that completes at once needs no fiber. The ends are in the order of
 * the calls.
 */
export const settleAll = (
  run: Run,
  agent: AgentState,
  calls: ReadonlyArray<Message.CallPart>
): Effect.Effect<ReadonlyArray<CallEnd>> => {
  agent.beginStep(calls.length)
  const [only] = calls
  if (only !== undefined && calls.length === 1) return Task.map(CallSettlement.settle(run, agent, only), (end) => [end])
  const ends: Array<CallEnd> = []
  const tasks: Array<Task.Task<void, never>> = []
  const others: Array<Effect.Effect<void>> = []
  for (const [index, call] of calls.entries()) {
    const settled = Task.map(CallSettlement.settle(run, agent, call), (end) => {
      ends[index] = end
    })
    if (Task.is(settled)) tasks.push(settled)
    else if (!Task.isDone(settled)) others.push(settled)
  }
  if (tasks.length > 0) others.push(tasks.length === 1 && tasks[0] !== undefined ? tasks[0] : Task.together(tasks))
  const [first] = others
  if (first === undefined) return Exit.succeed(ends)
  const all =
    others.length === 1 ? first : Effect.forEach(others, (one) => one, { concurrency: "unbounded", discard: true })
  return Task.map(all, () => ends)
}

/**
 * A run of one call that its caller makes instead of a model: the agent's gate, questions, limits, retries and audit
 * apply to it as to any call, and no model is asked. The run ends when the call has its result.
 */
export const handCall =
  (call: Message.CallPart): Run["runAgent"] =>
  (run: Run, agent: AgentState) =>
    Effect.gen(function* () {
      const { engine, settings } = run
      yield* engine.emit(Names.byHand, agent.path, () => [Event.stepStart, Event.toolCall(call)])
      agent.hear([call])
      agent.beginStep(1)
      const settled = yield* CallSettlement.settle(run, agent, call)
      if (settled.later !== undefined) agent.tickets = [{ call, later: settled.later }]
      const result = ToolOutcome.bound(ToolOutcome.part(call, settled.outcome), settings.maxResultCharacters)
      agent.say({ role: "tool", content: [result] })
      const end = { text: "", usage: settled.usage ?? Usage.empty }
      switch (settled._tag) {
        case "Done":
          return { ...end, reason: "stop" } satisfies AgentEnd
        case "Cancelled":
          return { ...end, reason: "cancelled" } satisfies AgentEnd
        case "Ended":
          return { ...end, reason: "failed", failure: settled.failure } satisfies AgentEnd
        case "Refused": {
          const { refusal } = settled
          yield* engine.emit(Names.exhausted(refusal.path, refusal.limit), refusal.path, () => [
            Budget.toEvent(refusal)
          ])
          return { ...end, reason: "budget", refusal } satisfies AgentEnd
        }
      }
    })
