/** A request's settings for the model: the format and size of its answer, and sampling. Absent: the agent's own. */
import type { Json } from "@reins/protocol"

/**
 * What a request asks of the model.
 *
 * @since 0.1.0
 * @category models
 */
export interface ModelOptions {
  /** The name of one of the agent's models; where clients may not name any, it is ignored. */
  readonly name?: string
  readonly maxOutputTokens?: number
  /** A JSON Schema that the final text must fit. */
  readonly output?: { readonly name: string; readonly schema: Json }
  readonly settings?: Settings
}

/**
 * How much the model is to reason.
 *
 * @since 0.1.0
 * @category models
 */
export type Reasoning = "none" | "minimal" | "low" | "medium" | "high" | "xhigh"

/**
 * `toolChoice` applies to the first step of the run, except for `none`, which applies to all.
 *
 * @since 0.1.0
 * @category models
 */
export interface Settings {
  readonly temperature?: number
  readonly topP?: number
  readonly topK?: number
  readonly seed?: number
  readonly presencePenalty?: number
  readonly frequencyPenalty?: number
  readonly stopSequences?: ReadonlyArray<string>
  readonly reasoning?: Reasoning
  /** `false`: a step makes one call. */
  readonly parallelToolCalls?: boolean
  readonly toolChoice?: "auto" | "none" | "required" | { readonly tool: string }
}

type Given<A> = { readonly [K in keyof A]: A[K] | null | undefined }

/**
 * The options without those that are absent or `null`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = ({
  maxOutputTokens,
  name,
  output,
  settings: {
    frequencyPenalty,
    parallelToolCalls,
    presencePenalty,
    reasoning,
    seed,
    stopSequences,
    temperature,
    toolChoice,
    topK,
    topP
  } = {}
}: {
  readonly maxOutputTokens?: number | null | undefined
  readonly name?: string | null | undefined
  readonly output?: ModelOptions["output"] | undefined
  readonly settings?: Given<Settings>
}): { readonly model?: ModelOptions } => {
  const settings: Settings = {
    ...(temperature == null ? {} : { temperature }),
    ...(topP == null ? {} : { topP }),
    ...(topK == null ? {} : { topK }),
    ...(seed == null ? {} : { seed }),
    ...(presencePenalty == null ? {} : { presencePenalty }),
    ...(frequencyPenalty == null ? {} : { frequencyPenalty }),
    ...(stopSequences == null || stopSequences.length === 0 ? {} : { stopSequences }),
    ...(reasoning == null ? {} : { reasoning }),
    ...(parallelToolCalls === false ? { parallelToolCalls } : {}),
    ...(toolChoice == null || toolChoice === "auto" ? {} : { toolChoice })
  }
  const model: ModelOptions = {
    ...(name == null ? {} : { name }),
    ...(maxOutputTokens == null ? {} : { maxOutputTokens }),
    ...(output === undefined ? {} : { output }),
    ...(Object.keys(settings).length === 0 ? {} : { settings })
  }
  return Object.keys(model).length === 0 ? {} : { model }
}

/**
 * The schema of any JSON output.
 *
 * @since 0.1.0
 * @category constants
 */
export const anyObject: NonNullable<ModelOptions["output"]> = { name: "json", schema: { type: "object" } }

/**
 * Whether a run with the settings `one` may continue for a request with the settings `other`. The tool choice of its
 * first step does not matter any more.
 *
 * @since 0.1.0
 * @category guards
 */
export const isSame = (one: ModelOptions | undefined, other: ModelOptions | undefined): boolean =>
  JSON.stringify(lasting(one)) === JSON.stringify(lasting(other))

const lasting = ({ settings: { toolChoice, ...settings } = {}, ...rest }: ModelOptions = {}) => ({
  name: rest.name,
  maxOutputTokens: rest.maxOutputTokens,
  output: rest.output,
  settings,
  callsNothing: toolChoice === "none"
})
