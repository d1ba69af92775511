/**
 * How a provider is told what the final text must be: by a JSON Schema of its own, or in the instructions where it takes none. Either
 * way the text is checked when it comes, and sent back once where it does not fit.
 */
import type { LanguageModelV4CallOptions } from "@ai-sdk/provider"
import { ObjectRoot } from "@reins/runtime"
import type { ModelRequest } from "@reins/runtime"
import * as JsonValue from "./JsonValue.ts"

export interface OutputForm {
  readonly responseFormat: LanguageModelV4CallOptions["responseFormat"]
  /** What the instructions end with. */
  readonly instruction: string | undefined
}

/** Nothing is asked of the text. */
export const none: OutputForm = { responseFormat: undefined, instruction: undefined }

/** `takesSchema`: whether the provider package passes a schema on. */
export const make = (output: ModelRequest["output"], takesSchema: boolean): OutputForm => {
  if (output === undefined) return none
  const { name, schema } = output
  const told = ObjectRoot.make(schema)
  const instruction = `Your final answer must be JSON that fits this JSON Schema, without any other text:\n${JSON.stringify(schema)}`
  // A provider's JSON is an object: where none fits, it must not be asked for one.
  if (told._tag === "Refused") return { responseFormat: undefined, instruction }
  return takesSchema && JsonValue.isSchema(told.schema)
    ? { responseFormat: { type: "json", name, schema: told.schema }, instruction: undefined }
    : { responseFormat: { type: "json", name }, instruction }
}
