/**
 * A call's id where a dialect has one list of calls for a whole run. Ours are unique for one agent only, so below the root
 * they carry the agent's path; ids of the root's calls are as they are.
 *
 * Whoever gets such an id back compares it with those of the open calls: it is not taken apart.
 */
import { AgentPath } from "@reins/protocol"

export const make = (path: AgentPath.AgentPath, toolInvocationId: string): string =>
  path.length === 0 ? toolInvocationId : AgentPath.key(path) + toolInvocationId
