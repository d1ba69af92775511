/** The branches of one thread in memory: carries out what the rules of `Branch` decide. */
import type { Message } from "@reins/protocol"
import * as Branch from "./Branch.ts"

/** Messages, with the runs that added them, each with the number of messages before its own. */
export interface Part {
  readonly messages: Array<Message.Message>
  readonly runs: Map<string, number>
}

/** A branch's own messages. `base`: how many are before them. */
interface Own extends Part {
  base: number
}

export class MemoryBranches {
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
