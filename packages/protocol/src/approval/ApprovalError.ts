/**
 * Why a decision was not accepted. The request, if there is one, is unchanged, and nothing ran because of this
 * decision.
 */
import * as Schema from "effect/Schema"
import { Outcome } from "./Approval.ts"

/**
 * This tenant has no request with this id.
 *
 * @since 0.1.0
 * @category errors
 */
export class ApprovalNotFound extends Schema.TaggedError<ApprovalNotFound>()("ApprovalNotFound", {}) {
  override get message() {
    return "Approval request not found"
  }
}

/**
 * The request was already answered, with `outcome`.
 *
 * @since 0.1.0
 * @category errors
 */
export class ApprovalResolved extends Schema.TaggedError<ApprovalResolved>()("ApprovalResolved", {
  outcome: Outcome
}) {
  override get message() {
    return `The request was already answered: ${this.outcome.outcome}`
  }
}

/**
 * The answer came after `expiresAt`.
 *
 * @since 0.1.0
 * @category errors
 */
export class ApprovalExpired extends Schema.TaggedError<ApprovalExpired>()("ApprovalExpired", {
  expiresAt: Schema.Natural
}) {
  override get message() {
    return "The request has expired"
  }
}

/**
 * The request belongs to another tenant, and this caller may know that it exists.
 *
 * @since 0.1.0
 * @category errors
 */
export class ApprovalForbidden extends Schema.TaggedError<ApprovalForbidden>()("ApprovalForbidden", {}) {
  override get message() {
    return "The approval request belongs to another tenant"
  }
}

/**
 * The stored request cannot be read: a row in `table` is damaged. Restore it from a backup, or cancel its run.
 *
 * @since 0.1.0
 * @category errors
 */
export class ApprovalDamaged extends Schema.TaggedError<ApprovalDamaged>()("ApprovalDamaged", {
  table: Schema.String
}) {
  override get message() {
    return `The stored request cannot be read: a row in ${this.table} is damaged. Restore it from a backup, or cancel its run`
  }
}

/**
 * The question belongs to this tenant, but this principal may not answer it; `need` says who may.
 *
 * @since 0.1.0
 * @category errors
 */
export class Forbidden extends Schema.TaggedError<Forbidden>()("Forbidden", { need: Schema.String }) {
  override get message() {
    return `This principal may not answer the request: it is for ${this.need}`
  }
}

/**
 * The process that executes the run decides whether this principal may answer, and no process executes it at present.
 * The answer is stored, and counts when it was judged; see `Runtime.approvals.history`.
 *
 * @since 0.1.0
 * @category errors
 */
export class ApprovalUnjudged extends Schema.TaggedError<ApprovalUnjudged>()("ApprovalUnjudged", {}) {
  override get message() {
    return "The answer is stored but not judged yet: no process executes the run. Check the request again later"
  }
}

/**
 * The tool's definition (name, description, parameters, annotations) has changed since the question. A new request asks
 * about the call with the current definition.
 *
 * @since 0.1.0
 * @category errors
 */
export class DefinitionChanged extends Schema.TaggedError<DefinitionChanged>()("DefinitionChanged", {}) {
  override get message() {
    return "The tool's definition has changed since the question was asked. Answer the new request about the same call"
  }
}

/**
 * The revised arguments do not fit the tool's schema, or the decision does not fit the kind of request.
 *
 * @since 0.1.0
 * @category errors
 */
export class InvalidArguments extends Schema.TaggedError<InvalidArguments>()("InvalidArguments", {
  issue: Schema.String
}) {
  override get message() {
    return `The decision cannot be applied: ${this.issue}`
  }
}

const members = [
  ApprovalNotFound,
  ApprovalResolved,
  ApprovalExpired,
  ApprovalForbidden,
  ApprovalDamaged,
  Forbidden,
  ApprovalUnjudged,
  DefinitionChanged,
  InvalidArguments
] as const

/**
 * Why a decision was not accepted.
 *
 * @since 0.1.0
 * @category models
 */
export type Reason = InstanceType<(typeof members)[number]>

/**
 * A decision that was not accepted, for the request `id`.
 *
 * @since 0.1.0
 * @category errors
 */
export class ApprovalError extends Schema.TaggedError<ApprovalError>()("ApprovalError", {
  id: Schema.String,
  reason: Schema.Union(members)
}) {
  override get message(): string {
    return `Approval ${JSON.stringify(this.id)}: ${this.reason.message}`
  }
}
