/**
 * The stored result of a model step: everything that the rest of the loop depends on.
 *
 * The verdict about a typed answer is stored with its step, and a retraction is in the step's last commit. So a run that
 * continues elsewhere, or with another schema, goes on by the verdict that was made.
 */
import { Budget, type Event, type Json, Message, ModelFailure, RunErrors, Usage } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { Settled } from "../engine/Engine.ts"
import * as Erased from "../kernel/Erased.ts"
import * as TypedText from "../agent/TypedText.ts"
import * as StoredForm from "../kernel/StoredForm.ts"
import type { StopReason } from "../model/Model.ts"
import { RequestDigest } from "../run/RequestDigest.ts"

interface Said {
  readonly content: ReadonlyArray<Message.AssistantPart>
  /** Of all attempts. */
  readonly usage: Usage.Usage
  /** Of its last attempt; absent where none was sent, on an engine without storage, and in logs of earlier releases. */
  readonly request?: RequestDigest | undefined
}

/** Dropped calls: the names of their tools, and how the answer ended. */
export interface Dropped {
  readonly reason: string
  readonly tools: ReadonlyArray<string>
}

/** A step with an answer that ended normally, or at a limit within it. */
interface MayDrop {
  /** Calls that never run; absent where there are none. */
  readonly dropped?: Dropped | undefined
}

/**
 * How a step ended: with an answer, by the run's cancel, by a limit (before it, or by `maxDuration` during it), by a
 * failure of the model that was not, or could not be, retried, or by a hook: it has stopped the agent, or rejected the
 * answer with a reason for the model.
 */
export type StepValue =
  | (Said &
      MayDrop & {
        readonly _tag: "Completed"
        /** The calls to settle; none if the answer was cut, filtered or interrupted. */
        readonly calls: ReadonlyArray<Message.CallPart>
        readonly stop: StopReason
        /** The stop sequence that ended the answer; absent: none did, or its provider does not name it. */
        readonly stopSequence?: string | undefined
        /** The model that answered, as the provider names it. */
        readonly model: string
        /** Of a typed answer; absent where the step is none, and in logs of earlier releases. */
        readonly verdict?: TypedText.Verdict | undefined
      })
  | (Said & { readonly _tag: "Cancelled" })
  | (Said & MayDrop & { readonly _tag: "Refused"; readonly refusal: Budget.Refusal })
  | (Said & {
      readonly _tag: "Failed"
      readonly failure: ModelFailure.ModelFailure | RunErrors.HookEnded | RunErrors.HookFailed
      /** Whether a hook ends the whole run, and not this agent alone. */
      readonly endsRun?: boolean | undefined
    })
  | (Said & { readonly _tag: "Rejected"; readonly hook: string; readonly reason: string })

const said = {
  content: Schema.Array(Message.AssistantPart),
  usage: Usage.Usage,
  request: Schema.optionalKey(RequestDigest)
}

const dropped = Schema.optionalKey(Schema.Struct({ reason: Schema.String, tools: Schema.Array(Schema.String) }))

const Stop = Schema.Literals(["stop", "tool-calls", "length", "content-filter", "error", "other", "paused"])

const Completed = Schema.Struct({
  outcome: Schema.Literal("completed"),
  ...said,
  calls: Schema.Array(Message.CallPart),
  stop: Stop,
  model: Schema.String,
  stopSequence: Schema.optionalKey(Schema.String),
  verdict: Schema.optionalKey(TypedText.Verdict),
  dropped
})
const Cancelled = Schema.Struct({ outcome: Schema.Literal("cancelled"), ...said })
const Refused = Schema.Struct({ outcome: Schema.Literal("refused"), ...said, refusal: Budget.Refusal, dropped })
const Failed = Schema.Struct({
  outcome: Schema.Literal("failed"),
  ...said,
  failure: Schema.Union([...ModelFailure.members, RunErrors.HookEnded, RunErrors.HookFailed]),
  endsRun: Schema.optionalKey(Schema.Boolean)
})
const Rejected = Schema.Struct({
  outcome: Schema.Literal("rejected"),
  ...said,
  hook: Schema.String,
  reason: Schema.String
})

/** The state of a step in a log. */
type Stored = Schema.Schema.Type<typeof Completed | typeof Cancelled | typeof Refused | typeof Failed | typeof Rejected>
const Stored: Schema.Codec<Stored, Json> = Erased.as(
  // Its failures encode to plain JSON objects.
  Schema.Union([Completed, Cancelled, Refused, Failed, Rejected])
)

const read = (stored: Stored): StepValue => {
  switch (stored.outcome) {
    case "completed": {
      const { outcome: _, ...rest } = stored
      return { _tag: "Completed", ...rest }
    }
    case "cancelled": {
      const { outcome: _, ...rest } = stored
      return { _tag: "Cancelled", ...rest }
    }
    case "refused": {
      const { outcome: _, ...rest } = stored
      return { _tag: "Refused", ...rest }
    }
    case "failed": {
      const { outcome: _, ...rest } = stored
      return { _tag: "Failed", ...rest }
    }
    case "rejected": {
      const { outcome: _, ...rest } = stored
      return { _tag: "Rejected", ...rest }
    }
  }
}

const write = (value: StepValue): Stored => {
  const stored = without(value)
  return value.request === undefined ? stored : { ...stored, request: value.request }
}

/** The state without the digest of its request. */
const without = (value: StepValue): Stored => {
  const { content, usage } = value
  switch (value._tag) {
    case "Completed": {
      const { calls, dropped, model, stop, stopSequence, verdict } = value
      const whole = { outcome: "completed", content, usage, calls, stop, model } as const
      const named = stopSequence === undefined ? whole : { ...whole, stopSequence }
      const checked = verdict === undefined ? named : { ...named, verdict }
      return dropped === undefined ? checked : { ...checked, dropped }
    }
    case "Cancelled":
      return { outcome: "cancelled", content, usage }
    case "Refused": {
      const { dropped, refusal } = value
      const whole = { outcome: "refused", content, usage, refusal } as const
      return dropped === undefined ? whole : { ...whole, dropped }
    }
    case "Failed": {
      const whole = { outcome: "failed", content, usage, failure: value.failure } as const
      return value.endsRun === undefined ? whole : { ...whole, endsRun: value.endsRun }
    }
    case "Rejected":
      return { outcome: "rejected", content, usage, hook: value.hook, reason: value.reason }
  }
}

const stops = new Map<unknown, StopReason>(Stop.literals.map((stop) => [stop, stop]))

/** A completed step of text and calls. */
const usual = (stored: Json): StepValue | undefined => {
  if (!StoredForm.isObject(stored) || stored.outcome !== "completed") return undefined
  const { dropped, model, request, stopSequence, verdict } = stored
  if (dropped !== undefined || stopSequence !== undefined || verdict !== undefined) return undefined
  const content = usualParts(stored.content)
  const calls = usualCalls(stored.calls)
  const usage = usualUsage(stored.usage)
  const stop = stops.get(stored.stop)
  const digest = usualDigest(request)
  if (content === undefined || calls === undefined || usage === undefined || stop === undefined) return undefined
  if (typeof model !== "string") return undefined
  if (request === undefined) return { _tag: "Completed", content, usage, calls, stop, model }
  return digest === undefined ? undefined : { _tag: "Completed", content, usage, request: digest, calls, stop, model }
}

const usualParts = (stored: Json | undefined): ReadonlyArray<Message.AssistantPart> | undefined => {
  if (!StoredForm.isArray(stored)) return undefined
  const parts: Array<Message.AssistantPart> = []
  for (const part of stored) {
    const read = usualCall(part) ?? usualText(part)
    if (read === undefined) return undefined
    parts.push(read)
  }
  return parts
}

const usualCalls = (stored: Json | undefined): ReadonlyArray<Message.CallPart> | undefined => {
  if (!StoredForm.isArray(stored)) return undefined
  const calls: Array<Message.CallPart> = []
  for (const part of stored) {
    const call = usualCall(part)
    if (call === undefined) return undefined
    calls.push(call)
  }
  return calls
}

const usualText = (part: Json): Message.AssistantPart | undefined => {
  if (!StoredForm.isObject(part)) return undefined
  const { metadata, text, type } = part
  if ((type !== "text" && type !== "reasoning") || typeof text !== "string") return undefined
  if (metadata !== undefined && !StoredForm.isRecord(metadata)) return undefined
  return Message.spokenPart(type, text, metadata)
}

const usualCall = (part: Json): Message.CallPart | undefined => {
  if (!StoredForm.isObject(part) || part.type !== "tool-call") return undefined
  const { args, execution, id, metadata, name } = part
  if (execution !== undefined || args === undefined || typeof id !== "string" || typeof name !== "string") {
    return undefined
  }
  if (metadata !== undefined && !StoredForm.isRecord(metadata)) return undefined
  return Message.callPart({ id, name, args }, undefined, metadata)
}

const usualUsage = (stored: Json | undefined): Usage.Usage | undefined => {
  if (!StoredForm.isRecord(stored)) return undefined
  for (const part in stored) if (!parts.has(part) || !isCount(stored[part])) return undefined
  // Each member is a part, and a count.
  return Erased.as<Usage.Usage>({ ...stored })
}

const parts: ReadonlySet<string> = new Set(Usage.parts)

const isCount = (json: Json | undefined): json is number => Number.isSafeInteger(json) && Number(json) >= 0

const usualDigest = (stored: Json | undefined): RequestDigest | undefined => {
  if (!StoredForm.isObject(stored)) return undefined
  const { each, instructions, messages, settings, tools } = stored
  if (typeof instructions !== "string" || typeof messages !== "string") return undefined
  if (typeof settings !== "string" || typeof tools !== "string") return undefined
  if (each === undefined) return { instructions, tools, settings, messages }
  const digests = usualDigests(each)
  return digests && { instructions, tools, settings, messages, each: digests }
}

const usualDigests = (stored: Json): RequestDigest["each"] => {
  if (!StoredForm.isRecord(stored)) return undefined
  const digests: { [name: string]: string } = {}
  for (const name of Object.keys(stored)) {
    const digest = stored[name]
    if (typeof digest !== "string") return undefined
    digests[name] = digest
  }
  return digests
}

export const StepValue: StoredForm.StoredForm<StepValue> = StoredForm.of(Stored, { read, write, usual })

/** The text of an answer. */
export const textOf = (content: ReadonlyArray<Message.AssistantPart>): string => {
  let out = ""
  for (const part of content) if (part.type === "text") out += part.text
  return out
}

/**
 * A step of an agent with a typed answer: an answer without calls is checked in the commit of its step, as hooks have left
 * it. One that is invalid is retracted if it is asked for again, unless it has calls that the provider ran.
 */
export const typedStep = (
  step: () => Effect.Effect<Settled<StepValue>>,
  repairs: boolean,
  check: TypedText.Check
): Effect.Effect<Settled<StepValue>> =>
  Effect.gen(function* () {
    const made = yield* Effect.provideService(Effect.suspend(step), TypedText.Current, check)
    const { events, value } = made
    if (value._tag !== "Completed" || !isAnswer(value)) return made
    const verdict = yield* check(textOf(value.content))
    const retracts = verdict.issue !== undefined && repairs && !events.some(isCall)
    return {
      ...made,
      // The check took its time.
      at: undefined,
      value: { ...value, verdict: retracts ? { ...verdict, retracted: true } : verdict },
      events: retracts ? [...events, invalid] : events
    }
  })

/** Whether a step ends the conversation, unless its answer is invalid. */
const isAnswer = ({ calls, dropped, stop }: StepValue & { readonly _tag: "Completed" }): boolean =>
  calls.length === 0 && dropped === undefined && (stop === "stop" || stop === "tool-calls")

const isCall = ({ type }: Event): boolean => type === "tool-invocation" || type === "tool-agent"

/** Named as the failure of a run whose second answer is invalid, too. */
const invalid: Event = { type: "step-retracted", reason: "OutputInvalid" }
