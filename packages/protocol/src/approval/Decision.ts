/**
 * What a person answers to an approval request: approve, reject or revise. Made with the constructors below and handed to
 * `Runtime.respondToApproval`. A decision is data: it may be stored and sent.
 */
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import { Scope } from "./Approval.ts"
import { Json } from "../Json.ts"

const Said = {
  feedback: Schema.optionalKey(Schema.String),
  by: Schema.optionalKey(Schema.String)
}

const Approve = Schema.Struct({
  type: Schema.Literal("approve"),
  ...Said,
  scope: Schema.optionalKey(Scope),
  matcher: Schema.optionalKey(Json),
  uses: Schema.optionalKey(Schema.Natural),
  maxCostUsd: Schema.optionalKey(Schema.Finite),
  expiresInMillis: Schema.optionalKey(Schema.Natural),
  raise: Schema.optionalKey(Schema.Record(Schema.String, Schema.Finite))
}).annotate({ identifier: "DecisionApprove" })

const Reject = Schema.Struct({ type: Schema.Literal("reject"), ...Said }).annotate({ identifier: "DecisionReject" })

const Revise = Schema.Struct({ type: Schema.Literal("revise"), partial: Json, ...Said }).annotate({
  identifier: "DecisionRevise"
})

/** Go on: for this call, or with a scope for more of them; with `raise`, more budget. */
export interface Approve extends Schema.Schema.Type<typeof Approve> {}
/** Do not. */
export interface Reject extends Schema.Schema.Type<typeof Reject> {}
/** Go on, with these arguments in place of those it names. */
export interface Revise extends Schema.Schema.Type<typeof Revise> {}

/** A person's answer. */
export type Decision = Approve | Reject | Revise

interface SaidOptions {
  /** Who answers; recorded with the decision, and shown on its event. Absent: nobody is named. */
  readonly by?: string | undefined
  /** A remark. On a rejection the model reads it. */
  readonly feedback?: string | undefined
}

interface ApproveOptions extends SaidOptions {
  /** How far the approval reaches. Absent: this call only. A wider scope leaves a grant behind. */
  readonly scope?: Scope | undefined
  /** Only calls whose arguments contain this value (deep, objects by subset) run on the grant. Absent: any arguments. */
  readonly matcher?: Json | undefined
  /** How many further calls the grant serves. Absent: any number. */
  readonly uses?: number | undefined
  /** Most US dollars that calls on the grant may report as their cost. Absent: no limit. */
  readonly maxCostUsd?: number | undefined
  /** How long the grant lasts from the decision on. Absent: as long as its scope. */
  readonly expiresIn?: Duration.Input | undefined
}

const said = (options: SaidOptions | undefined) => ({
  ...(options?.by === undefined ? {} : { by: options.by }),
  ...(options?.feedback === undefined ? {} : { feedback: options.feedback })
})

/** The call may run, the plan go on. */
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

/** The call must not run; `feedback` is what the model reads. Final for this call. */
const reject = (options?: SaidOptions): Decision => ({ type: "reject", ...said(options) })

/**
 * The call runs with other arguments: `partial` replaces the arguments it names (for a plan: goes back to the planner).
 * Checked against the tool's schema when the decision is given; a misfit fails with `InvalidArguments` and leaves the
 * request open.
 */
const revise = (partial: Json, options?: SaidOptions): Decision => ({ type: "revise", partial, ...said(options) })

/** More budget, as the answer to a request of kind `budget`: new limits by name, each above what is spent. */
const raise = (limits: { readonly [limit: string]: number }, options?: SaidOptions): Decision => ({
  type: "approve",
  raise: limits,
  ...said(options)
})

const Union: Schema.Codec<Decision> = Schema.Union([Approve, Reject, Revise])

export const Decision: Schema.Codec<Decision> & {
  readonly approve: typeof approve
  readonly reject: typeof reject
  readonly revise: typeof revise
  readonly raise: typeof raise
} = Object.assign(Union, { approve, reject, revise, raise })
