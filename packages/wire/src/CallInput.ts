/**
 * The input of calls that an answer has shown while the model wrote it, until the calls are announced. An encoder keeps
 * with each what it needs to go on with it, such as the index of its block.
 *
 * Input that no call takes up is left over: its step was retracted, or ended without the call. It is JSON that ends
 * anywhere; `closing` makes it a whole value, so that clients which parse what they were sent do not fail at it.
 */
import type { Envelope, Event, Events, Json } from "@reins/protocol"
import { AgentPath } from "@reins/protocol"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { CallId } from "./Ids.ts"

/**
 * What was shown of one call. `id`: the call's in the answer.
 *
 * @since 0.1.0
 * @category models
 */
export interface Shown<A> {
  readonly id: string
  readonly name: string
  readonly agent: string
  readonly place: A
  text: string
}

/**
 * Mutable; owned by one encoder.
 *
 * @since 0.1.0
 * @category models
 */
export class CallInputs<A> {
  readonly #shown = new Map<string, Shown<A>>()

  get isEmpty(): boolean {
    return this.#shown.size === 0
  }

  /** What was shown of the event's call before it; `undefined` where it is the first. */
  find(path: AgentPath.AgentPath, event: Events.ToolInputDelta): Shown<A> | undefined {
    return this.#shown.get(CallId.make(path, event.toolInvocationId))
  }

  /** The first input of a call. */
  begin(path: AgentPath.AgentPath, event: Events.ToolInputDelta, place: A): Shown<A> {
    const id = CallId.make(path, event.toolInvocationId)
    const shown = { id, name: event.toolName, agent: AgentPath.key(path), place, text: "" }
    this.#shown.set(id, shown)
    return shown
  }

  /** What was shown of a call that is announced; nothing more comes of it. */
  take(path: AgentPath.AgentPath, toolInvocationId: string): Shown<A> | undefined {
    if (this.isEmpty) return undefined
    const id = CallId.make(path, toolInvocationId)
    const shown = this.#shown.get(id)
    this.#shown.delete(id)
    return shown
  }

  /** What was shown of an agent's calls that will not come. */
  drop(path: AgentPath.AgentPath): ReadonlyArray<Shown<A>> {
    if (this.isEmpty) return []
    const agent = AgentPath.key(path)
    const left = [...this.#shown.values()].filter((shown) => shown.agent === agent)
    for (const { id } of left) this.#shown.delete(id)
    return left
  }

  /**
   * What the event leaves without its call, for protocols that cannot take anything back. `isCut`: the answer ends there,
   * as answers in these protocols may.
   */
  leftBy({ agentPath, event }: Envelope.Envelope): {
    readonly isCut: boolean
    readonly calls: ReadonlyArray<Shown<A>>
  } {
    if (this.isEmpty) return nothing
    switch (event.type) {
      case "step-start":
      case "step-retracted":
      case "message-received":
      case "late-result":
        return { isCut: false, calls: this.drop(agentPath) }
      case "finish": {
        const calls = [...this.#shown.values()]
        this.#shown.clear()
        return { isCut: cut.has(event.finishReason), calls }
      }
      default:
        return nothing
    }
  }
}

/**
 * For protocols whose parts follow each other: what comes while a call is being written waits until that is whole.
 * Mutable; owned by one encoder.
 *
 * @since 0.1.0
 * @category models
 */
export class InTurn {
  #waiting: Array<Envelope.Envelope> = []

  /** The frames that the event makes, and those of events that have waited. `writing`: the call that is being written. */
  take<A>(
    envelope: Envelope.Envelope,
    writing: () => Shown<unknown> | undefined,
    frames: (envelope: Envelope.Envelope) => ReadonlyArray<A>
  ): ReadonlyArray<A> {
    const { agentPath, event } = envelope
    const current = writing()
    const isNext =
      current === undefined ||
      event.type === "finish" ||
      event.type === "error" ||
      (isOfCall(event) && CallId.make(agentPath, event.toolInvocationId) === current.id) ||
      isWhole(current.text)
    if (!isNext) {
      this.#waiting.push(envelope)
      return []
    }
    const made = frames(envelope)
    if (this.#waiting.length === 0) return made
    const next = writing()
    if (next !== undefined && !isWhole(next.text)) return made
    const held = this.#waiting
    this.#waiting = []
    return [...made, ...held.flatMap((one) => this.take(one, writing, frames))]
  }

  /** Forgets what waits, as the answer has ended. */
  clear(): void {
    this.#waiting = []
  }
}

const isOfCall = (event: Event): event is Events.ToolInputDelta | Events.ToolCall =>
  event.type === "tool-input-delta" || (event.type === "tool-invocation" && event.state === "call")

const nothing = { isCut: false, calls: [] }

const cut: ReadonlySet<Events.FinishReason> = new Set(["length", "content-filter", "budget", "repeated-calls"])

/**
 * What is still to be shown of a call's arguments: all of them where the input was empty, since providers may write
 * nothing of a call before they make it.
 *
 * @since 0.1.0
 * @category operations
 */
export const rest = (text: string, args: Json): string => (text.trim() === "" ? JSON.stringify(args) : "")

/**
 * What is sent behind the input of a call that will not come, so that what a client has is JSON.
 *
 * @since 0.1.0
 * @category operations
 */
export const closing = (text: string): string => (text.trim() === "" ? "{}" : closingOf(text))

const asJson = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Json))

/**
 * Whether the text is a whole JSON value, so that nothing more of it can come.
 *
 * @since 0.1.0
 * @category guards
 */
export const isWhole = (text: string): boolean => Option.isSome(asJson(text))

/**
 * The end of an answer that has sent the beginning of a call that will not come, in a protocol that cannot take it
 * back: otherwise its client would run what it has.
 *
 * @since 0.1.0
 * @category operations
 */
export const brokenOff = (name: string): Events.ErrorEvent["error"] => ({
  code: "E_CALL_BROKEN_OFF",
  message: `The model broke off within a call of ${JSON.stringify(name)} that had begun, and answers anew. Ask again: the run goes on`
})

/** What a place in the text needs next: a member's name, its colon, a value, or an end. */
type Wants = "name" | "colon" | "value" | "end"

/** The shortest text that makes `text`, the beginning of a JSON value, a whole one. */
const closingOf = (text: string): string => {
  const open: Array<"{" | "["> = []
  let wants: Wants = "value"
  let isFirst = false
  let at = 0
  const isName = () => wants === "name"
  while (at < text.length) {
    const sign = text[at] ?? ""
    const token =
      /^(?:"(?:[^"\\]|\\(?:u[\da-f]{4}|[^u]))*"|-?\d[\d.eE+-]*|[a-z]+|\s+|[^])/iu.exec(text.slice(at))?.[0] ?? sign
    at += token.length
    if (token.trim() === "") continue
    const isWhole = at < text.length
    switch (sign) {
      case "{":
      case "[":
        open.push(sign)
        wants = sign === "{" ? "name" : "value"
        isFirst = true
        continue
      case "}":
      case "]":
        open.pop()
        wants = "end"
        break
      case ":":
        wants = "value"
        break
      case ",":
        wants = open.at(-1) === "{" ? "name" : "value"
        break
      case '"':
        if (token === '"') return ended(ofString(text.slice(at)), open, isName() ? "colon" : "end")
        wants = isName() ? "colon" : "end"
        break
      default:
        if (!isWhole) return ended(ofPrimitive(token), open, "end")
        wants = "end"
    }
    isFirst = false
  }
  return ended("", open, isFirst ? "end" : wants)
}

const needed: { readonly [W in Wants]: string } = { name: '"":null', colon: ":null", value: "null", end: "" }

const ended = (begun: string, open: ReadonlyArray<"{" | "[">, wants: Wants): string =>
  begun +
  needed[wants] +
  open
    .toReversed()
    .map((sign) => (sign === "{" ? "}" : "]"))
    .join("")

/** The end of a string of which this is written, within an escape perhaps. */
const ofString = (written: string): string => {
  const [escape] = /\\(?:u[\da-f]{0,3})?$/i.exec(written.replaceAll(/\\(?:u[\da-f]{4}|[^u])/gi, "--")) ?? []
  if (escape === undefined) return '"'
  return escape === "\\" ? '\\"' : `${"0".repeat(6 - escape.length)}"`
}

const ofPrimitive = (token: string): string => {
  const word = ["true", "false", "null"].find((one) => one.startsWith(token))
  if (word !== undefined) return word.slice(token.length)
  return /\d$/.test(token) ? "" : "0"
}
