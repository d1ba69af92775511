/**
 * Small text responses with usage, built in each API's own payload format. For tests that need a real provider package
 * to read something, and for the step after a recorded one.
 */
import type { Json } from "@reins/protocol"
import type { Api, Recording } from "./Recording.ts"

/**
 * The token usage that a response reports.
 *
 * @since 0.1.0
 * @category models
 */
export interface Tokens {
  readonly input: number
  readonly output: number
}

/**
 * The default usage.
 *
 * @since 0.1.0
 * @category constants
 */
export const tokens: Tokens = { input: 7, output: 3 }

const json = (payloads: ReadonlyArray<Json>): ReadonlyArray<string> => payloads.map((one) => JSON.stringify(one))

/**
 * A text in the given deltas, in the payload format of `api`.
 *
 * @since 0.1.0
 * @category operations
 */
export const text = (
  api: Api,
  deltas: ReadonlyArray<string>,
  used: Tokens = tokens,
  model = "small-1"
): Pick<Recording, "api" | "payloads"> => ({ api, payloads: json(payloads[api](deltas, used, model)) })

type Make = (deltas: ReadonlyArray<string>, used: Tokens, model: string) => ReadonlyArray<Json>

const payloads: { readonly [A in Api]: Make } = {
  chat: (deltas, { input, output }, model) => {
    const about = { id: "small", object: "chat.completion.chunk", created: 1, model }
    const usage = { prompt_tokens: input, completion_tokens: output, total_tokens: input + output }
    return [
      ...deltas.map((content) => ({
        ...about,
        choices: [{ index: 0, delta: { role: "assistant", content }, finish_reason: null }]
      })),
      {
        ...about,
        choices: [{ index: 0, delta: {}, finish_reason: "stop" }],
        usage,
        // Groq reports usage here.
        x_groq: { usage }
      }
    ]
  },
  responses: (deltas, { input, output }, model) => {
    const response = { id: "resp_small", object: "response", created_at: 1, model, output: [] }
    const item = { id: "msg_small", type: "message", role: "assistant" }
    return [
      { type: "response.created", response: { ...response, status: "in_progress" } },
      { type: "response.output_item.added", output_index: 0, item: { ...item, status: "in_progress", content: [] } },
      ...deltas.map((delta) => ({
        type: "response.output_text.delta",
        item_id: item.id,
        output_index: 0,
        content_index: 0,
        delta,
        logprobs: []
      })),
      {
        type: "response.output_item.done",
        output_index: 0,
        item: {
          ...item,
          status: "completed",
          content: [{ type: "output_text", text: deltas.join(""), annotations: [], logprobs: [] }]
        }
      },
      {
        type: "response.completed",
        response: {
          ...response,
          status: "completed",
          usage: {
            input_tokens: input,
            input_tokens_details: { cached_tokens: 0 },
            output_tokens: output,
            output_tokens_details: { reasoning_tokens: 0 },
            total_tokens: input + output
          }
        }
      }
    ]
  },
  anthropic: (deltas, { input, output }, model) => [
    {
      type: "message_start",
      message: {
        id: "msg_small",
        type: "message",
        role: "assistant",
        model,
        content: [],
        stop_reason: null,
        stop_sequence: null,
        usage: { input_tokens: input, output_tokens: 1 }
      }
    },
    { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
    ...deltas.map((delta) => ({
      type: "content_block_delta",
      index: 0,
      delta: { type: "text_delta", text: delta }
    })),
    { type: "content_block_stop", index: 0 },
    {
      type: "message_delta",
      delta: { stop_reason: "end_turn", stop_sequence: null },
      usage: { input_tokens: input, output_tokens: output }
    },
    { type: "message_stop" }
  ],
  google: (deltas, { input, output }, model) =>
    deltas.map((part, index) => ({
      candidates: [
        {
          content: { parts: [{ text: part }], role: "model" },
          index: 0,
          ...(index === deltas.length - 1 ? { finishReason: "STOP" } : {})
        }
      ],
      usageMetadata: {
        promptTokenCount: input,
        candidatesTokenCount: output,
        totalTokenCount: input + output
      },
      modelVersion: model
    })),
  cohere: (deltas, { input, output }) => [
    { id: "small", type: "message-start", delta: { message: { role: "assistant", content: [] } } },
    { type: "content-start", index: 0, delta: { message: { content: { type: "text", text: "" } } } },
    ...deltas.map((part) => ({
      type: "content-delta",
      index: 0,
      delta: { message: { content: { text: part } } }
    })),
    { type: "content-end", index: 0 },
    {
      type: "message-end",
      delta: { finish_reason: "COMPLETE", usage: { tokens: { input_tokens: input, output_tokens: output } } }
    }
  ]
}
