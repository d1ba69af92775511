/** Clients of the protocols whose conversations live on the server alone. */
import { dialect as a2a } from "@reins/wire/a2a"
import { dialect as aap, dialectV1, dialectV2 } from "@reins/wire/aap"
import { dialect as kai } from "@reins/wire/kai"
import { dialect as karta } from "@reins/wire/karta"
import { dialect as native } from "@reins/wire/native"
import { dialect as responses } from "@reins/wire/openai-responses"
import { dialect as steerable } from "@reins/wire/steerable"
import type { Parsed } from "../wire/Rule.ts"
import {
  all,
  asking,
  calling,
  type Chat,
  json,
  nothing,
  picture,
  png,
  type Request,
  type Said,
  type Tab,
  uiUser
} from "./Chat.ts"

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
  takes: { ...all, asides: true },
  create: { path: `${responsesAt}/conversations`, body: {} },
  say: ({ thread: conversation }, { aside, hasPicture, text }) => ({
    path: `${responsesAt}/responses`,
    body: {
      conversation,
      stream: true,
      input: [
        ...(aside === undefined ? [] : [{ role: "user", content: aside }]),
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

export const threadChats: ReadonlyArray<Chat> = [
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
