/**
 * A runtime's parts as its layer has built them, at hand for the methods of its service.
 */
import type { IdSource } from "../port/Ids.ts"
import type { RunHost } from "../port/RunHost.ts"
import type { Roster } from "./Roster.ts"
import type { Settings } from "./Run.ts"

export interface Built {
  readonly roster: Roster
  readonly settings: Settings
  readonly host: RunHost
  readonly ids: IdSource
}

/** The tenant of callers that name none. */
export const defaultResource = "default"
