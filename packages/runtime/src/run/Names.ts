/**
 * The names under which a run's marks and answers are stored: all are made here, and all that is read out of one is
 * read here.
 *
 * A name is the agent's path key, a word for what it names, and a subject: `planner#2/tool/c1`. Call ids come from
 * models; one that would read as another subject or as a call of another agent (`c1/again/2`, `budget/1`, `a#1/b`) is
 * announced under another id, so that every call stands under its id as it is. A stored name never changes: a continued
 * run finds what it has done by it, also one that an earlier release began and that has such ids.
 */
import { AgentPath } from "@reins/protocol"
import { digestId } from "../kernel/Digest.ts"

/** What an agent may ask a person about. */
export type Subject = string

/** A call. */
export const ofCall = (callId: string): Subject => callId

/** The id that a model's call is announced under: its own, unless names made of that would read as others. */
export const callId = (fromModel: string): string =>
  isAmbiguous.test(fromModel) ? fromModel.replaceAll("/", "_") : fromModel

/** A call that may have been made before, for the `time`th time; counts from 1. */
export const ofRepeat = (callId: string, time: number): Subject => `${ofCall(callId)}/again/${time}`

/**
 * A call whose tool's definition has changed since it was allowed or asked about, for the `time`th time; counts from 1.
 */
export const ofChanged = (callId: string, time: number): Subject => `${ofCall(callId)}/changed/${time}`

/** The `count`th limit that the agent met; counts from 1. */
export const ofLimit = (count: number): Subject => `budget/${count}`

const isAmbiguous = /^budget\/\d+$|\/again\/\d+$|\/changed\/\d+$|^[^/]*#[^/]*\//

// Activities and emits of an agent. `prefix` is its path's key.

/** A model step: its activity, and the requests that were begun for it. */
export const model = (prefix: string, step: number): string => `${prefix}model/${step}`

/** Whether `name` is that of a model step of the agent at `path`. */
export const isModel = (path: AgentPath.AgentPath, name: string): boolean =>
  name.startsWith(`${AgentPath.key(path)}model/`)

/** The shortening of a conversation before a step. */
export const compaction = (prefix: string, step: number): string => `${prefix}compact/${step}`

/** That a step made the same calls as often in a row as they may be. */
export const repeated = (prefix: string, step: number): string => `${prefix}repeated/${step}`

/** How many messages of a user were taken by the time of a step. */
export const received = (prefix: string, step: number): string => `${prefix}received/${step}`

/** What the gate decided about a call. */
export const gate = (prefix: string, subject: Subject): string => `${prefix}gate/${subject}`

/** Whether the definition that a caller's tool was allowed under is the one it has. */
export const held = (prefix: string, subject: Subject): string => `${prefix}held/${subject}`

/** The definition under which a call is asked about that may have been made before. */
export const shown = (prefix: string, subject: Subject): string => `${prefix}shown/${subject}`

/** A tool that ran: the call, or the call once more. */
export const tool = (prefix: string, subject: Subject): string => `${prefix}tool/${subject}`

/** That a call runs on a grant. */
export const granted = (prefix: string, callId: string): string => `${prefix}granted/${ofCall(callId)}`

/** The grant that an answer left behind. */
export const grant = (prefix: string, subject: Subject): string => `${prefix}grant/${subject}`

/** The result of a call that no tool here ran. */
export const result = (prefix: string, callId: string): string => `${prefix}result/${ofCall(callId)}`

/** The admission of a specialist. */
export const agent = (prefix: string, callId: string): string => `${prefix}agent/${ofCall(callId)}`

/** The end of a specialist. */
export const agentEnd = (prefix: string, callId: string): string => `${prefix}agent-end/${ofCall(callId)}`

/** When a question expires. */
export const expiry = (prefix: string, subject: Subject): string => `${prefix}expiry/${subject}`

/** A question. */
export const ask = (prefix: string, subject: Subject): string => `${prefix}ask/${subject}`

/** The warning that a question expires soon. */
export const warn = (prefix: string, subject: Subject): string => `${prefix}warn/${subject}`

/** That a question went to other approvers, for the `level`th time. */
export const escalated = (prefix: string, subject: Subject, level: number): string =>
  `${prefix}escalated/${level}/${subject}`

/** That so many have approved at a level. */
export const given = (prefix: string, subject: Subject, level: number, count: number): string =>
  `${prefix}given/${level}/${count}/${subject}`

/** The decision about a question. */
export const decided = (prefix: string, subject: Subject): string => `${prefix}decided/${subject}`

/** What an answer raised a limit to. */
export const raise = (prefix: string, subject: Subject): string => `${prefix}raise/${subject}`

// Activities and emits of the run.

/** That a limit was met. */
export const exhausted = (path: AgentPath.AgentPath, limit: string): string => `budget/${JSON.stringify(path)}/${limit}`

/** The messages of a user that came too late for a step. */
export const unread = "unread"

/** What the run leaves its thread, and the run's last events. */
export const finish = "finish"

/** The note of how long no process executed the run. */
export const down = "down"

// Answers from outside.

/** A question's id: the same on every replay of the run, and as hard to guess as the run's own id. */
export const approvalId = (runId: string, prefix: string, subject: Subject): string =>
  digestId("apr", `${runId}\n${prefix}\n${subject}`)

/** A plan's id: the same on every replay of the run. */
export const planId = (runId: string, prefix: string, callId: string): string =>
  digestId("plan", `${runId}\n${prefix}\n${callId}`)

/** The answer to a question. */
export const approval = (approvalId: string): string => `approval/${approvalId}`

/** What is stored of the answers to a question that names its approvers: all of it begins with the name of the answer. */
export const vote = (
  approvalId: string,
  level: number,
  principal: string,
  attempt: string
): {
  readonly name: string
  readonly ballots: string
  readonly ballot: string
  readonly tried: string
  readonly judged: string
} => {
  const name = approval(approvalId)
  const at = ballots(approvalId, level)
  return {
    name,
    ballots: at,
    ballot: `${at}${digestId("by", principal)}`,
    tried: `${name}/tried/${attempt}`,
    judged: `${name}/judged/${attempt}`
  }
}

/** What the counted ballots of a question begin with, at one level. */
export const ballots = (approvalId: string, level: number): string => `${approval(approvalId)}/by/${level}/`

/** A client's result: another name where a person was asked first, so that none that came before the answer counts. */
export const client = (prefix: string, subject: Subject, isAsked: boolean): string =>
  `${prefix}${isAsked ? "client-allowed" : "client"}/${subject}`

/** A slot of the run's inbox, counted from 1. */
export const inbox = (position: number): string => `inbox/${position}`

/** The cancel of the run. */
export const cancel = "cancel"

// In the store of grants.

/** The use of a grant by one call: taken once, however often the call's gate is begun. */
export const grantUse = (runId: string, path: AgentPath.AgentPath, callId: string): string =>
  `${runId} ${AgentPath.key(path)}${callId}`
