/**
 * Operations on threads as a whole: create one with a history, fork, rewind, read and remove them. The host updates the
 * thread of a run.
 */
import { Budget, Message, QueryRejections, type RunErrors, Transcript } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { DescriptionChange } from "../thread/ThreadDescription.ts"
import type { Changed, Place } from "../thread/ThreadChange.ts"
import type { ThreadInfo } from "../thread/ThreadStore.ts"
import * as SchemaCheck from "../kernel/SchemaCheck.ts"
import * as Erased from "../kernel/Erased.ts"
import * as PlainJson from "../kernel/PlainJson.ts"
import { type RuntimeParts, defaultResource } from "./RuntimeParts.ts"
import { BranchNotFound, failDamaged, HistoryInvalid, ThreadExists, ThreadNotFound } from "./NotFound.ts"

/**
 * A thread that was begun with a history, and what had to be repaired.
 *
 * @since 0.1.0
 * @category models
 */
export interface ImportedThread {
  readonly threadId: string
  readonly repairs: ReadonlyArray<Transcript.Repair>
}

/**
 * Options of a new thread.
 *
 * @since 0.1.0
 * @category models
 */
export interface NewThread {
  /** Its id. Absent: a new one. */
  readonly threadId?: string | undefined
  /** The tenant it belongs to. Absent: `"default"`. */
  readonly resourceId?: string | undefined
  /** Whose it is, for `RuntimeShape.erase`; a fork is of whom its thread is. Absent: of the principal whose run is the first on it. */
  readonly principal?: string | undefined
}

/** A history as it may be kept: repaired and copied. Fails with a sentence where it is none. */
export const adopt = (history: ReadonlyArray<Message.Message>): Effect.Effect<Transcript.Adopted, string> =>
  Effect.map(
    SchemaCheck.inWords(Schema.decodeUnknownEffect(Messages)(PlainJson.copy(history)), "the history"),
    Transcript.adopt
  )

const Messages = Schema.Array(Message.Message)

const requireBranch = Effect.fnUntraced(function* (host: RuntimeParts["host"], threadId: string, branchId: string) {
  const known = yield* host.threads.branches(threadId)
  if (!known.some((branch) => branch.branchId === branchId)) return yield* new BranchNotFound({ threadId, branchId })
})

/** See `RuntimeShape.threads.get`. */
export const reading = ({ host }: RuntimeParts): ReadThread => {
  const read = Effect.fnUntraced(function* (threadId: string, options: Reading = {}) {
    const { branch } = options
    const messages = yield* failDamaged("thread", threadId)(host.threads.read(threadId, options))
    // The branches of another tenant's thread are none of its.
    if (branch !== undefined && messages.length === 0) return yield* new BranchNotFound({ threadId, branchId: branch })
    return messages
  })
  // Without a branch, none is missing.
  return Erased.as<ReadThread>(read)
}

interface Reading {
  readonly resourceId?: string | undefined
  readonly branch?: string | undefined
}

/**
 * Reads a thread; with `branch`, that branch of it.
 *
 * @since 0.2.0
 * @category models
 */
export interface ReadThread {
  (
    threadId: string,
    options?: Omit<Reading, "branch"> & { readonly branch?: undefined }
  ): Effect.Effect<ReadonlyArray<Message.Message>, RunErrors.DataDamaged>
  (
    threadId: string,
    options?: Reading
  ): Effect.Effect<ReadonlyArray<Message.Message>, RunErrors.DataDamaged | BranchNotFound>
}

/** See `RuntimeShape.threads.import`. */
export const importHistory = Effect.fnUntraced(function* (
  { host, ids }: RuntimeParts,
  history: ReadonlyArray<Message.Message>,
  options: NewThread = {}
) {
  const threadId = options.threadId ?? ids.make("thread")
  const adopted = yield* Effect.mapError(adopt(history), (issue) => new HistoryInvalid({ issue }))
  const made = yield* host.threads.begin(
    threadId,
    options.resourceId ?? defaultResource,
    adopted.messages,
    options.principal
  )
  if (!made) return yield* new ThreadExists({ threadId })
  const imported: ImportedThread = { threadId, repairs: adopted.repairs }
  return imported
})

/** See `RuntimeShape.threads.replace`. */
export const replace = Effect.fnUntraced(function* (
  { host }: RuntimeParts,
  threadId: string,
  history: ReadonlyArray<Message.Message>,
  options: { readonly resourceId?: string | undefined; readonly version?: number | undefined } = {}
) {
  const adopted = yield* Effect.mapError(adopt(history), (issue) => new HistoryInvalid({ issue }))
  const info = yield* host.threads.info(threadId)
  if (info === undefined || (options.resourceId !== undefined && info.resourceId !== options.resourceId)) {
    return yield* new ThreadNotFound({ threadId })
  }
  const { resourceId, version } = info
  if (options.version !== undefined && options.version !== version) return false
  const stored = yield* host.threads.read(threadId, { version, resourceId })
  const { messages } = adopted
  const differs = messages.findIndex((message, index) => JSON.stringify(message) !== JSON.stringify(stored[index]))
  const keep = Math.min(differs < 0 ? messages.length : differs, stored.length)
  return yield* host.threads.rewrite(threadId, resourceId, { version, keep, messages: messages.slice(keep) })
})

/** See `RuntimeShape.threads.fork`. */
export const fork = Effect.fnUntraced(function* (
  { host, ids }: RuntimeParts,
  threadId: string,
  options: {
    readonly at?: number | undefined
    readonly branch?: string | undefined
    readonly threadId?: string | undefined
    readonly resourceId?: string | undefined
    readonly principal?: string | undefined
  } = {}
) {
  const info = yield* host.threads.info(threadId)
  if (info === undefined || (options.resourceId !== undefined && info.resourceId !== options.resourceId)) {
    return yield* new ThreadNotFound({ threadId })
  }
  const { at: version, branch } = options
  if (branch !== undefined) yield* requireBranch(host, threadId, branch)
  const forkId = options.threadId ?? ids.make("thread")
  // The thread may have been removed since, and made anew by another tenant: then nothing is copied.
  const from = { threadId, branch, version }
  const made = yield* host.threads.fork(forkId, info.resourceId, from, info.principal ?? options.principal)
  if (!made) return yield* new ThreadExists({ threadId: forkId })
  return { threadId: forkId }
})

/**
 * A thread after it was rewound, or has returned to a branch.
 *
 * @since 0.1.0
 * @category models
 */
export interface RewoundThread {
  readonly threadId: string
  /** The number of its messages now. */
  readonly version: number
  /** The branch of what was replaced. Absent: nothing was. */
  readonly branchId?: string | undefined
}

/** The tenant's thread; `ThreadNotFound` without one. */
const ofTenant = Effect.fnUntraced(function* (
  { host }: RuntimeParts,
  threadId: string,
  { resourceId }: { readonly resourceId?: string | undefined }
) {
  const info = yield* host.threads.info(threadId)
  return info === undefined || (resourceId !== undefined && info.resourceId !== resourceId)
    ? yield* new ThreadNotFound({ threadId })
    : info
})

/** See `RuntimeShape.threads.rewind`. */
export const rewind = Effect.fnUntraced(function* (
  parts: RuntimeParts,
  threadId: string,
  { to, ...options }: { readonly to: Place; readonly resourceId?: string | undefined }
) {
  const { host, ids } = parts
  const { resourceId } = yield* ofTenant(parts, threadId, options)
  const done = yield* host.threads.change(threadId, resourceId, { _tag: "Rewind", to, branchId: ids.make("branch") })
  return done._tag === "Misplaced"
    ? yield* new QueryRejections.PlaceNotFound({ threadId, place: to })
    : yield* changed(threadId, done)
})

/** See `RuntimeShape.threads.returnTo`. */
export const returnTo = Effect.fnUntraced(function* (
  parts: RuntimeParts,
  threadId: string,
  branchId: string,
  options: { readonly resourceId?: string | undefined } = {}
) {
  const { host, ids } = parts
  const { resourceId } = yield* ofTenant(parts, threadId, options)
  const change = { _tag: "Return", to: branchId, branchId: ids.make("branch") } as const
  const done = yield* host.threads.change(threadId, resourceId, change)
  return done._tag === "Misplaced" ? yield* new BranchNotFound({ threadId, branchId }) : yield* changed(threadId, done)
})

const changed = Effect.fnUntraced(function* (threadId: string, done: Exclude<Changed, { readonly _tag: "Misplaced" }>) {
  switch (done._tag) {
    case "Busy":
      return yield* new QueryRejections.ThreadBusy({ threadId, runId: done.runId })
    case "Unknown":
      return yield* new ThreadNotFound({ threadId })
    case "Changed": {
      const { branchId, version } = done
      const rewound: RewoundThread = { threadId, version, ...(branchId === undefined ? {} : { branchId }) }
      return rewound
    }
  }
})

/** See `RuntimeShape.threads.branches`. */
export const branches = Effect.fnUntraced(function* (
  parts: RuntimeParts,
  threadId: string,
  options: { readonly resourceId?: string | undefined } = {}
) {
  yield* ofTenant(parts, threadId, options)
  return yield* parts.host.threads.branches(threadId)
})

/** See `RuntimeShape.threads.places`. */
export const places = (
  { host }: RuntimeParts,
  threadId: string,
  { resourceId }: { readonly resourceId?: string | undefined } = {}
): Effect.Effect<ReadonlyMap<string, number>> =>
  Effect.flatMap(host.threads.info(threadId), (info) =>
    info !== undefined && (resourceId === undefined || info.resourceId === resourceId)
      ? host.threads.places(threadId)
      : Effect.succeed(new Map<string, number>())
  )

/** See `RuntimeShape.threads.limit`. */
export const limit = (
  { host }: RuntimeParts,
  threadId: string,
  limits: Budget.Budget | undefined,
  options: { readonly resourceId?: string | undefined } = {}
): Effect.Effect<void, QueryRejections.InvalidBudget | ThreadNotFound> =>
  Effect.gen(function* () {
    const invalid = limits === undefined ? undefined : Budget.validate(limits)
    if (invalid !== undefined) return yield* invalid
    const set = yield* host.threads.limit(threadId, options.resourceId ?? defaultResource, limits)
    if (!set) return yield* new ThreadNotFound({ threadId })
  })

/** See `RuntimeShape.threads.describe`. */
export const describe = (
  { host }: RuntimeParts,
  threadId: string,
  change: DescriptionChange,
  options: { readonly resourceId?: string | undefined } = {}
): Effect.Effect<void, ThreadNotFound> =>
  Effect.flatMap(host.threads.describe(threadId, options.resourceId ?? defaultResource, change), (said) =>
    said ? Effect.void : Effect.fail(new ThreadNotFound({ threadId }))
  )

/** What of a thread's limits has nothing left, so that no run could take a step. */
export const exhausted = ({ limits, spent }: ThreadInfo): Budget.Refusal | undefined => {
  if (limits === undefined) return undefined
  const least: Budget.Amount = { steps: 1, inputTokens: 1, outputTokens: 1, nanoUsd: 1 }
  return Budget.check(Budget.threadNode(limits, spent ?? Budget.nothingSpent), least, 0)
}
