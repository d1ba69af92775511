/**
 * One call: its context, its end, the stored form of its end, and the event that closes it.
 */
import { Approval, Budget, Event, type Json, Message, RunErrors, Usage } from "@reins/protocol"
import type { Answer } from "../approval/Quorum.ts"
import type { Callable } from "../agent/AgentRegistry.ts"
import type { CallHooks } from "../hook/HookChain.ts"
import type { AgentState } from "../run/AgentState.ts"
import type { Run } from "../run/Run.ts"
import { Later } from "../engine/Ticket.ts"
import * as ToolOutcome from "../tool/ToolOutcome.ts"
import * as Schema from "effect/Schema"
import * as StoredForm from "../kernel/StoredForm.ts"

/** A call of a tool, made by `agent` in `run`; with the arguments that the hooks before it have left it. */
export interface CallContext {
  readonly run: Run
  readonly agent: AgentState
  readonly call: Message.CallPart
  readonly tool: Callable
  /** Its hooks; absent: none. */
  readonly hooks?: CallHooks | undefined
  /** For which time a person has allowed its repetition; absent: it is not repeated. */
  readonly repeat?: number | undefined
}

interface End<Tag extends string> {
  readonly _tag: Tag
  /** The result for the model and the log. */
  readonly outcome: ToolOutcome.ToolOutcome
  /** The result is a receipt, and this its ticket; absent: it is not. */
  readonly later?: Later | undefined
  /** The usage of a specialist, everything below it included, and of what hooks asked models; absent: none. */
  readonly usage: Usage.Usage | undefined
}

/**
 * How a call ended: with its own result or failure, by a limit that refused or interrupted it, by the run's cancel, or
 * by a hook that ends the run. A denial is a result: the agent continues.
 */
export type CallEnd =
  | End<"Done">
  | (End<"Refused"> & { readonly refusal: Budget.Refusal })
  | End<"Cancelled">
  | (End<"Ended"> & { readonly failure: RunErrors.HookEnded })

/**
 * The result of a question about a call: the arguments that it may run with, how it ended instead, or that its tool's
 * definition is not the shown one, so that a new question is needed.
 */
export type Ruling =
  | { readonly _tag: "Allowed"; readonly args: Json; readonly review: Review | undefined }
  | { readonly _tag: "Superseded" }
  | { readonly _tag: "Closed"; readonly end: CallEnd }

/** It ended with its own result or failure. */
export const done = (outcome: ToolOutcome.ToolOutcome, usage?: Usage.Usage): CallEnd => ({
  _tag: "Done",
  outcome,
  usage
})

/** It ended with a receipt: its late result follows. */
export const receipt = (result: Json, later: Later): CallEnd => ({
  _tag: "Done",
  outcome: ToolOutcome.success(result),
  usage: undefined,
  later
})

/** A limit ended it. */
export const refused = (
  refusal: Budget.Refusal,
  outcome: ToolOutcome.ToolOutcome = ToolOutcome.refused(refusal),
  usage?: Usage.Usage
): CallEnd => ({ _tag: "Refused", outcome, usage, refusal })

/** The run's cancel ended it. */
export const cancelled = (outcome: ToolOutcome.ToolOutcome = ToolOutcome.cancelled, usage?: Usage.Usage): CallEnd => ({
  _tag: "Cancelled",
  outcome,
  usage
})

/** A hook ended it, and the run. */
export const ended = (
  failure: RunErrors.HookEnded,
  outcome: ToolOutcome.ToolOutcome,
  usage?: Usage.Usage
): CallEnd => ({ _tag: "Ended", outcome, usage, failure })

/** The end with what was used besides. */
export const using = (end: CallEnd, usage: Usage.Usage | undefined): CallEnd =>
  usage === undefined ? end : { ...end, usage: end.usage === undefined ? usage : Usage.add(end.usage, usage) }

/** The end as the model reads it after a review. Unchanged for a call that did not run. */
export const reviewed = (end: CallEnd, review: Review | undefined): CallEnd =>
  review === undefined || end._tag !== "Done" ? end : { ...end, outcome: withReview(end.outcome, review) }

/** The event that closes a call. `args`: the arguments it ran with, or would have. */
export const resultEvent = (
  call: { readonly id: string; readonly name: string },
  args: Json,
  outcome: ToolOutcome.ToolOutcome,
  execution: "server" | "client",
  later?: Later
): Event => {
  const event = Event.toolResult(call, args, outcome, execution === "client" ? execution : undefined)
  return later === undefined ? event : { ...event, later }
}

/**
 * What a reviewer changed about a call that they allowed. The model reads it with the result; the call itself stays in
 * the history as the model made it.
 *
 * `args`: what the call runs with in place of the model's. `feedback`: what the reviewer wrote.
 */
export interface Review {
  readonly args?: Json | undefined
  readonly feedback?: string | undefined
}

/** The review in an answer; `undefined` for a plain approval. */
export const reviewOf = ({ args, resolution: { feedback } }: Answer): Review | undefined =>
  args === undefined && (feedback ?? "") === "" ? undefined : { args, feedback }

/** The outcome with the review before its result. */
const withReview = (outcome: ToolOutcome.ToolOutcome, review: Review): ToolOutcome.ToolOutcome => {
  const { content, result } = outcome
  const text = typeof result === "string" ? result : JSON.stringify(result)
  const note: Message.TextPart = { type: "text", text: noteOf(review) }
  return { ...outcome, content: [note, ...(content ?? [{ type: "text", text }])] }
}

const noteOf = ({ args, feedback = "" }: Review): string => {
  const said = feedback === "" ? "" : `Feedback of the reviewer: ${feedback}\n`
  return args === undefined
    ? `A reviewer approved this call.\n${said}Result:`
    : `A reviewer changed the arguments of this call. It ran with: ${JSON.stringify(args)}\n${said}Result:`
}

/**
 * The definition that a question is about, when it expires, in epoch milliseconds, and who may answer. All may be
 * absent.
 */
export interface Shown {
  readonly toolHash?: string | undefined
  readonly expiresAt?: number | undefined
  readonly approvals?: Approval.Approvals | undefined
}

/** A call without an end: it was started `begun` times and may have taken effect; a person is asked about `shown`. */
export interface Unsettled {
  readonly _tag: "Unsettled"
  readonly begunBefore: number
  readonly shown: Shown
}

/** A call that never started: its tool's definition is not the allowed one, or the grant that allowed it is gone. */
export interface Changed {
  readonly _tag: "Changed"
}

const SleepStruct = Schema.Struct({
  until: Schema.Natural,
  told: Schema.Natural,
  costs: Schema.Natural,
  startedAt: Schema.Natural,
  begun: Schema.Natural
})

/**
 * A handler's sleep, until `until`, in epoch milliseconds: then the call runs again, from its start. What the handler
 * said and reported before is not said again: its first `told` events and `costs` reports. `startedAt`: of the call.
 * `begun`: how often it was started.
 */
export interface Sleep extends Schema.Schema.Type<typeof SleepStruct> {}

/** A call without an end yet: its handler sleeps. */
export interface Asleep {
  readonly _tag: "Asleep"
  readonly sleep: Sleep
}

/** A call that goes on after its handler's `count`th sleep; counts from 1. */
export interface Part extends Sleep {
  readonly count: number
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
  approvals: Schema.optionalKey(Approval.Approvals),
  changed: Schema.optionalKey(Schema.Boolean),
  ended: Schema.optionalKey(Schema.Struct({ hook: Schema.String, description: Schema.String })),
  usage: Schema.optionalKey(Usage.Usage),
  asleep: Schema.optionalKey(SleepStruct),
  later: Schema.optionalKey(Later)
})

/** Whether running a call has ended it. */
export const isEnd = (ran: Ran): ran is CallEnd =>
  ran._tag !== "Unsettled" && ran._tag !== "Changed" && ran._tag !== "Asleep"

/** The outcome of running a call. */
export type Ran = CallEnd | Unsettled | Changed | Asleep

/** The form in which the engine stores it. */
export const StoredRan: StoredForm.StoredForm<Ran> = StoredForm.of<Ran, typeof Fields.Type>(Fields, {
  // A call that ended with its own result.
  usual: (stored) => {
    if (!StoredForm.isObject(stored)) return undefined
    for (const name in stored) if (name !== "result") return undefined
    return stored.result === undefined
      ? undefined
      : done({ result: stored.result, status: undefined, content: undefined })
  },
  read: ({
    approvals,
    asleep,
    later,
    begunBefore,
    cancelled: isCancelled,
    changed,
    content,
    ended: by,
    expiresAt,
    refusal,
    result,
    status,
    toolHash,
    usage
  }): Ran => {
    if (begunBefore !== undefined) return { _tag: "Unsettled", begunBefore, shown: { expiresAt, toolHash, approvals } }
    if (changed === true) return { _tag: "Changed" }
    if (asleep !== undefined) return { _tag: "Asleep", sleep: asleep }
    const outcome: ToolOutcome.ToolOutcome = { result, status, content }
    if (isCancelled === true) return cancelled(outcome, usage)
    if (by !== undefined) return ended(new RunErrors.HookEnded(by), outcome, usage)
    if (later !== undefined) return { ...done(outcome, usage), later }
    return refusal === undefined ? done(outcome, usage) : refused(refusal, outcome, usage)
  },
  write: (end) => {
    if (end._tag === "Changed") return { result: null, changed: true }
    if (end._tag === "Asleep") return { result: null, asleep: end.sleep }
    if (end._tag === "Unsettled") {
      const { approvals, expiresAt, toolHash } = end.shown
      return {
        result: null,
        begunBefore: end.begunBefore,
        ...(expiresAt === undefined ? {} : { expiresAt }),
        ...(toolHash === undefined ? {} : { toolHash }),
        ...(approvals === undefined ? {} : { approvals })
      }
    }
    const { content, result, status } = end.outcome
    return {
      result,
      ...(status === undefined ? {} : { status }),
      ...(content === undefined ? {} : { content }),
      ...(end._tag === "Refused" ? { refusal: end.refusal } : {}),
      ...(end._tag === "Cancelled" ? { cancelled: true } : {}),
      ...(end._tag === "Ended" ? { ended: { hook: end.failure.hook, description: end.failure.description } } : {}),
      ...(end.usage === undefined ? {} : { usage: end.usage }),
      ...(end.later === undefined ? {} : { later: end.later })
    }
  }
})
