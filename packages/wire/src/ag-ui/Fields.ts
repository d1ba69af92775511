/** What becomes of each field of a run input. */
import { honoured, ignored, type Fields } from "../Fields.ts"

export const fields: Fields = {
  threadId: honoured("The thread, which is the server's and becomes what the messages show"),
  runId: honoured("The same id again joins the run that it started"),
  messages: honoured("The conversation. System and developer messages are added to the agent's instructions"),
  tools: honoured("Tools that the client runs"),
  resume: honoured("Answers to interrupts"),
  context: honoured("Added to the agent's instructions, each entry as its description and its value"),
  state: honoured("Added to the agent's instructions as JSON, unless it is empty. The agent does not change it"),
  protocolVersion: honoured("From 1.0 on, the fields and outcomes that earlier clients refuse are sent, too"),
  parentRunId: ignored("A thread has one line of runs"),
  forwardedProps: ignored("They are for what an application agrees on with its own server")
}
