/**
 * The automaton as data: the phases of a run, of an agent's step, of a call and of a plan, and what leads from one to the
 * next. `OrderingRules` judges by these tables, `OrderingState` moves by them, and the drawings of the documentation are
 * made from them; what no row names is refused.
 */
import type { EventType, PlanStatus } from "../event/Event.ts"

/** `running` until the ending begins. A run ends well from `finished` on and fails from `failing` on. */
export type RunPhase = "running" | "finished" | "finished-summed" | "failing" | "failing-timed" | "ended"

/** The events that end a run, and in which sequence. In `running` every other event leaves the run running. */
export const runPhases: { readonly [P in RunPhase]: { readonly [T in EventType]?: RunPhase } } = {
  running: { finish: "finished", "data-cost-summary": "failing" },
  finished: { "data-cost-summary": "finished-summed" },
  "finished-summed": { "data-latency-summary": "ended" },
  failing: { "data-latency-summary": "failing-timed" },
  "failing-timed": { error: "ended" },
  ended: {}
}

/**
 * `none` before the first step and after a retraction; `open` while the model speaks; `calling` while the step's calls are
 * announced; `settling` from the first news of one of them on.
 */
export type StepPhase = "none" | "open" | "calling" | "settling"

/** `call`: a call is announced. `news`: anything else about a call. `done`: a stored mark says that the step is done. */
export type StepSignal = "step-start" | "text" | "reasoning" | "step-retracted" | "call" | "news" | "done"

/** What may happen to a step. That every call is closed before the next `step-start` is a rule of its own. */
export const stepPhases: { readonly [P in StepPhase]: { readonly [S in StepSignal]?: StepPhase } } = {
  none: { "step-start": "open", done: "none" },
  open: {
    "step-start": "open",
    text: "open",
    reasoning: "open",
    "step-retracted": "none",
    call: "calling",
    done: "none"
  },
  calling: { call: "calling", news: "settling", done: "settling" },
  settling: { "step-start": "open", news: "settling", done: "settling" }
}

/** `waiting` for a person, `allowed` or `refused` by one, `running` once it was heard of otherwise. */
export type CallPhase = "announced" | "waiting" | "allowed" | "running" | "refused" | "closed"

/**
 * `required`, `allow`, `refuse`: its approval. `again`: the question whether it may be made once more, since its process died in
 * the middle of it (`begunBefore`). `progress`: of a tool call. `nested`: an event of the specialist that the
 * call opened. `usage`: that specialist's `data-tool-agent`.
 */
export type CallSignal = "required" | "again" | "allow" | "refuse" | "progress" | "nested" | "usage" | "result"

/** What may happen to a call. */
export const callPhases: { readonly [P in CallPhase]: { readonly [S in CallSignal]?: CallPhase } } = {
  announced: {
    required: "waiting",
    again: "waiting",
    progress: "running",
    nested: "running",
    usage: "running",
    result: "closed"
  },
  waiting: { allow: "allowed", refuse: "refused" },
  allowed: { again: "waiting", progress: "running", nested: "running", usage: "running", result: "closed" },
  running: { again: "waiting", progress: "running", nested: "running", usage: "running", result: "closed" },
  refused: { usage: "refused", result: "closed" },
  closed: {}
}

/** Where a plan may go from where it is. Every plan begins as a `draft`. */
export const planPhases: { readonly [P in PlanStatus]: ReadonlyArray<PlanStatus> } = {
  draft: ["pending_approval", "approved", "failed"],
  pending_approval: ["approved", "draft", "failed"],
  approved: ["executing", "failed"],
  executing: ["executed", "failed"],
  executed: [],
  failed: []
}
