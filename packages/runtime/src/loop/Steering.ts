/**
 * Steering: a user's messages enter the conversation of a running root agent between its steps, in order of acceptance,
 * each once. A specialist is not steered: the root reads the message when the specialist has ended.
 *
 * The engine stores which messages were taken before which step. The last slot of the inbox, filled by a message or
 * closed by the run, decides whether the run ends: it is filled once, so every replay decides the same.
 */
import { Message } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Task from "../kernel/Task.ts"
import { type InboxMessage, received } from "../engine/Inbox.ts"
import type { AgentState } from "../run/AgentState.ts"
import * as Names from "../run/Names.ts"
import type { Run } from "../run/Run.ts"

/** Takes the messages that were accepted before `step`. `undefined`: there are none. */
export const receive = ({ engine }: Run, agent: AgentState, step: number): Effect.Effect<void> | undefined => {
  const taking = engine.receive(agent.received, () => ({
    name: Names.received(agent.prefix, step),
    step: agent.own.resolver === undefined ? Names.model(agent.prefix, step) : Names.resolved(agent.prefix, step)
  }))
  return taking === undefined
    ? undefined
    : Task.map(taking, (upTo) => {
        for (let position = agent.received + 1; position <= upTo; position++) say(agent, engine.message(position))
      })
}

/**
 * Closes the inbox before the run ends. True if a message came first: then the run continues with another step. What
 * ends with the run, such as results that are still to come, must not end before the inbox is closed.
 */
export const goesOn = ({ engine }: Run, agent: AgentState): Effect.Effect<boolean> =>
  Task.map(engine.closeInbox(agent.received + 1, agent.tickets !== undefined), (message) => message !== undefined)

/**
 * Closes the inbox of an ending run, and adds messages that were too late for a step to its conversation, without an
 * answer, so that no accepted message is lost.
 */
export const leave = Effect.fnUntraced(function* ({ engine }: Run, agent: AgentState) {
  const first = agent.received + 1
  let message = yield* engine.closeInbox(first)
  if (message === undefined) return
  const rest: Array<InboxMessage> = []
  while (message !== undefined) {
    rest.push(message)
    message = yield* engine.closeInbox(first + rest.length, true)
  }
  yield* engine.emit(Names.unread, agent.path, () => rest.map((one, index) => received(one, first + index)))
  for (const one of rest) say(agent, one)
})

const say = (agent: AgentState, { content }: InboxMessage): void => {
  agent.say(Message.fromPrompt(content))
  agent.received++
}
