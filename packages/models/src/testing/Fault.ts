/**
 * Faults between a provider and us, as data: how each is caused, and what it may do to a run. `play` plays a recording
 * under one and reports every violation: under any fault the log is valid and ends, it contains nothing that the provider
 * did not send, and the usage is in the ledger, marked if it was estimated.
 */
import { type Delivery, recorded, RecordedProvider, refusal } from "./RecordedProvider.ts"
import { type Envelope, Ordering } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Playback from "./Playback.ts"
import * as ProviderPackage from "./ProviderPackage.ts"
import type { Recording } from "./Recording.ts"

/**
 * One fault. `at` is a fraction of the response's bytes, from 0 to 1.
 *
 * @since 0.1.0
 * @category models
 */
export type Fault =
  /** Pieces that end anywhere, even inside characters. */
  | { readonly _tag: "Pieces"; readonly seed: number }
  /** The connection breaks at this point of the response. */
  | { readonly _tag: "Cut"; readonly at: number }
  /** The provider refuses once with 429, then responds. */
  | { readonly _tag: "Busy" }
  /** Nothing arrives after this point of the response, for longer than the timeout. */
  | { readonly _tag: "Stall"; readonly at: number }
  /** The run is cancelled when this point of the response has arrived. */
  | { readonly _tag: "Cancel"; readonly at: number }

/**
 * Every fault that a recording is played under.
 *
 * @since 0.1.0
 * @category constants
 */
export const all: ReadonlyArray<Fault> = [
  { _tag: "Pieces", seed: 1 },
  { _tag: "Pieces", seed: 2 },
  ...[0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9].map((at): Fault => ({ _tag: "Cut", at })),
  { _tag: "Busy" },
  { _tag: "Stall", at: 0 },
  { _tag: "Stall", at: 0.5 },
  { _tag: "Cancel", at: 0 },
  { _tag: "Cancel", at: 0.5 }
]

/**
 * The fault's name in a report.
 *
 * @since 0.1.0
 * @category operations
 */
export const nameOf = (fault: Fault): string => {
  switch (fault._tag) {
    case "Pieces":
      return `pieces of seed ${fault.seed}`
    case "Cut":
    case "Stall":
    case "Cancel":
      return `${fault._tag.toLowerCase()} at ${Math.round(fault.at * 100)} %`
    case "Busy":
      return "429, then the answer"
  }
}

/**
 * How the response is delivered under a fault.
 *
 * @since 0.1.0
 * @category operations
 */
export const deliveryOf = (fault: Fault): Delivery => {
  switch (fault._tag) {
    case "Pieces":
      return { seed: fault.seed, maxPiece: 997 }
    case "Cut":
      return { seed: 1, maxPiece: 8192, cutAt: fault.at }
    case "Stall":
    case "Cancel":
      return { seed: 1, maxPiece: 8192, stallAt: fault.at }
    case "Busy":
      return {}
  }
}

/** The timeout for a stalled provider, in milliseconds: short, since every stall waits for it. */
const patienceMs = 40

/**
 * The violations for the recording under the fault; empty when there are none.
 *
 * @since 0.1.0
 * @category operations
 */
export const play = (
  recording: Recording,
  fault: Fault
): Effect.Effect<ReadonlyArray<string>, never, RecordedProvider> =>
  Effect.gen(function* () {
    const lane = (yield* RecordedProvider).lane()
    const player = yield* ProviderPackage.playerOf(recording, lane.url)
    const spoken = yield* Playback.hear(recording, player.model, lane)
    if (fault._tag === "Busy") lane.push(refusal(429, { type: "rate_limit_error" }, { "retry-after-ms": "1" }))
    lane.push(recorded(recording, deliveryOf(fault)), recorded(Playback.last(recording)))
    const log = yield* Playback.carry(Playback.portOf(player, fault._tag === "Stall" ? patienceMs : "1 minute"), {
      retries: fault._tag === "Busy" ? 1 : 0,
      ...(fault._tag === "Cancel" ? { cancelAfterMs: patienceMs } : {})
    })
    return judge(recording, fault, spoken, log)
  })

const judge = (
  recording: Recording,
  fault: Fault,
  spoken: ProviderPackage.Spoken,
  log: ReadonlyArray<Envelope.Envelope>
): ReadonlyArray<string> => {
  switch (fault._tag) {
    case "Pieces":
    case "Busy":
      return [
        ...Playback.report(recording, spoken, log).problems,
        ...(fault._tag === "Busy" && attemptsOf(log) < 2 ? ["no retry after 429"] : [])
      ]
    case "Cut":
    case "Stall":
    case "Cancel":
      return broken(recording, fault, spoken, log)
  }
}

const broken = (
  recording: Recording,
  fault: Fault,
  spoken: ProviderPackage.Spoken,
  log: ReadonlyArray<Envelope.Envelope>
): ReadonlyArray<string> => {
  const step = Playback.firstStep(log)
  const events = log.map((envelope) => envelope.event)
  const finish = events.find((event) => event.type === "finish")
  const error = events.find((event) => event.type === "error")
  // Everything relevant may have arrived before the fault: then the response is complete. A stream of several messages
  // may break between two of them, which cannot be told from a normal end.
  if (finish !== undefined && finish.finishReason !== "cancelled" && spoken.usages.length === 1) {
    return Playback.report(recording, spoken, log).problems
  }
  const cost = events.find((event) => event.type === "data-cost-summary")?.data
  const said = step.text.length + step.reasoning.length > 0
  return [
    ...Ordering.check(log).map((one) => `invalid order at ${one.seq}: ${one.violation.rule}`),
    ...(finish === undefined && error === undefined ? ["no finish and no error"] : []),
    ...(fault._tag === "Cancel" && finish === undefined && spoken.ending !== "failed" ? ["not cancelled"] : []),
    ...(spoken.text.startsWith(step.text) ? [] : ["text that the provider did not send"]),
    ...(spoken.reasoning.startsWith(step.reasoning) ? [] : ["reasoning that the provider did not send"]),
    ...(step.calls.length === 0 || finish?.finishReason === "stop" ? [] : ["calls of an incomplete response"]),
    ...(cost === undefined ? ["no cost summary"] : []),
    ...(said && cost?.root.usage.totalTokens === 0 ? ["usage was lost"] : []),
    ...(said && finish?.finishReason !== "stop" && cost?.estimated === false && !hasReport(spoken)
      ? ["an estimate that is not marked as one"]
      : [])
  ]
}

/** An error may come with a complete usage report: then nothing is estimated. */
const hasReport = (spoken: ProviderPackage.Spoken): boolean => spoken.usages.length > 0 && spoken.ending === "failed"

const attemptsOf = (log: ReadonlyArray<Envelope.Envelope>): number => {
  for (const { event } of log) {
    if (event.type === "data-latency-summary") return event.data.steps[0]?.attempts.length ?? 0
  }
  return 0
}
