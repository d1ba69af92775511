/**
 * Validates the parts of a model port once, on receipt: adapters may be written without types, and the memory engine
 * must behave as a journal does, which stores only what its schemas allow. Pure, and the same for every engine.
 *
 * - **Normalized**: an unknown finish reason is `other`, and an absent id of a call is `call`; bytes of a file become
 *   Base64; results and metadata are converted as by `JSON.stringify` (absent members are left out, a date is its ISO
 *   string).
 * - **Left out, with a warning**: a part of an unknown type, metadata that is not JSON, a file without bytes, an
 *   incomplete source, invalid token counts. What is left out of usage is estimated.
 * - **Refused**: output that cannot be read, such as text that is a number, a call with an id or name that is not a
 *   string, arguments that are not JSON. The answer fails as `InvalidModelOutput`, as one without a finish does.
 *
 * No message quotes a value, since it may contain a prompt or a secret.
 */
import type { Json, Usage } from "@reins/protocol"
import * as Base64 from "effect/encoding/Base64"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Erased from "../kernel/Erased.ts"
import * as PlainJson from "../kernel/PlainJson.ts"
import type { ModelPart, PartMetadata, StopReason } from "./Model.ts"

/**
 * Why an answer is unusable, as a clause after "it".
 *
 * @since 0.1.0
 * @category models
 */
export class Flaw {
  readonly clause: string
  constructor(clause: string) {
    this.clause = clause
  }
}

type Warn = (message: string) => void

/** Any object's members, each of any type. */
interface Members {
  readonly [name: string]: unknown
}

/**
 * Whether `part` is text or reasoning that needs no conversion, as nearly every delta.
 *
 * @since 0.1.0
 * @category guards
 */
export const isPlain = (part: ModelPart): boolean =>
  Predicate.isObject(part) &&
  (part.type === "text" || part.type === "reasoning") &&
  typeof part.text === "string" &&
  part.part === undefined &&
  part.metadata === undefined

/**
 * The part as the port's types, `undefined` if it is left out, or why the answer is unusable.
 *
 * @since 0.1.0
 * @category operations
 */
export const read = (handed: unknown, warn: Warn): ModelPart | Flaw | undefined => {
  if (!Predicate.isObject(handed)) return new Flaw("emitted a part that is not an object")
  const part: Members = handed
  switch (part["type"]) {
    case "text":
    case "reasoning":
      return readIncrement(part["type"], part, warn)
    case "tool-call":
      return readCall(part, warn)
    case "tool-result":
      return readResult(part, warn)
    case "file":
      return readFile(part, warn)
    case "tool-input":
      return readInput(part)
    case "source":
      return readSource(part["source"], warn)
    case "response":
      return { type: "response", ...named("id", part["id"]), ...named("model", part["model"]) }
    case "warning":
      return typeof part["message"] === "string" ? { type: "warning", message: part["message"] } : undefined
    case "usage":
      return { type: "usage", usage: readUsage(part["usage"], warn) }
    case "finish": {
      const reason = reasons.find((known) => known === part["reason"]) ?? "other"
      const { stopSequence, usage } = part
      return {
        type: "finish",
        reason,
        ...(usage == null ? {} : { usage: readUsage(usage, warn) }),
        ...(typeof stopSequence === "string" ? { stopSequence } : {})
      }
    }
    default:
      warn("The model's adapter emitted a part of an unknown type. It was left out.")
      return undefined
  }
}

const readIncrement = (type: "text" | "reasoning", part: Members, warn: Warn): ModelPart | Flaw => {
  const { part: key, text } = part
  if (typeof text !== "string") return new Flaw(`emitted a "${type}" part with a text that is not a string`)
  const name = typeof key === "string" || typeof key === "number" ? { part: String(key) } : undefined
  return { type, text, ...name, ...metadataOf(part, warn) }
}

const readInput = ({ begins, execution, id, name, text }: Members): ModelPart | Flaw | undefined => {
  if (id != null && typeof id !== "string")
    return new Flaw('emitted a "tool-input" part with an id that is not a string')
  if (typeof name !== "string") return new Flaw('emitted a "tool-input" part with a name that is not a string')
  if (typeof text !== "string") return new Flaw('emitted a "tool-input" part with a text that is not a string')
  return {
    type: "tool-input",
    id: id == null || id === "" ? "call" : id,
    name,
    text,
    ...(begins === true ? { begins } : {}),
    ...(execution === "provider" ? { execution } : {})
  }
}

/** A source of no known type, or without what its type needs, is left out. */
const readSource = (source: unknown, warn: Warn): ModelPart | undefined => {
  const given: Members = Predicate.isObject(source) ? source : {}
  const { id, sourceType, url } = given
  const isUrl = sourceType === "url" && typeof url === "string"
  if (typeof id !== "string" || !(isUrl || sourceType === "document")) {
    warn("The model's adapter emitted a source without an id, or of an unknown type. It was left out.")
    return undefined
  }
  const metadata = metadataOf({ metadata: given["providerMetadata"] }, warn).metadata
  return {
    type: "source",
    source: {
      id: id.toWellFormed(),
      sourceType: isUrl ? "url" : "document",
      ...(isUrl ? { url: url.toWellFormed() } : {}),
      ...named("title", given["title"]),
      ...named("mediaType", given["mediaType"]),
      ...named("filename", given["filename"]),
      ...(metadata === undefined ? {} : { providerMetadata: metadata })
    }
  }
}

const readCall = (part: Members, warn: Warn): ModelPart | Flaw => {
  const { execution, id, name } = part
  if (id != null && typeof id !== "string")
    return new Flaw('emitted a "tool-call" part with an id that is not a string')
  if (typeof name !== "string") return new Flaw('emitted a "tool-call" part with a name that is not a string')
  // Arguments are never repaired: exactly what a person was asked about may run.
  const args = PlainJson.copy(part["args"])
  if (args === undefined) return new Flaw('emitted a "tool-call" part with args that are not JSON')
  return {
    type: "tool-call",
    id: id == null || id === "" ? "call" : id,
    name,
    args,
    ...(execution === "provider" ? { execution } : {}),
    ...metadataOf(part, warn)
  }
}

const readResult = (part: Members, warn: Warn): ModelPart | Flaw => {
  const { id, isFailure, name } = part
  if (typeof id !== "string") return new Flaw('emitted a "tool-result" part with an id that is not a string')
  if (typeof name !== "string") return new Flaw('emitted a "tool-result" part with a name that is not a string')
  const result = PlainJson.show(part["result"])
  return Result.isFailure(result)
    ? new Flaw('emitted a "tool-result" part with a result that is not JSON')
    : {
        type: "tool-result",
        id,
        name,
        result: result.success,
        isFailure: isFailure === true,
        ...metadataOf(part, warn)
      }
}

const readFile = (part: Members, warn: Warn): ModelPart | Flaw | undefined => {
  const { mediaType } = part
  const data = part["data"] instanceof Uint8Array ? Base64.encode(part["data"]) : part["data"]
  if (data == null || data === "") {
    warn("The model's adapter emitted a file without bytes. It was left out.")
    return undefined
  }
  if (typeof data !== "string") return new Flaw('emitted a "file" part with data that is neither a string nor bytes')
  if (typeof mediaType !== "string") return new Flaw('emitted a "file" part with a mediaType that is not a string')
  const purpose = part["purpose"] === "reasoning" ? { purpose: "reasoning" as const } : {}
  return { type: "file", mediaType, data, ...purpose, ...metadataOf(part, warn) }
}

const named = <Name extends string>(name: Name, value: unknown): { readonly [N in Name]?: string } =>
  typeof value === "string" ? Erased.as({ [name]: value.toWellFormed() }) : {}

const metadataOf = ({ metadata }: Members, warn: Warn): { readonly metadata?: PartMetadata } => {
  if (metadata == null) return {}
  const json = PlainJson.show(metadata)
  if (Result.isSuccess(json) && isRecord(json.success)) return { metadata: json.success }
  warn("The model's adapter emitted metadata that is not a JSON object. It was left out.")
  return {}
}

const isRecord = (json: Json): json is PartMetadata => typeof json === "object" && json !== null && !Array.isArray(json)

/** An adapter without types may say anything. */
const reasons: ReadonlyArray<StopReason> = [
  "stop",
  "tool-calls",
  "length",
  "content-filter",
  "error",
  "other",
  "paused"
]

const counts = [
  "inputUncached",
  "inputCacheRead",
  "inputCacheWrite",
  "inputCacheWriteLong",
  "outputText",
  "outputReasoning"
] as const satisfies ReadonlyArray<keyof Usage.Usage>

/** The valid token counts of a usage. Everything else is unknown. */
const readUsage = (usage: unknown, warn: Warn): Usage.Usage => {
  const read: { -readonly [K in keyof Usage.Usage]: number } = {}
  let isWhole = Predicate.isObject(usage)
  if (Predicate.isObject(usage)) {
    for (const name of counts) {
      const count = usage[name]
      if (count == null) continue
      if (typeof count === "number" && Number.isSafeInteger(count) && count >= 0) read[name] = count
      else isWhole = false
    }
  }
  if (!isWhole) warn("The model's adapter reported an invalid token count. The usage is estimated.")
  return read
}
