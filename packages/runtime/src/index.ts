export {
  AgentPath,
  Approval,
  ApprovalError,
  ApprovalErrors,
  Audit,
  Budget,
  CostReport,
  Decision,
  Envelope,
  Event,
  Grant,
  ListedRun,
  Message,
  Principal,
  QueryRejected,
  QueryRejections,
  Question,
  Quota,
  RunError,
  RunErrors,
  Usage
} from "@reins/protocol"
export * as Agent from "./agent/Agent.ts"
export * as AskPerson from "./tool/AskPerson.ts"
export * as Compaction from "./thread/Compaction.ts"
export * as Deployment from "./runtime/Deployment.ts"
export * as EffectAiModel from "./model/EffectAiModel.ts"
export type { Approvers, MayAnswer } from "./approval/Approvers.ts"
export type { Denial, Policy, PolicyContext, Predicate, Reviewed, Ruled, Ruling } from "./approval/Policy.ts"
export * as Guardrail from "./hook/Guardrail.ts"
export * as Hook from "./hook/Hook.ts"
export * as InputRepair from "./hook/InputRepair.ts"
export * as PersonalData from "./hook/PersonalData.ts"
export * as Redaction from "./hook/Redaction.ts"
export * as Ids from "./kernel/Ids.ts"
export { Model } from "./model/Model.ts"
export * as ModelCredentials from "./model/ModelCredentials.ts"
export * as UsageLookup from "./model/UsageLookup.ts"
export type {
  Emit,
  ModelPart,
  ModelPort,
  ModelRequest,
  ModelSettings,
  PartMetadata,
  StopReason,
  ToolDefinition
} from "./model/Model.ts"
export { ErasureReport, PrincipalBusy, PrincipalInvalid } from "./engine/Erasure.ts"
export type { EraseOptions } from "./runtime/Erasures.ts"
export { MemoryFull, MemoryUnscoped, Memory } from "./memory/Memory.ts"
export type { MemoryLimits, MemoryScope } from "./memory/Memory.ts"
export type { MemoryPage, Remembered } from "./memory/MemoryStore.ts"
export type { MemoryReach, RecallOptions, RememberOptions, RunMemory } from "./memory/RunMemory.ts"
export type { MemoryListOptions, MemoryOwner } from "./runtime/Memories.ts"
export type { Options as ToolSearchOptions } from "./agent/ToolSearch.ts"
export * as MemoryTools from "./tool/MemoryTools.ts"
export * as ModelStream from "./model/ModelStream.ts"
export * as Prices from "./model/Prices.ts"
export * as ReceivedPart from "./model/ReceivedPart.ts"
export type { FileInfo, StoredFile } from "./thread/FileStore.ts"
export type { PendingApproval, RunStatus } from "./engine/RunHost.ts"
export type { DescriptionChange, ThreadDescription, ThreadVote } from "./thread/ThreadDescription.ts"
export type { Branch, ListedBranch } from "./thread/Branch.ts"
export type { Place } from "./thread/ThreadChange.ts"
export type { NotedThread, ThreadInfo, ThreadNotes, ThreadNoteStore } from "./thread/ThreadStore.ts"
export * as TokenEstimator from "./model/TokenEstimator.ts"
export { Observer, Tracing } from "./run/Observer.ts"
export type {
  AgentFacts,
  QuestionDecided,
  QuestionFacts,
  RunEnd,
  RunFacts,
  RunRefused,
  ToolFacts
} from "./run/Observer.ts"
export type { AgentEnd, AgentTotals } from "./run/AgentState.ts"
export type { Completion } from "./runtime/Completion.ts"
export {
  BranchNotFound,
  CallNotFound,
  HistoryInvalid,
  MessageRefused,
  ResultRefused,
  RunNotFound,
  ThreadExists,
  ThreadNotFound
} from "./runtime/NotFound.ts"
export type { ClientTool, QueryModel, QueryTools } from "./agent/NarrowedMember.ts"
export { InvalidAgents } from "./agent/AgentParts.ts"
export type { ImportedThread, NewThread, RewoundThread } from "./runtime/Threads.ts"
export * as Fork from "./replay/Fork.ts"
export * as ThreadName from "./thread/ThreadName.ts"
export { NotReplayed, ReplayDiffers, describe as describeReplay } from "./replay/Replay.ts"
export type { Replayed } from "./replay/Replay.ts"
export type { Divergence } from "./replay/Divergence.ts"
export type { Preview, PreviewedApprovers, PreviewedTool } from "./runtime/PreviewShape.ts"
export * as Output from "./runtime/Output.ts"
export { Runtime } from "./runtime/Runtime.ts"
export { NotCorrected } from "./runtime/Corrections.ts"
export type { CorrectionOptions, EntryKey, Estimate } from "./runtime/Corrections.ts"
export type { CostOptions, RunDetail, RunFilter } from "./runtime/Runs.ts"
export type { WaitingRuns } from "./engine/RunList.ts"
export type { Answerer, Progress as ApprovalProgress } from "./runtime/Answers.ts"
export type {
  HistoryOptions,
  QuotaSubject,
  RuntimeOptions,
  RuntimeShape,
  RunVerbs,
  SteerOptions
} from "./runtime/RuntimeShape.ts"
export type {
  AgentOptions,
  Complete,
  OutputOptions,
  PlainAgent,
  Query,
  QueryOptions,
  RunHandle,
  RunOptions,
  Start,
  Steered,
  ToolCallOptions
} from "./runtime/RuntimeVerbs.ts"
export * as Specialist from "./agent/Specialist.ts"
export * as JsonSchema from "./tool/JsonSchema.ts"
export * as ObjectRoot from "./tool/ObjectRoot.ts"
export type { ToolOutcome } from "./tool/ToolOutcome.ts"
export { FileOutput } from "./tool/FileOutput.ts"
export type { FileOutputOptions } from "./tool/FileOutput.ts"
export { FileTooLarge, ToolRun } from "./tool/ToolRun.ts"
export type { DeliverOptions, LateResult, TicketStatus } from "./runtime/Results.ts"
export type {
  FileContent,
  FileOptions,
  LaterOptions,
  PersonAnswer,
  Progress,
  Ticket,
  ToolRunShape
} from "./tool/ToolRun.ts"
export type { Failure, Retrying } from "./tool/Retrying.ts"
export * as ToolSettings from "./tool/ToolSettings.ts"
export { WebhookInvalid, problemOf as webhookProblem } from "./runtime/Webhooks.ts"
export type {
  AddedWebhook,
  NewWebhook,
  RunWebhookInfo,
  WaitingNotice,
  WebhookInfo,
  Webhooks
} from "./runtime/Webhooks.ts"
export type { GrantOptions } from "./runtime/GivenGrant.ts"
