/**
 * Metrics of runs, in Effect's registry: `/metrics` of the server shows them for Prometheus, `Otlp` of
 * `effect/observability` exports them. What a run used is counted when it ends, from the rows of its ledger, so that
 * the sums are those of its summaries; a model's requests are counted one by one by `ModelTelemetry` of
 * `@reins/models`.
 *
 * Labels are names that the program declares: agents, tools, models, reasons. No id and no tenant is a label.
 */
import { Entry, Money, Usage } from "@reins/protocol"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as Stream from "effect/Stream"
import type { Observer, RunEnd } from "./Observer.ts"

const counter = (name: string, description: string) => Metric.counter(name, { description, incremental: true })

/** Buckets for machine time: from 10 ms to a day. */
const boundaries = [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000, 3600, 21_600, 86_400]

const histogram = (name: string, description: string) => Metric.histogram(name, { description, boundaries })

const started = counter("reins_runs_started_total", "Runs that this process started, by agent")
const refused = counter("reins_runs_refused_total", "Queries that were refused, by reason")
const ended = counter("reins_runs_ended_total", "Runs that ended in this process, by agent and end")
const seconds = histogram("reins_run_seconds", "Time from a run's start to its end, waits included, by agent")
const firstText = histogram("reins_time_to_first_text_seconds", "Time from a run's start to its first text, by agent")
const steps = counter("reins_steps_total", "Model steps of ended runs, by model")
const stepSeconds = histogram("reins_step_seconds", "Time of a model step with its retries, by model")
const calls = counter("reins_tool_calls_total", "Tool calls of ended runs that ran, by tool and outcome")
const callSeconds = histogram("reins_tool_call_seconds", "Time of a tool call, by tool")
const tokens = counter("reins_tokens_total", "Tokens of ended runs, by model and direction")
const cost = counter("reins_cost_usd_total", "US dollars of ended runs that have a known price, by model or tool")
const unpriced = counter("reins_unpriced_calls_total", "Model steps of ended runs without a known price, by model")
const asked = counter("reins_questions_total", "Questions to people, by kind")
const decided = counter("reins_decisions_total", "Decided questions, by kind and outcome")
const waitSeconds = histogram("reins_wait_seconds", "Waits for people and clients in ended runs, by reason")

const queued = Metric.gauge("reins_thread_queue_waiting", {
  description: "Queries of this process that wait for their turn on a thread"
})
const watchers = Metric.gauge("reins_watchers", { description: "Readers of runs by their ids in this process" })
const unloaded = counter("reins_runs_unloaded_total", "Runs that only waited and were unloaded from memory")
const storeSeconds = Metric.histogram("reins_store_seconds", {
  description: "Time of an operation of the store, its retries included, by operation",
  boundaries: [0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10]
})

/**
 * Whether a host measures its store. Provided by the runtime with its option `metrics`; absent by default, at no cost.
 */
export const Measuring: Context.Reference<boolean> = Context.Reference<boolean>("@reins/runtime/Measuring", {
  defaultValue: () => false
})

const during = <A, E, R>(gauge: Metric.Gauge<number>, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.acquireUseRelease(
    Metric.modify(gauge, 1),
    () => effect,
    () => Metric.modify(gauge, -1)
  )

/** Counts a query while it waits for its turn on a thread, until it has started. */
export const waitingInQueue = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> => during(queued, effect)

/** Counts a reader while it reads. */
export const watched = <A, E>(stream: Stream.Stream<A, E>): Stream.Stream<A, E> =>
  Stream.unwrap(
    Effect.as(
      Effect.acquireRelease(Metric.modify(watchers, 1), () => Metric.modify(watchers, -1)),
      stream
    )
  )

/** Counts runs that were unloaded. */
export const countUnloaded = (runs: number): Effect.Effect<void> =>
  runs === 0 ? Effect.void : Metric.update(unloaded, runs)

/** Measures an operation of the store; `operation` is one of a few names. */
export const ofStore = (operation: string): (<A, E>(effect: Effect.Effect<A, E>) => Effect.Effect<A, E>) => {
  const metric = Metric.withAttributes(storeSeconds, { operation })
  return (effect) =>
    Effect.clockWith((clock) => {
      const began = clock.currentTimeNanosUnsafe()
      return Effect.ensuring(
        effect,
        Effect.suspend(() => Metric.update(metric, Number(clock.currentTimeNanosUnsafe() - began) / 1e9))
      )
    })
}

/** A metric's label values as a key: names contain no line break that matters here, and a clash only joins two sums. */
type Labels = { readonly [label: string]: string }

/** Sums by label values, so that a run updates each metric once for each of its values. */
class Sums {
  readonly #sums = new Map<string, { readonly labels: Labels; value: number }>()

  add(labels: Labels, value: number): void {
    const key = Object.values(labels).join("\n")
    const sum = this.#sums.get(key)
    if (sum === undefined) this.#sums.set(key, { labels, value })
    else sum.value += value
  }

  update(metric: Metric.Counter<number>): ReadonlyArray<Effect.Effect<void>> {
    return Array.from(this.#sums.values(), ({ labels, value }) =>
      Metric.update(Metric.withAttributes(metric, labels), value)
    )
  }
}

const observe = (metric: Metric.Histogram<number>, labels: Labels, ms: number): Effect.Effect<void> =>
  Metric.update(Metric.withAttributes(metric, labels), Math.max(0, ms) / 1000)

const count = (metric: Metric.Counter<number>, labels: Labels): Effect.Effect<void> =>
  Metric.update(Metric.withAttributes(metric, labels), 1)

const ofEnd = ({ agent, endedAt, entries, reason, startedAt }: RunEnd): Effect.Effect<void> => {
  const stepSums = new Sums()
  const callSums = new Sums()
  const tokenSums = new Sums()
  const costSums = new Sums()
  const unpricedSums = new Sums()
  const updates: Array<Effect.Effect<void>> = [count(ended, { agent, end: reason })]
  let firstAt = Number.POSITIVE_INFINITY
  for (const entry of entries) {
    switch (entry.kind) {
      case "model": {
        const { attempts, costNanoUsd, model, usage } = entry
        stepSums.add({ model }, 1)
        tokenSums.add({ model, direction: "input" }, Usage.inputTokens(usage))
        tokenSums.add({ model, direction: "output" }, Usage.outputTokens(usage))
        if (costNanoUsd === undefined) unpricedSums.add({ model }, 1)
        costSums.add({ kind: "model", name: model }, Money.toUsd(Money.add(costNanoUsd ?? 0, Entry.feesOf(entry))))
        updates.push(observe(stepSeconds, { model }, entry.endedAt - entry.startedAt))
        for (const { firstTextAt } of attempts) firstAt = Math.min(firstAt, firstTextAt ?? firstAt)
        break
      }
      case "tool": {
        const { costNanoUsd, status = "ok", toolName } = entry
        if (costNanoUsd !== undefined) costSums.add({ kind: "tool", name: toolName }, Money.toUsd(costNanoUsd))
        if (!Entry.isCall(entry)) break
        callSums.add({ tool: toolName, outcome: status }, 1)
        updates.push(observe(callSeconds, { tool: toolName }, entry.endedAt - entry.startedAt))
        break
      }
      case "wait":
        updates.push(observe(waitSeconds, { reason: entry.reason }, entry.endedAt - entry.startedAt))
        break
      case "agent":
        break
    }
  }
  if (Number.isFinite(firstAt)) updates.push(observe(firstText, { agent }, firstAt - startedAt))
  updates.push(
    observe(seconds, { agent }, endedAt - startedAt),
    ...stepSums.update(steps),
    ...callSums.update(calls),
    ...tokenSums.update(tokens),
    ...costSums.update(cost),
    ...unpricedSums.update(unpriced)
  )
  return Effect.all(updates, { discard: true })
}

/** Counts runs in the metrics of this process. */
export const observer: Observer = {
  started: ({ agent }) => count(started, { agent }),
  refused: ({ reason }) => count(refused, { reason }),
  asked: ({ kind }) => count(asked, { kind }),
  decided: ({ kind, outcome }) => count(decided, { kind, outcome }),
  ended: ofEnd
}
