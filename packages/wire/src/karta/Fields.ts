/**
 * What becomes of each field of Karta's messages and of the requests of its two adapters, and what these ask of the
 * model.
 */
import * as Schema from "effect/Schema"
import { honoured, ignored, refused, type Fields } from "../Body.ts"
import * as ModelOptions from "../ModelOptions.ts"

export const message: Fields = {
  text: honoured("The query"),
  agent: honoured("Names the agent"),
  stream: honoured("An event stream instead of one turn"),
  thinking: honoured("Whether reasoning is sent"),
  hidden_event_types: honoured("Events that are not sent; a hidden question is answered by policy"),
  input_required_policy: honoured("Answers every question at once"),
  input_required_hidden_policy: honoured("Answers questions that are hidden"),
  participant_name: ignored("A model is not told who speaks"),
  participant_type: ignored("A model is not told who speaks")
}

export const session: Fields = {
  session_id: honoured("A session that exists is resumed"),
  metadata: honoured("Kept with the session, at most 50 keys")
}

/** The adapters take text only: what they cannot pass on is refused. */
const adapter: Fields = {
  stream: honoured("An event stream instead of one answer"),
  store: ignored("What is kept of a run is the server's to set"),
  temperature: honoured("Passed to the model"),
  top_p: honoured("Passed to the model"),
  stop: honoured("Passed to the model"),
  max_tokens: honoured("Most tokens of a step"),
  max_completion_tokens: honoured("As `max_tokens`, which comes first"),
  max_output_tokens: honoured("As `max_tokens`, which comes first"),
  tools: refused("the adapter has no client tools. Use the OpenAI dialects", []),
  response_format: refused("the adapter answers with text. Use the OpenAI dialects", { type: "text" }),
  n: refused("one answer is made", 1)
}

export const chat: Fields = {
  messages: honoured("The conversation, as texts"),
  model: honoured("Repeated in the answer; the agent is the server's first"),
  ...adapter
}

export const responses: Fields = {
  input: honoured("The conversation, as texts"),
  previous_response_id: honoured("The response that this one continues"),
  model: ignored("The agent is the server's first"),
  ...adapter
}

const nullable = <S extends Schema.Constraint>(schema: S) => Schema.optionalKey(Schema.NullOr(schema))
const Count = Schema.Int.check(Schema.isGreaterThan(0))

export const modelFields = {
  temperature: nullable(Schema.Finite),
  top_p: nullable(Schema.Finite),
  stop: nullable(Schema.Union([Schema.String, Schema.Array(Schema.String)])),
  max_tokens: nullable(Count),
  max_completion_tokens: nullable(Count),
  max_output_tokens: nullable(Count)
}
const ModelFields = Schema.Struct(modelFields)

export const modelOptionsOf = ({ stop, temperature, top_p, ...most }: typeof ModelFields.Type) =>
  ModelOptions.make({
    maxOutputTokens: most.max_tokens ?? most.max_completion_tokens ?? most.max_output_tokens,
    settings: { temperature, topP: top_p, stopSequences: typeof stop === "string" ? [stop] : stop }
  })
