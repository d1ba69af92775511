/**
 * The words of an approval: the question, the decision a person gives, the outcome the events tell, and the grant that a
 * scoped approval leaves behind. Data only: asking and answering is the runtime's business.
 */
import * as Schema from "effect/Schema"
import { AgentPath } from "../AgentPath.ts"
import { Json } from "../Json.ts"

/** What is asked about: a tool call, a plan, or more budget. */
export type Kind = "tool" | "plan" | "budget"
export const Kind: Schema.Codec<Kind> = Schema.Literals(["tool", "plan", "budget"])

/** How far an approval reaches: this call, this run, this thread, or everything below one specialist. */
export type Scope = "call" | "run" | "thread" | "subtree"
export const Scope: Schema.Codec<Scope> = Schema.Literals(["call", "run", "thread", "subtree"])

const RequestStruct = Schema.Struct({
  id: Schema.String,
  kind: Kind,
  target: Schema.String,
  payload: Json,
  resourceId: Schema.String,
  threadId: Schema.String,
  toolInvocationId: Schema.optionalKey(Schema.String),
  agentPath: Schema.optionalKey(AgentPath),
  begunBefore: Schema.optionalKey(Schema.Natural),
  expiresAt: Schema.optionalKey(Schema.Natural)
}).annotate({ identifier: "ApprovalRequest" })

/**
 * The question, as the `approval-required` event carries it.
 *
 * **Details**
 * - `target`: the tool's name, the plan's id, or the exhausted limit.
 * - `payload`: the call's arguments, the plan, or `{ limit, max, used }`.
 * - `resourceId`: the tenant that the run belongs to; only it may answer. `"default"` where tenants are not used.
 * - `toolInvocationId`: present exactly for `kind: "tool"`.
 * - `agentPath`: present when raised below the root.
 * - `begunBefore`: present where the call was begun and its process died before it had a result: how often that happened. The
 *   call may have taken effect, and the question is whether it may be made once more.
 * - `expiresAt`: epoch milliseconds after which the answer is `expired`; absent means it waits for ever.
 */
export interface Request extends Schema.Schema.Type<typeof RequestStruct> {}
export const Request: Schema.Codec<Request> = RequestStruct

const Approve = Schema.Struct({ outcome: Schema.Literal("approve") })
const Reject = Schema.Struct({ outcome: Schema.Literal("reject") })
const Revise = Schema.Struct({ outcome: Schema.Literal("revise"), partial: Json })
const Expired = Schema.Struct({ outcome: Schema.Literal("expired") })
const Cancelled = Schema.Struct({ outcome: Schema.Literal("cancelled") })

/** How a request ended. `expired` and `cancelled` are the runtime's, the others a person's; expired is not rejected. */
export type Outcome =
  | Schema.Schema.Type<typeof Approve>
  | Schema.Schema.Type<typeof Reject>
  | Schema.Schema.Type<typeof Revise>
  | Schema.Schema.Type<typeof Expired>
  | Schema.Schema.Type<typeof Cancelled>
export const Outcome: Schema.Codec<Outcome> = Schema.Union([Approve, Reject, Revise, Expired, Cancelled])

/** True when the call may run: approved, or revised. */
export const allows = (outcome: Outcome): boolean => outcome.outcome === "approve" || outcome.outcome === "revise"

const ResolutionStruct = Schema.Struct({
  id: Schema.String,
  outcome: Outcome,
  feedback: Schema.optionalKey(Schema.String),
  by: Schema.optionalKey(Schema.String),
  scope: Schema.optionalKey(Scope),
  grantId: Schema.optionalKey(Schema.String)
}).annotate({ identifier: "ApprovalResolution" })

/**
 * The answer, as the `approval-decision` event carries it. `feedback` is what the person wrote, `by` who they are,
 * `scope` how far the approval reaches (absent: this call only), `grantId` the grant it left behind.
 */
export interface Resolution extends Schema.Schema.Type<typeof ResolutionStruct> {}
export const Resolution: Schema.Codec<Resolution> = ResolutionStruct
