/**
 * Tracks whether a run can continue by itself. A run is parked when everything it has open waits for an approval or for
 * the result of a client call. Dialects whose answer ends at a question end it when the run is parked, and not before:
 * siblings that still work would lose their results.
 *
 * A call that asks a person (kind `question`) is both: a question, and a client call whose result is the answer.
 *
 * A question holds up the call it names. One that names no call holds up its agent; where it shows the arguments of one
 * of the agent's open calls, as a plan's question does, it holds up that call.
 *
 * **Gotchas**: a gated client call counts as waiting from its announcement; its question follows at once. A specialist
 * that was called and waits for a free slot (`maxParallelCalls`) looks like one that works.
 */
import type { Approval, Envelope, Events, Json } from "@reins/protocol"
import { AgentPath } from "@reins/protocol"

interface OpenCall {
  readonly id: string
  readonly isAgent: boolean
  readonly isClient: boolean
  readonly child: string
  readonly args: Json
  question: string | undefined
  /** The question is the call's own, so that the call's result answers it. */
  asks: boolean
}

/** `questions`: those that name no call, each with the arguments it shows, if it is about a call. */
interface Agent {
  readonly calls: Map<string, OpenCall>
  readonly questions: Map<string, Json | undefined>
}

/**
 * A call that the client must run, and the path of the agent that made it.
 *
 * @since 0.1.0
 * @category models
 */
export interface ClientCall {
  readonly path: AgentPath.AgentPath
  readonly call: Events.ToolCall
}

/**
 * True for a question that one of these calls asks, so that the call's result answers it.
 *
 * @since 0.1.0
 * @category guards
 */
export const isAskedBy = (
  { agentPath = [], kind, toolInvocationId }: Approval.Request,
  calls: ReadonlyArray<ClientCall>
): boolean =>
  kind === "question" &&
  calls.some(
    ({ call, path }) => call.toolInvocationId === toolInvocationId && AgentPath.key(path) === AgentPath.key(agentPath)
  )

/**
 * Mutable; owned by one reader. Call `step` with every envelope of a run.
 *
 * @since 0.1.0
 * @category models
 */
export class Parking {
  readonly #agents = new Map<string, Agent>()
  readonly #questions = new Map<string, Approval.Request>()
  readonly #clientCalls = new Map<string, ClientCall>()
  readonly #answered = new Set<string>()
  #parked = false

  /** True when the run only waits for answers. */
  get isParked(): boolean {
    return this.#parked
  }

  /** Unanswered questions, oldest first, without those passed to `expect`. */
  get questions(): ReadonlyArray<Approval.Request> {
    return [...this.#questions.values()].filter(
      (question) => !this.#answered.has(question.id) && !this.#answered.has(this.#asking(question) ?? "")
    )
  }

  /**
   * Client calls without a result, oldest first, without those passed to `expect`. A call that asks a person is among
   * them, and its question among `questions`: either can be answered.
   */
  get clientCalls(): ReadonlyArray<ClientCall> {
    return [...this.#clientCalls.entries()].filter(([id]) => this.#isOpen(id)).map(([, call]) => call)
  }

  /** The client calls that ask no question. */
  get plainCalls(): ReadonlyArray<ClientCall> {
    return this.clientCalls.filter(({ call }) => call.asks !== true)
  }

  /** True for a question that an open client call asks, so that the call's result answers it. */
  isAsked(question: Approval.Request): boolean {
    return this.#asking(question) !== undefined
  }

  /** The client call that asks this question. */
  #asking({ agentPath = [], kind, toolInvocationId = "" }: Approval.Request): string | undefined {
    const id = AgentPath.key(agentPath) + toolInvocationId
    return kind === "question" && this.#clientCalls.has(id) ? id : undefined
  }

  #isOpen(id: string): boolean {
    if (this.#answered.has(id)) return false
    for (const question of this.#questions.values()) {
      if (this.#asking(question) === id && this.#answered.has(question.id)) return false
    }
    return true
  }

  /**
   * Marks approvals and client calls (`CallId`) as answered before their answers are in the log: the run is not parked
   * on them, so that several answers sent together are treated as one.
   */
  expect(ids: Iterable<string>): void {
    for (const id of ids) this.#answered.add(id)
    this.#parked = this.#waits("")
  }

  /**
   * True for the result of a client call that was passed to `expect`: the client has it. One that we made ourselves,
   * since the client's was not accepted, is news.
   */
  isOwn({ agentPath, event }: Envelope.Envelope): boolean {
    if (event.type !== "tool-invocation" || event.state !== "result" || event.execution !== "client") return false
    const { result, status, toolInvocationId } = event
    if (status === "denied" || status === "cancelled") return false
    if (status === "failed" && JSON.stringify(result).startsWith('{"error":"ResultInvalid"')) return false
    return this.#answered.has(AgentPath.key(agentPath) + toolInvocationId)
  }

  step({ agentPath, event }: Envelope.Envelope): void {
    switch (event.type) {
      case "tool-invocation":
      case "tool-agent":
        this.#call(agentPath, event)
        break
      case "approval-required":
        this.#questions.set(event.data.id, event.data)
        this.#ask(agentPath, event.data, true)
        break
      case "approval-decision": {
        const question = this.#questions.get(event.data.id)
        this.#questions.delete(event.data.id)
        if (question !== undefined) this.#ask(agentPath, question, false)
        break
      }
      default:
        return
    }
    this.#parked = this.#waits("")
  }

  #agent(key: string): Agent {
    const known = this.#agents.get(key)
    if (known !== undefined) return known
    const agent: Agent = { calls: new Map(), questions: new Map() }
    this.#agents.set(key, agent)
    return agent
  }

  #call(path: AgentPath.AgentPath, event: Events.CallEvent): void {
    const key = AgentPath.key(path)
    const id = event.toolInvocationId
    if (event.state === "result") {
      this.#agents.delete(this.#agent(key).calls.get(id)?.child ?? "-")
      this.#agent(key).calls.delete(id)
      this.#clientCalls.delete(key + id)
      return
    }
    const isAgent = event.type === "tool-agent"
    const isClient = event.type === "tool-invocation" && event.execution === "client"
    const child = isAgent ? AgentPath.key(AgentPath.child(path, event.agentName, id)) : "-"
    const args = isAgent ? event.prompt : event.args
    this.#agent(key).calls.set(id, { id: key + id, isAgent, isClient, child, args, question: undefined, asks: false })
    if (event.type === "tool-invocation" && isClient) this.#clientCalls.set(key + id, { path, call: event })
  }

  #ask(path: AgentPath.AgentPath, { id, kind, payload, toolInvocationId }: Approval.Request, isOpen: boolean): void {
    const agent = this.#agent(AgentPath.key(path))
    const call = toolInvocationId === undefined ? undefined : agent.calls.get(toolInvocationId)
    if (call !== undefined) {
      call.question = isOpen ? id : undefined
      call.asks = kind === "question"
    } else if (isOpen) agent.questions.set(id, kind === "budget" ? undefined : payload)
    else agent.questions.delete(id)
  }

  #waits(key: string): boolean {
    const agent = this.#agents.get(key)
    if (agent === undefined) return false
    for (const question of agent.questions.keys()) if (this.#answered.has(question)) return false
    const shown = Array.from(agent.questions.values(), (json) => JSON.stringify(json))
    for (const call of agent.calls.values()) {
      if (this.#callWaits(call)) continue
      const at = shown.length === 0 ? -1 : shown.indexOf(JSON.stringify(call.args))
      if (at < 0) return false
      // A question holds up one call only.
      shown.splice(at, 1)
    }
    return agent.questions.size + agent.calls.size > 0
  }

  #callWaits({ asks, child, id, isAgent, isClient, question }: OpenCall): boolean {
    if (question !== undefined) return !this.#answered.has(question) && !(asks && this.#answered.has(id))
    if (isClient) return !this.#answered.has(id)
    return isAgent && this.#waits(child)
  }
}
