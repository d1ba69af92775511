/** The questions of a memory host's runs, with their outcomes: those of the runs that it still keeps. */
import { type AgentPath, type Approval, ListedRun } from "@reins/protocol"
import type { PendingApproval, RunRecord } from "../../engine/RunHost.ts"
import { Approval as Wait } from "./Approval.ts"
import type { MemoryRun } from "./MemoryRun.ts"

/** A question, and its outcome once it has one. */
interface Asked {
  readonly asked: PendingApproval
  outcome: Approval.Outcome | undefined
}

export class Questions {
  private readonly all = new Map<string, Asked>()

  /** A run asks. */
  ask(runId: string, request: Approval.Request, agentPath: AgentPath.AgentPath, askedAt: number): void {
    // Frozen, as the request in it is: callers that list it must not change it.
    this.all.set(request.id, { asked: Object.freeze({ runId, request, agentPath, askedAt }), outcome: undefined })
  }

  decide(id: string, outcome: Approval.Outcome): void {
    const asked = this.all.get(id)
    if (asked !== undefined) asked.outcome = outcome
  }

  get(id: string): Asked | undefined {
    return this.all.get(id)
  }

  /** Whether one of these is open. */
  isOpen(ids: ReadonlyArray<string> | undefined): boolean {
    return ids?.some((id) => this.all.get(id)?.outcome === undefined) === true
  }

  /** The open ones of a tenant, in the order in which they were asked. */
  pending(resourceId: string): ReadonlyArray<PendingApproval> {
    return Array.from(this.all.values())
      .filter((each) => each.outcome === undefined && each.asked.request.resourceId === resourceId)
      .map((each) => each.asked)
  }

  forget(ids: ReadonlyArray<string> | undefined): void {
    for (const id of ids ?? []) this.all.delete(id)
  }

  /** A run as lists have it: with what it waits for. */
  listed(record: RunRecord, run: MemoryRun): ListedRun.ListedRun {
    const { agent, principal, resourceId, runId, startedAt, threadId } = record
    const { envelopes } = run.log
    return {
      runId,
      threadId,
      resourceId,
      agent,
      ...(principal === undefined ? {} : { principal }),
      ...(run.log.ended ? { state: "ended" } : Wait.standing(run, this.isOpen(run.asked))),
      startedAt,
      lastAt: envelopes.at(-1)?.at ?? startedAt,
      lastSeq: envelopes.length,
      ...(run.log.ended ? ListedRun.endOf(envelopes.slice(-3)) : undefined)
    }
  }
}
