/**
 * How the handler of a running call stops before it has a result: it sleeps (`ToolRun.sleep`), or ends with a receipt
 * (`ToolRun.later`). Either way it is cut where it stands; what becomes of its call is decided by `ToolStep`.
 */
import { Budget } from "@reins/protocol"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Work } from "../engine/Engine.ts"
import * as Ticket from "../engine/Ticket.ts"
import * as Rule from "../kernel/OptionRule.ts"
import * as PlainJson from "../kernel/PlainJson.ts"
import * as Names from "../run/Names.ts"
import type { LaterOptions, Ticket as ToolTicket } from "../tool/ToolRun.ts"
import * as Call from "./Call.ts"
import type { CallContext, CallEnd } from "./Call.ts"
import * as CallHooks from "./CallHooks.ts"

/** The attempt that stops: how much it has reported, and how often it has slept. */
interface Parting {
  readonly open: boolean
  readonly index: number
  readonly told: number
  readonly costs: number
  sleeps: number
}

export class Suspension {
  /** The call's ticket, once it has one. */
  ticket: Ticket.Later | undefined
  /** The call's end, when the handler ended with its receipt. */
  receipt: CallEnd | undefined
  /** When the handler wants to go on, in epoch milliseconds; set when it sleeps. */
  private wakesAt: number | undefined
  private halt: (() => void) | undefined
  private readonly context: CallContext
  private readonly work: Work
  private readonly part: Call.Part | undefined

  /** `part`: where the call goes on after a sleep. `halt`: cuts the handler; absent: it has not been begun. */
  constructor(context: CallContext, work: Work, part: Call.Part | undefined, halt: (() => void) | undefined) {
    this.context = context
    this.work = work
    this.part = part
    this.halt = halt
  }

  /** The handler was begun and is not done; `halt` cuts it. */
  begun(halt: () => void): void {
    this.halt = halt
    if (this.wakesAt !== undefined || this.receipt !== undefined) halt()
  }

  /** The sleep that has stopped the attempt. `startedAt`: of the call, in epoch milliseconds. */
  sleepOf(attempt: Parting, startedAt: number): Call.Sleep | undefined {
    const { part, wakesAt } = this
    if (wakesAt === undefined) return undefined
    return {
      until: wakesAt,
      told: Math.max(attempt.told, part?.told ?? 0),
      costs: Math.max(attempt.costs, part?.costs ?? 0),
      startedAt,
      begun: attempt.index + 1
    }
  }

  /** Sleeps, unless the call has slept this often already. */
  fallAsleep(attempt: Parting, duration: Duration.Input): Effect.Effect<void> {
    if (++attempt.sleeps <= (this.part?.count ?? 0)) return Effect.void
    const issue = Rule.issueOf("sleep", duration, Rule.time)
    if (issue !== undefined) return Effect.die(new Error(issue))
    const until = Math.ceil(this.work.now() + Math.max(0, Budget.milliseconds(duration)))
    if (!Number.isSafeInteger(until)) return Effect.die(new Error("sleep: the duration is infinite. Give a finite one"))
    if (attempt.open && this.wakesAt === undefined) {
      this.wakesAt = until
      this.halt?.()
    }
    return Effect.never
  }

  /** Opens the call's ticket; the same one each time. */
  openTicket(attempt: Parting, { expiresIn, receipt }: LaterOptions): Effect.Effect<ToolTicket> {
    const { agent, call, hooks, tool } = this.context
    const json = PlainJson.copy(receipt)
    if (json === undefined) return Effect.die(new Error("later: the receipt is not JSON"))
    const issue = Rule.issueOf("later.expiresIn", expiresIn, Rule.optional(Rule.time))
    if (issue !== undefined) return Effect.die(new Error(issue))
    const ms = expiresIn === undefined ? Number.POSITIVE_INFINITY : Budget.milliseconds(expiresIn)
    const until = Math.ceil(this.work.now() + Math.max(0, ms))
    const ticketId = Names.ticketId(this.work.runId, agent.prefix, call.id)
    const about: Ticket.About = {
      toolName: tool.name,
      callId: call.id,
      path: agent.path,
      schema: tool.resultSchema?.() ?? {},
      ...(Number.isSafeInteger(until) ? { expiresAt: until } : {}),
      ...(CallHooks.isSeen(Call.receipt(json, { ticketId }), hooks) ? { isChecked: true } : {})
    }
    const name = Names.ofTicket(ticketId)?.about ?? ""
    return Effect.map(this.work.kept.put(name, Ticket.writeAbout(about)), (stored): ToolTicket => {
      const { expiresAt } = Ticket.readAbout(stored)
      const later: Ticket.Later = { ticketId, ...(expiresAt === undefined ? {} : { expiresAt }) }
      this.ticket = later
      const end = Effect.suspend(() => {
        if (attempt.open && this.receipt === undefined) {
          this.receipt = Call.receipt(json, later)
          this.halt?.()
        }
        return Effect.never
      })
      return { id: ticketId, expiresAt, end }
    })
  }
}
