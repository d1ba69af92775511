/** What becomes of each field of a chat request. */
import { honoured, ignored, type Fields } from "../Fields.ts"

export const fields: Fields = {
  id: honoured("The thread, which is the server's and becomes what the messages show"),
  messages: honoured("The conversation. System messages are added to the agent's instructions"),
  "messages[].metadata": ignored("It is the page's own"),
  trigger: honoured("Whether the last answer is made again"),
  messageId: honoured("The message that is edited or made again"),
  system: honoured("Added to the agent's instructions, as assistant-ui sends it"),
  tools: honoured("Tools that the client runs, by name, as assistant-ui sends them"),
  agent: honoured("Ours: names the agent"),
  "*": ignored("Other fields of the transport's `body` are for what a page agrees on with its own server")
}
