/**
 * A model's answer while it arrives: converts the parts of one attempt to events, and collects the assistant's content,
 * its calls and its usage.
 *
 * Plain code without effects, since every delta passes here. `flaw` says why an answer is unusable; `Attempt` converts
 * it to a failure.
 */
import { Event, type Json, type Message, type Usage } from "@reins/protocol"
import type { ModelPart, PartMetadata, StopReason } from "../model/Model.ts"
import * as ReceivedPart from "../model/ReceivedPart.ts"
import type { AgentState } from "../run/AgentState.ts"
import { CallInputs } from "./CallInput.ts"

type Increment = Extract<ModelPart, { readonly type: "text" | "reasoning" }>

/** A growing text or reasoning part. `at`: its index in the content, if it was closed before. */
interface OpenPart {
  readonly type: "text" | "reasoning"
  readonly key: string | undefined
  /** The part of its events: absent for the answer's first of its type, and while it is empty. */
  part: string | undefined
  text: string
  metadata: PartMetadata | undefined
  at?: number
  /** The high surrogate of a character that a provider has split. */
  half?: string | undefined
}

/** The text, reasoning and usage of an answer so far. One per attempt. */
export class Answer {
  declare readonly content: Array<Message.AssistantPart>
  declare readonly calls: Array<Message.CallPart>
  /** Absent until the model has finished. */
  declare stop: StopReason | undefined
  /** The stop sequence that ended it, if the provider names it. */
  declare stopSequence: string | undefined
  declare usage: Usage.Usage | undefined
  declare responseModel: string | undefined
  /** The provider's id of the response; absent: it has not said. */
  declare responseId: string | undefined
  /** Called with that id when the provider says it; absent: nobody needs it before the answer ends. */
  declare identified: ((id: string) => void) | undefined
  /** Why this answer is unusable; absent while it is valid. */
  declare flaw: string | undefined
  /** Characters of text and of reasoning, for estimates. */
  declare said: number
  declare reasoned: number
  declare hasText: boolean
  /** Whether the provider gave a result of a call that it ran itself. */
  declare hasResults: boolean
  /** Whether the model made files; those of its reasoning do not count. */
  declare files: Array<Message.FilePart> | undefined
  /** The input of its calls while they are written; absent where there was none, or it is not shown. */
  declare inputs: CallInputs | undefined
  /** The events of its sources, where hooks see the answer before it counts; absent: none, or there are no hooks. */
  declare sources: Array<Event> | undefined
  /** How many texts and reasonings are not empty. */
  declare private texts: number
  declare private reasonings: number
  declare private hasSources: boolean
  declare private parts: number
  declare private open: OpenPart | undefined
  /** The index in `content` of each part with a key. */
  declare private keyed: Map<string, OpenPart> | undefined

  declare private readonly caller: AgentState | undefined
  declare private readonly warn: (message: string) => Event | undefined

  /**
   * `warn`: makes the event of a provider's warning, if it has to be reported. `caller`: the agent whose calls are shown
   * while they are written; absent: they are not.
   */
  constructor(warn: (message: string) => Event | undefined, caller: AgentState | undefined) {
    this.content = []
    this.calls = []
    this.stop = undefined
    this.stopSequence = undefined
    this.usage = undefined
    this.responseModel = undefined
    this.responseId = undefined
    this.identified = undefined
    this.flaw = undefined
    this.said = 0
    this.reasoned = 0
    this.hasText = false
    this.hasResults = false
    this.files = undefined
    this.inputs = undefined
    this.sources = undefined
    this.texts = 0
    this.reasonings = 0
    this.hasSources = false
    this.parts = 0
    this.open = undefined
    this.keyed = undefined
    this.warn = warn
    this.caller = caller
  }

  /** True while it said nothing: then it may be sent again. The input of a call that was not made says nothing. */
  get isSilent(): boolean {
    return this.said === 0 && this.reasoned === 0
  }

  /** True while none of it is in the log: otherwise the step is retracted before it is sent again. */
  get isUnseen(): boolean {
    return this.isSilent && !this.hasSources && this.inputs === undefined
  }

  /** True while the model has put out nothing that a provider charges for. */
  get isIdle(): boolean {
    return this.isSilent && this.calls.length === 0 && (this.inputs === undefined || this.inputs.said === 0)
  }

  /** True when the attempt had no parts. */
  get isEmpty(): boolean {
    return this.parts === 0
  }

  /** Takes parts in order; returns the events to stream. */
  take(parts: ReadonlyArray<ModelPart>): ReadonlyArray<Event> {
    const events: Array<Event> = []
    if (!Array.isArray(parts)) this.flaw ??= "it emitted parts that are not an array"
    else for (const part of parts) this.takeOne(part, events)
    return events
  }

  private takeOne(handed: ModelPart, events: Array<Event>): void {
    this.parts++
    const part = ReceivedPart.isPlain(handed) ? handed : this.received(handed, events)
    if (part === undefined) return
    if (this.stop !== undefined && part.type !== "usage" && part.type !== "response" && part.type !== "warning") {
      this.flaw ??= part.type === "finish" ? "it finished twice" : "it continued after its finish"
      return
    }
    switch (part.type) {
      case "text": {
        const text = this.grow(part)
        if (text !== "") {
          events.push(Event.text(text, this.open?.part))
          this.said += text.length
          this.hasText = true
        }
        break
      }
      case "reasoning": {
        const text = this.grow(part)
        if (text !== "") {
          events.push(Event.reasoning(text, this.open?.part))
          this.reasoned += text.length
        }
        break
      }
      case "warning": {
        const warning = this.warn(part.message)
        if (warning !== undefined) events.push(warning)
        break
      }
      case "tool-input": {
        if (this.caller === undefined) break
        this.inputs ??= new CallInputs(this.caller)
        const event = this.inputs.take(part, (id) => this.hasCall(id))
        if (event !== undefined) events.push(event)
        break
      }
      case "source":
        this.hasSources = true
        events.push(Event.source(part.source))
        break
      default:
        this.close()
        this.takeWhole(part)
    }
  }

  /** The validated part; `undefined` if it is left out or makes the answer unusable. */
  private received(handed: ModelPart, events: Array<Event>): ModelPart | undefined {
    const part = ReceivedPart.read(handed, (message) => {
      const warning = this.warn(message)
      if (warning !== undefined) events.push(warning)
    })
    if (!(part instanceof ReceivedPart.Flaw)) return part
    this.flaw ??= `it ${part.clause}`
    return undefined
  }

  /** Takes what hooks have made of its content. Ids under which input was shown are not used again. */
  rewrite(content: ReadonlyArray<Message.AssistantPart>): void {
    const before = new Set<Message.AssistantPart>(this.content)
    const files = new Set<Message.AssistantPart>(this.files ?? [])
    this.content.splice(0, this.content.length, ...content)
    this.calls.splice(0, this.calls.length, ...content.filter((part) => part.type === "tool-call"))
    this.hasResults = content.some(({ type }) => type === "tool-result")
    // Files of the reasoning do not count.
    const made = content.filter((part) => part.type === "file").filter((file) => !before.has(file) || files.has(file))
    this.files = made.length === 0 ? undefined : made
    if (this.inputs !== undefined) this.caller?.leave(this.inputs.ids)
    this.inputs = undefined
  }

  /** The last open text or reasoning is complete, unless more of it comes under its key. */
  close(): void {
    const open = this.open
    if (open === undefined) return
    this.open = undefined
    if (open.text === "" && open.metadata === undefined) return
    const part = {
      type: open.type,
      text: open.text,
      ...(open.metadata === undefined ? {} : { metadata: open.metadata })
    }
    if (open.at === undefined) open.at = this.content.push(part) - 1
    else this.content[open.at] = part
  }

  /**
   * Adds to the open part; returns what is added. Half of a character waits for the other half, and is dropped without
   * it.
   */
  private grow({ metadata, part: key, text, type }: Increment): string {
    let open = this.open
    if (open === undefined || open.type !== type || open.key !== key) {
      this.close()
      open = (key === undefined ? undefined : this.keyed?.get(type + key)) ?? {
        type,
        key,
        part: undefined,
        text: "",
        metadata: undefined
      }
      this.open = open
      if (key !== undefined) (this.keyed ??= new Map()).set(type + key, open)
    }
    let whole = text
    if (open.half !== undefined || !text.isWellFormed()) {
      whole = (open.half ?? "") + text
      open.half = /[\ud800-\udbff]$/.exec(whole)?.[0]
      whole = (open.half === undefined ? whole : whole.slice(0, -1)).toWellFormed()
    }
    if (open.text === "" && whole !== "") {
      const place = type === "text" ? ++this.texts : ++this.reasonings
      if (place > 1) open.part = `${place}`
    }
    open.text += whole
    if (metadata !== undefined) open.metadata = { ...open.metadata, ...metadata }
    return whole
  }

  /** The id, with a number appended if it is taken: several calls of an answer may have one id, and all of them run. */
  private unused(id: string): string {
    let unused = id
    for (let count = 2; this.hasCall(unused) || this.inputs?.ids.has(unused) === true; count++)
      unused = `${id}_${count}`
    return unused
  }

  private hasCall(id: string): boolean {
    for (const call of this.calls) if (call.id === id) return true
    return false
  }

  private takeWhole(
    part: Exclude<ModelPart, { type: "text" | "reasoning" | "warning" | "tool-input" | "source" }>
  ): void {
    switch (part.type) {
      case "tool-call": {
        const call: Message.CallPart = {
          type: "tool-call",
          id: this.inputs?.close(part) ?? this.unused(part.id.toWellFormed()),
          name: part.name.toWellFormed(),
          args: part.args,
          ...(part.execution === undefined ? {} : { execution: part.execution }),
          ...metadataOf(part.metadata)
        }
        this.calls.push(call)
        this.content.push(call)
        return
      }
      case "tool-result":
        this.hasResults = true
        this.content.push({
          type: "tool-result",
          id: (this.inputs?.resultId(part.id) ?? part.id).toWellFormed(),
          name: part.name.toWellFormed(),
          result: part.result,
          ...(part.isFailure === true ? { status: "failed" as const } : {}),
          ...metadataOf(part.metadata)
        })
        return
      case "file": {
        const file: Message.FilePart = {
          type: "file",
          mediaType: part.mediaType,
          data: part.data,
          ...metadataOf(part.metadata)
        }
        this.content.push(file)
        if (part.purpose !== "reasoning") (this.files ??= []).push(file)
        return
      }
      case "response":
        if (part.model !== undefined) this.responseModel = part.model
        if (part.id !== undefined && part.id !== "" && part.id !== this.responseId) {
          this.responseId = part.id
          this.identified?.(part.id)
        }
        return
      case "usage":
        this.usage = part.usage
        return
      case "finish":
        this.stop = part.reason
        this.stopSequence = part.stopSequence
        if (part.usage !== undefined) this.usage = part.usage
        return
    }
  }
}

const metadataOf = (metadata: PartMetadata | undefined): { readonly metadata?: { readonly [key: string]: Json } } =>
  metadata === undefined ? {} : { metadata }
