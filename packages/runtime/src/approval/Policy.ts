/**
 * Whether a call may run. The approval policy of a tool: `always` ask, `never` ask, deny, or a predicate over the decoded
 * arguments (true means ask). Pure; `Gate` applies it to a call.
 *
 * A call that may run has a `Permit`: running a tool requires one, and only the gate makes them, so that no code path runs
 * a call that was not allowed.
 */
import * as Effect from "effect/Effect"
import * as Guard from "effect/Predicate"
import type * as Prompt from "effect/ai/Prompt"
import type { Json, Message } from "@reins/protocol"
import type * as Erased from "../kernel/Erased.ts"
import type { Approvers } from "./Approvers.ts"

/**
 * The context of a predicate, besides the arguments.
 *
 * @since 0.1.0
 * @category models
 */
export interface PolicyContext {
  readonly runId: string
  readonly threadId: string
  readonly resourceId: string
  readonly toolName: string
  readonly toolCallId: string
  readonly agentPath: ReadonlyArray<string>
  /** The agent's conversation so far, as `effect/ai` has it. Made when it is read. */
  readonly messages: ReadonlyArray<Prompt.Message>
}

/**
 * Denies the call without asking anybody. The model reads the reason, so it should say what to do instead.
 *
 * @since 0.1.0
 * @category models
 */
export interface Denial {
  readonly deny: string
}

/**
 * False: the call may run. True: ask a person. A denial: it may not.
 *
 * @since 0.1.0
 * @category models
 */
export type Ruling = boolean | Denial

/**
 * Decides on a call by its decoded arguments. A predicate that fails, dies or takes too long means ask.
 *
 * @since 0.1.0
 * @category models
 */
export type Predicate = (args: Erased.Any, context: PolicyContext) => Ruling | Effect.Effect<Ruling>

/** Whether `said` is a denial; it may come from code without types. */
export const isDenial = (said: unknown): said is Denial =>
  Guard.hasProperty(said, "deny") && typeof said.deny === "string"

/**
 * Whether to ask (`ask`; absent: always), and who may answer.
 *
 * @since 0.1.0
 * @category models
 */
export interface Reviewed {
  readonly ask?: Ruled | undefined
  readonly approvers: Approvers
}

/**
 * A policy that names no approvers.
 *
 * @since 0.1.0
 * @category models
 */
export type Ruled = "never" | "always" | Denial | Predicate

/**
 * Whether a person is asked before a tool runs: `never`, `always`, `{ deny: reason }`, which denies every call without
 * asking, or a predicate; `{ ask, approvers }` also names who may answer. A denial takes precedence over grants.
 *
 * @since 0.1.0
 * @category models
 */
export type Policy = Ruled | Reviewed

const isReviewed = (policy: Policy): policy is Reviewed => Guard.hasProperty(policy, "approvers")

/** The policy without its approvers. */
export const ruled = (policy: Policy): Ruled => (isReviewed(policy) ? (policy.ask ?? "always") : policy)

/** The approvers that the policy names. */
export const approversOf = (policy: Policy): Approvers | undefined =>
  isReviewed(policy) ? policy.approvers : undefined

/** The policy for a query that wants to be asked about every call that is not denied. */
export const asking = (policy: Ruled): Ruled => {
  if (typeof policy !== "function") return isDenial(policy) ? policy : "always"
  return (args, context) => {
    const said = policy(args, context)
    return Effect.isEffect(said)
      ? Effect.map(said, (ruling) => (isDenial(ruling) ? ruling : true))
      : isDenial(said)
        ? said
        : true
  }
}

/**
 * The policy for one tool: the agent's own setting, else the tool's declaration, else the runtime's floor for tools
 * that declare nothing.
 */
export const resolve = (
  agent: Policy | undefined,
  declared: boolean | Predicate | undefined,
  floor: Policy
): Policy => {
  if (agent !== undefined) return agent
  if (declared === undefined) return floor
  return typeof declared === "boolean" ? (declared ? "always" : "never") : declared
}

/** The right to run one call. */
export interface Permit {
  readonly call: Message.CallPart
  /** The arguments it may run with: the model's, or those of a revision. */
  readonly args: Json
  /** The grant it uses, if nobody was asked. */
  readonly grant: GrantUse | undefined
  /** The hash of the allowed definition; absent if nobody was asked, or an earlier release asked. */
  readonly toolHash: string | undefined
  /** The subject of the names under which its execution is stored. */
  readonly subject: string
}

/** How a call was allowed, apart from its arguments. */
export interface Allowance {
  readonly grant?: GrantUse | undefined
  readonly toolHash?: string | undefined
  readonly subject: string
}

/** A use of a grant. `isMetered`: the grant limits what its calls may cost, and holds money for this one. */
export interface GrantUse {
  readonly id: string
  readonly isMetered: boolean
}

class Issued implements Permit {
  readonly call: Message.CallPart
  readonly args: Json
  readonly grant: GrantUse | undefined
  readonly toolHash: string | undefined
  readonly subject: string

  constructor(call: Message.CallPart, args: Json, { grant, subject, toolHash }: Allowance) {
    this.call = call
    this.args = args
    this.grant = grant
    this.toolHash = toolHash
    this.subject = subject
  }
}

/** Makes a permit. Only `Gate` calls it. */
export const issuePermit = (call: Message.CallPart, args: Json, allowance: Allowance): Permit =>
  new Issued(call, args, allowance)

/** True only for what `issue` made. */
export const isGenuine = (permit: Permit): boolean => permit instanceof Issued
