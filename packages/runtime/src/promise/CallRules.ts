/**
 * What the functions of a running call (`AsyncTool.Call`) take, where the runtime does not refuse it itself: each says what is
 * wrong with its arguments. `Rule.any` is what the runtime refuses with an error of its own.
 */
import * as Predicate from "effect/Predicate"
import * as Rule from "../kernel/OptionRule.ts"
import * as MemoryRules from "../memory/MemoryRules.ts"
import type { RunMemory } from "../memory/RunMemory.ts"
import type { FileContent, FileOptions, LaterOptions, Progress } from "../tool/ToolRun.ts"
import { checked, json } from "./MethodRules.ts"

const { any, count, must, optional, text } = Rule

/** NaN, as of a division of 0 by 0, counts as 0. */
const phase = optional(must("Give a number", Predicate.isNumber))

const progressRule = Rule.data<Progress>("Give an object such as { label, phaseIndex, totalPhases }", {
  label: text("Give the text that is shown"),
  phaseIndex: phase,
  totalPhases: phase,
  milestone: json
})

export const progress = (given: Progress): string | undefined =>
  Rule.argumentIssue("progress", "progress", given, progressRule)

const fileRule = Rule.data<FileOptions>("Give an object such as { filename, mediaType, sizeBytes }", {
  fileId: any,
  filename: any,
  mediaType: any,
  sizeBytes: count(),
  url: any
})

export const registerFile = (file: FileOptions): string | undefined =>
  Rule.argumentIssue("registerFile", "file", file, fileRule)

const contentRule = Rule.data<FileContent>("Give an object such as { filename, mediaType, content }", {
  filename: any,
  mediaType: any,
  content: any
})

export const storeFile = (file: FileContent): string | undefined =>
  Rule.argumentIssue("storeFile", "file", file, contentRule)

export const later = checked<[LaterOptions]>("later", [
  { needed: { receipt: must("Give what the model reads at once", (value) => value !== undefined), expiresIn: any } }
])

export const once = checked<[name: string, work: () => unknown]>("once", [
  ["name", text("Name the part, each differently")],
  ["work", Rule.callable("Give the function that does the work")]
])

export const remember = checked<Parameters<RunMemory["remember"]>>("remember", [
  ["text", MemoryRules.remembered],
  { ...MemoryRules.reach, ...MemoryRules.remembering }
])

export const recall = checked<Parameters<RunMemory["recall"]>>("recall", [
  ["query", MemoryRules.sought],
  { ...MemoryRules.reach, ...MemoryRules.recalling }
])

export const forget = checked<Parameters<RunMemory["forget"]>>("forget", [
  ["id", text("Give the id of a memory")],
  MemoryRules.reach
])
