/**
 * Calls that another provider ran itself, in a form that this one accepts: an ordinary call, followed by its result in
 * a tool message. The provider that ran a call gets it back unchanged.
 */
import type { Message } from "@reins/protocol"

/**
 * The messages to send for one message. A provider-run call without a result in the same message is omitted for other
 * providers.
 */
export const told = (message: Message.Message, provider: string): ReadonlyArray<Message.Message> => {
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
