/**
 * Plays one recording under a fault, and says what of it does not hold: whatever goes wrong, the log is lawful and ends, nothing
 * is said that the provider did not say, and what was used is on the ledger, marked where it was estimated.
 */
import { type Envelope, Ordering } from "@reins/protocol"
import * as Effect from "effect/Effect"
import { deliveryOf, type Fault } from "./Fault.ts"
import * as Playback from "./Playback.ts"
import * as ProviderPackage from "./ProviderPackage.ts"
import { recorded, RecordedProvider, refusal } from "./RecordedProvider.ts"
import type { Recording } from "./Recording.ts"
import type { Spoken } from "./Spoken.ts"

/** How long a stalled provider is waited for, in milliseconds: short, since it is waited out. */
const patienceMs = 40

/** What does not hold of the recording under the fault; empty when all does. */
export const play = (
  recording: Recording,
  fault: Fault
): Effect.Effect<ReadonlyArray<string>, never, RecordedProvider> =>
  Effect.gen(function* () {
    const provider = yield* RecordedProvider
    const player = yield* ProviderPackage.playerOf(recording, provider.url)
    const spoken = yield* Playback.hear(recording, player.model)
    if (fault._tag === "Busy") provider.push(refusal(429, { type: "rate_limit_error" }, { "retry-after-ms": "1" }))
    provider.push(recorded(recording, deliveryOf(fault)), recorded(Playback.last(recording)))
    const log = yield* Playback.carry(Playback.portOf(player, fault._tag === "Stall" ? patienceMs : "1 minute"), {
      retries: fault._tag === "Busy" ? 1 : 0,
      ...(fault._tag === "Cancel" ? { cancelAfterMs: patienceMs } : {})
    })
    provider.clear()
    return judge(recording, fault, spoken, log)
  })

const judge = (
  recording: Recording,
  fault: Fault,
  spoken: Spoken,
  log: ReadonlyArray<Envelope.Envelope>
): ReadonlyArray<string> => {
  switch (fault._tag) {
    case "Pieces":
    case "Busy":
      return [
        ...Playback.report(recording, spoken, log).problems,
        ...(fault._tag === "Busy" && attemptsOf(log) < 2 ? ["it was not sent again"] : [])
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
  spoken: Spoken,
  log: ReadonlyArray<Envelope.Envelope>
): ReadonlyArray<string> => {
  const step = Playback.firstStep(log)
  const events = log.map((envelope) => envelope.event)
  const finish = events.find((event) => event.type === "finish")
  const error = events.find((event) => event.type === "error")
  // All that matters may have come before the fault: then it is an answer like any other. A stream of several messages may
  // break between two of them, and nobody can tell that from its end.
  if (finish !== undefined && finish.finishReason !== "cancelled" && spoken.usages.length === 1) {
    return Playback.report(recording, spoken, log).problems
  }
  const cost = events.find((event) => event.type === "data-cost-summary")?.data
  const said = step.text.length + step.reasoning.length > 0
  return [
    ...Ordering.check(log).map((one) => `unlawful at ${one.seq}: ${one.violation.rule}`),
    ...(finish === undefined && error === undefined ? ["neither a finish nor an error"] : []),
    ...(fault._tag === "Cancel" && finish === undefined && spoken.ending !== "failed" ? ["not cancelled"] : []),
    ...(spoken.text.startsWith(step.text) ? [] : ["text that the provider did not say"]),
    ...(spoken.reasoning.startsWith(step.reasoning) ? [] : ["reasoning that the provider did not say"]),
    ...(step.calls.length === 0 || finish?.finishReason === "stop" ? [] : ["calls of an answer that was not whole"]),
    ...(cost === undefined ? ["no cost summary"] : []),
    ...(said && cost?.root.usage.totalTokens === 0 ? ["usage was lost"] : []),
    ...(said && finish?.finishReason !== "stop" && cost?.estimated === false && !hasReport(spoken)
      ? ["an estimate that is not marked"]
      : [])
  ]
}

/** An error may come with a whole report of what was used: then nothing is estimated. */
const hasReport = (spoken: Spoken): boolean => spoken.usages.length > 0 && spoken.ending === "failed"

const attemptsOf = (log: ReadonlyArray<Envelope.Envelope>): number => {
  for (const { event } of log) {
    if (event.type === "data-latency-summary") return event.data.steps[0]?.attempts.length ?? 0
  }
  return 0
}
