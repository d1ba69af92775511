/**
 * A journal in memory. It outlives the hosts that use it, so a test can stop a host and make another. It is the
 * reference for the SQL stores.
 */
import { AgentPath, type Approval, Envelope, type Json, ListedRun, QueryRejections } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { correctBooks, MemoryCosts, MemoryReconciliations } from "../../budget/CostStore.ts"
import { MemoryQuotas } from "../../budget/QuotaStore.ts"
import type { Erasing, Outcome } from "../../engine/Erasure.ts"
import type { Bill, PendingApproval, RunStatus } from "../../engine/RunHost.ts"
import * as RunList from "../../engine/RunList.ts"
import { noticeOfEnd, noticesIn } from "../../engine/Webhook.ts"
import { MemoryWebhooks } from "../../engine/WebhookStore.ts"
import * as MemoryErasure from "../memory/MemoryErasure.ts"
import * as RunExport from "./RunExport.ts"
import { type Batch, Fenced, type JournalStore, type Mark, type Opened, Overtaken } from "./JournalStore.ts"
import * as LeftBill from "./LeftBill.ts"
import * as MemoryRow from "./MemoryRow.ts"
import { MemoryAudit } from "../../approval/AuditStore.ts"
import { MemoryGrants } from "../../approval/GrantStore.ts"
import { MemoryMemories } from "../../memory/MemoryStore.ts"
import { MemoryFiles } from "../../thread/FileStore.ts"
import { MemoryThreads } from "../../thread/MemoryThreads.ts"

interface Asked {
  readonly asked: PendingApproval
  outcome: Approval.Outcome | undefined
}

/**
 * Called with each batch before and after it is stored; throwing simulates a store that crashes at that moment.
 *
 * @since 0.1.0
 * @category models
 */
export interface MemoryJournalOptions {
  readonly before?: ((batch: Batch) => void) | undefined
  readonly after?: ((batch: Batch) => void) | undefined
}

/**
 * A journal in memory that tests can inspect.
 *
 * @since 0.1.0
 * @category models
 */
export interface MemoryJournal extends JournalStore {
  /** A run's committed log. */
  readonly log: (runId: string) => ReadonlyArray<Envelope.Envelope>
  /** A run's marks, in the order in which they were first made. */
  readonly marks: (runId: string) => ReadonlyArray<Mark>
  /** A run as JSON lines (`RunExport`); empty for an unknown one. */
  readonly exportRun: (runId: string) => ReadonlyArray<string>
}

type Refusal =
  | QueryRejections.PlaceNotFound
  | QueryRejections.QuotaExhausted
  | QueryRejections.RunExists
  | QueryRejections.ThreadBusy
  | QueryRejections.ThreadForbidden

/**
 * A new, empty journal.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: MemoryJournalOptions = {}): MemoryJournal => {
  const files = new MemoryFiles()
  const threads = new MemoryThreads(Number.POSITIVE_INFINITY, (threadId) => files.forgetThread(threadId))
  const quotas = new MemoryQuotas()
  const costs = new MemoryCosts(Number.POSITIVE_INFINITY)
  const webhooks = new MemoryWebhooks()
  const rows = new Map<string, MemoryRow.Row>()
  const approvals = new Map<string, Asked>()
  const audit = new MemoryAudit(Number.POSITIVE_INFINITY)
  const grants = new MemoryGrants(audit)
  const memories = new MemoryMemories()

  const answersOf = (runId: string, prefix: string): ReadonlyMap<string, Json> =>
    new Map(
      Array.from(rows.get(runId)?.answers ?? []).flatMap(([name, { value }]) =>
        name.startsWith(prefix) ? [[name, value] as const] : []
      )
    )

  const create: JournalStore["create"] = (input, change, opens = false) =>
    Effect.suspend((): Effect.Effect<Opened | undefined, Refusal> => {
      const { runId, threadId } = input
      if (rows.has(runId)) return Effect.fail(new QueryRejections.RunExists({ runId }))
      const charges = input.quotas ?? []
      const exhausted = quotas.refusal(charges, input.startedAt)
      if (exhausted !== undefined) return Effect.fail(exhausted)
      const refusal = input.isolated ? undefined : threads.lease(input, change)
      if (refusal !== undefined) return Effect.fail(refusal)
      if (charges.length > 0) quotas.take(runId, charges, input.startedAt)
      const historyVersion = input.isolated ? 0 : threads.history(threadId).length
      const standing = input.isolated ? {} : threads.standing(threadId)
      rows.set(runId, MemoryRow.made({ ...input, historyVersion, ...standing }))
      return opens ? open(runId) : Effect.succeed(undefined)
    })

  const open = (runId: string): Effect.Effect<Opened | undefined> =>
    Effect.sync(() => {
      const row = rows.get(runId)
      if (row === undefined || row.ended) return undefined
      row.epoch++
      const { record } = row
      return {
        record,
        history: record.isolated ? [] : threads.history(record.threadId).slice(0, record.historyVersion),
        epoch: row.epoch,
        envelopes: row.envelopes.slice(row.marks.get("snapshot ")?.seq ?? 0),
        marks: [...row.marks.values()],
        answers: new Map(row.answers),
        lastAt: row.lastAt
      }
    })

  const commit = (batch: Batch): Effect.Effect<void, Fenced | Overtaken> =>
    Effect.suspend((): Effect.Effect<void, Fenced | Overtaken> => {
      const { closes, left, runId } = batch
      const row = rows.get(runId)
      if (row === undefined || row.epoch !== batch.epoch) return Effect.fail(new Fenced({ runId }))
      if (closes !== undefined && row.answers.has(closes)) return Effect.fail(new Overtaken({ runId }))
      options.before?.(batch)
      if (left !== undefined) {
        const { at = row.lastAt } = batch.envelopes.at(-1) ?? {}
        threads.leave(row.record.threadId, runId, left.messages, left.kept, at)
      }
      for (const envelope of batch.envelopes) {
        row.envelopes.push(envelope)
        row.lastAt = envelope.at
        project(row, envelope)
      }
      for (const mark of batch.marks) {
        row.marks.set(`${mark.kind} ${mark.name}`, mark)
        row.lastAt = Math.max(row.lastAt, mark.at)
      }
      const ended = ListedRun.endOf(batch.envelopes)
      row.end ??= ended
      for (const told of noticesIn(batch.envelopes, ended)) webhooks.tell(row.record, told)
      const cost = ListedRun.summaryIn(batch.envelopes.slice(-3))
      if (cost !== undefined) costs.add(cost.summary, row.record, cost.at)
      if (batch.used !== undefined) quotas.settle(batch.runId, row.record.quotas ?? [], batch.used)
      audit.add(batch.acts ?? [])
      options.after?.(batch)
      return Effect.void
    })

  /** The effects of an event, in the same commit. */
  const project = (row: MemoryRow.Row, envelope: Envelope.Envelope): void => {
    const { agentPath, at, event, runId } = envelope
    switch (event.type) {
      case "approval-required":
        // Frozen, because callers that list questions get the same object.
        Envelope.toReader(envelope)
        approvals.set(event.data.id, {
          asked: Object.freeze({ runId, request: event.data, agentPath, askedAt: at }),
          outcome: undefined
        })
        return
      case "approval-decision": {
        const asked = approvals.get(event.data.id)
        if (asked !== undefined) asked.outcome = event.data.outcome
        return
      }
      case "tool-invocation": {
        const key = AgentPath.callKey(agentPath, event.toolInvocationId)
        if (event.state === "result") row.clientCalls.delete(key)
        else if (event.execution === "client" && event.asks !== true) row.clientCalls.add(key)
        return
      }
      case "data-latency-summary":
        if (row.envelopes.at(-3)?.event.type === "finish") end(row)
        return
      case "error":
        end(row)
        return
      default:
        return
    }
  }

  const end = (row: MemoryRow.Row): void => {
    row.ended = true
    if (!row.record.isolated) threads.release(row.record.threadId, row.record.runId)
  }

  const listed = Effect.sync(() =>
    Array.from(rows.values(), (row) => MemoryRow.listed(row, isAsking(row.record.runId)))
  )

  const status = (runId: string): Effect.Effect<RunStatus | undefined> =>
    Effect.sync(() => {
      const row = rows.get(runId)
      if (row === undefined) return undefined
      const { agent, resourceId, threadId } = row.record
      return {
        runId,
        threadId,
        resourceId,
        agent,
        state: row.ended ? "ended" : "running",
        lastSeq: row.envelopes.length
      }
    })

  const isAsking = (runId: string): boolean =>
    Array.from(approvals.values()).some(({ asked, outcome }) => outcome === undefined && asked.runId === runId)

  const exportRun = (runId: string): ReadonlyArray<string> => {
    const row = rows.get(runId)
    if (row === undefined || row.forgotten) return []
    const { answers, envelopes, marks, record } = row
    const history = record.isolated ? [] : threads.historyOf(record)
    const recording = { record, history, envelopes, marks: [...marks.values()], answers }
    return RunExport.linesOf(recording, costs.corrections(runId)).map(RunExport.write)
  }

  const bill = (runId: string): Bill | undefined => {
    const row = rows.get(runId)
    if (row === undefined || row.forgotten) return undefined
    const corrected = costs.corrections(runId).map(({ place }) => place)
    const entries = Array.from(row.marks.values()).flatMap(({ spent }) => spent)
    return { record: row.record, entries, isOver: row.ended, corrected }
  }

  /** Deletes a run's data; its id stays reserved. */
  const forget = (row: MemoryRow.Row, erasing: Erasing): void => {
    const { runId } = row.record
    MemoryRow.forget(row, erasing)
    for (const [id, { asked }] of approvals) if (asked.runId === runId) approvals.delete(id)
    grants.forgetRun(runId)
  }

  const erase = (erasing: Erasing): Outcome =>
    MemoryErasure.erase(
      { threads, grants, files, memories, quotas, audit, costs, webhooks },
      Array.from(rows.values(), ({ ended, record }) => ({ record, isOver: ended })),
      erasing,
      {
        forget: (runId) => {
          const row = rows.get(runId)
          if (row === undefined || row.forgotten) return false
          forget(row, erasing)
          return true
        },
        keepsIds: true
      }
    )

  return {
    threads,
    audit,
    grants,
    files,
    memories,
    quotas,
    erase: (erasing) => Effect.sync(() => erase(erasing)),
    costs,
    webhooks,
    create,
    opensOnCreate: true,
    open,
    commit,
    abandon: (runId, at) =>
      Effect.sync(() => {
        const row = rows.get(runId)
        if (row === undefined || row.ended) return false
        row.epoch++
        row.clientCalls.clear()
        grants.giveBack(runId, at)
        quotas.forfeit(runId, row.record.quotas ?? [], at)
        for (const each of approvals.values()) {
          if (each.asked.runId === runId) each.outcome ??= { outcome: "cancelled" }
        }
        const left = LeftBill.of([...row.marks.values()])
        row.end = { endedAt: at, endReason: "abandoned", ...(left === undefined ? {} : ListedRun.costOf(left)) }
        if (left !== undefined) costs.add(left, row.record, at)
        webhooks.tell(row.record, noticeOfEnd(row.end))
        end(row)
        return true
      }),
    answer: (runId, name, value, at, acts = []) =>
      Effect.sync(() => {
        const row = rows.get(runId)
        if (row === undefined || row.ended) return { _tag: "Unknown" }
        const first = row.answers.get(name)
        if (first !== undefined) return { _tag: "Resolved", value: first.value }
        row.answers.set(name, { value, at })
        audit.add(acts)
        return { _tag: "Taken" }
      }),
    amend: (runId, prefix, at, change) =>
      Effect.sync(() => {
        const row = rows.get(runId)
        if (row === undefined || row.ended) return undefined
        const { acts, puts, value } = change(answersOf(runId, prefix))
        for (const [name, stored] of puts) row.answers.set(name, { value: stored, at })
        audit.add(acts)
        return value
      }),
    answers: (runId, prefix) => Effect.sync(() => answersOf(runId, prefix)),
    find: (runId, name) => Effect.sync(() => rows.get(runId)?.answers.get(name)),
    read: (runId, after, limit) =>
      Effect.sync(
        () =>
          rows
            .get(runId)
            ?.envelopes.slice(after, after + limit)
            .map(Envelope.toReader) ?? []
      ),
    status,
    list: (query) => Effect.map(listed, (runs) => RunList.select(runs, query)),
    waiting: Effect.map(listed, RunList.waitingAmong),
    unfinished: Effect.sync(() => [...rows.values()].filter((row) => !row.ended).map((row) => row.record.runId)),
    pending: (resourceId) =>
      Effect.sync(() =>
        [...approvals.values()]
          .filter((each) => each.outcome === undefined && each.asked.request.resourceId === resourceId)
          .map((each) => each.asked)
      ),
    approval: (id) =>
      Effect.sync(() => {
        const found = approvals.get(id)
        return found === undefined ? undefined : { ...found }
      }),
    hasClientCall: (runId, path, callId) =>
      Effect.sync(() => rows.get(runId)?.clientCalls.has(AgentPath.callKey(path, callId)) === true),
    wakes: Stream.never,
    log: (runId) => rows.get(runId)?.envelopes ?? [],
    marks: (runId) => [...(rows.get(runId)?.marks.values() ?? [])],
    exportRun,
    correct: (correction) => Effect.sync(() => correctBooks({ costs, quotas, threads }, correction)),
    bill: (runId) => Effect.sync(() => bill(runId)),
    reconciliations: new MemoryReconciliations(costs),
    exported: (runId) => Effect.sync(() => exportRun(runId))
  }
}
