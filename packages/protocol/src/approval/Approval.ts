/**
 * The data of an approval: the request that a person is asked, the decision that the person sends, and the resolution.
 * Asking and answering is done by the runtime.
 */
import * as Schema from "effect/Schema"
import type * as Duration from "effect/Duration"
import { AgentPath } from "../AgentPath.ts"
import { Json } from "../Json.ts"
import { milliseconds } from "../Milliseconds.ts"

/**
 * What the request is about: a tool call, a plan, more budget, or a question that the model or a running tool asks.
 *
 * @since 0.1.0
 * @category schemas
 */
export type Kind = "tool" | "plan" | "budget" | "question"
export const Kind: Schema.Codec<Kind> = Schema.Literals(["tool", "plan", "budget", "question"])

/**
 * The scope of an approval: this call, this run, this thread, or everything below one specialist.
 *
 * @since 0.1.0
 * @category schemas
 */
export type Scope = "call" | "run" | "thread" | "subtree"
export const Scope: Schema.Codec<Scope> = Schema.Literals(["call", "run", "thread", "subtree"])

const Need = {
  quorum: Schema.Natural.check(Schema.isGreaterThan(0)),
  roles: Schema.optionalKey(Schema.Array(Schema.String)),
  excludesRequester: Schema.optionalKey(Schema.Literal(true)),
  judged: Schema.optionalKey(Schema.Literal(true))
}

const NeedStruct = Schema.Struct(Need)

/**
 * Who may answer a request, and how many must approve.
 *
 * **Details**
 * - `quorum`: how many different principals must approve. One rejection ends the request.
 * - `roles`: a principal with one of them may answer. Absent: any principal of the tenant with an id.
 * - `excludesRequester`: not the principal who started the run.
 * - `judged`: a predicate of the agent also decides, in the process that executes the run.
 *
 * @since 0.1.0
 * @category models
 */
export interface Need extends Schema.Schema.Type<typeof NeedStruct> {}

const ApprovalsStruct = Schema.Struct({
  ...Need,
  given: Schema.Natural,
  escalations: Schema.optionalKey(Schema.Array(Schema.Struct({ at: Schema.Natural, ...Need })))
}).annotate({ identifier: "Approvals" })

/**
 * The approvals that a request needs if it names its approvers: first those of its `Need`, and from each escalation's
 * time `at` (epoch milliseconds) on those of the escalation instead. `given`: how many approvals had been counted when
 * this was read, since the last escalation.
 *
 * @since 0.1.0
 * @category schemas
 */
export interface Approvals extends Schema.Schema.Type<typeof ApprovalsStruct> {}
export const Approvals: Schema.Codec<Approvals> = ApprovalsStruct

/**
 * How often the request was escalated by `now`, in epoch milliseconds.
 *
 * @since 0.1.0
 * @category operations
 */
export const levelAt = ({ escalations = [] }: Approvals, now: number): number =>
  escalations.filter(({ at }) => at <= now).length

/**
 * What the request needs at that level, or at the last one if there are fewer.
 *
 * @since 0.1.0
 * @category operations
 */
export const needAt = (approvals: Approvals, level: number): Need =>
  level === 0 ? approvals : (approvals.escalations?.[level - 1] ?? approvals.escalations?.at(-1) ?? approvals)

/**
 * The approvals for a question: the same people may answer, and one answer is sufficient.
 *
 * @since 0.1.0
 * @category operations
 */
export const single = (approvals: Approvals): Approvals => ({
  ...approvals,
  quorum: 1,
  ...(approvals.escalations === undefined
    ? {}
    : { escalations: approvals.escalations.map((one) => ({ ...one, quorum: 1 })) })
})

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
  toolHash: Schema.optionalKey(Schema.String),
  expiresAt: Schema.optionalKey(Schema.Natural),
  approvals: Schema.optionalKey(Approvals),
  requestedBy: Schema.optionalKey(Schema.String)
}).annotate({ identifier: "ApprovalRequest" })

/**
 * The request, as in the `approval-required` event.
 *
 * **Details**
 * - `target`: the tool's name, the plan's id, or the exhausted limit.
 * - `payload`: the call's arguments, the plan, `{ limit, max, used }`, or of a question `{ question, schema, options? }`
 *   (`Question`).
 * - `resourceId`: the tenant of the run; only this tenant may answer. `"default"` if tenants are not used.
 * - `toolInvocationId`: present exactly for the kinds `tool` and `question`: the call that may run, or that asks.
 * - `agentPath`: present when raised below the root.
 * - `begunBefore`: present on a repeated question: how often the call was started. Above 0: the process died before
 *   there was a result; the call may have taken effect, and the question is whether it may run again. 0: it never
 *   started, and the question is repeated because the definition of its tool has changed.
 * - `toolHash`: the hash of the tool's definition that the person is shown; an answer applies to this definition only.
 *   Absent on questions about a budget, and on those of an earlier release.
 * - `expiresAt`: epoch milliseconds after which the request expires; absent: never.
 * - `approvals`: who may answer, and how many must approve; absent: anybody of the tenant, and one is enough. In the
 *   event, `given` is 0.
 * - `requestedBy`: the principal who started the run, if `approvals` is present and the principal is known.
 *
 * @since 0.1.0
 * @category schemas
 */
export interface Request extends Schema.Schema.Type<typeof RequestStruct> {}
export const Request: Schema.Codec<Request> = RequestStruct

const Approved = Schema.Struct({ outcome: Schema.Literal("approve") })
const Rejected = Schema.Struct({ outcome: Schema.Literal("reject") })
const Revised = Schema.Struct({ outcome: Schema.Literal("revise"), partial: Json })
const Answered = Schema.Struct({ outcome: Schema.Literal("answer"), value: Json })
const Expired = Schema.Struct({ outcome: Schema.Literal("expired") })
const Cancelled = Schema.Struct({ outcome: Schema.Literal("cancelled") })
const Superseded = Schema.Struct({
  outcome: Schema.Literal("superseded"),
  messageId: Schema.optionalKey(Schema.String)
})

/**
 * How a request ended. `expired`, `cancelled` and `superseded` are set by the runtime, the others by a person. Expired
 * is not rejected. `answer`: the answer to a question, which fits its schema; `reject` of a question: the person
 * declined to answer. `superseded` with a `messageId`: the user wrote that message instead of answering, and the call
 * did not run; without: the definition of the tool has changed since, and a new request asks about the call with the
 * new one.
 *
 * @since 0.1.0
 * @category schemas
 */
export type Outcome =
  | Schema.Schema.Type<typeof Approved>
  | Schema.Schema.Type<typeof Rejected>
  | Schema.Schema.Type<typeof Revised>
  | Schema.Schema.Type<typeof Answered>
  | Schema.Schema.Type<typeof Expired>
  | Schema.Schema.Type<typeof Cancelled>
  | Schema.Schema.Type<typeof Superseded>
export const Outcome: Schema.Codec<Outcome> = Schema.Union([
  Approved,
  Rejected,
  Revised,
  Answered,
  Expired,
  Cancelled,
  Superseded
])

/**
 * True when the question is repeated for another definition of its tool.
 *
 * @since 0.1.0
 * @category guards
 */
export const isAskedAgain = (outcome: Outcome): boolean =>
  outcome.outcome === "superseded" && outcome.messageId === undefined

/**
 * True when the call may run: approved, or revised.
 *
 * @since 0.1.0
 * @category operations
 */
export const allows = (outcome: Outcome): boolean => outcome.outcome === "approve" || outcome.outcome === "revise"

const ResolutionStruct = Schema.Struct({
  id: Schema.String,
  outcome: Outcome,
  feedback: Schema.optionalKey(Schema.String),
  by: Schema.optionalKey(Schema.String),
  scope: Schema.optionalKey(Scope),
  grantId: Schema.optionalKey(Schema.String),
  approvers: Schema.optionalKey(Schema.Array(Schema.String))
}).annotate({ identifier: "ApprovalResolution" })

/**
 * The resolution, as in the `approval-decision` event. `feedback` is the person's remark, `by` who decided, `scope` the
 * scope of the approval (absent: this call only), `grantId` the grant that it created. `approvers`: who approved, if
 * more than one had to; `by` then has all of them.
 *
 * @since 0.1.0
 * @category schemas
 */
export interface Resolution extends Schema.Schema.Type<typeof ResolutionStruct> {}
export const Resolution: Schema.Codec<Resolution> = ResolutionStruct

const Said = {
  feedback: Schema.optionalKey(Schema.String),
  by: Schema.optionalKey(Schema.String)
}

/** The longest validity of a grant: 1,000 years, so that its expiry is a valid time. */
const maxExpiryMs = 31_536_000_000_000

/** The most US dollars that are counted: nano-dollars up to 2⁵³ − 1. */
const maxUsd = 9_007_199

const atMost = (most: number) => Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0), Schema.isLessThanOrEqualTo(most))

const Approve = Schema.Struct({
  type: Schema.Literal("approve"),
  ...Said,
  scope: Schema.optionalKey(Scope),
  matcher: Schema.optionalKey(Json),
  uses: Schema.optionalKey(Schema.Natural),
  maxCostUsd: Schema.optionalKey(atMost(maxUsd)),
  expiresInMillis: Schema.optionalKey(Schema.Natural.check(Schema.isLessThanOrEqualTo(maxExpiryMs))),
  raise: Schema.optionalKey(Schema.Record(Schema.String, atMost(Number.MAX_SAFE_INTEGER)))
}).annotate({ identifier: "DecisionApprove" })

const Reject = Schema.Struct({ type: Schema.Literal("reject"), ...Said }).annotate({ identifier: "DecisionReject" })

const Revise = Schema.Struct({ type: Schema.Literal("revise"), partial: Json, ...Said }).annotate({
  identifier: "DecisionRevise"
})

const Answer = Schema.Struct({ type: Schema.Literal("answer"), value: Json, ...Said }).annotate({
  identifier: "DecisionAnswer"
})

/** Allow this call, or with a scope further calls; with `raise`, more budget. */
interface Approve extends Schema.Schema.Type<typeof Approve> {}
/** Do not allow it; of a question: decline to answer. */
interface Reject extends Schema.Schema.Type<typeof Reject> {}
/** Allow it with changed arguments: `partial` replaces those that it names. */
interface Revise extends Schema.Schema.Type<typeof Revise> {}
/** Answer a question with `value`. */
interface Answer extends Schema.Schema.Type<typeof Answer> {}

/**
 * A person's decision about a request: approve, reject, revise or answer. Create one with its constructors and pass it to
 * `Runtime.respondToApproval`. It is plain data that can be stored and sent.
 *
 * @since 0.1.0
 * @category schemas
 */
export type Decision = Approve | Reject | Revise | Answer

interface SaidOptions {
  /** Who decides; recorded with the decision and shown on its event. Absent: not recorded. */
  readonly by?: string | undefined
  /** A remark. On a rejection the model gets it. */
  readonly feedback?: string | undefined
}

interface ApproveOptions extends SaidOptions {
  /** The scope of the approval. Absent: this call only. A wider scope creates a grant. */
  readonly scope?: Scope | undefined
  /**
   * Only calls whose arguments contain this value (deep, objects by subset) run on the grant. Absent: any arguments.
   */
  readonly matcher?: Json | undefined
  /** How many further calls the grant allows. Absent: any number. */
  readonly uses?: number | undefined
  /** The maximum total cost of calls on the grant, in US dollars. Absent: no limit. */
  readonly maxCostUsd?: number | undefined
  /** How long the grant is valid, from the decision on. Absent: as long as its scope. */
  readonly expiresIn?: Duration.Input | undefined
}

const sayings = ["by", "feedback"] as const satisfies ReadonlyArray<keyof SaidOptions>

const limits: ReadonlyArray<string> = ["scope", "matcher", "uses", "maxCostUsd", "expiresIn"] satisfies ReadonlyArray<
  Exclude<keyof ApproveOptions, keyof SaidOptions>
>

/**
 * `known`: further options. Code without types may set others: each is kept as `options.NAME`, a field that no decision
 * has. The decision is refused when it is given, and the option cannot change what it decides.
 */
const said = (options: SaidOptions | undefined, known: ReadonlyArray<string> = []): SaidFields => {
  const out: { -readonly [K in keyof SaidFields]: SaidFields[K] } = {}
  for (const name of sayings) if (options?.[name] !== undefined) out[name] = options[name]
  for (const [name, value] of Object.entries(options ?? {})) {
    if (value === undefined || known.includes(name) || name === "by" || name === "feedback") continue
    Object.assign(out, { [`options.${name}`]: value })
  }
  return out
}

interface SaidFields {
  readonly by?: string
  readonly feedback?: string
}

/** Allows the call or the plan. */
const approve = (options?: ApproveOptions): Decision => ({
  type: "approve",
  ...said(options, limits),
  ...(options?.scope === undefined ? {} : { scope: options.scope }),
  ...(options?.matcher === undefined ? {} : { matcher: options.matcher }),
  ...(options?.uses === undefined ? {} : { uses: options.uses }),
  ...(options?.maxCostUsd === undefined ? {} : { maxCostUsd: options.maxCostUsd }),
  ...(options?.expiresIn === undefined ? {} : { expiresInMillis: milliseconds(options.expiresIn) }) // `NaN` where it states no time, which is refused
})

/** Rejects the call; the model gets `feedback`. Final for this call. */
const reject = (options?: SaidOptions): Decision => ({ type: "reject", ...said(options) })

/**
 * Allows the call with changed arguments: `partial` replaces the arguments that it names (a plan goes back to the
 * planner). The result is validated by the tool's schema when the decision is given; invalid arguments fail with
 * `InvalidArguments` and leave the request open.
 */
const revise = (partial: Json, options?: SaidOptions): Decision => ({ type: "revise", partial, ...said(options) })

/**
 * Answers a question (a request of kind `question`). The value is validated by the question's schema when the decision is
 * given; one that does not fit fails with `InvalidArguments` and leaves the question open.
 */
const answer = (value: Json, options?: SaidOptions): Decision => ({ type: "answer", value, ...said(options) })

/** Allows more budget, for a request of kind `budget`: new limits by name, each above what is spent. */
const raise = (limits: { readonly [limit: string]: number }, options?: SaidOptions): Decision => ({
  type: "approve",
  raise: limits,
  ...said(options)
})

const Union: Schema.Codec<Decision> = Schema.Union([Approve, Reject, Revise, Answer])

export const Decision: Schema.Codec<Decision> & {
  readonly approve: typeof approve
  readonly reject: typeof reject
  readonly revise: typeof revise
  readonly answer: typeof answer
  readonly raise: typeof raise
} = Object.assign(Union, { approve, reject, revise, answer, raise })
