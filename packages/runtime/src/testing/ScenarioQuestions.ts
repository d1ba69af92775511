/**
 * The questions of the random scenarios: what a model asks a person, right or wrong, and what tools ask while they run:
 * one after the other or together, waited for without end or for a while, or left behind. And what the person answers,
 * which may not fit at first; with the checks that each answer fits its question, and is what its call got.
 */
import { AgentPath, Approval, Decision, type Envelope, type Json, Question } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as JsonSchema from "../tool/JsonSchema.ts"
import { type PersonAnswer, ToolRun } from "../tool/ToolRun.ts"
import * as ToolSettings from "../tool/ToolSettings.ts"

/** The name of the tool that asks. */
export const toolName = "AskPerson"

const asks: ReadonlyArray<Json> = [
  { question: "What is it?" },
  { question: "Which?", options: ["this", "that"] },
  { question: "Which ones?", options: ["this", "that"], multiple: true },
  { question: "Which, or what else?", options: ["this", "that"], other: true },
  {
    question: "How many, and which?",
    fields: [
      { name: "count", type: "integer" },
      { name: "which", type: "choice", options: ["this", "that"], optional: true }
    ]
  },
  // No question: the model reads what is wrong.
  { question: "Which?", options: [] },
  { question: "" }
]

/** The arguments of a model's call. */
export const args = (random: () => number): Json => asks[Math.floor(random() * asks.length)] ?? {}

/** An answer that fits the question. */
const fitting = ({ options: [first = "this"] = [], schema }: Question.Question): Json => {
  const type = Object.entries(schema ?? {}).find(([name]) => name === "type")?.[1]
  return type === "array" ? [first] : type === "object" ? { count: 3 } : first
}

/** An answer that fits no question. */
export const wrong: Decision = Decision.answer({ nothing: null })

/** A person's decision; a rejection declines to answer. */
export const decision = (request: Approval.Request, says: "approve" | "reject" | "revise"): Decision => {
  const asked = Question.of(request)
  return asked === undefined || says === "reject"
    ? Decision.reject({ feedback: "ask somebody else" })
    : Decision.answer(fitting(asked), { by: "mia" })
}

/**
 * A call of the tool that asks asks once; its answer fits the question, and is its result. `isHooked`: a cancel may come
 * before hooks have seen it.
 */
export const check = (log: ReadonlyArray<Envelope.Envelope>, isHooked = false): ReadonlyArray<string> => {
  const faults: Array<string> = []
  const asked = new Map<string, { readonly key: string; readonly question: Question.Question | undefined }>()
  const values = new Map<string, Json>()
  for (const { agentPath, event } of log) {
    if (event.type === "approval-required" && event.data.kind === "question" && event.data.target === toolName) {
      const key = AgentPath.key(agentPath) + (event.data.toolInvocationId ?? "")
      if ([...asked.values()].some((one) => one.key === key)) faults.push(`${key} asked more than once`)
      asked.set(event.data.id, { key, question: Question.of(event.data) })
    } else if (event.type === "approval-decision" && event.data.outcome.outcome === "answer") {
      const one = asked.get(event.data.id)
      if (one === undefined) continue
      const { value } = event.data.outcome
      const issue = one.question === undefined ? "no question" : JsonSchema.checker(one.question.schema)(value)
      if (issue !== undefined) faults.push(`the answer to ${event.data.id} does not fit: ${issue}`)
      values.set(one.key, value)
    } else if (event.type === "tool-invocation" && event.state === "result" && event.toolName === toolName) {
      const value = values.get(AgentPath.key(agentPath) + event.toolInvocationId)
      if (value === undefined && event.status === undefined) faults.push(`${event.toolInvocationId} has no answer`)
      const isUnchecked = isHooked && event.status === "cancelled"
      if (value !== undefined && !isUnchecked && JSON.stringify(value) !== JSON.stringify(event.result)) {
        faults.push(`the result of ${event.toolInvocationId} is not its answer`)
      }
    }
  }
  return faults
}

// Questions of running calls ----------------------------------------------------------------------------------------

/**
 * What a handler got for a question: the idempotency key of its call, and the question's place among those of the call.
 *
 * @since 0.2.0
 * @category models
 */
export interface Told {
  readonly key: string
  readonly place: number
  readonly answer: PersonAnswer
}

/** What the handlers record besides, as those of other tools do. */
interface World {
  readonly begun: Array<string>
  readonly costs: Array<{ readonly nanoUsd: number; taken: boolean }>
  readonly told?: Array<Told> | undefined
}

const One = Schema.Struct({
  /** Which question. */
  what: Schema.Natural,
  /** How long the handler waits for its answer, in milliseconds; absent: without end. */
  patienceMs: Schema.optionalKey(Schema.Natural)
})
const parameters = Schema.Struct({
  asks: Schema.Array(One),
  together: Schema.Boolean,
  /** It sleeps after its questions. */
  naps: Schema.Boolean,
  /** It asks once more, and ends without waiting for the answer. */
  leaves: Schema.Boolean,
  /** Its first attempt fails after its questions. */
  fails: Schema.Boolean
})
type Arguments = typeof parameters.Type

const Given = Schema.Struct({ answers: Schema.Array(Schema.Json) })
const readGiven = Schema.decodeUnknownOption(Given)
const options = {
  parameters,
  success: Given,
  failure: Schema.Struct({ sorry: Schema.String }),
  dependencies: [ToolRun]
}
const Quiz = Tool.make("quiz", { description: "Asks a person while it runs, within a minute", ...options }).annotate(
  ToolSettings.Timeout,
  "1 minute"
)
const Survey = Tool.make("survey", { description: "Asks a person while it runs, and can be repeated", ...options })
  .annotate(Tool.Idempotent, true)
  .annotate(ToolSettings.Retries, 1)
  .annotate(ToolSettings.Timeout, "9 seconds")

/**
 * The two tools.
 *
 * @since 0.2.0
 * @category models
 */
export class Tools extends Toolkit.make(Quiz, Survey) {}

/** Whether a tool is one of them. */
export const isOfRunning = (name: string): boolean => name === "quiz" || name === "survey"

/** The name of a tool, as often as it is drawn for each time that another one is. */
export const weighted = (name: string): ReadonlyArray<string> => (isOfRunning(name) ? [name, name, name, name] : [name])

const schemas: ReadonlyArray<Pick<Question.Question, "options" | "schema">> = [
  { schema: { type: "string" } },
  { options: ["this", "that"], schema: { type: "string", enum: ["this", "that"] } },
  { options: ["this", "that"], schema: { type: "array", items: { type: "string", enum: ["this", "that"] } } },
  { schema: { type: "object", properties: { count: { type: "integer" } }, required: ["count"] } }
]

/** The arguments of a model's call. */
export const argsOfRunning = (random: () => number): Json => ({
  asks: Array.from({ length: Math.floor(random() * 4) }, () => ({
    what: Math.floor(random() * schemas.length),
    ...(random() < 0.25 ? { patienceMs: Math.floor(random() * 8000) } : {})
  })),
  together: random() < 0.3,
  naps: random() < 0.2,
  leaves: random() < 0.2,
  fails: random() < 0.3
})

/**
 * The handlers.
 *
 * @since 0.2.0
 * @category layers
 */
export const layer = (world: World) => {
  const handle = Effect.fnUntraced(function* ({ asks, fails, leaves, naps, together }: Arguments) {
    const run = yield* ToolRun
    const key = run.idempotencyKey
    world.begun.push(key)
    const cost = { nanoUsd: 700, taken: false }
    world.costs.push(cost)
    yield* run.reportCost(cost.nanoUsd / 1e9)
    cost.taken = true
    const ask = ({ patienceMs, what }: typeof One.Type, place: number): Effect.Effect<Json> => {
      const asked = Effect.map(run.ask(questionOf(key, what, place)), (answer): Json => {
        world.told?.push({ key, place, answer })
        return answer._tag === "Answered" ? answer.value : answer._tag
      })
      return patienceMs === undefined
        ? asked
        : Effect.raceFirst(asked, Effect.as(Effect.sleep(patienceMs), "no patience"))
    }
    const answers = yield* Effect.forEach(asks, ask, { concurrency: together ? "unbounded" : 1 })
    if (naps) {
      yield* run.sleep(3000)
      // It has slept before: what it reported up to here had been reported then.
      world.costs.splice(world.costs.indexOf(cost), 1)
    }
    if (leaves) yield* ask({ what: 0, patienceMs: 100 }, asks.length)
    return yield* fails && run.attempt === 0 ? Effect.fail({ sorry: "not yet" }) : Effect.succeed({ answers })
  })
  return Tools.toLayer({ quiz: handle, survey: handle })
}

const questionOf = (key: string, what: number, place: number): Question.Question => ({
  question: `${key} ${place}`,
  ...(schemas[what] ?? { schema: { type: "string" } })
})

const outcomes: { readonly [Tag in PersonAnswer["_tag"]]: Approval.Outcome["outcome"] } = {
  Answered: "answer",
  Declined: "reject",
  Expired: "expired",
  Withdrawn: "superseded",
  Cancelled: "cancelled"
}

/**
 * What is wrong with the questions of running calls. Each is asked once, and once more for each time that a person has
 * allowed the call again; its answer fits it, and what a handler got is what the log says of it. A call that succeeds
 * returns what it got.
 *
 * @since 0.2.0
 * @category operations
 */
export const checkRunning = (
  log: ReadonlyArray<Envelope.Envelope>,
  told: ReadonlyArray<Told> = [],
  isHooked = false
): ReadonlyArray<string> => {
  const faults: Array<string> = []
  const asked = new Map<string, { readonly about: string; readonly question: Question.Question }>()
  const times = new Map<string, number>()
  const repeats = new Map<string, string>()
  const allowed = new Map<string, number>()
  const outcomesOf = new Map<string, Array<Approval.Outcome>>()
  for (const { agentPath, event } of log) {
    const keyOf = (id: string) => `run:${AgentPath.key(agentPath)}${id}`
    if (event.type === "approval-required" && event.data.kind === "question" && isOfRunning(event.data.target)) {
      const question = Question.of(event.data)
      const key = keyOf(event.data.toolInvocationId ?? "")
      if (question === undefined) faults.push(`${event.data.id} is no question`)
      else {
        const about = question.question
        if (!about.startsWith(`${key} `)) faults.push(`the question ${about} is asked by ${key}`)
        asked.set(event.data.id, { about, question })
        const count = (times.get(about) ?? 0) + 1
        times.set(about, count)
        if (count > 1 + (allowed.get(key) ?? 0)) faults.push(`${about} was asked ${count} times`)
      }
    } else if (event.type === "approval-required" && event.data.begunBefore !== undefined) {
      repeats.set(event.data.id, keyOf(event.data.toolInvocationId ?? ""))
    } else if (event.type === "approval-decision") {
      const { id, outcome } = event.data
      const again = repeats.get(id)
      if (again !== undefined && Approval.allows(outcome)) allowed.set(again, (allowed.get(again) ?? 0) + 1)
      const one = asked.get(id)
      if (one === undefined) continue
      outcomesOf.set(one.about, [...(outcomesOf.get(one.about) ?? []), outcome])
      const issue = outcome.outcome === "answer" ? JsonSchema.checker(one.question.schema)(outcome.value) : undefined
      if (issue !== undefined) faults.push(`the answer to ${one.about} does not fit: ${issue}`)
    } else if (
      event.type === "tool-invocation" &&
      event.state === "result" &&
      isOfRunning(event.toolName) &&
      !isHooked
    ) {
      if (Predicate.hasProperty(event.result, "error") && event.result.error === "ToolCrashed")
        faults.push(`${keyOf(event.toolInvocationId)} failed with a defect`)
      if (event.status !== undefined) continue
      const given = Option.getOrUndefined(readGiven(event.result))
      for (const [place, value] of given?.answers.entries() ?? []) {
        if (value === "no patience") continue
        const about = `${keyOf(event.toolInvocationId)} ${place}`
        const isThere = (outcomesOf.get(about) ?? []).some((one) =>
          one.outcome === "answer"
            ? sameJson(one.value, value)
            : Object.entries(outcomes).some(([tag, outcome]) => tag === value && outcome === one.outcome)
        )
        if (!isThere) faults.push(`the result says ${JSON.stringify(value)} of ${about}, and the log does not`)
      }
    }
  }
  for (const { answer, key, place } of told) {
    const about = `${key} ${place}`
    const isThere = (outcomesOf.get(about) ?? []).some(
      (one) =>
        one.outcome === outcomes[answer._tag] &&
        (one.outcome !== "answer" || (answer._tag === "Answered" && sameJson(one.value, answer.value)))
    )
    if (!isThere) faults.push(`${about} got ${JSON.stringify(answer)}, and the log does not say so`)
  }
  return faults
}

const sameJson = (a: Json, b: Json): boolean => JSON.stringify(a) === JSON.stringify(b)
