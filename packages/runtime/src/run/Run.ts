/**
 * The context of a run's execution: the engine, the runtime's settings, and the operations that steps and calls share.
 */
import type { AgentPath, Budget, Entry } from "@reins/protocol"
import type * as Effect from "effect/Effect"
import type { Engine, Work } from "../engine/Engine.ts"
import * as Amounts from "../budget/Amounts.ts"
import type { FileStore } from "../thread/FileStore.ts"
import type { MemoryLimits } from "../memory/Memory.ts"
import type { MemoryStore } from "../memory/MemoryStore.ts"
import type { GrantStore } from "../approval/GrantStore.ts"
import type { PriceBook } from "../model/Prices.ts"
import type { ProviderKeys } from "../model/ProviderKeys.ts"
import type * as TokenEstimator from "../model/TokenEstimator.ts"
import type { Observer, Tracing } from "./Observer.ts"
import type { Lookups } from "../model/UsageLookup.ts"
import type { PatienceLimits } from "../kernel/RunClock.ts"
import type { Alarm } from "../kernel/Alarm.ts"
import type { AgentEnd, AgentState } from "./AgentState.ts"

/** The runtime's settings with defaults applied. Durations in milliseconds. */
export interface Settings {
  readonly prices: PriceBook
  readonly estimator: TokenEstimator.Estimator
  readonly tracing: Tracing | undefined
  readonly observer: Observer | undefined
  /** Keys of callers for model providers. */
  readonly keys: ProviderKeys
  /** How providers are asked for what a lost response used; absent: they are not. */
  readonly lookups: Lookups | undefined
  /** How often a model request is sent again while nothing of its answer was shown. */
  readonly modelRetries: number
  /** Whether the log has an event for each. */
  readonly tellsRetries: boolean
  /** Whether the log has the input of calls while the model writes it. */
  readonly showsInput: boolean
  /** What becomes of a request that fails after something of its answer was shown. */
  readonly midStream: "error" | "retract"
  /** The delay before the first retry; doubled each time, or as the provider requests. */
  readonly modelRetryBaseMs: number
  /** How long one request may take; absent: no limit. */
  readonly patience: PatienceLimits | undefined
  /** How long a cancelled model or tool may take to end before it is abandoned. */
  readonly cancelGraceMs: number
  /** How long a gate's predicate may take before a person is asked instead. */
  readonly predicateMs: number
  /** How long a question waits for its answer; absent: no limit. */
  readonly approvalExpiryMs: number | undefined
  /** How long before its expiry a question's watchers are warned; 0: no warning. */
  readonly approvalWarnMs: number
  /** The answer to questions when nobody can be asked. */
  readonly unattended: "wait" | "deny" | "approve"
  /** How often in a row an agent may make the same call, unless the agent or the query sets another limit. */
  readonly repeatedCallLimit: number
  /** The maximum number of steps of a run without limiting budgets. */
  readonly defaultMaxSteps: number
  /** How long a step or a call waits for other runs to release a quota. */
  readonly quotaWaitMs: number
  /** How deep specialists may be nested, in addition to budgets. */
  readonly maxDepth: number
  /** How many characters of a tool's result a model is sent. */
  readonly maxResultCharacters: number
  /** The maximum size of a file that a tool stores, in bytes. */
  readonly maxFileBytes: number
  /** How much one scope of memories may hold. */
  readonly memoryLimits: MemoryLimits
  /** Makes the URL of a stored file; absent: its event has no URL. */
  readonly fileUrl: ((fileId: string) => string) | undefined
  /** Whether arguments, results and causes may appear in log lines. */
  readonly captureContent: boolean
}

export interface Run {
  readonly engine: Engine
  readonly settings: Settings
  readonly grants: GrantStore
  /** The principal who started it; absent: not given. */
  readonly requestedBy?: string | undefined
  /** What its query says of late results; absent: as each agent says. */
  readonly onOpenResults?: "wait" | "end" | undefined
  /** The providers that its query brought keys for; absent: none. */
  readonly keyed?: ReadonlyArray<string> | undefined
  readonly files: FileStore
  readonly memories: MemoryStore
  /** The timer of its steps' and calls' deadlines. */
  readonly alarm: Alarm
  /** The limits with a `budget_exhausted` event from this owner, by node and limit. */
  exhausted: ReadonlyArray<string>
  /** Runs an agent to its end; a member, so that a specialist's call does not import the loop. */
  readonly runAgent: (run: Run, agent: AgentState) => Effect.Effect<AgentEnd>
}

/** The price of an agent's model at `now`. */
export const priceOf = (run: Run, now: number, agent: AgentState): Entry.Price | undefined =>
  run.settings.prices.find(agent.model.provider, agent.model.model, now)

/**
 * Settles a hold on an agent's budget: releases it and adds what was spent. All settlements of a run are made here and
 * emit their warnings at once, because the agent's part of the log may be closed later.
 */
export const settle = (work: Work, path: AgentPath.AgentPath, held: Budget.Amount, spent: Budget.Amount): void => {
  work.tree.lease?.touch(work.now())
  tell(work, work.tree.settle(path, held, spent))
}

/** Adds what was spent without a hold, and emits the warnings. */
export const charge = (work: Work, path: AgentPath.AgentPath, spent: Budget.Amount): void => {
  work.tree.lease?.touch(work.now())
  tell(work, work.tree.charge(path, spent))
}

/** Charges a row that an earlier owner of the run has left. Its reported cost is charged already. */
export const chargeLeft = (work: Work, row: Entry.Entry): void => {
  const amount = Amounts.fromEntry(row)
  const nanoUsd = Math.max(0, (amount.nanoUsd ?? 0) - work.spending.reportedOf(row))
  charge(work, row.path, { ...amount, nanoUsd })
}

/**
 * One `custom` event of type `budget_warning` per limit that reached its budget's `warnAt`, emitted by the agent that
 * has the budget: so a reader of the root view sees the warnings of the run's own budget.
 */
const tell = (work: Work, warnings: ReadonlyArray<Budget.Warning>): void => {
  for (const { limit, max, path, used } of warnings) {
    const data = { limit, max, used, ...(path.length === 0 ? {} : { agentPath: path }) }
    work.push(path, [{ type: "custom", event_type: "budget_warning", data }])
  }
}
