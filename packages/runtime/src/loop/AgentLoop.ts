/**
 * The agent loop: model step, its calls, next step, until there are no calls, a limit, a cancel or a failure.
 *
 * `ModelStep` sends requests to the model, `CallSettlement` settles each call, and the engine stores the results of
 * both. So that a run can be replayed from its start, the loop depends only on stored values: it reads no clock, flag
 * or store, and does not depend on the order in which calls end.
 */
import {
  type AgentPath,
  Budget,
  type Event,
  type Events,
  type Json,
  type Message,
  RunErrors,
  Transcript,
  Usage
} from "@reins/protocol"
import { trimmed } from "../kernel/PlainJson.ts"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Names from "../run/Names.ts"
import * as LateResults from "../call/LateResults.ts"
import * as Steering from "./Steering.ts"
import * as CompactionStep from "./CompactionStep.ts"
import { settleAll } from "./StepCalls.ts"
import * as BudgetPause from "./BudgetPause.ts"
import * as ResolutionStep from "./ResolutionStep.ts"
import { modelStep } from "../step/ModelStep.ts"
import { type StepValue, textOf } from "../step/StepValue.ts"
import type { CallEnd } from "../call/Call.ts"
import * as Task from "../kernel/Task.ts"
import * as ToolOutcome from "../tool/ToolOutcome.ts"
import type { AgentEnd, AgentState } from "../run/AgentState.ts"
import * as CallRow from "../agent/CallRow.ts"
import type { Run } from "../run/Run.ts"
import * as TypedText from "../agent/TypedText.ts"

/** Runs `agent` to its end. */
export const agentLoop = (run: Run, agent: AgentState): Effect.Effect<AgentEnd> => {
  const loop = new Loop(run, agent)
  const { definition, resolver } = agent.own
  return run.engine.direct === undefined || definition.compaction !== undefined || resolver !== undefined
    ? goOn(loop, before)
    : loop.again
}

/**
 * The execution of an agent. The usual way (a step with calls, their results, the next step, an answer) is plain code;
 * everything else is the generator `goOn`, which continues where the usual way stops.
 */
class Loop {
  readonly run: Run
  readonly agent: AgentState
  usage = Usage.empty
  text = ""
  exhausted: Budget.Refusal | undefined
  repaired = false
  /** How many answers in a row hooks have rejected. */
  rejections = 0
  pauses = 0
  /** Counts from 1; 0 before the first. */
  step = 0
  /** The model continues its answer; nothing is added in between. */
  isPaused = false
  /** The next step, by the usual way. */
  readonly again: Effect.Effect<AgentEnd>

  constructor(run: Run, agent: AgentState) {
    this.run = run
    this.agent = agent
    this.again = Task.suspend(() => this.next())
  }

  end(reason: AgentEnd["reason"], more: Partial<AgentEnd> = {}): AgentEnd {
    return { reason, text: this.text, usage: this.usage, ...more }
  }

  /** The end of an agent that has answered. */
  answered({ stop, stopSequence, verdict }: Extract<StepValue, { readonly _tag: "Completed" }>): AgentEnd {
    const reason = reasonOf(stop)
    // In a log of an earlier release, a specialist's step has no verdict, and a run's end no output.
    const isOfSpecialist = this.agent.path.length > 0 && this.agent.member.definition.output !== undefined
    if (reason === "stop" && (verdict !== undefined || isOfSpecialist)) {
      return this.end(reason, { stopSequence, output: this.value })
    }
    return stopSequence === undefined ? this.end(reason) : this.end(reason, { stopSequence })
  }

  /** The JSON of its typed answer. */
  get value(): Json | undefined {
    return TypedText.valueOf(this.text)
  }

  /**
   * Takes the late results that have come since the last step, and the messages that a user has sent; `undefined` where
   * there are none.
   */
  receive(): Effect.Effect<void> | undefined {
    const { agent, isPaused, run, step } = this
    this.isPaused = false
    if (isPaused) return undefined
    const messages = () => (agent.path.length === 0 ? Steering.receive(run, agent, step + 1) : undefined)
    return LateResults.before(run, agent, step + 1, messages)
  }

  /** Whether an agent that has answered continues, because a message arrived before the end. */
  goesOn(): Effect.Effect<boolean> {
    return this.agent.path.length === 0 ? Steering.goesOn(this.run, this.agent) : no
  }

  /** Requests the next step from the model. */
  ask(): Effect.Effect<StepValue> {
    this.agent.step = ++this.step
    return modelStep(this.run, this.agent, {
      step: this.step,
      offersTools: this.exhausted === undefined && this.agent.member.definition.settings?.toolChoice !== "none",
      repairs: !this.repaired && this.exhausted === undefined
    })
  }

  /** Adds a step to the conversation. */
  take(value: StepValue): void {
    this.usage = Usage.add(this.usage, value.usage)
    remember(this.agent, value)
    if (value._tag === "Completed") {
      this.agent.answeredBy = value.model
      this.rejections = 0
    }
    this.text = value._tag === "Completed" ? textOf(value.content) : textOf(value.content) || this.text
  }

  /** The end by a hook, for the whole run. */
  endedBy(failure: RunErrors.HookEnded): AgentEnd {
    return this.end("failed", { failure, endsRun: true })
  }

  /** Adds the ends of a step's calls. Returns the limit that stops this agent, or how it ends. */
  settled(calls: ReadonlyArray<Message.CallPart>, ends: ReadonlyArray<CallEnd>): Stop | undefined {
    const { agent, run } = this
    const results: Array<Message.ResultPart> = []
    let isCancelled = false
    let refusal: Budget.Refusal | undefined
    let failure: RunErrors.HookEnded | undefined
    for (let index = 0; index < calls.length; index++) {
      const call = calls[index]
      const end = ends[index]
      if (call === undefined || end === undefined) continue
      if (end.later !== undefined) agent.tickets = [...(agent.tickets ?? []), { call, later: end.later }]
      results.push(ToolOutcome.bound(ToolOutcome.part(call, end.outcome), run.settings.maxResultCharacters))
      if (end.usage !== undefined) this.usage = Usage.add(this.usage, end.usage)
      if (end._tag === "Cancelled") isCancelled = true
      else if (end._tag === "Ended") failure ??= end.failure
      // A specialist's own limit is a result for its coordinator; a limit of this agent, or above it, stops it.
      else if (end._tag === "Refused" && reaches(end.refusal, agent.path)) refusal ??= end.refusal
    }
    agent.say({ role: "tool", content: trimmed(results) })
    return isCancelled ? "cancelled" : (failure ?? refusal)
  }

  /** The calls that have reached the limit of repetitions. */
  get repeated(): CallRow.CallRow | undefined {
    const { repeatedCallLimit, row } = this.agent
    return row !== undefined && row.times === repeatedCallLimit ? row : undefined
  }

  private next(): Effect.Effect<AgentEnd> {
    const taking = this.receive()
    const asked = taking === undefined ? this.ask() : Task.flatMap(Task.of(taking), () => this.ask())
    return Task.flatMap(Task.of(asked), (value) => {
      this.take(value)
      if (value._tag !== "Completed" || value.stop === "paused" || value.dropped !== undefined) {
        return goOn(this, { _tag: "Taken", value })
      }
      const { calls } = value
      if (calls.length > 0) {
        this.agent.count(calls)
        return Task.flatMap(Task.of(settleAll(this.run, this.agent, calls)), (ends) => {
          const stopped = this.settled(calls, ends)
          if (stopped === "cancelled") return Exit.succeed(this.end("cancelled"))
          if (stopped instanceof RunErrors.HookEnded) return Exit.succeed(this.endedBy(stopped))
          if (stopped !== undefined || this.repeated !== undefined) {
            return goOn(this, { _tag: "Settled", refusal: stopped })
          }
          return this.step % inARow === 0 ? Task.flatMap(Task.of(Effect.yieldNow), () => this.again) : this.again
        })
      }
      const { member, tickets } = this.agent
      if (member.check !== undefined || tickets !== undefined) return goOn(this, { _tag: "Taken", value })
      return Task.flatMap(Task.of(this.goesOn()), (goesOn) =>
        goesOn ? this.again : Exit.succeed(this.answered(value))
      )
    })
  }
}

/** What stops an agent after its calls: the run's cancel, a hook that ends the run, or a limit. */
type Stop = "cancelled" | RunErrors.HookEnded | Budget.Refusal

const no = Exit.succeed(false)

/** How many answers in a row hooks may reject before the agent ends. */
const mostRejections = 3

/** The number of steps before the loop yields, however quickly model and tools answer. */
const inARow = 16

/**
 * Where `goOn` continues: before a step, after one that was added, or after its calls and the limit that they reached.
 */
type Stage =
  | { readonly _tag: "Before" }
  | { readonly _tag: "Taken"; readonly value: StepValue }
  | { readonly _tag: "Settled"; readonly refusal: Budget.Refusal | undefined }

const before: Stage = { _tag: "Before" }

const goOn = Effect.fnUntraced(function* (loop: Loop, from: Stage) {
  const { agent, run } = loop
  for (let stage = from; ; stage = before) {
    let hasSettled = stage._tag === "Settled"
    let refusal = stage._tag === "Settled" ? stage.refusal : undefined
    if (stage._tag !== "Settled") {
      const value: StepValue | RunErrors.ResolveFailed = stage._tag === "Taken" ? stage.value : yield* stepOf(loop)
      if (value._tag === "ResolveFailed") return loop.end("failed", { failure: value })
      if (value._tag === "Cancelled") return loop.end("cancelled")
      if (value._tag === "Failed") return loop.end("failed", { failure: value.failure, endsRun: value.endsRun })
      if (value._tag === "Rejected") {
        if (loop.exhausted !== undefined) return loop.end("budget", { refusal: loop.exhausted })
        if (++loop.rejections > mostRejections) return loop.end("failed", { failure: rejectedBy(value) })
        agent.say(rejection(value.reason), "nothing")
        continue
      }
      if (value._tag === "Refused") refusal = value.refusal
      else {
        if (loop.exhausted !== undefined) {
          const output = value.verdict === undefined || value.verdict.issue !== undefined ? undefined : loop.value
          return loop.end("budget", { refusal: loop.exhausted, ...(output === undefined ? {} : { output }) })
        }
        const { calls, dropped, stop } = value
        if (dropped?.reason === CallRow.dropReason) return loop.end("repeated-calls")
        if (calls.length === 0 && stop === "paused") {
          loop.isPaused = true
          continue
        }
        if (calls.length === 0 && LateResults.isDue(run, agent)) {
          if ((yield* LateResults.wait(run, agent, loop.step)) === "cancelled") return loop.end("cancelled")
          continue
        }
        if (calls.length === 0) {
          const verdict = reasonOf(stop) === "stop" ? yield* verdictOf(loop, value) : undefined
          if (verdict?.issue === undefined) {
            if (yield* loop.goesOn()) continue
            return loop.answered(value)
          }
          if (loop.repaired) {
            return loop.end("failed", {
              failure: new RunErrors.OutputInvalid({
                agent: agent.member.name,
                // A schema's own messages may quote the answer.
                issue: run.settings.captureContent ? verdict.issue : (verdict.places ?? "")
              })
            })
          }
          loop.repaired = true
          // The thread keeps neither this nor the answer that it is about.
          agent.say(TypedText.repair(verdict.issue), "nothing")
          continue
        }
        agent.count(calls)
        const stopped = loop.settled(calls, yield* settleAll(run, agent, calls))
        if (stopped === "cancelled") return loop.end("cancelled")
        if (stopped instanceof RunErrors.HookEnded) return loop.endedBy(stopped)
        refusal = stopped
        hasSettled = true
      }
    }
    const repeated = hasSettled ? loop.repeated : undefined
    if (repeated !== undefined) yield* warn(run, agent, loop.step, repeated)

    if (refusal !== undefined) {
      if (loop.exhausted === undefined && is(agent, refusal, "pause")) {
        const paused = yield* BudgetPause.pause(run, agent, refusal, ++loop.pauses)
        if (paused === "cancelled") return loop.end("cancelled")
        if (paused === "raised") continue
      }
      yield* BudgetPause.announce(run, refusal)
      if (loop.exhausted !== undefined || !is(agent, refusal, "wrap-up")) return loop.end("budget", { refusal })
      loop.exhausted = refusal
    }
  }
})

/**
 * The verdict about an answer. In logs of earlier releases, the step of a specialist has none; it is checked here then,
 * as they did.
 */
const verdictOf = ({ agent: { member }, text }: Loop, { verdict }: StepValue & { readonly _tag: "Completed" }) => {
  if (verdict !== undefined || member.check === undefined || member.definition.output === undefined) {
    return Effect.succeed(verdict)
  }
  return member.check(text)
}

/** The next step, after what it uses is chosen, and after compaction if it is due. */
const stepOf = Effect.fnUntraced(function* (loop: Loop) {
  const { agent, isPaused, run } = loop
  const taking = loop.receive()
  if (taking !== undefined) yield* taking
  // A paused answer is continued as it began.
  if (agent.own.resolver !== undefined && !isPaused) {
    const failure = yield* ResolutionStep.resolve(run, agent, loop.step + 1, agent.own.resolver)
    if (failure !== undefined) return failure
  }
  if (agent.member.definition.compaction !== undefined) {
    loop.usage = Usage.add(loop.usage, yield* CompactionStep.compact(run, agent, loop.step + 1))
  }
  const value = yield* loop.ask()
  loop.take(value)
  return value
})

/** Adds the model's output to the agent's conversation, without its calls if they will not be settled. */
const remember = (agent: AgentState, value: StepValue): void => {
  const content =
    value._tag === "Completed"
      ? value.content
      : value.content.filter((part) => part.type === "text" || part.type === "reasoning")
  const isKept = value._tag !== "Completed" || value.verdict?.retracted !== true
  if (content.length > 0) agent.hear(content, isKept)
  if ((value._tag === "Completed" || value._tag === "Refused") && value.dropped !== undefined) {
    agent.say(Transcript.droppedCalls(value.dropped.reason, value.dropped.tools))
  }
}

const reasonOf = (stop: Extract<StepValue, { readonly _tag: "Completed" }>["stop"]): Events.FinishReason => {
  switch (stop) {
    case "stop":
    case "tool-calls":
    case "paused":
      return "stop"
    case "length":
    case "content-filter":
      return stop
    case "error":
    case "other":
      return "other"
  }
}

const rejection = (reason: string): Message.User => ({
  role: "user",
  content: [{ type: "text", text: `Your last answer was withheld: ${reason}\nAnswer again.` }]
})

const rejectedBy = ({ hook, reason }: Extract<StepValue, { readonly _tag: "Rejected" }>): RunErrors.HookEnded =>
  new RunErrors.HookEnded({ hook, description: reason })

const reaches = (refusal: Budget.Refusal, path: AgentPath.AgentPath): boolean => refusal.path.length <= path.length

/** Whether the limit is this agent's own, and what its budget does then. A limit over several runs ends every run. */
const is = (agent: AgentState, refusal: Budget.Refusal, policy: "wrap-up" | "pause"): boolean =>
  refusal.path.length === agent.path.length && agent.budget.onExhausted === policy && !Budget.isAboveRun(refusal.limit)

/** Warns the model, and watchers, that it has reached the limit of repeated calls. */
const warn = (run: Run, agent: AgentState, step: number, row: CallRow.CallRow): Effect.Effect<void> => {
  const { times } = row
  const tools = [...new Set(row.calls.map(({ name }) => name))]
  const told: Event = { type: "custom", event_type: "calls_repeated", data: { times, tools } }
  return Effect.map(
    run.engine.emit(Names.repeated(agent.prefix, step), agent.path, () => [told]),
    () => {
      agent.say(Transcript.repeatedCalls(times, tools))
      agent.row = row
    }
  )
}
