/**
 * A captured stream as frames with line numbers: Server-Sent Events, or one JSON value a line. Takes the text piece by
 * piece, keeps one frame in memory, and says which lines are neither.
 */
import * as Option from "effect/Option"
import { type Captured, isJson, parseJson, quote } from "./Reader.ts"

/** What a line of the capture is. `line` counts from 1; a frame has the line of its data. */
export type Item =
  | { readonly _tag: "Frame"; readonly line: number; readonly frame: Captured }
  | { readonly _tag: "Fault"; readonly line: number; readonly rule: keyof typeof rules; readonly found: string }

export const rules = {
  "sse-line":
    "A line of an event stream is a field (`data`, `event`, `id`, `retry`), a comment that begins with `:`, or blank",
  "sse-data": "A client drops a frame without `data`",
  "sse-end": "A blank line ends a frame; a client drops one that has none",
  json: "A frame carries one JSON value",
  "line-length": "A line is at most 16 MiB long, or readers give up"
}

/** Why a text is not a capture. */
export type Unreadable = "empty" | "binary" | "neither" | "not-json-lines"

/** The number of characters of the first line from which the format is detected. */
const telling = 4096

/** The longest line, in characters, that is held in memory. */
export const longest = 16 * 1024 * 1024

const field = /^(data|event|id|retry)(:|$)/
/** What cannot occur in a line of text: `NUL`, and what a decoder writes for bytes that are not UTF-8. */
const isBinary = (line: string): boolean => line.includes("\0") || line.includes("\ufffd")

export class Capture {
  #format: "sse" | "lines" | undefined
  #line = 0
  #rest = ""
  #isCut = false
  #afterReturn = false
  // The frame that is being read.
  #data: string | undefined
  #dataLine = 0
  #event: string | undefined
  #id: string | undefined
  /** Why the text is not a capture; nothing more is read then. Absent: it is one so far. */
  unreadable: Unreadable | undefined

  /** How many lines were read. */
  get lines(): number {
    return this.#line
  }

  /** The frames that this piece of the text completes. */
  push(piece: string): ReadonlyArray<Item> {
    const items: Array<Item> = []
    let from = 0
    // A line that ends with CRLF may be cut between the two.
    if (this.#afterReturn && piece.startsWith("\n")) from = 1
    if (piece !== "") this.#afterReturn = false
    // Looked for once each, and not again for every line.
    let feed = piece.indexOf("\n", from)
    let carriage = piece.indexOf("\r", from)
    while (this.unreadable === undefined) {
      if (feed !== -1 && feed < from) feed = piece.indexOf("\n", from)
      if (carriage !== -1 && carriage < from) carriage = piece.indexOf("\r", from)
      const end = feed === -1 || (carriage !== -1 && carriage < feed) ? carriage : feed
      if (end === -1) break
      this.#take(piece.slice(from, end), items)
      const isReturn = piece.charAt(end) === "\r"
      if (isReturn && end + 1 === piece.length) this.#afterReturn = true
      from = isReturn && piece.charAt(end + 1) === "\n" ? end + 2 : end + 1
    }
    if (this.unreadable === undefined) this.#hold(piece.slice(from), items)
    return items
  }

  /** The text has ended. */
  end(): ReadonlyArray<Item> {
    const items: Array<Item> = []
    if (this.#rest !== "") this.#take("", items)
    if (this.unreadable !== undefined) return items
    if (this.#format === undefined) this.unreadable = "empty"
    const line = this.#dataLine
    if (this.#data === undefined) return items
    this.#dispatch(items)
    items.push({ _tag: "Fault", line, rule: "sse-end", found: "the last frame has no blank line after it" })
    return items
  }

  #hold(text: string, items: Array<Item>): void {
    if (this.#isCut) return
    this.#rest += text
    if (this.#format === undefined && this.#rest.length > telling && formatOf(this.#rest) === undefined) {
      this.unreadable = isBinary(this.#rest) ? "binary" : "neither"
      return
    }
    if (this.#rest.length <= longest) return
    this.#rest = ""
    this.#isCut = true
    items.push({
      _tag: "Fault",
      line: this.#line + 1,
      rule: "line-length",
      found: `the line is longer than ${longest} characters`
    })
  }

  #take(end: string, items: Array<Item>): void {
    const line = this.#rest + end
    this.#rest = ""
    this.#line += 1
    if (this.#isCut) {
      this.#isCut = false
      return
    }
    this.#read(this.#line === 1 && line.startsWith("\ufeff") ? line.slice(1) : line, items)
  }

  #read(line: string, items: Array<Item>): void {
    if (this.#format === undefined) {
      if (line.trim() === "") return
      this.#format = formatOf(line)
      if (this.#format === undefined) {
        this.unreadable = isBinary(line) ? "binary" : "neither"
        return
      }
      if (this.#format === "lines" && line.trim() !== "[DONE]" && !isJson(line)) {
        this.unreadable = "not-json-lines"
        return
      }
    }
    if (this.#format === "sse") this.#readField(line, items)
    else if (line.trim() !== "") this.#frame(line.trim(), this.#line, items)
  }

  #readField(line: string, items: Array<Item>): void {
    if (line === "") return this.#dispatch(items)
    if (line.startsWith(":")) return
    const colon = line.indexOf(":")
    const name = colon === -1 ? line : line.slice(0, colon)
    const raw = colon === -1 ? "" : line.slice(colon + 1)
    const value = raw.startsWith(" ") ? raw.slice(1) : raw
    switch (name) {
      case "data":
        if (this.#data === undefined) this.#dataLine = this.#line
        this.#data = this.#data === undefined ? value : `${this.#data}\n${value}`
        return
      case "event":
        this.#event = value
        return
      case "id":
        this.#id = value
        return
      case "retry":
        return
      default:
        items.push({
          _tag: "Fault",
          line: this.#line,
          rule: "sse-line",
          found: "the line is not a field of an event stream"
        })
    }
  }

  #dispatch(items: Array<Item>): void {
    const data = this.#data
    const event = this.#event
    if (data !== undefined) this.#frame(data, this.#dataLine, items)
    else if (event !== undefined)
      items.push({
        _tag: "Fault",
        line: this.#line,
        rule: "sse-data",
        found: `the frame ${quote(event)} has no data`
      })
    this.#data = undefined
    this.#event = undefined
    this.#id = undefined
  }

  #frame(data: string, line: number, items: Array<Item>): void {
    const parsed = data === "[DONE]" ? Option.none() : parseJson(data)
    if (Option.isNone(parsed) && data !== "[DONE]") {
      items.push({ _tag: "Fault", line, rule: "json", found: "the frame is not JSON" })
      return
    }
    items.push({
      _tag: "Frame",
      line,
      frame: {
        data,
        isSse: this.#format === "sse",
        ...(Option.isSome(parsed) ? { value: parsed.value } : {}),
        ...(this.#event === undefined ? {} : { event: this.#event }),
        ...(this.#id === undefined ? {} : { id: this.#id })
      }
    })
  }
}

const formatOf = (line: string): "sse" | "lines" | undefined => {
  if (line.startsWith(":") || field.test(line)) return "sse"
  const start = line.trimStart()
  return start.startsWith("{") || start.startsWith("[DONE]") ? "lines" : undefined
}
