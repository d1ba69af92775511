/**
 * The calls of the random scenarios that take their time: handlers that sleep, with parts that run once, and handlers
 * that answer later; and the outside that delivers late results: at once or after a while, twice, invalid, from another
 * process, after the end, or never. With the checks that all of it happened once.
 */
import { AgentPath, type Envelope, type Json } from "@reins/protocol"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import type { RuntimeShape } from "../runtime/RuntimeShape.ts"
import { ToolRun } from "../tool/ToolRun.ts"

/**
 * A ticket, as the outside knows it: how its result is to be delivered, and the outcome of the delivery.
 *
 * @since 0.2.0
 * @category models
 */
export interface KnownTicket {
  readonly id: string
  /** The idempotency key of its call. */
  readonly key: string
  readonly plan: Plan
  /** When it was opened first, in epoch milliseconds. */
  readonly at: number
  /**
   * How often a delivery was tried, what was delivered in those that were accepted, and in those that a process died in: it
   * may have stored that.
   */
  tries: number
  readonly accepted: Array<Json>
  readonly unanswered: Array<Json>
}

/**
 * What calls that take their time have done, over all owners of the run.
 *
 * @since 0.2.0
 * @category models
 */
export interface LateWorld {
  readonly tickets: Map<string, KnownTicket>
  /** How often the part of a call was executed that runs once, by call and part. */
  readonly once: Map<string, number>
}

/**
 * An empty record.
 *
 * @since 0.2.0
 * @category constructors
 */
export const makeWorld = (): LateWorld => ({ tickets: new Map(), once: new Map() })

/** What the handlers record besides, as those of other tools do. */
interface World {
  readonly begun: Array<string>
  readonly costs: Array<{ readonly nanoUsd: number; taken: boolean }>
}

/** How a result is delivered. `after`: milliseconds after its ticket was opened; absent: never. */
interface Plan {
  readonly after: number | undefined
  readonly isFailure: boolean
  /** Whether an invalid result is sent first. */
  readonly isWrongFirst: boolean
  /** Whether another process delivers it, which does not execute the run. */
  readonly isElsewhere: boolean
  readonly nanoUsd: number
}

type Random = () => number

const naps = Schema.Array(Schema.Natural)
const parameters = Schema.Struct({
  naps,
  asks: Schema.Boolean,
  ends: Schema.Literals(["receipt", "value", "failure"]),
  expiresInMs: Schema.optionalKey(Schema.Natural),
  plan: Schema.Struct({
    after: Schema.optionalKey(Schema.Natural),
    isFailure: Schema.Boolean,
    isWrongFirst: Schema.Boolean,
    isElsewhere: Schema.Boolean,
    nanoUsd: Schema.Natural
  })
})
type Arguments = typeof parameters.Type

const options = {
  parameters,
  success: Schema.Struct({ done: Schema.String }),
  failure: Schema.Struct({ sorry: Schema.String }),
  dependencies: [ToolRun]
}
const Nap = Tool.make("nap", {
  description: "Works, and sleeps in between",
  ...options,
  needsApproval: ({ asks }) => asks
})
const Post = Tool.make("post", { description: "Works, and answers later", ...options }).annotate(Tool.Idempotent, true)

/**
 * The two tools.
 *
 * @since 0.2.0
 * @category models
 */
export class Tools extends Toolkit.make(Nap, Post) {}

/** Whether a tool is one of them. */
export const has = (name: string): boolean => name === "nap" || name === "post"

/** The name of a tool, as often as it is drawn for each time that another one is. */
export const weighted = (name: string): ReadonlyArray<string> =>
  name === "post" ? Array.from({ length: 8 }, () => name) : name === "nap" ? [name, name, name] : [name]

const day = 24 * 60 * 60 * 1000

/** The arguments of a model's call. */
export const args = (random: Random): Json => {
  const nap = () => (random() < 0.1 ? day : Math.floor(random() * 6000))
  const ends = random() < 0.75 ? "receipt" : random() < 0.5 ? "value" : "failure"
  return {
    naps: Array.from({ length: Math.floor(random() * 3) }, nap),
    asks: random() < 0.2,
    ends,
    ...(random() < 0.3 ? { expiresInMs: Math.floor(random() * 12_000) } : {}),
    plan: {
      ...(random() < 0.12 ? {} : { after: random() < 0.25 ? 0 : Math.floor(random() * 15_000) }),
      isFailure: random() < 0.2,
      isWrongFirst: random() < 0.2,
      isElsewhere: random() < 0.3,
      nanoUsd: random() < 0.5 ? 0 : 500 + Math.floor(random() * 2000)
    }
  }
}

/**
 * The handlers. What a part reports before its last sleep is not reported again, so that only the rest counts as
 * reported.
 *
 * @since 0.2.0
 * @category layers
 */
export const layer = (world: World, late: LateWorld) => {
  const handle = (isPost: boolean) =>
    Effect.fnUntraced(function* ({ ends, expiresInMs, naps, plan }: Arguments) {
      const run = yield* ToolRun
      const key = run.idempotencyKey
      world.begun.push(key)
      const ticket = isPost ? yield* run.later({ receipt: { sent: key }, expiresIn: expiresInMs }) : undefined
      if (ticket !== undefined && !late.tickets.has(ticket.id)) {
        const at = yield* Clock.currentTimeMillis
        late.tickets.set(ticket.id, {
          id: ticket.id,
          key,
          plan: { ...plan, after: plan.after },
          at,
          tries: 0,
          accepted: [],
          unanswered: []
        })
      }
      for (let part = 0; part <= naps.length; part++) {
        const cost = { nanoUsd: 1000 + part, taken: false }
        world.costs.push(cost)
        yield* run.reportCost(cost.nanoUsd / 1e9)
        cost.taken = true
        yield* run.once(
          `part ${part}`,
          Effect.sync(() => {
            const name = `${key} ${part}`
            const times = (late.once.get(name) ?? 0) + 1
            late.once.set(name, times)
            return times
          })
        )
        yield* run.emit("part_done", { key, part })
        const nap = naps[part]
        if (nap === undefined) break
        yield* run.sleep(nap)
        // It has slept before: what it reported up to here had been reported then.
        world.costs.splice(world.costs.indexOf(cost), 1)
      }
      if (ticket !== undefined && ends === "receipt") return yield* ticket.end
      return yield* ends === "failure" ? Effect.fail({ sorry: "it did not work" }) : Effect.succeed({ done: key })
    })
  return Tools.toLayer({ nap: handle(false), post: handle(true) })
}

/** What is delivered for a ticket. */
const valueOf = ({ key }: KnownTicket): Json => ({ done: `late ${key}` })

/** Delivers a result, and records whether it was accepted: what comes with it costs then. */
const deliver = (runtime: RuntimeShape, world: World, ticket: KnownTicket): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { isFailure, isWrongFirst, nanoUsd } = ticket.plan
    const isFirst = ticket.tries++ === 0
    const value = isFirst ? valueOf(ticket) : { done: "once more" }
    const answered = () => void ticket.unanswered.splice(ticket.unanswered.indexOf(value), 1)
    const cost = { nanoUsd, taken: false }
    world.costs.push(cost)
    const wrong =
      isWrongFirst && isFirst && !isFailure
        ? Effect.matchEffect(runtime.results.deliver(ticket.id, { value: { done: 7 } }), {
            onFailure: () => Effect.void,
            onSuccess: () =>
              Effect.sync(() => void ticket.accepted.push({ done: 7 }, "accepted although it is invalid"))
          })
        : Effect.void
    const delivered = runtime.results.deliver(ticket.id, isFailure ? { failure: value } : { value }, {
      costUsd: nanoUsd / 1e9
    })
    return Effect.andThen(
      Effect.andThen(
        wrong,
        Effect.sync(() => void ticket.unanswered.push(value))
      ),
      Effect.matchEffect(delivered, {
        onFailure: () =>
          Effect.sync(() => {
            answered()
            world.costs.splice(world.costs.indexOf(cost), 1)
          }),
        onSuccess: () =>
          Effect.sync(() => {
            answered()
            cost.taken = true
            ticket.accepted.push(value)
          })
      })
    )
  })

/**
 * Plays the outside: delivers each result when it is due, and once more after that. `elsewhere`: the process that does
 * not execute the run; absent: there is none. `isDead`: while no process executes the run, only that one delivers.
 *
 * @since 0.2.0
 * @category operations
 */
export const deliverDue = Effect.fnUntraced(function* (
  runtime: RuntimeShape,
  elsewhere: RuntimeShape | undefined,
  world: World,
  late: LateWorld,
  isDead = false
) {
  const now = yield* Clock.currentTimeMillis
  for (const ticket of late.tickets.values()) {
    const { after = Number.POSITIVE_INFINITY, isElsewhere } = ticket.plan
    if (ticket.tries > 1 || now < ticket.at + after + 500 * ticket.tries) continue
    const from = isElsewhere ? elsewhere : undefined
    if (isDead && from === undefined) continue
    yield* deliver(from ?? runtime, world, ticket)
  }
})

/**
 * Tries to deliver the results of all tickets of a run that has ended.
 *
 * @since 0.2.0
 * @category operations
 */
export const deliverAfterEnd = (runtime: RuntimeShape, world: World, late: LateWorld): Effect.Effect<void> =>
  Effect.forEach(
    late.tickets.values(),
    (ticket) => {
      const before = ticket.accepted.length
      ticket.tries++
      return Effect.map(deliver(runtime, world, ticket), () => {
        if (ticket.accepted.length > before) ticket.accepted.push("accepted after the end of the run")
      })
    },
    { discard: true }
  )

/**
 * All violations in a log: an accepted result is in it once, as it was delivered, unless its call has a result of its
 * own; nothing else is; parts of calls that run once did, unless a process died in between. `deaths`: how many have.
 */
export const check = (
  stored: ReadonlyArray<Envelope.Envelope>,
  late: LateWorld | undefined,
  { deaths, isHooked }: { readonly deaths: number; readonly isHooked: boolean }
): ReadonlyArray<string> => {
  if (late === undefined) return []
  const faults: Array<string> = []
  const receipts = new Map<string, { readonly ticketId: string; readonly expiresAt?: number }>()
  const results = new Map<string, { readonly result: Json; readonly status?: string }>()
  const told = new Map<string, number>()
  for (const { agentPath, at, event } of stored) {
    if (event.type === "tool-invocation" && event.state === "result" && event.later !== undefined) {
      receipts.set(keyOf(agentPath, event.toolInvocationId), event.later)
    } else if (event.type === "late-result") {
      const key = keyOf(agentPath, event.toolInvocationId)
      if (results.has(key)) faults.push(`${key} has two late results`)
      results.set(key, event)
      const { expiresAt = Number.POSITIVE_INFINITY } = receipts.get(key) ?? {}
      if (errorOf(event.result) === "Expired" && at < expiresAt) faults.push(`${key} expired too early`)
    } else if (event.type === "custom" && event.event_type === "part_done" && isPart(event.data)) {
      const name = `${event.data.key} ${event.data.part}`
      told.set(name, (told.get(name) ?? 0) + 1)
    }
  }
  const known = new Set(Array.from(late.tickets.values(), ({ id }) => id))
  for (const [key, { ticketId }] of receipts) {
    if (!known.has(ticketId)) faults.push(`${key} has a receipt for a ticket that no handler got`)
  }
  for (const key of results.keys()) if (!receipts.has(key)) faults.push(`${key} has a late result, and no receipt`)
  for (const { accepted, id, key, plan, unanswered } of late.tickets.values()) {
    if (accepted.length > 1) faults.push(`${key} took ${accepted.length} results`)
    const receipt = receipts.get(key)
    const result = results.get(key)
    if (receipt === undefined) continue
    if (receipt.ticketId !== id) faults.push(`${key} has another ticket than its handler got`)
    if (result === undefined) {
      faults.push(`${key} has no late result`)
      continue
    }
    const may = accepted.length > 0 ? accepted.slice(0, 1) : unanswered
    const isClosed = errorOf(result.result) === "Closed" || errorOf(result.result) === "Expired"
    if (isClosed ? accepted.length > 0 : may.length === 0) {
      faults.push(
        `${key}: accepted was ${JSON.stringify(accepted)}, the late result is ${JSON.stringify(result.result)}`
      )
    }
    if (isHooked || isClosed) continue
    const isSent = may.some((value) => JSON.stringify(value) === JSON.stringify(result.result))
    if (!isSent || (result.status === "failed") !== plan.isFailure) {
      faults.push(`${key}: the late result ${JSON.stringify(result)} is not what was delivered`)
    }
  }
  const most = 1 + deaths
  for (const [name, times] of late.once) if (times > most) faults.push(`${name} ran ${times} times`)
  for (const [name, times] of told) if (times > most) faults.push(`${name} was told ${times} times`)
  return faults
}

const isPart = (data: Json): data is { readonly key: string; readonly part: number } =>
  Predicate.hasProperty(data, "key") && Predicate.hasProperty(data, "part")

const errorOf = (result: Json): string | undefined =>
  Predicate.hasProperty(result, "error") && typeof result.error === "string" ? result.error : undefined

const keyOf = (path: AgentPath.AgentPath, callId: string): string => `run:${AgentPath.key(path)}${callId}`
