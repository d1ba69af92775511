/** Clients of chats. Those of AI SDK and AG-UI, which send what they show each time, are here. */
import { dialect as agUi } from "@reins/wire/ag-ui"
import { dialect as aiSdk } from "@reins/wire/ai-sdk"
import type { Parsed } from "../wire/Rule.ts"
import {
  all,
  asking,
  calling,
  type Chat,
  json,
  nothing,
  png,
  type Request,
  type Said,
  type Tab,
  uiUser
} from "./Chat.ts"
import { threadChats } from "./ThreadChats.ts"

/** Changes the last message, which the assistant says. */
const change = (tab: Tab, by: (message: Parsed) => Parsed): void => {
  const last = tab.messages.at(-1)
  tab.messages = [...tab.messages.slice(0, -1), by(last)]
}

const changePart = (tab: Tab, id: string, fields: Parsed): void =>
  change(tab, (message) => ({
    ...message,
    parts: message.parts.map((part: Parsed) => (part.toolCallId === id ? { ...part, ...fields } : part))
  }))

const aiSdkChat: Chat = {
  dialect: aiSdk,
  carries: true,
  isIdempotent: false,
  staysOpen: false,
  takes: all,
  say: (tab, said) => {
    tab.messages = [...tab.messages, uiUser(said)]
    return { path: "/ai-sdk/chat", body: { id: tab.thread, messages: tab.messages, trigger: "submit-message" } }
  },
  answer: (tab, { calls, questions }, { isApproved, result }, words) => {
    change(tab, (message) => ({
      ...message,
      parts: message.parts.map((part: Parsed) => {
        if (calls.includes(part.toolCallId)) return { ...part, state: "output-available", output: result }
        const { approval } = part
        return questions.includes(approval?.id)
          ? { ...part, state: "approval-responded", approval: { ...approval, approved: isApproved } }
          : part
      })
    }))
    if (words !== undefined) tab.messages = [...tab.messages, uiUser(words)]
    return [{ path: "/ai-sdk/chat", body: { id: tab.thread, messages: tab.messages, trigger: "submit-message" } }]
  },
  edit: (tab, said) => {
    tab.messages = [...tab.messages, uiUser(said)]
    return { path: "/ai-sdk/chat", body: { id: tab.thread, messages: tab.messages, messageId: said.id } }
  },
  again: (tab) => ({
    path: "/ai-sdk/chat",
    body: { id: tab.thread, messages: tab.messages, trigger: "regenerate-message" }
  }),
  read: (tab, frame) => {
    const chunk = json(frame)
    switch (chunk.type) {
      case "start":
        if (tab.messages.at(-1)?.id !== chunk.messageId)
          tab.messages = [...tab.messages, { id: chunk.messageId, role: "assistant", parts: [] }]
        return nothing
      case "start-step":
        change(tab, (message) => ({ ...message, parts: [...message.parts, { type: "step-start" }] }))
        return nothing
      case "text-delta":
        change(tab, (message) => {
          const last = message.parts.at(-1)
          return last?.id === chunk.id
            ? { ...message, parts: [...message.parts.slice(0, -1), { ...last, text: last.text + chunk.delta }] }
            : { ...message, parts: [...message.parts, { type: "text", id: chunk.id, text: chunk.delta }] }
        })
        return nothing
      case "tool-input-available": {
        const { dynamic, input, providerMetadata: callProviderMetadata, toolCallId, toolName } = chunk
        const kind = dynamic === true ? { type: "dynamic-tool", toolName } : { type: `tool-${toolName}` }
        const part = { ...kind, toolCallId, state: "input-available", input, callProviderMetadata }
        change(tab, (message) => ({ ...message, parts: [...message.parts, part] }))
        return toolName === "theirs" ? calling(toolCallId) : nothing
      }
      case "tool-approval-request":
        changePart(tab, chunk.toolCallId, { state: "approval-requested", approval: { id: chunk.approvalId } })
        return asking(chunk.approvalId)
      case "tool-output-available":
        changePart(tab, chunk.toolCallId, { state: "output-available", output: chunk.output })
        return nothing
      case "tool-output-denied":
        changePart(tab, chunk.toolCallId, { state: "output-denied" })
        return nothing
      case "tool-output-error":
        changePart(tab, chunk.toolCallId, { state: "output-error", errorText: chunk.errorText })
        return nothing
      default:
        return nothing
    }
  }
}

const agUiUser = ({ hasPicture, id, text }: Said): Parsed => ({
  id,
  role: "user",
  content: hasPicture
    ? [
        { type: "text", text },
        { type: "image", source: { type: "data", value: png, mimeType: "image/png" } }
      ]
    : text
})

const by = ({ subagentRunId }: Parsed): object => (subagentRunId === undefined ? {} : { subagentRunId })

const agUiRun = ({ messages, thread: threadId }: Tab, runId: string, more: object = {}): Request => ({
  path: "/ag-ui/run",
  body: { threadId, runId, messages, tools: [], context: [], ...more }
})

const agUiChat: Chat = {
  dialect: agUi,
  carries: true,
  isIdempotent: true,
  staysOpen: false,
  takes: all,
  say: (tab, said) => {
    tab.messages = [...tab.messages, agUiUser(said)]
    return agUiRun(tab, said.id)
  },
  answer: (tab, { calls, questions }, { id, isApproved, result }, words) => {
    tab.messages = [
      ...tab.messages,
      ...calls.map((toolCallId) => ({
        id: `${id}-${toolCallId}`,
        role: "tool",
        toolCallId,
        content: JSON.stringify(result)
      })),
      ...(words === undefined ? [] : [agUiUser(words)])
    ]
    const resume = questions.map((interruptId) => ({
      interruptId,
      status: "resolved",
      payload: { approved: isApproved }
    }))
    return [agUiRun(tab, id, resume.length === 0 ? {} : { resume })]
  },
  edit: (tab, said, runId) => {
    tab.messages = [...tab.messages, agUiUser(said)]
    return agUiRun(tab, runId)
  },
  again: (tab, { id }) => agUiRun(tab, id),
  read: (tab, frame) => {
    const event = json(frame)
    switch (event.type) {
      case "TEXT_MESSAGE_START":
        tab.messages = [...tab.messages, { id: event.messageId, role: "assistant", content: "", ...by(event) }]
        return nothing
      case "TEXT_MESSAGE_CONTENT":
        change(tab, (message) => ({ ...message, content: message.content + event.delta }))
        return nothing
      case "TOOL_CALL_START": {
        const call = { id: event.toolCallId, type: "function", function: { name: event.toolCallName, arguments: "" } }
        tab.messages = [
          ...tab.messages,
          { id: `m-${event.toolCallId}`, role: "assistant", toolCalls: [call], ...by(event) }
        ]
        return event.toolCallName === "theirs" ? calling(event.toolCallId) : nothing
      }
      case "TOOL_CALL_ARGS":
        change(tab, (message) => ({
          ...message,
          toolCalls: message.toolCalls.map((call: Parsed) => ({
            ...call,
            function: { ...call.function, arguments: event.delta }
          }))
        }))
        return nothing
      case "TOOL_CALL_RESULT": {
        const { content, messageId: id, toolCallId } = event
        tab.messages = [...tab.messages, { id, role: "tool", toolCallId, content }]
        return nothing
      }
      case "RUN_FINISHED":
        return { calls: [], questions: (event.outcome?.interrupts ?? []).map(({ id }: Parsed) => id) }
      default:
        return nothing
    }
  }
}

export const chats: ReadonlyArray<Chat> = [aiSdkChat, agUiChat, ...threadChats]
