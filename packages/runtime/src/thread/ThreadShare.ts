/**
 * What principals have to do with the threads of one process: who began a thread, whose its messages are, and what is left
 * of it when a principal is erased.
 */
import { Message } from "@reins/protocol"
import type { Starter, Thread } from "./MemoryThread.ts"
import * as Redacted from "./Redacted.ts"

/** A run that leases its thread. */
export interface Leasing extends Record<"resourceId" | "runId" | "threadId", string> {
  /** Epoch milliseconds. */
  readonly startedAt: number
  readonly principal?: string | undefined
}

/**
 * A thread that a principal has to do with. `isShared`: others have, too. `isBegun`: the principal began it. `runId`: the
 * run that leases it.
 */
export interface PrincipalThread {
  readonly threadId: string
  readonly isShared: boolean
  readonly isBegun: boolean
  readonly runId: string | undefined
}

/** What a principal has to do with threads: its runs on them, and the threads. */
export interface Shares {
  readonly runs: ReadonlyArray<string>
  readonly threads: ReadonlyArray<PrincipalThread>
}

/** A run of this principal begins on the thread. The first one on a thread without a principal makes it the principal's. */
export const joined = (thread: Thread, runId: string, principal: string): void => {
  if (thread.principal === undefined && thread.starters === undefined && (thread.runs?.size ?? 0) === 0) {
    thread.principal = principal
  }
  thread.starters ??= new Map()
  const starter = thread.starters.get(runId)
  if (starter === undefined) thread.starters.set(runId, { runId, principal })
  else starter.principal = principal
}

/** Adds a message of this run. */
export const signed = (thread: Thread, runId: string, message: Message.Message): void => {
  thread.messages.push(message)
  const starter = thread.starters?.get(runId)
  if (starter !== undefined) (thread.authors ??= new WeakMap()).set(message, starter)
}

/** The thread `to` begins with copies of these messages of a thread: their authors stay, and are no runs of `to`. */
export const copied = (from: Thread, messages: ReadonlyArray<Message.Message>, to: Thread | undefined): void => {
  for (const [index, message] of messages.entries()) {
    const author = from.authors?.get(message)
    const copy = to?.messages[index]
    if (to === undefined || author === undefined || copy === undefined) continue
    const { runId } = author
    const original = to.originals?.get(runId) ?? { ...author }
    ;(to.originals ??= new Map()).set(runId, original)
    ;(to.authors ??= new WeakMap()).set(copy, original)
  }
}

/** The principals' runs that have to do with the thread: its own, and those that its messages are copies of. */
const startersOf = ({ originals, starters }: Thread): ReadonlyArray<Starter> => [
  ...(starters?.values() ?? []),
  ...(originals?.values() ?? [])
]

/** Whose a message is; `undefined`: of no principal. */
const authorOf = ({ authors, principal }: Thread, message: Message.Message): string | undefined =>
  authors?.get(message)?.principal ?? principal

/** What the principal has to do with the thread: nothing, all of it is the principal's, or others ran in it, too. */
export const shareOf = (thread: Thread, principal: string): "none" | "own" | "shared" => {
  const isBegun = thread.principal === principal
  if (!isBegun && startersOf(thread).every((starter) => starter.principal !== principal)) return "none"
  return (isBegun || thread.principal === undefined) && isAllOf(thread, principal) ? "own" : "shared"
}

const isAllOf = (thread: Thread, principal: string): boolean =>
  partsOf(thread).every((messages) => messages.every((message) => authorOf(thread, message) === principal))

/** The messages of the thread, and those of each branch. */
export const partsOf = ({ branches, messages }: Thread): ReadonlyArray<Array<Message.Message>> => [
  messages,
  ...(branches?.own ?? [])
]

/** Replaces the principal's messages in a thread of others, and what was made of them; returns how many there were. */
export const redact = (thread: Thread, { principal, pseudonym }: Record<"principal" | "pseudonym", string>): number => {
  let count = 0
  for (const messages of partsOf(thread)) {
    for (const [index, message] of messages.entries()) {
      if (authorOf(thread, message) !== principal) continue
      messages[index] = Message.frozen(Redacted.message(message))
      count++
    }
  }
  thread.branches?.forgetSummaries()
  if (thread.kept !== undefined) thread.kept = { ...thread.kept, summaries: {} }
  if (thread.principal === principal) Object.assign(thread, { principal: pseudonym, description: {} })
  for (const starter of startersOf(thread)) if (starter.principal === principal) starter.principal = pseudonym
  return count
}

/** What the principal has to do with these threads of a tenant. */
export const of = (threads: Iterable<Thread>, principal: string, resourceId: string): Shares => {
  const found = Array.from(threads).filter((thread) => thread.resourceId === resourceId)
  return {
    runs: found.flatMap(({ starters }) =>
      Array.from(starters?.values() ?? []).flatMap((one) => (one.principal === principal ? [one.runId] : []))
    ),
    threads: found.flatMap((thread) => {
      const share = shareOf(thread, principal)
      const { principal: beginner, runId, threadId } = thread
      return share === "none"
        ? []
        : [{ threadId, isShared: share === "shared", isBegun: beginner === principal, runId }]
    })
  }
}
