/**
 * The state of a run for its new owner: a pure fold of its stored events and marks. It has the order automaton, the
 * results, emits and begin marks by name, the started steps without a result, and the ledger.
 */
import { AgentPath, Entry, type Envelope, type Json, LatencySummary, ListedRun, Ordering } from "@reins/protocol"
import * as Schema from "effect/Schema"
import * as Names from "../../run/Names.ts"
import type { Identified, OpenStep } from "../../engine/Engine.ts"
import { Cost } from "../../engine/Spending.ts"
import type { Mark } from "./JournalStore.ts"

export interface Past {
  readonly order: Ordering.Automaton
  readonly seq: number
  readonly results: Map<string, Json>
  readonly emits: Set<string>
  readonly begins: Map<string, number>
  /** When each wait began, of which agent it is, and its stored value. */
  readonly asks: Map<string, Pick<Mark, "at" | "path" | "value">>
  readonly entries: Array<Entry.Entry>
  /** Costs that calls have reported and that have no row, by the names of their notes. */
  readonly costs: Map<string, Cost>
  /** How long no process executed the run, up to the start of the last owner, in milliseconds. */
  downMs: number
  /** The providers' ids of the last step that stored any, by path key. */
  readonly identified: Map<string, Identified>
  /** Whether a defect has stopped it: it is only to be ended. */
  isStruck: boolean
  /** By path key. */
  readonly openSteps: Map<string, OpenStep>
}

interface Speaking {
  started: boolean
  said: number
  inputs?: Set<string> | undefined
}

/** The times of the answers to its waits, by name; waits without an answer are missing. */
type AnsweredAt = ReadonlyMap<string, { readonly at: number }>

/**
 * How long no process executed the run until `now`, in milliseconds. A gap in which it waited for a person counts as
 * waiting, up to the last answer.
 */
export const downUntil = (past: Past, answers: AnsweredAt, lastAt: number, now: number): number => {
  let from = lastAt
  for (const name of past.asks.keys()) {
    const answer = answers.get(name)
    if (answer === undefined) return past.downMs
    from = Math.max(from, answer.at)
  }
  return past.downMs + Math.max(0, now - from)
}

/** How long the run has only waited until `now`; waits without an answer are still open. */
export const waitedUntil = (past: Past, answers: AnsweredAt, from: number, now: number): number => {
  const waits = Array.from(past.asks, ([name, { at, path }]): Entry.Entry => {
    const endedAt = Math.max(at, answers.get(name)?.at ?? now)
    const prefix = AgentPath.key(path)
    const reason = Names.isSleep(prefix, name) ? "timer" : "approval"
    return Entry.wait({ path, reason, id: reason === "timer" ? Names.callOf(prefix, name) : name }, at, endedAt)
  })
  return LatencySummary.waitMs([...past.entries, ...waits], from, now)
}

/**
 * The rows of a ledger, and those of waits that are not among `waited`: a call that an earlier owner has ended does not
 * wait again for what it had asked.
 */
export const withWaits = (
  entries: ReadonlyArray<Entry.Entry>,
  past: Pick<Past, "asks">,
  answers: AnsweredAt,
  waited: ReadonlySet<string>
): ReadonlyArray<Entry.Entry> => {
  const besides = past.asks.size === waited.size ? [] : waitsBesides(past, answers, waited)
  return besides.length === 0 ? entries : [...entries, ...besides]
}

/** The answered waits for approvals that are not among `waited`: those of running calls that have ended since. */
export const waitsBesides = (
  { asks }: Pick<Past, "asks">,
  answers: AnsweredAt,
  waited: ReadonlySet<string>
): ReadonlyArray<Entry.WaitEntry> =>
  Array.from(asks).flatMap(([name, { at, path }]) => {
    const answer = answers.get(name)
    const id = Names.approvalOf(name)
    return answer === undefined || id === undefined || waited.has(name)
      ? []
      : [Entry.wait({ path, reason: "approval", id }, at, Math.max(at, answer.at))]
  })

/**
 * The state of an open run in lists, and what it waits for: a question, a client call, a sleep or late results. A
 * question that an earlier release withdrew has left its wait without an answer.
 */
export const standing = (
  {
    answers,
    clientCalls,
    marks
  }: {
    readonly answers: ReadonlyMap<string, unknown>
    readonly clientCalls: ReadonlySet<string>
    readonly marks: ReadonlyMap<string, Mark>
  },
  isAsking: boolean
): ReturnType<typeof ListedRun.waiting> =>
  ListedRun.waiting([
    ...(isAsking ? (["approval"] as const) : []),
    ...(clientCalls.size > 0 ? (["client-tool"] as const) : []),
    ...Array.from(marks.values())
      .filter(({ kind, name }) => kind === "ask" && !answers.has(name))
      .map(({ name, path }) => Names.waitsFor(AgentPath.key(path), name))
      .filter(ListedRun.isTimed)
  ])

/** Whether this is the name of a started model step of the root agent. The steps before it have results. */
export const hasBegun = ({ begins, openSteps, results }: Past, step: string): boolean =>
  results.has(step) || begins.has(step) || openSteps.has(AgentPath.key(AgentPath.root))

/** Whether a mark closes a model step. */
export const isModelResult = (mark: Mark): boolean => mark.kind === "result" && Names.isModel(mark.path, mark.name)

/** The snapshot among a run's marks: the state of the order automaton where all its steps were closed. */
export const snapshotOf = (marks: ReadonlyArray<Mark>): Mark | undefined =>
  marks.find(({ kind }) => kind === "snapshot")

const orderFrom = (snapshot: Mark | undefined): Ordering.Automaton => {
  if (snapshot === undefined) return new Ordering.Automaton()
  const order = Ordering.Automaton.restore(snapshot.value)
  if (order === undefined) throw new Error(`The snapshot at seq ${snapshot.seq} is invalid`)
  return order
}

/**
 * Folds a run's past; `envelopes` are those after its snapshot, if it has one. Throws when the stored log is invalid:
 * such a run cannot continue.
 */
export const fold = (envelopes: ReadonlyArray<Envelope.Envelope>, marks: ReadonlyArray<Mark>): Past => {
  const snapshot = snapshotOf(marks)
  const from = snapshot?.seq ?? 0
  const past: Past = {
    order: orderFrom(snapshot),
    seq: from + envelopes.length,
    results: new Map(),
    emits: new Set(),
    begins: new Map(),
    asks: new Map(),
    entries: [],
    costs: new Map(),
    downMs: 0,
    identified: new Map(),
    isStruck: false,
    openSteps: new Map()
  }
  const speaking = new Map<string, Speaking>()
  const closings = marks.filter((mark) => isModelResult(mark) && mark.seq > from).toSorted((a, b) => a.seq - b.seq)
  let next = 0
  const closeUpTo = (seq: number) => {
    for (let mark = closings[next]; mark !== undefined && mark.seq <= seq; mark = closings[++next]) {
      past.order.closeStep(mark.path)
      speaking.delete(AgentPath.key(mark.path))
    }
  }
  for (const { agentPath, event, seq } of envelopes) {
    closeUpTo(seq - 1)
    const violation = past.order.accept(agentPath, [event])
    if (violation !== undefined) throw new Error(`The stored log is invalid at seq ${seq}: ${violation.message}`)
    hear(speaking, agentPath, event)
  }
  closeUpTo(past.seq)
  for (const mark of marks) {
    past.entries.push(...mark.spent)
    remember(past, mark)
  }
  for (const entry of past.entries) {
    if (entry.kind === "tool" && entry.late !== true) past.costs.delete(Names.costOf(entry))
  }
  for (const { kind, name, path, value } of marks) {
    if (kind !== "begin" || past.results.has(name) || !Names.isModel(path, name)) continue
    const key = AgentPath.key(path)
    const { inputs, said, started } = speaking.get(key) ?? { said: 0, started: false }
    const identified = past.identified.get(key)
    const ids = identified?.step === name ? identified.ids : undefined
    past.openSteps.set(key, { attempts: Number(value), started, said, inputs, ids })
  }
  for (const [key, { inputs, said, started }] of speaking) {
    // Its step-start was stored but not its begin mark: nothing was sent.
    if (started && !past.openSteps.has(key)) past.openSteps.set(key, { attempts: 0, started, said, inputs })
  }
  return past
}

const hear = (speaking: Map<string, Speaking>, path: AgentPath.AgentPath, event: Envelope.Envelope["event"]): void => {
  const key = AgentPath.key(path)
  switch (event.type) {
    case "step-start": {
      const before = speaking.get(key)
      speaking.set(key, { started: true, said: before?.said ?? 0, inputs: before?.inputs })
      return
    }
    case "step-retracted": {
      const step = speaking.get(key)
      if (step !== undefined) step.started = false
      return
    }
    case "text":
    case "reasoning":
    case "tool-input-delta": {
      const step = speaking.get(key)
      if (step === undefined) return
      step.said += event.text.length
      if (event.type === "tool-input-delta") step.inputs = (step.inputs ?? new Set()).add(event.toolInvocationId)
      return
    }
    default:
      return
  }
}

const decodeIdentified = Schema.decodeUnknownSync(
  Schema.Struct({ step: Schema.String, ids: Schema.Array(Schema.String) })
)
const decodeCost = Schema.decodeUnknownSync(Cost)

/** Applies one mark, without its rows. */
export const remember = (past: Past, mark: Mark): void => {
  switch (mark.kind) {
    case "result":
      past.results.set(mark.name, mark.value)
      return
    case "emit":
      past.emits.add(mark.name)
      return
    case "begin":
      past.begins.set(mark.name, Number(mark.value))
      return
    case "ask":
      past.asks.set(mark.name, mark)
      return
    case "note":
      if (mark.name === Names.down) past.downMs = Number(mark.value)
      else if (mark.name === Names.struck) past.isStruck = true
      else if (Names.isResponses(mark.path, mark.name)) {
        past.identified.set(AgentPath.key(mark.path), decodeIdentified(mark.value))
      } else if (Names.isCost(mark.name)) past.costs.set(mark.name, decodeCost(mark.value))
      return
    case "snapshot":
      return
  }
}
