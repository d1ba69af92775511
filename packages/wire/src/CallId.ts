/**
 * A call's id in dialects that keep one list of calls for a whole run. Ours are unique per agent only, so below the
 * root the id is prefixed with the agent's path; ids of the root's calls are unchanged.
 *
 * Ids that come back are compared with those of the open calls, never parsed.
 */
import { AgentPath } from "@reins/protocol"

/**
 * The id of a call, unique over the agents of a run: the agent's path before the model's own id. The root's calls keep theirs.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (path: AgentPath.AgentPath, toolInvocationId: string): string =>
  path.length === 0 ? toolInvocationId : AgentPath.key(path) + toolInvocationId
