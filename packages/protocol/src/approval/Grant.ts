/**
 * A stored approval: which calls may run without asking again, how often, for how long and at what cost.
 *
 * Data and one rule, `covers`. A grant names a tool and the hash of its definition: when the definition changes, the
 * grant is void. The runtime stores grants and counts their uses.
 */
import * as Schema from "effect/Schema"
import { AgentPath, isWithin } from "../AgentPath.ts"
import { Json } from "../Json.ts"
import * as Count from "../money/Count.ts"

const GrantStruct = Schema.Struct({
  id: Schema.String,
  scope: Schema.Literals(["run", "thread", "subtree"]),
  resourceId: Schema.String,
  threadId: Schema.String,
  runId: Schema.String,
  agentPath: AgentPath,
  toolName: Schema.String,
  toolHash: Schema.String,
  matcher: Schema.optionalKey(Json),
  usesLeft: Schema.optionalKey(Schema.Natural),
  nanoUsdLeft: Schema.optionalKey(Schema.Natural),
  nanoUsdHeld: Schema.optionalKey(Schema.Natural),
  nanoUsdCharged: Schema.optionalKey(Schema.Natural),
  expiresAt: Schema.optionalKey(Schema.Natural),
  by: Schema.optionalKey(Schema.String),
  grantedAt: Schema.Natural
}).annotate({ identifier: "Grant" })

/**
 * **Details**
 * - `scope`: `run`: the run in which it was given; `thread`: every run of that thread; `subtree`: that run, at and
 *   below `agentPath`.
 * - `toolHash`: hash of the tool's definition that the person was shown.
 * - `matcher`: arguments must contain it (objects by the members it names, at any depth; all else equal). Absent: any.
 * - `usesLeft`, `nanoUsdLeft`: how many further calls are allowed, and what they may cost. Absent: no limit.
 * - `nanoUsdHeld`: reserved for running calls, and not in `nanoUsdLeft`; of a claim, what the grant holds for its call.
 * - `nanoUsdCharged`: of a claim, what the grant was charged for its call. Absent: nothing yet.
 * - `expiresAt`, `grantedAt`: epoch milliseconds.
 *
 * @since 0.1.0
 * @category schemas
 */
export interface Grant extends Schema.Schema.Type<typeof GrantStruct> {}
export const Grant: Schema.Codec<Grant> = GrantStruct

/**
 * A call that asks to run on a grant.
 *
 * @since 0.1.0
 * @category models
 */
export interface Claim {
  readonly resourceId: string
  readonly threadId: string
  readonly runId: string
  readonly agentPath: AgentPath
  readonly toolName: string
  readonly toolHash: string
  readonly args: Json
  /** The call's id, for the audit record. */
  readonly toolInvocationId?: string | undefined
  /** Its maximum cost, in nano-dollars. Absent: unknown, so that it holds everything that a grant has left. */
  readonly nanoUsd?: number | undefined
}

/**
 * Whether the call may run on the grant, at `now`.
 *
 * @since 0.1.0
 * @category operations
 */
export const covers = (grant: Grant, claim: Claim, now: number): boolean =>
  grant.resourceId === claim.resourceId &&
  grant.toolName === claim.toolName &&
  grant.toolHash === claim.toolHash &&
  reaches(grant, claim) &&
  !isExpired(grant, now) &&
  grant.usesLeft !== 0 &&
  grant.nanoUsdLeft !== 0 &&
  (claim.nanoUsd === undefined || grant.nanoUsdLeft === undefined || claim.nanoUsd <= grant.nanoUsdLeft) &&
  (grant.matcher === undefined || contains(claim.args, grant.matcher))

/**
 * Whether the grant has expired, at `now`.
 *
 * @since 0.1.0
 * @category guards
 */
export const isExpired = ({ expiresAt }: Grant, now: number): boolean => expiresAt !== undefined && now >= expiresAt

const reaches = (grant: Grant, claim: Claim): boolean => {
  switch (grant.scope) {
    case "thread":
      return grant.threadId === claim.threadId
    case "run":
      return grant.runId === claim.runId
    case "subtree":
      return grant.runId === claim.runId && isWithin(claim.agentPath, grant.agentPath)
  }
}

const isRecord = (value: Json): value is { readonly [key: string]: Json } =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/**
 * Whether `value` matches `pattern`: objects by the members that the pattern names, arrays and other values exactly.
 *
 * @since 0.1.0
 * @category operations
 */
export const contains = (value: Json, pattern: Json): boolean => {
  if (isRecord(pattern)) {
    return (
      isRecord(value) &&
      Object.entries(pattern).every(([key, part]) => {
        const found = Object.hasOwn(value, key) ? value[key] : undefined
        return found !== undefined && contains(found, part)
      })
    )
  }
  if (Array.isArray(pattern)) {
    return (
      Array.isArray(value) &&
      value.length === pattern.length &&
      pattern.every((part, index) => contains(value[index] ?? null, part))
    )
  }
  return value === pattern
}

/**
 * The grant after a covered call has used it, and the call's claim.
 *
 * @since 0.1.0
 * @category operations
 */
export const claimed = (grant: Grant, claim: Claim): { readonly grant: Grant; readonly claim: Grant } => {
  const uses = grant.usesLeft === undefined ? {} : { usesLeft: Math.max(0, grant.usesLeft - 1) }
  if (grant.nanoUsdLeft === undefined) return { grant: { ...grant, ...uses }, claim: grant }
  const held = Math.min(claim.nanoUsd ?? grant.nanoUsdLeft, grant.nanoUsdLeft)
  const money = { nanoUsdLeft: grant.nanoUsdLeft - held, nanoUsdHeld: Count.add(grant.nanoUsdHeld ?? 0, held) }
  return { grant: { ...grant, ...uses, ...money }, claim: { ...grant, nanoUsdHeld: held } }
}

/**
 * The grant and the claim after the call has cost `nanoUsd` in all. A claim releases its hold once, and charges each
 * cost once: settled again after a crash, it only charges the additional cost.
 *
 * @since 0.1.0
 * @category operations
 */
export const settled = (
  grant: Grant,
  claim: Grant | undefined,
  nanoUsd: number
): { readonly grant: Grant; readonly claim: Grant | undefined } => {
  const held = claim?.nanoUsdHeld ?? 0
  const before = claim?.nanoUsdCharged ?? 0
  const charged = Math.max(before, nanoUsd)
  const left = grant.nanoUsdLeft
  return {
    grant:
      left === undefined
        ? grant
        : {
            ...grant,
            nanoUsdLeft: Math.max(0, Count.add(left, held) - (charged - before)),
            nanoUsdHeld: Math.max(0, (grant.nanoUsdHeld ?? 0) - held)
          },
    claim:
      claim === undefined
        ? undefined
        : { ...claim, nanoUsdHeld: 0, ...(charged === 0 ? {} : { nanoUsdCharged: charged }) }
  }
}

/**
 * Whether the grant cannot be used any more, and no running call can release part of it.
 *
 * @since 0.1.0
 * @category guards
 */
export const isUsedUp = ({ nanoUsdHeld = 0, nanoUsdLeft, usesLeft }: Grant): boolean =>
  usesLeft === 0 || (nanoUsdLeft === 0 && nanoUsdHeld === 0)
