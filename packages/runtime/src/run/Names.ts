/**
 * The names under which a run's marks and answers are stored; only this file makes and parses them. A name is the
 * agent's path key, a word for its kind, and a subject: `planner#2/tool/c1`. Call ids come from models; an id that
 * could be parsed as another subject or another agent's call (`c1/again/2`, `budget/1`, `a#1/b`) is replaced when the
 * call is announced, so that names contain ids unchanged. Stored names never change: a resumed run finds its work by
 * them, also a run of an earlier release.
 */
import { AgentPath } from "@reins/protocol"
import { digestId } from "../kernel/Digest.ts"

/**
 * The subject of a question.
 *
 * @since 0.1.0
 * @category models
 */
export type Subject = string

/**
 * A call.
 *
 * @since 0.1.0
 * @category operations
 */
export const ofCall = (callId: string): Subject => callId

/**
 * The id under which a model's call is announced: its own, unless names with it would be ambiguous.
 *
 * @since 0.1.0
 * @category operations
 */
export const callId = (fromModel: string): string =>
  isAmbiguous.test(fromModel) ? fromModel.replaceAll("/", "_") : fromModel

/**
 * A call that may have been executed before, for the `time`th time; counts from 1.
 *
 * @since 0.1.0
 * @category operations
 */
export const ofRepeat = (callId: string, time: number): Subject => `${ofCall(callId)}/again/${time}`

/**
 * A call after the `time`th change of its tool's definition since it was allowed or asked about; counts from 1.
 *
 * @since 0.1.0
 * @category operations
 */
export const ofChanged = (callId: string, time: number): Subject => `${ofCall(callId)}/changed/${time}`

/**
 * The `count`th limit that the agent reached; counts from 1.
 *
 * @since 0.1.0
 * @category operations
 */
export const ofLimit = (count: number): Subject => `budget/${count}`

/**
 * A call that goes on after its handler has slept for the `count`th time; counts from 1.
 *
 * @since 0.2.0
 * @category operations
 */
export const ofSlept = (callId: string, count: number): Subject => `${ofCall(callId)}/slept/${count}`

/**
 * The `count`th question that a call, or its repetition, asks while it runs; counts from 1.
 *
 * @since 0.2.0
 * @category operations
 */
export const ofAsked = (of: Subject, count: number): Subject => `${of}/asked/${count}`

/**
 * Whether a name is about such a question.
 *
 * @since 0.2.0
 * @category guards
 */
export const isAsked = (name: string): boolean => /\/asked\/\d+$/.test(name)

const isAmbiguous = /^budget\/\d+$|\/(again|changed|slept|asked)\/\d+$|^[^/]*#[^/]*\//

/**
 * The word for the kind of what is stored under `name`, of the agent with this prefix: `tool` of `planner#2/tool/c1`.
 *
 * @since 0.1.0
 * @category operations
 */
export const kindOf = (prefix: string, name: string): string => name.slice(prefix.length).split("/", 1)[0] ?? ""

/**
 * The call that a name of the agent with this prefix is about, if it is about one: `c1` of `planner#2/tool/c1/again/2`.
 *
 * @since 0.1.0
 * @category operations
 */
export const callOf = (prefix: string, name: string): string =>
  name.slice(prefix.length + kindOf(prefix, name).length + 1).replace(/\/(again|changed|slept)\/\d+$/, "")

// Activities and emits of an agent. `prefix` is its path's key.

/**
 * A model step: its activity, and its started requests.
 *
 * @since 0.1.0
 * @category operations
 */
export const model = (prefix: string, step: number): string => `${prefix}model/${step}`

/**
 * Whether `name` is that of a model step of the agent at `path`.
 *
 * @since 0.1.0
 * @category guards
 */
export const isModel = (path: AgentPath.AgentPath, name: string): boolean =>
  name.startsWith(`${AgentPath.key(path)}model/`)

/**
 * The compaction before a step.
 *
 * @since 0.1.0
 * @category operations
 */
export const compaction = (prefix: string, step: number): string => `${prefix}compact/${step}`

/**
 * What an agent's `resolve` has chosen for a step.
 *
 * @since 0.1.0
 * @category operations
 */
export const resolved = (prefix: string, step: number): string => `${prefix}resolve/${step}`

/**
 * What an agent was reminded of when it started.
 *
 * @since 0.1.0
 * @category operations
 */
export const recalled = (prefix: string): string => `${prefix}recalled`

/**
 * The event that a step reached the limit of repeated calls.
 *
 * @since 0.1.0
 * @category operations
 */
export const repeated = (prefix: string, step: number): string => `${prefix}repeated/${step}`

/**
 * How many user messages were taken before a step.
 *
 * @since 0.1.0
 * @category operations
 */
export const received = (prefix: string, step: number): string => `${prefix}received/${step}`

/**
 * The gate's decision about a call.
 *
 * @since 0.1.0
 * @category operations
 */
export const gate = (prefix: string, subject: Subject): string => `${prefix}gate/${subject}`

/**
 * Whether a client tool still has the definition that was allowed.
 *
 * @since 0.1.0
 * @category operations
 */
export const held = (prefix: string, subject: Subject): string => `${prefix}held/${subject}`

/**
 * The definition in a question about repeating a call.
 *
 * @since 0.1.0
 * @category operations
 */
export const shown = (prefix: string, subject: Subject): string => `${prefix}shown/${subject}`

/**
 * The execution of a tool: the call, or its repetition.
 *
 * @since 0.1.0
 * @category constructors
 */
export const tool = (prefix: string, subject: Subject): string => `${prefix}tool/${subject}`

/**
 * The verdict of the hooks before a call.
 *
 * @since 0.1.0
 * @category operations
 */
export const hook = (prefix: string, callId: string): string => `${prefix}hook/${ofCall(callId)}`

/**
 * The result of a call that no tool of the runtime ran, as the hooks after it let it through.
 *
 * @since 0.1.0
 * @category operations
 */
export const hooked = (prefix: string, callId: string): string => `${prefix}hooked/${ofCall(callId)}`

/**
 * The `count`th question of a hook, in the work of this name; counts from 1.
 *
 * @since 0.1.0
 * @category operations
 */
export const hookAsk = (name: string, count: number): string => `hook-ask/${count}/${name}`

/**
 * The time for which the handler of a call sleeps.
 *
 * @since 0.2.0
 * @category operations
 */
export const sleep = (prefix: string, subject: Subject): string => `${prefix}sleep/${subject}`

/**
 * The event that a call sleeps.
 *
 * @since 0.2.0
 * @category operations
 */
export const sleeps = (prefix: string, subject: Subject): string => `${prefix}sleeps/${subject}`

/**
 * Whether a name of the agent with this prefix is that of such a wait.
 *
 * @since 0.2.0
 * @category guards
 */
export const isSleep = (prefix: string, name: string): boolean => kindOf(prefix, name) === "sleep"

/**
 * The late results that an agent takes before a step.
 *
 * @since 0.2.0
 * @category operations
 */
export const late = (prefix: string, step: number): string => `${prefix}late/${step}`

/**
 * The wait of an agent that has answered in a step, for the late results of its calls.
 *
 * @since 0.2.0
 * @category operations
 */
export const lateWait = (prefix: string, step: number): string => `${prefix}late-wait/${step}`

/**
 * The event that an agent waits for late results.
 *
 * @since 0.2.0
 * @category operations
 */
export const lateAwaited = (prefix: string, step: number): string => `${prefix}late-awaited/${step}`

/**
 * The late results that an agent did not wait for, at its end.
 *
 * @since 0.2.0
 * @category operations
 */
export const lateEnd = (prefix: string): string => `${prefix}late-end`

/**
 * The end of a call that was not repeated after it died with its process, or that was cancelled while it slept.
 *
 * @since 0.1.0
 * @category operations
 */
export const lost = (prefix: string, callId: string): string => `${prefix}lost/${ofCall(callId)}`

/**
 * The event that a call uses a grant.
 *
 * @since 0.1.0
 * @category operations
 */
export const granted = (prefix: string, callId: string): string => `${prefix}granted/${ofCall(callId)}`

/**
 * The grant that an answer created.
 *
 * @since 0.1.0
 * @category operations
 */
export const grant = (prefix: string, subject: Subject): string => `${prefix}grant/${subject}`

/**
 * The result of a call that the runtime did not run.
 *
 * @since 0.1.0
 * @category operations
 */
export const result = (prefix: string, callId: string): string => `${prefix}result/${ofCall(callId)}`

/**
 * The admission of a specialist.
 *
 * @since 0.1.0
 * @category operations
 */
export const agent = (prefix: string, callId: string): string => `${prefix}agent/${ofCall(callId)}`

/**
 * The end of a specialist.
 *
 * @since 0.1.0
 * @category operations
 */
export const agentEnd = (prefix: string, callId: string): string => `${prefix}agent-end/${ofCall(callId)}`

/**
 * The expiry of a question.
 *
 * @since 0.1.0
 * @category operations
 */
export const expiry = (prefix: string, subject: Subject): string => `${prefix}expiry/${subject}`

/**
 * A question.
 *
 * @since 0.1.0
 * @category operations
 */
export const ask = (prefix: string, subject: Subject): string => `${prefix}ask/${subject}`

/**
 * The warning that a question expires soon.
 *
 * @since 0.1.0
 * @category operations
 */
export const warn = (prefix: string, subject: Subject): string => `${prefix}warn/${subject}`

/**
 * The `level`th escalation of a question.
 *
 * @since 0.1.0
 * @category operations
 */
export const escalated = (prefix: string, subject: Subject, level: number): string =>
  `${prefix}escalated/${level}/${subject}`

/**
 * The event of a counted approval at a level.
 *
 * @since 0.1.0
 * @category operations
 */
export const given = (prefix: string, subject: Subject, level: number, count: number): string =>
  `${prefix}given/${level}/${count}/${subject}`

/**
 * The decision about a question.
 *
 * @since 0.1.0
 * @category operations
 */
export const decided = (prefix: string, subject: Subject): string => `${prefix}decided/${subject}`

/**
 * The end of a question that its call no longer waits for.
 *
 * @since 0.2.0
 * @category operations
 */
export const withdrawn = (prefix: string, approvalId: string): string => `${prefix}withdrawn/${approvalId}`

/**
 * When a question that a call asks expires, and who may answer it.
 *
 * @since 0.2.0
 * @category operations
 */
export const askTerms = (prefix: string, subject: Subject): string => `ask-terms/${prefix}${subject}`

/**
 * The raise of a limit by an answer.
 *
 * @since 0.1.0
 * @category operations
 */
export const raise = (prefix: string, subject: Subject): string => `${prefix}raise/${subject}`

// Activities and emits of the run.

/**
 * The event that a limit was reached.
 *
 * @since 0.1.0
 * @category operations
 */
export const exhausted = (path: AgentPath.AgentPath, limit: string): string => `budget/${JSON.stringify(path)}/${limit}`

/**
 * The user messages that were too late for a step.
 *
 * @since 0.1.0
 * @category constants
 */
export const unread = "unread"

/**
 * The call of a run that its caller makes.
 *
 * @since 0.1.0
 * @category constants
 */
export const byHand = "by-hand"

/**
 * What the run stores with its thread, and the run's last events.
 *
 * @since 0.1.0
 * @category constants
 */
export const finish = "finish"

/**
 * The note of how long no process executed the run.
 *
 * @since 0.1.0
 * @category constants
 */
export const down = "down"

/**
 * The note of what a call has reported as its cost.
 *
 * @since 0.1.0
 * @category operations
 */
export const cost = (path: AgentPath.AgentPath, callId: string): string => `cost/${AgentPath.key(path)}${callId}`

/**
 * The note of what a call, or a hook (`hook`), has reported as its cost: a hook's by the name of the work that it is
 * around.
 *
 * @since 0.2.0
 * @category operations
 */
export const costOf = (of: {
  readonly path: AgentPath.AgentPath
  readonly callId: string
  readonly toolName: string
  readonly hook?: true | undefined
}): string => (of.hook === true ? `hook-cost/${of.toolName}/${of.callId}` : cost(of.path, of.callId))

/**
 * Whether `name` is that of such a note.
 *
 * @since 0.1.0
 * @category guards
 */
export const isCost = (name: string): boolean => name.startsWith("cost/") || name.startsWith("hook-cost/")

/**
 * The note of the providers' ids of the responses to an agent's step, one for each agent.
 *
 * @since 0.2.0
 * @category operations
 */
export const responses = (prefix: string): string => `responses/${prefix}`

/**
 * Whether `name` is that of such a note of the agent at `path`.
 *
 * @since 0.2.0
 * @category guards
 */
export const isResponses = (path: AgentPath.AgentPath, name: string): boolean => name === responses(AgentPath.key(path))

/**
 * The receipt of a part of a call (`ToolRun.once`).
 *
 * @since 0.2.0
 * @category operations
 */
export const once = (path: AgentPath.AgentPath, callId: string, part: string): string =>
  `once/${AgentPath.key(path)}${callId}/${part}`

/**
 * The receipt of a call whose result is not stored yet.
 *
 * @since 0.2.0
 * @category operations
 */
export const receipt = (path: AgentPath.AgentPath, callId: string): string => `receipt/${AgentPath.key(path)}${callId}`

/**
 * The note that a defect has stopped the run, with the rows of what was under way.
 *
 * @since 0.1.0
 * @category constants
 */
export const struck = "struck"

/**
 * The note of what late results have cost that a run had not read when a defect stopped it.
 *
 * @since 0.2.0
 * @category constants
 */
export const unreadCosts = "unread-costs"

// Answers from outside.

/**
 * A question's id: the same on every replay of the run, and as unguessable as the run's id.
 *
 * @since 0.1.0
 * @category operations
 */
export const approvalId = (runId: string, prefix: string, subject: Subject): string =>
  digestId("apr", `${runId}\n${prefix}\n${subject}`)

/**
 * A plan's id: the same on every replay of the run.
 *
 * @since 0.1.0
 * @category operations
 */
export const planId = (runId: string, prefix: string, callId: string): string =>
  digestId("plan", `${runId}\n${prefix}\n${callId}`)

/**
 * The answer to a question.
 *
 * @since 0.1.0
 * @category operations
 */
export const approval = (approvalId: string): string => `approval/${approvalId}`

/**
 * The approval of such a name; `undefined` for other names.
 *
 * @since 0.2.0
 * @category operations
 */
export const approvalOf = (name: string): string | undefined => /^approval\/([^/]+)$/.exec(name)?.[1]

/**
 * The names of votes on a question begin with the name of its answer.
 *
 * @since 0.1.0
 * @category operations
 */
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

/**
 * The prefix of a question's counted ballots at one level.
 *
 * @since 0.1.0
 * @category operations
 */
export const ballots = (approvalId: string, level: number): string => `${approval(approvalId)}/by/${level}/`

/**
 * A client's result: with another name if a person was asked first, so that results before the answer do not count.
 *
 * @since 0.1.0
 * @category operations
 */
export const client = (prefix: string, subject: Subject, isAsked: boolean): string =>
  `${prefix}${isAsked ? "client-allowed" : "client"}/${subject}`

/**
 * Whether a name of the agent with this prefix is that of a client's result.
 *
 * @since 0.2.0
 * @category guards
 */
export const isClient = (prefix: string, name: string): boolean => /^client(-allowed)?$/.test(kindOf(prefix, name))

/**
 * A slot of the run's inbox, counted from 1.
 *
 * @since 0.1.0
 * @category operations
 */
export const inbox = (position: number): string => `inbox/${position}`

/**
 * The id of a call's ticket: with the run's id, so that any process finds it.
 *
 * @since 0.2.0
 * @category operations
 */
export const ticketId = (runId: string, prefix: string, callId: string): string =>
  `${runId}.${digestId("tkt", `${runId}\n${prefix}\n${callId}`)}`

/**
 * The run that a ticket is of, and the names of what it is and of how it ended; `undefined` if it is not a ticket's id.
 *
 * @since 0.2.0
 * @category operations
 */
export const ofTicket = (
  ticketId: string
): { readonly runId: string; readonly about: string; readonly end: string } | undefined => {
  const dot = ticketId.lastIndexOf(".")
  return dot <= 0 || !ticketId.startsWith("tkt_", dot + 1)
    ? undefined
    : { runId: ticketId.slice(0, dot), about: `${tickets}${ticketId.slice(dot + 1)}`, end: ticketEnd(ticketId) }
}

/**
 * The prefix of the names of what tickets are.
 *
 * @since 0.2.0
 * @category constants
 */
export const tickets = "ticket/"

/**
 * How the ticket ended whose name begins with `tickets`.
 *
 * @since 0.2.0
 * @category operations
 */
export const endOfTicket = (name: string): string => ticketEnd(name.slice(tickets.length))

/**
 * How a ticket ended.
 *
 * @since 0.2.0
 * @category operations
 */
export const ticketEnd = (ticketId: string): string => `${ticketEnds}${ticketId.slice(ticketId.lastIndexOf(".") + 1)}`

const ticketEnds = "ticket-end/"

/**
 * Whether a name is that of how a ticket ended.
 *
 * @since 0.2.0
 * @category guards
 */
export const isTicketEnd = (name: string): boolean => name.startsWith(ticketEnds)

/**
 * What a wait of this name is for, of the agent with this prefix.
 *
 * @since 0.2.0
 * @category operations
 */
export const waitsFor = (prefix: string, name: string): "approval" | "client-tool" | "timer" | "result" => {
  if (isClient(prefix, name)) return "client-tool"
  if (isSleep(prefix, name)) return "timer"
  return kindOf(prefix, name) === "late-wait" ? "result" : "approval"
}

/**
 * The cancel of the run.
 *
 * @since 0.1.0
 * @category constants
 */
export const cancel = "cancel"

// In the store of grants.

/**
 * The use of a grant by one call: taken once, however often the call's gate is executed.
 *
 * @since 0.1.0
 * @category operations
 */
export const grantUse = (runId: string, path: AgentPath.AgentPath, callId: string): string =>
  `${runId} ${AgentPath.key(path)}${callId}`
