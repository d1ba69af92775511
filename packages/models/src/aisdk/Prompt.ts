/**
 * Our messages as an AI SDK prompt. What a provider gave with a part goes back to it as that part's provider options:
 * signatures, encrypted reasoning, ids, cache marks.
 */
import type {
  JSONValue,
  LanguageModelV4FilePart,
  LanguageModelV4Message,
  LanguageModelV4Prompt,
  LanguageModelV4TextPart,
  LanguageModelV4ToolResultOutput,
  LanguageModelV4ToolResultPart,
  SharedV4FileData,
  SharedV4ProviderOptions
} from "@ai-sdk/provider"
import type { Json, Message } from "@reins/protocol"
import * as Predicate from "effect/Predicate"
import * as JsonValue from "./JsonValue.ts"

export interface PromptOptions {
  /** Provider options of the instructions, such as a cache mark. */
  readonly instructions?: SharedV4ProviderOptions | undefined
  /** Provider options of the last message, whichever it is: a cache mark that moves along. */
  readonly lastMessage?: SharedV4ProviderOptions | undefined
}

/** The prompt of one request. */
export const make = (
  instructions: string | undefined,
  messages: ReadonlyArray<Message.Message>,
  options: PromptOptions = {}
): LanguageModelV4Prompt => {
  const prompt: LanguageModelV4Prompt = []
  if (instructions !== undefined && instructions !== "") {
    prompt.push({ role: "system", content: instructions, ...given(options.instructions) })
  }
  for (const message of messages) if (message.content.length > 0) prompt.push(messageOf(message))
  const last = prompt.at(-1)
  if (options.lastMessage === undefined || last === undefined || last.role === "system") return prompt
  return [...prompt.slice(0, -1), { ...last, providerOptions: options.lastMessage }]
}

const messageOf = (message: Message.Message): LanguageModelV4Message => {
  switch (message.role) {
    case "user":
      return { role: "user", content: message.content.map(userPart) }
    case "assistant":
      return { role: "assistant", content: message.content.map(assistantPart) }
    case "tool":
      return { role: "tool", content: message.content.map(resultPart) }
  }
}

type AssistantMessage = Extract<LanguageModelV4Message, { readonly role: "assistant" }>

const userPart = (part: Message.TextPart | Message.FilePart) => (part.type === "text" ? textPart(part) : filePart(part))

const textPart = (part: Message.TextPart): LanguageModelV4TextPart => ({
  type: "text",
  text: part.text,
  ...options(part.metadata)
})

const filePart = (part: Message.FilePart): LanguageModelV4FilePart => ({
  type: "file",
  mediaType: part.mediaType,
  data: fileData(part.data),
  ...(part.filename === undefined ? {} : { filename: part.filename }),
  ...options(part.metadata)
})

const assistantPart = (part: Message.AssistantPart): AssistantMessage["content"][number] => {
  switch (part.type) {
    case "text":
      return textPart(part)
    case "reasoning": {
      const custom = noteOf(part.metadata, "custom")
      return isKind(custom)
        ? { type: "custom", kind: custom, ...options(part.metadata) }
        : { type: "reasoning", text: part.text, ...options(part.metadata) }
    }
    case "file": {
      const data = fileData(part.data)
      return noteOf(part.metadata, "kind") === "reasoning-file" && (data.type === "data" || data.type === "url")
        ? { type: "reasoning-file", mediaType: part.mediaType, data, ...options(part.metadata) }
        : filePart(part)
    }
    case "tool-call":
      return {
        type: "tool-call",
        toolCallId: part.id,
        toolName: part.name,
        // Providers take objects only. What the model wrote wrongly, its result tells it.
        input: JsonValue.isObject(part.args) ? part.args : {},
        ...(part.execution === "provider" ? { providerExecuted: true } : {}),
        ...options(part.metadata)
      }
    case "tool-result":
      return {
        ...resultPart(part),
        output: part.status === undefined ? { type: "json", value: json(part.result) } : failed(part.result)
      }
  }
}

const resultPart = (part: Message.ResultPart): LanguageModelV4ToolResultPart => ({
  type: "tool-result",
  toolCallId: part.id,
  toolName: part.name,
  output: outputOf(part),
  ...options(part.metadata)
})

const outputOf = (part: Message.ResultPart): LanguageModelV4ToolResultOutput => {
  if (part.status !== undefined) return failed(part.result)
  if (part.content !== undefined) {
    return {
      type: "content",
      value: part.content.map((item) =>
        item.type === "text"
          ? { type: "text" as const, text: item.text, ...options(item.metadata) }
          : {
              type: "file" as const,
              data: fileData(item.data),
              mediaType: item.mediaType,
              ...(item.filename === undefined ? {} : { filename: item.filename }),
              ...options(item.metadata)
            }
      )
    }
  }
  return Predicate.isString(part.result)
    ? { type: "text", value: part.result }
    : { type: "json", value: json(part.result) }
}

/** Also a denied call: what a person said to it stands in the result, and the model shall read it. */
const failed = (result: Json): LanguageModelV4ToolResultOutput =>
  Predicate.isString(result) ? { type: "error-text", value: result } : { type: "error-json", value: json(result) }

const json = (value: Json): JSONValue => (JsonValue.isValue(value) ? value : null)

const fileData = (data: string): SharedV4FileData => {
  const inline = /^data:[^,]*;base64,/.exec(data)
  if (inline !== null) return { type: "data", data: data.slice(inline[0].length) }
  return /^[a-z][a-z0-9+.-]*:/i.test(data) && URL.canParse(data)
    ? { type: "url", url: new URL(data), originalUrl: data }
    : { type: "data", data }
}

const given = (providerOptions: SharedV4ProviderOptions | undefined) =>
  providerOptions === undefined ? {} : { providerOptions }

const options = (metadata: { readonly [provider: string]: Json } | undefined) => given(JsonValue.byProvider(metadata))

const noteOf = (metadata: { readonly [provider: string]: Json } | undefined, key: string): unknown => {
  const note = metadata?.[JsonValue.own]
  return JsonValue.isObject(note) ? note[key] : undefined
}

const isKind = (value: unknown): value is `${string}.${string}` => Predicate.isString(value) && value.includes(".")
