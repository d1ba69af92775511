/**
 * A run as a Responses stream.
 *
 * **Carries** the root's text and reasoning as items, our tools and specialists as `mcp_call` items, client calls and
 * calls that ask a person as `function_call`, other questions as `mcp_approval_request`, usage, errors.
 *
 * **Reorders**: a call of ours is sent with its result, since the client rejects an item that is open at a pause.
 * Files, plans, budgets, custom events, specialists' usage and both summaries are held for `reins_events` (cost and
 * time for `metadata`) of the closing response: an event of a foreign type breaks the official client even after the
 * end.
 *
 * **Loses** steps (a retracted one's text stays), progress, decisions (except for the call they led to), and what
 * specialists do below the root. Of finish reasons, `budget` and `repeated-calls` become `incomplete` with the reason
 * `max_output_tokens`; `metadata` has the reason itself. So does a conversation that is longer than the model's
 * context; content that a provider refuses is `content_filter`, and not a failure.
 *
 * The answer ends where the run waits for a person or a client tool; the next one is a response of its own.
 */
import type { AgentPath, Approval, Event, Events, Json } from "@reins/protocol"
import { Envelope } from "@reins/protocol"
import { Spending } from "../Accumulation.ts"
import * as AnswerId from "../AnswerId.ts"
import * as CallId from "../CallId.ts"
import type { Encoder, Folding } from "../Dialect.ts"
import * as Frame from "../Frame.ts"
import { Parking } from "../Parking.ts"
import * as Item from "./Item.ts"
import * as Response from "./Response.ts"

type Frames = ReadonlyArray<Frame.Frame>

/** The open text or reasoning item. */
interface Open {
  readonly kind: "text" | "reasoning"
  readonly id: string
  readonly index: number
  text: string
}

class ResponseEncoder implements Encoder {
  readonly #parking = new Parking()
  readonly #spending = new Spending()
  readonly #asked = new Map<string, string>()
  /** What specialists were asked, by their calls. */
  readonly #prompts = new Map<string, Json>()
  readonly #options: Options
  #head: Response.Head | undefined
  #items: Array<Item.Item> = []
  /** Items of steps that were retracted: they were sent, and the whole response leaves them out. */
  readonly #retracted = new Set<Item.Item>()
  #stepFrom = 0
  #events: Array<Event> = []
  #ending: Response.Ending = {}
  #open: Open | undefined
  #sequence = 0
  #made = 0
  #ended = false

  constructor(options: Options) {
    this.#options = options
  }

  get isDetached(): boolean {
    return this.#parking.isParked
  }

  step(envelope: Envelope.Envelope): Frames {
    this.#parking.step(envelope)
    this.#spending.step(envelope.event)
    if (this.#head !== undefined) return this.#frames(envelope)
    const { at, runId, threadId } = envelope
    this.#head = { ...this.#options, runId, threadId, at, answer: 1 }
    return [...this.#begin(), ...this.#frames(envelope)]
  }

  finish(): Frames {
    if (!this.#ended && !this.isDetached) return Frame.none
    const closing = this.#close()
    const response = this.#response(this.#ending)
    // A cancelled response has no event of its own; it is sent as completed with what it has.
    const status = response?.status
    const name = status === "failed" || status === "incomplete" ? status : "completed"
    return [...closing, this.#emit(`response.${name}`, { response })]
  }

  /** The response so far, as the answer without a stream. */
  get whole(): Response.ResponseObject | undefined {
    this.#close()
    const response = this.#response(this.#ended || this.isDetached ? this.#ending : undefined)
    return response === undefined || this.#retracted.size === 0
      ? response
      : { ...response, output: response.output.filter((item) => !this.#retracted.has(item)) }
  }

  reopen(answered: Iterable<string>): Frames {
    this.#parking.expect(answered)
    this.#spending.reopen()
    if (this.#head === undefined) return Frame.none
    this.#head = { ...this.#head, answer: this.#head.answer + 1, previous: Response.idOf(this.#head) }
    this.#items = []
    this.#events = []
    this.#stepFrom = 0
    this.#open = undefined
    this.#sequence = 0
    this.#made = 0
    return this.#begin()
  }

  #begin(): Frames {
    const response = this.#response()
    return [this.#emit("response.created", { response }), this.#emit("response.in_progress", { response })]
  }

  #response(ending?: Response.Ending): Response.ResponseObject | undefined {
    if (this.#head === undefined) return undefined
    const { usage } = this.#spending
    const events = this.#options.events === true ? this.#events : []
    return Response.make(this.#head, this.#items, ending && { ...ending, usage }, events)
  }

  #emit(type: string, fields: object): Frame.Frame {
    const sequence_number = this.#sequence
    this.#sequence += 1
    return Frame.named(type, { type, sequence_number, ...fields })
  }

  #frames(envelope: Envelope.Envelope): Frames {
    const { agentPath, event } = envelope
    if (event.type === "tool-invocation" && event.execution === "client") {
      return event.state === "call" ? this.#clientCall(agentPath, event) : Frame.none
    }
    if (!Envelope.isRootView(envelope)) return Frame.none
    switch (event.type) {
      case "text":
      case "reasoning":
        return event.text === "" ? Frame.none : this.#say(event.type, event.text)
      case "step-start": {
        const closing = this.#close()
        this.#stepFrom = this.#items.length
        return closing
      }
      case "step-retracted": {
        const closing = this.#close()
        for (const item of this.#items.slice(this.#stepFrom)) this.#retracted.add(item)
        return closing
      }
      case "message-received":
        this.#events.push(event)
        return this.#close()
      case "tool-invocation":
      case "tool-agent":
        if (event.state === "result") return this.#ran(event)
        if (event.type === "tool-agent") this.#prompts.set(event.toolInvocationId, event.prompt)
        return this.#close()
      case "approval-required":
        return this.#ask(event.data)
      case "tool-progress":
      case "approval-decision":
        return Frame.none
      case "finish":
        this.#ending = { finish: event }
        return this.#close()
      case "data-cost-summary":
        this.#ending = { ...this.#ending, cost: event.data }
        break
      case "data-latency-summary":
        this.#ended = this.#ending.finish !== undefined
        this.#ending = { ...this.#ending, latency: event.data }
        break
      case "error":
        this.#ended = true
        this.#ending = { ...this.#ending, error: event.error }
        return this.#close()
      default:
    }
    this.#events.push(event)
    return Frame.none
  }

  #nextId(prefix: string): string {
    this.#made += 1
    return AnswerId.make(`${prefix}_`, this.#head ?? { runId: "", answer: 1 }, this.#made)
  }

  #place(item: Item.Item): number {
    this.#items.push(item)
    return this.#items.length - 1
  }

  /** An item that is sent all at once. */
  #whole(item: Item.Item): Frames {
    const closing = this.#close()
    const output_index = this.#place(item)
    return [
      ...closing,
      this.#emit("response.output_item.added", { output_index, item }),
      this.#emit("response.output_item.done", { output_index, item })
    ]
  }

  #say(kind: Open["kind"], text: string): Frames {
    const opening = this.#open?.kind === kind ? Frame.none : [...this.#close(), ...this.#start(kind)]
    const open = this.#open
    if (open === undefined) return opening
    open.text += text
    const delta =
      kind === "text"
        ? this.#emit("response.output_text.delta", { ...this.#content(open), delta: text, logprobs: [] })
        : this.#emit("response.reasoning_summary_text.delta", { ...this.#content(open), delta: text })
    return [...opening, delta]
  }

  #content({ id, index, kind }: Open): object {
    const place = { item_id: id, output_index: index }
    return kind === "text" ? { ...place, content_index: 0 } : { ...place, summary_index: 0 }
  }

  #start(kind: Open["kind"]): Frames {
    const id = this.#nextId(kind === "text" ? "msg" : "rs")
    const item = kind === "text" ? Item.message(id, "", "in_progress") : Item.reasoning(id, "")
    const open: Open = { kind, id, index: this.#place(item), text: "" }
    this.#open = open
    const part =
      kind === "text" ? { type: "output_text", text: "", annotations: [] } : { type: "summary_text", text: "" }
    const added = kind === "text" ? "response.content_part.added" : "response.reasoning_summary_part.added"
    return [
      this.#emit("response.output_item.added", { output_index: open.index, item }),
      this.#emit(added, { ...this.#content(open), part })
    ]
  }

  #close(): Frames {
    const open = this.#open
    if (open === undefined) return Frame.none
    this.#open = undefined
    const { id, index, kind, text } = open
    const isText = kind === "text"
    const item = isText ? Item.message(id, text, "completed") : Item.reasoning(id, text)
    this.#items[index] = item
    const part = isText ? { type: "output_text", text, annotations: [] } : { type: "summary_text", text }
    const place = this.#content(open)
    return [
      isText
        ? this.#emit("response.output_text.done", { ...place, text, logprobs: [] })
        : this.#emit("response.reasoning_summary_text.done", { ...place, text }),
      this.#emit(isText ? "response.content_part.done" : "response.reasoning_summary_part.done", { ...place, part }),
      this.#emit("response.output_item.done", { output_index: index, item })
    ]
  }

  #ask(request: Approval.Request): Frames {
    // The client answers the call that asks.
    if (this.#parking.isAsked(request)) return Frame.none
    if (request.toolInvocationId !== undefined) {
      this.#asked.set(CallId.make(request.agentPath ?? [], request.toolInvocationId), request.id)
    }
    return this.#whole(Item.approvalRequest(request))
  }

  #ran(event: Events.ToolResult | Events.AgentResult): Frames {
    const { result, status, toolInvocationId } = event
    const approvalId = this.#asked.get(toolInvocationId)
    const called =
      event.type === "tool-invocation"
        ? { name: event.toolName, args: event.args }
        : { name: event.agentName, args: this.#prompts.get(toolInvocationId) ?? {} }
    return this.#whole(Item.mcpCall(this.#nextId("mcp"), { ...called, result, status, approvalId }))
  }

  #clientCall(path: AgentPath.AgentPath, call: Events.ToolCall): Frames {
    const closing = this.#close()
    const id = this.#nextId("fc")
    const callId = CallId.make(path, call.toolInvocationId)
    const item = Item.functionCall(id, callId, call, true)
    const output_index = this.#place(item)
    const place = { item_id: id, output_index }
    const args = JSON.stringify(call.args)
    return [
      ...closing,
      this.#emit("response.output_item.added", { output_index, item: Item.functionCall(id, callId, call, false) }),
      this.#emit("response.function_call_arguments.delta", { ...place, delta: args }),
      this.#emit("response.function_call_arguments.done", { ...place, arguments: args }),
      this.#emit("response.output_item.done", { output_index, item })
    ]
  }
}

/** What the request said: the model, the response it continues from, the conversation it named. */
export interface Options extends Pick<Response.Head, "model" | "previous" | "conversation" | "said"> {
  /** Whether it asked for events that the protocol does not have. */
  readonly events?: boolean
}

export const open = (options: Options): Encoder => new ResponseEncoder(options)

/** The same response without a stream. */
export const fold = (options: Options): Folding => {
  const encoder = new ResponseEncoder(options)
  return {
    step: (envelope) => void encoder.step(envelope),
    reopen: (answered) => void encoder.reopen(answered),
    reply: () => ({ status: 200, body: encoder.whole }),
    get isDetached() {
      return encoder.isDetached
    }
  }
}

/** Only the frames with a `sequence_number` above `after`, for a client that reconnects. */
export const openAfter = (options: Options, after: number): Encoder => {
  const encoder = open(options)
  let sent = -1
  const unseen = (frames: Frames): Frames => frames.filter(() => (sent += 1) > after)
  return {
    step: (envelope) => unseen(encoder.step(envelope)),
    finish: () => unseen(encoder.finish()),
    reopen: (answered) => {
      sent = -1
      return unseen(encoder.reopen(answered))
    },
    get isDetached() {
      return encoder.isDetached
    }
  }
}
