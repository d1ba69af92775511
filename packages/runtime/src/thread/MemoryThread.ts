/**
 * One thread in memory: how it is changed, its branches as the rules of `Branch` decide about them, and what principals have
 * to do with it: who began it, whose its messages are, and what is left of it when a principal is erased.
 */
import { type Budget, Message } from "@reins/protocol"
import * as Branch from "./Branch.ts"
import * as Redacted from "./Redacted.ts"
import * as ThreadChanges from "./ThreadChange.ts"
import type { StartChange, ThreadChange } from "./ThreadChange.ts"
import * as ThreadDescription from "./ThreadDescription.ts"
import type { Kept } from "./ThreadStore.ts"

/** A principal's run. `principal` changes when it is erased. */
interface Starter {
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

/** Messages, with the runs that added them, each with the number of messages before its own. */
interface Part {
  readonly messages: Array<Message.Message>
  readonly runs: Map<string, number>
}

/** A branch's own messages. `base`: how many are before them. */
interface Own extends Part {
  base: number
}

class MemoryBranches {
  private branches: ReadonlyArray<Branch.KeptBranch> = []
  private readonly parts = new Map<string, Own>()

  get all(): ReadonlyArray<Branch.KeptBranch> {
    return this.branches
  }

  get isEmpty(): boolean {
    return this.branches.length === 0
  }

  /** The branches' own messages. */
  get own(): ReadonlyArray<Array<Message.Message>> {
    return Array.from(this.parts.values(), ({ messages }) => messages)
  }

  /** Drops what was made of the thread's beginning. */
  forgetSummaries(): void {
    this.branches = this.branches.map((branch) => ({ ...branch, summaries: {} }))
  }

  /** Moves messages between the thread and its branches. */
  carry(thread: Part, { branches, moves }: Branch.Moved): void {
    for (const { after, in: place, to, upTo } of moves) {
      const source = place === undefined ? { ...thread, base: 0 } : this.part(place, after)
      const target = to === undefined ? thread : this.part(to, after)
      target.messages.push(...source.messages.splice(after - source.base, upTo - after))
      if (place !== undefined) this.part(place, after).base = upTo
      for (const [runId, before] of source.runs) {
        if (before < after || before >= upTo) continue
        source.runs.delete(runId)
        target.runs.set(runId, before)
      }
    }
    this.keep(branches)
  }

  /** Deletes the branches that need more than the thread's first `keep` messages. */
  prune(keep: number): void {
    if (!this.isEmpty) this.keep(Branch.prunedAt(this.branches, keep))
  }

  private keep(branches: ReadonlyArray<Branch.KeptBranch>): void {
    this.branches = branches
    for (const branchId of this.parts.keys()) {
      if (!branches.some((branch) => branch.branchId === branchId)) this.parts.delete(branchId)
    }
  }

  private part(branchId: string, base: number): Own {
    const found = this.parts.get(branchId) ?? { messages: [], runs: new Map<string, number>(), base }
    this.parts.set(branchId, found)
    return found
  }

  /** All messages of a branch; none without such a branch. */
  read(thread: ReadonlyArray<Message.Message>, branchId: string): ReadonlyArray<Message.Message> {
    return Branch.pathOf(this.branches, branchId).flatMap(({ after, in: place, upTo }) => {
      if (place === undefined) return thread.slice(after, upTo)
      const { base, messages } = this.part(place, after)
      return messages.slice(after - base, upTo - base)
    })
  }

  /** The branch that has messages of this run. */
  ofRun(runId: string): string | undefined {
    for (const [branchId, { runs }] of this.parts) if (runs.has(runId)) return branchId
    return undefined
  }

  listed(): ReadonlyArray<Branch.ListedBranch> {
    return this.branches.map(({ summaries: _, ...branch }) => ({
      ...branch,
      runs: Array.from(this.parts.get(branch.branchId)?.runs ?? [], ([runId, before]) => ({ runId, before })).sort(
        (one, other) => one.before - other.before
      )
    }))
  }
}

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
interface PrincipalThread {
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
const shareOf = (thread: Thread, principal: string): "none" | "own" | "shared" => {
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
export const sharesOf = (threads: Iterable<Thread>, principal: string, resourceId: string): Shares => {
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
