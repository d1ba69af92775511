/**
 * The parts of a runtime that its layer has built, for the methods of its service.
 */
import type { Quota } from "@reins/protocol"
import type { IdSource } from "../kernel/Ids.ts"
import type { RunHost } from "../engine/RunHost.ts"
import type { AgentRegistry } from "../agent/AgentRegistry.ts"
import type { Settings } from "../run/Run.ts"

export interface RuntimeParts {
  readonly roster: AgentRegistry
  readonly settings: Settings
  readonly host: RunHost
  readonly ids: IdSource
  /** The quotas of every tenant or principal. */
  readonly quotas: ReadonlyArray<Quota.Quota>
  /** Runs whose start is in progress here and has not been reported to the observer. */
  readonly starting: Set<string>
}

/** The default tenant. */
export const defaultResource = "default"
