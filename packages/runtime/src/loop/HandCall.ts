/**
 * A run of one call that its caller makes instead of a model: the agent's gate, questions, limits, retries and audit
 * apply to it as to any call, and no model is asked. The run ends when the call has its result.
 */
import { Budget, Event, type Message, Usage } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as CallSettlement from "../call/CallSettlement.ts"
import type { AgentEnd, AgentState } from "../run/AgentState.ts"
import * as Names from "../run/Names.ts"
import type { Run } from "../run/Run.ts"
import * as ToolOutcome from "../tool/ToolOutcome.ts"

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
