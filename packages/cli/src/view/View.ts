/**
 * Shows a run to a person: turns its envelopes into permanent lines, and into a few lines below them that change while agents stream
 * and tools run. It keeps only open state; it prints nothing.
 */
import {
  AgentPath,
  type Approval,
  CancellationReport,
  type Envelope,
  type Event,
  type Events,
  type Json,
  Message
} from "@reins/protocol"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import { Outcome } from "../folder/Sandbox.ts"
import * as Style from "../text/Style.ts"
import * as Text from "../text/Text.ts"
import { Floor, type Speaker } from "./Floor.ts"
import * as LongCall from "./LongCall.ts"
import * as Question from "./Question.ts"
import * as Tables from "./Tables.ts"

const hues: ReadonlyArray<Style.Colour> = ["cyan", "magenta", "blue", "green"]

/** Signs before a line, and the words that screen readers are given in their place. */
const signs = {
  call: ["▸", "Calls"],
  done: ["✓", "Done:"],
  failed: ["✗", "Failed:"],
  allowed: ["✓", "Answer:"],
  refused: ["✗", "Answer:"],
  asked: ["?", "Question:"],
  file: ["+", "File:"],
  heard: ["«", "You:"]
} as const

interface Call {
  readonly speaker: Speaker
  readonly name: string
  since: number
  /** A person was asked about it. */
  asked: boolean
  progress: Events.ToolProgress | undefined
}

/** What is left out: events of these types. */
export interface Options {
  readonly hidden?: ReadonlySet<string>
  /** Whether the run ends with its tables. Absent: true. */
  readonly tables?: boolean
}

export class View {
  private readonly root: string
  private readonly look: () => Style.Look
  private readonly options: Options
  private readonly floor: Floor
  private readonly speakers = new Map<string, Speaker>()
  private readonly calls = new Map<string, Call>()
  private readonly asked = new Map<string, string>()

  /** `root` is the root agent's name; `look` is called each time, since terminals change their width. */
  constructor(root: string, look: () => Style.Look, options: Options = {}) {
    this.root = root
    this.look = look
    this.options = options
    this.floor = new Floor(look)
  }

  /** The lines that an envelope adds. */
  take({ agentPath, at, event }: Envelope.Envelope): ReadonlyArray<string> {
    const speaker = this.speaker(agentPath)
    if (this.options.hidden?.has(event.type) === true) return []
    if (event.type === "text" || event.type === "reasoning") return this.floor.say(speaker, event.type, event.text)
    return this.tell(speaker, agentPath, at, event)
  }

  /** The incomplete lines: streamed text, and the progress of tools. */
  pending(): ReadonlyArray<string> {
    const working = [...this.calls.values()].flatMap(({ progress, speaker }) =>
      progress === undefined ? [] : [this.floor.prefix(speaker) + this.bar(progress, speaker)]
    )
    return [...this.floor.pending(), ...working]
  }

  /** What was being said, as permanent lines: nothing more comes. */
  rest(): ReadonlyArray<string> {
    return this.floor.closeAll()
  }

  /** Lines of no agent. What is being said is shown before them. */
  note(text: string, colour?: Style.Colour): ReadonlyArray<string> {
    const { columns } = this.look()
    const width = columns === undefined ? Infinity : Math.max(8, columns - 1)
    const lines = Text.lines(Text.harmless(text)).flatMap((line) => Style.fold(line, width))
    return colour === undefined ? lines : lines.map((line) => Style.paint(this.look(), colour, line))
  }

  private tell(speaker: Speaker, agentPath: AgentPath.AgentPath, at: number, event: Said): ReadonlyArray<string> {
    const key = (id: string) => JSON.stringify([agentPath, id])
    switch (event.type) {
      case "step-start":
        return this.floor.close(speaker)
      case "data-tool-agent":
      case "data-flow-ui":
      case "tool-input-delta":
      case "source":
        return []
      case "step-retracted":
        return this.say(speaker, "yellow", `This step is void: ${event.reason}`)
      case "message-received":
        return this.say(speaker, "dim", `${this.sign("heard")} ${Message.text(Message.fromPrompt(event.data.content))}`)
      case "late-result":
        return this.late(speaker, event)
      case "tool-invocation":
        return event.state === "result"
          ? this.ended(speaker, key(event.toolInvocationId), at, event.toolName, event)
          : this.called(speaker, key(event.toolInvocationId), at, event.toolName, event.args)
      case "tool-agent": {
        const id = event.toolInvocationId
        if (event.state === "call") return this.called(speaker, key(id), at, event.agentName, event.prompt)
        const specialist = this.speaker(AgentPath.child(agentPath, event.agentName, id))
        return [...this.floor.close(specialist), ...this.ended(speaker, key(id), at, event.agentName, event)]
      }
      case "tool-progress": {
        const call = this.calls.get(key(event.toolCallId ?? ""))
        if (call !== undefined) call.progress = event
        return []
      }
      case "approval-required":
        this.asked.set(event.data.id, key(event.data.toolInvocationId ?? ""))
        return [...this.floor.closeAll(), ...this.question(speaker, event.data)]
      case "approval-decision": {
        const call = this.calls.get(this.asked.get(event.data.id) ?? "")
        if (call !== undefined) Object.assign(call, { since: at, asked: true })
        return this.decision(speaker, event.data)
      }
      case "plan-status-change":
        return this.say(speaker, "dim", `plan ${event.data.planId}: ${event.data.to}`)
      case "data-file-registered":
        return this.say(
          speaker,
          "dim",
          `${this.sign("file")} ${event.data.filename} (${Text.size(event.data.sizeBytes)})`
        )
      case "custom":
        if (event.event_type === CancellationReport.eventType) return this.left(speaker, event.data)
        return this.say(
          speaker,
          "dim",
          LongCall.waitOf(event) ?? `${event.event_type} ${this.brief(event.data, speaker)}`
        )
      case "budget_exhausted":
        return this.say(speaker, "yellow", `The budget stops here: ${event.message}`)
      case "finish":
        return event.finishReason === "stop"
          ? this.floor.closeAll()
          : [...this.floor.closeAll(), ...this.note(endings[event.finishReason], "bold")]
      case "data-cost-summary":
        return this.options.tables === false ? [] : ["", ...Tables.cost(event.data, this.root, this.look())]
      case "data-latency-summary":
        return this.options.tables === false ? [] : ["", ...Tables.latency(event.data, this.root, this.look())]
      case "error":
        return [...this.floor.closeAll(), ...this.note(`Failed: ${event.error.message}`, "red")]
    }
  }

  /** What a cancelled run leaves behind, where it leaves anything. */
  private left(speaker: Speaker, data: Json): ReadonlyArray<string> {
    const report = Option.getOrUndefined(readReport(data))
    if (report === undefined) return []
    const names = (calls: ReadonlyArray<CancellationReport.Call | CancellationReport.Work>) =>
      [...new Set(calls.flatMap((call) => ("toolName" in call ? [call.toolName] : [])))].join(", ")
    return [
      ["Had taken effect already", names(report.tookEffect)],
      ["Stopped, and may have taken effect in part", names([...report.stopped, ...report.failed])],
      ["Did not stop in time, and may still run", names(report.abandoned)]
    ].flatMap(([what, which]) => (which === "" ? [] : this.say(speaker, "yellow", `${what}: ${which}.`)))
  }

  private called(speaker: Speaker, key: string, at: number, name: string, args: Json): ReadonlyArray<string> {
    this.calls.set(key, { speaker, name, since: at, asked: false, progress: undefined })
    return this.say(speaker, "dim", `${this.sign("call")} ${name} ${this.brief(args, speaker)}`)
  }

  private ended(speaker: Speaker, key: string, at: number, name: string, end: Ended): ReadonlyArray<string> {
    const call = this.calls.get(key)
    this.calls.delete(key)
    const { progress, since = at } = call ?? {}
    // The answer and its reason were just shown.
    if (call?.asked === true && (end.status === "denied" || end.status === "cancelled")) return []
    if (end.status !== undefined)
      return this.say(speaker, "red", `${this.sign("failed")} ${name} ${end.status}: ${reasonOf(end.result)}`)
    const far = progress === undefined ? "" : ` ${Text.count(progress.phaseIndex)}/${Text.count(progress.totalPhases)}`
    // A receipt is not its result yet.
    return [
      ...this.say(
        speaker,
        "green",
        `${this.sign("done")} ${name}${far} in ${Style.time(at - since)}${LongCall.laterOf(end.later)}`
      ),
      ...this.output(speaker, end.result)
    ]
  }

  /** The late result of a call that ended with a receipt. */
  private late(speaker: Speaker, { result, status, toolName }: Events.LateResult): ReadonlyArray<string> {
    return status === undefined
      ? [
          ...this.say(speaker, "green", `${this.sign("done")} ${toolName}, the result of an earlier call`),
          ...this.output(speaker, result)
        ]
      : this.say(speaker, "red", `${this.sign("failed")} ${toolName}, an earlier call, ${status}: ${reasonOf(result)}`)
  }

  /** How a command ended, with the first lines of its output. */
  private output(speaker: Speaker, result: Json): ReadonlyArray<string> {
    const outcome = Option.getOrUndefined(readOutcome(result))
    if (outcome === undefined) return []
    const { exitCode, output, signal, stopped } = outcome
    const how = stopped ?? (exitCode === undefined ? `ended by ${signal ?? "a signal"}` : `exit code ${exitCode}`)
    const lines = Text.lines(Text.harmless(output).trimEnd())
    const more = lines.length - Question.shownLines
    const shown = [
      how,
      ...lines.slice(0, Question.shownLines),
      ...(more > 0 ? [`… ${Text.counted(more, "more line")}`] : [])
    ]
    return this.floor.tell(
      speaker,
      shown
        .flatMap((line) => Style.fold(`  ${line}`, this.floor.room(speaker)))
        .map((line) => Style.paint(this.look(), "dim", line))
    )
  }

  private question(speaker: Speaker, request: Approval.Request): ReadonlyArray<string> {
    return [
      ...this.say(speaker, "yellow", `${this.sign("asked")} ${Question.sentence(request, speaker.name)}`),
      ...this.floor.tell(
        speaker,
        Question.briefly(request).flatMap((line) => Style.fold(`  ${line}`, this.floor.room(speaker)))
      )
    ]
  }

  private decision(speaker: Speaker, { by, feedback, outcome, scope }: Approval.Resolution): ReadonlyArray<string> {
    const who = by === undefined ? "" : ` by ${by}`
    const wide = scope === undefined || scope === "call" ? "" : ` for this ${scope}`
    const why = feedback === undefined ? "" : `: ${feedback}`
    const allowed = ["approve", "revise", "answer"].includes(outcome.outcome)
    const sign = this.sign(allowed ? "allowed" : "refused")
    return this.say(speaker, allowed ? "green" : "red", `${sign} ${answers[outcome.outcome]}${wide}${who}${why}`)
  }

  /** A line about an agent, not its own text. */
  private say(speaker: Speaker, colour: Style.Colour, text: string): ReadonlyArray<string> {
    const lines = Style.fold(Text.harmless(text).replaceAll("\n", " "), this.floor.room(speaker))
    return this.floor.tell(
      speaker,
      lines.map((line) => Style.paint(this.look(), colour, line))
    )
  }

  private sign(name: keyof typeof signs): string {
    return signs[name][this.look().plain ? 1 : 0]
  }

  private bar({ label, phaseIndex, toolName, totalPhases }: Events.ToolProgress, speaker: Speaker): string {
    const room = Math.min(this.floor.room(speaker), 200)
    const cells = Math.max(4, Math.min(20, room - 40))
    const far = `${toolName} ${Style.bar(phaseIndex, totalPhases, cells)} ${phaseIndex}/${totalPhases}`
    return Style.fit(`${far} ${Text.harmless(label).replaceAll("\n", " ")}`, room)
  }

  private brief(value: Json, speaker: Speaker): string {
    return Style.brief(value, Math.max(20, Math.min(this.floor.room(speaker) - 20, 100)))
  }

  private speaker(path: AgentPath.AgentPath): Speaker {
    const key = JSON.stringify(path)
    const known = this.speakers.get(key)
    if (known !== undefined) return known
    const segment = Text.harmless(path.at(-1) ?? this.root).replaceAll("\n", " ")
    const short = segment.split("#")[0] ?? segment
    const isTaken = [...this.speakers.values()].some(({ name }) => name === short)
    const made: Speaker = {
      name: isTaken ? segment : short,
      isRoot: path.length === 0,
      hue: hues[this.speakers.size % hues.length] ?? "cyan"
    }
    this.speakers.set(key, made)
    return made
  }
}

const readReport = Schema.decodeUnknownOption(CancellationReport.CancellationReport)

const readOutcome = Schema.decodeUnknownOption(Outcome)

/** The events that start a new line, or change the lines below. */
type Said = Exclude<Event, { readonly type: "text" | "reasoning" }>

interface Ended {
  readonly result: Json
  readonly status?: Events.Status
  readonly later?: Events.ToolResult["later"]
}

const endings: { readonly [reason in Events.FinishReason]: string } = {
  stop: "Finished.",
  length: "Finished: the model reached its length.",
  "content-filter": "Finished: a content filter stopped the model.",
  budget: "Finished: the budget is exhausted.",
  cancelled: "Cancelled.",
  "repeated-calls": "Finished: the model made the same call again and again.",
  other: "Finished, for a reason the model did not tell."
}

const answers: { readonly [outcome in Approval.Outcome["outcome"]]: string } = {
  approve: "approved",
  reject: "denied",
  revise: "approved with changes",
  answer: "answered",
  expired: "expired: nobody answered in time",
  cancelled: "cancelled",
  superseded: "asked again, or answered by a message"
}

/** Why a call failed, according to its result. */
const reasonOf = (result: Json): string => {
  const reason = Predicate.hasProperty(result, "message")
    ? result.message
    : Predicate.hasProperty(result, "reason")
      ? result.reason
      : undefined
  return Predicate.isString(reason) ? reason : Style.brief(result, 120)
}
