/**
 * A run as a Responses stream.
 *
 * **Carries** the root's text and reasoning as items, sources as annotations of their text, our tools and specialists as
 * `mcp_call` items, client calls and calls that ask a person as `function_call` (with their arguments while they are
 * written), other questions as `mcp_approval_request`, usage, errors.
 *
 * **Reorders**: what comes while a call is written waits until that is whole, since items follow each other. A call of ours is sent with its result, since the client rejects an item that is open at a pause.
 * Files, plans, budgets, custom events, specialists' usage and both summaries are held for `reins_events` (cost and
 * time for `metadata`) of the closing response: an event of a foreign type breaks the official client even after the
 * end.
 *
 * **Loses** steps (a retracted one's text stays; where it had begun a call of the client's, the response fails, since
 * clients would run what they have), the input of our tools, progress, decisions (except for the call they led to), and what
 * specialists do below the root. Of finish reasons, `budget` and `repeated-calls` become `incomplete` with the reason
 * `max_output_tokens`; `metadata` has the reason itself. So does a conversation that is longer than the model's
 * context; content that a provider refuses is `content_filter`, and not a failure.
 *
 * The answer ends where the run waits for a person or a client tool; the next one is a response of its own.
 */
import type { AgentPath, Approval, Event, Events, Json } from "@reins/protocol"
import { Envelope } from "@reins/protocol"
import { Spending } from "../Accumulation.ts"
import { AnswerId, CallId } from "../Ids.ts"
import * as CallInput from "../CallInput.ts"
import type { Encoder } from "../Dialect.ts"
import * as Frame from "../Frame.ts"
import { Parking } from "../Parking.ts"
import * as Item from "./Item.ts"
import * as Response from "./Response.ts"

type Frames = ReadonlyArray<Frame.Frame>

export class ResponseEncoder implements Encoder {
  readonly #parking = new Parking()
  readonly #spending = new Spending()
  readonly #asked = new Map<string, string>()
  /** What specialists were asked, by their calls. */
  readonly #prompts = new Map<string, Json>()
  readonly #options: Options
  /** Client calls whose arguments are being written. */
  readonly #inputs = new CallInput.CallInputs<Item.Placed>()
  #writing: CallInput.Shown<Item.Placed> | undefined
  readonly #turn = new CallInput.InTurn()
  /** The tool of a call that will not come. */
  #broken: string | undefined
  #head: Response.Head | undefined
  #items: Array<Item.Item> = []
  /** Items of steps that were retracted: they were sent, and the whole response leaves them out. */
  readonly #retracted = new Set<Item.Item>()
  #stepFrom = 0
  #events: Array<Event> = []
  #ending: Response.Ending = {}
  #open: Item.Open | undefined
  #sequence = 0
  #made = 0
  #ended = false

  constructor(options: Options) {
    this.#options = options
  }

  get isDetached(): boolean {
    return this.#broken !== undefined || this.#parking.isParked
  }

  step(envelope: Envelope.Envelope): Frames {
    this.#parking.step(envelope)
    this.#spending.step(envelope.event)
    const { calls, isCut } = this.#inputs.leftBy(envelope)
    if (!isCut) this.#leave(calls)
    if (this.#broken !== undefined) return Frame.none
    const frames = () => this.#turn.take(envelope, this.#current, this.#frames)
    if (this.#head !== undefined) return frames()
    const { at, runId, threadId } = envelope
    this.#head = { ...this.#options, runId, threadId, at, answer: 1 }
    return [...this.#begin(), ...frames()]
  }

  /** Calls that will not come: no response has them, and a stream that has begun them fails. */
  #leave(left: ReadonlyArray<{ readonly name: string; readonly place: { readonly index: number } }>): void {
    for (const { name, place } of left) {
      if (this.#writing?.place === place) this.#writing = undefined
      const item = this.#items[place.index]
      if (item !== undefined) this.#retracted.add(item)
      if (this.#options.isWhole !== true) this.#broken ??= name
    }
  }

  finish(): Frames {
    if (this.#broken !== undefined) this.#ending = { error: CallInput.brokenOff(this.#broken) }
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
    this.#broken = undefined
    this.#writing = undefined
    this.#turn.clear()
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

  readonly #current = () => this.#writing

  readonly #frames = (envelope: Envelope.Envelope): Frames => {
    const { agentPath, event } = envelope
    if (event.type === "tool-input-delta") {
      return event.execution === "client" ? this.#write(agentPath, event) : Frame.none
    }
    if (event.type === "tool-invocation" && event.execution === "client") {
      return event.state === "call" ? this.#clientCall(agentPath, event) : Frame.none
    }
    if (!Envelope.isRootView(envelope)) return Frame.none
    switch (event.type) {
      case "text":
      case "reasoning":
        return event.text === "" ? Frame.none : this.#say(event)
      case "source":
        if (this.#open?.kind === "text") return [this.#cite(this.#open, event.data)]
        break
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

  #say({ part, text, type: kind }: Events.Text | Events.Reasoning): Frames {
    const isOpen = this.#open?.kind === kind && this.#open.part === part
    const opening = isOpen ? Frame.none : [...this.#close(), ...this.#start(kind, part)]
    const open = this.#open
    if (open === undefined) return opening
    open.text += text
    const delta =
      kind === "text"
        ? this.#emit("response.output_text.delta", { ...this.#content(open), delta: text, logprobs: [] })
        : this.#emit("response.reasoning_summary_text.delta", { ...this.#content(open), delta: text })
    return [...opening, delta]
  }

  #content({ id, index, kind }: Item.Open): object {
    const place = { item_id: id, output_index: index }
    return kind === "text" ? { ...place, content_index: 0 } : { ...place, summary_index: 0 }
  }

  #cite(open: Item.Open, source: Events.Source["data"]): Frame.Frame {
    const annotation = Item.citation(source, open.text.length)
    const annotation_index = open.annotations.push(annotation) - 1
    return this.#emit("response.output_text.annotation.added", { ...this.#content(open), annotation_index, annotation })
  }

  #start(kind: Item.Open["kind"], part: string | undefined): Frames {
    const id = this.#nextId(kind === "text" ? "msg" : "rs")
    const item = kind === "text" ? Item.message(id, "", "in_progress") : Item.reasoning(id, "")
    const open: Item.Open = { kind, part, id, index: this.#place(item), text: "", annotations: [] }
    this.#open = open
    const content =
      kind === "text" ? { type: "output_text", text: "", annotations: [] } : { type: "summary_text", text: "" }
    const added = kind === "text" ? "response.content_part.added" : "response.reasoning_summary_part.added"
    return [
      this.#emit("response.output_item.added", { output_index: open.index, item }),
      this.#emit(added, { ...this.#content(open), part: content })
    ]
  }

  #close(): Frames {
    const call = this.#writing
    this.#writing = undefined
    if (call !== undefined) {
      const rest = CallInput.closing(call.text)
      return [...this.#args(call.place, rest), ...this.#called(call.place, call.text + rest, rest !== "")]
    }
    const open = this.#open
    if (open === undefined) return Frame.none
    this.#open = undefined
    const { annotations, id, index, kind, text } = open
    const isText = kind === "text"
    const item = isText ? Item.message(id, text, "completed", annotations) : Item.reasoning(id, text)
    this.#items[index] = item
    const part = isText ? { type: "output_text", text, annotations } : { type: "summary_text", text }
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
    const { toolInvocationId: id } = event
    return this.#whole(Item.ran(this.#nextId("mcp"), event, this.#prompts.get(id), this.#asked.get(id)))
  }

  #clientCall(path: AgentPath.AgentPath, { args, toolInvocationId, toolName }: Events.ToolCall): Frames {
    const shown = this.#inputs.take(path, toolInvocationId)
    const rest = CallInput.rest(shown?.text ?? "", args)
    if (shown === undefined) {
      const closing = this.#close()
      const { opening, ...place } = this.#functionCall(CallId.make(path, toolInvocationId), toolName)
      return [...closing, ...opening, ...this.#args(place, rest), ...this.#called(place, rest)]
    }
    // Its item was closed when it was whole and something else came.
    if (shown !== this.#writing) return Frame.none
    this.#writing = undefined
    return [...this.#args(shown.place, rest), ...this.#called(shown.place, shown.text + rest)]
  }

  /** A call of the client's begins. */
  #functionCall(callId: string, name: string): Item.Placed & { readonly opening: Frames } {
    const id = this.#nextId("fc")
    const item = Item.functionCall({ id, callId, name })
    const index = this.#place(item)
    const opening = [this.#emit("response.output_item.added", { output_index: index, item })]
    return { id, callId, name, index, opening }
  }

  /** Its arguments are there, or all that there will be of them. */
  #called(place: Item.Placed, args: string, isCut = false): Frames {
    const { id, index: output_index } = place
    const item = Item.functionCall(place, args, isCut)
    this.#items[output_index] = item
    return [
      this.#emit("response.function_call_arguments.done", { item_id: id, output_index, arguments: args }),
      this.#emit("response.output_item.done", { output_index, item })
    ]
  }

  #args({ id, index }: Item.Placed, delta: string): Frames {
    if (delta === "") return Frame.none
    return [this.#emit("response.function_call_arguments.delta", { item_id: id, output_index: index, delta })]
  }

  #write(path: AgentPath.AgentPath, event: Events.ToolInputDelta): Frames {
    const before = this.#inputs.find(path, event)
    if (before !== undefined) {
      before.text += event.text
      return this.#args(before.place, event.text)
    }
    const closing = this.#close()
    const { opening, ...place } = this.#functionCall(CallId.make(path, event.toolInvocationId), event.toolName)
    this.#writing = this.#inputs.begin(path, event, place)
    this.#writing.text = event.text
    return [...closing, ...opening, ...this.#args(place, event.text)]
  }
}

/** What the request said: the model, the response it continues from, the conversation it named. */
export interface Options extends Pick<Response.Head, "model" | "previous" | "conversation" | "said"> {
  /** Whether it asked for events that the protocol does not have. */
  readonly events?: boolean
  /** Whether it is not streamed, so that nothing of it has been seen before its end. */
  readonly isWhole?: boolean
}

export const open = (options: Options): Encoder => new ResponseEncoder(options)
