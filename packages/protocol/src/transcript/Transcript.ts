/**
 * What a log says, folded into the messages of each agent. The same events give the same transcript whether they come from a
 * live stream or a stored log, all at once or one by one, and any prefix of a log gives one.
 *
 * A transcript is a value. It is built of lists that grow at their head, so a step costs the same however much was said
 * before; the arrays that people read are made when they are asked for. It does not judge order (`Ordering`): of an unlawful
 * log it makes what can be made.
 */
import * as HashMap from "effect/HashMap"
import * as Option from "effect/Option"
import * as AgentPath from "../AgentPath.ts"
import type { Request } from "../approval/Approval.ts"
import type { Envelope } from "../event/Envelope.ts"
import type { ErrorEvent, Event, FinishReason } from "../event/Event.ts"
import * as Message from "../Message.ts"
import * as Agent from "./TranscriptAgent.ts"
import * as Adoption from "./TranscriptAdoption.ts"
import type { Adopted } from "./TranscriptAdoption.ts"
import * as Pairs from "./TranscriptPairs.ts"
import type { UsageTotals } from "../money/Usage.ts"

export type { Adopted } from "./TranscriptAdoption.ts"
export { Repair } from "./TranscriptAdoption.ts"
export { droppedCalls } from "./TranscriptAgent.ts"
export type { File, PendingCall } from "./TranscriptAgent.ts"

/**
 * A run so far.
 *
 * **Details**
 * - `finishReason`, `usage`: from `finish`; absent while the run goes on, and when it failed.
 * - `error`: from the `error` event; absent unless the run failed.
 * - `agents` is for the functions of this module; read it with `agent` and `messages`.
 */
export interface Transcript {
  readonly finishReason?: FinishReason
  readonly usage?: UsageTotals
  readonly error?: ErrorEvent["error"]
  readonly agents: HashMap.HashMap<string, Agent.Agent>
  readonly paths: Agent.List<AgentPath.AgentPath>
}

/** One agent of a transcript, as arrays. */
export interface AgentTranscript {
  readonly path: AgentPath.AgentPath
  /**
   * Its prompt, then for each step what it said and the results of its calls. A retracted step is not there; calls that are
   * open have no result (`messages` of this module closes them).
   */
  readonly messages: ReadonlyArray<Message.Message>
  /** Calls without a result, in the order of their announcement. */
  readonly pendingCalls: ReadonlyArray<Agent.PendingCall>
  /** Questions without an answer that this agent raised, oldest first. */
  readonly pendingApprovals: ReadonlyArray<Request>
  /** Files its tools registered, oldest first. */
  readonly files: ReadonlyArray<Agent.File>
  /**
   * What it used, everything below it included: the run's at the root, from `finish`; a specialist's from the
   * `data-tool-agent` that names its call. Absent before.
   */
  readonly usage?: UsageTotals
}

/** A run that has said nothing yet. `prompt` is what its root agent is asked; absent: its messages begin with the answer. */
export const make = (prompt?: Message.Prompt): Transcript => ({
  agents: HashMap.make([
    AgentPath.key(AgentPath.root),
    Agent.make(AgentPath.root, prompt === undefined ? undefined : Message.fromPrompt(prompt))
  ]),
  paths: { head: AgentPath.root, tail: undefined }
})

/** A run without a prompt that has said nothing yet. */
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

/** The run as a whole after an event of the agent at `path`: the specialists it opened and how it ended. */
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

/** The transcript after one more event. An envelope will do. The transcript passed in stays as it was. */
export const step = (
  transcript: Transcript,
  { agentPath, event }: { readonly agentPath: AgentPath.AgentPath; readonly event: Event }
): Transcript =>
  around(
    update(transcript, agentPath, (agent) => Agent.step(agent, event)),
    agentPath,
    event
  )

/** The transcript of a log, or of any prefix of one. `prompt` as for `make`. */
export const fold = (log: Iterable<Envelope>, prompt?: Message.Prompt): Transcript => {
  let transcript = make(prompt)
  for (const envelope of log) transcript = step(transcript, envelope)
  return transcript
}

/** The paths of all agents of the run, in the order in which they came up; the root is the first. */
export const paths = (transcript: Transcript): ReadonlyArray<AgentPath.AgentPath> => Agent.toArray(transcript.paths)

/** One agent of the run, or nothing when it never came up. The root is always there. */
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
 * The pair-complete messages of one agent, of the root where `path` is absent: calls that are open are closed as `cancelled`,
 * so that a log cut anywhere gives a history that a model can be sent. Empty when the agent never came up.
 */
export const messages = (
  transcript: Transcript,
  path: AgentPath.AgentPath = AgentPath.root
): ReadonlyArray<Message.Message> => {
  const found = Option.getOrUndefined(HashMap.get(transcript.agents, AgentPath.key(path)))
  return found === undefined ? [] : repair(Agent.messages(found))
}

/**
 * True when every tool call has exactly one result: in the tool messages right behind its message, or, where the provider ran
 * it, in its own. False also for a result without a call, and for one id called twice in one message.
 */
export const isPairComplete = (history: Iterable<Message.Message>): boolean => Pairs.isPairComplete(history)

/**
 * The history made pair-complete; one that is already comes back equal.
 *
 * **Details**
 * - A call without a result is closed with one of status `cancelled`, behind the other results of its message.
 * - A result that stands further away is brought back to its call.
 * - Results without a call, second results, second calls of one id in one message, and messages left empty are dropped.
 */
export const repair = (history: ReadonlyArray<Message.Message>): ReadonlyArray<Message.Message> => Pairs.repair(history)

/**
 * A foreign history taken over: made pair-complete as by `repair`, messages that say nothing dropped, and what was mended told. The
 * messages of a history that needs no mending come back as they are.
 */
export const adopt = (history: ReadonlyArray<Message.Message>): Adopted => Adoption.adopt(history)
