/**
 * The audit record of approvals: every act about a question or a grant, with who did what, when, and for which
 * definition of the tool. It has no arguments, plans, limits or remarks; arguments and plans are represented by their
 * hash.
 */
import * as Schema from "effect/Schema"
import { AgentPath } from "../AgentPath.ts"
import { Kind as QuestionKind, Scope } from "./Approval.ts"

/**
 * What was done: a question was `asked`, `answered` by a principal, an answer was `refused`, the question was
 * `escalated` or `decided`; a grant was `granted`, `used` by a call, `exhausted`, `revoked`.
 *
 * @since 0.1.0
 * @category models
 */
export type Kind = (typeof kinds)[number]
const kinds = [
  "asked",
  "refused",
  "answered",
  "escalated",
  "granted",
  "decided",
  "used",
  "exhausted",
  "revoked"
] as const

/**
 * The order of a kind among acts of one millisecond.
 *
 * @since 0.1.0
 * @category operations
 */
export const rank = (kind: Kind): number => kinds.indexOf(kind)

const about = {
  resourceId: Schema.String,
  threadId: Schema.String,
  runId: Schema.String,
  agentPath: Schema.optionalKey(AgentPath),
  approvalId: Schema.optionalKey(Schema.String),
  about: Schema.optionalKey(QuestionKind),
  target: Schema.optionalKey(Schema.String),
  toolInvocationId: Schema.optionalKey(Schema.String),
  toolHash: Schema.optionalKey(Schema.String),
  argsHash: Schema.optionalKey(Schema.String),
  by: Schema.optionalKey(Schema.String),
  roles: Schema.optionalKey(Schema.Array(Schema.String)),
  outcome: Schema.optionalKey(
    Schema.Literals(["approve", "reject", "revise", "answer", "expired", "cancelled", "superseded"])
  ),
  reason: Schema.optionalKey(Schema.String),
  level: Schema.optionalKey(Schema.Natural),
  quorum: Schema.optionalKey(Schema.Natural),
  given: Schema.optionalKey(Schema.Natural),
  scope: Schema.optionalKey(Scope),
  grantId: Schema.optionalKey(Schema.String)
}

const AboutStruct = Schema.Struct(about)

/**
 * The fields of an act besides its kind and time.
 *
 * @since 0.1.0
 * @category schemas
 */
export interface About extends Schema.Schema.Type<typeof AboutStruct> {}
export const About: Schema.Codec<About> = AboutStruct

const ActStruct = Schema.Struct({
  id: Schema.String,
  kind: Schema.Literals(kinds),
  at: Schema.Natural,
  ...about
}).annotate({ identifier: "AuditAct" })

/**
 * One act.
 *
 * **Details**
 * - `id`: the same act has the same id, however often it is written.
 * - `at`: epoch milliseconds.
 * - `about`, `target`: the question's kind, and the tool's name, the plan's id, or the limit.
 * - `toolHash`: the hash of the tool's definition that the act applies to. Absent if no tool is concerned.
 * - `argsHash`: SHA-256 of the JSON text of the arguments, the plan or the question: of `answered`, the arguments that
 *   may run or the answer's value; of `used`, the call's.
 * - `by`: the principal; of `used` and `exhausted` the one who gave the grant; of `decided` all with counted answers,
 *   separated by commas. Absent: no principal (an expiry, a cancel, a program that names none).
 * - `roles`: the principal's, at that time.
 * - `outcome`: of `answered` the answer, of `decided` the question's end.
 * - `reason`: why an answer was refused, as the tag of the `ApprovalError`'s reason.
 * - `level`, `quorum`, `given`: how often the question was escalated before, how many approvals it needs, how many it
 *   has with this one.
 *
 * @since 0.1.0
 * @category schemas
 */
export interface Act extends Schema.Schema.Type<typeof ActStruct> {}
export const Act: Schema.Codec<Act> = ActStruct

const encodeLine = Schema.encodeSync(Schema.fromJsonString(Act))

/**
 * An act as a line of JSON, without a line end.
 *
 * @since 0.1.0
 * @category conversions
 */
export const toLine = (act: Act): string => encodeLine(act)

/**
 * A page of the record, oldest act first. `next`: the cursor of the next page (`after`); absent: there was none when it
 * was read.
 *
 * @since 0.1.0
 * @category models
 */
export interface Page {
  readonly acts: ReadonlyArray<Act>
  readonly next?: string | undefined
}
