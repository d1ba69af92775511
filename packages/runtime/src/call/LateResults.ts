/**
 * The late results of an agent's calls that ended with a receipt (`ToolRun.later`): each enters its conversation before
 * one of its steps, once. An agent that would end waits for them, unless it was asked not to; whatever is missing when
 * it ends is closed then, so that every receipt has its late result in the log.
 *
 * What was taken before a step is stored, so that every replay takes the same. A result that came in time but was not
 * taken before the end is added to the conversation without an answer.
 */
import { type Entry, Event, type Json } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import type { Settled, Work } from "../engine/Engine.ts"
import * as Ticket from "../engine/Ticket.ts"
import * as Task from "../kernel/Task.ts"
import type { AgentState, OpenTicket } from "../run/AgentState.ts"
import * as Names from "../run/Names.ts"
import { charge, type Run } from "../run/Run.ts"
import type { CallContext } from "./Call.ts"
import * as Call from "./Call.ts"
import * as CallHooks from "./CallHooks.ts"

const Taken = Schema.Array(Schema.Struct({ callId: Schema.String, end: Ticket.End }))
type Taken = typeof Taken.Type

/** Whether an agent that has answered waits for late results. */
export const isDue = ({ onOpenResults }: Pick<Run, "onOpenResults">, agent: AgentState): boolean =>
  agent.tickets !== undefined && (onOpenResults ?? agent.member.definition.onOpenResults) !== "end"

/**
 * Takes what has come before `step`, and then the messages; `undefined` where there is nothing. `messages`: called once
 * the results are taken, since messages that an earlier owner has taken enter the conversation in that moment.
 */
export const before = (
  run: Run,
  agent: AgentState,
  step: number,
  messages: () => Effect.Effect<void> | undefined
): Effect.Effect<void> | undefined =>
  agent.tickets === undefined ? messages() : Task.flatMap(take(run, agent, step), () => messages() ?? Exit.void)

/** Takes the results that have come before `step`, and those that will not come any more. */
const take = (run: Run, agent: AgentState, step: number): Effect.Effect<void> =>
  settle(run, agent, Names.late(agent.prefix, step), (work, { later }) => {
    const name = Names.ticketEnd(later.ticketId)
    const { expiresAt = Number.POSITIVE_INFINITY } = later
    return Effect.flatMap(work.kept.find(name), (found) =>
      found === undefined && work.now() >= expiresAt
        ? work.kept.put(name, Ticket.write(Ticket.expired))
        : Effect.succeed(found)
    )
  })

/** Closes what is open when the agent ends. */
export const leave = (run: Run, agent: AgentState): Effect.Effect<void> =>
  Effect.suspend(() =>
    agent.tickets === undefined
      ? Effect.void
      : settle(run, agent, Names.lateEnd(agent.prefix), (work, { later }) =>
          work.kept.put(Names.ticketEnd(later.ticketId), Ticket.write(Ticket.closed))
        )
  )

const Awaited = Schema.Literals(["came", "due", "cancelled"])

/** Waits, after the agent has answered in `step`, until there is a result, a message of a user, or a cancel. */
export const wait = (run: Run, agent: AgentState, step: number): Effect.Effect<typeof Awaited.Type> => {
  agent.trim()
  const tickets = agent.tickets ?? []
  const due = Math.min(...tickets.map(({ later: { expiresAt = Number.POSITIVE_INFINITY } }) => expiresAt))
  const names = tickets.map(({ later }) => Names.ticketEnd(later.ticketId))
  const told = run.engine.emit(Names.lateAwaited(agent.prefix, step), agent.path, () => [
    {
      type: "custom",
      event_type: "results_awaited",
      data: {
        calls: tickets.map(({ call: { id, name }, later: { expiresAt } }) => ({
          toolInvocationId: id,
          toolName: name,
          ...(expiresAt === undefined ? {} : { expiresAt })
        }))
      }
    }
  ])
  if (agent.path.length === 0) names.push(Names.inbox(agent.received + 1))
  const waited = run.engine.wait<typeof Awaited.Type>(
    Names.lateWait(agent.prefix, step),
    Awaited,
    {
      cancelled: "cancelled",
      ...(due === Number.POSITIVE_INFINITY ? {} : { expires: { at: due, value: "due" } }),
      any: { names, value: "came" }
    },
    { path: agent.path, reason: "result", id: `late/${step}` }
  )
  return Task.flatMap(told, () => Task.map(waited, ({ value }) => value))
}

/** Takes the tickets that `endOf` has an end of, in one activity. */
const settle = (
  run: Run,
  agent: AgentState,
  name: string,
  endOf: (work: Work, ticket: OpenTicket) => Effect.Effect<Json | undefined>
): Effect.Effect<void> => {
  const tickets = agent.tickets ?? []
  const taking = run.engine.activity(
    name,
    Taken,
    Effect.fnUntraced(function* (work) {
      const taken: Array<Taken[number]> = []
      const rows: Array<Entry.Entry> = []
      for (const ticket of tickets) {
        const { call } = ticket
        const json = yield* endOf(work, ticket)
        if (json === undefined) continue
        const end = Ticket.read(json)
        rows.push(...(yield* booked(work, { path: agent.path, callId: call.id, toolName: call.name }, end)))
        taken.push({ callId: call.id, end: yield* checked(run, agent, work, ticket, end, rows) })
      }
      const events = taken.map(({ callId, end }) =>
        Event.lateResult({ id: callId, name: nameOf(tickets, callId) }, end)
      )
      return { value: taken, path: agent.path, events, spent: rows } satisfies Settled<Taken>
    })
  )
  return Effect.map(taking, (taken) => {
    for (const { callId, end } of taken) agent.say(Ticket.message({ id: callId, name: nameOf(tickets, callId) }, end))
    const rest = tickets.filter(({ call }) => !taken.some(({ callId }) => callId === call.id))
    agent.tickets = rest.length === 0 ? undefined : rest
  })
}

/** Charges what a delivered result has cost, and returns its row. */
const booked = (
  work: Work,
  about: Pick<Ticket.About, "callId" | "path" | "toolName">,
  end: Ticket.End
): Effect.Effect<ReadonlyArray<Entry.Entry>> => {
  const { tree } = work
  const row = Ticket.rowOf(about, end, work.now(), tree.moneyLeft(about.path))
  if (row === undefined || Ticket.isBooked(work.ledger(), row)) return Effect.succeed([])
  charge(work, about.path, { nanoUsd: row.costNanoUsd ?? 0 })
  return tree.lease === undefined
    ? Effect.succeed([row])
    : Effect.map(tree.lease.cover(work.now()), (isPassed) => [isPassed ? { ...row, overrun: true } : row])
}

/** Of which agent, and which call. */
type Agent = Pick<AgentState, "path" | "prefix">
type Called = Pick<CallContext["call"], "id" | "name">

/** Whether a call has a ticket, as far as this process knows. */
export const hasTicket = (work: Work, agent: Agent, call: Called): boolean => ticketOf(work, agent, call) !== undefined

/** The names of a call's ticket, if it has one. */
const ticketOf = (work: Work, { prefix }: Agent, call: Called) => {
  const names = Names.ofTicket(Names.ticketId(work.runId, prefix, call.id))
  return names === undefined || work.kept.get(names.about) === undefined ? undefined : names
}

/**
 * Closes the ticket of a call that has ended otherwise than with its receipt, if it has one. Returns the rows of what a
 * result that was delivered before has cost: the result itself is not read, since the call has its own.
 */
export const close = (work: Work, agent: Agent, call: Called): Effect.Effect<ReadonlyArray<Entry.Entry>> => {
  const ticket = ticketOf(work, agent, call)
  if (ticket === undefined) return Effect.succeed([])
  return Effect.flatMap(work.kept.put(ticket.end, Ticket.write(Ticket.closed)), (json) =>
    booked(work, { path: agent.path, callId: call.id, toolName: call.name }, Ticket.read(json))
  )
}

const nameOf = (tickets: ReadonlyArray<OpenTicket>, callId: string): string =>
  tickets.find(({ call }) => call.id === callId)?.call.name ?? ""

/** What the hooks after the call let through of a delivered result. */
const checked = Effect.fnUntraced(function* (
  run: Run,
  agent: AgentState,
  work: Work,
  { call, later }: OpenTicket,
  end: Ticket.End,
  rows: Array<Entry.Entry>
) {
  const tool = agent.member.tools.get(call.name)
  if (tool === undefined || end.by !== "delivery") return end
  const context: CallContext = { run, agent, call, tool, hooks: agent.member.hooks?.ofCall(call.name, tool.hooks) }
  const given = Call.done({ result: end.result, status: end.status, content: undefined })
  const hooked = CallHooks.isSeen(given, context.hooks) ? CallHooks.ofTool(context) : undefined
  if (hooked === undefined) return end
  const after = yield* CallHooks.after(hooked, work, Names.ticketEnd(later.ticketId), given)
  rows.push(...after.all.end())
  if (after.all.bill !== undefined) work.spending.settle([], after.all)
  const { result, status } = after.end.outcome
  return {
    by: end.by,
    result,
    ...(status === undefined ? {} : { status: status === "cancelled" ? status : ("failed" as const) })
  } satisfies Ticket.End
})
