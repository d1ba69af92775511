/**
 * The names of OpenTelemetry's conventions for generative models, in one place, since they are still being renamed.
 * Metrics have the names that are deployed today.
 *
 * What the conventions do not name (cost, approvals, budgets) is named `agent.*`.
 */

/**
 * Names of spans and their attributes.
 *
 * @since 0.1.0
 * @category constants
 */
export const attribute = {
  operation: "gen_ai.operation.name",
  provider: "gen_ai.provider.name",
  agentName: "gen_ai.agent.name",
  conversation: "gen_ai.conversation.id",
  requestModel: "gen_ai.request.model",
  requestMaxTokens: "gen_ai.request.max_tokens",
  requestStream: "gen_ai.request.stream",
  outputType: "gen_ai.output.type",
  responseId: "gen_ai.response.id",
  responseModel: "gen_ai.response.model",
  finishReasons: "gen_ai.response.finish_reasons",
  timeToFirstChunk: "gen_ai.response.time_to_first_chunk",
  inputTokens: "gen_ai.usage.input_tokens",
  outputTokens: "gen_ai.usage.output_tokens",
  cacheReadTokens: "gen_ai.usage.cache_read.input_tokens",
  cacheWriteTokens: "gen_ai.usage.cache_creation.input_tokens",
  reasoningTokens: "gen_ai.usage.reasoning.output_tokens",
  tokenType: "gen_ai.token.type",
  errorType: "error.type",
  instructions: "gen_ai.system_instructions",
  inputMessages: "gen_ai.input.messages",
  outputMessages: "gen_ai.output.messages",
  run: "agent.run.id",
  agentPath: "agent.path",
  step: "agent.step",
  attempt: "agent.attempt",
  agentEnd: "agent.end",
  budgetLimit: "agent.budget.limit",
  costUsd: "agent.cost.usd",
  costPricedUsd: "agent.cost.priced_usd",
  costUnpriced: "agent.cost.unpriced",
  modelCalls: "agent.model_calls",
  toolCalls: "agent.tool_calls",
  approvals: "agent.approval.count",
  approvalWait: "agent.approval.wait_seconds",
  toolName: "gen_ai.tool.name",
  toolCallId: "gen_ai.tool.call.id"
} as const

/**
 * Values of `gen_ai.operation.name`, which also begin the span's name.
 *
 * @since 0.1.0
 * @category constants
 */
export const operation = { chat: "chat", invokeAgent: "invoke_agent", executeTool: "execute_tool" } as const

/**
 * Names of metrics. Tokens are counts, times are seconds.
 *
 * @since 0.1.0
 * @category constants
 */
export const metric = {
  tokenUsage: "gen_ai.client.token.usage",
  operationDuration: "gen_ai.client.operation.duration",
  timeToFirstChunk: "gen_ai.client.operation.time_to_first_chunk"
} as const

/**
 * Upper bounds of the buckets that the conventions recommend.
 *
 * @since 0.1.0
 * @category constants
 */
export const boundaries = {
  tokens: Array.from({ length: 14 }, (_, index) => 4 ** index),
  seconds: Array.from({ length: 14 }, (_, index) => 0.01 * 2 ** index)
} as const

const providers: { readonly [ours: string]: string } = {
  google: "gcp.gemini",
  "google-vertex": "gcp.vertex_ai",
  bedrock: "aws.bedrock",
  "amazon-bedrock": "aws.bedrock",
  azure: "azure.ai.openai",
  xai: "x_ai",
  mistral: "mistral_ai"
}

/**
 * The conventions' name for one of our providers.
 *
 * @since 0.1.0
 * @category operations
 */
export const providerName = (provider: string): string => providers[provider] ?? provider
