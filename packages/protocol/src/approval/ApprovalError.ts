/**
 * Why a decision was not taken. The request, where there is one, is as it was: nothing ran because of this decision.
 */
import * as Schema from "effect/Schema"
import { Outcome } from "./Approval.ts"

/** No request of this id, for this tenant. */
export class ApprovalNotFound extends Schema.TaggedError<ApprovalNotFound>()("ApprovalNotFound", {}) {
  override get message() {
    return "no such approval request"
  }
}

/** Answered before; `outcome` is what counts. */
export class ApprovalResolved extends Schema.TaggedError<ApprovalResolved>()("ApprovalResolved", {
  outcome: Outcome
}) {
  override get message() {
    return `the request was answered before: ${this.outcome.outcome}`
  }
}

/** The answer came after `expiresAt`. */
export class ApprovalExpired extends Schema.TaggedError<ApprovalExpired>()("ApprovalExpired", {
  expiresAt: Schema.Natural
}) {
  override get message() {
    return "the request has expired"
  }
}

/** The request is another tenant's, and its existence may be known to this caller. */
export class ApprovalForbidden extends Schema.TaggedError<ApprovalForbidden>()("ApprovalForbidden", {}) {
  override get message() {
    return "this approval request belongs to somebody else"
  }
}

/** The revised arguments do not fit the tool's schema, or the decision does not fit the kind of request. */
export class InvalidArguments extends Schema.TaggedError<InvalidArguments>()("InvalidArguments", {
  issue: Schema.String
}) {
  override get message() {
    return `the decision cannot be applied: ${this.issue}`
  }
}

const members = [ApprovalNotFound, ApprovalResolved, ApprovalExpired, ApprovalForbidden, InvalidArguments] as const

/** Why a decision was not taken. */
export type Reason = InstanceType<(typeof members)[number]>

/** A decision that was not taken, for the request `id`. */
export class ApprovalError extends Schema.TaggedError<ApprovalError>()("ApprovalError", {
  id: Schema.String,
  reason: Schema.Union(members)
}) {
  override get message(): string {
    return `approval ${JSON.stringify(this.id)}: ${this.reason.message}`
  }
}
