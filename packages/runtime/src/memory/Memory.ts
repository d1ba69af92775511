/**
 * What agents remember across threads: short texts that belong to a tenant and, within it, to a principal, an agent, or
 * both. This file has what a memory is, who sees it, and how memories are ranked for a query; the rules are pure.
 */
import type { Json } from "@reins/protocol"
import * as Schema from "effect/Schema"
import { sha256Hex } from "../kernel/Digest.ts"
import * as WordSearch from "../kernel/WordSearch.ts"

const MemoryStruct = Schema.Struct({
  id: Schema.String,
  text: Schema.String,
  resourceId: Schema.String,
  principal: Schema.optionalKey(Schema.String),
  agent: Schema.optionalKey(Schema.String),
  kind: Schema.optionalKey(Schema.String),
  tags: Schema.optionalKey(Schema.Array(Schema.String)),
  createdAt: Schema.Natural,
  updatedAt: Schema.Natural,
  expiresAt: Schema.optionalKey(Schema.Natural),
  runId: Schema.optionalKey(Schema.String),
  writtenBy: Schema.optionalKey(Schema.String)
}).annotate({ identifier: "Memory" })

/**
 * One remembered text.
 *
 * **Details**
 * - `resourceId`, `principal`, `agent`: whom it belongs to. `principal` absent: all principals of the tenant; `agent`
 *   absent: all agents.
 * - `kind`, `tags`: as its writer named them.
 * - `createdAt`, `updatedAt`, `expiresAt`: in epoch milliseconds. It is updated when the same text is remembered again.
 *   `expiresAt` absent: it does not expire.
 * - `runId`, `writtenBy`: the run that remembered it and that run's agent. Absent: code did.
 *
 * @since 0.1.0
 * @category schemas
 */
export interface Memory extends Schema.Schema.Type<typeof MemoryStruct> {}
export const Memory: Schema.Codec<Memory, Json> = MemoryStruct

/**
 * Whom memories belong to. Absent fields are part of it: without `principal`, to all principals of the tenant; without
 * `agent`, to all agents.
 *
 * @since 0.1.0
 * @category models
 */
export interface MemoryScope {
  readonly resourceId: string
  readonly principal?: string | undefined
  readonly agent?: string | undefined
}

/**
 * How much one scope may hold.
 *
 * @since 0.1.0
 * @category models
 */
export interface MemoryLimits {
  /** The most memories. */
  readonly memories: number
  /** The most bytes of all texts together, in UTF-8. */
  readonly bytes: number
  /** The most bytes of one text, in UTF-8. */
  readonly textBytes: number
}

/**
 * The limits of a scope unless a runtime sets others.
 *
 * @since 0.1.0
 * @category constants
 */
export const defaultLimits: MemoryLimits = { memories: 1000, bytes: 1024 * 1024, textBytes: 4096 }

/**
 * A text was not remembered, because its scope may not hold more, or because it is too long itself.
 *
 * @since 0.1.0
 * @category errors
 */
export class MemoryFull extends Schema.TaggedError<MemoryFull>()("MemoryFull", {
  limit: Schema.Literals(["memories", "bytes", "textBytes"]),
  max: Schema.Finite
}) {
  override get message() {
    switch (this.limit) {
      case "memories":
        return `Nothing was remembered: there are ${this.max} memories already. Forget one that is no longer needed`
      case "bytes":
        return `Nothing was remembered: all memories together may have ${this.max} bytes. Forget some, or write less`
      case "textBytes":
        return `Nothing was remembered: one memory may have ${this.max} bytes. Write less, or several memories`
    }
  }
}

/**
 * The memory of a principal was meant in a run that names none.
 *
 * @since 0.1.0
 * @category errors
 */
export class MemoryUnscoped extends Schema.TaggedError<MemoryUnscoped>()("MemoryUnscoped", {
  runId: Schema.String
}) {
  override get message() {
    return (
      `Run ${this.runId} names no principal, so it is not known whose memory is meant. ` +
      'Start the run with `principal`, or use the memory of the tenant (scope "tenant")'
    )
  }
}

/**
 * The scope as one text that differs for different scopes.
 *
 * @since 0.1.0
 * @category conversions
 */
export const keyOf = ({ agent, principal, resourceId }: MemoryScope): string =>
  // An absent field is `null` in JSON.
  sha256Hex(JSON.stringify([resourceId, principal, agent]))

/**
 * The id of a memory of this scope where another scope has one with the given id: ids differ within a store.
 *
 * @since 0.2.0
 * @category operations
 */
export const idIn = (scope: MemoryScope, id: string): string => `${id}@${keyOf(scope).slice(0, 16)}`

/**
 * The keys of all scopes whose memories are seen from this one: its own and the wider ones.
 *
 * @since 0.1.0
 * @category operations
 */
export const seenFrom = ({ agent, principal, resourceId }: MemoryScope): ReadonlyArray<string> => [
  ...new Set(
    [{ resourceId, principal, agent }, { resourceId, principal }, { resourceId, agent }, { resourceId }].map(keyOf)
  )
]

/**
 * The text as it is kept.
 *
 * @since 0.1.0
 * @category conversions
 */
export const textOf = (text: string): string => text.toWellFormed().trim()

/**
 * What is equal for two texts that say the same: spaces do not count.
 *
 * @since 0.1.0
 * @category conversions
 */
export const hashOf = (text: string): string => sha256Hex(textOf(text).replace(/\s+/g, " "))

const encoder = new TextEncoder()

/**
 * The size of a text, in bytes.
 *
 * @since 0.1.0
 * @category conversions
 */
export const sizeOf = (text: string): number => encoder.encode(text).length

/**
 * Why a scope with `held` does not take another text of this size; `undefined` if it does.
 *
 * @since 0.1.0
 * @category operations
 */
export const refusalOf = (
  held: { readonly memories: number; readonly bytes: number },
  size: number,
  limits: MemoryLimits
): MemoryFull | undefined => {
  const full = (limit: MemoryFull["limit"]) => new MemoryFull({ limit, max: limits[limit] })
  if (size > limits.textBytes) return full("textBytes")
  if (held.memories >= limits.memories) return full("memories")
  return held.bytes + size > limits.bytes ? full("bytes") : undefined
}

/**
 * Whether the memory is still there at this time, in epoch milliseconds.
 *
 * @since 0.1.0
 * @category guards
 */
export const isValid = ({ expiresAt }: Pick<Memory, "expiresAt">, at: number): boolean =>
  expiresAt === undefined || expiresAt > at

/**
 * When what lasts this long expires, in epoch milliseconds; `undefined` for what lasts forever.
 *
 * @since 0.1.0
 * @category operations
 */
export const expiryOf = (at: number, lastsMs: number): number | undefined => {
  const expiresAt = Math.ceil(at + Math.max(0, lastsMs))
  return Number.isSafeInteger(expiresAt) ? expiresAt : undefined
}

/** In which time a memory loses half of what it gains by being recent, in milliseconds. */
const halfLifeMs = 30 * 86_400_000

/** How much more a memory of this moment counts than a very old one. */
const recency = 0.25

const byTime = (a: Memory, b: Memory): number => b.updatedAt - a.updatedAt || (a.id < b.id ? -1 : 1)

/**
 * The best memories for a query at a time, in epoch milliseconds: by its words, and of those that fit as well, the
 * latest. A query without words: the latest of all. Only these memories count, so that a ranking reveals nothing of
 * others.
 *
 * @since 0.1.0
 * @category operations
 */
export const rank = (
  memories: ReadonlyArray<Memory>,
  query: { readonly text: string; readonly at: number; readonly limit: number }
): ReadonlyArray<Memory> => {
  const { at, limit, text } = query
  if (WordSearch.askedWords(text).length === 0) return memories.toSorted(byTime).slice(0, limit)
  const known = new Map(memories.map((memory) => [memory.id, memory]))
  const found = WordSearch.index(
    memories.map(({ id, kind, tags = [], text }) => ({ id, text, title: [kind ?? "", ...tags].join(" ") }))
  ).search(text)
  return found
    .flatMap(({ id, score }) => {
      const memory = known.get(id)
      if (memory === undefined) return []
      const age = Math.max(0, at - memory.updatedAt)
      return [{ memory, score: score * (1 + recency * 2 ** (-age / halfLifeMs)) }]
    })
    .toSorted((a, b) => b.score - a.score || byTime(a.memory, b.memory))
    .slice(0, limit)
    .map(({ memory }) => memory)
}

/**
 * The words that a memory is found by.
 *
 * @since 0.1.0
 * @category operations
 */
export const wordsOf = ({
  kind = "",
  tags = [],
  text
}: Pick<Memory, "kind" | "tags" | "text">): ReadonlyArray<string> => [
  ...new Set(WordSearch.wordsOf([text, kind, ...tags].join(" ")))
]
