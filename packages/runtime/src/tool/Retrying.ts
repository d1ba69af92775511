/**
 * When a failed call is tried again: how often, after which delay, and for which failures. Pure.
 */
import { Budget, type Json } from "@reins/protocol"
import type * as Duration from "effect/Duration"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Rule from "../kernel/OptionRule.ts"

/**
 * A failure of one attempt, as the model would read it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Failure {
  /** Its name: `error` of the result, such as a typed error's tag, `ToolTimedOut` or `ToolCrashed`. Absent: none. */
  readonly error?: string | undefined
  readonly result: Json
  /** Which attempt failed; counts from 1. */
  readonly attempt: number
}

/**
 * How a tool's failed calls are tried again.
 *
 * **Details**
 * - `times`: how often at most, after the first attempt.
 * - `delay`: before the first retry. Absent: none.
 * - `backoff`: what each further delay is multiplied by. Absent: 2.
 * - `maxDelay`: no delay is longer. Absent: no limit.
 * - `within`: the whole call, its attempts and delays included, takes no longer: no attempt begins after it, and the last
 *   one is cut. Absent: the agent's own limits.
 * - `when`: whether a failure is worth another attempt. Absent: each is. One that throws means no.
 *
 * A call is never retried that was denied or cancelled, that has invalid arguments, or that succeeded with an invalid
 * result.
 *
 * @since 0.1.0
 * @category models
 */
export interface Retrying {
  readonly times: number
  readonly delay?: Duration.Input | undefined
  readonly backoff?: number | undefined
  readonly maxDelay?: Duration.Input | undefined
  readonly within?: Duration.Input | undefined
  readonly when?: ((failure: Failure) => boolean) | undefined
}

/** The same, validated, in milliseconds. */
export interface Retry {
  readonly times: number
  readonly delayMs: number
  readonly backoff: number
  readonly maxDelayMs: number
  readonly withinMs: number
  readonly when: (failure: Failure) => boolean
}

const always = (): boolean => true

/** What a setting must be. */
export const rule: Rule.Rule = Rule.fields<Retrying>("Give an object such as { times: 2 }", {
  times: Rule.count(),
  delay: Rule.optional(Rule.duration),
  backoff: Rule.optional(
    Rule.must("Use a finite number of at least 1", (by) => Number.isFinite(by) && Number(by) >= 1)
  ),
  maxDelay: Rule.optional(Rule.duration),
  within: Rule.optional(Rule.duration),
  when: Rule.optional(Rule.callable("Give a function from a failure to true or false"))
})

/** Validates a setting; the failure names the field, its value and the cure. */
export const of = (setting: Retrying): Result.Result<Retry, string> => {
  const issue = Rule.issueOf("Retry", setting, rule)
  if (issue !== undefined) return Result.fail(issue)
  const { backoff = 2, delay, maxDelay, times, when = always, within } = setting
  const millis = (input: Duration.Input | undefined, usual: number) =>
    input === undefined ? usual : Budget.milliseconds(input)
  return Result.succeed({
    times,
    delayMs: millis(delay, 0),
    backoff,
    maxDelayMs: millis(maxDelay, Number.POSITIVE_INFINITY),
    withinMs: millis(within, Number.POSITIVE_INFINITY),
    when
  })
}

/** Retries at once, so often: `ToolSettings.Retries`. */
export const atOnce = (times: number): Retry => ({
  times,
  delayMs: 0,
  backoff: 1,
  maxDelayMs: 0,
  withinMs: Number.POSITIVE_INFINITY,
  when: always
})

/** The delay before the attempt after the `failed`th, in milliseconds. */
export const delayOf = ({ backoff, delayMs, maxDelayMs }: Retry, failed: number): number =>
  Math.min(maxDelayMs, delayMs * backoff ** (failed - 1))

/** Whether the failure `result` of the `attempt`th attempt is followed by another, `elapsedMs` after the call began. */
export const mayFollow = (retry: Retry, result: Json, attempt: number, elapsedMs: number): boolean => {
  if (attempt > retry.times || elapsedMs + delayOf(retry, attempt) >= retry.withinMs) return false
  const error = Predicate.hasProperty(result, "error") && typeof result.error === "string" ? result.error : undefined
  return Result.getOrElse(
    Result.try(() => retry.when({ error, result, attempt })),
    () => false
  )
}
