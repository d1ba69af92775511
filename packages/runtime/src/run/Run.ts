/**
 * What the loop has while it executes one run: the engine, the runtime's settings, and what a step and a call ask of
 * both.
 */
import type { AgentPath, Budget, Entry } from "@reins/protocol"
import type * as Effect from "effect/Effect"
import type { Engine, Readings, Work } from "../engine/Engine.ts"
import type { FileStore } from "../thread/FileStore.ts"
import type { GrantStore } from "../approval/GrantStore.ts"
import type { PriceBook } from "../model/Prices.ts"
import type { ProviderKeys } from "../model/ProviderKeys.ts"
import type * as TokenEstimator from "../model/TokenEstimator.ts"
import type { Tracing } from "./Tracing.ts"
import type { PatienceLimits } from "../kernel/Patience.ts"
import type { Alarm } from "../kernel/Alarm.ts"
import type { AgentEnd } from "./AgentEnd.ts"
import type { AgentState } from "./AgentState.ts"

/** How a runtime behaves, with every default filled in. Durations in milliseconds. */
export interface Settings {
  readonly prices: PriceBook
  readonly estimator: TokenEstimator.Estimator
  readonly tracing: Tracing | undefined
  /** Keys of callers for model providers. */
  readonly keys: ProviderKeys
  /** How often a model request is sent again while nothing of its answer was shown. */
  readonly modelRetries: number
  /** Whether the log tells of each. */
  readonly tellsRetries: boolean
  /** What becomes of a request that fails after something of its answer was shown. */
  readonly midStream: "error" | "retract"
  /** The wait before the first of them; doubled each time, or what the provider asks for. */
  readonly modelRetryBaseMs: number
  /** How long one request may take; absent: as long as it likes. */
  readonly patience: PatienceLimits | undefined
  /** How long a cancelled model or tool may take to end before it is left behind. */
  readonly cancelGraceMs: number
  /** How long a gate's predicate may take before the answer is: ask. */
  readonly predicateMs: number
  /** How long a question waits for its answer; absent: for ever. */
  readonly approvalExpiryMs: number | undefined
  /** How long before a question expires its watchers are told so; 0: they are not. */
  readonly approvalWarnMs: number
  /** What an open question is answered when nobody is there to ask. */
  readonly unattended: "wait" | "deny" | "approve"
  /** How often in a row an agent may make the same call, unless it or the query says otherwise. */
  readonly repeatedCallLimit: number
  /** The most steps of a run whose budgets bound nothing. */
  readonly defaultMaxSteps: number
  /** How long a step or a call waits for what other runs hold of a quota. */
  readonly quotaWaitMs: number
  /** How deep specialists may be nested, whatever the budgets say. */
  readonly maxDepth: number
  /** How many characters of a tool's result a model is sent. */
  readonly maxResultCharacters: number
  /** How large a file may be that a tool hands over, in bytes. */
  readonly maxFileBytes: number
  /** Where a stored file can be read; absent: its event says no address. */
  readonly fileUrl: ((fileId: string) => string) | undefined
  /** Whether arguments, results and causes may appear in log lines. */
  readonly captureContent: boolean
}

export interface Run {
  readonly engine: Engine
  readonly settings: Settings
  readonly grants: GrantStore
  /** The principal who started it; absent: nobody is named. */
  readonly requestedBy?: string | undefined
  /** The providers that its query brought keys for; absent: none. */
  readonly keyed?: ReadonlyArray<string> | undefined
  readonly files: FileStore
  /** Where its steps and calls set their deadlines. */
  readonly alarm: Alarm
  /** Limits whose `budget_exhausted` has gone out in this life of the run, by node and limit. */
  exhausted: ReadonlyArray<string>
  /** Carries an agent to its end; here, so that a specialist's call need not know the loop that calls it. */
  readonly runAgent: (run: Run, agent: AgentState) => Effect.Effect<AgentEnd>
}

/** The price of an agent's model, now. */
export const priceOf = (run: Run, readings: Pick<Readings, "now">, agent: AgentState): Entry.Price | undefined =>
  run.settings.prices.find(agent.model.provider, agent.model.model, readings.now())

/**
 * Gives back what was held on an agent's budget, and adds what was spent. Every settlement of a run is made here, since
 * whoever settles tells the warnings: later, the place of the agent whose budget it is may have closed.
 */
export const settle = (work: Work, path: AgentPath.AgentPath, held: Budget.Amount, spent: Budget.Amount): void => {
  work.tree.lease?.touch(work.now())
  tell(work, work.tree.settle(path, held, spent))
}

/** Adds what was spent without a hold, and tells the warnings. */
export const charge = (work: Work, path: AgentPath.AgentPath, spent: Budget.Amount): void => {
  work.tree.lease?.touch(work.now())
  tell(work, work.tree.charge(path, spent))
}

/**
 * One `custom` event of type `budget_warning` for each limit that passed its budget's `warnAt`, once, by the agent
 * whose budget it is: so a reader of the root's stream is told of the run's own budget, whoever used it.
 */
const tell = (work: Work, warnings: ReadonlyArray<Budget.Warning>): void => {
  for (const { limit, max, path, used } of warnings) {
    const data = { limit, max, used, ...(path.length === 0 ? {} : { agentPath: path }) }
    work.push(path, [{ type: "custom", event_type: "budget_warning", data }])
  }
}
