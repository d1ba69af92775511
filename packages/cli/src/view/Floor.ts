/**
 * Who speaks: however many agents stream at once, a paragraph of one is shown at a time, and what the others say
 * meanwhile waits. A paragraph ends at an empty line, at anything but text, and when too much is queued behind it.
 */
import { displayWidth } from "effect/cli/CliOutput"
import * as Markdown from "../text/Markdown.ts"
import * as Style from "../text/Style.ts"
import * as Text from "../text/Text.ts"

/** An agent that says something. */
export interface Speaker {
  readonly name: string
  /** Whose lines bear no name. */
  readonly isRoot: boolean
  readonly hue: Style.Colour
}

/** A line that waits to be shown. */
interface Line {
  readonly text: string
  /** Another agent may speak after it. */
  readonly ends: boolean
  /** When it came, as a number that grows. */
  readonly at: number
}

interface Voice {
  readonly speaker: Speaker
  kind: "text" | "reasoning"
  /** Its incomplete line. */
  partial: string
  markdown: Markdown.State
  waiting: Array<Line>
  /** It is between two paragraphs. */
  rests: boolean
}

/** How many lines may wait before the one who speaks is interrupted. */
const patience = 60

/** Longer lines are broken, in characters: what is said is drawn anew at each word of it. */
const longest = 2000

/** Below this width an agent's name has a line of its own. */
const narrow = 50

/** Longer names are truncated. */
const nameWidth = 14

export class Floor {
  private readonly look: () => Style.Look
  private readonly voices = new Map<Speaker, Voice>()
  private holder: Voice | undefined
  private last: Speaker | undefined
  private isBlank = true
  private came = 0

  /** `look` is called each time, since terminals change their width. */
  constructor(look: () => Style.Look) {
    this.look = look
  }

  /** Streamed text. Returns the lines that can be shown. */
  say(speaker: Speaker, kind: Voice["kind"], text: string): ReadonlyArray<string> {
    const voice = this.voice(speaker)
    if (voice.kind !== kind) this.finish(voice)
    voice.kind = kind
    const parts = (voice.partial + Text.harmless(text)).split("\n")
    const last = Text.pieces(parts.pop() ?? "", longest)
    for (const part of [...parts.flatMap((line) => Text.pieces(line, longest)), ...last.slice(0, -1)])
      this.line(voice, part)
    voice.partial = last.at(-1) ?? ""
    return this.drain()
  }

  /** Lines about an agent, which end its paragraph. */
  tell(speaker: Speaker, lines: ReadonlyArray<string>): ReadonlyArray<string> {
    const voice = this.voice(speaker)
    this.finish(voice)
    voice.waiting.push(...lines.map((text) => ({ text, ends: true, at: this.came++ })))
    return this.drain()
  }

  /** What an agent was saying is complete. */
  close(speaker: Speaker): ReadonlyArray<string> {
    this.finish(this.voice(speaker))
    return this.drain()
  }

  /** Shows everything that waits, of every agent. */
  closeAll(): ReadonlyArray<string> {
    for (const voice of this.voices.values()) this.finish(voice)
    return this.drain()
  }

  /** What is being said and is not complete. */
  pending(): ReadonlyArray<string> {
    if (this.holder === undefined || this.holder.partial === "") return []
    const { partial, speaker } = this.holder
    return this.rendered({ ...this.holder }, partial).map((line) => this.prefix(speaker) + line)
  }

  /** How wide a line of this agent may be. One column stays free, or a terminal would break a full line by itself. */
  room(speaker: Speaker): number {
    const { columns } = this.look()
    return columns === undefined ? Infinity : Math.max(8, columns - 1 - displayWidth(this.plainPrefix(speaker)))
  }

  /** The text that stands before an agent's lines. */
  prefix(speaker: Speaker): string {
    return Style.paint(this.look(), speaker.hue, this.plainPrefix(speaker))
  }

  private plainPrefix({ isRoot, name }: Speaker): string {
    if (isRoot) return ""
    const { plain } = this.look()
    if (this.isNarrow()) return "  "
    return plain ? `${name}: ` : `${Style.fit(name, nameWidth)} │ `
  }

  private isNarrow(): boolean {
    return (this.look().columns ?? Infinity) < narrow
  }

  private voice(speaker: Speaker): Voice {
    const known = this.voices.get(speaker)
    if (known !== undefined) return known
    const made: Voice = { speaker, kind: "text", partial: "", markdown: Markdown.start, waiting: [], rests: true }
    this.voices.set(speaker, made)
    return made
  }

  private finish(voice: Voice): void {
    if (voice.partial.trim() !== "") this.line(voice, voice.partial)
    voice.partial = ""
    voice.markdown = Markdown.start
    const last = voice.waiting.pop()
    if (last !== undefined) voice.waiting.push({ ...last, ends: true })
    voice.rests = true
  }

  /** A complete line of text. */
  private line(voice: Voice, source: string): void {
    const lines = this.rendered(voice, source)
    const ends = source.trim() === "" && voice.markdown.fence === undefined
    voice.waiting.push(...lines.map((text) => ({ text, ends, at: this.came++ })))
  }

  private rendered(voice: Voice, source: string): ReadonlyArray<string> {
    const look = this.look()
    const room = this.room(voice.speaker)
    if (voice.kind === "reasoning") return Style.fold(source, room).map((each) => Style.paint(look, "dim", each))
    const { lines, state } = Markdown.line(voice.markdown, source, room, look)
    voice.markdown = state
    return lines
  }

  private drain(): ReadonlyArray<string> {
    const out: Array<string> = []
    for (;;) {
      this.holder ??= this.next()
      const { holder } = this
      if (holder === undefined) return out
      if (!this.spend(holder, out)) return out
      const other = this.next(holder)
      if (other !== undefined) this.holder = other
      else if (holder.waiting.length === 0) {
        if (holder.partial === "") this.holder = undefined
        return out
      }
    }
  }

  /** Shows lines of a voice until others may speak; false when it goes on. */
  private spend(voice: Voice, out: Array<string>): boolean {
    const isLate = this.behind(voice) > patience
    for (let next = voice.waiting.shift(); next !== undefined; next = voice.waiting.shift()) {
      this.emit(voice.speaker, next.text, out)
      voice.rests = next.ends
      if (next.ends) return true
    }
    return isLate || (voice.rests && voice.partial === "")
  }

  private behind(voice: Voice): number {
    return [...this.voices.values()].reduce((sum, each) => sum + (each === voice ? 0 : each.waiting.length), 0)
  }

  /** Who speaks next: whose line has waited longest. */
  private next(except?: Voice): Voice | undefined {
    const others = [...this.voices.values()].filter((voice) => voice !== except)
    const first = (voice: Voice) => voice.waiting[0]?.at ?? Infinity
    const [next] = others.filter(({ waiting }) => waiting.length > 0).toSorted((a, b) => first(a) - first(b))
    return next ?? (except === undefined ? others.find(({ partial }) => partial !== "") : undefined)
  }

  private emit(speaker: Speaker, text: string, out: Array<string>): void {
    const isBlank = text.trim() === ""
    const isOther = this.last !== speaker
    if (isBlank && (this.isBlank || isOther)) return
    if (isOther && !isBlank && this.isNarrow() && !speaker.isRoot)
      out.push(Style.fit(`${speaker.name}:`, Math.max(8, (this.look().columns ?? 80) - 1)))
    this.last = speaker
    this.isBlank = isBlank
    out.push(isBlank ? this.prefix(speaker).trimEnd() : this.prefix(speaker) + text)
  }
}
