export {
  AgentPath,
  Approval,
  ApprovalError,
  ApprovalErrors,
  Budget,
  Decision,
  Envelope,
  Event,
  Grant,
  Message,
  QueryRejected,
  QueryRejections,
  RunError,
  RunErrors,
  Usage
} from "@reins/protocol"
export * as Agent from "./Agent.ts"
export * as Compaction from "./compaction/Compaction.ts"
export * as Deployment from "./Deployment.ts"
export * as EffectAiModel from "./port/EffectAiModel.ts"
export type { Policy, PolicyContext, Predicate } from "./gate/Policy.ts"
export * as Ids from "./port/Ids.ts"
export { Model } from "./port/Model.ts"
export type {
  Emit,
  ModelPart,
  ModelPort,
  ModelRequest,
  PartMetadata,
  StopReason,
  ToolDefinition
} from "./port/Model.ts"
export * as ModelStream from "./port/ModelStream.ts"
export * as Prices from "./port/Prices.ts"
export type { FileInfo, StoredFile } from "./port/FileStore.ts"
export type { PendingApproval, RunStatus } from "./port/RunHost.ts"
export type { ThreadInfo } from "./port/ThreadStore.ts"
export * as TokenEstimator from "./port/TokenEstimator.ts"
export { Tracing } from "./port/Tracing.ts"
export type { AgentFacts, ToolFacts } from "./port/Tracing.ts"
export type { AgentEnd } from "./run/AgentEnd.ts"
export type { AgentTotals } from "./run/AgentTotals.ts"
export type { Completion } from "./run/Completion.ts"
export { CallNotFound, HistoryInvalid, RunNotFound, ThreadExists, ThreadNotFound } from "./run/NotFound.ts"
export type { ClientTool, QueryTools } from "./run/QueryTools.ts"
export { InvalidAgents } from "./run/Roster.ts"
export type { ImportedThread, NewThread } from "./run/Threads.ts"
export { Runtime } from "./Runtime.ts"
export type { QueryOptions, RunHandle, RunOptions, RuntimeOptions, RuntimeShape } from "./RuntimeShape.ts"
export * as Specialist from "./Specialist.ts"
export type { ToolOutcome } from "./tool/ToolOutcome.ts"
export { FileTooLarge, ToolRun } from "./tool/ToolRun.ts"
export type { FileContent, FileOptions, Progress, ToolRunShape } from "./tool/ToolRun.ts"
export * as ToolSettings from "./tool/ToolSettings.ts"
