/**
 * Stores the audit record of approvals, and makes its acts. A store writes an act in the same transaction as what it
 * records. `MemoryAudit` keeps them in memory; database stores are in `@reins/store`.
 */
import { type Approval, Audit, Grant, type Json, type Principal } from "@reins/protocol"
import * as Effect from "effect/Effect"
import { digestId, sha256Hex } from "../kernel/Digest.ts"

/**
 * Selects the acts of one tenant that match all given fields.
 *
 * @since 0.1.0
 * @category models
 */
export interface AuditQuery {
  readonly resourceId: string
  readonly threadId?: string | undefined
  readonly runId?: string | undefined
  /** The acts of this principal, by id. */
  readonly principal?: string | undefined
  /** From this time on, in epoch milliseconds. */
  readonly since?: number | undefined
  /** Before this time, in epoch milliseconds. */
  readonly until?: number | undefined
  /** After this cursor, the `next` of the previous page. */
  readonly after?: string | undefined
  /** The maximum number of acts in the page. */
  readonly limit: number
}

/**
 * Stores acts; see the header of this file.
 *
 * @since 0.1.0
 * @category models
 */
export interface AuditStore {
  /** Stores acts, each once by its id. */
  readonly record: (acts: ReadonlyArray<Audit.Act>) => Effect.Effect<void>
  /**
   * A page, oldest first; acts of one millisecond by `Audit.rank`, then by id. An invalid cursor reads from the
   * beginning.
   */
  readonly read: (query: AuditQuery) => Effect.Effect<Audit.Page>
}

/**
 * A question that acts are about, with its run.
 *
 * @since 0.1.0
 * @category models
 */
export interface Asked {
  readonly runId: string
  readonly agentPath: ReadonlyArray<string>
  readonly request: Approval.Request
}

// A question has three acts, so they are made without a copy for each field that may be absent.

/** An act that is being made. */
type Draft = { -readonly [Field in keyof Audit.Act]: Audit.Act[Field] }

/** The act with its common fields; `key` makes it unique among its kind. */
const act = (key: string, kind: Audit.Act["kind"], at: number, about: Audit.About): Draft => ({
  ...about,
  id: digestId("act", `${kind}\n${about.resourceId}\n${key}`),
  kind,
  at
})

/**
 * The hash that stands for arguments and plans.
 *
 * @since 0.1.0
 * @category operations
 */
export const argsHash = (args: Json): string => sha256Hex(JSON.stringify(args))

/**
 * The common fields of acts about this question.
 *
 * @since 0.1.0
 * @category operations
 */
export const aboutOf = ({ agentPath, request, runId }: Asked): Audit.About => {
  const { approvals, id, kind, resourceId, target, threadId, toolHash, toolInvocationId } = request
  const about: { -readonly [Field in keyof Audit.About]: Audit.About[Field] } = {
    resourceId,
    threadId,
    runId,
    approvalId: id,
    about: kind,
    target
  }
  if (agentPath.length > 0) about.agentPath = agentPath
  if (toolInvocationId !== undefined) about.toolInvocationId = toolInvocationId
  if (toolHash !== undefined) about.toolHash = toolHash
  if (kind !== "budget") about.argsHash = argsHash(request.payload)
  if (approvals !== undefined) about.quorum = approvals.quorum
  return about
}

/**
 * The question was asked.
 *
 * @since 0.1.0
 * @category operations
 */
export const asked = (question: Asked, at: number): Audit.Act => {
  const { id, requestedBy } = question.request
  const made = act(id, "asked", at, aboutOf(question))
  if (requestedBy !== undefined) made.by = requestedBy
  return made
}

/** Adds the answering principal. */
const sign = (made: Draft, principal: Principal | undefined): void => {
  if (principal === undefined) return
  made.by = principal.id
  if (principal.roles !== undefined && principal.roles.length > 0) made.roles = principal.roles
}

/**
 * An answer was refused; `attempt` makes the act unique.
 *
 * @since 0.1.0
 * @category operations
 */
export const refused = (
  about: Audit.About,
  {
    attempt,
    at,
    principal,
    reason
  }: {
    readonly attempt: string
    readonly at: number
    readonly principal: Principal | undefined
    readonly reason: string
  }
): Audit.Act => {
  const made = act(attempt, "refused", at, about)
  sign(made, principal)
  made.reason = reason
  return made
}

/**
 * An answer was taken, or counted as one of several. `args`: the arguments that may run, if a reviewer changed them. The
 * value that answers a question is hashed in their place.
 *
 * @since 0.1.0
 * @category operations
 */
export const answered = (
  about: Audit.About,
  how: {
    readonly at: number
    readonly principal: Principal | undefined
    readonly outcome: Approval.Outcome
    readonly args?: Json | undefined
    readonly level?: number | undefined
    readonly quorum?: number | undefined
    readonly given?: number | undefined
  }
): Audit.Act => {
  const { at, given, level, outcome, principal, quorum } = how
  const args = how.args ?? (outcome.outcome === "answer" ? outcome.value : undefined)
  const key = JSON.stringify([about.approvalId, level, principal?.id, outcome.outcome])
  const made = act(key, "answered", at, about)
  sign(made, principal)
  made.outcome = outcome.outcome
  if (args !== undefined) made.argsHash = argsHash(args)
  if (level !== undefined) made.level = level
  if (quorum !== undefined) made.quorum = quorum
  if (given !== undefined) made.given = given
  return made
}

/**
 * The question was decided.
 *
 * @since 0.1.0
 * @category operations
 */
export const decided = (question: Asked, resolution: Approval.Resolution, at: number): Audit.Act => {
  const { by, grantId, id, outcome, scope } = resolution
  const made = act(id, "decided", at, aboutOf(question))
  made.outcome = outcome.outcome
  if (by !== undefined) made.by = by
  if (scope !== undefined) made.scope = scope
  if (grantId !== undefined) made.grantId = grantId
  return made
}

const aboutGrant = (grant: Grant.Grant): Audit.About => ({
  resourceId: grant.resourceId,
  threadId: grant.threadId,
  runId: grant.runId,
  ...(grant.agentPath.length === 0 ? {} : { agentPath: grant.agentPath }),
  target: grant.toolName,
  toolHash: grant.toolHash,
  scope: grant.scope,
  grantId: grant.id,
  ...(grant.by === undefined ? {} : { by: grant.by })
})

/**
 * A grant was given.
 *
 * @since 0.1.0
 * @category operations
 */
export const granted = (grant: Grant.Grant): Audit.Act => act(grant.id, "granted", grant.grantedAt, aboutGrant(grant))

/**
 * A call, known by `key`, took a use of a grant.
 *
 * @since 0.1.0
 * @category operations
 */
export const used = (grant: Grant.Grant, key: string, claim: Grant.Claim, at: number): Audit.Act => {
  // From the call, not from the question that created the grant.
  const { agentPath: _given, ...about } = aboutGrant(grant)
  return act(`${grant.id}\n${key}`, "used", at, {
    ...about,
    threadId: claim.threadId,
    runId: claim.runId,
    ...(claim.agentPath.length === 0 ? {} : { agentPath: claim.agentPath }),
    ...(claim.toolInvocationId === undefined ? {} : { toolInvocationId: claim.toolInvocationId }),
    argsHash: argsHash(claim.args)
  })
}

/**
 * The act that a grant is exhausted, if the change to `after` exhausted it.
 *
 * @since 0.1.0
 * @category operations
 */
export const ended = (before: Grant.Grant, after: Grant.Grant, at: number): ReadonlyArray<Audit.Act> =>
  Grant.isUsedUp(after) && !Grant.isUsedUp(before)
    ? [act(`${after.id}\n${at}`, "exhausted", at, aboutGrant(after))]
    : []

/**
 * A grant was revoked.
 *
 * @since 0.1.0
 * @category operations
 */
export const revoked = (grant: Grant.Grant, { at, by }: Revocation): Audit.Act => {
  const { by: _giver, ...about } = aboutGrant(grant)
  const made = act(grant.id, "revoked", at, about)
  if (by !== undefined) made.by = by
  return made
}

/**
 * When a grant is revoked, in epoch milliseconds, and by whom; absent: not recorded.
 *
 * @since 0.1.0
 * @category models
 */
export interface Revocation {
  readonly at: number
  readonly by?: string | undefined
}

/**
 * The question was escalated; `level`: for which time.
 *
 * @since 0.1.0
 * @category operations
 */
export const escalated = (question: Asked, level: number, at: number): Audit.Act => {
  const made = act(`${question.request.id}\n${level}`, "escalated", at, aboutOf(question))
  made.level = level
  return made
}

const fits = (act: Audit.Act, { principal, resourceId, runId, since, threadId, until }: AuditQuery): boolean =>
  act.resourceId === resourceId &&
  (threadId === undefined || act.threadId === threadId) &&
  (runId === undefined || act.runId === runId) &&
  (principal === undefined || act.by === principal) &&
  (since === undefined || act.at >= since) &&
  (until === undefined || act.at < until)

/**
 * A cursor: the position of an act among all.
 *
 * @since 0.1.0
 * @category models
 */
export interface Place {
  readonly at: number
  readonly rank: number
  readonly id: string
}

/**
 * The cursor of an act.
 *
 * @since 0.1.0
 * @category operations
 */
export const placeOf = ({ at, id, kind }: Audit.Act): Place => ({ at, rank: Audit.rank(kind), id })

/**
 * A cursor as text.
 *
 * @since 0.1.0
 * @category conversions
 */
export const toCursor = ({ at, id, rank }: Place): string => `${at}.${rank}.${id}`

/**
 * The cursor of a text; `undefined` if it is invalid.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromCursor = (text: string): Place | undefined => {
  const [, at, rank, id] = /^(\d{1,16})\.(\d)\.(.{1,100})$/.exec(text) ?? []
  return id === undefined ? undefined : { at: Number(at), rank: Number(rank), id }
}

const isBehind = (a: Place, b: Place): boolean =>
  a.at !== b.at ? a.at > b.at : a.rank !== b.rank ? a.rank > b.rank : a.id > b.id

/**
 * A page of at most `limit` acts from `found`, which is in order and has at most one more.
 *
 * @since 0.1.0
 * @category operations
 */
export const pageOf = (found: ReadonlyArray<Audit.Act>, limit: number): Audit.Page => {
  const acts = found.slice(0, limit)
  const last = acts.at(-1)
  return found.length <= limit || last === undefined ? { acts } : { acts, next: toCursor(placeOf(last)) }
}

/**
 * Acts in memory: lost with the process; at least the last `kept` are available.
 *
 * @since 0.1.0
 * @category models
 */
export class MemoryAudit implements AuditStore {
  private readonly acts = new Map<string, Audit.Act>()
  private readonly kept: number

  constructor(kept: number) {
    this.kept = kept
  }

  /** Stores acts synchronously. */
  add(acts: ReadonlyArray<Audit.Act>): void {
    for (const act of acts) if (!this.acts.has(act.id)) this.acts.set(act.id, act)
    // Deleted in batches, because deleting the first entry of a map repeatedly is slow.
    if (this.acts.size <= this.kept + Math.min(1000, this.kept)) return
    for (const id of this.acts.keys()) {
      this.acts.delete(id)
      if (this.acts.size <= this.kept) return
    }
  }

  /** Replaces acts by what `change` makes of them, `undefined` deletes one; returns how many were deleted and changed. */
  revise(change: (act: Audit.Act) => Audit.Act | undefined): { readonly deleted: number; readonly changed: number } {
    let [deleted, changed] = [0, 0]
    for (const act of this.acts.values()) {
      const after = change(act)
      if (after === act) continue
      if (after === undefined) {
        this.acts.delete(act.id)
        deleted++
      } else {
        this.acts.set(act.id, after)
        changed++
      }
    }
    return { deleted, changed }
  }

  readonly record = (acts: ReadonlyArray<Audit.Act>): Effect.Effect<void> => Effect.sync(() => this.add(acts))

  readonly read = (query: AuditQuery): Effect.Effect<Audit.Page> =>
    Effect.sync(() => {
      const after = query.after === undefined ? undefined : fromCursor(query.after)
      const found = Array.from(this.acts.values())
        .filter((act) => fits(act, query) && (after === undefined || isBehind(placeOf(act), after)))
        .toSorted((a, b) => (isBehind(placeOf(a), placeOf(b)) ? 1 : -1))
      return pageOf(found, query.limit)
    })
}
