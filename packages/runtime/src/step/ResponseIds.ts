/**
 * By which ids a provider knows the responses to a step's requests: stored while they arrive, so that the provider can be
 * asked what a response has used whose process died. Only where a lookup would ask, and the engine stores anything.
 */
import { Entry, type Usage } from "@reins/protocol"
import * as UsageLookup from "../model/UsageLookup.ts"
import type { Ask } from "./Attempt.ts"

/** The ids of one paid request. */
export class ResponseIds {
  private readonly ask: Ask
  /** By the count of its stored requests; empty where one is unknown. */
  private ids: Array<string> = []
  private begun = 0

  constructor(ask: Ask) {
    this.ask = ask
  }

  /** What was stored of requests that were lost in a crash. */
  recover(ids: ReadonlyArray<string>): void {
    this.ids = [...ids]
  }

  /** A request is stored, as the one after `before` others. */
  readonly begin = (before: number): number => {
    this.begun = before
    return before
  }

  /** Stores the id of the response to the request that was begun last. */
  readonly take = (id: string): void => {
    const { agent, name, work } = this.ask
    // A lost row is that of the first model, whose provider does not know the responses of a fallback.
    if (agent.model !== agent.member.model) return
    while (this.ids.length <= this.begun) this.ids.push("")
    this.ids[this.begun] = id
    work.identify?.(agent.path, { step: name, ids: this.ids.slice() })
  }
}

/** The ids of a request; `undefined`: nobody would ask by them. */
export const of = (ask: Ask): ResponseIds | undefined => {
  const { agent, isShown, run, work } = ask
  if (!isShown || work.identify === undefined || run.settings.lookups === undefined) return undefined
  return UsageLookup.of(run.settings.lookups, agent.member.model) === undefined ? undefined : new ResponseIds(ask)
}

/** The row of an attempt whose process died. `id`: of its response; absent or empty: unknown. */
export const lost = (startedAt: number, estimated: Usage.Usage, id: string | undefined): Entry.Attempt => {
  const responseId = id === "" ? undefined : id
  return Entry.attempt({ startedAt, endedAt: startedAt, outcome: "lost", estimated, responseId })
}
