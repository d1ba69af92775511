/**
 * What came of running a permitted call, as the engine remembers it: its end, or that it has none yet.
 */
import { Budget, type Json, Message } from "@reins/protocol"
import * as Schema from "effect/Schema"
import * as StoredForm from "../kernel/StoredForm.ts"
import type * as ToolOutcome from "../tool/ToolOutcome.ts"
import * as Call from "./Call.ts"
import type { CallEnd } from "./Call.ts"
import type * as Gate from "./Gate.ts"

/** A call without an end yet: it was begun so often and may have taken effect; a person is asked, about what is `shown`. */
export interface Unsettled {
  readonly _tag: "Unsettled"
  readonly begunBefore: number
  readonly shown: Gate.Shown
}

/** A call that was never begun: its tool's definition is not the one that it was allowed under. */
export interface Changed {
  readonly _tag: "Changed"
}

const Fields = Schema.Struct({
  result: Schema.Json,
  status: Schema.optionalKey(Schema.Literals(["failed", "denied", "cancelled"])),
  content: Schema.optionalKey(Schema.Array(Schema.Union([Message.TextPart, Message.FilePart]))),
  refusal: Schema.optionalKey(Budget.Refusal),
  cancelled: Schema.optionalKey(Schema.Boolean),
  begunBefore: Schema.optionalKey(Schema.Natural),
  expiresAt: Schema.optionalKey(Schema.Natural),
  toolHash: Schema.optionalKey(Schema.String),
  changed: Schema.optionalKey(Schema.Boolean)
})

/** What came of running a call. */
export type Ran = CallEnd | Unsettled | Changed

/** As the engine remembers it. */
export const Stored: Schema.Codec<Ran, Json> = StoredForm.of(Fields, {
  read: ({ begunBefore, cancelled, changed, content, expiresAt, refusal, result, status, toolHash }): Ran => {
    if (begunBefore !== undefined) return { _tag: "Unsettled", begunBefore, shown: { expiresAt, toolHash } }
    if (changed === true) return { _tag: "Changed" }
    const outcome: ToolOutcome.ToolOutcome = { result, status, content }
    if (cancelled === true) return Call.cancelled(outcome)
    return refusal === undefined ? Call.done(outcome) : Call.refused(refusal, outcome)
  },
  write: (end) => {
    if (end._tag === "Changed") return { result: null, changed: true }
    if (end._tag === "Unsettled") {
      const { expiresAt, toolHash } = end.shown
      return {
        result: null,
        begunBefore: end.begunBefore,
        ...(expiresAt === undefined ? {} : { expiresAt }),
        ...(toolHash === undefined ? {} : { toolHash })
      }
    }
    const { content, result, status } = end.outcome
    return {
      result,
      ...(status === undefined ? {} : { status }),
      ...(content === undefined ? {} : { content }),
      ...(end._tag === "Refused" ? { refusal: end.refusal } : {}),
      ...(end._tag === "Cancelled" ? { cancelled: true } : {})
    }
  }
})
