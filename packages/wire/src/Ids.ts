/**
 * The ids that dialects make where their protocols name what we do not: one answer of a run (`AnswerId`), and a call
 * among the calls of all agents of a run (`CallId`).
 */
import { AgentPath } from "@reins/protocol"

/**
 * An answer: the `answer`th of the run, from 1.
 *
 * @since 0.1.0
 * @category models
 */
export interface AnswerOf {
  readonly runId: string
  readonly answer: number
}

/**
 * The id of one answer of a run, in dialects that name answers and not runs. A run that is resumed after a pause has
 * several answers: the first has the run's id after a prefix, the others have their number before it. An id identifies
 * exactly that answer.
 *
 * **Details**
 * - `make`: the id of an answer. `part`: names a part of the answer, such as an item.
 * - `parse`: the answer that an id names. An id without the prefix names a run itself.
 *
 * @since 0.1.0
 * @category conversions
 */
export const AnswerId = {
  make: (prefix: string, { answer, runId }: AnswerOf, part?: number): string =>
    `${prefix}${answer === 1 ? "" : `${answer}~`}${runId}${part === undefined ? "" : `_${part}`}`,
  parse: (prefix: string, id: string): AnswerOf => {
    const name = id.startsWith(prefix) ? id.slice(prefix.length) : id
    const [, answer = "1", runId = name] = /^([1-9]\d{0,8})~(.*)$/s.exec(name) ?? []
    return { runId, answer: Number(answer) }
  }
}

/**
 * A call's id in dialects that keep one list of calls for a whole run: `make`. Ours are unique per agent only, so below
 * the root the id is prefixed with the agent's path; ids of the root's calls are unchanged.
 *
 * Ids that come back are compared with those of the open calls, never parsed.
 *
 * @since 0.1.0
 * @category constructors
 */
export const CallId = {
  make: (path: AgentPath.AgentPath, toolInvocationId: string): string =>
    path.length === 0 ? toolInvocationId : AgentPath.key(path) + toolInvocationId
}
