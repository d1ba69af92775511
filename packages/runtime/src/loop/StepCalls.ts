/**
 * The calls of one step, settled in parallel, each in one of the agent's slots. The loop waits for all of them.
 */
import type { Message } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { CallEnd } from "../call/Call.ts"
import { settle } from "../call/CallSettlement.ts"
import * as Task from "../kernel/Task.ts"
import type { AgentState } from "../run/AgentState.ts"
import type { Run } from "../run/Run.ts"

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
  if (only !== undefined && calls.length === 1) return Task.map(settle(run, agent, only), (end) => [end])
  const ends: Array<CallEnd> = []
  const tasks: Array<Task.Task<void, never>> = []
  const others: Array<Effect.Effect<void>> = []
  for (const [index, call] of calls.entries()) {
    const settled = Task.map(settle(run, agent, call), (end) => {
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
