/** A log that contains every kind of event, each with its own marker words: the input of `dialects-table.ts`. */
import { Event } from "../packages/protocol/src/event/Event.ts"

/** An event with marker words that only it contains. Without words: it is carried when it makes a frame. */
export interface Row {
  readonly title: string
  readonly path?: ReadonlyArray<string>
  readonly event: Event
  readonly words: ReadonlyArray<string>
  /** What some dialects send instead of the words. */
  readonly or?: string
  /** What some dialects send when they have no place for the words. */
  readonly partly?: string
}

const usage = (from: number) => ({
  promptTokens: from,
  completionTokens: from + 1,
  cacheReadInputTokens: 0,
  cacheCreationInputTokens: 0,
  totalTokens: from + from + 1
})

const call = (id: string, word: string, client?: "client"): Event => ({
  type: "tool-invocation",
  toolInvocationId: id,
  toolName: `tool-${id}`,
  args: { word },
  state: "call",
  ...(client === undefined ? {} : { execution: client })
})
const result = (id: string, word: string, status?: "failed" | "denied", client?: "client"): Event => ({
  type: "tool-invocation",
  toolInvocationId: id,
  toolName: `tool-${id}`,
  args: {},
  state: "result",
  result: { word },
  ...(status === undefined ? {} : { status }),
  ...(client === undefined ? {} : { execution: client })
})

const below = ["helper#c3"]

const totals = { costNanoUsd: 424_242, costUsd: 0.000424242, unpriced: 0, estimated: false }
const cost: Event = {
  type: "data-cost-summary",
  data: {
    currency: "USD",
    ...totals,
    root: { agentPath: [], ...totals, usage: usage(1), rows: [], children: [] }
  }
}
const latency: Event = {
  type: "data-latency-summary",
  data: {
    totalMs: 535_353,
    machineMs: 535_353,
    humanWaitMs: 0,
    downMs: 0,
    modelMs: 0,
    toolMs: 0,
    steps: [],
    tools: [],
    waits: []
  }
}

export const beginning: ReadonlyArray<Row> = [
  // Opens the answer, so that no event is credited with it.
  { title: "", event: { type: "custom", event_type: "w-first", data: null }, words: [] },
  { title: "`step-start`", event: { type: "step-start" }, words: [] },
  { title: "`reasoning`", event: { type: "reasoning", text: "w-reasoning" }, words: ["w-reasoning"] },
  { title: "`text`", event: { type: "text", text: "w-text" }, words: ["w-text"] },
  {
    title: "`source`",
    event: Event.source({ id: "w-source", sourceType: "url", url: "https://w-url.test", title: "w-title" }),
    words: ["https://w-url.test", "w-title"]
  },
  { title: "", event: { type: "step-start" }, words: [] },
  {
    title: "`step-retracted`",
    event: { type: "step-retracted", reason: "w-retracted" },
    words: ["w-retracted"],
    or: '"reset-step"'
  },
  {
    title: "`message-received`",
    event: Event.messageReceived({
      messageId: "w-message-id",
      position: 1,
      content: [{ type: "text", text: "w-message" }]
    }),
    words: ["w-message-id", "w-message"]
  }
]

export const middle: ReadonlyArray<Row> = [
  { title: "", event: { type: "step-start" }, words: [] },
  {
    title: "`tool-input-delta`",
    event: Event.toolInputDelta({ id: "c1", name: "tool-c1" }, '{"word":"w-input'),
    words: ["w-input"]
  },
  {
    title: "`tool-input-delta`, for the client",
    event: Event.toolInputDelta({ id: "c4", name: "tool-c4" }, '{"word":"w-begun', "client"),
    words: ["w-begun"]
  },
  { title: "`tool-invocation`, call", event: call("c1", "w-input w-call"), words: ["w-call"] },
  { title: "", event: call("c2", "w-asked"), words: [] },
  {
    title: "`tool-agent`, call",
    event: { type: "tool-agent", agentName: "helper", toolInvocationId: "c3", state: "call", prompt: "w-prompt" },
    words: ["w-prompt"]
  },
  {
    title: "`tool-invocation`, call for the client",
    event: call("c4", "w-begun w-client", "client"),
    words: ["w-client"]
  },
  {
    title: "`tool-progress`",
    event: {
      type: "tool-progress",
      toolName: "tool-c1",
      toolCallId: "c1",
      label: "w-label",
      phaseIndex: 1,
      totalPhases: 2,
      milestone: "w-milestone"
    },
    words: ["w-label", "w-milestone"]
  },
  { title: "`tool-invocation`, result", event: result("c1", "w-result"), words: ["w-result"] },
  { title: "a specialist's `text`", path: below, event: { type: "text", text: "w-below" }, words: ["w-below"] },
  { title: "", path: below, event: call("n1", "w-below-call"), words: [] },
  {
    title: "a specialist's `tool-invocation`",
    path: below,
    event: result("n1", "w-below-result"),
    words: ["w-below-result"]
  },
  {
    title: "`data-tool-agent`",
    event: {
      type: "data-tool-agent",
      data: { agentName: "helper", model: "w-model", usage: usage(6001), toolInvocationId: "c3" }
    },
    words: ["w-model", "6001", "6002"]
  },
  {
    title: "`tool-agent`, result",
    event: {
      type: "tool-agent",
      agentName: "helper",
      toolInvocationId: "c3",
      state: "result",
      result: "w-agent-result"
    },
    words: ["w-agent-result"]
  },
  {
    title: "`plan-status-change`",
    event: { type: "plan-status-change", data: { planId: "w-plan", from: "draft", to: "approved" } },
    words: ["w-plan"]
  },
  {
    title: "`data-file-registered`",
    event: {
      type: "data-file-registered",
      data: { fileId: "w-file", filename: "w-name", mediaType: "w/media", sizeBytes: 77_011 }
    },
    words: ["w-file", "w-name", "w/media", "77011"]
  },
  { title: "`data-flow-ui`", event: { type: "data-flow-ui", data: { dsl: "w-dsl" } }, words: ["w-dsl"] },
  {
    title: "`custom`",
    event: { type: "custom", event_type: "w-custom", data: "w-custom-data" },
    words: ["w-custom", "w-custom-data"]
  },
  {
    title: "`approval-required`",
    event: {
      type: "approval-required",
      data: {
        id: "w-approval",
        kind: "tool",
        target: "tool-c2",
        payload: "w-payload",
        resourceId: "acme",
        threadId: "thread-1",
        toolInvocationId: "c2"
      }
    },
    words: ["w-approval"],
    or: '"stopReason":"tool_use"'
  }
]

export const answers: ReadonlyArray<Row> = [
  {
    title: "`approval-decision`",
    event: {
      type: "approval-decision",
      data: { id: "w-approval", outcome: { outcome: "reject" }, feedback: "w-feedback" }
    },
    words: ["w-feedback"]
  },
  { title: "`tool-invocation`, denied", event: result("c2", "w-denied", "denied"), words: ["w-denied"] },
  {
    title: "`tool-invocation`, the client's result",
    event: result("c4", "w-handed-in", undefined, "client"),
    words: ["w-handed-in"]
  }
]

/** A call that ends with a receipt. */
const receipt: Event = { ...result("c8", "w-receipt"), later: { ticketId: "w-ticket" } } as Event

export const ending: ReadonlyArray<Row> = [
  { title: "", event: { type: "step-start" }, words: [] },
  { title: "", event: call("c8", "w-later"), words: [] },
  { title: "", event: receipt, words: [] },
  {
    title: "`late-result`",
    event: { type: "late-result", toolInvocationId: "c8", toolName: "tool-c8", result: { word: "w-late" } },
    words: ["w-late"]
  },
  { title: "", event: { type: "step-start" }, words: [] },
  { title: "", event: call("c9", "w-failing"), words: [] },
  { title: "`tool-invocation`, failed", event: result("c9", "w-failed", "failed"), words: ["w-failed"] },
  {
    title: "`budget_exhausted`",
    event: {
      type: "budget_exhausted",
      message: "w-limit=3 reached",
      code: "E_W_LIMIT",
      data: { limit: "w-limit", max: 3, used: 4 }
    },
    words: ["w-limit=3 reached", "E_W_LIMIT"]
  },
  {
    title: "`finish`",
    event: { type: "finish", finishReason: "budget", usage: usage(7001) },
    words: ["7001", "7002"],
    partly: '"stopReason":"error"'
  },
  { title: "`data-cost-summary`", event: cost, words: ["424242"] },
  { title: "`data-latency-summary`", event: latency, words: ["535353"] }
]

export const failure: ReadonlyArray<Row> = [
  { title: "", event: { type: "step-start" }, words: [] },
  { title: "", event: cost, words: [] },
  { title: "", event: latency, words: [] },
  {
    title: "`error`",
    event: { type: "error", error: { message: "w-error", code: "E_W" } },
    words: ["w-error", "E_W"],
    partly: '"stopReason":"error"'
  }
]
