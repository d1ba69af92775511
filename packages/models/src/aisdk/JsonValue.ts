/**
 * JSON as the AI SDK types it. Its types are mutable and ours are not; the values are the same, and neither side
 * mutates what it receives. So these are type guards, not conversions.
 */
import type { JSONObject, JSONValue, LanguageModelV4FunctionTool, SharedV4ProviderOptions } from "@ai-sdk/provider"
import type { Json } from "@reins/protocol"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"

export const isObject = (value: unknown): value is JSONObject => Predicate.isObject(value) && !Array.isArray(value)

export const isValue = (value: unknown): value is JSONValue => value !== undefined && !Predicate.isFunction(value)

export const isSchema = (value: unknown): value is LanguageModelV4FunctionTool["inputSchema"] => isObject(value)

export const isJson = (value: unknown): value is Json => isValue(value)

const decode = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Json))

/** Parses a text as JSON; `undefined` when it is not JSON. */
export const parse = (text: string): Json | undefined => Option.getOrUndefined(decode(text))

/**
 * Options or metadata by provider, without values that are not objects and without our own `reins` entry; absent when
 * empty.
 */
export const byProvider = (
  record: { readonly [provider: string]: unknown } | undefined
): SharedV4ProviderOptions | undefined => {
  if (record === undefined) return undefined
  const out: { [provider: string]: JSONObject } = {}
  let some = false
  for (const [provider, value] of Object.entries(record)) {
    if (provider === own || !isObject(value)) continue
    out[provider] = value
    some = true
  }
  return some ? out : undefined
}

/** The key under which the adapter keeps its own notes in a part's metadata; it is never sent to a provider. */
export const own = "reins"
