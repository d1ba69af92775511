/**
 * Events without content: their type, time, agent, tool, call, outcome and cost. For readers who may see what happened
 * in a run and what it cost, and none of its texts. Each event type lists the fields that it keeps, so a field that is
 * added later is left out until it is listed here.
 */
import type { Envelope } from "./Envelope.ts"
import type { Event } from "./Event.ts"

/**
 * The event without content: no text, argument, result, remark, name of a file or data of a product's own event. Of the
 * same type, and valid by itself.
 *
 * @since 0.1.0
 * @category operations
 */
export const event = (said: Event): Event => {
  switch (said.type) {
    case "text":
    case "reasoning":
      return { type: said.type, text: "" }
    case "late-result": {
      const { status, toolInvocationId, toolName, type } = said
      return { type, toolInvocationId, toolName, result: null, ...(status === undefined ? {} : { status }) }
    }
    case "message-received": {
      const { messageId, position } = said.data
      return { type: said.type, data: { messageId, position, content: [] } }
    }
    case "tool-input-delta": {
      const { toolInvocationId, toolName, type } = said
      return { type, toolInvocationId, toolName, text: "" }
    }
    case "source":
      return { type: said.type, data: { id: "", sourceType: said.data.sourceType } }
    case "tool-invocation":
      return call(said)
    case "tool-progress": {
      const { phaseIndex, toolCallId, toolName, totalPhases, type } = said
      return { type, toolName, ...(toolCallId === undefined ? {} : { toolCallId }), label: "", phaseIndex, totalPhases }
    }
    case "tool-agent": {
      const { agentName, toolInvocationId, type } = said
      if (said.state === "call") return { type, agentName, toolInvocationId, state: said.state, prompt: null }
      const status = said.status === undefined ? {} : { status: said.status }
      return { type, agentName, toolInvocationId, state: said.state, result: null, ...status }
    }
    case "approval-required": {
      const { agentPath, approvals, id, kind, requestedBy, resourceId, target, threadId, toolInvocationId } = said.data
      return {
        type: said.type,
        data: {
          id,
          kind,
          target: kind === "question" ? "" : target,
          payload: null,
          resourceId,
          threadId,
          ...(toolInvocationId === undefined ? {} : { toolInvocationId }),
          ...(agentPath === undefined ? {} : { agentPath }),
          ...(approvals === undefined ? {} : { approvals }),
          ...(requestedBy === undefined ? {} : { requestedBy })
        }
      }
    }
    case "approval-decision": {
      const { approvers, by, grantId, id, outcome, scope } = said.data
      return {
        type: said.type,
        data: {
          id,
          outcome:
            outcome.outcome === "revise"
              ? { outcome: "revise", partial: null }
              : outcome.outcome === "answer"
                ? { outcome: "answer", value: null }
                : outcome,
          ...(by === undefined ? {} : { by }),
          ...(scope === undefined ? {} : { scope }),
          ...(grantId === undefined ? {} : { grantId }),
          ...(approvers === undefined ? {} : { approvers })
        }
      }
    }
    case "data-file-registered": {
      const { fileId, mediaType, sizeBytes } = said.data
      return { type: said.type, data: { fileId, filename: "", mediaType, sizeBytes } }
    }
    case "data-flow-ui":
      return { type: said.type, data: { dsl: null } }
    case "custom":
      return { type: said.type, event_type: said.event_type, data: null }
    case "error":
      return { type: said.type, error: { message: said.error.code, code: said.error.code } }
    case "finish": {
      // A stop sequence is a text of the caller.
      const { finishReason, type, usage } = said
      return { type, finishReason, usage }
    }
    case "step-start":
      return { type: said.type }
    case "step-retracted":
      return { type: said.type, reason: said.reason }
    case "data-tool-agent": {
      const { agentName, model, toolInvocationId, usage } = said.data
      const call = toolInvocationId === undefined ? {} : { toolInvocationId }
      return { type: said.type, data: { agentName, model, usage, ...call } }
    }
    case "plan-status-change": {
      const { from, planId, to } = said.data
      return { type: said.type, data: { planId, from, to } }
    }
    case "budget_exhausted": {
      const { code, data, message, type } = said
      const { agentPath, limit, max, quota, used } = data
      const where = agentPath === undefined ? {} : { agentPath }
      return { type, message, code, data: { limit, max, used, ...where, ...(quota === undefined ? {} : { quota }) } }
    }
    // Sums, with the names of agents, models and tools.
    case "data-cost-summary":
    case "data-latency-summary":
      return said
  }
}

const call = (said: Extract<Event, { readonly type: "tool-invocation" }>): Event => {
  const { toolInvocationId, toolName, type } = said
  const execution = said.execution === undefined ? {} : { execution: said.execution }
  if (said.state === "call") {
    return {
      type,
      toolInvocationId,
      toolName,
      args: {},
      state: said.state,
      ...execution,
      ...(said.usage === undefined ? {} : { usage: said.usage }),
      ...(said.asks === undefined ? {} : { asks: said.asks })
    }
  }
  const status = said.status === undefined ? {} : { status: said.status }
  const later = said.later === undefined ? {} : { later: said.later }
  return {
    type,
    toolInvocationId,
    toolName,
    args: {},
    state: said.state,
    result: null,
    ...status,
    ...execution,
    ...later
  }
}

/**
 * The envelope with its event without content.
 *
 * @since 0.1.0
 * @category operations
 */
export const envelope = (one: Envelope): Envelope => ({ ...one, event: event(one.event) })
