/** The shape of a preview: what a query would start. `Preview` makes it. */
import type { Budget } from "@reins/protocol"

/**
 * A tool of an agent of the run. `agents`: the names from the root agent to the one that has it. `decision`: what the
 * present policy says of a call: it `runs`; a person is asked (`asks`); it is `denied`, with the `reason`; or code decides
 * by the arguments (`depends`). `unattended`: how questions are answered where nobody is asked. `approvers`: who may answer,
 * level after level; absent: anybody of the tenant. `isWithheld`: the model has to search for it first. `grants`: how many remembered approvals of the thread may let calls run without
 * a question. `hooks`: the names of those around its calls, the outermost first; they may refuse a call, and are not run here.
 *
 * @since 0.1.0
 * @category models
 */
export interface PreviewedTool {
  readonly name: string
  readonly agents: ReadonlyArray<string>
  readonly execution: "client" | "server" | "specialist"
  readonly decision: "asks" | "denied" | "depends" | "runs"
  readonly reason?: string
  readonly unattended?: "approve" | "deny"
  readonly approvers?: ReadonlyArray<PreviewedApprovers>
  readonly grants?: number
  readonly hooks?: ReadonlyArray<string>
  readonly isWithheld?: true
}

/**
 * Who may answer a question at one level. `judged`: code decides, too. `afterMs`: how long until the next level.
 *
 * @since 0.1.0
 * @category models
 */
export interface PreviewedApprovers {
  readonly quorum: number
  readonly roles?: ReadonlyArray<string>
  readonly excludesRequester?: boolean
  readonly judged?: boolean
  readonly afterMs?: number
}

/**
 * What a query would start. `inputTokens`: an estimate of the first request, in all and by its parts. `most`: what the run
 * can use at most by its own limits, its thread's and its quotas', with what is used already; absent where nothing limits it. An answer
 * may exceed a limit by what was reserved too little for it. `choices`: present if the agent chooses what each step uses
 * (`resolve`): the models that a step may ask besides. The rest is what it chooses from. `hooks`: the names of those
 * around the agent's model steps, the outermost first; absent: none.
 *
 * @since 0.1.0
 * @category models
 */
export interface Preview {
  readonly agent: string
  readonly provider: string
  readonly model: string
  readonly messages: number
  readonly inputTokens: {
    readonly total: number
    readonly instructions: number
    readonly tools: number
    readonly messages: number
  }
  readonly tools: ReadonlyArray<PreviewedTool>
  readonly most: {
    readonly steps?: number
    readonly toolCalls?: number
    readonly inputTokens?: number
    readonly outputTokens?: number
    readonly agents?: number
    readonly costUsd?: number
    readonly durationMs?: number
  }
  readonly onExhausted: Budget.OnExhausted
  readonly choices?: ReadonlyArray<{ readonly name: string; readonly provider: string; readonly model: string }>
  readonly hooks?: ReadonlyArray<string>
}
