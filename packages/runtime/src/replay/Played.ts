/**
 * A run's log as a replay reads it: its marks by name, which of them the replay has come to, the events that a
 * difference is reported at, and for each moment what the run had used and how its budget stood. It knows no loop and
 * no agent.
 */
import { AgentPath, type Entry, type Envelope, type Budget } from "@reins/protocol"
import * as Predicate from "effect/Predicate"
import type { Mark, StoredAnswer } from "../host/journal/JournalStore.ts"
import * as RunPast from "../host/journal/RunPast.ts"
import type { Recording } from "../host/journal/RunExport.ts"
import * as Names from "../run/Names.ts"
import * as Amounts from "../budget/Amounts.ts"
import { BudgetTree } from "../budget/BudgetTree.ts"
import { nodeAbove, type RunRecord } from "../engine/RunHost.ts"

/**
 * The kinds of marks that no replay comes to: what people and the clock did while a question waited, and what earlier
 * releases stored of the thread before the last events.
 */
const notAgain: ReadonlySet<string> = new Set(["warn", "escalated", "given", "thread", "withdrawn"])

/** Whether hooks changed nothing: it makes no difference that there are none now. */
const isPassed = ({ value }: Mark): boolean => Predicate.hasProperty(value, "verdict") && value.verdict === "pass"

export class Played {
  readonly recording: Recording
  readonly results = new Map<string, Mark>()
  readonly emits = new Map<string, Mark>()
  readonly asks = new Map<string, Mark>()
  private readonly begins = new Map<string, Mark>()
  private readonly open = new Set<Mark>()
  /** Whether a defect has stopped the run: what it was at then is in no mark. */
  readonly isStruck: boolean
  /** Whether a process died while it executed the run. */
  readonly hasDied: boolean
  /** Time in which no process executed the run, in milliseconds. */
  readonly downMs: number
  /** How far the replay has come, by path. */
  private readonly reached = new Map<string, number>()
  private readonly paths = new Map<string, AgentPath.AgentPath>()
  private readonly tools = new Map<string, string>()
  private readonly sums: Sums

  constructor(recording: Recording) {
    this.recording = recording
    let isStruck = false
    let downMs = 0
    for (const mark of recording.marks) {
      this.know(mark.path)
      switch (mark.kind) {
        case "result":
        case "emit": {
          const all = mark.kind === "result" ? this.results : this.emits
          all.set(mark.name, mark)
          // No replay runs a tool, and so none comes to what its calls ask.
          if (!notAgain.has(this.kindOf(mark)) && !isPassed(mark) && !Names.isAsked(mark.name)) this.open.add(mark)
          continue
        }
        case "begin":
          this.begins.set(mark.name, mark)
          continue
        case "ask":
          this.asks.set(mark.name, mark)
          continue
        case "note":
          if (mark.name === Names.struck) isStruck = true
          if (mark.name === Names.down) downMs = Number(mark.value)
          continue
        case "snapshot":
      }
    }
    this.isStruck = isStruck
    this.downMs = downMs
    this.hasDied = downMs > 0 || [...this.begins.values()].some(({ value }) => Number(value) > 1)
    this.sums = new Sums(recording.marks)
    for (const { agentPath, event } of recording.envelopes) {
      if (event.type === "tool-invocation") {
        this.tools.set(AgentPath.callKey(agentPath, event.toolInvocationId), event.toolName)
      }
    }
  }

  kindOf({ name, path }: Mark): string {
    return Names.kindOf(AgentPath.key(path), name)
  }

  /** An agent of the run. */
  know(path: AgentPath.AgentPath): void {
    this.paths.set(AgentPath.key(path), path)
  }

  /** The path of the agent that a name belongs to: the deepest known one. */
  pathOf(name: string): AgentPath.AgentPath {
    let found: AgentPath.AgentPath = AgentPath.root
    for (const [key, path] of this.paths) if (path.length > found.length && name.startsWith(key)) found = path
    return found
  }

  /** The replay has come to what the mark states. */
  visit(mark: Mark): void {
    this.open.delete(mark)
    const key = AgentPath.key(mark.path)
    this.reached.set(key, Math.max(mark.seq, this.reached.get(key) ?? 0))
  }

  /** The mark of the run's last events, as an earlier release made it: a mark of its own, after the thread's. */
  endOf(name: string): Mark | undefined {
    return name === Names.finish ? this.emits.get(name) : undefined
  }

  /** The mark of a call's end, whether its tool ended it or something before that. */
  endOfCall(path: AgentPath.AgentPath, callId: string): Mark | undefined {
    const prefix = AgentPath.key(path)
    return (
      this.results.get(Names.tool(prefix, Names.ofCall(callId))) ??
      this.results.get(Names.hooked(prefix, callId)) ??
      this.emits.get(Names.result(prefix, callId))
    )
  }

  /** What the log states and the replay has not come to, the earliest first. */
  get unvisited(): ReadonlyArray<Mark> {
    return [...this.open].toSorted((a, b) => a.seq - b.seq)
  }

  answer(name: string): StoredAnswer | undefined {
    return this.recording.answers.get(name)
  }

  /** When a wait began, in epoch milliseconds. */
  askedAt(name: string): number | undefined {
    return this.asks.get(name)?.at
  }

  /** The waits of running calls for what they asked: all that have an answer and are not among `waited`. */
  waitsBesides(waited: ReadonlySet<string>): ReadonlyArray<Entry.WaitEntry> {
    return RunPast.waitsBesides(this, this.recording.answers, waited)
  }

  /** What was used before the work of this mark began, summed for each agent and tool. */
  before(mark: Mark): ReadonlyArray<Used> {
    const { seq } = this.begins.get(mark.name) ?? mark
    return this.sums.upTo(seq, mark)
  }

  /** Every row of the ledger that a mark has. */
  get spent(): ReadonlyArray<Entry.Entry> {
    return this.recording.marks.flatMap(({ spent }) => spent)
  }

  /** The event of that number. */
  at(seq: number): Envelope.Envelope | undefined {
    return this.recording.envelopes[seq - 1]
  }

  /** The number of the first event of a model step: its `step-start`. */
  stepOf(mark: Mark): number {
    const key = AgentPath.key(mark.path)
    const before = this.recording.marks.reduce(
      (seq, one) =>
        AgentPath.key(one.path) === key && one.seq < mark.seq && this.kindOf(one) === "model"
          ? Math.max(seq, one.kind === "result" ? one.seq : 0)
          : seq,
      0
    )
    const start = this.recording.envelopes.find(
      ({ agentPath, event, seq }) => seq > before && event.type === "step-start" && AgentPath.key(agentPath) === key
    )
    // A choice comes before its step.
    return start === undefined || (start.seq > mark.seq && this.kindOf(mark) !== "resolve") ? mark.seq : start.seq
  }

  /** The number of the first event about a call after its announcement; `undefined` without one. */
  callOf(path: AgentPath.AgentPath, callId: string): number | undefined {
    const key = AgentPath.key(path)
    return this.recording.envelopes.find(
      ({ agentPath, event }) => AgentPath.key(agentPath) === key && isAbout(event, callId)
    )?.seq
  }

  /** The name of the tool that a call is of; empty for an unknown call. */
  toolOf(path: AgentPath.AgentPath, callId: string): string {
    return this.tools.get(AgentPath.callKey(path, callId)) ?? ""
  }

  /**
   * The number of the first event of the agent behind what the replay has come to; else of the event behind the end.
   */
  nextOf(path: AgentPath.AgentPath): number {
    const key = AgentPath.key(path)
    const reached = this.reached.get(key) ?? 0
    const next = this.recording.envelopes.find(
      ({ agentPath, seq }) => seq > reached && AgentPath.key(agentPath) === key
    )
    return next?.seq ?? this.recording.envelopes.length + 1
  }
}

/** Whether an event other than its announcement is about the call. */
const isAbout = (event: Envelope.Envelope["event"], callId: string): boolean => {
  switch (event.type) {
    case "tool-invocation":
    case "tool-agent":
      return event.state === "result" && event.toolInvocationId === callId
    case "tool-progress":
      return event.toolCallId === callId
    case "data-tool-agent":
    case "approval-required":
      return event.data.toolInvocationId === callId
    default:
      return false
  }
}

/** The use of one agent, and of one of its tools. */
export interface Used {
  readonly path: AgentPath.AgentPath
  readonly amount: Budget.Amount
}

interface Row extends Used {
  readonly seq: number
  readonly mark: Mark
}

/**
 * What the run had used up to an event. A replay asks from event to event, so that each row is added once; where
 * branches ran in parallel it may ask for an earlier event, and the sum begins anew.
 */
class Sums {
  private readonly rows: ReadonlyArray<Row>
  private sums = new Map<string, Used>()
  private next = 0
  private reached = 0

  constructor(marks: ReadonlyArray<Mark>) {
    const all = marks
      .toSorted((one, other) => one.seq - other.seq)
      .flatMap((mark) => mark.spent.map((entry) => ({ mark, entry })))
    const amounts = Amounts.fromLedger(all.map(({ entry }) => entry))
    this.rows = all.map(({ entry, mark }, index) => ({
      path: entry.path,
      seq: mark.seq,
      mark,
      amount: amounts[index]?.[1] ?? {}
    }))
  }

  /** The rows of marks up to `seq`, without those of `mark`. */
  upTo(seq: number, mark: Mark): ReadonlyArray<Used> {
    if (seq < this.reached) {
      this.sums = new Map()
      this.next = 0
    }
    this.reached = seq
    for (let row = this.rows[this.next]; row !== undefined && row.seq <= seq; row = this.rows[++this.next]) {
      add(this.sums, row, 1)
    }
    if (mark.seq > seq || mark.spent.length === 0) return [...this.sums.values()]
    const others = new Map(this.sums)
    for (const row of this.rows) if (row.mark === mark) add(others, row, -1)
    return [...others.values()]
  }
}

const add = (sums: Map<string, Used>, { amount, path }: Used, sign: 1 | -1): void => {
  const { tool } = amount
  const key = `${AgentPath.key(path)}${tool === undefined ? "" : `/${tool}`}`
  const before = sums.get(key)?.amount ?? {}
  const sum = (name: Exclude<keyof Budget.Amount, "tool">) => (before[name] ?? 0) + sign * (amount[name] ?? 0)
  sums.set(key, {
    path,
    amount: {
      steps: sum("steps"),
      toolCalls: sum("toolCalls"),
      inputTokens: sum("inputTokens"),
      outputTokens: sum("outputTokens"),
      nanoUsd: sum("nanoUsd"),
      agents: sum("agents"),
      ...(tool === undefined ? {} : { tool })
    }
  })
}

/** The run's budget, which is asked for at one moment after another. */
export class BudgetThen {
  private readonly record: RunRecord
  private readonly changes: Array<(tree: BudgetTree) => void> = []
  private readonly opened = new Set([AgentPath.key(AgentPath.root)])

  constructor(record: RunRecord) {
    this.record = record
  }

  open(path: AgentPath.AgentPath, budget: Budget.Budget, elapsedMs: number): void {
    this.opened.add(AgentPath.key(path))
    this.changes.push((tree) => tree.open(path, budget, elapsedMs))
  }

  raiseAgain(path: AgentPath.AgentPath, limits: { readonly [limit: string]: number }): void {
    this.changes.push((tree) => tree.raiseAgain(path, limits))
  }

  /** The budget after that was used. */
  after(before: ReadonlyArray<Used>): BudgetTree {
    const { record } = this
    const tree = new BudgetTree(record.budget ?? {}, [], undefined, nodeAbove(record))
    for (const change of this.changes) change(tree)
    for (const { amount, path } of before) tree.charge(this.openedAt(path), amount)
    return tree
  }

  /** The path itself, or what is above it, where another branch of the log is ahead of the replay. */
  private openedAt(path: AgentPath.AgentPath): AgentPath.AgentPath {
    return this.opened.has(AgentPath.key(path)) ? path : this.openedAt(path.slice(0, -1))
  }
}
