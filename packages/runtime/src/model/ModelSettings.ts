/** A query's settings of sampling and tool choice, with the names that providers share. */
import * as Schema from "effect/Schema"

const Count = Schema.Int.check(Schema.isGreaterThan(0))

const SettingsStruct = Schema.Struct({
  temperature: Schema.optionalKey(Schema.Finite),
  topP: Schema.optionalKey(Schema.Finite),
  topK: Schema.optionalKey(Count),
  seed: Schema.optionalKey(Schema.Int),
  presencePenalty: Schema.optionalKey(Schema.Finite),
  frequencyPenalty: Schema.optionalKey(Schema.Finite),
  stopSequences: Schema.optionalKey(Schema.Array(Schema.NonEmptyString)),
  reasoning: Schema.optionalKey(Schema.Literals(["none", "minimal", "low", "medium", "high", "xhigh"])),
  parallelToolCalls: Schema.optionalKey(Schema.Boolean),
  toolChoice: Schema.optionalKey(
    Schema.Union([Schema.Literals(["auto", "none", "required"]), Schema.Struct({ tool: Schema.String })])
  )
}).annotate({ identifier: "ModelSettings" })

/**
 * How a model samples and what it may call, as providers name it. What is absent is the model's own setting.
 *
 * **Details**
 * - `stopSequences`: texts at which an answer ends; they are not part of it.
 * - `reasoning`: how much the model thinks, for providers that have such levels.
 * - `parallelToolCalls`: `false`, a step makes one call; further ones of the model's are left out.
 * - `toolChoice`: `none`, no step may call a tool; `required` and `{ tool }`, the first step must call one, or this
 *   one.
 *
 * @since 0.1.0
 * @category schemas
 */
export interface ModelSettings extends Schema.Schema.Type<typeof SettingsStruct> {}
export const ModelSettings: Schema.Codec<ModelSettings> = SettingsStruct
