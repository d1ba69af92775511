/**
 * The approval policy of a tool: `always` ask, `never` ask, deny, or a predicate over the decoded arguments (true means
 * ask). Pure; `Gate` applies it to a call.
 */
import * as Effect from "effect/Effect"
import * as Guard from "effect/Predicate"
import type * as Prompt from "effect/ai/Prompt"
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
