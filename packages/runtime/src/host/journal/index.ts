export { journalHost } from "./JournalHost.ts"
export type { JournalHostFactory, JournalHostOptions } from "./JournalHost.ts"
export { Fenced, Overtaken, StoreFailure } from "./JournalStore.ts"
export type { Batch, JournalStore, Mark, Opened, Rejected, StoredAnswer } from "./JournalStore.ts"
export type { Placement, ShardListener } from "./Placement.ts"
export * as RunExport from "./RunExport.ts"
export * as MemoryJournal from "./MemoryJournal.ts"
export type { Engine, Left, Readings, RunInfo, Settled, Work } from "../../engine/Engine.ts"
export type { WaitEnd, WaitRow } from "../../engine/Engine.ts"
export type { Answered, Bill, Drive, PendingApproval, RunHostFactory, RunStatus } from "../../engine/RunHost.ts"
export { RunRecord } from "../../engine/RunHost.ts"
export * as RunList from "../../engine/RunList.ts"
export type { RunQuery, WaitingRuns } from "../../engine/RunList.ts"
export * as Names from "../../run/Names.ts"
export type { FileInfo, FileStore, StoredFile } from "../../thread/FileStore.ts"
export * as Memory from "../../memory/Memory.ts"
export * as MemoryStore from "../../memory/MemoryStore.ts"
export * as WordSearch from "../../kernel/WordSearch.ts"
export { refusalOf } from "../../budget/QuotaStore.ts"
export type { QuotaAsk, QuotaLease, QuotaStore } from "../../budget/QuotaStore.ts"
export { correctedKept, firstCorrection, MemoryReconciliations } from "../../budget/CostStore.ts"
export type {
  Corrected,
  Correction,
  CostQuery,
  CostStore,
  LeasedRun,
  ReconciliationLease,
  ReconciliationStore
} from "../../budget/CostStore.ts"
export * as LeftBill from "./LeftBill.ts"
export * as Erasure from "../../engine/Erasure.ts"
export * as Redacted from "../../thread/Redacted.ts"
export * as Webhook from "../../engine/Webhook.ts"
export type { Notice, StoredWebhook, WebhookEvent } from "../../engine/Webhook.ts"
export { MemoryWebhooks } from "../../engine/WebhookStore.ts"
export type {
  LeasedWebhook,
  WebhookCount,
  WebhookLease,
  WebhookOutcome,
  WebhookStanding,
  WebhookStore
} from "../../engine/WebhookStore.ts"
export * as AuditStore from "../../approval/AuditStore.ts"
export * as Quorum from "../../approval/Quorum.ts"
export type { GrantStore } from "../../approval/GrantStore.ts"
export * as Branch from "../../thread/Branch.ts"
export { Kept, keptAt } from "../../thread/ThreadStore.ts"
export { Summaries, type Summary } from "../../thread/Branch.ts"
export * as ThreadChange from "../../thread/ThreadChange.ts"
export * as ThreadDescription from "../../thread/ThreadDescription.ts"
export type {
  ForkedFrom,
  NotedThread,
  ReadOptions,
  Rewrite,
  ThreadInfo,
  ThreadNotes,
  ThreadNoteStore,
  ThreadStore
} from "../../thread/ThreadStore.ts"
export * as Outline from "../../kernel/Outline.ts"
