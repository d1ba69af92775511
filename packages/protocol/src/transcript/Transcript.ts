/**
 * Folds a log to the messages of each agent. The same events give the same transcript, from a live stream or a stored
 * log, all at once or one by one, and every prefix of a log has a transcript.
 *
 * A transcript is immutable. It consists of lists that grow at their head, so the cost of a step does not depend on the
 * length of the log; arrays are made when they are read. It does not check the order of events (`Ordering`) and folds
 * invalid logs as far as possible.
 */
import * as HashMap from "effect/HashMap"
import * as Option from "effect/Option"
import * as AgentPath from "../AgentPath.ts"
import type { Request } from "../approval/Approval.ts"
import type { Envelope } from "../event/Envelope.ts"
import type { ErrorEvent, Event, FinishReason } from "../event/Event.ts"
import * as Message from "../Message.ts"
import * as Agent from "./TranscriptAgent.ts"
import { repair } from "./TranscriptHistory.ts"
import type { UsageTotals } from "../money/Usage.ts"

export { droppedCalls, lateResult, repeatedCalls } from "./TranscriptAgent.ts"
export type { File, PendingCall } from "./TranscriptAgent.ts"
export { adopt, align, isPairComplete, Repair, repair } from "./TranscriptHistory.ts"
export type { Adopted, Alignment } from "./TranscriptHistory.ts"

/**
 * A run so far.
 *
 * **Details**
 * - `finishReason`, `usage`: from `finish`; absent while the run is running, and when it failed.
 * - `error`: from the `error` event; absent unless the run failed.
 * - `agents` is for the functions of this module; read it with `agent` and `messages`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Transcript {
  readonly finishReason?: FinishReason
  readonly usage?: UsageTotals
  readonly error?: ErrorEvent["error"]
  readonly agents: HashMap.HashMap<string, Agent.Agent>
  readonly paths: Agent.List<AgentPath.AgentPath>
}

/**
 * One agent of a transcript, as arrays.
 *
 * @since 0.1.0
 * @category models
 */
export interface AgentTranscript {
  readonly path: AgentPath.AgentPath
  /**
   * Its prompt, then for each step its output and the results of its calls. Retracted steps are left out; open calls
   * have no result (`messages` of this module closes them).
   */
  readonly messages: ReadonlyArray<Message.Message>
  /** Calls without a result, in the order of the calls. */
  readonly pendingCalls: ReadonlyArray<Agent.PendingCall>
  /** This agent's approval requests without a decision, oldest first. */
  readonly pendingApprovals: ReadonlyArray<Request>
  /** Files that its tools registered, oldest first. */
  readonly files: ReadonlyArray<Agent.File>
  /**
   * Its usage, including everything below it: the run's at the root, from `finish`; a specialist's from the
   * `data-tool-agent` that names its call. Absent before.
   */
  readonly usage?: UsageTotals
}

/**
 * The transcript of a run without events. `prompt` is the root agent's prompt; absent: its messages begin with the
 * answer.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (prompt?: Message.Prompt): Transcript => ({
  agents: HashMap.make([
    AgentPath.key(AgentPath.root),
    Agent.make(AgentPath.root, prompt === undefined ? undefined : Message.fromPrompt(prompt))
  ]),
  paths: { head: AgentPath.root, tail: undefined }
})

/**
 * The transcript of a run without events and without a prompt.
 *
 * @since 0.1.0
 * @category constants
 */
export const initial: Transcript = make()

const update = (
  transcript: Transcript,
  path: AgentPath.AgentPath,
  change: (agent: Agent.Agent) => Agent.Agent,
  fresh: () => Agent.Agent = () => Agent.make(path, undefined)
): Transcript => {
  const key = AgentPath.key(path)
  const known = Option.getOrUndefined(HashMap.get(transcript.agents, key))
  const before = known ?? fresh()
  const after = change(before)
  if (after === known) return transcript
  const agents = HashMap.set(transcript.agents, key, after)
  return known === undefined
    ? { ...transcript, agents, paths: { head: path, tail: transcript.paths } }
    : { ...transcript, agents }
}

/** Applies an event of the agent at `path` to the run as a whole: specialists that it opens, and the end of the run. */
const around = (transcript: Transcript, path: AgentPath.AgentPath, event: Event): Transcript => {
  switch (event.type) {
    case "tool-agent": {
      if (event.state === "result") return transcript
      const child = AgentPath.child(path, event.agentName, event.toolInvocationId)
      return update(
        transcript,
        child,
        (agent) => agent,
        () => Agent.make(child, Agent.promptOf(event.prompt))
      )
    }
    case "data-tool-agent": {
      const { agentName, toolInvocationId, usage } = event.data
      if (toolInvocationId === undefined) return transcript
      return update(transcript, AgentPath.child(path, agentName, toolInvocationId), (agent) => ({ ...agent, usage }))
    }
    case "finish": {
      const { finishReason, usage } = event
      return { ...update(transcript, path, (agent) => ({ ...agent, usage })), finishReason, usage }
    }
    case "error":
      return { ...transcript, error: event.error }
    default:
      return transcript
  }
}

/**
 * The transcript after one more event, which may be an envelope. Does not change the given transcript.
 *
 * @since 0.1.0
 * @category operations
 */
export const step = (
  transcript: Transcript,
  { agentPath, event }: { readonly agentPath: AgentPath.AgentPath; readonly event: Event }
): Transcript =>
  around(
    update(transcript, agentPath, (agent) => Agent.step(agent, event)),
    agentPath,
    event
  )

/**
 * The transcript of a log, or of any prefix of one. `prompt` as for `make`.
 *
 * @since 0.1.0
 * @category operations
 */
export const fold = (log: Iterable<Pick<Envelope, "agentPath" | "event">>, prompt?: Message.Prompt): Transcript => {
  let transcript = make(prompt)
  for (const envelope of log) transcript = step(transcript, envelope)
  return transcript
}

/**
 * The paths of all agents of the run, in the order of their first event; the root is the first.
 *
 * @since 0.1.0
 * @category operations
 */
export const paths = (transcript: Transcript): ReadonlyArray<AgentPath.AgentPath> => Agent.toArray(transcript.paths)

/**
 * One agent of the run, or `undefined` if it does not occur. The root always does.
 *
 * @since 0.1.0
 * @category operations
 */
export const agent = (
  transcript: Transcript,
  path: AgentPath.AgentPath = AgentPath.root
): AgentTranscript | undefined => {
  const found = Option.getOrUndefined(HashMap.get(transcript.agents, AgentPath.key(path)))
  if (found === undefined) return undefined
  return {
    path: found.path,
    messages: Agent.messages(found),
    pendingCalls: Agent.pendingCalls(found),
    pendingApprovals: Agent.pendingApprovals(found),
    files: Agent.toArray(found.files),
    ...(found.usage === undefined ? {} : { usage: found.usage })
  }
}

/**
 * The pair-complete messages of one agent, of the root where `path` is absent: open calls are closed as `cancelled`, so
 * that a log that ends anywhere gives a history that can be sent to a model. Empty if the agent does not occur.
 *
 * @since 0.1.0
 * @category operations
 */
export const messages = (
  transcript: Transcript,
  path: AgentPath.AgentPath = AgentPath.root
): ReadonlyArray<Message.Message> => {
  const found = Option.getOrUndefined(HashMap.get(transcript.agents, AgentPath.key(path)))
  return found === undefined ? [] : repair(Agent.messages(found))
}
