/**
 * The hash of a tool's definition, to detect that the definition that a person approved has changed. The handler is not
 * part of it.
 */
import type { Json } from "@reins/protocol"
import * as Context from "effect/Context"
import * as Tool from "effect/ai/Tool"
import { sha256Hex } from "../kernel/Digest.ts"
import * as ToolSettings from "./ToolSettings.ts"

/**
 * The SHA-256 of the tool's name, description, parameters, annotations and server. Absent annotations are left out, so
 * that a definition without any has the same hash as in releases that ignored annotations.
 */
export const of = (tool: Tool.Any, parameters: Json): string => {
  const told = annotations(tool)
  const definition = [tool.name, Tool.getDescription(tool), parameters]
  return sha256Hex(JSON.stringify(Object.keys(told).length === 0 ? definition : [...definition, told]))
}

/** The annotations that differ from their defaults. */
const annotations = ({ annotations }: Tool.Any): { readonly [name: string]: Json } => {
  const title = Context.getOption(annotations, Tool.Title)
  const server = Context.get(annotations, ToolSettings.Server)
  return {
    ...(title._tag === "None" ? {} : { title: title.value }),
    ...differing("readonly", annotations, Tool.Readonly),
    ...differing("destructive", annotations, Tool.Destructive),
    ...differing("idempotent", annotations, Tool.Idempotent),
    ...differing("openWorld", annotations, Tool.OpenWorld),
    ...differing("plan", annotations, ToolSettings.IsPlan),
    ...(server === undefined ? {} : { server })
  }
}

const differing = (
  name: string,
  annotations: Context.Context<never>,
  key: Context.Reference<boolean>
): { readonly [name: string]: boolean } => {
  const value = Context.get(annotations, key)
  return value === key.defaultValue() ? {} : { [name]: value }
}
