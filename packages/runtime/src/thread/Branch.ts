/**
 * The branches of a thread: what was replaced of it, each kept from where it departs. Pure rules: how branches change
 * when a thread is cut or returns to one of them. A store carries the result out.
 *
 * Messages are kept once. A branch has its own messages only, numbered as in the thread, and shares those before them
 * with what it departs from: the thread, or an earlier branch whose beginning the thread no longer has. The messages
 * that lead to a branch's end never change. Summaries of a thread's beginning go with the branch that has it.
 */
import * as Schema from "effect/Schema"

const SummaryStruct = Schema.Struct({ strategy: Schema.String, covers: Schema.Natural, text: Schema.String })

/**
 * A summary of the first `covers` messages of a thread, made by the compaction strategy of this name.
 *
 * @since 0.1.0
 * @category schemas
 */
export interface Summary extends Schema.Schema.Type<typeof SummaryStruct> {}
export const Summary: Schema.Codec<Summary> = SummaryStruct

const SummariesRecord = Schema.Record(Schema.String, Summary)

/**
 * The latest summaries of a thread, by the names of their agents.
 *
 * @since 0.1.0
 * @category schemas
 */
export interface Summaries extends Schema.Schema.Type<typeof SummariesRecord> {}
export const Summaries: Schema.Codec<Summaries> = SummariesRecord

/**
 * A replaced end of a thread.
 *
 * **Details**
 * - `from`: how many messages it shares with what it departs from: the thread, or the branch `of`.
 * - `version`: the number of all its messages, the shared ones included.
 * - `replacedAt`: epoch milliseconds, later than that of every branch before it.
 * - `replacedBy`: the run that took its place; absent: the thread was rewound, or returned to another branch.
 *
 * @since 0.1.0
 * @category models
 */
export interface Branch {
  readonly branchId: string
  /** The branch that it departs from. Absent: the thread as it is now. */
  readonly of?: string | undefined
  readonly from: number
  readonly version: number
  readonly replacedAt: number
  readonly replacedBy?: string | undefined
}

/**
 * A branch as a store keeps it: with the summaries that its thread had.
 *
 * @since 0.1.0
 * @category models
 */
export interface KeptBranch extends Branch {
  readonly summaries: Summaries
}

/**
 * A branch as it is listed: with the runs that have messages in its own part, and the number of messages before each.
 *
 * @since 0.1.0
 * @category models
 */
export interface ListedBranch extends Branch {
  readonly runs: ReadonlyArray<{ readonly runId: string; readonly before: number }>
}

/**
 * Messages `after + 1` to `upTo`, in the thread (absent) or a branch.
 *
 * @since 0.1.0
 * @category models
 */
export interface Span {
  readonly in: string | undefined
  readonly after: number
  readonly upTo: number
}

/**
 * Messages that go to another place, under the same numbers.
 *
 * @since 0.1.0
 * @category models
 */
export interface Move extends Span {
  readonly to: string | undefined
}

/**
 * A thread's messages and branches, as numbers.
 *
 * @since 0.1.0
 * @category models
 */
export interface Standing {
  readonly version: number
  readonly summaries: Summaries
  readonly branches: ReadonlyArray<KeptBranch>
}

/**
 * A standing that follows from another by `moves`, which are carried out in order.
 *
 * @since 0.1.0
 * @category models
 */
export interface Moved extends Standing {
  readonly moves: ReadonlyArray<Move>
}

/**
 * What a new branch is called, and when and by which run it was made.
 *
 * @since 0.1.0
 * @category models
 */
export interface Making {
  readonly branchId: string
  readonly at: number
  readonly by?: string | undefined
}

/**
 * Summaries of no more than the first `version` messages.
 *
 * @since 0.2.0
 * @category operations
 */
export const within = (summaries: Summaries, version: number): Summaries =>
  Object.fromEntries(Object.entries(summaries).filter(([, { covers }]) => covers <= version))

/**
 * The thread cut to its first `keep` messages, with what was after them as a branch; unchanged if nothing was.
 *
 * @since 0.1.0
 * @category operations
 */
export const cut = (standing: Standing, keep: number, { at, branchId, by }: Making): Moved => {
  const { branches, summaries, version } = standing
  if (keep >= version) return { ...standing, moves: [] }
  const made: KeptBranch = {
    branchId,
    from: keep,
    version,
    // Stores list branches by this time, and a clock may stand still or be set back.
    replacedAt: Math.max(at, ...branches.map(({ replacedAt }) => replacedAt + 1)),
    ...(by === undefined ? {} : { replacedBy: by }),
    summaries
  }
  return {
    version: keep,
    summaries: within(summaries, keep),
    branches: [
      ...branches.map((branch) =>
        branch.of === undefined && branch.from > keep ? { ...branch, of: branchId } : branch
      ),
      made
    ],
    moves: [{ in: undefined, to: branchId, after: keep, upTo: version }]
  }
}

/** The branches from the thread to this one; empty without such a branch. */
const chainTo = (branches: ReadonlyArray<KeptBranch>, branchId: string): ReadonlyArray<KeptBranch> => {
  const found = branches.find((branch) => branch.branchId === branchId)
  if (found === undefined) return []
  return found.of === undefined ? [found] : [...chainTo(branches, found.of), found]
}

/**
 * Where the messages of a branch are, from the thread's first one; empty without such a branch.
 *
 * @since 0.1.0
 * @category operations
 */
export const pathOf = (branches: ReadonlyArray<KeptBranch>, branchId: string): ReadonlyArray<Span> => {
  const chain = chainTo(branches, branchId)
  const [first] = chain
  if (first === undefined) return []
  return [
    { in: undefined, after: 0, upTo: first.from },
    ...chain.map(({ branchId, from, version }, index) => ({
      in: branchId,
      after: from,
      upTo: chain[index + 1]?.from ?? version
    }))
  ]
}

/**
 * The thread with the messages of a branch, which is a branch no more; what they replace is a new one, if it has
 * messages of its own. `undefined` without such a branch.
 *
 * @since 0.1.0
 * @category operations
 */
export const returned = (standing: Standing, branchId: string, making: Making): Moved | undefined => {
  const chain = chainTo(standing.branches, branchId)
  const [first] = chain
  const last = chain.at(-1)
  if (first === undefined || last === undefined) return undefined
  const short = cut(standing, first.from, making)
  const moves = [...short.moves]
  let { branches } = short
  for (const [index, branch] of chain.entries()) {
    const upTo = chain[index + 1]?.from ?? branch.version
    moves.push({ in: branch.branchId, to: undefined, after: branch.from, upTo })
    branches = branches.flatMap((one) => {
      // What is left of it departs from the thread now.
      if (one.branchId === branch.branchId) return upTo === branch.version ? [] : [{ ...without(one), from: upTo }]
      return one.of === branch.branchId && one.from <= upTo ? [without(one)] : [one]
    })
  }
  return {
    version: last.version,
    summaries: { ...short.summaries, ...last.summaries },
    branches,
    moves: moves.filter(({ after, upTo }) => upTo > after)
  }
}

const without = ({ of: _, ...branch }: KeptBranch): KeptBranch => branch

/**
 * The branches that are left when the thread's messages after the first `keep` are deleted: not those that need them.
 *
 * @since 0.1.0
 * @category operations
 */
export const prunedAt = (branches: ReadonlyArray<KeptBranch>, keep: number): ReadonlyArray<KeptBranch> =>
  branches.filter(({ branchId }) => (chainTo(branches, branchId)[0]?.from ?? 0) <= keep)
