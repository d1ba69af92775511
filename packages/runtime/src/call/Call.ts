/**
 * One call on its way to its result: what settles it, how it ended, and the event that closes it.
 */
import { type Budget, Event, type Json, type Message, type Usage } from "@reins/protocol"
import type { Callable } from "../agent/AgentRegistry.ts"
import type { AgentState } from "../run/AgentState.ts"
import type { Run } from "../run/Run.ts"
import * as ToolOutcome from "../tool/ToolOutcome.ts"
import * as Review from "./Review.ts"

/** A call of a tool, made by `agent` in `run`. */
export interface CallContext {
  readonly run: Run
  readonly agent: AgentState
  readonly call: Message.CallPart
  readonly tool: Callable
}

interface End<Tag extends string> {
  readonly _tag: Tag
  /** What the model reads, and the log says. */
  readonly outcome: ToolOutcome.ToolOutcome
  /** What a specialist used, everything below it included. */
  readonly usage: Usage.Usage | undefined
}

/**
 * How a call ended: with a result or failure of its own, by a limit that refused it or cut it short, or by the run's cancel. A
 * denial is a result: the agent goes on.
 */
export type CallEnd = End<"Done"> | (End<"Refused"> & { readonly refusal: Budget.Refusal }) | End<"Cancelled">

/**
 * What came of a question about a call: the arguments that it may run with, how it ended instead, or that its tool's definition is not
 * the one that was shown, so that it is asked about anew.
 */
export type Ruling =
  | { readonly _tag: "Allowed"; readonly args: Json; readonly review: Review.Review | undefined }
  | { readonly _tag: "Superseded" }
  | { readonly _tag: "Closed"; readonly end: CallEnd }

/** It has a result, or failed by itself. */
export const done = (outcome: ToolOutcome.ToolOutcome, usage?: Usage.Usage): CallEnd => ({
  _tag: "Done",
  outcome,
  usage
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

/** The end as the model reads it after a review. Of a call that was not made there is nothing to say. */
export const reviewed = (end: CallEnd, review: Review.Review | undefined): CallEnd =>
  review === undefined || end._tag !== "Done" ? end : { ...end, outcome: Review.tell(end.outcome, review) }

/** The event that closes a call. `args`: those it ran with, or would have. */
export const resultEvent = (
  call: { readonly id: string; readonly name: string },
  args: Json,
  outcome: ToolOutcome.ToolOutcome,
  execution: "server" | "client"
): Event => Event.toolResult(call, args, outcome, execution === "client" ? execution : undefined)
