/**
 * Generates random valid logs for property tests of code that folds, encodes or stores logs. It follows the automaton,
 * so it generates exactly what the automaton allows: nested specialists, parallel calls, approvals with every outcome,
 * progress, retractions, plans, budgets, and runs that end well, fail, or are left in the middle.
 */
import * as AgentPath from "../AgentPath.ts"
import * as Envelope from "../event/Envelope.ts"
import type * as Events from "../event/Event.ts"
import type { Event } from "../event/Event.ts"
import { apply } from "../ordering/OrderingChange.ts"
import { judgeByRules } from "../ordering/OrderingRules.ts"
import * as Sample from "./OrderingSample.ts"
import { pick, type Random } from "./OrderingSample.ts"
import { make, type Agent, type Call } from "../ordering/OrderingState.ts"
import { isRefused, planPhases } from "../ordering/OrderingTables.ts"

export { seeded, type Random } from "./OrderingSample.ts"

/**
 * Options of `generate`.
 *
 * @since 0.1.0
 * @category models
 */
export interface GenerateOptions {
  /** About how many events are generated before the run begins to end. Absent: 60. */
  readonly events?: number | undefined
  /** How many levels of specialists there are; 0 for none. Absent: 2. */
  readonly depth?: number | undefined
  /** The most calls of one step. Absent: 4. */
  readonly parallel?: number | undefined
  /** How the run ends; `"open"` leaves it in the middle. Absent: `"finish"` or `"error"`, at random. */
  readonly ending?: "finish" | "error" | "open" | undefined
  /** Absent: `"run-1"`. */
  readonly runId?: string | undefined
  /** Absent: `"thread-1"`. */
  readonly threadId?: string | undefined
  /** Epoch milliseconds of the first envelope. Absent: 0. */
  readonly startAt?: number | undefined
}

const threadOf = (options: GenerateOptions): string => options.threadId ?? "thread-1"

interface Move {
  readonly weight: number
  readonly agent: Agent
  readonly event: Event
  /** What it is the input of. */
  readonly written?: Written
}

/** A call whose input is being written, and how much of it is. */
interface Written {
  readonly call: Events.ToolCall | Events.AgentCall
  readonly length: number
}

interface World {
  readonly random: Random
  readonly options: GenerateOptions
  readonly ids: Map<string, number>
  /** By the key of their agent. */
  readonly writing: Map<string, Written>
  readonly draining: boolean
}

// Ids are unique per agent only, so that several paths have the same id, as with real models.
const freshId = (world: World, scope: string, prefix: string): string => {
  const next = (world.ids.get(`${scope} ${prefix}`) ?? 0) + 1
  world.ids.set(`${scope} ${prefix}`, next)
  return `${prefix}${next}`
}
const peekId = (world: World, scope: string, prefix: string): string =>
  `${prefix}${(world.ids.get(`${scope} ${prefix}`) ?? 0) + 1}`

const isSettled = (agent: Agent | undefined): boolean =>
  agent === undefined || (agent.calls.size === 0 && agent.pending === 0 && agent.late.size === 0)

const callMoves = (world: World, agent: Agent, id: string, call: Call): ReadonlyArray<Move> => {
  const { random } = world
  const moves: Array<Move> = []
  const add = (weight: number, event: Event) => moves.push({ weight, agent, event })
  const settled = isSettled(agent.nested.get(call.segment ?? ""))
  if (settled) add(world.draining ? 4 : 2, Sample.result(random, id, call))
  if (call.kind === "tool" && !world.draining) add(0.5, Sample.receipt(random, id, call))
  if (call.kind === "agent" && settled && !call.reported) {
    add(world.draining && !isRefused(call.phase) ? 4 : 0.5, Sample.agentUsage(random, call.name, id))
  }
  if (world.draining) return moves
  const asked = (begunBefore?: number) =>
    Sample.toolRequest(threadOf(world.options), peekId(world, "", "approval-"), agent.path, id, call.name, begunBefore)
  add(1, asked())
  if (call.kind === "tool") {
    add(call.phase === "superseded" ? 2 : 0.3, asked(call.phase === "superseded" ? 0 : 1 + Math.floor(random() * 2)))
    add(2, Sample.progress(random, id, call))
    add(1, Sample.question(threadOf(world.options), peekId(world, "", "approval-"), agent.path, id, call.name))
  }
  return moves
}

const stepMoves = (world: World, agent: Agent): ReadonlyArray<Move> => {
  const { options, random } = world
  const moves: Array<Move> = []
  const add = (weight: number, event: Event) => moves.push({ weight, agent, event })
  add(agent.step === "open" ? 0.5 : 4, { type: "step-start" })
  add(6, { type: "text", text: Sample.words(random) })
  add(2, { type: "reasoning", text: Sample.words(random) })
  add(1, Sample.second(random))
  add(0.4, Sample.source(random))
  add(0.4, { type: "step-retracted", reason: pick(random, "crash", "failover") })
  const mayNest = agent.path.length < (options.depth ?? 2)
  const written = world.writing.get(agent.key)
  if (written !== undefined) return [...moves, ...inputMoves(random, agent, written)]
  if (agent.calls.size < (options.parallel ?? 4)) {
    const id = peekId(world, agent.key, "call-")
    const toolCall = Sample.toolCall(random, id)
    const agentCall = Sample.agentCall(random, id)
    add(3, toolCall)
    if (mayNest) add(2, agentCall)
    const call = mayNest && random() < 0.3 ? agentCall : toolCall
    // A model writes nothing while its agent waits.
    if (agent.pending === 0) moves.push({ weight: 2, agent, ...Sample.input(random, call, 0) })
  }
  return moves
}

/** More of the input of a call, or the call when all of it is written. */
const inputMoves = (random: () => number, agent: Agent, { call, length }: Written): ReadonlyArray<Move> => {
  const more = Sample.input(random, call, length)
  return [more.written.length === length ? { weight: 8, agent, event: call } : { weight: 8, agent, ...more }]
}

const otherMoves = (world: World, agent: Agent): ReadonlyArray<Move> => {
  const { options, random } = world
  const moves: Array<Move> = []
  const add = (weight: number, event: Event) => moves.push({ weight, agent, event })
  const approvalId = peekId(world, "", "approval-")
  if (!world.writing.has(agent.key)) add(0.3, Sample.otherRequest(random, threadOf(options), approvalId, agent.path))
  add(0.3, Sample.budgetExhausted(random, agent.path))
  add(0.2, Sample.file(random, peekId(world, "", "file-")))
  if (agent.path.length === 0) add(0.6, Sample.received(random, agent.run.received + 1))
  add(0.2, { type: "data-flow-ui", data: { dsl: `card ${Sample.words(random)}` } })
  add(0.2, { type: "custom", event_type: "acme-note", data: { note: Sample.words(random) } })
  const planId = pick(random, peekId(world, "", "plan-"), ...agent.run.plans.keys())
  const from = agent.run.plans.get(planId) ?? "draft"
  for (const to of planPhases[from]) add(0.3, { type: "plan-status-change", data: { planId, from, to } })
  return moves
}

const endingMoves = (world: World, agent: Agent): ReadonlyArray<Move> => {
  const ending = world.options.ending ?? "either"
  const weights = { finish: { finish: 1, error: 0 }, error: { finish: 0, error: 1 }, either: { finish: 3, error: 1 } }
  const weight = ending === "open" ? weights.finish : weights[ending]
  const failing = agent.run.phase === "running" ? weight.error : 1
  return [
    { weight: weight.finish, agent, event: Sample.finish(world.random) },
    { weight: failing, agent, event: Sample.costSummary },
    { weight: 1, agent, event: Sample.latencySummary },
    { weight: 1, agent, event: { type: "error", error: { message: "the model is gone", code: "E_MODEL" } } }
  ]
}

const movesOf = (world: World, agent: Agent): Array<Move> => {
  const moves: Array<Move> = []
  for (const [id, asked] of agent.run.pending) {
    if (asked.agentKey !== agent.key) continue
    moves.push({ weight: 2, agent, event: Sample.decision(world.random, id, asked.isQuestion) })
  }
  for (const [id, name] of agent.late) {
    moves.push({ weight: world.draining ? 4 : 1, agent, event: Sample.lateResult(world.random, id, name) })
  }
  for (const [id, call] of agent.calls) moves.push(...callMoves(world, agent, id, call))
  if (!world.draining) moves.push(...stepMoves(world, agent), ...otherMoves(world, agent))
  if (world.draining && agent.path.length === 0) moves.push(...endingMoves(world, agent))
  for (const nested of agent.nested.values()) moves.push(...movesOf(world, nested))
  return moves
}

const choose = (random: Random, moves: ReadonlyArray<Move>): Move | undefined => {
  const lawful = moves.filter(({ agent, event, weight }) => weight > 0 && judgeByRules(agent, event) === undefined)
  let at = random() * lawful.reduce((sum, { weight }) => sum + weight, 0)
  return lawful.find(({ weight }) => (at -= weight) < 0) ?? lawful.at(-1)
}

const endsStep = ({ type }: Event): boolean => type === "message-received" || type === "late-result"

/** Uses up the ids of a generated event. */
const take = (world: World, { agent, event, written }: Move): void => {
  if (written !== undefined) world.writing.set(agent.key, written)
  // No call takes up the input of a step that is over, nor its id.
  const isOver = event.type === "step-start" || event.type === "step-retracted" || endsStep(event)
  if (isOver && world.writing.delete(agent.key)) freshId(world, agent.key, "call-")
  if (event.type === "approval-required") freshId(world, "", "approval-")
  if (event.type === "data-file-registered") freshId(world, "", "file-")
  if (event.type === "plan-status-change" && event.data.planId === peekId(world, "", "plan-")) {
    freshId(world, "", "plan-")
  }
  if ((event.type === "tool-invocation" || event.type === "tool-agent") && event.state === "call") {
    world.writing.delete(agent.key)
    freshId(world, agent.key, "call-")
  }
}

/**
 * A random valid log, for property tests: `generate(seeded(7))` is always the same log. The run is complete unless
 * `ending` is `"open"`.
 *
 * @since 0.1.0
 * @category operations
 */
export const generate = (random: Random, options: GenerateOptions = {}): ReadonlyArray<Envelope.Envelope> => {
  const root = make("log")
  const ids = new Map<string, number>()
  const writing = new Map<string, Written>()
  const wanted = options.events ?? 60
  const log: Array<Envelope.Envelope> = []
  let at = options.startAt ?? 0
  while (root.run.phase !== "ended") {
    const draining = log.length >= wanted
    if (draining && options.ending === "open") break
    const world: World = { random, options, ids, writing, draining }
    const move = choose(random, movesOf(world, root))
    if (move === undefined) break
    take(world, move)
    const agentPath = move.agent.path.length === 0 ? AgentPath.root : move.agent.path
    log.push(Envelope.make(log.length + 1, at, options.runId ?? "run-1", threadOf(options), agentPath, move.event))
    apply(move.agent, move.event)
    at += Math.floor(random() * 50)
  }
  return log
}
