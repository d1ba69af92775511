/**
 * What happens to a question that the client does not see: a client may hide events, but hiding one must not lose an
 * approval.
 */
import { Decision } from "@reins/protocol"
import * as Schema from "effect/Schema"

/**
 * How a question may be answered.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Answers = Schema.Literals(["approve_once", "approve_session", "deny"])
export type Answers = typeof Answers.Type

/**
 * What becomes of a question: it is asked, answered at once, or an error.
 *
 * @since 0.1.0
 * @category schemas
 */
export const InputPolicy = Schema.Literals(["prompt", "deny", "approve_once", "approve_session", "error"])
export type InputPolicy = typeof InputPolicy.Type

const decisions: { readonly [A in Answers]: Decision } = {
  approve_once: Decision.approve(),
  approve_session: Decision.approve({ scope: "thread" }),
  deny: Decision.reject()
}

/**
 * A person's answer as a decision: `approve_session` has scope `thread`.
 *
 * @since 0.1.0
 * @category operations
 */
export const decisionOf = (answer: Answers): Decision => decisions[answer]

/**
 * The decision for every question, or `undefined` to ask a person. Unspecified: prompt; hidden: deny.
 *
 * @since 0.1.0
 * @category operations
 */
export const automatic = (options: {
  readonly policy: InputPolicy | undefined
  readonly hiddenPolicy: InputPolicy | undefined
  readonly isHidden: boolean
}): Decision | undefined => {
  const policy = options.isHidden ? (options.hiddenPolicy ?? "deny") : (options.policy ?? "prompt")
  if (policy === "prompt") return options.isHidden ? Decision.reject() : undefined
  return policy === "error"
    ? Decision.reject({ feedback: "The client hides questions, so nobody can approve this" })
    : decisions[policy]
}
