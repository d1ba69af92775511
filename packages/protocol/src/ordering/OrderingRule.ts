/**
 * A rule of the order: a stable id, a sentence, and a pure function of an agent's state and the next event.
 */
import type { Event } from "../event/Event.ts"
import type { AgentView } from "./OrderingState.ts"

/**
 * Why an event may not come next. `rule` is the stable id of the broken rule; `message` is for people and may change.
 */
export interface Violation {
  readonly rule: string
  readonly message: string
}

/** A rule for events of type `E`. `breaks` returns how the event breaks it, or `undefined`. */
export interface Rule<in E> {
  readonly id: string
  readonly says: string
  readonly breaks: (agent: AgentView, event: E) => string | undefined
}

export const rule = <E = Event>(id: string, says: string, breaks: Rule<E>["breaks"]): Rule<E> => ({ id, says, breaks })

/** An id or a name in a message, shortened: ids and names come from models and may be very long. */
export const named = (name: string): string => `"${name.length > 64 ? `${name.slice(0, 64)}…` : name}"`
