/**
 * Converts an AI SDK provider's stream parts to parts of our port, one response at a time.
 *
 * Plain code without effects: every delta passes through it. What our conversation cannot express but has to go back to
 * the provider on the next step (provider-specific content, files from its reasoning) is stored as a reasoning or file
 * part with a note in its metadata, and restored by `Prompt`.
 */
import type { LanguageModelV4StreamPart, SharedV4Warning } from "@ai-sdk/provider"
import { type Events, type Json, Usage } from "@reins/protocol"
import type { ModelPart, PartMetadata, StopReason } from "@reins/runtime"
import * as Base64 from "effect/encoding/Base64"
import * as Predicate from "effect/Predicate"
import { ReceivedIds } from "./CallNames.ts"
import * as JsonValue from "./JsonValue.ts"
import type { ToolNames } from "./CallNames.ts"
import * as TokenUsage from "./TokenUsage.ts"

/** A call whose arguments are being written. */
type Writing = Pick<Extract<ModelPart, { readonly type: "tool-input" }>, "id" | "name" | "execution">

type Metadata = { readonly [provider: string]: unknown } | undefined

/** Converts one response. Create one per attempt. */
export class Parts {
  /** The first error inside the stream; the stream continues, since usage may still follow. */
  error: { readonly value: unknown } | undefined
  /** True when the provider itself reported that its stream was interrupted. */
  interrupted = false
  /** The warnings of the provider package. */
  readonly warnings: Array<string> = []
  /** True when the package warned that it does not send the schema of an output. */
  dropsSchema = false
  private held: ModelPart | undefined
  private used = Usage.empty
  private readonly keys = new Map<string, string>()
  private count = 0
  private readonly ids = new ReceivedIds()
  /** The calls whose arguments are being written, by the provider's id: several may have one. */
  private readonly writing = new Map<string, Array<Writing>>()
  private readonly names: ToolNames

  /** `names`: as sent with the request. */
  constructor(names: ToolNames) {
    this.names = names
  }

  /** Converts parts, in order. */
  take(parts: ReadonlyArray<LanguageModelV4StreamPart>): ReadonlyArray<ModelPart> {
    const out: Array<ModelPart> = []
    for (const part of parts) {
      // Content after a finish: the response has not finished.
      if (this.held !== undefined && isContent(part)) this.held = undefined
      const one = this.one(part)
      if (one === undefined) continue
      if (Array.isArray(one)) out.push(...one)
      else out.push(one)
    }
    return out
  }

  private one(part: LanguageModelV4StreamPart): ModelPart | Array<ModelPart> | undefined {
    switch (part.type) {
      case "text-delta":
        return this.increment("text", part.id, part.delta, part.providerMetadata)
      case "reasoning-delta":
        return this.increment("reasoning", part.id, part.delta, part.providerMetadata)
      case "text-start":
      case "reasoning-start": {
        const type = part.type === "text-start" ? "text" : "reasoning"
        this.open(type, part.id)
        return part.providerMetadata === undefined
          ? undefined
          : this.increment(type, part.id, "", part.providerMetadata)
      }
      case "text-end":
      case "reasoning-end":
        return part.providerMetadata === undefined
          ? undefined
          : this.increment(part.type === "text-end" ? "text" : "reasoning", part.id, "", part.providerMetadata)
      case "tool-call":
        return {
          type: "tool-call",
          id: this.writing.get(part.toolCallId)?.shift()?.id ?? this.ids.call(part.toolCallId),
          name: this.names.meant(part.toolName),
          args: argumentsOf(part.input),
          ...(part.providerExecuted === true ? { execution: "provider" as const } : {}),
          ...metadata(part.providerMetadata)
        }
      case "tool-result":
        return part.preliminary === true
          ? undefined
          : {
              type: "tool-result",
              id: this.ids.result(part.toolCallId),
              name: this.names.meant(part.toolName),
              result: JsonValue.isJson(part.result) ? part.result : null,
              ...(part.isError === true ? { isFailure: true } : {}),
              ...metadata(part.providerMetadata)
            }
      case "file":
        return { type: "file", ...fileOf(part), ...metadata(part.providerMetadata) }
      case "reasoning-file":
        return {
          type: "file",
          purpose: "reasoning",
          ...fileOf(part),
          ...metadata(part.providerMetadata, { kind: "reasoning-file" })
        }
      case "custom": {
        const key = this.open("reasoning", `custom ${this.count}`)
        return {
          type: "reasoning",
          text: "",
          part: key,
          ...metadata(part.providerMetadata, { kind: "custom", custom: part.kind })
        }
      }
      case "source":
        return { type: "source", source: sourceOf(part) }
      case "response-metadata":
        return {
          type: "response",
          ...(part.id === undefined ? {} : { id: part.id }),
          ...(part.modelId === undefined ? {} : { model: part.modelId })
        }
      case "stream-start":
        return part.warnings.map((warning) => {
          if (warning.type === "unsupported" && /^responseFormat\b/.test(warning.feature)) this.dropsSchema = true
          return this.warn(warningOf(warning))
        })
      case "tool-approval-request":
        return this.warn(
          "The provider asks for approval of a call of its own. Approvals of provider-run tools are not supported: set the tool's approval to never"
        )
      case "finish":
        return this.hold(part)
      case "error":
        this.error ??= { value: part.error }
        return undefined
      case "tool-input-start": {
        const execution = part.providerExecuted === true ? { execution: "provider" as const } : {}
        const input = { id: this.ids.call(part.id), name: this.names.meant(part.toolName), ...execution }
        const others = this.writing.get(part.id)
        if (others === undefined) this.writing.set(part.id, [input])
        else others.push(input)
        return { type: "tool-input", ...input, text: "", begins: true }
      }
      case "tool-input-delta": {
        const input = this.writing.get(part.id)?.at(-1)
        return input === undefined ? undefined : { type: "tool-input", ...input, text: part.delta }
      }
      case "tool-input-end":
      case "ping":
      case "raw":
        return undefined
    }
  }

  /** A warning about the request or the response. */
  warn(message: string): ModelPart {
    this.warnings.push(message)
    return { type: "warning", message }
  }

  /** The finish of the whole response, once its stream has ended; absent when none came. */
  get finish(): ModelPart | undefined {
    return this.held
  }

  /**
   * Usage is passed on at once. The finish is held until the stream ends: some streams contain several messages, each
   * with its own finish and usage, but a response has one finish and all of the content.
   */
  private hold(part: Extract<LanguageModelV4StreamPart, { readonly type: "finish" }>): ModelPart | undefined {
    const { raw, unified } = part.finishReason
    const usage = TokenUsage.fromAiSdk(part.usage)
    // A later message without input tokens was not billed: its package repeats the counts of the one before.
    if (usage !== undefined && (Usage.isUnknown(this.used) || Usage.inputTokens(usage) > 0)) {
      this.used = Usage.add(this.used, usage)
    }
    if (unified === "interrupted") {
      this.interrupted = true
    } else {
      const stopSequence = stopSequenceOf(part.providerMetadata)
      this.held = {
        type: "finish",
        reason: reasonOf(unified, raw),
        ...(raw === undefined ? {} : { raw }),
        ...(stopSequence === undefined ? {} : { stopSequence })
      }
    }
    return usage === undefined ? undefined : { type: "usage", usage: this.used }
  }

  private increment(type: "text" | "reasoning", id: string, text: string, about: Metadata): ModelPart {
    const part = this.keys.get(type + id) ?? this.open(type, id)
    return about === undefined ? { type, text, part } : { type, text, part, ...metadata(about) }
  }

  /** Providers reuse an id for the next part, so each start gets a key of its own. */
  private open(type: "text" | "reasoning", id: string): string {
    const key = String(this.count++)
    this.keys.set(type + id, key)
    return key
  }
}

/** Anthropic's `pause_turn` is the only reason that packages do not map and that requires another request. */
const reasonOf = (unified: StopReason, raw: string | undefined): StopReason =>
  raw === "pause_turn" ? "paused" : unified

/** Packages whose providers name the stop sequence that ended an answer say it under this name. */
const stopSequenceOf = (about: Extract<LanguageModelV4StreamPart, { readonly type: "finish" }>["providerMetadata"]) => {
  for (const said of Object.values(about ?? {})) {
    const { stopSequence } = said
    if (typeof stopSequence === "string") return stopSequence
  }
  return undefined
}

const isContent = (part: LanguageModelV4StreamPart): boolean =>
  part.type !== "finish" && part.type !== "response-metadata" && part.type !== "ping" && part.type !== "raw"

/**
 * Some providers send nothing at all, or `null`, for a call without arguments. Text that is not JSON is kept as it is.
 */
const argumentsOf = (input: string): Json => {
  if (input.trim() === "") return {}
  const parsed = JsonValue.parse(input)
  return parsed === undefined ? input : (parsed ?? {})
}

const metadata = (
  about: Metadata,
  note?: { readonly [key: string]: Json }
): { readonly metadata?: PartMetadata | undefined } => {
  const byProvider = JsonValue.byProvider(about)
  if (byProvider === undefined && note === undefined) return {}
  const out: { [provider: string]: Json } = {}
  for (const [provider, value] of Object.entries(byProvider ?? {})) {
    const sound = withoutUndefined(value)
    if (JsonValue.isJson(sound)) out[provider] = sound
  }
  return { metadata: note === undefined ? out : { ...out, [JsonValue.own]: note } }
}

/** Providers leave `undefined` in their metadata, which is not JSON and would be lost in storage. */
const withoutUndefined = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map((item) => withoutUndefined(item) ?? null)
  if (!Predicate.isObject(value)) return value
  const out: { [key: string]: unknown } = {}
  for (const [key, member] of Object.entries(value)) if (member !== undefined) out[key] = withoutUndefined(member)
  return out
}

const fileOf = (part: Extract<LanguageModelV4StreamPart, { readonly type: "file" | "reasoning-file" }>) => ({
  mediaType: part.mediaType,
  data:
    part.data.type === "url"
      ? (part.data.originalUrl ?? part.data.url.href)
      : Predicate.isString(part.data.data)
        ? part.data.data
        : Base64.encode(part.data.data)
})

const sourceOf = (part: Extract<LanguageModelV4StreamPart, { readonly type: "source" }>): Events.Source["data"] => {
  const about = metadata(part.providerMetadata).metadata
  const told = {
    id: part.id,
    ...(part.title === undefined ? {} : { title: part.title }),
    ...(about === undefined ? {} : { providerMetadata: about })
  }
  return part.sourceType === "url"
    ? { ...told, sourceType: "url", url: part.url }
    : {
        ...told,
        sourceType: "document",
        mediaType: part.mediaType,
        ...(part.filename === undefined ? {} : { filename: part.filename })
      }
}

const warningOf = (warning: SharedV4Warning): string => {
  switch (warning.type) {
    case "unsupported":
      return `${warning.feature} is not supported${warning.details === undefined ? "" : `: ${warning.details}`}`
    case "compatibility":
      return `${warning.feature} is emulated${warning.details === undefined ? "" : `: ${warning.details}`}`
    case "deprecated":
      return `${warning.setting} is deprecated: ${warning.message}`
    case "other":
      return warning.message
  }
}
