/**
 * A run as a Chat Completions stream.
 *
 * **Carries** the root's text, its reasoning (`reasoning_content`), client calls and calls that ask a person (with their
 * arguments while they are written), usage, and an error. With `events`, whatever else the root view shows is sent as
 * `reins_event` on chunks without choices.
 *
 * **Reorders**: the usage chunk is held until the run has ended and comes last.
 *
 * **Loses**, without `events`: our own tools and specialists (clients would try to run them), steps, approvals,
 * progress, plans, files, sources, budgets, both summaries. That a step was retracted: its text stays; where it had begun
 * a call of the client's, the answer ends with an error, since clients would run what they have. Of finish reasons,
 * `budget` and `repeated-calls` become `length`. A conversation that is longer than the model's context ends with
 * `length`, content that a provider refuses with `content_filter`, and not with an error.
 *
 * The answer stays open while the run waits for an approval, which is given by another request; it ends where the client
 * must run a tool or answer a call.
 */
import type { AgentPath, Event, Events, Usage as Used } from "@reins/protocol"
import { Envelope } from "@reins/protocol"
import * as Schema from "effect/Schema"
import { reasonOf, Spending } from "../Accumulation.ts"
import * as CallInput from "../CallInput.ts"
import type { Encoder, Reply } from "../Dialect.ts"
import * as Frame from "../Frame.ts"
import { AnswerId, CallId } from "../Ids.ts"
import { Parking } from "../Parking.ts"
import type { Kind, Refusal } from "../Refusal.ts"

export const FinishReason = Schema.Literals(["stop", "length", "tool_calls", "content_filter"])
export type FinishReason = typeof FinishReason.Type

export const Usage = Schema.Struct({
  prompt_tokens: Schema.Natural,
  completion_tokens: Schema.Natural,
  total_tokens: Schema.Natural,
  prompt_tokens_details: Schema.Struct({ cached_tokens: Schema.Natural })
})
export type Usage = typeof Usage.Type

export const ToolCall = Schema.Struct({
  index: Schema.optionalKey(Schema.Natural),
  id: Schema.String,
  type: Schema.Literal("function"),
  function: Schema.Struct({ name: Schema.String, arguments: Schema.String })
})
export type ToolCall = typeof ToolCall.Type

/** More of the arguments of the call at `index`. */
export const ToolCallDelta = Schema.Struct({
  index: Schema.Natural,
  function: Schema.Struct({ arguments: Schema.String })
})

/** `reasoning_content` is the field in which most servers of this protocol send reasoning. */
export const Delta = Schema.Struct({
  role: Schema.optionalKey(Schema.Literal("assistant")),
  content: Schema.optionalKey(Schema.String),
  reasoning_content: Schema.optionalKey(Schema.String),
  tool_calls: Schema.optionalKey(Schema.Array(Schema.Union([ToolCall, ToolCallDelta])))
})
export type Delta = typeof Delta.Type

/**
 * `reins_event` is our extension: an event that the protocol cannot express, on a chunk without choices.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Chunk = Schema.Struct({
  id: Schema.String,
  object: Schema.Literal("chat.completion.chunk"),
  created: Schema.Natural,
  model: Schema.String,
  choices: Schema.Array(
    Schema.Struct({ index: Schema.Natural, delta: Delta, finish_reason: Schema.NullOr(FinishReason) })
  ),
  usage: Schema.optionalKey(Usage),
  reins_event: Schema.optionalKey(Schema.Unknown)
})

/**
 * The body of an error.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ErrorBody = Schema.Struct({
  error: Schema.Struct({
    message: Schema.String,
    type: Schema.String,
    param: Schema.NullOr(Schema.String),
    code: Schema.String
  })
})

/**
 * A completion that is not streamed.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Completion = Schema.Struct({
  id: Schema.String,
  object: Schema.Literal("chat.completion"),
  created: Schema.Natural,
  model: Schema.String,
  choices: Schema.Array(
    Schema.Struct({
      index: Schema.Natural,
      message: Schema.Struct({
        role: Schema.Literal("assistant"),
        content: Schema.NullOr(Schema.String),
        refusal: Schema.Null,
        reasoning_content: Schema.optionalKey(Schema.String),
        tool_calls: Schema.optionalKey(Schema.Array(ToolCall))
      }),
      logprobs: Schema.Null,
      finish_reason: FinishReason
    })
  ),
  usage: Schema.optionalKey(Usage)
})

/** `usage`: the client wants the usage chunk. `events`: it wants our events. */
export interface Options {
  readonly model: string
  readonly usage: boolean
  readonly events: boolean
}

class ChunkEncoder implements Encoder {
  readonly #options: Options
  readonly #parking = new Parking()
  readonly #spending = new Spending()
  #first: Pick<Envelope.Envelope, "at" | "runId"> | undefined
  #head = ""
  #opened = false
  #answer = 1
  #calls = 0
  /** Client calls whose arguments are being written, with their indexes. */
  readonly #inputs = new CallInput.CallInputs<number>()
  /** The tool of a call that will not come. */
  #broken: string | undefined
  #finish: Events.Finish | undefined
  #ended = false

  constructor(options: Options) {
    this.#options = options
  }

  get isDetached(): boolean {
    return this.#broken !== undefined || (this.#parking.isParked && this.#parking.clientCalls.length > 0)
  }

  step(envelope: Envelope.Envelope): ReadonlyArray<Frame.Frame> {
    this.#parking.step(envelope)
    this.#spending.step(envelope.event)
    if (this.#first === undefined) {
      this.#first = envelope
      this.#head = this.#headOf(envelope)
    }
    const { calls, isCut } = this.#inputs.leftBy(envelope)
    if (!isCut) this.#broken ??= calls[0]?.name
    if (this.#broken !== undefined) return Frame.none
    const closing = calls.flatMap(({ place, text }) => {
      const rest = CallInput.closing(text)
      return rest === "" ? [] : [this.#more(place, rest)]
    })
    const frames = [...closing, ...this.#frames(envelope)]
    if (this.#opened) return frames
    this.#opened = true
    return [this.#chunk({ role: "assistant", content: "" }), ...frames]
  }

  finish(): ReadonlyArray<Frame.Frame> {
    if (this.#broken !== undefined) return [Frame.unnamed(failed(CallInput.brokenOff(this.#broken))), Frame.done]
    const { usage } = this.#spending
    const used =
      usage === undefined || !this.#options.usage ? [] : [this.#bare(`"usage":${JSON.stringify(usageOf(usage))}`)]
    if (this.#ended) return [...used, Frame.done]
    return this.isDetached ? [this.#chunk({}, "tool_calls"), ...used, Frame.done] : Frame.none
  }

  reopen(answered: Iterable<string>): ReadonlyArray<Frame.Frame> {
    this.#parking.expect(answered)
    this.#spending.reopen()
    this.#calls = 0
    this.#broken = undefined
    this.#answer += 1
    if (this.#first !== undefined) this.#head = this.#headOf(this.#first)
    return [this.#chunk({ role: "assistant", content: "" })]
  }

  #headOf({ at, runId }: Pick<Envelope.Envelope, "at" | "runId">): string {
    const head = {
      id: AnswerId.make(prefix, { runId, answer: this.#answer }),
      object: "chat.completion.chunk",
      created: Math.floor(at / 1000),
      model: this.#options.model
    }
    return JSON.stringify(head).slice(0, -1)
  }

  #chunk(delta: Delta, finish: FinishReason | null = null): Frame.Frame {
    const choice = `{"index":0,"delta":${JSON.stringify(delta)},"finish_reason":${JSON.stringify(finish)}}`
    return { data: `${this.#head},"choices":[${choice}]}` }
  }

  #bare(field: string): Frame.Frame {
    return { data: `${this.#head},"choices":[],${field}}` }
  }

  #frames(envelope: Envelope.Envelope): ReadonlyArray<Frame.Frame> {
    const { agentPath, event } = envelope
    if (event.type === "tool-input-delta" && event.execution === "client") return this.#write(agentPath, event)
    if (event.type === "tool-invocation" && event.state === "call" && event.execution === "client") {
      return this.#call(agentPath, event)
    }
    if (!Envelope.isRootView(envelope)) return Frame.none
    switch (event.type) {
      case "text":
        return [this.#chunk({ content: event.text })]
      case "reasoning":
        return [this.#chunk({ reasoning_content: event.text })]
      case "finish":
        this.#finish = event
        return [this.#chunk({}, finishReasons[event.finishReason]), ...this.#extra(event)]
      case "data-latency-summary":
        this.#ended = this.#finish !== undefined
        return this.#extra(event)
      case "error": {
        this.#ended = true
        const reason = reasonOf(event.error)
        return [reason === undefined ? Frame.unnamed(failed(event.error)) : this.#chunk({}, finishReasons[reason])]
      }
      default:
        return this.#extra(event)
    }
  }

  #extra(event: Event): ReadonlyArray<Frame.Frame> {
    return this.#options.events ? [this.#bare(`"reins_event":${JSON.stringify(event)}`)] : Frame.none
  }

  #call(path: AgentPath.AgentPath, { args, toolInvocationId, toolName }: Events.ToolCall): ReadonlyArray<Frame.Frame> {
    const shown = this.#inputs.take(path, toolInvocationId)
    const rest = CallInput.rest(shown?.text ?? "", args)
    if (shown === undefined) return [this.#begin(CallId.make(path, toolInvocationId), toolName, rest)]
    return rest === "" ? Frame.none : [this.#more(shown.place, rest)]
  }

  #write(path: AgentPath.AgentPath, event: Events.ToolInputDelta): ReadonlyArray<Frame.Frame> {
    const before = this.#inputs.find(path, event)
    const shown = before ?? this.#inputs.begin(path, event, this.#calls)
    shown.text += event.text
    if (before === undefined) return [this.#begin(shown.id, shown.name, event.text)]
    return event.text === "" ? Frame.none : [this.#more(shown.place, event.text)]
  }

  #begin(id: string, name: string, args: string): Frame.Frame {
    const index = this.#calls
    this.#calls += 1
    return this.#chunk({ tool_calls: [{ index, id, type: "function", function: { name, arguments: args } }] })
  }

  #more(index: number, args: string): Frame.Frame {
    return this.#chunk({ tool_calls: [{ index, function: { arguments: args } }] })
  }
}

export const open = (options: Options): Encoder => new ChunkEncoder(options)

/** What the id of a completion begins with. */
export const prefix = "chatcmpl-"

export const finishReasons: { readonly [R in Events.Finish["finishReason"]]: FinishReason } = {
  stop: "stop",
  length: "length",
  "content-filter": "content_filter",
  budget: "length",
  cancelled: "stop",
  "repeated-calls": "length",
  other: "stop"
}

export const usageOf = (usage: Used.UsageTotals): Usage => ({
  prompt_tokens: usage.promptTokens,
  completion_tokens: usage.completionTokens,
  total_tokens: usage.totalTokens,
  prompt_tokens_details: { cached_tokens: usage.cacheReadInputTokens }
})

type Failure = typeof ErrorBody.Type

export const errorBody = (message: string, type: string, code: string, param: string | null = null): Failure => ({
  error: { message, type, param, code }
})

/** A run that failed. */
export const failed = ({ code, message }: Events.ErrorEvent["error"]): Failure =>
  errorBody(message, "server_error", code)

const types: { readonly [K in Kind]?: string } = {
  unauthorized: "authentication_error",
  forbidden: "permission_error",
  "rate-limited": "rate_limit_error",
  budget: "insufficient_quota",
  unavailable: "server_error",
  internal: "server_error"
}

/** A refused request. */
export const encodeError = ({ code, field, kind, message, retryAfterSeconds, status }: Refusal): Reply => ({
  status,
  body: errorBody(message, types[kind] ?? "invalid_request_error", code, field),
  ...(retryAfterSeconds === undefined ? {} : { headers: { "retry-after": `${retryAfterSeconds}` } })
})
