/**
 * Checks a captured stream of any dialect while it is read (`Checker`), or as a whole (`checkText`, `checkStream`): its
 * lines, its frames, the order and the form of what they say. The dialect is named, or detected from its frames. Memory
 * grows with the number of calls and parts that are open or were used, and not with the stream.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { protocol as a2a } from "./A2a.ts"
import { protocol as aap } from "./Aap.ts"
import { protocol as acp } from "./Acp.ts"
import { protocol as agUi } from "./AgUi.ts"
import { protocol as aiSdk } from "./AiSdk.ts"
import { protocol as anthropic } from "./Anthropic.ts"
import { Capture, type Item, rules as captureRules, type Unreadable } from "./Capture.ts"
import { protocol as kai } from "./Kai.ts"
import { protocol as karta } from "./Karta.ts"
import { protocol as native } from "./Native.ts"
import { protocol as openAiChat } from "./OpenAiChat.ts"
import { protocol as openAiResponses } from "./OpenAiResponses.ts"
import type { Captured, Notes, Protocol, Reader } from "./Reader.ts"
import { protocol as steerable } from "./Steerable.ts"

const protocols = {
  a2a,
  aap,
  acp,
  "ag-ui": agUi,
  "ai-sdk": aiSdk,
  anthropic,
  kai,
  karta,
  native,
  "openai-chat": openAiChat,
  "openai-responses": openAiResponses,
  steerable
}

/**
 * The name of a dialect, as in the path of its entry.
 *
 * @since 0.1.0
 * @category models
 */
export type Name = keyof typeof protocols

const byName: { readonly [N in Name]: Protocol } = protocols

/**
 * True for the name of a dialect that can be checked.
 *
 * @since 0.1.0
 * @category guards
 */
export const isName = (name: string): name is Name => Object.hasOwn(protocols, name)

/**
 * The names of all dialects that can be checked.
 *
 * @since 0.1.0
 * @category constants
 */
export const names: ReadonlyArray<Name> = Object.keys(protocols).filter(isName)

/** The dialect that this frame is a sign of. */
const signOf = (frame: Captured): Protocol | undefined =>
  names.map((name) => byName[name]).find((protocol) => protocol.isSign(frame))

/**
 * A broken rule.
 *
 * @since 0.1.0
 * @category models
 */
export interface Violation {
  /** Counts from 1. For a frame that is missing: the last line that was read. */
  readonly line: number
  /** The id of the rule. Ids are stable within a dialect. */
  readonly rule: string
  /** What is wrong. Names and ids, and never texts, arguments or results. */
  readonly found: string
  /** What the protocol says. */
  readonly says: string
}

/**
 * Why a text cannot be checked: it has no frame, it is not text, it is neither SSE nor JSON, its first line is not a
 * whole JSON value, or nothing tells its dialect.
 *
 * @since 0.1.0
 * @category models
 */
export type Trouble = Unreadable | "unknown-dialect"

/**
 * What is known of the stream besides its frames.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** Absent: it is detected from the frames. */
  readonly dialect?: Name | undefined
  /** The stream continues an earlier answer that is not checked with it. Absent: it does not. */
  readonly continues?: boolean | undefined
  /** Gets what a client would have understood. Absent: nothing is kept. */
  readonly heard?: Pick<Notes, "text" | "result"> | undefined
}

/** After so many frames without a sign the dialect counts as unknown. */
const mostUnsigned = 200

const silent: Pick<Notes, "text" | "result"> = { text: () => undefined, result: () => undefined }

/**
 * Reads one conversation, as a rule of one answer. Mutable; owned by one reader.
 *
 * @since 0.1.0
 * @category models
 */
export class Checker {
  readonly #options: Options
  #capture = new Capture()
  #protocol: Protocol | undefined
  #reader: Reader | undefined
  /** Frames that came before the dialect was known. */
  #unsigned: Array<Item> = []
  #found: Array<Violation> = []
  #line = 0
  #frames = 0
  #trouble: Trouble | undefined

  constructor(options: Options = {}) {
    this.#options = options
    if (options.dialect !== undefined) this.#start(byName[options.dialect])
  }

  /** The dialect that was given or recognized; absent: not yet known. */
  get dialect(): Name | undefined {
    return names.find((name) => name === this.#protocol?.name)
  }

  /** Frames that were read so far. */
  get frames(): number {
    return this.#frames
  }

  /** Why the text cannot be checked; absent: it can. Known at the end at the latest. */
  get trouble(): Trouble | undefined {
    return this.#capture.unreadable ?? this.#trouble
  }

  /** See `Reader.isWaiting`. */
  get isWaiting(): boolean {
    return this.#reader?.isWaiting ?? false
  }

  /** Reads a piece of the text, which may end anywhere, and returns the violations that it shows. */
  push(piece: string): ReadonlyArray<Violation> {
    return this.#all(this.#capture.push(piece))
  }

  /** The answer has ended. What is pushed next is the next answer of the same conversation. */
  end(): ReadonlyArray<Violation> {
    const found = [...this.#all(this.#capture.end())]
    if (this.#protocol === undefined && this.trouble === undefined) this.#trouble = "unknown-dialect"
    if (this.trouble !== undefined) return found
    this.#line = Math.max(this.#line, 1)
    this.#reader?.end()
    this.#capture = new Capture()
    return [...found, ...this.#taken()]
  }

  #all(items: ReadonlyArray<Item>): ReadonlyArray<Violation> {
    if (this.#trouble !== undefined) return []
    for (const item of items) this.#take(item)
    return this.#taken()
  }

  #taken(): ReadonlyArray<Violation> {
    const found = this.#found
    if (found.length > 0) this.#found = []
    return found
  }

  #take(item: Item): void {
    if (this.#protocol === undefined) {
      this.#unsigned.push(item)
      const protocol = item._tag === "Frame" ? signOf(item.frame) : undefined
      if (protocol !== undefined) this.#start(protocol)
      else if (this.#unsigned.length >= mostUnsigned) this.#trouble = "unknown-dialect"
      return
    }
    this.#line = item.line
    if (item._tag === "Fault") {
      this.#found.push({ line: item.line, rule: item.rule, found: item.found, says: captureRules[item.rule] })
      return
    }
    this.#frames += 1
    this.#reader?.read(item.frame)
  }

  #start(protocol: Protocol): void {
    this.#protocol = protocol
    const { heard = silent, continues = false } = this.#options
    this.#reader = protocol.open({
      continues,
      text: heard.text,
      result: heard.result,
      fault: (rule, found) => {
        this.#found.push({ line: this.#line, rule, found, says: protocol.rules[rule] ?? rule })
      }
    })
    const held = this.#unsigned
    this.#unsigned = []
    for (const item of held) this.#take(item)
  }
}

/**
 * What a check found.
 *
 * @since 0.1.0
 * @category models
 */
export interface Report {
  /** Absent: it was not given, and nothing tells it. */
  readonly dialect: Name | undefined
  readonly frames: number
  /** In the order of the lines. Empty, and no `trouble`: the stream is as its protocol says. */
  readonly violations: ReadonlyArray<Violation>
  /** Why it could not be checked; absent: it was. */
  readonly trouble?: Trouble
}

const reportOf = (checker: Checker, violations: ReadonlyArray<Violation>): Report => ({
  dialect: checker.dialect,
  frames: checker.frames,
  violations,
  ...(checker.trouble === undefined ? {} : { trouble: checker.trouble })
})

/**
 * Checks a captured text: the body of a response as SSE or as JSON lines.
 *
 * @since 0.1.0
 * @category operations
 */
export const checkText = (text: string, options: Options = {}): Report => {
  const checker = new Checker(options)
  return reportOf(checker, [...checker.push(text), ...checker.end()])
}

/**
 * Checks a stream of text while it is read, and returns all violations at its end. Of a stream of bytes, pass
 * `Stream.decodeText(bytes)`.
 *
 * @since 0.1.0
 * @category operations
 */
export const checkStream = <E, R>(
  text: Stream.Stream<string, E, R>,
  options: Options = {}
): Effect.Effect<Report, E, R> =>
  Effect.suspend(() => {
    const checker = new Checker(options)
    const violations: Array<Violation> = []
    return Stream.runForEach(text, (piece) =>
      Effect.sync(() => {
        violations.push(...checker.push(piece))
      })
    ).pipe(Effect.map(() => reportOf(checker, [...violations, ...checker.end()])))
  })
