/**
 * The fields of a Messages request that are not its conversation: what becomes of each, and what they ask of the model.
 */
import * as Schema from "effect/Schema"
import { honoured, ignored, refused, type Fields } from "../Body.ts"
import * as ModelOptions from "../ModelOptions.ts"

const caching = "It only makes a request cheaper"

export const fields: Fields = {
  model: honoured("Names the agent, or `agent/model` where the server lets its clients name models"),
  messages: honoured("The conversation. What messages of role `system` say is added to the agent's instructions"),
  system: honoured("Added to the agent's instructions"),
  stream: honoured("An event stream instead of one message"),
  tools: honoured("Tools that the client runs"),
  "tools[].type": refused("only tools with a schema can be brought along", "custom"),
  "tools[].cache_control": ignored(caching),
  tool_choice: honoured("`none` for the whole run; `any` and a named tool for its first step"),
  "tool_choice.disable_parallel_tool_use": honoured("A step makes one call; further ones of the model's are left out"),
  max_tokens: honoured("Most tokens of a step"),
  temperature: honoured("Passed to the model"),
  top_p: honoured("Passed to the model"),
  top_k: honoured("Passed to the model"),
  stop_sequences: honoured("Passed to the model"),
  thinking: honoured(
    "Passed to the model as a level of reasoning: by `budget_tokens` low, medium or high; `disabled` is none"
  ),
  "output_config.effort": honoured("Passed to the model as a level of reasoning"),
  "output_config.format": honoured(
    "A JSON Schema: the model is told, its answer is checked, and an invalid one is asked for once more. The text is the JSON alone; a stream whose JSON is retracted ends with an error"
  ),
  output_format: honoured("As `output_config.format`, which comes first"),
  metadata: honoured("`thread_id` names the thread; `user_id` is kept with it"),
  mcp_servers: refused("an agent has the tools that its owner gave it", []),
  container: refused("there are no containers"),
  context_management: ignored("The agent's own compaction shortens long threads"),
  inference_geo: refused("where the model runs is the server's to set"),
  fallbacks: refused("the agent has fallback models of its own", []),
  cache_control: ignored(caching),
  "system[].cache_control": ignored(caching),
  diagnostics: ignored("It is about the request, not about the answer"),
  service_tier: ignored("It is about price and speed"),
  speed: ignored("It is about price and speed"),
  betas: ignored("What is asked of a beta is said by other fields"),
  user_profile_id: ignored("It identifies the caller, and says nothing about the answer"),
  workspace_id: ignored("It identifies the caller, and says nothing about the answer")
}

const nullable = <S extends Schema.Constraint>(schema: S) => Schema.optionalKey(Schema.NullOr(schema))
const Count = Schema.Int.check(Schema.isGreaterThan(0))
const Format = Schema.Struct({ type: Schema.Literal("json_schema"), schema: Schema.Json })

const oneCall = { disable_parallel_tool_use: nullable(Schema.Boolean) }

export const modelFields = {
  tool_choice: nullable(
    Schema.Union([
      Schema.Struct({ type: Schema.Literals(["auto", "any", "none"]), ...oneCall }),
      Schema.Struct({ type: Schema.Literal("tool"), name: Schema.String, ...oneCall })
    ])
  ),
  max_tokens: nullable(Count),
  temperature: nullable(Schema.Finite),
  top_p: nullable(Schema.Finite),
  top_k: nullable(Count),
  stop_sequences: nullable(Schema.Array(Schema.String)),
  thinking: nullable(
    Schema.Struct({
      type: Schema.Literals(["enabled", "disabled", "adaptive", "between_tools"]),
      budget_tokens: nullable(Count)
    })
  ),
  output_config: nullable(
    Schema.Struct({
      effort: nullable(Schema.Literals(["low", "medium", "high", "xhigh", "max"])),
      format: nullable(Format)
    })
  ),
  output_format: nullable(Format)
}
const ModelFields = Schema.Struct(modelFields)
type Asked = typeof ModelFields.Type

const reasoningOf = ({ output_config, thinking }: Asked): ModelOptions.Reasoning | undefined => {
  if (thinking?.type === "disabled") return "none"
  const effort = output_config?.effort
  if (effort != null) return effort === "max" ? "xhigh" : effort
  const budget = thinking?.type === "enabled" ? thinking.budget_tokens : undefined
  if (budget == null) return undefined
  return budget < 4096 ? "low" : budget < 16_384 ? "medium" : "high"
}

const choiceOf = ({ tool_choice }: Asked): ModelOptions.Settings["toolChoice"] => {
  if (tool_choice == null) return undefined
  if (tool_choice.type === "tool") return { tool: tool_choice.name }
  return tool_choice.type === "any" ? "required" : tool_choice.type
}

export const modelOptionsOf = (request: Asked) => {
  const format = request.output_config?.format ?? request.output_format
  const { max_tokens, stop_sequences, temperature, top_k, top_p } = request
  return ModelOptions.make({
    maxOutputTokens: max_tokens,
    output: format == null ? undefined : { name: "answer", schema: format.schema },
    settings: {
      temperature,
      topP: top_p,
      topK: top_k,
      stopSequences: stop_sequences,
      reasoning: reasoningOf(request),
      toolChoice: choiceOf(request),
      parallelToolCalls: request.tool_choice?.disable_parallel_tool_use !== true
    }
  })
}
