/**
 * A run as a turn of the Agent Client Protocol: each frame is named by the method that carries it; `result` and `error`
 * are the answer to `session/prompt`.
 *
 * **Carries** the root's text and reasoning, calls, their progress and results, specialists as calls, questions of
 * every agent as permission requests, plans, files that have an address, messages of users, and the run's end with
 * usage and cost.
 *
 * **Reorders**: the end is held until the run has ended, with both summaries in its `_meta`.
 *
 * **Loses** steps (a retracted one's text stays), decisions except for their effect, budgets, custom events,
 * specialists' usage, and what specialists do below the root except for their questions; the answer `revise`; answers
 * to a question that are none of its options (it can only be declined here). Of finish reasons, `budget` becomes `max_tokens` for limits on tokens, else `max_turn_requests`, as does `repeated-calls`.
 *
 * The turn stays open while a person is asked, who answers the request. A call that the client would have to run cannot
 * be made: the protocol has no word for it.
 */
import type { AgentPath, Approval, CostSummary, Envelope, Event, Events, Json } from "@reins/protocol"
import { Envelope as Envelopes, Question } from "@reins/protocol"
import { reasonOf } from "../Accumulation.ts"
import { CallId } from "../Ids.ts"
import type { Encoder } from "../Dialect.ts"
import * as Frame from "../Frame.ts"
import { blocksOf, optionsOf, type Permission, type Stopped, type Update } from "./Update.ts"

type Frames = ReadonlyArray<Frame.Frame>

const titles: { readonly [K in Approval.Kind]: (target: string) => string } = {
  tool: (target) => target,
  plan: (target) => `Carry out plan ${target}`,
  budget: (target) => `Raise ${target}`,
  question: (target) => `${target} asks a question`
}

const progressOf: { readonly [S in Events.PlanStatusChange["data"]["to"]]: "pending" | "in_progress" | "completed" } = {
  draft: "pending",
  pending_approval: "pending",
  approved: "pending",
  executing: "in_progress",
  executed: "completed",
  failed: "completed"
}

class TurnEncoder implements Encoder {
  readonly isDetached = false
  readonly #shown = new Set<string>()
  #session = ""
  #cost: CostSummary.CostSummary | undefined
  #exhausted: string | undefined
  #finish: Events.Finish | undefined
  #last: Frame.Frame | undefined

  step(envelope: Envelope.Envelope): Frames {
    this.#session = envelope.threadId
    const { agentPath, event } = envelope
    if (event.type === "approval-required") return this.#ask(agentPath, event.data)
    return agentPath.length > 0 || !Envelopes.isRootView(envelope) ? this.#below(agentPath, event) : this.#root(event)
  }

  finish(): Frames {
    return this.#last === undefined ? Frame.none : [this.#last]
  }

  reopen(): Frames {
    return Frame.none
  }

  #update(update: Update): Frame.Frame {
    return Frame.named("session/update", { sessionId: this.#session, update })
  }

  #root(event: Event): Frames {
    switch (event.type) {
      case "text":
        return event.text === "" ? [] : [this.#say("agent_message_chunk", event.text)]
      case "reasoning":
        return event.text === "" ? [] : [this.#say("agent_thought_chunk", event.text)]
      case "message-received":
        return event.data.content
          .flatMap(blocksOf)
          .map((content) =>
            this.#update({ sessionUpdate: "user_message_chunk", content, messageId: event.data.messageId })
          )
      case "tool-invocation":
        return event.state === "call"
          ? [this.#call(event.toolInvocationId, event.toolName, event.args, "other")]
          : [this.#result(event.toolInvocationId, event)]
      case "tool-agent":
        return event.state === "call"
          ? [this.#call(event.toolInvocationId, event.agentName, event.prompt, "think")]
          : [this.#result(event.toolInvocationId, event)]
      case "tool-progress":
        return event.toolCallId === undefined ? [] : [this.#progress(event.toolCallId, event.label)]
      case "plan-status-change": {
        const { planId, to } = event.data
        const entries = [{ content: planId, priority: "medium", status: progressOf[to] } as const]
        return [this.#update({ sessionUpdate: "plan", entries })]
      }
      case "data-file-registered": {
        const { filename: name, mediaType: mimeType, url: uri } = event.data
        if (uri === undefined) return []
        const content = { type: "resource_link", uri, name, mimeType } as const
        return [this.#update({ sessionUpdate: "agent_message_chunk", content })]
      }
      case "budget_exhausted":
        this.#exhausted = event.data.limit
        return []
      case "finish":
        this.#finish = event
        return []
      case "data-cost-summary":
        this.#cost = event.data
        return []
      case "data-latency-summary":
        if (this.#finish !== undefined) this.#last = this.#end(this.#finish, event)
        return []
      case "error": {
        const { code: reason, message } = event.error
        const end = reasonOf(event.error)
        if (end !== undefined) {
          const stopReason = end === "length" ? "max_tokens" : "refusal"
          const stopped: Stopped = { stopReason, _meta: { error: { code: reason, message } } }
          this.#last = Frame.named("result", stopped)
          return []
        }
        this.#last = Frame.named("error", { code: -32603, message, data: { reason } })
        return []
      }
      default:
        return []
    }
  }

  /** A call below the root is shown where a person is asked about it. */
  #below(path: AgentPath.AgentPath, event: Event): Frames {
    if (event.type !== "tool-invocation" && event.type !== "tool-agent") return []
    const id = CallId.make(path, event.toolInvocationId)
    return event.state === "result" && this.#shown.has(id) ? [this.#result(id, event)] : []
  }

  #say(sessionUpdate: "agent_message_chunk" | "agent_thought_chunk", text: string): Frame.Frame {
    return this.#update({ sessionUpdate, content: { type: "text", text } })
  }

  #call(toolCallId: string, title: string, rawInput: Json, kind: "think" | "other"): Frame.Frame {
    this.#shown.add(toolCallId)
    return this.#update({ sessionUpdate: "tool_call", toolCallId, title, kind, status: "pending", rawInput })
  }

  #progress(toolCallId: string, text: string): Frame.Frame {
    const content = [{ type: "content", content: { type: "text", text } } as const]
    return this.#update({ sessionUpdate: "tool_call_update", toolCallId, status: "in_progress", content })
  }

  #result(toolCallId: string, { result, status }: Pick<Events.ToolResult, "result" | "status">): Frame.Frame {
    return this.#update({
      sessionUpdate: "tool_call_update",
      toolCallId,
      status: status === undefined ? "completed" : "failed",
      rawOutput: result
    })
  }

  #ask(path: AgentPath.AgentPath, request: Approval.Request): Frames {
    const { id, kind, payload, target, toolInvocationId } = request
    const asked = Question.of(request)
    const toolCallId = toolInvocationId === undefined ? id : CallId.make(path, toolInvocationId)
    const title = asked?.question ?? titles[kind](target)
    const opening = this.#shown.has(toolCallId) ? [] : [this.#call(toolCallId, title, payload, "other")]
    const always = { optionId: "allow_always", name: "Allow for this session", kind: "allow_always" } as const
    const permission: Permission = {
      sessionId: this.#session,
      toolCall: { toolCallId, title, status: "pending", rawInput: payload },
      options:
        asked === undefined
          ? [
              { optionId: "allow_once", name: "Allow", kind: "allow_once" },
              ...(kind === "tool" ? [always] : []),
              { optionId: "reject_once", name: "Reject", kind: "reject_once" }
            ]
          : optionsOf(asked),
      _meta: { approvalId: id, kind }
    }
    return [...opening, Frame.named("session/request_permission", permission)]
  }

  #end({ finishReason, usage }: Events.Finish, { data: latency }: Events.LatencySummaryEvent): Frame.Frame {
    const isTokens = /token/i.test(this.#exhausted ?? "")
    const reasons: { readonly [R in Events.Finish["finishReason"]]: Stopped["stopReason"] } = {
      stop: "end_turn",
      other: "end_turn",
      length: "max_tokens",
      "content-filter": "refusal",
      budget: isTokens ? "max_tokens" : "max_turn_requests",
      "repeated-calls": "max_turn_requests",
      cancelled: "cancelled"
    }
    const cost = this.#cost === undefined ? {} : { cost: this.#cost }
    const stopped: Stopped = { stopReason: reasons[finishReason], _meta: { finishReason, usage, ...cost, latency } }
    return Frame.named("result", stopped)
  }
}

export const open = (): Encoder => new TurnEncoder()
