/**
 * What one paid request asks of a model, and for whom: for a step of an agent, whose answer is streamed into the log, or for a
 * strategy that compacts its conversation, whose answer nobody is shown.
 */
import type { Work } from "../engine/Engine.ts"
import type { ModelRequest } from "../model/Model.ts"
import type * as TokenEstimator from "../model/TokenEstimator.ts"
import type { AgentState } from "../run/AgentState.ts"
import type { Run } from "../run/Run.ts"

/** A request on its way, and all it needs. */
export interface Ask {
  readonly run: Run
  readonly work: Work
  readonly agent: AgentState
  /** The step that it is for, counted from 1 within the agent. */
  readonly step: number
  /** What the ledger's row says it is for; absent for the step itself. */
  readonly purpose: "compaction" | undefined
  /** The name under which each attempt is counted durably before it goes out. */
  readonly name: string
  /** How many steps of the budget it takes. */
  readonly steps: 0 | 1
  /** Whether text and reasoning are streamed into the log, between a `step-start` and what ends the step. */
  readonly isShown: boolean
  /** The most output that is wanted, in tokens. Absent: the usual reserve, and no cap where nothing limits it. */
  readonly maxOutputTokens: number | undefined
  /** Estimated input tokens. */
  readonly inputTokens: (estimator: TokenEstimator.Estimator) => number
  readonly request: (maxOutputTokens: number | undefined, attempt: number) => ModelRequest
}
