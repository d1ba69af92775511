/**
 * A person's decision about an approval request: approve, reject, revise or answer. Create one with the constructors below and
 * pass it to `Runtime.respondToApproval`. A decision is plain data that can be stored and sent.
 */
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import { Scope } from "./Approval.ts"
import { Json } from "../Json.ts"

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
export interface Approve extends Schema.Schema.Type<typeof Approve> {}
/** Do not allow it; of a question: decline to answer. */
export interface Reject extends Schema.Schema.Type<typeof Reject> {}
/** Allow it with changed arguments: `partial` replaces those that it names. */
export interface Revise extends Schema.Schema.Type<typeof Revise> {}
/** Answer a question with `value`. */
export interface Answer extends Schema.Schema.Type<typeof Answer> {}

/**
 * A person's decision.
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

const said = (options: SaidOptions | undefined) => ({
  ...(options?.by === undefined ? {} : { by: options.by }),
  ...(options?.feedback === undefined ? {} : { feedback: options.feedback })
})

/** Allows the call or the plan. */
const approve = (options?: ApproveOptions): Decision => ({
  type: "approve",
  ...said(options),
  ...(options?.scope === undefined ? {} : { scope: options.scope }),
  ...(options?.matcher === undefined ? {} : { matcher: options.matcher }),
  ...(options?.uses === undefined ? {} : { uses: options.uses }),
  ...(options?.maxCostUsd === undefined ? {} : { maxCostUsd: options.maxCostUsd }),
  ...(options?.expiresIn === undefined
    ? {}
    : { expiresInMillis: Duration.toMillis(Duration.fromInputUnsafe(options.expiresIn)) })
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
