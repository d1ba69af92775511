/**
 * Our messages as `effect/ai` prompts: for its language models and for tools' `needsApproval` predicates. Approval
 * parts never appear in them, since the runtime handles approvals.
 */
import type { Json, Message } from "@reins/protocol"
import * as Prompt from "effect/ai/Prompt"
import * as Erased from "../kernel/Erased.ts"

/** The messages of a conversation, in `effect/ai`'s shape. */
export const toPromptMessages = (messages: ReadonlyArray<Message.Message>): ReadonlyArray<Prompt.Message> =>
  messages.flatMap((message): ReadonlyArray<Prompt.Message> => {
    switch (message.role) {
      case "user":
        return [Prompt.userMessage({ content: message.content.map(textOrFile) })]
      case "assistant":
        return message.content.length === 0
          ? []
          : [Prompt.assistantMessage({ content: message.content.map(assistantPart) })]
      case "tool":
        return [Prompt.toolMessage({ content: message.content.map((part) => resultPart(part, false)) })]
    }
  })

const options = (metadata: { readonly [key: string]: Json } | undefined) =>
  metadata === undefined ? {} : { options: Erased.as<Prompt.ProviderOptions>(metadata) } // JSON either way

const textOrFile = (part: Message.TextPart | Message.FilePart) =>
  part.type === "text" ? textPart(part) : filePart(part)

const textPart = (part: Message.TextPart) => Prompt.makePart("text", { text: part.text, ...options(part.metadata) })

const filePart = (part: Message.FilePart) =>
  Prompt.makePart("file", {
    mediaType: part.mediaType,
    data: /^(https?|data):/.test(part.data) ? new URL(part.data) : part.data,
    ...(part.filename === undefined ? {} : { fileName: part.filename }),
    ...options(part.metadata)
  })

const assistantPart = (part: Message.AssistantPart) => {
  switch (part.type) {
    case "text":
      return textPart(part)
    case "reasoning":
      return Prompt.makePart("reasoning", { text: part.text, ...options(part.metadata) })
    case "file":
      return filePart(part)
    case "tool-call":
      return Prompt.makePart("tool-call", {
        id: part.id,
        name: part.name,
        params: part.args,
        providerExecuted: part.execution === "provider",
        ...options(part.metadata)
      })
    case "tool-result":
      return resultPart(part, true)
  }
}

const resultPart = (part: Message.ResultPart, providerExecuted: boolean) =>
  Prompt.makePart("tool-result", {
    id: part.id,
    name: part.name,
    isFailure: part.status !== undefined,
    result: part.result,
    providerExecuted,
    ...(part.content === undefined ? {} : { modelOutput: part.content.map(textOrFile) }),
    ...options(part.metadata)
  })
