/** What becomes of each field of Karta's messages and of the requests of its two adapters. */
import { honoured, ignored, refused, type Fields } from "../Fields.ts"

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
  temperature: refused("the adapter passes no settings on. Use the OpenAI dialects"),
  max_tokens: refused("the adapter cannot limit an answer. Use the OpenAI dialects"),
  max_output_tokens: refused("the adapter cannot limit an answer. Use the OpenAI dialects"),
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
