/**
 * A run as one message of the Messages protocol, however many steps it has.
 *
 * **Carries** the root's text and reasoning as blocks, our tools and specialists as `mcp_tool_use` and
 * `mcp_tool_result`, client calls and calls that ask a person as `tool_use` (with their input while it is written),
 * sources as citations of the text before them, usage, errors. With `events`, everything else of the root view as events
 * named `reins`. Only the beta interface has the two blocks of our tools: clients that do not ask for it
 * (header `anthropic-beta`, or `?beta=true`) get them as `redacted_thinking`, which they do not show and send back.
 *
 * **Reorders**: what comes while the input of a call is written waits until that is whole, since blocks follow each
 * other. The stop reason and the end are held until the run has ended, so both summaries precede them. The input
 * tokens that a message begins with are an estimate; it ends with their count.
 *
 * **Loses** what specialists say and do below the root; without `events`, that a step was retracted: its text stays; where
 * it had begun a call of the client's, the answer ends with an error, since clients would run what they have. A source
 * without text before it. Of finish reasons, `budget` and `repeated-calls` become `max_tokens`, `cancelled` and `other` become `end_turn`. A
 * conversation that is longer than the model's context ends with `max_tokens`, content that a provider refuses with
 * `refusal`, and not with an error.
 *
 * The answer stays open while the run waits for an approval, which is given by another request; it ends where the client
 * must run a tool or answer a call.
 */
import type { AgentPath, Event, Events } from "@reins/protocol"
import { Envelope } from "@reins/protocol"
import { reasonOf, Spending } from "../Accumulation.ts"
import { CallId } from "../Ids.ts"
import * as CallInput from "../CallInput.ts"
import type { Encoder, Reply } from "../Dialect.ts"
import * as Frame from "../Frame.ts"
import { Parking } from "../Parking.ts"
import type { Kind, Refusal } from "../Refusal.ts"
import {
  type Block,
  citationOf,
  idOf,
  messageStart,
  noDeltaUsage,
  server,
  ownBlock,
  stopOf,
  type StreamEvent,
  textBlock,
  toolUse,
  usageOf
} from "./Event.ts"
import * as Body from "../Body.ts"

type Frames = ReadonlyArray<Frame.Frame>

const frame = (event: StreamEvent): Frame.Frame => Frame.named(event.type, event)

/**
 * `hasEvents`: the client asked for events that the protocol does not have. `isBeta`: it reads the fields of the beta
 * interface. `inputTokens`: what the input is estimated to be, until it is counted; absent: unknown.
 */
export interface Options {
  readonly inputTokens?: number | undefined
  readonly model: string
  readonly hasEvents: boolean
  readonly isBeta: boolean
}

class MessageEncoder implements Encoder {
  readonly #parking = new Parking()
  readonly #spending = new Spending()
  readonly #options: Options
  #runId = ""
  #answer = 1
  #blocks = 0
  #open: "text" | "thinking" | undefined
  /** The part of the text or reasoning that is open. */
  #part: string | undefined
  /** Client calls of which input was shown, and the one whose block is open. */
  readonly #inputs = new CallInput.CallInputs<undefined>()
  #writing: CallInput.Shown<undefined> | undefined
  readonly #turn = new CallInput.InTurn()
  /** The tool of a call that will not come. */
  #broken: string | undefined
  #finish: Events.Finish | undefined
  #refused: ReturnType<typeof reasonOf>
  #state: "running" | "ended" | "failed" = "running"

  constructor(options: Options) {
    this.#options = options
  }

  get isDetached(): boolean {
    return this.#broken !== undefined || (this.#parking.isParked && this.#parking.clientCalls.length > 0)
  }

  step(envelope: Envelope.Envelope): Frames {
    this.#parking.step(envelope)
    this.#spending.step(envelope.event)
    const left = this.#inputs.leftBy(envelope)
    if (!left.isCut) this.#broken ??= left.calls[0]?.name
    if (this.#broken !== undefined) return Frame.none
    const frames = () => this.#turn.take(envelope, this.#current, this.#frames)
    if (this.#runId !== "") return frames()
    this.#runId = envelope.runId
    return [this.#start(), ...frames()]
  }

  finish(): Frames {
    if (this.isDetached && !this.#inputs.isEmpty) this.#broken ??= this.#writing?.name ?? ""
    if (this.#broken !== undefined) {
      const { message } = CallInput.brokenOff(this.#broken)
      return [frame({ type: "error", error: { type: "api_error", message } })]
    }
    if (this.#state === "failed") return Frame.none
    if (this.#state === "ended") {
      return this.#stop(stopOf(this.#refused ?? this.#finish?.finishReason, this.#finish?.stopSequence))
    }
    return this.isDetached ? this.#stop({ stop_reason: "tool_use", stop_sequence: null }) : Frame.none
  }

  reopen(answered: Iterable<string>): Frames {
    this.#parking.expect(answered)
    this.#spending.reopen()
    this.#answer += 1
    this.#blocks = 0
    this.#open = undefined
    this.#writing = undefined
    this.#broken = undefined
    this.#turn.clear()
    return [this.#start()]
  }

  #start(): Frame.Frame {
    const { inputTokens = 0, isBeta, model } = this.#options
    const id = idOf(this.#runId, this.#answer)
    const message = messageStart({ id, model, isBeta })
    return frame({
      type: "message_start",
      message: { ...message, usage: { ...message.usage, input_tokens: inputTokens } }
    })
  }

  #stop(stop: ReturnType<typeof stopOf>): Frames {
    const { isBeta } = this.#options
    return [
      ...this.#close(),
      frame({
        type: "message_delta",
        delta: { container: null, stop_details: null, ...stop },
        ...(isBeta ? { context_management: null } : {}),
        usage: { ...noDeltaUsage(isBeta), ...usageOf(this.#spending.usage) }
      }),
      frame({ type: "message_stop" })
    ]
  }

  readonly #current = () => this.#writing

  readonly #frames = (envelope: Envelope.Envelope): Frames => {
    const { agentPath, event } = envelope
    if (event.type === "tool-input-delta" && event.execution === "client") return this.#write(agentPath, event)
    if (event.type === "tool-invocation" && event.execution === "client") {
      return event.state === "call" ? this.#clientCall(agentPath, event) : Frame.none
    }
    if (!Envelope.isRootView(envelope)) return Frame.none
    switch (event.type) {
      case "text":
        return this.#say("text", event)
      case "reasoning":
        return this.#say("thinking", event)
      case "source":
        return this.#open === "text" ? [this.#delta({ type: "citations_delta", citation: citationOf(event.data) })] : []
      case "step-start":
        return this.#close()
      case "tool-invocation":
        return event.state === "call"
          ? this.#call(event.toolInvocationId, event.toolName, event.args)
          : this.#result(event)
      case "tool-agent":
        return event.state === "call"
          ? this.#call(event.toolInvocationId, event.agentName, event.prompt)
          : this.#result(event)
      case "finish":
        this.#finish = event
        return this.#close()
      case "data-latency-summary":
        if (this.#finish !== undefined) this.#state = "ended"
        return this.#extra(event)
      case "error":
        this.#refused = reasonOf(event.error)
        this.#state = this.#refused === undefined ? "failed" : "ended"
        if (this.#refused !== undefined) return this.#close()
        return [...this.#close(), frame({ type: "error", error: { type: "api_error", message: event.error.message } })]
      default:
        return this.#extra(event)
    }
  }

  #extra(event: Event): Frames {
    return this.#options.hasEvents ? [frame({ type: "reins", event })] : Frame.none
  }

  #say(kind: "text" | "thinking", { part, text }: Events.Text | Events.Reasoning): Frames {
    const index = this.#blocks
    const delta: StreamEvent =
      kind === "text"
        ? { type: "content_block_delta", index, delta: { type: "text_delta", text } }
        : {
            type: "content_block_delta",
            index,
            delta: {
              type: "thinking_delta",
              thinking: text,
              ...(this.#options.isBeta ? { estimated_tokens: null } : {})
            }
          }
    if (this.#open === kind && this.#part === part) return [frame(delta)]
    if (text === "") return Frame.none
    const closing = this.#close()
    this.#open = kind
    this.#part = part
    const content_block: Block = kind === "text" ? textBlock("") : { type: "thinking", thinking: "", signature: "" }
    const at = { index: this.#blocks }
    return [...closing, frame({ type: "content_block_start", ...at, content_block }), frame({ ...delta, ...at })]
  }

  #close(): Frames {
    if (this.#open === undefined && this.#writing === undefined) return Frame.none
    this.#open = undefined
    const closing = this.#writing === undefined ? "" : CallInput.closing(this.#writing.text)
    this.#writing = undefined
    return [...(closing === "" ? [] : [this.#json(closing)]), this.#stopBlock()]
  }

  #delta(delta: Extract<StreamEvent, { type: "content_block_delta" }>["delta"]): Frame.Frame {
    return frame({ type: "content_block_delta", index: this.#blocks, delta })
  }

  #write(path: AgentPath.AgentPath, event: Events.ToolInputDelta): Frames {
    const before = this.#inputs.find(path, event)
    const opening = before === undefined ? this.#close() : []
    const shown = before ?? this.#inputs.begin(path, event, undefined)
    shown.text += event.text
    const json = event.text === "" ? [] : [this.#json(event.text)]
    if (before !== undefined) return json
    this.#writing = shown
    const content_block = toolUse(shown.id, shown.name, {})
    return [...opening, frame({ type: "content_block_start", index: this.#blocks, content_block }), ...json]
  }

  #json(partial_json: string): Frame.Frame {
    return this.#delta({ type: "input_json_delta", partial_json })
  }

  #stopBlock(): Frame.Frame {
    const index = this.#blocks
    this.#blocks += 1
    return frame({ type: "content_block_stop", index })
  }

  #block(content_block: Block, partial_json?: string): Frames {
    const closing = this.#close()
    const index = this.#blocks
    const delta: Frames =
      partial_json === undefined
        ? Frame.none
        : [frame({ type: "content_block_delta", index, delta: { type: "input_json_delta", partial_json } })]
    return [...closing, frame({ type: "content_block_start", index, content_block }), ...delta, this.#stopBlock()]
  }

  #call(id: string, name: string, input: Events.ToolCall["args"]): Frames {
    return this.#own({ type: "mcp_tool_use", id, name, server_name: server, input })
  }

  #result({ result, status, toolInvocationId }: Events.ToolResult | Events.AgentResult): Frames {
    return this.#own({
      type: "mcp_tool_result",
      tool_use_id: toolInvocationId,
      is_error: status !== undefined,
      content: [textBlock(Body.resultText(result))]
    })
  }

  #own(block: Block): Frames {
    return this.#block(ownBlock(block, this.#options.isBeta))
  }

  #clientCall(path: AgentPath.AgentPath, { args, toolInvocationId, toolName }: Events.ToolCall): Frames {
    const shown = this.#inputs.take(path, toolInvocationId)
    const rest = CallInput.rest(shown?.text ?? "", args)
    if (shown === undefined) return this.#block(toolUse(CallId.make(path, toolInvocationId), toolName, {}), rest)
    // Its block was closed when it was whole and something else came.
    return shown === this.#writing ? [...(rest === "" ? [] : [this.#json(rest)]), ...this.#close()] : []
  }
}

export const open = (options: Options): Encoder => new MessageEncoder(options)

const errorTypes: { readonly [K in Kind]: string } = {
  "bad-request": "invalid_request_error",
  unauthorized: "authentication_error",
  forbidden: "permission_error",
  "not-found": "not_found_error",
  "method-not-allowed": "invalid_request_error",
  conflict: "invalid_request_error",
  gone: "not_found_error",
  "too-large": "request_too_large",
  unprocessable: "invalid_request_error",
  "rate-limited": "rate_limit_error",
  budget: "billing_error",
  unavailable: "overloaded_error",
  internal: "api_error"
}

/** A refusal in the protocol's own format. */
export const encodeError = ({ kind, message, retryAfterSeconds, status }: Refusal): Reply => ({
  status,
  body: { type: "error", error: { type: errorTypes[kind], message } },
  ...(retryAfterSeconds === undefined ? {} : { headers: { "retry-after": `${retryAfterSeconds}` } })
})
