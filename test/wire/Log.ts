/** Builds canonical logs by hand: events in order, each agent's by its path. Envelopes get their numbers here. */
import type { Envelope, Json } from "@reins/protocol"
import { AgentPath, Event } from "@reins/protocol"

export const usage = {
  promptTokens: 120,
  completionTokens: 40,
  cacheReadInputTokens: 20,
  cacheCreationInputTokens: 10,
  totalTokens: 160
}

const cost = {
  currency: "USD",
  costNanoUsd: 1500,
  costUsd: 0.0000015,
  unpriced: 0,
  estimated: false,
  root: {
    agentPath: [],
    costNanoUsd: 1500,
    costUsd: 0.0000015,
    unpriced: 0,
    estimated: false,
    usage,
    rows: [],
    children: []
  }
} as const

const latency = {
  totalMs: 900,
  machineMs: 800,
  humanWaitMs: 100,
  downMs: 0,
  modelMs: 700,
  toolMs: 90,
  steps: [],
  tools: [],
  waits: []
}

type Status = "failed" | "denied" | "cancelled"

export class Log {
  readonly envelopes: Array<Envelope.Envelope> = []
  #path: AgentPath.AgentPath = AgentPath.root
  #args = new Map<string, { readonly name: string; readonly args: Json; readonly client: boolean }>()

  say(...events: ReadonlyArray<Event>): this {
    for (const event of events) {
      const seq = this.envelopes.length + 1
      this.envelopes.push({
        seq,
        at: 1_790_000_000_000 + seq * 7,
        runId: "run-1",
        threadId: "thread-1",
        agentPath: this.#path,
        event
      })
    }
    return this
  }

  /** The following events are the specialist's, until `up`. */
  below(agentName: string, id: string): this {
    this.#path = AgentPath.child(this.#path, agentName, id)
    return this
  }

  up(): this {
    this.#path = this.#path.slice(0, -1)
    return this
  }

  step(): this {
    return this.say({ type: "step-start" })
  }

  text(...pieces: ReadonlyArray<string>): this {
    return this.say(...pieces.map((text) => ({ type: "text", text }) as const))
  }

  think(...pieces: ReadonlyArray<string>): this {
    return this.say(...pieces.map((text) => ({ type: "reasoning", text }) as const))
  }

  /** The model writes the arguments of a call, which may not come. */
  write(
    toolInvocationId: string,
    toolName: string,
    pieces: ReadonlyArray<string>,
    execution?: "client" | "agent"
  ): this {
    return this.say(
      ...pieces.map((text) => Event.toolInputDelta({ id: toolInvocationId, name: toolName }, text, execution))
    )
  }

  call(toolInvocationId: string, toolName: string, args: Json, execution?: "client"): this {
    this.#args.set(toolInvocationId, { name: toolName, args, client: execution === "client" })
    return this.say({
      type: "tool-invocation",
      toolInvocationId,
      toolName,
      args,
      state: "call",
      ...(execution === undefined ? {} : { execution })
    })
  }

  result(toolInvocationId: string, result: Json, status?: Status): this {
    const { args = {}, client = false, name = "" } = this.#args.get(toolInvocationId) ?? {}
    return this.say({
      type: "tool-invocation",
      toolInvocationId,
      toolName: name,
      args,
      state: "result",
      result,
      ...(status === undefined ? {} : { status }),
      ...(client ? { execution: "client" as const } : {})
    })
  }

  agent(toolInvocationId: string, agentName: string, prompt: Json): this {
    return this.say({ type: "tool-agent", agentName, toolInvocationId, state: "call", prompt })
  }

  agentResult(toolInvocationId: string, agentName: string, result: Json, status?: Status): this {
    return this.say(
      { type: "data-tool-agent", data: { agentName, model: "small-1", usage, toolInvocationId } },
      {
        type: "tool-agent",
        agentName,
        toolInvocationId,
        state: "result",
        result,
        ...(status === undefined ? {} : { status })
      }
    )
  }

  /** Asks about a call, or, with a `kind`, about a plan or a budget. */
  ask(id: string, target: string, payload: Json, kind: "plan" | "budget" | { readonly call: string }): this {
    return this.say({
      type: "approval-required",
      data: {
        id,
        kind: typeof kind === "string" ? kind : "tool",
        target,
        payload,
        resourceId: "acme",
        threadId: "thread-1",
        ...(typeof kind === "string" ? {} : { toolInvocationId: kind.call }),
        ...(this.#path.length === 0 ? {} : { agentPath: this.#path })
      }
    })
  }

  answer(
    id: string,
    outcome: "approve" | "reject" | "expired" | "cancelled" | { readonly revise: Json },
    feedback?: string
  ): this {
    return this.say({
      type: "approval-decision",
      data: {
        id,
        outcome: typeof outcome === "string" ? { outcome } : { outcome: "revise", partial: outcome.revise },
        ...(feedback === undefined ? {} : { feedback })
      }
    })
  }

  finish(
    finishReason: "stop" | "length" | "content-filter" | "budget" | "cancelled" | "repeated-calls" | "other" = "stop",
    output?: Json
  ): this {
    return this.say(
      { type: "finish", finishReason, usage, ...(output === undefined ? {} : { output }) },
      { type: "data-cost-summary", data: cost },
      { type: "data-latency-summary", data: latency }
    )
  }

  fail(message: string, code: string): this {
    return this.say(
      { type: "data-cost-summary", data: cost },
      { type: "data-latency-summary", data: latency },
      { type: "error", error: { message, code } }
    )
  }
}
