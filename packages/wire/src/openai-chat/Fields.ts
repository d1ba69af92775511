/**
 * The fields of a Chat Completions request that are not its conversation: what becomes of each, and what they ask of
 * the model.
 */
import * as Schema from "effect/Schema"
import { honoured, ignored, refused, type Fields } from "../Body.ts"
import * as ModelOptions from "../ModelOptions.ts"

const kept =
  "What is kept of a run is the server's to set; a completion can be fetched by its id while its run is stored"
const bookkeeping = "It identifies the caller or a cache, and says nothing about the answer"

export const fields: Fields = {
  model: honoured("Names the agent, or `agent/model` where the server lets its clients name models"),
  messages: honoured("The conversation. System and developer messages are added to the agent's instructions"),
  "messages[].name": ignored("The agent's model tells speakers apart by their roles"),
  stream: honoured("An event stream instead of one completion"),
  "stream_options.include_usage": honoured("A chunk with the usage before the end"),
  "stream_options.include_events": honoured("Ours: events that the protocol does not have, as `reins_event`"),
  "stream_options.include_obfuscation": ignored("It only pads frames"),
  tools: honoured("Functions that the client runs"),
  "tools[].type": refused("only functions can be brought along", "function"),
  "tools[].function.strict": ignored("Arguments are always checked against the parameters"),
  tool_choice: honoured("`none` for the whole run; `required` and a named function for its first step"),
  "tool_choice.allowed_tools": refused("a list of allowed tools cannot be set. List only these tools"),
  "tool_choice.custom": refused("only functions can be chosen"),
  parallel_tool_calls: honoured("With `false` a step makes one call; further ones of the model's are left out"),
  response_format: honoured(
    "`json_object` and `json_schema`: the model is told, its answer is checked, whether `strict` is set or not, and an invalid one is asked for once more. The content is the JSON alone; a stream whose JSON is retracted ends with an error"
  ),
  max_completion_tokens: honoured("Most tokens of a step"),
  max_tokens: honoured("As `max_completion_tokens`, which comes first"),
  temperature: honoured("Passed to the model"),
  top_p: honoured("Passed to the model"),
  seed: honoured("Passed to the model"),
  presence_penalty: honoured("Passed to the model"),
  frequency_penalty: honoured("Passed to the model"),
  stop: honoured("Passed to the model"),
  reasoning_effort: honoured("Passed to the model"),
  n: refused("one answer is made", 1),
  logprobs: refused("models are not asked for probabilities", false),
  top_logprobs: refused("models are not asked for probabilities", 0),
  logit_bias: refused("models are not given biases", {}),
  modalities: refused("the answer is text", ["text"]),
  audio: refused("the answer is text"),
  verbosity: refused("models are not told how long to answer", "medium"),
  functions: refused("it is replaced by tools", []),
  function_call: refused("it is replaced by tool_choice", "auto", "none"),
  web_search_options: refused("an agent has the tools that its owner gave it"),
  moderation: refused("answers are not moderated"),
  metadata: honoured("Kept with the thread. `thread_id` names it"),
  store: ignored(kept),
  prediction: ignored("It only makes an answer come sooner"),
  service_tier: ignored("It is about price and speed"),
  user: ignored(bookkeeping),
  safety_identifier: ignored(bookkeeping),
  prompt_cache_key: ignored(bookkeeping),
  prompt_cache_retention: ignored(bookkeeping),
  prompt_cache_options: ignored(bookkeeping)
}

const nullable = <S extends Schema.Constraint>(schema: S) => Schema.optionalKey(Schema.NullOr(schema))
export const Count = Schema.Int.check(Schema.isGreaterThan(0))
export const Effort = Schema.Literals(["none", "minimal", "low", "medium", "high", "xhigh"])

export const modelFields = {
  tool_choice: nullable(
    Schema.Union([
      Schema.Literals(["auto", "none", "required"]),
      Schema.Struct({ type: Schema.Literal("function"), function: Schema.Struct({ name: Schema.String }) })
    ])
  ),
  response_format: nullable(
    Schema.Union([
      Schema.Struct({ type: Schema.Literals(["text", "json_object"]) }),
      Schema.Struct({
        type: Schema.Literal("json_schema"),
        json_schema: Schema.Struct({ name: Schema.String, schema: Schema.optionalKey(Schema.Json) })
      })
    ])
  ),
  max_completion_tokens: nullable(Count),
  max_tokens: nullable(Count),
  temperature: nullable(Schema.Finite),
  top_p: nullable(Schema.Finite),
  seed: nullable(Schema.Int),
  presence_penalty: nullable(Schema.Finite),
  frequency_penalty: nullable(Schema.Finite),
  stop: nullable(Schema.Union([Schema.String, Schema.Array(Schema.String)])),
  reasoning_effort: nullable(Effort),
  parallel_tool_calls: nullable(Schema.Boolean)
}
const ModelFields = Schema.Struct(modelFields)

const outputOf = (format: (typeof ModelFields.Type)["response_format"]): ModelOptions.ModelOptions["output"] => {
  if (format == null || format.type === "text") return undefined
  if (!("json_schema" in format)) return ModelOptions.anyObject
  const { name, schema = ModelOptions.anyObject.schema } = format.json_schema
  return { name, schema }
}

/** Whether JSON is asked for. */
export const isTypedAnswer = ({ response_format }: Pick<typeof ModelFields.Type, "response_format">): boolean =>
  outputOf(response_format) !== undefined

export const modelOptionsOf = (request: typeof ModelFields.Type) => {
  const { frequency_penalty, presence_penalty, reasoning_effort, seed, stop, temperature, tool_choice, top_p } = request
  const output = outputOf(request.response_format)
  return ModelOptions.make({
    maxOutputTokens: request.max_completion_tokens ?? request.max_tokens,
    output,
    settings: {
      temperature,
      seed,
      topP: top_p,
      presencePenalty: presence_penalty,
      frequencyPenalty: frequency_penalty,
      reasoning: reasoning_effort,
      parallelToolCalls: request.parallel_tool_calls,
      stopSequences: typeof stop === "string" ? [stop] : stop,
      toolChoice:
        tool_choice != null && typeof tool_choice === "object" ? { tool: tool_choice.function.name } : tool_choice
    }
  })
}
