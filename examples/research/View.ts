/**
 * Shows a run to a person: turns its envelopes into permanent lines, and into a few lines below them that change while
 * agents stream and tools run. Several agents stream at once, so each line names its agent, and only complete lines
 * become permanent.
 *
 * It keeps only open state; it prints nothing.
 */
import { AgentPath, type Approval, type Envelope, type Event, type Events, type Json, Message } from "@reins/protocol"
import * as Style from "./Style.ts"
import * as Tables from "./Tables.ts"
import * as Text from "./Text.ts"

/** Below this width the agent's name has its own line. */
const narrow = 60

/** Wide enough for the names of this example; longer ones are truncated. */
const nameWidth = 12

/** The number of lines of a long argument that are shown by default. */
const shownLines = 16

const hues: ReadonlyArray<Style.Colour> = ["cyan", "magenta", "blue", "green"]

interface Speaker {
  readonly name: string
  readonly hue: Style.Colour
  kind: "text" | "reasoning"
  /** Its incomplete line. */
  partial: string
}

interface Call {
  readonly speaker: Speaker
  readonly name: string
  since: number
  /** A person was asked about it. */
  asked: boolean
  progress: Events.ToolProgress | undefined
}

export class View {
  private readonly root: string
  private readonly look: () => Style.Look
  private readonly speakers = new Map<string, Speaker>()
  private readonly calls = new Map<string, Call>()
  private readonly asked = new Map<string, string>()
  private last: Speaker | undefined

  /** `root` is the root agent's name; `look` is called each time, since terminals change their width. */
  constructor(root: string, look: () => Style.Look) {
    this.root = root
    this.look = look
  }

  /** The lines that an envelope adds. */
  take({ agentPath, at, event }: Envelope.Envelope): ReadonlyArray<string> {
    const speaker = this.speaker(agentPath)
    if (event.type === "text" || event.type === "reasoning") return this.speak(speaker, event)
    // Progress changes the lines below; everything else starts a new line.
    return [...(event.type === "tool-progress" ? [] : this.flush(speaker)), ...this.tell(speaker, agentPath, at, event)]
  }

  /** The incomplete lines: streamed text, and the progress of tools. */
  pending(): ReadonlyArray<string> {
    const saying = [...this.speakers.values()]
      .filter(({ partial }) => partial !== "")
      .map((speaker) => this.prefix(speaker) + speaker.partial)
    const working = [...this.calls.values()].flatMap(({ progress, speaker }) =>
      progress === undefined ? [] : [this.prefix(speaker) + this.bar(progress)]
    )
    return [...saying, ...working]
  }

  /** Lines of no agent. */
  note(text: string): ReadonlyArray<string> {
    return Style.fold(Text.harmless(text), this.look().columns ?? Infinity)
  }

  private closing(colour: Style.Colour, text: string): ReadonlyArray<string> {
    return this.note(text).map((line) => Style.paint(this.look(), colour, line))
  }

  private tell(speaker: Speaker, agentPath: AgentPath.AgentPath, at: number, event: Said): ReadonlyArray<string> {
    const key = (id: string) => JSON.stringify([agentPath, id])
    switch (event.type) {
      case "step-start":
      case "data-tool-agent":
        return []
      case "step-retracted":
        return this.say(speaker, "yellow", `This step is void: ${event.reason}`)
      case "message-received":
        return this.say(speaker, "dim", `« ${Message.text(Message.fromPrompt(event.data.content))}`)
      case "tool-invocation":
        if (event.state === "result") return this.ended(speaker, key(event.toolInvocationId), at, event.toolName, event)
        this.calls.set(key(event.toolInvocationId), {
          speaker,
          name: event.toolName,
          since: at,
          asked: false,
          progress: undefined
        })
        return this.say(speaker, "dim", `▸ ${event.toolName} ${this.brief(event.args)}`)
      case "tool-agent": {
        const id = event.toolInvocationId
        if (event.state === "result") {
          const specialist = this.speaker(AgentPath.child(agentPath, event.agentName, id))
          return [...this.flush(specialist), ...this.ended(speaker, key(id), at, event.agentName, event)]
        }
        this.calls.set(key(id), { speaker, name: event.agentName, since: at, asked: false, progress: undefined })
        return this.say(speaker, "dim", `▸ ${event.agentName} ${this.brief(event.prompt)}`)
      }
      case "tool-progress": {
        const call = this.calls.get(key(event.toolCallId ?? ""))
        if (call !== undefined) call.progress = event
        return []
      }
      case "approval-required":
        this.asked.set(event.data.id, key(event.data.toolInvocationId ?? ""))
        return this.question(speaker, event.data)
      case "approval-decision": {
        const call = this.calls.get(this.asked.get(event.data.id) ?? "")
        if (call !== undefined) Object.assign(call, { since: at, asked: true })
        return this.decision(speaker, event.data)
      }
      case "plan-status-change":
        return this.say(speaker, "dim", `plan ${event.data.planId}: ${event.data.to}`)
      case "data-file-registered":
        return this.say(speaker, "dim", `+ ${event.data.filename} (${Text.size(event.data.sizeBytes)})`)
      case "data-flow-ui":
        return []
      case "custom":
        return this.say(speaker, "dim", `${event.event_type} ${this.brief(event.data)}`)
      case "budget_exhausted":
        return this.say(speaker, "yellow", `The budget stops here: ${event.message}`)
      case "finish":
        return ["", ...this.closing("bold", endings[event.finishReason])]
      case "data-cost-summary":
        return ["", ...Tables.cost(event.data, this.root, this.look())]
      case "data-latency-summary":
        return ["", ...Tables.latency(event.data, this.root, this.look())]
      case "error":
        return ["", ...this.closing("red", `Failed: ${event.error.message}`)]
    }
  }

  private speak(
    speaker: Speaker,
    event: Extract<Event, { readonly type: "text" | "reasoning" }>
  ): ReadonlyArray<string> {
    const before = event.type === speaker.kind ? [] : this.flush(speaker)
    speaker.kind = event.type
    const said = (speaker.partial + Text.harmless(event.text)).split("\n")
    const full = said.slice(0, -1).flatMap((line) => {
      const { lines, rest } = Style.wrap(line, this.room())
      return [...lines, rest]
    })
    const { lines, rest } = Style.wrap(said.at(-1) ?? "", this.room())
    speaker.partial = rest
    return [...before, ...this.lines(speaker, [...full, ...lines])]
  }

  private flush(speaker: Speaker): ReadonlyArray<string> {
    const { partial } = speaker
    speaker.partial = ""
    return partial.trim() === "" ? [] : this.lines(speaker, [partial])
  }

  private ended(speaker: Speaker, key: string, at: number, name: string, end: Ended): ReadonlyArray<string> {
    const call = this.calls.get(key)
    this.calls.delete(key)
    const { progress, since = at } = call ?? {}
    // The answer and its reason were just shown.
    if (call?.asked === true && (end.status === "denied" || end.status === "cancelled")) return []
    if (end.status !== undefined) return this.say(speaker, "red", `✗ ${name} ${end.status}: ${reasonOf(end.result)}`)
    const far = progress === undefined ? "" : ` ${Text.count(progress.phaseIndex)}/${Text.count(progress.totalPhases)}`
    return this.say(speaker, "green", `✓ ${name}${far} in ${Style.time(at - since)}`)
  }

  private question(speaker: Speaker, { payload, target }: Approval.Request): ReadonlyArray<string> {
    return [
      ...this.say(speaker, "yellow", `? Run ${target}?`),
      ...this.lines(
        speaker,
        argumentLines(payload).flatMap((line) => Style.fold(line, this.room()))
      )
    ]
  }

  private decision(speaker: Speaker, { by, feedback, outcome }: Approval.Resolution): ReadonlyArray<string> {
    const who = by === undefined ? "" : ` by ${by}`
    const why = feedback === undefined ? "" : `: ${feedback}`
    const allowed = outcome.outcome === "approve" || outcome.outcome === "revise"
    return this.say(
      speaker,
      allowed ? "green" : "red",
      `${allowed ? "✓" : "✗"} ${answers[outcome.outcome]}${who}${why}`
    )
  }

  /** A line about an agent, not its own text. */
  private say(speaker: Speaker, colour: Style.Colour, text: string): ReadonlyArray<string> {
    const lines = Style.fold(Text.harmless(text).replaceAll("\n", " "), this.room())
    return this.lines(
      speaker,
      lines.map((line) => Style.paint(this.look(), colour, line))
    )
  }

  private lines(speaker: Speaker, lines: ReadonlyArray<string>): ReadonlyArray<string> {
    if (lines.length === 0) return []
    const turn = this.isNarrow() && this.last !== speaker
    this.last = speaker
    const name = Style.paint(this.look(), speaker.hue, `${speaker.name}:`)
    return [...(turn ? [name] : []), ...lines.map((line) => (this.prefix(speaker) + line).trimEnd())]
  }

  private prefix(speaker: Speaker): string {
    if (this.isNarrow()) return "  "
    const name = Style.pad(Style.fit(speaker.name, nameWidth), nameWidth)
    return Style.paint(this.look(), speaker.hue, `${name}│ `)
  }

  /** One column stays free, or a terminal would break a full line by itself. */
  private room(): number {
    const { columns } = this.look()
    return columns === undefined ? Infinity : Math.max(10, columns - 1 - (this.isNarrow() ? 2 : nameWidth + 2))
  }

  private isNarrow(): boolean {
    return (this.look().columns ?? Infinity) < narrow
  }

  private bar({ label, phaseIndex, toolName, totalPhases }: Events.ToolProgress): string {
    const cells = Math.max(4, Math.min(20, this.room() - 40))
    const far = `${toolName} ${Style.bar(phaseIndex, totalPhases, cells)} ${phaseIndex}/${totalPhases}`
    return Style.fit(`${far} ${Text.harmless(label).replaceAll("\n", " ")}`, Math.min(this.room(), 200))
  }

  private brief(value: Json): string {
    return Style.brief(value, Math.max(20, Math.min(this.room() - 20, 100)))
  }

  private speaker(path: AgentPath.AgentPath): Speaker {
    const key = JSON.stringify(path)
    const known = this.speakers.get(key)
    if (known !== undefined) return known
    const segment = Text.harmless(path.at(-1) ?? this.root)
    const plain = segment.split("#")[0] ?? segment
    const isTaken = [...this.speakers.values()].some(({ name }) => name === plain)
    const made: Speaker = {
      name: isTaken ? segment : plain,
      hue: hues[this.speakers.size % hues.length] ?? "cyan",
      kind: "text",
      partial: ""
    }
    this.speakers.set(key, made)
    return made
  }
}

/** The events that start a new line, or change the lines below. */
type Said = Exclude<Event, { readonly type: "text" | "reasoning" }>

interface Ended {
  readonly result: Json
  readonly status?: Events.Status
}

const endings: { readonly [reason in Events.FinishReason]: string } = {
  stop: "Finished.",
  length: "Finished: the model reached its length.",
  "content-filter": "Finished: a content filter stopped the model.",
  budget: "Finished: the budget is exhausted.",
  cancelled: "Finished: cancelled.",
  "repeated-calls": "Finished: the model made the same call again and again.",
  other: "Finished, for a reason the model did not tell."
}

const answers: { readonly [outcome in Approval.Outcome["outcome"]]: string } = {
  approve: "approved",
  reject: "denied",
  revise: "approved with changes",
  expired: "expired: nobody answered in time",
  cancelled: "cancelled",
  superseded: "asked again: the tool has changed"
}

/** Why a call failed, according to its result. */
const reasonOf = (result: Json): string => {
  if (typeof result !== "object" || result === null || !("message" in result || "reason" in result)) {
    return Style.brief(result, 120)
  }
  const { message, reason } = result as { readonly [key: string]: Json }
  return String(message ?? reason)
}

/** Arguments as lines, a long text truncated after `most` lines; `Infinity` shows all. */
export const argumentLines = (payload: Json, most = shownLines): ReadonlyArray<string> => {
  const fields = typeof payload === "object" && payload !== null ? Object.entries(payload) : [["", payload] as const]
  return fields.flatMap(([name, value]) => {
    const text = Text.harmless(typeof value === "string" ? value : JSON.stringify(value))
    const lines = text.trimEnd().split("\n")
    if (lines.length === 1) return [`  ${name}: ${text}`]
    const more = lines.length - most
    return [
      `  ${name}:`,
      ...lines.slice(0, most).map((line) => `    ${line}`),
      ...(more > 0 ? [`    … ${Text.counted(more, "more line")}`] : [])
    ]
  })
}
