/**
 * Erasing what is kept of a principal: what is asked, what becomes of each kind of data, and the report. The rules are
 * pure; hosts and stores carry them out. What a thread or a run holds is erased by `Archive` of `@reins/store`.
 */
import type { Audit, Grant } from "@reins/protocol"
import * as Schema from "effect/Schema"
import * as Redacted from "../thread/Redacted.ts"

/**
 * What is erased. `pseudonym`: replaces the principal's id where rows must stay. `acts`: whether acts about its runs
 * are deleted; otherwise they stay under the pseudonym.
 *
 * @since 0.2.0
 * @category models
 */
export interface Erasing {
  readonly principal: string
  readonly resourceId: string
  readonly pseudonym: string
  readonly acts: boolean
}

const DeletedStruct = Schema.Struct({
  threads: Schema.Natural,
  messages: Schema.Natural,
  runs: Schema.Natural,
  files: Schema.Natural,
  grants: Schema.Natural,
  memories: Schema.Natural,
  acts: Schema.Natural,
  notices: Schema.Natural,
  notes: Schema.Natural,
  quotas: Schema.Natural
})

/**
 * How many of each were deleted.
 *
 * **Details**
 * - `threads`: whole threads, with their branches. `messages`: of these, and those replaced in threads of others.
 * - `runs`: their logs, stored results, answers, questions, late results and messages that waited for them.
 * - `grants`: remembered approvals. `acts`: of the audit record. `notices`: what web hooks had not been told, and web
 *   hooks of the runs. `notes`: a server's, such as titles. `quotas`: the principal's own limits and use.
 *
 * @since 0.2.0
 * @category models
 */
export interface Deleted extends Schema.Schema.Type<typeof DeletedStruct> {}

const KeptStruct = Schema.Struct({
  what: Schema.Literals(["run-ids", "cost-lines", "acts", "grants", "shared-threads", "bytes"]),
  count: Schema.Natural,
  why: Schema.String,
  ids: Schema.optionalKey(Schema.Array(Schema.String))
})

/**
 * What was kept, and why. `ids`: of the threads; absent for everything else. `bytes`: those of a file that could not be
 * rewritten just then, which stay in it until it is; its `count` is 1.
 *
 * @since 0.2.0
 * @category models
 */
export interface KeptData extends Schema.Schema.Type<typeof KeptStruct> {}

const ReportStruct = Schema.Struct({
  principal: Schema.String,
  resourceId: Schema.String,
  pseudonym: Schema.optionalKey(Schema.String),
  deleted: DeletedStruct,
  kept: Schema.Array(KeptStruct),
  cancelled: Schema.Array(Schema.String)
}).annotate({ identifier: "ErasureReport" })

/**
 * What an erasure did.
 *
 * **Details**
 * - `pseudonym`: replaces the principal's id in what was kept. It is random, and nothing tells whose it is. Absent:
 *   nothing was kept under it.
 * - `kept`: what was kept, and why. Empty: nothing.
 * - `cancelled`: the runs that were cancelled first.
 *
 * @since 0.2.0
 * @category schemas
 */
export interface ErasureReport extends Schema.Schema.Type<typeof ReportStruct> {}
export const ErasureReport: Schema.Codec<ErasureReport> = ReportStruct

/**
 * Nothing was erased: runs have not ended. `runs`: the principal's own, which `cancel` ends. `others`: runs of others
 * in threads that have messages of the principal's; wait for their end.
 *
 * @since 0.2.0
 * @category errors
 */
export class PrincipalBusy extends Schema.TaggedError<PrincipalBusy>()("PrincipalBusy", {
  principal: Schema.String,
  runs: Schema.Array(Schema.String),
  others: Schema.Array(Schema.String)
}) {
  override get message() {
    const own = this.runs.length === 0 ? [] : [`its runs ${this.runs.join(", ")}`]
    const others = this.others.length === 0 ? [] : [`runs of others in its threads ${this.others.join(", ")}`]
    return (
      `Nothing of principal ${JSON.stringify(this.principal)} was erased: ${[...own, ...others].join(" and ")} have ` +
      "not ended. Wait for their end, or erase with `cancel: true`, which ends its own"
    )
  }
}

/**
 * Nothing was erased: the principal has no id, or an empty one.
 *
 * @since 0.2.0
 * @category errors
 */
export class PrincipalInvalid extends Schema.TaggedError<PrincipalInvalid>()("PrincipalInvalid", {}) {
  override get message() {
    return "Nothing was erased: `principal` must be the id of a principal, a text that is not empty"
  }
}

/**
 * What a store says of an erasure: done, or which runs have not ended. Then nothing was erased.
 *
 * @since 0.2.0
 * @category models
 */
export type Outcome =
  | { readonly _tag: "Erased"; readonly deleted: Deleted; readonly kept: Kept }
  | { readonly _tag: "Busy"; readonly runs: ReadonlyArray<string>; readonly others: ReadonlyArray<string> }

/**
 * How much was kept of each kind.
 *
 * @since 0.2.0
 * @category models
 */
export interface Kept {
  readonly runIds: number
  readonly costLines: number
  readonly acts: number
  readonly grants: number
  /** Threads in which others ran, too. */
  readonly sharedThreads: ReadonlyArray<string>
  /** Whether the store's file still has the bytes, because it could not be rewritten. Absent: false. */
  readonly bytes?: boolean
}

/**
 * Nothing was deleted.
 *
 * @since 0.2.0
 * @category constructors
 */
export const nothing: Deleted = {
  threads: 0,
  messages: 0,
  runs: 0,
  files: 0,
  grants: 0,
  memories: 0,
  acts: 0,
  notices: 0,
  notes: 0,
  quotas: 0
}

/**
 * The report of an erasure.
 *
 * @since 0.2.0
 * @category constructors
 */
export const reportOf = (
  { principal, pseudonym, resourceId }: Erasing,
  { deleted, kept }: Extract<Outcome, { readonly _tag: "Erased" }>,
  cancelled: ReadonlyArray<string>
): ErasureReport => {
  const named = `The id of the principal in them is replaced by ${pseudonym}`
  const all: ReadonlyArray<KeptData> = [
    {
      what: "run-ids",
      count: kept.runIds,
      why: `Ids of runs stay reserved, so that a late retry starts none again; they have no content. ${named}`
    },
    {
      what: "cost-lines",
      count: kept.costLines,
      why: `What was spent is owed, and sums stay as they were; the lines have no content. ${named}`
    },
    { what: "acts", count: kept.acts, why: `They say who allowed what, and have no arguments. ${named}` },
    { what: "grants", count: kept.grants, why: `They allow calls in runs and threads of others. ${named}` },
    {
      what: "shared-threads",
      count: kept.sharedThreads.length,
      why: `Others ran in them, too. The principal's messages are replaced by "${Redacted.text}"`,
      ids: kept.sharedThreads
    },
    {
      what: "bytes",
      count: kept.bytes === true ? 1 : 0,
      why: "The file could not be rewritten now, so that bytes of what was deleted stay in it. Erase again, or run VACUUM on it"
    }
  ]
  const found = all.filter(({ count }) => count > 0)
  const isNamed = kept.runIds + kept.costLines + kept.acts + kept.grants > 0
  return { principal, resourceId, ...(isNamed ? { pseudonym } : {}), deleted, kept: found, cancelled }
}

/** Ids as acts and grants name them: one, or several with commas. */
const renamedIn = (by: string, { pseudonym, principal }: Erasing): string =>
  by === principal
    ? pseudonym
    : by
        .split(", ")
        .map((one) => (one === principal ? pseudonym : one))
        .join(", ")

/**
 * The act or grant with the pseudonym for the principal's id; the same where it does not name the principal.
 *
 * @since 0.2.0
 * @category operations
 */
export const renamed = <A extends Pick<Audit.Act | Grant.Grant, "by">>(named: A, erasing: Erasing): A => {
  if (named.by === undefined) return named
  const by = renamedIn(named.by, erasing)
  return by === named.by ? named : { ...named, by }
}
