/**
 * Stores memories. Who sees a memory is enforced here: each operation names a tenant, and reaches nothing of another.
 * `MemoryMemories` keeps them in memory; database stores are in `@reins/store`.
 */
import * as Effect from "effect/Effect"
import * as WordSearch from "../kernel/WordSearch.ts"
import * as Memory from "./Memory.ts"

/**
 * A text to remember. `id`: that of the new memory; the same for the same call, so that a repeated one remembers once.
 * `at`, `expiresAt`: in epoch milliseconds.
 *
 * @since 0.1.0
 * @category models
 */
export interface NewMemory extends Pick<
  Memory.Memory,
  "id" | "text" | "kind" | "tags" | "expiresAt" | "runId" | "writtenBy"
> {
  readonly scope: Memory.MemoryScope
  readonly at: number
}

/**
 * What is remembered now. `isNew` false: it was there already, with the same id or the same text.
 *
 * @since 0.1.0
 * @category models
 */
export interface Remembered {
  readonly memory: Memory.Memory
  readonly isNew: boolean
}

/**
 * What is looked for. `text`: words, in any order; without any, the latest memories are meant. `kind` absent: of every
 * kind. `at`: the time, in epoch milliseconds.
 *
 * @since 0.1.0
 * @category models
 */
export interface MemoryQuery {
  readonly scope: Memory.MemoryScope
  readonly text: string
  readonly kind?: string | undefined
  readonly limit: number
  readonly at: number
}

/**
 * Selects memories of one tenant that match all given fields.
 *
 * @since 0.1.0
 * @category models
 */
export interface MemoryFilter extends Memory.MemoryScope {
  /** Whether absent fields mean memories without them. Absent: false, they match every memory. */
  readonly isExact?: boolean | undefined
}

/**
 * A page of memories, the latest first by the time of their creation. `after`: the `next` of the previous page; absent
 * or invalid: the beginning. `at`: the time, in epoch milliseconds: expired ones are not there.
 *
 * @since 0.1.0
 * @category models
 */
export interface MemoryList extends MemoryFilter {
  readonly after?: string | undefined
  readonly limit: number
  readonly at: number
}

/**
 * A page of memories. `next` absent: the last page.
 *
 * @since 0.1.0
 * @category models
 */
export interface MemoryPage {
  readonly memories: ReadonlyArray<Memory.Memory>
  readonly next?: string
}

/**
 * Stores memories; a failure of the store is a defect.
 *
 * @since 0.1.0
 * @category models
 */
export interface MemoryStore {
  /**
   * Remembers a text in exactly this scope, in one transaction: a memory with this id, or with the same text in this
   * scope, is returned and not made again; the latter is updated. Expired memories of the scope are deleted first.
   */
  readonly remember: (memory: NewMemory, limits: Memory.MemoryLimits) => Effect.Effect<Remembered, Memory.MemoryFull>
  /** The best memories that are seen from this scope (`seenFrom`, `rank`); at most 500 that match are ranked, the latest. */
  readonly recall: (query: MemoryQuery) => Effect.Effect<ReadonlyArray<Memory.Memory>>
  /** Deletes a memory. False when there is none of that id that matches. */
  readonly forget: (id: string, filter: MemoryFilter) => Effect.Effect<boolean>
  readonly list: (query: MemoryList) => Effect.Effect<MemoryPage>
}

/**
 * How many memories that match a query are ranked.
 *
 * @since 0.1.0
 * @category constants
 */
export const mostRanked = 500

/** A position in a list of memories. */
interface Place {
  readonly at: number
  readonly id: string
}

/**
 * A cursor as text.
 *
 * @since 0.1.0
 * @category conversions
 */
export const toCursor = ({ createdAt, id }: Memory.Memory): string => `${createdAt}.${id}`

/**
 * The position of a cursor; `undefined` if it is invalid.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromCursor = (text: string): Place | undefined => {
  const [, at, id] = /^(\d{1,16})\.(.{1,200})$/s.exec(text) ?? []
  return id === undefined ? undefined : { at: Number(at), id }
}

/**
 * A page from `found`, which is in order and has at most one memory more than the page.
 *
 * @since 0.1.0
 * @category operations
 */
export const pageOf = (found: ReadonlyArray<Memory.Memory>, limit: number): MemoryPage => {
  const memories = found.slice(0, limit)
  const last = memories.at(-1)
  return found.length <= limit || last === undefined ? { memories } : { memories, next: toCursor(last) }
}

/**
 * The new memory as it is kept.
 *
 * @since 0.1.0
 * @category constructors
 */
export const made = ({ at, scope, text, ...given }: NewMemory): Memory.Memory => {
  const { agent, principal, resourceId } = scope
  const { expiresAt, id, kind, runId, tags, writtenBy } = given
  return {
    id,
    text: Memory.textOf(text),
    resourceId,
    ...(principal === undefined ? {} : { principal }),
    ...(agent === undefined ? {} : { agent }),
    ...(kind === undefined ? {} : { kind }),
    ...(tags === undefined || tags.length === 0 ? {} : { tags }),
    createdAt: at,
    updatedAt: at,
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(runId === undefined ? {} : { runId }),
    ...(writtenBy === undefined ? {} : { writtenBy })
  }
}

/**
 * A memory whose text is remembered again: what was named anew replaces what was named before.
 *
 * @since 0.1.0
 * @category operations
 */
export const again = (memory: Memory.Memory, { at, expiresAt, kind, tags }: NewMemory): Memory.Memory => ({
  ...memory,
  updatedAt: Math.max(at, memory.updatedAt),
  ...(kind === undefined ? {} : { kind }),
  ...(tags === undefined || tags.length === 0 ? {} : { tags }),
  ...(expiresAt === undefined ? {} : { expiresAt })
})

const fits = (memory: Memory.Memory, { agent, isExact = false, principal, resourceId }: MemoryFilter): boolean =>
  memory.resourceId === resourceId &&
  (memory.principal === principal || (!isExact && principal === undefined)) &&
  (memory.agent === agent || (!isExact && agent === undefined))

/**
 * Memories in memory, lost with the process.
 *
 * @since 0.1.0
 * @category models
 */
export class MemoryMemories implements MemoryStore {
  private readonly all = new Map<string, Memory.Memory>()

  readonly remember = (memory: NewMemory, limits: Memory.MemoryLimits): Effect.Effect<Remembered, Memory.MemoryFull> =>
    Effect.suspend((): Effect.Effect<Remembered, Memory.MemoryFull> => {
      const { at, id, scope } = memory
      const held = [...this.all.values()].filter((each) => fits(each, { ...scope, isExact: true }))
      for (const each of held) if (!Memory.isValid(each, at)) this.all.delete(each.id)
      const valid = held.filter((each) => Memory.isValid(each, at))
      const other = Memory.idIn(scope, id)
      const known = valid.find((each) => each.id === id || each.id === other)
      if (known !== undefined) return Effect.succeed({ memory: known, isNew: false })
      const hash = Memory.hashOf(memory.text)
      const same = valid.find(({ text }) => Memory.hashOf(text) === hash)
      if (same !== undefined) {
        const updated = again(same, memory)
        this.all.set(same.id, updated)
        return Effect.succeed({ memory: updated, isNew: false })
      }
      const kept = made(this.all.has(id) ? { ...memory, id: other } : memory)
      const bytes = valid.reduce((sum, { text }) => sum + Memory.sizeOf(text), 0)
      const refusal = Memory.refusalOf({ memories: valid.length, bytes }, Memory.sizeOf(kept.text), limits)
      if (refusal !== undefined) return Effect.fail(refusal)
      this.all.set(kept.id, kept)
      return Effect.succeed({ memory: kept, isNew: true })
    })

  readonly recall = ({ at, kind, limit, scope, text }: MemoryQuery): Effect.Effect<ReadonlyArray<Memory.Memory>> =>
    Effect.sync(() => {
      const seen = new Set(Memory.seenFrom(scope))
      const asked = WordSearch.askedWords(text)
      const found = [...this.all.values()].filter(
        (memory) =>
          seen.has(Memory.keyOf(memory)) &&
          Memory.isValid(memory, at) &&
          (kind === undefined || memory.kind === kind) &&
          (asked.length === 0 || hasWord(memory, asked))
      )
      const latest = found.toSorted((a, b) => b.updatedAt - a.updatedAt || (a.id < b.id ? -1 : 1)).slice(0, mostRanked)
      return Memory.rank(latest, { text, at, limit })
    })

  readonly forget = (id: string, filter: MemoryFilter): Effect.Effect<boolean> =>
    Effect.sync(() => {
      const memory = this.all.get(id)
      return memory !== undefined && fits(memory, filter) && this.all.delete(id)
    })

  /** Deletes a principal's memories, and those that its runs made for others; returns how many there were. */
  erase({ principal, resourceId }: Record<"principal" | "resourceId", string>, runs: ReadonlySet<string>): number {
    const own = Array.from(this.all.values()).filter(
      (memory) => memory.resourceId === resourceId && (memory.principal === principal || runs.has(memory.runId ?? ""))
    )
    for (const { id } of own) this.all.delete(id)
    return own.length
  }

  readonly list = ({ after, at, limit, ...filter }: MemoryList): Effect.Effect<MemoryPage> =>
    Effect.sync(() => {
      const from = after === undefined ? undefined : fromCursor(after)
      const isBehind = ({ createdAt, id }: Memory.Memory) =>
        from === undefined || createdAt < from.at || (createdAt === from.at && id > from.id)
      return pageOf(
        [...this.all.values()]
          .filter((memory) => fits(memory, filter) && Memory.isValid(memory, at) && isBehind(memory))
          .toSorted((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? -1 : 1)),
        limit
      )
    })
}

const hasWord = (memory: Memory.Memory, asked: ReadonlyArray<string>): boolean =>
  Memory.wordsOf(memory).some((word) =>
    asked.some((one) => word === one || (WordSearch.isPrefix(one) && word.startsWith(one)))
  )
