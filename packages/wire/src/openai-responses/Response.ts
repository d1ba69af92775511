/** The response object, which opens and closes a stream and is the whole non-streaming answer. */
import type { CostSummary, Event, Events, LatencySummary, Usage as Used } from "@reins/protocol"
import * as Schema from "effect/Schema"
import * as AnswerId from "../AnswerId.ts"
import { Item } from "./Item.ts"

const Usage = Schema.Struct({
  input_tokens: Schema.Natural,
  input_tokens_details: Schema.Struct({ cached_tokens: Schema.Natural, cache_write_tokens: Schema.Natural }),
  output_tokens: Schema.Natural,
  output_tokens_details: Schema.Struct({ reasoning_tokens: Schema.Natural }),
  total_tokens: Schema.Natural
})

const Status = Schema.Literals(["in_progress", "completed", "incomplete", "failed", "cancelled"])
type Status = typeof Status.Type

/** `reins_events` is our extension: what the protocol has no item for, in order. */
export const ResponseObject = Schema.Struct({
  id: Schema.String,
  object: Schema.Literal("response"),
  created_at: Schema.Natural,
  status: Status,
  error: Schema.NullOr(Schema.Struct({ code: Schema.String, message: Schema.String, type: Schema.String })),
  incomplete_details: Schema.NullOr(Schema.Struct({ reason: Schema.String })),
  instructions: Schema.Null,
  metadata: Schema.Record(Schema.String, Schema.String),
  model: Schema.String,
  output: Schema.Array(Item),
  parallel_tool_calls: Schema.Boolean,
  previous_response_id: Schema.NullOr(Schema.String),
  conversation: Schema.NullOr(Schema.Struct({ id: Schema.String })),
  temperature: Schema.Null,
  tool_choice: Schema.Literal("auto"),
  tools: Schema.Array(Schema.Json),
  top_p: Schema.Null,
  usage: Schema.NullOr(Usage),
  reins_events: Schema.optionalKey(Schema.Array(Schema.Unknown))
})
export type ResponseObject = typeof ResponseObject.Type

/** How a response ended, or that it is in progress. */
export interface Ending {
  /** Of this response. */
  readonly usage?: Used.UsageTotals | undefined
  readonly finish?: Events.Finish | undefined
  readonly error?: Events.ErrorEvent["error"] | undefined
  readonly cost?: CostSummary.CostSummary | undefined
  readonly latency?: LatencySummary.LatencySummary | undefined
}

export interface Head {
  readonly runId: string
  readonly threadId: string
  readonly at: number
  readonly model: string
  /** The number of this answer within the run, from 1. */
  readonly answer: number
  readonly previous?: string | undefined
  /** The conversation that the request named. */
  readonly conversation?: string | undefined
}

/** What the id of a response begins with. */
export const prefix = "resp_"

export const idOf = (head: AnswerId.AnswerOf): string => AnswerId.make(prefix, head)

const incomplete: { readonly [R in Events.Finish["finishReason"]]?: string } = {
  length: "max_output_tokens",
  "content-filter": "content_filter",
  budget: "max_output_tokens",
  "repeated-calls": "max_output_tokens"
}

const statusOf = ({ error, finish }: Ending): Status => {
  if (error !== undefined) return "failed"
  if (finish?.finishReason === "cancelled") return "cancelled"
  return finish !== undefined && incomplete[finish.finishReason] !== undefined ? "incomplete" : "completed"
}

const usageOf = (usage: Used.UsageTotals): ResponseObject["usage"] => ({
  input_tokens: usage.promptTokens,
  input_tokens_details: {
    cached_tokens: usage.cacheReadInputTokens,
    cache_write_tokens: usage.cacheCreationInputTokens
  },
  output_tokens: usage.completionTokens,
  output_tokens_details: { reasoning_tokens: 0 },
  total_tokens: usage.totalTokens
})

const metadataOf = (
  { runId, threadId }: Head,
  { cost, finish, latency }: Ending
): { readonly [key: string]: string } => ({
  run_id: runId,
  thread_id: threadId,
  ...(finish === undefined ? {} : { finish_reason: finish.finishReason }),
  ...(cost?.costUsd === undefined ? {} : { cost_usd: `${cost.costUsd}` }),
  ...(latency === undefined ? {} : { total_ms: `${latency.totalMs}` })
})

/** `ending` absent: the response is in progress. */
export const make = (
  head: Head,
  output: ReadonlyArray<Item>,
  ending?: Ending,
  events: ReadonlyArray<Event> = []
): ResponseObject => {
  const finish = ending?.finish
  const reason = finish === undefined ? undefined : incomplete[finish.finishReason]
  return {
    id: idOf(head),
    object: "response",
    created_at: Math.floor(head.at / 1000),
    status: ending === undefined ? "in_progress" : statusOf(ending),
    // The AI SDK's provider refuses an error without its type.
    error:
      ending?.error === undefined
        ? null
        : { code: ending.error.code, message: ending.error.message, type: "server_error" },
    incomplete_details: reason === undefined ? null : { reason },
    instructions: null,
    metadata: metadataOf(head, ending ?? {}),
    model: head.model,
    output,
    parallel_tool_calls: true,
    previous_response_id: head.previous ?? null,
    conversation: head.conversation === undefined ? null : { id: head.conversation },
    temperature: null,
    tool_choice: "auto",
    tools: [],
    top_p: null,
    usage: ending?.usage === undefined ? null : usageOf(ending.usage),
    ...(events.length === 0 ? {} : { reins_events: events })
  }
}
