/**
 * The position of an agent in a run: `[]` is the root, `["planner#2"]` the specialist `planner` that the root called
 * with tool call `2`, and so on. A path identifies one call of an agent, not its type: two calls of one specialist have
 * two paths.
 */
import * as Schema from "effect/Schema"

/**
 * Segments from the root down; the root itself is the empty array.
 *
 * @since 0.1.0
 * @category schemas
 */
export type AgentPath = ReadonlyArray<string>
export const AgentPath: Schema.Codec<AgentPath> = Schema.Array(Schema.String)

/**
 * The root agent's path.
 *
 * @since 0.1.0
 * @category constants
 */
export const root: AgentPath = Object.freeze([])

/**
 * The path of the specialist `agentName` that the agent at `path` called with `toolInvocationId`.
 *
 * @since 0.1.0
 * @category operations
 */
export const child = (path: AgentPath, agentName: string, toolInvocationId: string): AgentPath =>
  Object.freeze([...path, `${agentName}#${toolInvocationId}`])

/**
 * The name of the specialist at `path`; `undefined` for the root agent, whose path does not name it.
 *
 * @since 0.1.0
 * @category operations
 */
export const nameOf = (path: AgentPath): string | undefined => {
  const last = path.at(-1)
  const end = last?.indexOf("#") ?? -1
  return end < 0 ? last : last?.slice(0, end)
}

/**
 * A string that is equal exactly for equal paths. For use as a map key and as the prefix of names in the journal.
 *
 * @since 0.1.0
 * @category operations
 */
export const key = (path: AgentPath): string => (path.length === 0 ? "" : `${path.map(escape).join("/")}/`)

/**
 * A string that is equal exactly for equal paths and call ids. An id that could be read as an agent's path with a call
 * (`a#1/b`), or as an escaped id, is escaped; all others are unchanged.
 *
 * @since 0.1.0
 * @category operations
 */
export const callKey = (path: AgentPath, callId: string): string =>
  `${key(path)}${/^[^/]*#[^/]*\/|^~/.test(callId) ? `~${escape(callId)}` : callId}`

const escape = (segment: string): string => segment.replaceAll("~", "~0").replaceAll("/", "~1")

/**
 * True when `path` is `ancestor` or lies below it.
 *
 * @since 0.1.0
 * @category guards
 */
export const isWithin = (path: AgentPath, ancestor: AgentPath): boolean =>
  path.length >= ancestor.length && ancestor.every((segment, index) => path[index] === segment)
