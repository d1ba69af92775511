/**
 * Our messages as an AI SDK prompt. What a provider sent with a part goes back to it as that part's provider options:
 * signatures, encrypted reasoning, ids, cache marks. Calls that another provider ran itself are sent in a form that this
 * one accepts: an ordinary call, followed by its result in a tool message. The provider that ran a call gets it back
 * unchanged.
 */
import type {
  JSONValue,
  LanguageModelV4FilePart,
  LanguageModelV4Message,
  LanguageModelV4Prompt,
  LanguageModelV4ReasoningFilePart,
  LanguageModelV4TextPart,
  LanguageModelV4ToolResultOutput,
  LanguageModelV4ToolResultPart,
  SharedV4ProviderOptions
} from "@ai-sdk/provider"
import type { Json, Message } from "@reins/protocol"
import * as Predicate from "effect/Predicate"
import * as CallNames from "./CallNames.ts"
import * as FileForm from "./FileForm.ts"
import * as JsonValue from "./JsonValue.ts"
import type { ToolNames } from "./CallNames.ts"

export interface PromptOptions {
  /** Provider options of the instructions, such as a cache mark. */
  readonly instructions?: SharedV4ProviderOptions | undefined
  /** Provider options of the last message, whichever it is: a cache mark that moves along. */
  readonly lastMessage?: SharedV4ProviderOptions | undefined
}

/** Provider-specific rules for names and ids in a request. */
export interface Border {
  /** The provider's AI SDK name. */
  readonly provider: string
  readonly names: ToolNames
  readonly files: FileForm.SentFiles
  /** Whether the package sends a tool's result as text only, so that its files have to be in a message of their own. */
  readonly isTextOnly: boolean
}

/** Packages that encode all of a tool's result as text, including the bytes of its files. */
export const isTextOnly = (provider: string): boolean =>
  /^(openai|groq|mistral|cohere|deepseek|openai-compatible)\.chat\b/.test(provider)

/** Packages that refuse assistant content other than text, reasoning and calls: files and provider-specific content. */
export const isPlainAssistant = (provider: string): boolean => /(^|\.)mistral\b/.test(provider)

/** The prompt of one request. It contains no empty text blocks, which providers reject. */
export const make = (
  instructions: string | undefined,
  messages: ReadonlyArray<Message.Message>,
  options: PromptOptions,
  border: Border
): LanguageModelV4Prompt => {
  const { provider } = border
  const sent: Sent = { ...border, ids: new CallNames.SentIds(CallNames.ruleOf(provider)) }
  const prompt: LanguageModelV4Prompt = []
  if (instructions !== undefined && instructions.trim() !== "") {
    prompt.push({ role: "system", content: instructions, ...given(options.instructions) })
  }
  for (const message of messages) {
    for (const told of acceptedForm(message, provider)) {
      const one = messageOf(told, sent)
      if (one.content.length > 0) prompt.push(one)
      const apart = told.role === "tool" && sent.isTextOnly ? filesApart(told, sent) : []
      if (apart.length > 0) prompt.push({ role: "user", content: apart })
    }
  }
  const last = prompt.at(-1)
  if (options.lastMessage === undefined || last === undefined || last.role === "system") return prompt
  return [...prompt.slice(0, -1), { ...last, providerOptions: options.lastMessage }]
}

/** {@link Border}, with the state of the conversion of one request. */
interface Sent extends Border {
  readonly ids: CallNames.SentIds
}

const messageOf = (message: Message.Message, sent: Sent): LanguageModelV4Message => {
  switch (message.role) {
    case "user":
      return { role: "user", content: message.content.filter(says(sent)).map((part) => userPart(part, sent)) }
    case "assistant":
      return { role: "assistant", content: message.content.filter(says(sent)).map((part) => assistantPart(part, sent)) }
    case "tool":
      return { role: "tool", content: message.content.map((part) => resultPart(part, sent)) }
  }
}

/** Whether a part has content: an empty text counts only when it carries metadata of its own provider. */
const says =
  ({ provider }: Sent) =>
  (part: Message.TextPart | Message.FilePart | Message.AssistantPart): boolean => {
    const isBare = isPlainAssistant(provider)
    if (isBare && noteOf(part.metadata, "kind") !== undefined) return false
    return (
      (part.type !== "text" && part.type !== "reasoning") ||
      part.text.trim() !== "" ||
      (part.type === "reasoning" && part.metadata !== undefined && !isBare) ||
      Object.keys(part.metadata ?? {}).some((name) => provider.split(".").includes(name))
    )
  }

type AssistantMessage = Extract<LanguageModelV4Message, { readonly role: "assistant" }>

const userPart = (part: Message.TextPart | Message.FilePart, sent: Sent) =>
  part.type === "text" ? textPart(part) : filePart(part, sent, "user")

const textPart = (part: Message.TextPart): LanguageModelV4TextPart => ({
  type: "text",
  text: part.text,
  ...options(part.metadata)
})

/** A file, or a text in its place if the package is known to refuse it. */
const filePart = (
  part: Message.FilePart,
  { files }: Sent,
  place: FileForm.Place
): LanguageModelV4FilePart | LanguageModelV4TextPart => {
  const form = FileForm.make(part)
  if (!files.takes(form, place)) return { type: "text", text: FileForm.inPlaceOf(form.mediaType) }
  return {
    type: "file",
    ...form,
    ...(part.filename === undefined ? {} : { filename: part.filename }),
    ...options(part.metadata)
  }
}

/** A file of the provider's own reasoning, as it takes it back. */
const reasoningFile = (part: Message.FilePart, { files }: Sent): LanguageModelV4ReasoningFilePart | undefined => {
  const form = FileForm.make(part)
  return noteOf(part.metadata, "kind") === "reasoning-file" && files.takes(form, "assistant")
    ? { type: "reasoning-file", ...form, ...options(part.metadata) }
    : undefined
}

/** The files of tools' results as a message of a user's, each under the name of its tool. */
const filesApart = (message: Extract<Message.Message, { readonly role: "tool" }>, sent: Sent) =>
  message.content.flatMap(({ content = [], name }) => {
    const files = content.filter((part) => part.type === "file").map((part) => filePart(part, sent, "user"))
    return files.length === 0 ? [] : [textPart({ type: "text", text: `Files of the result of ${name}:` }), ...files]
  })

const assistantPart = (part: Message.AssistantPart, sent: Sent): AssistantMessage["content"][number] => {
  switch (part.type) {
    case "text":
      return textPart(part)
    case "reasoning": {
      const custom = noteOf(part.metadata, "custom")
      return isKind(custom)
        ? { type: "custom", kind: custom, ...options(part.metadata) }
        : { type: "reasoning", text: part.text, ...options(part.metadata) }
    }
    case "file":
      return reasoningFile(part, sent) ?? filePart(part, sent, "assistant")
    case "tool-call":
      return {
        type: "tool-call",
        toolCallId: part.execution === "provider" ? part.id : sent.ids.call(part.id),
        toolName: sent.names.told(part.name),
        // Providers accept objects only. The call's result tells the model what was wrong with other arguments.
        input: JsonValue.isObject(part.args) ? part.args : {},
        ...(part.execution === "provider" ? { providerExecuted: true } : {}),
        ...options(part.metadata)
      }
    case "tool-result":
      return {
        type: "tool-result",
        toolCallId: part.id,
        toolName: sent.names.told(part.name),
        output: part.status === undefined ? { type: "json", value: json(part.result) } : failed(part.result),
        ...options(part.metadata)
      }
  }
}

const resultPart = (part: Message.ResultPart, sent: Sent): LanguageModelV4ToolResultPart => ({
  type: "tool-result",
  toolCallId: sent.ids.result(part.id),
  toolName: sent.names.told(part.name),
  output: outputOf(part, sent),
  ...options(part.metadata)
})

type Block = Extract<LanguageModelV4ToolResultOutput, { readonly type: "content" }>["value"][number]

const outputOf = (part: Message.ResultPart, sent: Sent): LanguageModelV4ToolResultOutput => {
  if (part.content === undefined) return part.status === undefined ? succeeded(part.result) : failed(part.result)
  const { isTextOnly } = sent
  const blocks = part.content.flatMap((item) => blockOf(item, sent))
  if (blocks.length === 0) return part.status === undefined ? succeeded("") : failed("")
  if (isTextOnly && part.status === undefined) {
    return succeeded(blocks.map((block) => (block.type === "text" ? block.text : "")).join("\n"))
  }
  // A failure stays a failure after it was shortened for the model.
  const texts = blocks.flatMap((block) => (block.type === "text" ? [block.text] : []))
  return part.status !== undefined && texts.length === blocks.length
    ? failed(texts.join("\n"))
    : { type: "content", value: blocks }
}

const blockOf = (item: Message.TextPart | Message.FilePart, { files, isTextOnly }: Sent): ReadonlyArray<Block> => {
  if (item.type === "file") {
    if (isTextOnly) return [{ type: "text", text: "(a file, which is in the message after the results)" }]
    const form = FileForm.make(item)
    if (!files.takes(form, "tool")) return [{ type: "text", text: FileForm.inPlaceOf(form.mediaType) }]
    const name = item.filename === undefined ? {} : { filename: item.filename }
    return [{ type: "file", ...form, ...name, ...options(item.metadata) }]
  }
  return item.text.trim() === "" ? [] : [{ type: "text", text: item.text, ...options(item.metadata) }]
}

/** What a model reads as the result of a call that returned nothing. */
const nothing = "(no output)"

const succeeded = (result: Json): LanguageModelV4ToolResultOutput =>
  Predicate.isString(result)
    ? { type: "text", value: result.trim() === "" ? nothing : result }
    : { type: "json", value: json(result) }

/** Also a denied call: the result contains the user's feedback, which the model must read. */
const failed = (result: Json): LanguageModelV4ToolResultOutput =>
  Predicate.isString(result)
    ? { type: "error-text", value: result.trim() === "" ? "The tool call failed without a message" : result }
    : { type: "error-json", value: json(result) }

const json = (value: Json): JSONValue => (JsonValue.isValue(value) ? value : null)

const given = (providerOptions: SharedV4ProviderOptions | undefined) =>
  providerOptions === undefined ? {} : { providerOptions }

const options = (metadata: { readonly [provider: string]: Json } | undefined) => given(JsonValue.byProvider(metadata))

const noteOf = (metadata: { readonly [provider: string]: Json } | undefined, key: string): unknown => {
  const note = metadata?.[JsonValue.own]
  return JsonValue.isObject(note) ? note[key] : undefined
}

const isKind = (value: unknown): value is `${string}.${string}` => Predicate.isString(value) && value.includes(".")

/**
 * The messages to send for one message. A provider-run call without a result in the same message is omitted for other
 * providers.
 */
export const acceptedForm = (message: Message.Message, provider: string): ReadonlyArray<Message.Message> => {
  if (message.role !== "assistant") return [message]
  // A call and its result are sent together, even if only one of them has metadata.
  const ids = new Set(message.content.flatMap((part) => (isRun(part) && isForeign(part, provider) ? [part.id] : [])))
  if (ids.size === 0) return [message]
  const results = new Map<string, Message.ResultPart>()
  for (const part of message.content) if (part.type === "tool-result") results.set(part.id, part)
  const out: Array<Message.Message> = []
  let said: Array<Message.AssistantPart> = []
  let due: Array<Message.ResultPart> = []
  const cut = () => {
    if (due.length === 0) return
    out.push({ role: "assistant", content: said }, { role: "tool", content: due })
    said = []
    due = []
  }
  for (const part of message.content) {
    if (!isRun(part) || !ids.has(part.id)) said.push(part)
    else if (part.type === "tool-result") cut()
    else {
      const result = results.get(part.id)
      if (result === undefined) continue
      const { execution: _, ...call } = part
      said.push(call)
      due.push(result)
    }
  }
  cut()
  if (said.length > 0) out.push({ role: "assistant", content: said })
  return out
}

type Run = Message.ResultPart | Message.CallPart

const isRun = (part: Message.AssistantPart): part is Run =>
  part.type === "tool-result" || (part.type === "tool-call" && part.execution === "provider")

const isForeign = (part: Run, provider: string): boolean => acceptsNone.test(provider) || isOfAnother(part, provider)

/** Providers whose packages refuse provider-run calls, or send them without a result. */
const acceptsNone = /^(mistral|groq|cohere|deepseek|openai-compatible)\b|^openai\.chat$/

/** Whether the metadata names only other providers. Custom names of providers are unknown, and count as the same. */
const isOfAnother = ({ metadata = {} }: Run, provider: string): boolean => {
  const own = familyOf(provider)
  const named = Object.keys(metadata).map(familyOf)
  return own !== undefined && named.length > 0 && named.every((family) => family !== undefined && family !== own)
}

const familyOf = (name: string): string | undefined =>
  /anthropic|bedrock/.test(name)
    ? "anthropic"
    : /openai|azure/.test(name)
      ? "openai"
      : /google|vertex/.test(name)
        ? "google"
        : /^xai\b/.test(name)
          ? "xai"
          : undefined
