/** The response object, which opens and closes a stream and is the whole non-streaming answer. */
import type { CostSummary, Event, Events, Json, LatencySummary, Usage as Used } from "@reins/protocol"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { reasonOf } from "../Accumulation.ts"
import { AnswerId, type AnswerOf } from "../Ids.ts"
import type { About } from "../Dialect.ts"
import type { Facts } from "../Facts.ts"
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

/** The codes that the protocol has for a response that failed, of which the first is for every other reason. */
const ErrorCode = Schema.Literals(["server_error", "rate_limit_exceeded", "invalid_prompt"])

const said = {
  instructions: Schema.NullOr(Schema.String),
  max_output_tokens: Schema.NullOr(Schema.Natural),
  temperature: Schema.NullOr(Schema.Finite),
  top_p: Schema.NullOr(Schema.Finite),
  tool_choice: Schema.Json,
  tools: Schema.Array(Schema.Json),
  text: Schema.Json,
  reasoning: Schema.Json,
  background: Schema.Boolean,
  parallel_tool_calls: Schema.Boolean,
  metadata: Schema.Record(Schema.String, Schema.String)
}
const Said = Schema.Struct(said)

/** What a response repeats of its request. */
export type Said = typeof Said.Type

const nothingSaid: Said = {
  instructions: null,
  max_output_tokens: null,
  temperature: null,
  top_p: null,
  tool_choice: "auto",
  tools: [],
  text: { format: { type: "text" } },
  reasoning: { effort: null, summary: null },
  background: false,
  parallel_tool_calls: true,
  metadata: {}
}

/**
 * `reins_events` is our extension: what the protocol has no item for, in order, for clients that ask for it.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ResponseObject = Schema.Struct({
  ...said,
  id: Schema.String,
  object: Schema.Literal("response"),
  created_at: Schema.Natural,
  status: Status,
  access_programs: Schema.Null,
  completed_at: Schema.NullOr(Schema.Natural),
  error: Schema.NullOr(Schema.Struct({ code: ErrorCode, message: Schema.String, type: Schema.String })),
  incomplete_details: Schema.NullOr(
    Schema.Struct({ reason: Schema.Literals(["max_output_tokens", "content_filter"]) })
  ),
  model: Schema.String,
  output: Schema.Array(Item),
  previous_response_id: Schema.NullOr(Schema.String),
  conversation: Schema.NullOr(Schema.Struct({ id: Schema.String })),
  truncation: Schema.Literal("disabled"),
  usage: Schema.optionalKey(Usage),
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
  readonly said?: Said | undefined
}

/** What the id of a response begins with. */
export const prefix = "resp_"

export const idOf = (head: AnswerOf): string => AnswerId.make(prefix, head)

type Reason = NonNullable<ResponseObject["incomplete_details"]>["reason"]

const incomplete: { readonly [R in Events.Finish["finishReason"]]?: Reason } = {
  length: "max_output_tokens",
  "content-filter": "content_filter",
  budget: "max_output_tokens",
  "repeated-calls": "max_output_tokens"
}

const endOf = ({ error, finish }: Ending): Events.Finish["finishReason"] | undefined =>
  error === undefined ? finish?.finishReason : reasonOf(error)

const statusOf = (ending: Ending): Status => {
  const reason = endOf(ending)
  if (reason === undefined) return ending.error === undefined ? "completed" : "failed"
  if (reason === "cancelled") return "cancelled"
  return incomplete[reason] === undefined ? "completed" : "incomplete"
}

const codeOf = (code: string): typeof ErrorCode.Type =>
  code === "E_RATE_LIMITED" ? "rate_limit_exceeded" : code === "E_INVALID_REQUEST" ? "invalid_prompt" : "server_error"

const noUsage: NonNullable<ResponseObject["usage"]> = {
  input_tokens: 0,
  input_tokens_details: { cached_tokens: 0, cache_write_tokens: 0 },
  output_tokens: 0,
  output_tokens_details: { reasoning_tokens: 0 },
  total_tokens: 0
}

const usageOf = (usage: Used.UsageTotals): NonNullable<ResponseObject["usage"]> => ({
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
  { runId, said = nothingSaid, threadId }: Head,
  { cost, error, finish, latency }: Ending
): { readonly [key: string]: string } => ({
  ...said.metadata,
  run_id: runId,
  thread_id: threadId,
  ...(error === undefined ? {} : { error_code: error.code }),
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
  const finishReason = ending === undefined ? undefined : endOf(ending)
  const reason = finishReason === undefined ? undefined : incomplete[finishReason]
  const failure = finishReason === undefined ? ending?.error : undefined
  return {
    id: idOf(head),
    object: "response",
    created_at: Math.floor(head.at / 1000),
    status: ending === undefined ? "in_progress" : statusOf(ending),
    access_programs: null,
    completed_at: null,
    // The AI SDK's provider refuses an error without its type.
    error:
      failure === undefined ? null : { code: codeOf(failure.code), message: failure.message, type: "server_error" },
    incomplete_details: reason === undefined ? null : { reason },
    ...(head.said ?? nothingSaid),
    metadata: metadataOf(head, ending ?? {}),
    model: head.model,
    output,
    previous_response_id: head.previous ?? null,
    conversation: head.conversation === undefined ? null : { id: head.conversation },
    truncation: "disabled",
    // Strict readers need the usage of a response that has ended.
    ...(ending === undefined ? {} : { usage: ending.usage === undefined ? noUsage : usageOf(ending.usage) }),
    ...(events.length === 0 ? {} : { reins_events: events })
  }
}

/** A response of which nothing is known yet but the run that makes it. */
export const begun = (options: Asked, facts: Facts): ResponseObject | undefined => {
  if (facts._tag !== "Accepted") return undefined
  const { at = 0, runId = "", threadId = "" } = facts
  return make({ ...options, runId, threadId, at, answer: 1 }, [])
}

type Asked = Pick<Head, "model" | "previous" | "conversation" | "said">

const Echo = Schema.Struct({
  model: Schema.String,
  previous: Schema.optionalKey(Schema.String),
  conversation: Schema.optionalKey(Schema.String),
  said: Schema.optionalKey(Said)
})
const readEcho = Schema.decodeUnknownOption(Echo)

/** What the request said, to be kept with the response. */
export const echoOf = ({ conversation, model, previous, said }: Asked): Json => ({
  model,
  ...(previous === undefined ? {} : { previous }),
  ...(conversation === undefined ? {} : { conversation }),
  ...(said === undefined ? {} : { said })
})

/** The same from what is kept; where nothing is, the agent's name as the model's. */
export const askedOf = (about: About | undefined): Asked =>
  Option.getOrElse(readEcho(about?.echo), () => ({ model: about?.agent ?? "reins" }))
