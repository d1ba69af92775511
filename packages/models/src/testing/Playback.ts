/**
 * Plays one recording through its real provider package, the model port and a whole run, and reports every problem: an
 * invalid log, a run without an end, or text, calls or usage that differ from what the package itself reports.
 *
 * When the recorded response calls our tools, no such tools exist: their results say so, and a small response ends the
 * run. So provider metadata passes through its package once more.
 */
import type { LanguageModelV4, LanguageModelV4Usage } from "@ai-sdk/provider"
import { type CostNode, type Envelope, type Event, Ordering, Usage } from "@reins/protocol"
import { Agent, Model, type ModelPort, Runtime } from "@reins/runtime"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import * as Stream from "effect/Stream"
import * as AiSdkModel from "../AiSdkModel.ts"
import type { Delivery } from "./RecordedProvider.ts"
import * as ProviderPackage from "./ProviderPackage.ts"
import { type Lane, recorded, RecordedProvider } from "./RecordedProvider.ts"
import type { Recording } from "./Recording.ts"
import * as SmallAnswer from "./SmallAnswer.ts"

/**
 * The result for one recording. `problems` is empty when everything holds.
 *
 * @since 0.1.0
 * @category models
 */
export interface Report {
  readonly folder: string
  readonly name: string
  readonly player: string
  readonly lawful: boolean
  readonly textLength: number
  readonly calls: number
  readonly usage: Usage.UsageTotals
  /** US dollars; absent where a model's price is unknown. Includes fees of provider-run tools where they are known. */
  readonly costUsd: number | undefined
  /** The finish reason, or the code of the error. */
  readonly ending: string
  readonly problems: ReadonlyArray<string>
}

/**
 * Plays one recording.
 *
 * @since 0.1.0
 * @category operations
 */
export const play = (recording: Recording, delivery: Delivery = {}): Effect.Effect<Report, never, RecordedProvider> =>
  Effect.gen(function* () {
    const lane = (yield* RecordedProvider).lane()
    const player = yield* ProviderPackage.playerOf(recording, lane.url)
    const spoken = yield* hear(recording, player.model, lane)
    lane.push(recorded(recording, delivery), recorded(last(recording)))
    const log = yield* carry(portOf(player))
    return report(recording, spoken, log)
  })

/**
 * What the package itself, at the address of `lane`, reports for the recording. No queued responses remain before or
 * after.
 *
 * @since 0.1.0
 * @category operations
 */
export const hear = (recording: Recording, model: LanguageModelV4, lane: Lane): Effect.Effect<ProviderPackage.Spoken> =>
  Effect.suspend(() => {
    lane.clear()
    lane.push(recorded(recording))
    return Effect.tap(ProviderPackage.listen(model), () => Effect.sync(() => lane.clear()))
  })

/**
 * The response to the step after the recorded one.
 *
 * @since 0.1.0
 * @category operations
 */
export const last = (recording: Recording) => SmallAnswer.text(recording.api, ["That ", "is all."])

/**
 * The model port over a player.
 *
 * @since 0.1.0
 * @category operations
 */
export const portOf = (
  { model, provider }: ProviderPackage.Player,
  idleTimeout: Duration.Input = "1 minute"
): ModelPort => AiSdkModel.make(model, { provider, idleTimeout })

const agent = Agent.make("player", {})

/**
 * Runs a query to its end; with `cancelAfterMs`, cancels it that long after it has begun.
 *
 * @since 0.1.0
 * @category operations
 */
export const carry = (
  model: ModelPort,
  options: { readonly retries?: number; readonly cancelAfterMs?: number } = {}
): Effect.Effect<ReadonlyArray<Envelope.Envelope>> =>
  Effect.gen(function* () {
    const runtime = yield* Runtime
    const run = yield* Effect.orDie(runtime.start("play"))
    if (options.cancelAfterMs !== undefined) {
      yield* Effect.sleep(options.cancelAfterMs)
      yield* run.cancel
    }
    return yield* Stream.runCollect(run.envelopes)
  }).pipe(
    Effect.provide(
      Layer.provide(
        Runtime.layer({ agents: [agent], modelRetries: options.retries ?? 0, modelRetryDelay: 1 }),
        Layer.succeed(Model, model)
      )
    )
  )

/**
 * What the log says about the first step. `calls` are its own and those that were announced later: a call that the
 * provider runs is announced once its result is there, or known to be missing.
 *
 * @since 0.1.0
 * @category models
 */
export interface Step {
  readonly text: string
  readonly reasoning: string
  readonly calls: ReadonlyArray<Extract<Event, { readonly type: "tool-invocation" }>>
  /** The number of started steps. */
  readonly steps: number
}

/**
 * Reads the first step from a log.
 *
 * @since 0.1.0
 * @category operations
 */
export const firstStep = (log: ReadonlyArray<Envelope.Envelope>): Step => {
  let text = ""
  let reasoning = ""
  let steps = 0
  const calls: Array<Step["calls"][number]> = []
  for (const { event } of log) {
    if (event.type === "step-start") steps++
    if (event.type === "tool-invocation" && event.state === "call") calls.push(event)
    if (steps > 1) continue
    if (event.type === "text") text += event.text
    if (event.type === "reasoning") reasoning += event.text
  }
  return { text, reasoning, calls, steps }
}

/**
 * Compares the log to what the package reported.
 *
 * @since 0.1.0
 * @category operations
 */
export const report = (
  recording: Recording,
  spoken: ProviderPackage.Spoken,
  log: ReadonlyArray<Envelope.Envelope>
): Report => {
  const faults = Ordering.check(log)
  const step = firstStep(log)
  const events = log.map((envelope) => envelope.event)
  const summary = events.find((event) => event.type === "data-cost-summary")?.data
  const finish = events.find((event) => event.type === "finish")
  const error = events.find((event) => event.type === "error")
  const usage = summary?.root.usage ?? Usage.toTotals(Usage.empty)
  const problems = [
    ...faults.map((fault) => `invalid order at ${fault.seq}: ${fault.violation.rule}`),
    ...(finish === undefined && error === undefined ? ["no finish and no error"] : []),
    ...endingProblems(spoken, finish !== undefined),
    ...(step.text === spoken.text ? [] : [`text of ${step.text.length} characters, not ${spoken.text.length}`]),
    ...(step.reasoning === spoken.reasoning
      ? []
      : [`reasoning of ${step.reasoning.length} characters, not ${spoken.reasoning.length}`]),
    ...callProblems(recording, spoken, step),
    ...usageProblems(spoken, step, usage)
  ]
  return {
    folder: recording.folder,
    name: recording.name,
    player: ProviderPackage.nameOf(recording),
    lawful: faults.length === 0,
    textLength: step.text.length,
    calls: step.calls.length,
    usage,
    costUsd: summary === undefined || isUnpriced(summary.root) ? undefined : summary.pricedUsd,
    ending: finish?.finishReason ?? error?.error.code ?? "none",
    problems
  }
}

/** A response that is incomplete has to end the run with an error. */
const isUnusable = (spoken: ProviderPackage.Spoken): boolean =>
  spoken.ending === "failed" || spoken.ending === "interrupted" || spoken.ending === "none"

const endingProblems = (spoken: ProviderPackage.Spoken, finished: boolean): ReadonlyArray<string> =>
  isUnusable(spoken) === finished
    ? [finished ? `finished after an answer that ended ${spoken.ending}` : `failed after ${spoken.ending}`]
    : []

/** Reasons for which a response's calls are dropped; any other lets them run. */
const cut: ReadonlySet<string> = new Set(["length", "content-filter", "error"])

/** Calls of a step that did not end well are not published. */
const callProblems = (recording: Recording, spoken: ProviderPackage.Spoken, step: Step): ReadonlyArray<string> => {
  const expected = cut.has(spoken.ending) || isUnusable(spoken) ? [] : spoken.calls
  // When a response has no call ids, the package invents one, different each time; of several calls with one id all but
  // the first get another.
  const idOf = (id: string) => (recording.payloads.some((payload) => payload.includes(JSON.stringify(id))) ? id : "")
  const isFirst = (id: string, index: number) => expected.findIndex((call) => call.id === id) === index
  const wanted = expected.map(({ args, id, name }, index) =>
    JSON.stringify([isFirst(id, index) ? idOf(id) : "", name, args])
  )
  const made = step.calls.map(({ args, toolInvocationId, toolName }) =>
    JSON.stringify([idOf(toolInvocationId), toolName, args])
  )
  // A provider-run call may be announced after later ones.
  return wanted.toSorted().join() === made.toSorted().join()
    ? []
    : [`${step.calls.length} calls, expected ${expected.length}`]
}

/** The possible values of one count: packages differ in what a total includes. */
type Candidates = ReadonlyArray<number>

/** The package's own counts of each usage report: by its totals, by its parts, and by the provider's overall total. */
const countsOf = ({ inputTokens, outputTokens, raw }: LanguageModelV4Usage) => {
  const { cacheRead = 0, cacheWrite = 0, noCache = 0 } = inputTokens
  const { reasoning = 0, text = 0, total = 0 } = outputTokens
  const read = inputTokens.total ?? noCache + cacheRead + cacheWrite
  const whole = raw?.["total_tokens"]
  return {
    input: [read, noCache + cacheRead + cacheWrite],
    output: [total, text + reasoning, total + reasoning, ...(Predicate.isNumber(whole) ? [whole - read] : [])],
    cacheRead: [cacheRead],
    cacheWrite: [cacheWrite]
  }
}

type Counts = { readonly [Count in keyof ReturnType<typeof countsOf>]: Candidates }

const sum = (a: Counts, b: Counts): Counts => ({
  input: sums(a.input, b.input),
  output: sums(a.output, b.output),
  cacheRead: sums(a.cacheRead, b.cacheRead),
  cacheWrite: sums(a.cacheWrite, b.cacheWrite)
})

const sums = (a: Candidates, b: Candidates): Candidates => [
  ...new Set(a.flatMap((one) => b.map((other) => one + other)))
]

const nothing: Counts = { input: [0], output: [0], cacheRead: [0], cacheWrite: [0] }

const usageProblems = (spoken: ProviderPackage.Spoken, step: Step, usage: Usage.UsageTotals): ReadonlyArray<string> => {
  const { tokens } = SmallAnswer
  const second: Counts = step.steps > 1 ? { ...nothing, input: [tokens.input], output: [tokens.output] } : nothing
  // A later message without any input only repeats counts of the one before.
  const bills = spoken.usages.map(countsOf).filter((counts, index) => index === 0 || counts.input[0] !== 0)
  const reported = bills.reduce(sum, nothing)
  if (Math.max(...reported.input, ...reported.output) === 0) return []
  const expected = sum(reported, second)
  // Usage of an interrupted response is estimated from what arrived, and never below what was reported.
  const fits = (ours: number, theirs: Candidates) =>
    spoken.isShort ? ours >= Math.min(...theirs) : theirs.includes(ours)
  const counts: ReadonlyArray<readonly [what: string, ours: number, theirs: Candidates]> = [
    ["input tokens", usage.promptTokens, expected.input],
    ["output tokens", usage.completionTokens, expected.output],
    ["tokens from a cache", usage.cacheReadInputTokens, expected.cacheRead],
    ["tokens into a cache", usage.cacheCreationInputTokens, expected.cacheWrite]
  ]
  return counts.flatMap(([what, ours, theirs]) =>
    fits(ours, theirs) ? [] : [`${ours} ${what}, not ${theirs.join(" or ")}`]
  )
}

/** Whether the price of some model is unknown. Fees for provider-run tools are reported separately. */
const isUnpriced = ({ children, rows }: CostNode): boolean =>
  rows.some(({ kind, unpriced }) => kind === "model" && unpriced > 0) || children.some(isUnpriced)
