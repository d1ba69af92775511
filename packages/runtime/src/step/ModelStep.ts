/**
 * One step's model call, as an activity of the engine: past the budget, sent, retried while nothing of it was shown, settled
 * on the ledger, and its calls announced together in its last commit.
 *
 * Everything the loop needs to go on is in the remembered `StepValue`. What a call then does is `CallSettling`.
 */
import { type Budget, type Entry, type Event, type ModelFailure, Money, Usage } from "@reins/protocol"
import * as Effect from "effect/Effect"
import type { Settled } from "../port/Engine.ts"
import type { ModelRequest } from "../port/Model.ts"
import type { Place, Run } from "../run/Run.ts"
import * as Tether from "../run/Tether.ts"
import * as Admission from "./Admission.ts"
import * as Announcement from "./Announcement.ts"
import * as Attempt from "./Attempt.ts"
import { StepValue } from "./StepValue.ts"

export interface StepOptions {
  /** Counts from 1 within the agent. */
  readonly step: number
  /** False for a last step that may call nothing. */
  readonly offersTools: boolean
}

/** Carries one model step of the agent at `place`. */
export const modelStep = (run: Run, place: Place, options: StepOptions): Effect.Effect<StepValue> =>
  run.engine.activity(`${place.prefix}model/${options.step}`, StepValue, carry(run, place, options))

/** What is known of a step while it is carried. */
interface Tally {
  readonly startedAt: number
  usage: Usage.Usage
  estimated: boolean
  readonly rows: Array<Entry.Attempt>
}

const carry = Effect.fnUntraced(function* (run: Run, place: Place, options: StepOptions) {
  const { engine } = run
  const startedAt = engine.now()
  const tally: Tally = { startedAt, usage: Usage.empty, estimated: false, rows: [] }
  const lost = engine.open(place.path)
  if (lost !== undefined) recover(run, place, tally, lost)

  // The last step of a budget that wraps up is paid from what was kept back for it.
  if (!options.offersTools) engine.tree.releaseReserve(place.path)
  const admission = yield* Admission.admit(run, place)
  if (admission._tag !== "Admitted") {
    if (lost?.started === true) engine.push(place.path, [retraction])
    const value: StepValue =
      admission._tag === "Cancelled"
        ? { outcome: "cancelled", content: [], usage: tally.usage }
        : { outcome: "refused", content: [], usage: tally.usage, refusal: admission.refusal }
    return settled(run, place, options, tally, value, undefined, [])
  }
  if (engine.push(place.path, lost?.started === true ? [retraction, stepStart] : [stepStart])) {
    yield* Effect.promise(engine.room)
  }
  if (engine.begin !== undefined) yield* engine.begin(`${place.prefix}model/${options.step}`, place.path)

  for (let attempt = 1; ; attempt++) {
    const attempted = yield* Attempt.attempt(run, place, request(run, place, options, admission, attempt))
    const { answer, ending, row } = attempted
    const used = Attempt.usageOf(run, place, attempted)
    tally.usage = attempt === 1 && lost === undefined ? used.usage : Usage.add(tally.usage, used.usage)
    tally.estimated ||= used.estimated
    tally.rows.push(row)
    if (
      ending._tag === "Failed" &&
      ending.failure.isRetryable &&
      answer.isSilent &&
      attempt <= run.settings.modelRetries &&
      !engine.cancel.requested
    ) {
      yield* pause(run, ending.failure, attempt)
      if (!engine.cancel.requested) continue
    }
    const usage = tally.usage
    switch (ending._tag) {
      case "Cancelled":
        return settled(
          run,
          place,
          options,
          tally,
          { outcome: "cancelled", content: answer.content, usage },
          admission,
          []
        )
      case "Refused":
        return settled(
          run,
          place,
          options,
          tally,
          { outcome: "refused", content: answer.content, usage, refusal: ending.refusal },
          admission,
          []
        )
      case "Failed":
        return settled(
          run,
          place,
          options,
          tally,
          { outcome: "failed", content: answer.content, usage, failure: ending.failure },
          admission,
          []
        )
      case "Completed": {
        const announced = Announcement.announce(place, answer, options.offersTools)
        const value: StepValue = {
          outcome: "completed",
          content: announced.content,
          usage,
          calls: announced.calls,
          stop: answer.stop ?? "other",
          model: answer.responseModel ?? place.member.model.model
        }
        return settled(run, place, options, tally, value, admission, announced.events)
      }
    }
  }
})

const stepStart: Event = { type: "step-start" }
const retraction: Event = { type: "step-retracted", reason: "the process that carried this step was lost" }

/** Takes up the attempts that died with an earlier process: estimated, charged, and part of this step's row. */
const recover = (run: Run, place: Place, tally: Tally, lost: { readonly attempts: number; readonly said: number }) => {
  if (lost.attempts === 0) return
  tally.usage = {
    inputUncached: lost.attempts * place.inputTokens(run.settings.estimator),
    outputText: Math.ceil(lost.said / 3)
  }
  tally.estimated = true
  for (let index = 0; index < lost.attempts; index++) {
    tally.rows.push({ startedAt: tally.startedAt, endedAt: tally.startedAt, outcome: "lost" })
  }
  run.engine.tree.charge(place.path, {
    inputTokens: Usage.inputTokens(tally.usage),
    outputTokens: Usage.outputTokens(tally.usage)
  })
}

const request = (
  run: Run,
  place: Place,
  options: StepOptions,
  admission: { readonly maxOutputTokens: number | undefined },
  attempt: number
): ModelRequest => ({
  instructions: place.member.definition.instructions,
  messages: place.messages,
  tools: options.offersTools ? place.member.offered : [],
  maxOutputTokens: admission.maxOutputTokens,
  output: place.member.output,
  providerOptions: place.member.definition.providerOptions,
  metadata: {
    runId: run.engine.runId,
    threadId: run.engine.threadId,
    agent: place.member.name,
    agentPath: place.path,
    step: options.step,
    attempt
  }
})

/** Waits before the next attempt: as long as the provider asks, else longer each time. A cancel ends the wait. */
const pause = (run: Run, failure: ModelFailure.ModelFailure, attempt: number) => {
  const asked = "retryAfterMs" in failure ? failure.retryAfterMs : undefined
  return Tether.hold(Effect.sleep(asked ?? run.settings.modelRetryBaseMs * 2 ** (attempt - 1)), {
    signal: run.engine.cancel,
    graceMs: 0
  })
}

const settled = (
  run: Run,
  place: Place,
  options: StepOptions,
  tally: Tally,
  value: StepValue,
  admission: { readonly held: Budget.Amount; readonly price: Entry.Price | undefined } | undefined,
  events: ReadonlyArray<Event>
): Settled<StepValue> => {
  if (admission === undefined && tally.rows.length === 0) return { value, path: place.path, events, spent: [] }
  const { engine } = run
  const price = admission?.price
  const costNanoUsd = price === undefined ? undefined : Money.costOf(tally.usage, price).nanoUsd
  const spent: Budget.Amount = {
    steps: 1,
    inputTokens: Usage.inputTokens(tally.usage),
    outputTokens: Usage.outputTokens(tally.usage),
    nanoUsd: costNanoUsd ?? 0
  }
  const overrun = admission !== undefined && engine.tree.isLimited(place.path) && exceeds(spent, admission.held)
  if (admission !== undefined) engine.tree.settle(place.path, admission.held, spent)
  const { model, provider } = place.member.model
  return {
    value,
    path: place.path,
    events,
    spent: [
      {
        kind: "model",
        path: place.path,
        step: options.step,
        provider,
        model,
        usage: tally.usage,
        estimated: tally.estimated,
        ...(overrun ? { overrun } : {}),
        ...(costNanoUsd === undefined ? {} : { costNanoUsd }),
        ...(price === undefined ? {} : { price }),
        startedAt: tally.startedAt,
        endedAt: engine.now(),
        attempts: tally.rows
      }
    ]
  }
}

/** True where more was spent than had been held, of what was held at all. */
const exceeds = (spent: Budget.Amount, held: Budget.Amount): boolean =>
  (held.inputTokens !== undefined && (spent.inputTokens ?? 0) > held.inputTokens) ||
  (held.outputTokens !== undefined && (spent.outputTokens ?? 0) > held.outputTokens) ||
  (held.nanoUsd !== undefined && (spent.nanoUsd ?? 0) > held.nanoUsd)
