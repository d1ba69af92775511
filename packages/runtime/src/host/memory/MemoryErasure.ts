/**
 * Erases what one process keeps of a principal: the rules of `Erasure` over the stores in memory. It is synchronous, so
 * that no run starts meanwhile.
 */
import type { MemoryAudit } from "../../approval/AuditStore.ts"
import type { MemoryGrants } from "../../approval/GrantStore.ts"
import type { MemoryCosts } from "../../budget/CostStore.ts"
import type { MemoryQuotas } from "../../budget/QuotaStore.ts"
import * as Erasure from "../../engine/Erasure.ts"
import type { RunRecord } from "../../engine/RunHost.ts"
import type { MemoryWebhooks } from "../../engine/WebhookStore.ts"
import type { MemoryMemories } from "../../memory/MemoryStore.ts"
import type { MemoryFiles } from "../../thread/FileStore.ts"
import type { MemoryThreads } from "../../thread/MemoryThreads.ts"

/** The stores of one process. */
export interface Books {
  readonly threads: MemoryThreads
  readonly grants: MemoryGrants
  readonly files: MemoryFiles
  readonly memories: MemoryMemories
  readonly quotas: MemoryQuotas
  readonly audit: MemoryAudit
  readonly costs: MemoryCosts
  readonly webhooks: MemoryWebhooks
}

/** What is known of one run. */
export interface Standing {
  readonly record: Pick<RunRecord, "principal" | "resourceId" | "runId" | "threadId">
  readonly isOver: boolean
}

/**
 * Erases what the stores keep of a principal, unless runs have not ended. `forget` deletes the data of a run, and
 * returns whether there was any; `keepsIds`: whether ids of runs stay reserved.
 */
export const erase = (
  books: Books,
  runs: Iterable<Standing>,
  erasing: Erasure.Erasing,
  { forget, keepsIds }: { readonly forget: (runId: string) => boolean; readonly keepsIds: boolean }
): Erasure.Outcome => {
  const { principal, resourceId } = erasing
  const found = books.threads.of(principal, resourceId)
  const begun = new Set(found.threads.flatMap(({ isBegun, threadId }) => (isBegun ? [threadId] : [])))
  const whole = new Set(found.threads.flatMap(({ isShared, threadId }) => (isShared ? [] : [threadId])))
  const own = new Set(found.runs)
  // Runs of others that left no messages in the principal's threads: what they have elsewhere is theirs.
  const foreign = new Set<string>()
  const open: Array<string> = []
  for (const { isOver, record } of runs) {
    const isOwn =
      record.resourceId === resourceId &&
      (record.principal === principal || (record.principal === undefined && begun.has(record.threadId)))
    if (isOwn) own.add(record.runId)
    else if (whole.has(record.threadId)) foreign.add(record.runId)
    if (isOwn && !isOver) open.push(record.runId)
  }
  const others = found.threads.flatMap(({ runId }) => (runId === undefined || own.has(runId) ? [] : [runId]))
  if (open.length + others.length > 0) return { _tag: "Busy", runs: open, others }
  const isOf = ({ runId, threadId }: { readonly runId: string; readonly threadId: string }) =>
    own.has(runId) || (whole.has(threadId) && !foreign.has(runId))
  // Before the threads, whose stores drop what belongs to them.
  const grants = books.grants.revise((grant) =>
    grant.resourceId !== resourceId ? grant : isOf(grant) ? undefined : Erasure.renamed(grant, erasing)
  )
  const files = books.files.forget(isOf)
  const messages = books.threads.erase(erasing)
  const acts = books.audit.revise((act) => {
    if (act.resourceId !== resourceId) return act
    return erasing.acts && isOf(act) ? undefined : Erasure.renamed(act, erasing)
  })
  let forgotten = 0
  for (const runId of own) if (forget(runId)) forgotten++
  return {
    _tag: "Erased",
    deleted: {
      threads: whole.size,
      messages,
      runs: forgotten,
      files,
      grants: grants.deleted,
      memories: books.memories.erase(erasing, own),
      acts: acts.deleted,
      notices: books.webhooks.forget(own),
      notes: 0,
      quotas: books.quotas.erase({ resourceId, principal })
    },
    kept: {
      runIds: keepsIds ? own.size : 0,
      costLines: books.costs.rename(erasing),
      acts: acts.changed,
      grants: grants.changed,
      sharedThreads: found.threads.flatMap(({ isShared, threadId }) => (isShared ? [threadId] : []))
    }
  }
}
