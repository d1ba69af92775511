/**
 * Takes late results of calls that ended with a receipt (`ToolRun.later`). A result is validated against what the
 * ticket stores of its tool, in any process and without the agent's code, and is accepted at most once: one write
 * decides between two deliveries, the ticket's expiry and the end of its run.
 */
import { type Json, Money } from "@reins/protocol"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Ticket from "../engine/Ticket.ts"
import * as PlainJson from "../kernel/PlainJson.ts"
import * as Names from "../run/Names.ts"
import * as JsonSchema from "../tool/JsonSchema.ts"
import { ResultRefused } from "./NotFound.ts"
import type { RuntimeParts } from "./RuntimeParts.ts"

/**
 * The late result of a call: a value that fits its tool's schema, or a failure, which the model reads unchanged.
 *
 * @since 0.2.0
 * @category models
 */
export type LateResult = { readonly value: Json } | { readonly failure: Json }

/**
 * Options of `results.deliver`. `resourceId`: only a ticket of this tenant. `costUsd`: what the result has cost, in US
 * dollars, for the ledger and the budget of its run; absent: nothing.
 *
 * @since 0.2.0
 * @category models
 */
export interface DeliverOptions {
  readonly resourceId?: string | undefined
  readonly costUsd?: number | undefined
}

/**
 * A ticket. `schema`: the JSON Schema of its tool's results. `expiresAt`: in epoch milliseconds; absent: never.
 * `state`: `open` while a result is accepted.
 *
 * @since 0.2.0
 * @category models
 */
export interface TicketStatus {
  readonly ticketId: string
  readonly runId: string
  readonly threadId: string
  readonly toolName: string
  readonly callId: string
  readonly agentPath: ReadonlyArray<string>
  readonly schema: Json
  readonly expiresAt?: number
  readonly state: "open" | "delivered" | "expired" | "closed"
}

/** A ticket, unless it is unknown or of another tenant. */
const found = Effect.fnUntraced(function* ({ host }: RuntimeParts, ticketId: string, resourceId: string | undefined) {
  const names = Names.ofTicket(ticketId)
  const status = names === undefined ? undefined : yield* host.status(names.runId)
  const unknown = () => Effect.fail(new ResultRefused({ ticketId, why: "unknown" }))
  if (names === undefined || status === undefined) return yield* unknown()
  if (resourceId !== undefined && status.resourceId !== resourceId) return yield* unknown()
  const about = (yield* host.answers(names.runId, names.about)).get(names.about)
  if (about === undefined) return yield* unknown()
  const end = (yield* host.answers(names.runId, names.end)).get(names.end)
  return { names, status, about: Ticket.readAbout(about), end: end === undefined ? undefined : Ticket.read(end) }
})

/** The ticket of that id. */
export const get = Effect.fnUntraced(function* (
  parts: RuntimeParts,
  ticketId: string,
  { resourceId }: { readonly resourceId?: string | undefined } = {}
) {
  const { about, end, status } = yield* found(parts, ticketId, resourceId)
  const now = yield* Clock.currentTimeMillis
  const { callId, expiresAt = Number.POSITIVE_INFINITY, path, schema, toolName } = about
  return {
    ticketId,
    runId: status.runId,
    threadId: status.threadId,
    toolName,
    callId,
    agentPath: path,
    schema,
    ...(about.expiresAt === undefined ? {} : { expiresAt }),
    state:
      end !== undefined ? states[end.by] : status.state === "ended" ? "closed" : now >= expiresAt ? "expired" : "open"
  } satisfies TicketStatus
})

const states = { delivery: "delivered", expiry: "expired", close: "closed" } as const
const refusals = { delivery: "already-delivered", expiry: "expired", close: "closed" } as const

/** Delivers the result of a ticket. */
export const deliver = Effect.fnUntraced(function* (
  parts: RuntimeParts,
  ticketId: string,
  result: LateResult,
  { costUsd, resourceId }: DeliverOptions = {}
) {
  const { host } = parts
  const { about, end, names, status } = yield* found(parts, ticketId, resourceId)
  const refuse = (why: ResultRefused["why"], issue?: string) =>
    Effect.fail(new ResultRefused({ ticketId, why, ...(issue === undefined ? {} : { issue }) }))
  if (end !== undefined) return yield* refuse(refusals[end.by])
  if (status.state === "ended") return yield* refuse("run-ended")
  if (about.expiresAt !== undefined && (yield* Clock.currentTimeMillis) >= about.expiresAt) {
    return yield* refuse("expired")
  }
  const isFailure = "failure" in result
  const value = PlainJson.copy(isFailure ? result.failure : result.value)
  if (value === undefined) return yield* refuse("invalid", "it is not JSON")
  const issue = isFailure ? undefined : JsonSchema.checker(about.schema)(value)
  if (issue !== undefined) return yield* refuse("invalid", issue)
  const cost = costUsd === undefined ? Result.succeed(0) : Money.parseUsd("costUsd", costUsd)
  if (Result.isFailure(cost)) return yield* refuse("invalid", cost.failure.message)
  const delivered: Ticket.End = {
    by: "delivery",
    result: value,
    ...(isFailure ? { status: "failed" as const } : {}),
    ...(cost.success === 0 ? {} : { costNanoUsd: cost.success })
  }
  const answered = yield* host.answer(status.runId, names.end, Ticket.write(delivered))
  if (answered._tag === "Resolved") return yield* refuse(refusals[Ticket.read(answered.value).by])
  if (answered._tag === "Unknown") return yield* refuse("run-ended")
})
