/**
 * What a rule of the order is: a sentence, a name that stays, and a pure question to what an agent's past has left behind
 * and the event that would come next.
 */
import type { Event } from "../event/Event.ts"
import type { AgentView } from "./OrderingState.ts"

/** Why an event may not come next. `rule` is the id of the broken rule and stays; `message` is for people and may change. */
export interface Violation {
  readonly rule: string
  readonly message: string
}

/** A rule that events of type `E` must keep. `breaks` answers how the event breaks it, or nothing. */
export interface Rule<in E> {
  readonly id: string
  readonly says: string
  readonly breaks: (agent: AgentView, event: E) => string | undefined
}

export const rule = <E = Event>(id: string, says: string, breaks: Rule<E>["breaks"]): Rule<E> => ({ id, says, breaks })

/** An id or a name inside a message: they come from models and may be of any length, messages may not. */
export const named = (name: string): string => `"${name.length > 64 ? `${name.slice(0, 64)}…` : name}"`
