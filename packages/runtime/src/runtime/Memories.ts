/** Memories as code remembers, recalls, lists and forgets them (`RuntimeShape.memory`). */
import { Budget } from "@reins/protocol"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Memory from "../memory/Memory.ts"
import type { MemoryPage, Remembered } from "../memory/MemoryStore.ts"
import * as MemoryRules from "../memory/MemoryRules.ts"
import * as RunMemory from "../memory/RunMemory.ts"
import * as Runs from "./Runs.ts"
import { type RuntimeParts, defaultResource } from "./RuntimeParts.ts"

/**
 * Whose memories are meant. Without `principal`, to remember: all principals of the tenant share it; to list and to
 * forget: of anybody. The same of `agent`. `resourceId` absent: `"default"`.
 *
 * @since 0.1.0
 * @category models
 */
export interface MemoryOwner {
  readonly resourceId?: string | undefined
  readonly principal?: string | undefined
  readonly agent?: string | undefined
}

/**
 * How code remembers a text. `id`: an id of the caller's own, so that a repeated call remembers once; absent: a new one.
 * Where another owner has a memory with this id, the memory in the result has another.
 *
 * @since 0.1.0
 * @category models
 */
export interface RememberOptions extends MemoryOwner, Pick<RunMemory.RememberOptions, "kind" | "tags" | "expiresIn"> {
  readonly id?: string | undefined
}

/**
 * Who recalls, and how much.
 *
 * @since 0.1.0
 * @category models
 */
export interface RecallOptions extends MemoryOwner, Pick<RunMemory.RecallOptions, "kind" | "limit"> {}

/**
 * Which page of memories. `after`: the `next` of the previous page. `limit`: from 1 to 1,000; absent: 100.
 *
 * @since 0.1.0
 * @category models
 */
export interface MemoryListOptions extends MemoryOwner {
  readonly after?: string | undefined
  readonly limit?: number | undefined
}

const scopeOf = ({ agent, principal, resourceId = defaultResource }: MemoryOwner = {}): Memory.MemoryScope => ({
  resourceId,
  ...(principal === undefined ? {} : { principal }),
  ...(agent === undefined ? {} : { agent })
})

/** Remembers a text for whom the options name. */
const remember = (
  { host, ids, settings }: RuntimeParts,
  text: string,
  options: RememberOptions = {}
): Effect.Effect<Remembered, Memory.MemoryFull> =>
  Effect.flatMap(Clock.currentTimeMillis, (at) => {
    const { expiresIn, id = ids.make("memory"), kind, tags } = options
    const issue = MemoryRules.issueOf(text, options)
    if (issue !== undefined) return Effect.die(new Error(issue))
    const expiresAt = expiresIn === undefined ? undefined : Memory.expiryOf(at, Budget.milliseconds(expiresIn))
    const named = {
      ...(kind === undefined ? {} : { kind }),
      ...(tags === undefined ? {} : { tags }),
      ...(expiresAt === undefined ? {} : { expiresAt })
    }
    return host.memories.remember({ id, scope: scopeOf(options), text, at, ...named }, settings.memoryLimits)
  })

/** The best memories that whom the options name sees. */
const recall = (
  { host }: RuntimeParts,
  text: string,
  options: RecallOptions = {}
): Effect.Effect<ReadonlyArray<Memory.Memory>> =>
  Effect.flatMap(Clock.currentTimeMillis, (at) => {
    const { kind, limit } = options
    return host.memories.recall({ scope: scopeOf(options), text, kind, limit: RunMemory.limitOf(limit), at })
  })

/** A page of memories. */
const list = (
  { host }: RuntimeParts,
  { after, limit = 100, ...owner }: MemoryListOptions = {}
): Effect.Effect<MemoryPage> =>
  Effect.flatMap(Clock.currentTimeMillis, (at) =>
    host.memories.list({ ...scopeOf(owner), after, limit: Runs.limitOf(limit, 1000), at })
  )

/** Deletes a memory that the owner matches. */
const forget = ({ host }: RuntimeParts, id: string, owner?: MemoryOwner): Effect.Effect<boolean> =>
  host.memories.forget(id, scopeOf(owner))

/**
 * See `RuntimeShape.memory`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const verbs = (built: RuntimeParts) => ({
  remember: (text: string, options?: RememberOptions) => remember(built, text, options),
  recall: (text: string, options?: RecallOptions) => recall(built, text, options),
  list: (options?: MemoryListOptions) => list(built, options),
  forget: (id: string, options?: MemoryOwner) => forget(built, id, options)
})
