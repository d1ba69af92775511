/**
 * Spans of a run, by OpenTelemetry's conventions: `invoke_agent` around each agent, `execute_tool` around each attempt
 * of a tool's handler. With `ModelTelemetry` around the model, its `chat` spans are nested inside. What the conventions
 * do not name (an agent's cost, its approvals, how it ended) is recorded in attributes of our own. Content is never
 * recorded.
 */
import { Money, Usage } from "@reins/protocol"
import {
  type AgentEnd,
  type AgentFacts,
  type AgentTotals,
  type ToolFacts,
  type ToolOutcome,
  Tracing
} from "@reins/runtime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Tracer from "effect/Tracer"
import * as GenAi from "./GenAi.ts"
import * as Spans from "./Spans.ts"

/**
 * Traces every run of the runtime. Provide it to `Runtime.layer`; `effect/observability` exports the spans, for example
 * with `Otlp`.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<never> = Layer.succeed(Tracing, {
  agent: (facts, work, totals) =>
    spanned(`${GenAi.operation.invokeAgent} ${facts.agent}`, ofAgent(facts), work, (span, end) =>
      agentEnded(span, end, totals())
    ),
  tool: (facts, work) =>
    spanned(`${GenAi.operation.executeTool} ${facts.toolName}`, ofTool(facts), work, (span, outcome) =>
      toolEnded(span, outcome)
    )
})

const spanned = <A>(
  name: string,
  attributes: { readonly [name: string]: string },
  work: Effect.Effect<A>,
  ended: (span: Tracer.Span, value: A) => void
): Effect.Effect<A> =>
  Spans.around(name, { kind: "internal", attributes }, false, (span) =>
    Effect.tap(Effect.withParentSpan(work, span), (value) => Effect.sync(() => ended(span, value)))
  )

const ofAgent = (facts: AgentFacts) => ({
  [GenAi.attribute.operation]: GenAi.operation.invokeAgent,
  [GenAi.attribute.agentName]: facts.agent,
  [GenAi.attribute.conversation]: facts.threadId,
  [GenAi.attribute.provider]: GenAi.providerName(facts.provider),
  [GenAi.attribute.requestModel]: facts.model,
  [GenAi.attribute.run]: facts.runId,
  [GenAi.attribute.agentPath]: facts.agentPath.join("/")
})

const ofTool = (facts: ToolFacts) => ({
  [GenAi.attribute.operation]: GenAi.operation.executeTool,
  [GenAi.attribute.toolName]: facts.toolName,
  [GenAi.attribute.toolCallId]: facts.callId,
  [GenAi.attribute.agentName]: facts.agent,
  [GenAi.attribute.conversation]: facts.threadId,
  [GenAi.attribute.run]: facts.runId,
  [GenAi.attribute.agentPath]: facts.agentPath.join("/")
})

const agentEnded = (
  span: Tracer.Span,
  { failure, reason, refusal, usage }: AgentEnd,
  { approvalWaitMs, approvals, costNanoUsd, modelCalls, toolCalls, unpriced }: AgentTotals
): void => {
  span.attribute(GenAi.attribute.agentEnd, reason)
  span.attribute(GenAi.attribute.inputTokens, Usage.inputTokens(usage))
  span.attribute(GenAi.attribute.outputTokens, Usage.outputTokens(usage))
  // A sum that leaves out unpriced calls is a lower bound, and is not recorded as the cost.
  if (unpriced === 0) span.attribute(GenAi.attribute.costUsd, Money.toUsd(costNanoUsd))
  span.attribute(GenAi.attribute.costPricedUsd, Money.toUsd(costNanoUsd))
  span.attribute(GenAi.attribute.costUnpriced, unpriced)
  span.attribute(GenAi.attribute.modelCalls, modelCalls)
  span.attribute(GenAi.attribute.toolCalls, toolCalls)
  span.attribute(GenAi.attribute.approvals, approvals)
  if (approvals > 0) span.attribute(GenAi.attribute.approvalWait, approvalWaitMs / 1000)
  if (refusal !== undefined) span.attribute(GenAi.attribute.budgetLimit, refusal.limit)
  if (failure !== undefined) span.attribute(GenAi.attribute.errorType, failure._tag)
}

const toolEnded = (span: Tracer.Span, { status }: ToolOutcome): void => {
  if (status !== undefined) span.attribute(GenAi.attribute.errorType, status)
}
