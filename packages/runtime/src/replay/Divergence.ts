/**
 * Where a replay differs from its log: the event, the field, and what both sides say there. Pure.
 *
 * Readings of the clock in what is computed anew may differ by rounding from those in the log; nothing else may.
 */
import { type AgentPath, type Envelope, Event, type Json } from "@reins/protocol"
import * as Erased from "../kernel/Erased.ts"

/**
 * The first event that differs. `recorded` and `replayed` are the values of `field`, absent where a side has none. What
 * a log keeps only a digest of (instructions, tools, messages) is shown as the digest on the recorded side.
 *
 * @since 0.1.0
 * @category models
 */
export interface Divergence {
  /** The number of the event; one more than the last event of the log where the replay goes on behind its end. */
  readonly seq: number
  /** The event of that number in the log; absent behind its end. */
  readonly event?: Envelope.Envelope | undefined
  readonly agentPath: AgentPath.AgentPath
  /**
   * What differs: a field of the event, as `data.target`, or `instructions`, `tool search`, `approval of charge`, ….
   */
  readonly field: string
  readonly recorded?: Json | undefined
  readonly replayed?: Json | undefined
}

/** A field with two values. */
export interface Difference {
  readonly field: string
  readonly recorded: Json | undefined
  readonly replayed: Json | undefined
}

/** How far two readings of the clock may be apart, in milliseconds; a duration is rounded from two of them. */
const toleranceOf = (name: string): number => (times.has(name) ? 1000 : name.endsWith("Ms") ? 3 : 0)

const times: ReadonlySet<string> = new Set(["at", "expiresAt", "elapsedMs", "resetsAt", "startedAt", "endedAt"])

/**
 * The first field in which two values differ, in the order of the recorded one's fields. `isKnown`: fields that the
 * recorded value lacks are not compared, as an earlier release may not have known them.
 */
export const between = (
  recorded: Json | undefined,
  replayed: Json | undefined,
  field = "",
  isKnown = false
): Difference | undefined => {
  if (recorded === replayed) return undefined
  if (isArray(recorded) && isArray(replayed)) {
    const length = Math.max(recorded.length, replayed.length)
    for (let index = 0; index < length; index++) {
      const found = between(recorded[index], replayed[index], `${field}[${index}]`, isKnown)
      if (found !== undefined) return found
    }
    return undefined
  }
  if (isObject(recorded) && isObject(replayed)) {
    for (const key of new Set([...Object.keys(recorded), ...(isKnown ? [] : Object.keys(replayed))])) {
      const found = between(recorded[key], replayed[key], field === "" ? key : `${field}.${key}`, isKnown)
      if (found !== undefined) return found
    }
    return undefined
  }
  if (typeof recorded === "number" && typeof replayed === "number") {
    if (Math.abs(recorded - replayed) <= toleranceOf(field.slice(field.lastIndexOf(".") + 1))) return undefined
  }
  return { field, recorded, replayed }
}

const isArray = (value: Json | undefined): value is ReadonlyArray<Json> => Array.isArray(value)

const isObject = (value: Json | undefined): value is { readonly [key: string]: Json } =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** The first field in which two events differ. Summaries grow with releases. */
export const betweenEvents = (recorded: Event, replayed: Event): Difference | undefined =>
  between(
    jsonOf(recorded),
    jsonOf(replayed),
    "",
    recorded.type === "data-cost-summary" || recorded.type === "data-latency-summary"
  )

/** An event as the JSON object that it is. */
export const jsonOf = (event: Event): Json => Erased.as<Json>(Event.toJson(event))
