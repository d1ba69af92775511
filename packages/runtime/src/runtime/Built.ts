/**
 * A runtime's parts as its layer has built them, at hand for the methods of its service.
 */
import type { IdSource } from "../kernel/Ids.ts"
import type { RunHost } from "../engine/RunHost.ts"
import type { Roster } from "../agent/Roster.ts"
import type { Settings } from "../run/Run.ts"

export interface Built {
  readonly roster: Roster
  readonly settings: Settings
  readonly host: RunHost
  readonly ids: IdSource
}

/** The tenant of callers that name none. */
export const defaultResource = "default"
