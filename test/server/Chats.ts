/**
 * Clients of the protocols whose conversations live on the server: what each of them sends for what a person does, and
 * what it reads of an answer. AI SDK's and AG-UI's clients send what they show each time.
 */
import { dialect as a2a } from "@reins/wire/a2a"
import { dialect as aap, dialectV1, dialectV2 } from "@reins/wire/aap"
import { dialect as agUi } from "@reins/wire/ag-ui"
import { dialect as aiSdk } from "@reins/wire/ai-sdk"
import { dialect as kai } from "@reins/wire/kai"
import { dialect as karta } from "@reins/wire/karta"
import { dialect as native } from "@reins/wire/native"
import { dialect as responses } from "@reins/wire/openai-responses"
import { dialect as steerable } from "@reins/wire/steerable"
import type { Dialect } from "@reins/wire"
import type { Parsed } from "../wire/Rule.ts"
import type { Ask, Frame } from "./Served.ts"

export const png = "iVBORw0KGgo="
export const picture = `data:image/png;base64,${png}`

/** What a person says. `id`: of the message, and of the request where it has one. */
export interface Said {
  readonly id: string
  readonly text: string
  readonly hasPicture: boolean
}

/** What an answer waits for: results of the client's calls, and answers to questions. */
export interface Waiting {
  readonly calls: ReadonlyArray<string>
  readonly questions: ReadonlyArray<string>
}

/** What a client shows of a thread. `runId`: of the last answer. */
export interface Tab {
  thread: string
  runId: string
  messages: ReadonlyArray<Parsed>
}

/** How a person answers: the result of each call, and yes or no to each question. */
export interface Reply {
  readonly id: string
  readonly result: Parsed
  readonly isApproved: boolean
}

type Request = Ask & { readonly path: string }

export interface Chat {
  readonly dialect: Dialect.Dialect
  /** Its client sends what it shows with each request. */
  readonly carries: boolean
  /** Its requests have ids, by which one that is sent again is known. */
  readonly isIdempotent: boolean
  /** The stream stays open where the run waits. */
  readonly staysOpen: boolean
  readonly takes: { readonly calls: boolean; readonly several: boolean; readonly pictures: boolean }
  /** Creates a thread, where the first message does not. */
  readonly create?: Request
  readonly say: (tab: Tab, said: Said) => Request
  /** `words`: said beside the answer, where the protocol allows that. */
  readonly answer: (tab: Tab, waiting: Waiting, reply: Reply, words?: Said) => ReadonlyArray<Request>
  /** What takes the place of a message, whose id it keeps. */
  readonly edit?: (tab: Tab, said: Said, request: string) => Request
  /** The last question asked again. */
  readonly again?: (tab: Tab, said: Said) => Request
  /** Stops the run, where that is a request and no disconnect. */
  readonly stop?: (tab: Tab) => Request
  /** Whether a response that is no stream is a refusal, where its status does not say so. */
  readonly isRefused?: (text: string) => boolean
  /** Takes in a frame of an answer. */
  readonly read: (tab: Tab, frame: Frame) => Waiting
}

const nothing: Waiting = { calls: [], questions: [] }
const json = (frame: Frame): Parsed =>
  /^[{[]/.test(frame.data) && frame.data !== "[DONE]" ? JSON.parse(frame.data) : {}
const asking = (id: string): Waiting => ({ calls: [], questions: [id] })
const calling = (id: string): Waiting => ({ calls: [id], questions: [] })
const all = { calls: true, several: true, pictures: true }

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

const uiUser = ({ hasPicture, id, text }: Said): Parsed => ({
  id,
  role: "user",
  parts: [{ type: "text", text }, ...(hasPicture ? [{ type: "file", mediaType: "image/png", url: picture }] : [])]
})

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

const kaiSend = ({ thread: id }: Tab, message: object): Request => ({ path: "/kai/api/chat", body: { id, message } })

const kaiChat: Chat = {
  dialect: kai,
  carries: false,
  isIdempotent: true,
  staysOpen: false,
  takes: { ...all, several: false },
  say: (tab, said) => kaiSend(tab, uiUser(said)),
  answer: (tab, { calls, questions }, { id, isApproved, result }) => [
    kaiSend(tab, {
      id,
      role: "user",
      parts: [
        ...calls.map((toolCallId) => ({ type: "tool-result", toolCallId, result })),
        ...questions.map((approvalId) => ({ type: "tool-approval-response", approvalId, approved: isApproved }))
      ]
    })
  ],
  read: (_, frame) => {
    const event = json(frame)
    if (event.type !== "tool-call" || event.state !== "input-available") return nothing
    return event.approval === undefined ? calling(event.toolCallId) : asking(event.approval.id)
  }
}

const kartaChat: Chat = {
  dialect: karta,
  carries: false,
  isIdempotent: false,
  staysOpen: false,
  takes: { calls: false, several: false, pictures: false },
  create: { path: "/karta/v1/sessions", body: {} },
  say: ({ thread }, { text }) => ({ path: `/karta/v1/sessions/${thread}/messages`, body: { text, stream: true } }),
  answer: ({ thread }, { questions }, { isApproved }) =>
    questions.map((id) => ({
      path: `/karta/v1/sessions/${thread}/inputs/${id}`,
      method: "PUT",
      body: { decision: isApproved ? "approve_once" : "deny" }
    })),
  read: (_, frame) => (frame.event === "input_required" ? asking(json(frame).data.request_id) : nothing)
}

const aapUser = ({ hasPicture, text }: Said): Parsed => ({
  role: "user",
  content: hasPicture
    ? [
        { type: "text", text },
        { type: "image", url: picture }
      ]
    : text
})

const desk = { name: "desk", tools: ["plain", "gated", "planned"].map((name) => ({ name, trust: true })) }

const aapDialects = { 1: dialectV1, 2: dialectV2, 3: aap }

const aapChat = (version: 1 | 2 | 3): Chat => {
  const turn = ({ thread }: Tab, messages: ReadonlyArray<Parsed>): Request => ({
    path: version === 3 ? `/aap/sessions/${thread}/turns` : `/aap-v${version}/session/${thread}`,
    body: { messages, stream: "delta" }
  })
  return {
    dialect: aapDialects[version],
    carries: false,
    isIdempotent: false,
    staysOpen: false,
    takes: all,
    create:
      version === 3
        ? { path: "/aap/sessions", body: { agent: desk } }
        : {
            path: `/aap-v${version}/session`,
            method: "PUT",
            body: { agent: desk, messages: [{ role: "user", content: "begin" }] }
          },
    say: (tab, said) => turn(tab, [aapUser(said)]),
    answer: (tab, { calls, questions }, { isApproved, result }) => [
      turn(tab, [
        ...calls.map((toolCallId) => ({ role: "tool", toolCallId, content: JSON.stringify(result) })),
        ...questions.map((toolCallId) => ({ role: "tool_permission", toolCallId, granted: isApproved }))
      ])
    ],
    read: (_, frame) => {
      if (frame.event !== "tool_call") return nothing
      const { name, toolCallId } = json(frame)
      return name === "theirs"
        ? calling(toolCallId)
        : ["gated", "approve_plan"].includes(name)
          ? asking(toolCallId)
          : nothing
    }
  }
}

const steerableChat: Chat = {
  dialect: steerable,
  carries: false,
  isIdempotent: false,
  staysOpen: true,
  takes: { calls: true, several: true, pictures: false },
  say: ({ thread }, { text }) => ({ path: `/steerable/api/chats/${thread}/send`, body: { content: text } }),
  answer: ({ thread }, { calls, questions }, { isApproved, result }) => [
    ...calls.map((id) => ({
      path: `/steerable/api/chats/${thread}/tool-results`,
      body: { id, success: true, data: result }
    })),
    ...questions.map((approvalId) => ({
      path: `/steerable/api/chats/${thread}/consent`,
      body: { approvalId, consentGranted: isApproved }
    }))
  ],
  stop: ({ thread }) => ({ path: `/steerable/api/chats/${thread}/cancel`, method: "POST" }),
  read: (_, frame) => {
    const { event, payload, type } = json(frame)
    if (type === "tool_call" && event === "client") return calling(payload.id)
    return type === "orchestration" && payload.status === "ask_user_paused" ? asking(payload.approval.id) : nothing
  }
}

const nativeChat: Chat = {
  dialect: native,
  carries: false,
  isIdempotent: true,
  staysOpen: true,
  takes: all,
  say: ({ thread: threadId }, { hasPicture, id: requestId, text }) => ({
    path: "/native/query",
    body: {
      threadId,
      requestId,
      prompt: [{ type: "text", text }, ...(hasPicture ? [{ type: "file", mediaType: "image/png", data: png }] : [])]
    }
  }),
  answer: ({ runId }, { calls, questions }, { isApproved, result }) => [
    ...calls.map((id) => ({ path: `/native/runs/${runId}/results/${id}`, body: { result } })),
    ...questions.map((id) => ({
      path: `/native/approvals/${id}`,
      body: { type: isApproved ? "approve" : "reject" }
    }))
  ],
  stop: ({ runId }) => ({ path: `/native/runs/${runId}/cancel`, method: "POST" }),
  read: (_, frame) => {
    const event = json(frame)
    if (event.type === "approval-required") return asking(event.data.id)
    const isTheirs = event.type === "tool-invocation" && event.state === "call" && event.execution === "client"
    return isTheirs ? calling(event.toolInvocationId) : nothing
  }
}

const responsesAt = "/openai-responses/v1"

/** Responses in a conversation of the server's. */
const responsesChat: Chat = {
  dialect: responses,
  carries: false,
  isIdempotent: false,
  staysOpen: false,
  takes: all,
  create: { path: `${responsesAt}/conversations`, body: {} },
  say: ({ thread: conversation }, { hasPicture, text }) => ({
    path: `${responsesAt}/responses`,
    body: {
      conversation,
      stream: true,
      input: [
        {
          role: "user",
          content: [{ type: "input_text", text }, ...(hasPicture ? [{ type: "input_image", image_url: picture }] : [])]
        }
      ]
    }
  }),
  answer: ({ thread: conversation }, { calls, questions }, { isApproved: approve, result }) => [
    {
      path: `${responsesAt}/responses`,
      body: {
        conversation,
        stream: true,
        input: [
          ...calls.map((call_id) => ({ type: "function_call_output", call_id, output: JSON.stringify(result) })),
          ...questions.map((id) => ({ type: "mcp_approval_response", approval_request_id: id, approve }))
        ]
      }
    }
  ],
  read: (_, frame) => {
    const { item, type } = json(frame)
    if (type !== "response.output_item.done") return nothing
    if (item.type === "mcp_approval_request") return asking(item.id)
    return item.type === "function_call" ? calling(item.call_id) : nothing
  }
}

const rpc = (method: string, params: object): Request => ({
  path: "/a2a/rpc",
  body: { jsonrpc: "2.0", id: 1, method, params }
})

const a2aChat: Chat = {
  dialect: a2a,
  carries: false,
  isIdempotent: true,
  staysOpen: false,
  takes: all,
  say: ({ thread: contextId }, { hasPicture, id: messageId, text }) =>
    rpc("SendStreamingMessage", {
      message: {
        messageId,
        contextId,
        role: "ROLE_USER",
        parts: [{ text }, ...(hasPicture ? [{ raw: png, mediaType: "image/png" }] : [])]
      }
    }),
  answer: ({ runId: taskId }, { calls, questions }, { id: messageId, isApproved, result }) => [
    rpc("SendStreamingMessage", {
      message: {
        messageId,
        taskId,
        role: "ROLE_USER",
        parts: [
          ...calls.map((toolCallId) => ({ data: { toolCallId, result } })),
          ...questions.map((approvalId) => ({ data: { approvalId, decision: isApproved ? "approve" : "reject" } }))
        ]
      }
    })
  ],
  stop: ({ runId: id }) => rpc("CancelTask", { id }),
  isRefused: (text) => JSON.parse(text).error !== undefined,
  read: (_, frame) => {
    const { message, state } = json(frame).result?.statusUpdate?.status ?? {}
    if (state !== "TASK_STATE_INPUT_REQUIRED") return nothing
    const parts: ReadonlyArray<Parsed> = message.parts.flatMap(({ data }: Parsed) => (data === undefined ? [] : [data]))
    return {
      calls: parts.flatMap(({ approvalId, toolCallId }) => (approvalId === undefined ? [toolCallId] : [])),
      questions: parts.flatMap(({ approvalId }) => (approvalId === undefined ? [] : [approvalId]))
    }
  }
}

export const chats: ReadonlyArray<Chat> = [
  aiSdkChat,
  agUiChat,
  kaiChat,
  kartaChat,
  aapChat(3),
  aapChat(2),
  aapChat(1),
  responsesChat,
  a2aChat,
  steerableChat,
  nativeChat
]
