/**
 * A chat as a state machine: its inputs are what was typed and the events of the run; its outputs are what to show and
 * to do. Pure: `Chat` does what it says.
 */
import type { Approval, Decision, Envelope } from "@reins/protocol"
import * as Question from "../view/Question.ts"
import * as SlashCommand from "./SlashCommand.ts"

/** A question that waits for its answer. */
export interface Asked {
  readonly request: Approval.Request
  /** Who asks. */
  readonly agent: string
}

export interface State {
  /** The run that goes on. */
  readonly runId: string | undefined
  /** A query was sent, and its run has not started yet. */
  readonly isStarting: boolean
  /** Open questions, the oldest first: that one is answered. */
  readonly questions: ReadonlyArray<Asked>
  /** The next line is an edit of the question's arguments. */
  readonly edits: boolean
  /** What was typed while a run went on and could not be sent into it: the next queries. */
  readonly queue: ReadonlyArray<string>
  /** The run was asked to end. */
  readonly isCancelling: boolean
  /** The run that was asked to end has just done so: a second Ctrl-C that was meant for it still leaves. */
  readonly hasJustCancelled: boolean
  /** Ctrl-C was pressed while nothing ran. */
  readonly isLeaving: boolean
  /** How the last run ended. */
  readonly last: "stop" | "budget" | "cancelled" | "failed" | "incomplete" | undefined
}

export const start: State = {
  runId: undefined,
  isStarting: false,
  questions: [],
  edits: false,
  queue: [],
  isCancelling: false,
  hasJustCancelled: false,
  isLeaving: false,
  last: undefined
}

/** What happens to a chat. */
export type Happening =
  | { readonly _tag: "Typed"; readonly text: string }
  | { readonly _tag: "Interrupted" }
  /** The input has ended. */
  | { readonly _tag: "Left" }
  | { readonly _tag: "Started"; readonly runId: string }
  | { readonly _tag: "NotStarted"; readonly why: string }
  | { readonly _tag: "Happened"; readonly envelope: Envelope.Envelope; readonly agent: string }
  | { readonly _tag: "Ended" }
  /** A moment has passed since a run was cancelled. */
  | { readonly _tag: "Rested" }
  | { readonly _tag: "NotSteered"; readonly text: string }
  | { readonly _tag: "NotAnswered"; readonly id: string; readonly why: string; readonly isOpen: boolean }

/** What is to be done. */
export type Act =
  | { readonly _tag: "Show"; readonly lines: ReadonlyArray<string>; readonly tone: "note" | "problem" }
  | { readonly _tag: "Query"; readonly text: string }
  | { readonly _tag: "Steer"; readonly runId: string; readonly text: string }
  | { readonly _tag: "Answer"; readonly id: string; readonly decision: Decision }
  | { readonly _tag: "Cancel"; readonly runId: string }
  | { readonly _tag: "Command"; readonly command: SlashCommand.SlashCommand }
  /** Text to begin the next line with. */
  | { readonly _tag: "Draft"; readonly text: string }
  | { readonly _tag: "Leave"; readonly isForced: boolean }

const show = (lines: ReadonlyArray<string>, tone: "note" | "problem" = "note"): Act => ({ _tag: "Show", lines, tone })

const nothing: ReadonlyArray<Act> = []

/** True while a query is under way. */
export const isBusy = ({ isStarting, runId }: State): boolean => isStarting || runId !== undefined

/** The state after a happening, and what is to be done, in this order. */
export const after = (state: State, happening: Happening): readonly [State, ReadonlyArray<Act>] => {
  switch (happening._tag) {
    case "Typed":
      return typed({ ...state, isLeaving: false, hasJustCancelled: false }, happening.text)
    case "Interrupted":
      return interrupted(state)
    case "Left":
      if (!isBusy(state)) return [state, [{ _tag: "Leave", isForced: false }]]
      return [{ ...state, isLeaving: true }, nothing]
    case "Started":
      return [
        { ...state, isStarting: false, runId: happening.runId },
        state.isCancelling ? [{ _tag: "Cancel", runId: happening.runId }] : nothing
      ]
    case "NotStarted":
      return next({ ...state, isStarting: false, isCancelling: false, last: "failed" }, [
        show([happening.why], "problem")
      ])
    case "Happened":
      return happened(state, happening.envelope, happening.agent)
    case "Ended":
      return next(
        {
          ...state,
          runId: undefined,
          questions: [],
          edits: false,
          isCancelling: false,
          hasJustCancelled: state.isCancelling
        },
        nothing
      )
    case "Rested":
      return [{ ...state, hasJustCancelled: false }, nothing]
    case "NotSteered":
      // The run ends just now: what was said begins the next query.
      return isBusy(state)
        ? [{ ...state, queue: [...state.queue, happening.text] }, nothing]
        : next({ ...state, queue: [...state.queue, happening.text] }, nothing)
    case "NotAnswered":
      return [
        happening.isOpen
          ? state
          : { ...state, questions: state.questions.filter(({ request }) => request.id !== happening.id) },
        [show([happening.why], "problem")]
      ]
  }
}

/** Starts what is queued, or leaves when the input has ended. */
const next = (state: State, acts: ReadonlyArray<Act>): readonly [State, ReadonlyArray<Act>] => {
  const [text, ...queue] = state.queue
  if (text !== undefined) return [{ ...state, isStarting: true, queue }, [...acts, { _tag: "Query", text }]]
  return [state, state.isLeaving ? [...acts, { _tag: "Leave", isForced: false }] : acts]
}

const typed = (state: State, text: string): readonly [State, ReadonlyArray<Act>] => {
  const command = SlashCommand.parse(text)
  if (command !== undefined) {
    return [state, command._tag === "Exit" ? leaving(state) : [{ _tag: "Command", command }]]
  }
  const [question] = state.questions
  if (question !== undefined) return answered(state, question, text)
  if (text.trim() === "") return [state, nothing]
  if (state.runId !== undefined && !state.isCancelling) {
    return [state, [{ _tag: "Steer", runId: state.runId, text }]]
  }
  if (isBusy(state)) return [{ ...state, queue: [...state.queue, text] }, nothing]
  return [{ ...state, isStarting: true }, [{ _tag: "Query", text }]]
}

const leaving = (state: State): ReadonlyArray<Act> =>
  state.runId === undefined
    ? [{ _tag: "Leave", isForced: false }]
    : [
        { _tag: "Cancel", runId: state.runId },
        { _tag: "Leave", isForced: false }
      ]

const answered = (state: State, { request }: Asked, text: string): readonly [State, ReadonlyArray<Act>] => {
  const isEdit = state.edits && text.trim() !== ""
  const answer = isEdit ? Question.edited(request, text) : Question.read(request, text)
  const asking = { ...state, edits: false }
  switch (answer._tag) {
    case "Decided":
      return [asking, [{ _tag: "Answer", id: request.id, decision: answer.decision }]]
    case "View":
      return [asking, [show(Question.details(request))]]
    case "Help":
      return [asking, [show(Question.help(request))]]
    case "Edit":
      return [{ ...state, edits: true }, [{ _tag: "Draft", text: Question.draft(request) }]]
    case "Unclear":
      return [asking, [show([`${answer.why}.`], "problem")]]
  }
}

const interrupted = (state: State): readonly [State, ReadonlyArray<Act>] => {
  if (state.isCancelling || (state.hasJustCancelled && !isBusy(state)))
    return [state, [{ _tag: "Leave", isForced: true }]]
  if (isBusy(state)) {
    const acts: ReadonlyArray<Act> = state.runId === undefined ? [] : [{ _tag: "Cancel", runId: state.runId }]
    return [
      { ...state, isCancelling: true, edits: false, queue: [] },
      [show(["Cancelling. Press Ctrl-C again to leave at once."]), ...acts]
    ]
  }
  if (state.isLeaving) return [state, [{ _tag: "Leave", isForced: false }]]
  return [{ ...state, isLeaving: true }, [show(["Press Ctrl-C again to leave."])]]
}

const happened = (
  state: State,
  { agentPath, event }: Envelope.Envelope,
  agent: string
): readonly [State, ReadonlyArray<Act>] => {
  switch (event.type) {
    case "approval-required":
      return [{ ...state, questions: [...state.questions, { request: event.data, agent }] }, nothing]
    case "approval-decision": {
      const questions = state.questions.filter(({ request }) => request.id !== event.data.id)
      return [{ ...state, questions, edits: state.edits && questions.length === state.questions.length }, nothing]
    }
    case "error":
      return [{ ...state, last: "failed" }, nothing]
    case "finish": {
      if (agentPath.length > 0) return [state, nothing]
      const reason = event.finishReason
      const isKnown = reason === "stop" || reason === "budget" || reason === "cancelled"
      return [{ ...state, last: isKnown ? reason : "incomplete" }, nothing]
    }
    default:
      return [state, nothing]
  }
}
