/** What a run's agent said: the text of each of its steps, as paragraphs. Pure. */
import { Transcript, type Envelope } from "@reins/protocol"

/** The root agent's text so far, a paragraph a step; retracted steps are left out. */
export const answer = (log: Iterable<Pick<Envelope.Envelope, "agentPath" | "event">>): string =>
  (Transcript.agent(Transcript.fold(log))?.messages ?? [])
    .flatMap((message) =>
      message.role === "assistant"
        ? [message.content.map((part) => (part.type === "text" ? part.text : "")).join("")]
        : []
    )
    .filter((text) => text.trim() !== "")
    .map((text) => text.replace(/\n+$/, ""))
    .join("\n\n")
