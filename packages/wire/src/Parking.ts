/**
 * Whether a run can go on by itself. A run is parked when everything it has open waits for somebody: an approval, or the
 * result of a call that the caller must run. Dialects whose answer ends where a person is asked end it there, and not
 * before: siblings that still work would lose their results.
 *
 * **Gotchas**: a gated call of a client's own counts as waiting from its announcement; its question follows at once.
 */
import type { Approval, Envelope, Event, Events } from "@reins/protocol"
import { AgentPath } from "@reins/protocol"

interface OpenCall {
  readonly id: string
  readonly isAgent: boolean
  readonly isClient: boolean
  readonly child: string
  question: string | undefined
}

interface Agent {
  readonly calls: Map<string, OpenCall>
  readonly questions: Set<string>
}

/** A call that the caller must run, and which agent made it. */
export interface ClientCall {
  readonly path: AgentPath.AgentPath
  readonly call: Events.ToolCall
}

/** Owned by one reader; `step` it through every envelope of a run. */
export class Parking {
  readonly #agents = new Map<string, Agent>()
  readonly #questions = new Map<string, Approval.Request>()
  readonly #clientCalls = new Map<string, ClientCall>()
  readonly #answered = new Set<string>()
  #parked = false

  /** True when nothing happens until somebody answers. */
  get isParked(): boolean {
    return this.#parked
  }

  /** Questions without an answer, oldest first; not those whose answer is on its way. */
  get questions(): ReadonlyArray<Approval.Request> {
    return [...this.#questions.values()].filter(({ id }) => !this.#answered.has(id))
  }

  /** Calls of the caller's own that have no result, oldest first; not those whose result is on its way. */
  get clientCalls(): ReadonlyArray<ClientCall> {
    return [...this.#clientCalls.entries()].filter(([id]) => !this.#answered.has(id)).map(([, call]) => call)
  }

  /**
   * Ids of approvals, and of client calls (`CallId`), whose answers are on their way: the run is not parked for them, so that
   * several answers given together are not mistaken for one.
   */
  expect(ids: Iterable<string>): void {
    for (const id of ids) this.#answered.add(id)
    this.#parked = this.#waits("")
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
    const agent: Agent = { calls: new Map(), questions: new Set() }
    this.#agents.set(key, agent)
    return agent
  }

  #call(path: AgentPath.AgentPath, event: Extract<Event, { readonly toolInvocationId: string }>): void {
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
    this.#agent(key).calls.set(id, { id: key + id, isAgent, isClient, child, question: undefined })
    if (event.type === "tool-invocation" && isClient) this.#clientCalls.set(key + id, { path, call: event })
  }

  #ask(path: AgentPath.AgentPath, { id, kind, toolInvocationId }: Approval.Request, isOpen: boolean): void {
    const agent = this.#agent(AgentPath.key(path))
    const call = kind === "tool" ? agent.calls.get(toolInvocationId ?? "") : undefined
    if (call !== undefined) call.question = isOpen ? id : undefined
    else if (isOpen) agent.questions.add(id)
    else agent.questions.delete(id)
  }

  #waits(key: string): boolean {
    const agent = this.#agents.get(key)
    if (agent === undefined) return false
    for (const question of agent.questions) if (this.#answered.has(question)) return false
    for (const call of agent.calls.values()) if (!this.#callWaits(call)) return false
    return agent.questions.size + agent.calls.size > 0
  }

  #callWaits({ child, id, isAgent, isClient, question }: OpenCall): boolean {
    if (question !== undefined) return !this.#answered.has(question)
    if (isClient) return !this.#answered.has(id)
    return isAgent && this.#waits(child)
  }
}
