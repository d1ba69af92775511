/** One thread in memory, and how it is changed. */
import { type Budget, Message } from "@reins/protocol"
import type { Kept } from "./Kept.ts"
import { MemoryBranches } from "./MemoryBranches.ts"
import * as ThreadChanges from "./ThreadChange.ts"
import type { StartChange, ThreadChange } from "./ThreadChange.ts"
import * as ThreadDescription from "./ThreadDescription.ts"

/** A principal's run. `principal` changes when it is erased. */
export interface Starter {
  readonly runId: string
  principal: string
}

export interface Thread {
  readonly threadId: string
  readonly resourceId: string
  readonly messages: Array<Message.Message>
  /** The runs with messages here, each with the number of messages before its own; absent before the first. */
  runs: Map<string, number> | undefined
  /** Absent: nothing was replaced. */
  branches: MemoryBranches | undefined
  runId: string | undefined
  /** Who began it; absent: nobody with a name. */
  principal: string | undefined
  /** The runs of principals that began on it, by id. Absent: none did. */
  starters: Map<string, Starter> | undefined
  /** The principals' runs that messages were copied from, by id. Absent: none were. */
  originals: Map<string, Starter> | undefined
  /** The principals' runs of messages; a message without one is of whoever began the thread. */
  authors: WeakMap<Message.Message, Starter> | undefined
  limits: Budget.Budget | undefined
  kept: Kept | undefined
  readonly createdAt: number
  updatedAt: number
  description: ThreadDescription.ThreadDescription
}

export const made = (
  threadId: string,
  resourceId: string,
  at: number,
  messages: ReadonlyArray<Message.Message> = [],
  principal?: string
): Thread => ({
  threadId,
  resourceId,
  messages: messages.map(Message.frozen),
  runs: undefined,
  branches: undefined,
  runId: undefined,
  principal,
  starters: undefined,
  originals: undefined,
  authors: undefined,
  limits: undefined,
  kept: undefined,
  createdAt: at,
  updatedAt: at,
  description: {}
})

/** Whether nothing is lost with the thread. */
export const isEmpty = ({ branches, description, limits, messages }: Thread): boolean =>
  messages.length === 0 && branches?.isEmpty !== false && limits === undefined && ThreadDescription.isEmpty(description)

/** The messages of the thread, or of a branch of it. */
export const read = ({ branches, messages }: Thread, branch: string | undefined): ReadonlyArray<Message.Message> =>
  branch === undefined ? messages : (branches?.read(messages, branch) ?? [])

/** Decides a change at this time, and carries it out. `by`: the run whose query makes it. */
export const apply = (
  thread: Thread,
  change: ThreadChange,
  at: number,
  by?: string
): ThreadChanges.Decided | ThreadChanges.Misplaced => {
  const { kept, messages, runs = new Map<string, number>(), branches = new MemoryBranches() } = thread
  const standing = { version: messages.length, summaries: kept?.summaries ?? {}, branches: branches.all }
  const keep =
    change._tag === "Rewind" ? ThreadChanges.keepAt(change.to, messages.length, runs.get(String(change.to))) : undefined
  const decided = ThreadChanges.decide(standing, change, { at, by, keep, read: messages })
  if (decided._tag === "Misplaced") return decided
  branches.carry({ messages, runs }, decided)
  messages.push(...decided.add.map(Message.frozen))
  if (kept !== undefined) thread.kept = { ...kept, summaries: decided.summaries }
  Object.assign(thread, { runs, branches, updatedAt: at })
  return decided
}

/** Carries out what the query of the run `by` does to its thread, all of it or nothing; false where it cannot. */
export const lay = (thread: Thread, change: StartChange, at: number, by: string): boolean => {
  if (change._tag === "Resume") {
    // Nothing is undone: the second step is possible before the first is made.
    const version = thread.branches?.all.find(({ branchId }) => branchId === change.first.to)?.version
    if (version === undefined || ThreadChanges.keepAt(change.next.to, version, undefined) === undefined) return false
  }
  return ThreadChanges.stepsOf(change).every((step) => apply(thread, step, at, by)._tag === "Decided")
}
