export {
  ApprovalError,
  Audit,
  Budget,
  CostReport,
  Decision,
  Message,
  QueryRejected,
  Question,
  RunError,
  Usage
} from "@reins/protocol"
export type { Envelope, Event, Principal } from "@reins/protocol"
export * as Compaction from "../thread/Compaction.ts"
export type { ModelPart, ModelPort, ModelRequest } from "../model/Model.ts"
export type { Options as StreamedModel } from "../model/ModelStream.ts"
export type { PendingApproval, RunStatus } from "../engine/RunHost.ts"
export type { Completion } from "../runtime/Completion.ts"
export { FileOutput } from "../tool/FileOutput.ts"
export type { FileOutputOptions } from "../tool/FileOutput.ts"
export type { FileOptions, Progress } from "../tool/ToolRun.ts"
export type { Approvers } from "../approval/Approvers.ts"
export { agent } from "./AsyncAgent.ts"
export { askPerson } from "./AskingTool.ts"
export type { AskOptions } from "./AskingTool.ts"
export type {
  AnyModel,
  AnySpecialists,
  Asks,
  AsyncAgent,
  InputOf,
  OutputOf,
  Reviewed,
  SpecialistsOf,
  SpecialistTypes
} from "./AsyncAgent.ts"
export type { Left, Resolution, ResolveContext, Spent } from "../agent/Resolution.ts"
export { hook } from "./AsyncHook.ts"
export type { AsyncHook, Given, GivenCall } from "./AsyncHook.ts"
export * as Guardrail from "./AsyncGuardrail.ts"
export * as Hook from "../hook/Hook.ts"
export * as InputRepair from "../hook/InputRepair.ts"
export * as Redaction from "../hook/Redaction.ts"
export type { Failure, Retrying } from "../tool/Retrying.ts"
export { make as memoryTools } from "../tool/MemoryTools.ts"
export type { Options as MemoryToolsOptions } from "../tool/MemoryTools.ts"
export { ErasureReport, PrincipalBusy, PrincipalInvalid } from "../engine/Erasure.ts"
export type { EraseOptions } from "../runtime/Erasures.ts"
export { MemoryFull, MemoryUnscoped } from "../memory/Memory.ts"
export type { Memory } from "../memory/Memory.ts"
export { tool } from "./AsyncTool.ts"
export type { AsyncTool, Call } from "./AsyncTool.ts"
export type { Arguments, JsonObjectSchema, Parameters } from "./Parameters.ts"
export type { Preview, PreviewedApprovers, PreviewedTool } from "../runtime/PreviewShape.ts"
export { NotCorrected } from "../runtime/Corrections.ts"
export type { CorrectionOptions, EntryKey, Estimate } from "../runtime/Corrections.ts"
export { NotReplayed, ReplayDiffers } from "../replay/Replay.ts"
export type { Replayed } from "../replay/Replay.ts"
export type { Divergence } from "../replay/Divergence.ts"
export * as OptionRule from "../kernel/OptionRule.ts"
export { requireFitting, requireOptions } from "./PromiseRules.ts"
export { createRuntime, expectReplay } from "./PromiseRuntime.ts"
export type { Options } from "./PromiseOptions.ts"
export type {
  AgentOptions,
  OutputOptions,
  PromiseRuntime,
  QueryOptions,
  RunHandle,
  RunOptions
} from "./PromiseShape.ts"
