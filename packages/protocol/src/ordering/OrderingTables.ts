/**
 * The automaton as data: the phases of a run, of an agent's step, of a call and of a plan, and the transitions between
 * them. `OrderingRules` and `OrderingChange` use these tables, and the diagrams in the documentation are generated from
 * them. A transition that is not in a table is invalid.
 */
import type { EventType, PlanStatus } from "../event/Event.ts"

/** `running` until the ending begins. From `finished` on the run ends normally, from `failing` on it fails. */
export type RunPhase = "running" | "finished" | "finished-summed" | "failing" | "failing-timed" | "ended"

/** The events that end a run, in their sequence. In `running` any other event leaves the run running. */
export const runPhases: { readonly [P in RunPhase]: { readonly [T in EventType]?: RunPhase } } = {
  running: { finish: "finished", "data-cost-summary": "failing" },
  finished: { "data-cost-summary": "finished-summed" },
  "finished-summed": { "data-latency-summary": "ended" },
  failing: { "data-latency-summary": "failing-timed" },
  "failing-timed": { error: "ended" },
  ended: {}
}

/**
 * `none` before the first step, after a retraction, a user's message and a late result; `open` while the model's text arrives;
 * `calling` while the step's calls are announced; `settling` from the first other event about one of them.
 */
export type StepPhase = "none" | "open" | "calling" | "settling"

/**
 * `message-received`, `late-result`: a message or a late result, which ends the step before it. `call`: a call is announced. `news`: any other
 * event about a call. `done`: the stored mark of a finished step.
 */
export type StepSignal =
  | "step-start"
  | "text"
  | "reasoning"
  | "tool-input-delta"
  | "source"
  | "step-retracted"
  | "message-received"
  | "late-result"
  | "call"
  | "news"
  | "done"

/** The transitions of a step. That every call is closed before the next `step-start` is a separate rule. */
export const stepPhases: { readonly [P in StepPhase]: { readonly [S in StepSignal]?: StepPhase } } = {
  none: { "step-start": "open", "message-received": "none", "late-result": "none", done: "none" },
  open: {
    "step-start": "open",
    text: "open",
    reasoning: "open",
    "tool-input-delta": "open",
    source: "open",
    "step-retracted": "none",
    "message-received": "none",
    "late-result": "none",
    call: "calling",
    done: "none"
  },
  calling: { call: "calling", news: "settling", done: "settling" },
  settling: {
    "step-start": "open",
    "message-received": "none",
    "late-result": "none",
    news: "settling",
    done: "settling"
  }
}

/**
 * `waiting` for a person, `allowed` or `refused` by one, `superseded` until the next question, `running` after any
 * other event about the call, `asking` while a question of the call itself is open.
 */
export type CallPhase = "announced" | "waiting" | "allowed" | "running" | "asking" | "refused" | "superseded" | "closed"

/**
 * `required`, `allow`, `refuse`: its approval. `supersede`: the definition of its tool has changed since the question.
 * `again`: the request whether it may run again, since its process died while it ran or its tool changed
 * (`begunBefore`). `question`, `answered`: a question that the call asks, and its end, whatever that is. `progress`: of a
 * tool call. `nested`: an event of the specialist that the call opened. `usage`: that
 * specialist's `data-tool-agent`.
 */
export type CallSignal =
  | "required"
  | "again"
  | "allow"
  | "refuse"
  | "supersede"
  | "question"
  | "answered"
  | "progress"
  | "nested"
  | "usage"
  | "result"

/** The transitions of a call. */
export const callPhases: { readonly [P in CallPhase]: { readonly [S in CallSignal]?: CallPhase } } = {
  announced: {
    required: "waiting",
    again: "waiting",
    question: "asking",
    progress: "running",
    nested: "running",
    usage: "running",
    result: "closed"
  },
  waiting: { allow: "allowed", refuse: "refused", supersede: "superseded" },
  allowed: {
    again: "waiting",
    question: "asking",
    progress: "running",
    nested: "running",
    usage: "running",
    result: "closed"
  },
  running: {
    again: "waiting",
    question: "asking",
    progress: "running",
    nested: "running",
    usage: "running",
    result: "closed"
  },
  asking: { answered: "running", progress: "asking" },
  refused: { usage: "refused", result: "closed" },
  superseded: { again: "waiting", usage: "superseded", result: "closed" },
  closed: {}
}

/** The transitions of a plan. Every plan begins as a `draft`. */
export const planPhases: { readonly [P in PlanStatus]: ReadonlyArray<PlanStatus> } = {
  draft: ["pending_approval", "approved", "failed"],
  pending_approval: ["approved", "draft", "failed"],
  approved: ["executing", "failed"],
  executing: ["executed", "failed"],
  executed: [],
  failed: []
}

/** Whether the call may not run: finally, or until the next question. */
export const isRefused = (phase: CallPhase | undefined): boolean => phase === "refused" || phase === "superseded"
