/**
 * The part of Karta's configuration file that a server honours, with the file's own names; and what it says of questions.
 * A client may hide events, but hiding one must not lose an approval: a policy answers it.
 */
import { Decision } from "@reins/protocol"
import * as Schema from "effect/Schema"
import type { KartaType } from "./KartaEvent.ts"
import type { Options } from "./Turn.ts"

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

/**
 * **Details**
 * - `cli.hidden_event_types`: events of these types are not sent. A question that is hidden is answered by
 *   `cli.input_required_hidden_policy`; absent: it is denied.
 * - `cli.input_required_policy`: answers every question; absent: as `runtime.permission_mode` says.
 * - `runtime.permission_mode`: `interactive` asks a person (the default), `autonomous` approves for the session.
 *
 * A request can hide more types, and its own policies take precedence.
 *
 * @since 0.1.0
 * @category models
 */
export interface Configuration {
  readonly cli?: {
    readonly hidden_event_types?: ReadonlyArray<KartaType> | undefined
    readonly input_required_policy?: InputPolicy | undefined
    readonly input_required_hidden_policy?: InputPolicy | undefined
  }
  readonly runtime?: { readonly permission_mode?: PermissionMode | undefined }
}

export type PermissionMode = "interactive" | "autonomous"

export const modeOf = ({ runtime }: Configuration): PermissionMode => runtime?.permission_mode ?? "interactive"

/** A request's own configuration. */
export type Own = NonNullable<Configuration["cli"]>

/**
 * How a request is answered: what its stream shows, and the decision that every question gets; `undefined`: a person
 * decides.
 */
export const settle = (
  configuration: Configuration,
  own: Own,
  thinking: boolean
): { readonly options: Options; readonly automatic: Decision | undefined } => {
  const { cli = {} } = configuration
  const hidden = new Set([...(cli.hidden_event_types ?? []), ...(own.hidden_event_types ?? [])])
  const decision = automatic({
    policy:
      own.input_required_policy ??
      cli.input_required_policy ??
      (modeOf(configuration) === "autonomous" ? "approve_session" : undefined),
    hiddenPolicy: own.input_required_hidden_policy ?? cli.input_required_hidden_policy,
    isHidden: hidden.has("input_required")
  })
  return { options: { thinking, hidden, automatic: decision !== undefined }, automatic: decision }
}
