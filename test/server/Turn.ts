/** A thread as random people have it: what the model was given, and what waits. */
import type { Message } from "@reins/protocol"
import type { Tab, Waiting } from "./Chat.ts"

/** What the model was given, in short. */
export const linesOf = (messages: ReadonlyArray<Message.Message>): ReadonlyArray<string> =>
  messages.flatMap(({ content, role }) =>
    content.flatMap((part): ReadonlyArray<string> => {
      if (part.type === "text") return part.text === "" ? [] : [`${role}: ${part.text}`]
      if (part.type === "tool-call") return [`call ${part.name}`]
      if (part.type === "file") return [`file ${part.mediaType}`]
      if (part.type !== "tool-result") return []
      // AG-UI's messages say it in words only.
      const result = JSON.stringify(part.result)
      return [part.status ?? (result.startsWith('{"error":"Denied"') ? "denied" : result)]
    })
  )

/** What a prompt makes the model call, and which of it waits for somebody. */
export const prompts: { readonly [text: string]: ReadonlyArray<"plain" | "theirs" | "gated" | "planned" | "helper"> } =
  {
    tool: ["plain"],
    plan: ["planned"],
    nested: ["helper"],
    client: ["theirs"],
    gated: ["gated"],
    "calls theirs gated": ["theirs", "gated"],
    "calls planned theirs": ["planned", "theirs"]
  }

export const told = "assistant: all is done"
export const waitsFor = (text: string) => (prompts[text] ?? []).filter((name) => name !== "plain")

/** A turn: what the user said, and what came of it. */
export type Turn = ReadonlyArray<string>

/** A run that waits, with what the client shows of it. */
export interface Open {
  readonly waiting: Waiting
  readonly text: string
  readonly tab: Tab
  readonly turns: ReadonlyArray<Turn>
  /** The result of the client's call, where that was given already. */
  readonly given?: object
}

export type Running = Open & Pick<Sent, "rest">

export interface Sent {
  readonly status: number
  readonly text: string
  readonly waiting: Waiting
  /** Reads on, where the stream is still open. */
  readonly rest: () => Promise<string>
}

export const counted = ({ calls, questions }: Waiting): number => new Set([...calls, ...questions]).size
