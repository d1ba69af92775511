/**
 * Tells a provider which JSON the final text must be: by its own JSON Schema option, or in the instructions when it has none. Either
 * way the text is validated, and returned to the model once when it is invalid.
 */
import type { LanguageModelV4CallOptions } from "@ai-sdk/provider"
import { ObjectRoot } from "@reins/runtime"
import type { ModelRequest } from "@reins/runtime"
import * as JsonValue from "./JsonValue.ts"

export interface OutputForm {
  readonly responseFormat: LanguageModelV4CallOptions["responseFormat"]
  /** Appended to the instructions. */
  readonly instruction: string | undefined
}

/** Any text is accepted. */
export const none: OutputForm = { responseFormat: undefined, instruction: undefined }

/** `takesSchema`: whether the provider package sends a schema. */
export const make = (output: ModelRequest["output"], takesSchema: boolean): OutputForm => {
  if (output === undefined) return none
  const { name, schema } = output
  const told = ObjectRoot.make(schema)
  const instruction = `Your final answer must be JSON that matches this JSON Schema, without any other text:\n${JSON.stringify(schema)}`
  // A provider's JSON mode produces an object: do not use it for a schema that no object matches.
  if (told._tag === "Refused") return { responseFormat: undefined, instruction }
  return takesSchema && JsonValue.isSchema(told.schema)
    ? { responseFormat: { type: "json", name, schema: told.schema }, instruction: undefined }
    : { responseFormat: { type: "json", name }, instruction }
}
