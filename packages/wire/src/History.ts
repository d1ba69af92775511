/**
 * The conversation in a request: the messages of a protocol in order, converted to ours. The part after the last answer
 * is new: results of client calls, and text. Everything before is history.
 *
 * Nothing is left out: a result that names no call, or an answer at the end, is refused.
 */
import type { Json, Message } from "@reins/protocol"
import * as Result from "effect/Result"
import * as Body from "./Body.ts"
import type { Address, Command, DecisionFor, ResultFor, StartQuery } from "./Command.ts"
import * as Media from "./Media.ts"
import * as Refusal from "./Refusal.ts"

/** A result as a client sends it. `content` is shown to the model in place of `result`. */
export interface Given {
  readonly id: string
  readonly result: Json
  readonly isFailure?: boolean
  readonly content?: ReadonlyArray<Message.UserPart>
}

/** A result that a client sends as text and files. */
export const given = (id: string, parts: ReadonlyArray<Message.UserPart>, isFailure = false): Given => ({
  id,
  result: Body.jsonOr(Media.textOf(parts)),
  ...(isFailure ? { isFailure } : {}),
  ...(parts.some(({ type }) => type === "file") ? { content: parts } : {})
})

/**
 * A conversation, divided.
 *
 * **Details**
 * - `seed`: all messages before `prompt`, the new results included.
 * - `prompt`: the last user message; without parts where the conversation ends with results.
 * - `results`: the new results. `isWhole`: each of them has its call in `seed`; one without has no tool's name there.
 * - `recalls`: ids of calls of ours whose results the client did not send back; absent: none.
 * - `instructions`: what system and developer messages say; absent: nothing.
 */
export interface Divided {
  readonly seed: ReadonlyArray<Message.Message>
  readonly prompt: ReadonlyArray<Message.UserPart>
  readonly results: ReadonlyArray<ResultFor>
  readonly isWhole: boolean
  readonly recalls?: ReadonlyArray<string>
  readonly instructions?: string
}

/** Takes a request's messages in order. Mutable; made for one request. */
export class History {
  readonly #messages: Array<Message.Message> = []
  readonly #instructions: Array<string> = []
  readonly #calls = new Map<string, string>()
  #results: Array<Given> = []
  readonly #recalls: Array<string> = []
  #orphans = 0
  #refusal: Refusal.Refusal | undefined

  /** `before`: a conversation that these messages follow. Its calls may get their results now. Absent: none. */
  constructor(before: ReadonlyArray<Message.Message> = []) {
    for (const { content } of before)
      for (const part of content) if (part.type === "tool-call") this.#calls.set(part.id, part.name)
    this.#messages.push(...before)
  }

  /** The text of a system or developer message. */
  instruct(text: string): void {
    if (text.trim() !== "") this.#instructions.push(text)
  }

  user(content: ReadonlyArray<Message.UserPart>): void {
    if (content.length > 0) this.#messages.push({ role: "user", content })
  }

  /**
   * Parts of an answer. Those that follow each other are one message. What the model says has read the results before
   * it; calls alone may be part of the step that is being answered.
   */
  assistant(...parts: ReadonlyArray<Message.AssistantPart>): void {
    if (parts.length === 0) return
    if (this.#orphans > 0) this.#refuse()
    if (parts.some(({ type }) => type !== "tool-call")) this.#results = []
    for (const part of parts) if (part.type === "tool-call") this.#calls.set(part.id, part.name)
    const last = this.#messages.at(-1)
    if (last?.role === "assistant")
      this.#messages[this.#messages.length - 1] = { ...last, content: [...last.content, ...parts] }
    else this.#messages.push({ role: "assistant", content: parts })
  }

  /**
   * The result of a client call. A result without its call in the conversation counts only if it answers a waiting
   * call.
   */
  result(given: Given): void {
    this.#results.push(given)
    if (!this.ran(given, given.isFailure === true ? "failed" : undefined)) this.#orphans += 1
  }

  /** The result of a specialist's call: it answers a waiting call, and is not part of the root's conversation. */
  below(given: Given): void {
    this.#results.push(given)
  }

  /**
   * The result of one of our calls, sent back to us: it is placed after its call, even if there is a user message in
   * between. False if its call is not in the conversation.
   */
  ran({ content, id, result }: Given, status: Message.ResultPart["status"]): boolean {
    const name = this.#calls.get(id)
    const part: Message.ResultPart = {
      type: "tool-result",
      id,
      name: name ?? "",
      result,
      ...(status === undefined ? {} : { status }),
      ...(content === undefined ? {} : { content })
    }
    this.#unclose(id)
    const isCall = (one: Message.AssistantPart | Message.UserPart) => one.type === "tool-call" && one.id === id
    const at = this.#messages.findLastIndex(({ content, role }) => role === "assistant" && content.some(isCall))
    const place = at < 0 ? this.#messages.length : at + 1
    const after = this.#messages[at < 0 ? place - 1 : place]
    if (after?.role !== "tool") this.#messages.splice(place, 0, { role: "tool", content: [part] })
    else this.#messages[at < 0 ? place - 1 : place] = { role: "tool", content: this.#inOrder([...after.content, part]) }
    return name !== undefined
  }

  /** Drops what a call was closed with that had no result when it was stored. */
  #unclose(id: string): void {
    const at = this.#messages.findLastIndex(
      ({ content, role }) => role === "tool" && content.some((part) => part.id === id && isMissing(part))
    )
    const closed = this.#messages[at]
    if (closed?.role !== "tool") return
    const content = closed.content.filter((part) => part.id !== id)
    this.#messages.splice(at, 1, ...(content.length === 0 ? [] : [{ ...closed, content }]))
  }

  /** Results in the order of their calls. */
  #inOrder(results: ReadonlyArray<Message.ResultPart>): ReadonlyArray<Message.ResultPart> {
    const ids = [...this.#calls.keys()]
    return results.toSorted((one, other) => ids.indexOf(one.id) - ids.indexOf(other.id))
  }

  /** One of our calls with a result that the client did not send back: we have it. */
  recall(id: string): void {
    this.#recalls.push(id)
    this.ran({ id, result: "" }, undefined)
  }

  #refuse(): void {
    this.#refusal ??= Refusal.badRequest("A tool result must come after the call that it names")
  }

  /** What system and developer messages say; absent: nothing. */
  get instructions(): string | undefined {
    return this.#instructions.length === 0 ? undefined : this.#instructions.join("\n\n")
  }

  /** Calls of ours whose results the client did not send back. */
  get recalls(): ReadonlyArray<string> {
    return this.#recalls
  }

  /** All messages, as the beginning of a new thread. */
  all(): Result.Result<ReadonlyArray<Message.Message>, Refusal.Refusal> {
    if (this.#orphans > 0) this.#refuse()
    return this.#refusal === undefined ? Result.succeed(this.#messages) : Result.fail(this.#refusal)
  }

  /** The conversation, or why it is invalid. `isAnswer`: the request has decisions, so nothing else need be new. */
  divide(isAnswer = false): Result.Result<Divided, Refusal.Refusal> {
    if (this.#refusal !== undefined) return Result.fail(this.#refusal)
    const last = this.#messages.at(-1)
    if (!isAnswer && this.#results.length === 0 && last?.role !== "user") {
      return Result.fail(Refusal.badRequest("The last message must have role user, or answer an open call"))
    }
    const results = this.#results.map(({ id, ...rest }): ResultFor => ({ toolCallId: id, ...rest }))
    return Result.succeed({
      seed: last?.role === "user" ? this.#messages.slice(0, -1) : this.#messages,
      prompt: last?.role === "user" ? last.content : [],
      results,
      isWhole: this.#orphans === 0,
      ...(this.#recalls.length === 0 ? {} : { recalls: this.#recalls }),
      ...(this.instructions === undefined ? {} : { instructions: this.instructions })
    })
  }
}

/** Whether a call was closed with this when a conversation was stored in which it had no result. */
export const isMissing = ({ result, status }: Message.ResultPart): boolean =>
  status === "cancelled" && JSON.stringify(result) === '{"error":"cancelled"}'

/** The target of a conversation, and its other data. `start`: the other fields of a query that it starts. */
export interface Way {
  readonly address: Address
  readonly decisions?: ReadonlyArray<DecisionFor>
  readonly start: Omit<StartQuery, "_tag" | "prompt" | "seed" | "instructions" | "replies">
}

/** The query with this conversation. */
export const query = ({ instructions, prompt, seed }: Divided, start: Way["start"]): StartQuery => ({
  _tag: "StartQuery",
  prompt,
  ...start,
  ...(seed.length === 0 ? {} : { seed }),
  ...(instructions === undefined ? {} : { instructions })
})

/**
 * The command of a request with this conversation: a query, or an answer to a waiting run. If nothing waits for the
 * answer, the conversation continues from it nevertheless, if its calls are known.
 */
export const command = (divided: Divided, { address, decisions = [], start }: Way): Command => {
  const { isWhole, prompt, results } = divided
  const asked = query(divided, start)
  if (decisions.length + results.length === 0) return asked
  if (prompt.length > 0) return { ...asked, replies: { address, decisions, results } }
  const goesOn = decisions.length === 0 && (isWhole || start.continues !== undefined)
  return {
    _tag: "Answer",
    address,
    decisions,
    results,
    ...(start.settings === undefined ? {} : { settings: start.settings }),
    ...(start.echo === undefined ? {} : { echo: start.echo }),
    ...(goesOn ? { otherwise: asked } : {})
  }
}
