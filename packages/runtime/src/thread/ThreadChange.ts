/**
 * Changes of a free thread that keep what they replace as a branch: a rewind, a return to a branch, and what the
 * history of a query does to its thread. Plain data, decided by these pure functions in the transaction that carries it
 * out: a store reads what they need, and writes what they return.
 */
import { type Message, QueryRejections, Transcript } from "@reins/protocol"
import * as Branch from "./Branch.ts"

/**
 * A place in a thread: the index of a message, which is the number of messages before it, or the id of a run, for the
 * first message that it added.
 *
 * @since 0.1.0
 * @category models
 */
export type Place = number | string

/**
 * Takes the thread back to before a place.
 *
 * @since 0.1.0
 * @category models
 */
export interface Rewind {
  readonly _tag: "Rewind"
  readonly to: Place
  /** What the branch of the replaced messages is called. */
  readonly branchId: string
}

/**
 * Gives the thread the messages of its branch `to` again.
 *
 * @since 0.1.0
 * @category models
 */
export interface Return {
  readonly _tag: "Return"
  readonly to: string
  readonly branchId: string
}

/**
 * A query's history: for a thread without messages only (`ignore`), appended, or in place of what differs.
 *
 * @since 0.1.0
 * @category models
 */
export interface Lay {
  readonly _tag: "Lay"
  readonly messages: ReadonlyArray<Message.Message>
  readonly onThread: "ignore" | "append" | "replace"
  readonly branchId: string
}

/**
 * Gives the thread the messages of a branch again, and then takes it back to before the message `next.to` of it. Both are
 * made, or neither.
 *
 * @since 0.2.0
 * @category models
 */
export interface Resume {
  readonly _tag: "Resume"
  readonly first: Return
  readonly next: Rewind & { readonly to: number }
}

/**
 * A change of a free thread.
 *
 * @since 0.1.0
 * @category models
 */
export type ThreadChange = Rewind | Return | Lay

/**
 * What a query may do to its thread in the transaction that starts its run.
 *
 * @since 0.1.0
 * @category models
 */
export type StartChange = Rewind | Lay | Return | Resume

/**
 * The changes that a query's change consists of, in order.
 *
 * @since 0.2.0
 * @category operations
 */
export const stepsOf = (change: StartChange): ReadonlyArray<ThreadChange> =>
  change._tag === "Resume" ? [change.first, change.next] : [change]

/**
 * Why a change was not made: the thread has no such message, run or branch.
 *
 * @since 0.1.0
 * @category models
 */
export interface Misplaced {
  readonly _tag: "Misplaced"
}

/**
 * A changed thread: its standing after the moves, and messages that are added then.
 *
 * @since 0.1.0
 * @category models
 */
export interface Decided extends Branch.Moved {
  readonly _tag: "Decided"
  readonly add: ReadonlyArray<Message.Message>
}

/**
 * How many messages of a thread are before a place; `undefined` when it has no such message. `before`: of a run.
 *
 * @since 0.1.0
 * @category operations
 */
export const keepAt = (place: Place, version: number, before: number | undefined): number | undefined => {
  if (typeof place === "string") return before
  return Number.isSafeInteger(place) && place >= 0 && place <= version ? place : undefined
}

/**
 * The result of a change. `Changed`: the number of messages then, and the branch that was made, if any was replaced.
 * Otherwise nothing was changed: another run leases the thread, it has no such message or branch (`Misplaced`), or
 * there is no such thread of the tenant.
 *
 * @since 0.1.0
 * @category models
 */
export type Changed =
  | { readonly _tag: "Changed"; readonly version: number; readonly branchId?: string | undefined }
  | { readonly _tag: "Busy"; readonly runId: string }
  | { readonly _tag: "Misplaced" }
  | { readonly _tag: "Unknown" }

/**
 * The result of a change.
 *
 * @since 0.1.0
 * @category operations
 */
export const changed = (decided: Decided | Misplaced, { branchId }: ThreadChange): Changed =>
  decided._tag === "Misplaced"
    ? decided
    : {
        _tag: "Changed",
        version: decided.version,
        ...(decided.moves.some(({ to }) => to === branchId) ? { branchId } : {})
      }

/**
 * Decides a change. `read`: the first messages of the thread, as many as the change needs (`needs`). `keep`: the place
 * of a rewind, from `keepAt`.
 *
 * @since 0.1.0
 * @category operations
 */
export const decide = (
  standing: Branch.Standing,
  change: ThreadChange,
  {
    at,
    by,
    keep,
    read
  }: {
    readonly at: number
    readonly by?: string | undefined
    readonly keep: number | undefined
    readonly read: ReadonlyArray<Message.Message>
  }
): Decided | Misplaced => {
  const making = { branchId: change.branchId, at, ...(by === undefined ? {} : { by }) }
  switch (change._tag) {
    case "Rewind":
      return keep === undefined
        ? misplaced
        : { _tag: "Decided", ...Branch.cut(standing, whole(read.slice(0, keep)).length, making), add: [] }
    case "Return": {
      const moved = Branch.returned(standing, change.to, making)
      return moved === undefined ? misplaced : { _tag: "Decided", ...moved, add: [] }
    }
    case "Lay": {
      const { add, keep: same } = laid(standing.version, read, change)
      return { _tag: "Decided", ...Branch.cut(standing, same, making), add }
    }
  }
}

/**
 * The refusal of a query whose thread has no such place or branch.
 *
 * @since 0.1.0
 * @category operations
 */
export const placeNotFound = (threadId: string, change: StartChange): QueryRejections.PlaceNotFound =>
  new QueryRejections.PlaceNotFound({ threadId, ...placeOf(change) })

const placeOf = (change: StartChange): { readonly place: Place; readonly branch?: string } => {
  switch (change._tag) {
    case "Rewind":
      return { place: change.to }
    case "Return":
      return { place: 0, branch: change.to }
    case "Resume":
      return { place: change.next.to, branch: change.first.to }
    case "Lay":
      return { place: 0 }
  }
}

const misplaced: Misplaced = { _tag: "Misplaced" }

/**
 * How many of the thread's first messages a change is decided by.
 *
 * @since 0.1.0
 * @category operations
 */
export const needs = (change: ThreadChange, version: number, keep: number | undefined): number => {
  switch (change._tag) {
    case "Rewind":
      return keep ?? 0
    case "Return":
      return 0
    case "Lay":
      return change.onThread === "replace" ? version : 0
  }
}

/** What stays of a thread of `version` messages, and what is added, by a query's history. */
const laid = (
  version: number,
  stored: ReadonlyArray<Message.Message>,
  { messages, onThread }: Lay
): Transcript.Alignment => {
  if (version === 0) return { keep: 0, add: messages }
  switch (onThread) {
    case "ignore":
      return { keep: version, add: [] }
    case "append":
      return { keep: version, add: messages }
    case "replace": {
      const { add, keep } = Transcript.align(stored, messages)
      return keep === version ? { keep, add } : { keep: whole(stored.slice(0, keep)).length, add }
    }
  }
}

/**
 * The longest beginning of a history in which every call has its result.
 *
 * @since 0.1.0
 * @category operations
 */
export const whole = (messages: ReadonlyArray<Message.Message>): ReadonlyArray<Message.Message> => {
  let length = messages.length
  while (!Transcript.isPairComplete(messages.slice(0, length))) length--
  return length === messages.length ? messages : messages.slice(0, length)
}
