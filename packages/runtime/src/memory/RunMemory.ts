/**
 * Memory as a run sees it. Whose it is follows from the run: its tenant, its principal and the agent, and never from
 * what a model writes.
 */
import { Budget } from "@reins/protocol"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Memory from "./Memory.ts"
import * as MemoryRules from "./MemoryRules.ts"
import type { MemoryStore, Remembered } from "./MemoryStore.ts"

/**
 * Which memories of a run's tenant are meant.
 *
 * @since 0.1.0
 * @category models
 */
export interface MemoryReach {
  /** Those of the run's principal, or those that all principals of the tenant share. Absent: `"principal"`. */
  readonly scope?: "principal" | "tenant" | undefined
  /** Whether only those of the calling agent are meant, and no other agent sees what it remembers. Absent: false. */
  readonly ownAgent?: boolean | undefined
}

/**
 * How a text is remembered.
 *
 * @since 0.1.0
 * @category models
 */
export interface RememberOptions extends MemoryReach {
  readonly kind?: string | undefined
  readonly tags?: ReadonlyArray<string> | undefined
  /** After which time it is forgotten. Absent: never. */
  readonly expiresIn?: Duration.Input | undefined
}

/**
 * What is recalled.
 *
 * @since 0.1.0
 * @category models
 */
export interface RecallOptions extends MemoryReach {
  /** Absent: of every kind. */
  readonly kind?: string | undefined
  /** The most memories, from 1 to 100. Absent: 10. */
  readonly limit?: number | undefined
}

/**
 * The memory of one run.
 *
 * @since 0.1.0
 * @category models
 */
export interface RunMemory {
  /**
   * Remembers a text. One that is remembered already is not remembered again, and a call that is repeated after a crash
   * remembers once. Fails with `MemoryFull` at a limit, and with `MemoryUnscoped` where the run names no principal.
   */
  readonly remember: (
    text: string,
    options?: RememberOptions
  ) => Effect.Effect<Remembered, Memory.MemoryFull | Memory.MemoryUnscoped>
  /**
   * The best memories for these words, the best first; without words, the latest. Those of the tenant are among them,
   * also where those of the principal are meant.
   */
  readonly recall: (
    query: string,
    options?: RecallOptions
  ) => Effect.Effect<ReadonlyArray<Memory.Memory>, Memory.MemoryUnscoped>
  /** Forgets what `remember` with the same options has remembered. False: there is none of that id. */
  readonly forget: (id: string, options?: MemoryReach) => Effect.Effect<boolean, Memory.MemoryUnscoped>
}

/** Who remembers, where, and until which limits. */
export interface Rememberer {
  readonly store: MemoryStore
  readonly limits: Memory.MemoryLimits
  readonly runId: string
  readonly resourceId: string
  /** Absent: the run names none. */
  readonly principal: string | undefined
  readonly agent: string
  /** Epoch milliseconds. */
  readonly now: () => number
  /** The id of the next memory: the same when a call is repeated. */
  readonly nextId: () => string
}

/** The scope that a run's options mean. */
export const scopeOf = (
  { agent, principal, resourceId, runId }: Pick<Rememberer, "agent" | "principal" | "resourceId" | "runId">,
  { ownAgent = false, scope = "principal" }: MemoryReach
): Effect.Effect<Memory.MemoryScope, Memory.MemoryUnscoped> => {
  if (scope === "principal" && principal === undefined) return Effect.fail(new Memory.MemoryUnscoped({ runId }))
  return Effect.succeed({
    resourceId,
    ...(scope === "principal" ? { principal } : {}),
    ...(ownAgent ? { agent } : {})
  })
}

/** How many memories are recalled unless asked otherwise. */
const usual = 10

/** A whole number from 1 to 100. */
export const limitOf = (limit: number | undefined): number =>
  limit === undefined || Number.isNaN(limit) ? usual : Math.min(100, Math.max(1, Math.floor(limit)))

/** The memory of a run, or of another writer of the same scope. */
export const make = (who: Rememberer): RunMemory => {
  const within = <A, E>(
    of: keyof RunMemory,
    reach: MemoryReach = {},
    work: (scope: Memory.MemoryScope) => Effect.Effect<A, E>
  ) =>
    Effect.suspend(() => {
      const issue = MemoryRules.reachIssue(of, reach)
      return issue === undefined ? Effect.flatMap(scopeOf(who, reach), work) : Effect.die(new Error(issue))
    })
  return {
    remember: (text, options) =>
      within("remember", options, (scope) => {
        const { expiresIn, kind, tags } = options ?? {}
        const issue = MemoryRules.issueOf(text, options ?? {})
        if (issue !== undefined) return Effect.die(new Error(issue))
        const at = who.now()
        const expiresAt = expiresIn === undefined ? undefined : Memory.expiryOf(at, Budget.milliseconds(expiresIn))
        return who.store.remember(
          {
            id: who.nextId(),
            scope,
            text,
            at,
            runId: who.runId,
            writtenBy: who.agent,
            ...(kind === undefined ? {} : { kind }),
            ...(tags === undefined ? {} : { tags }),
            ...(expiresAt === undefined ? {} : { expiresAt })
          },
          who.limits
        )
      }),
    recall: (text, options) =>
      within("recall", options, (scope) =>
        who.store.recall({ scope, text, kind: options?.kind, limit: limitOf(options?.limit), at: who.now() })
      ),
    forget: (id, options) => within("forget", options, (scope) => who.store.forget(id, { ...scope, isExact: true }))
  }
}
