/**
 * The agent loop: model step, its calls, next step, until there are no calls, a limit, a cancel or a failure.
 *
 * `ModelStep` sends requests to the model, `CallSettlement` settles each call, and the engine stores the results of
 * both. So that a run can be replayed from its start, the loop depends only on stored values: it reads no clock, flag
 * or store, and does not depend on which call ended first.
 */
import {
  type AgentPath,
  Budget,
  type Event,
  type Events,
  type Message,
  RunErrors,
  Transcript,
  Usage
} from "@reins/protocol"
import * as Trimmed from "../kernel/Trimmed.ts"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Names from "../run/Names.ts"
import * as Steering from "./Steering.ts"
import * as CompactionStep from "./CompactionStep.ts"
import * as BudgetPause from "./BudgetPause.ts"
import { modelStep } from "../step/ModelStep.ts"
import type { StepValue } from "../step/StepValue.ts"
import type { CallEnd } from "../call/Call.ts"
import * as Task from "../kernel/Task.ts"
import * as ToolOutcome from "../tool/ToolOutcome.ts"
import { settle } from "../call/CallSettlement.ts"
import type { AgentEnd } from "../run/AgentEnd.ts"
import type { AgentState } from "../run/AgentState.ts"
import * as CallRow from "../agent/CallRow.ts"
import type { Run } from "../run/Run.ts"
import * as SpecialistText from "../agent/SpecialistText.ts"

/** Runs `agent` to its end. */
export const agentLoop: (run: Run, agent: AgentState) => Effect.Effect<AgentEnd> = Effect.fnUntraced(
  function* (run, agent) {
    let usage = Usage.empty
    let text = ""
    let exhausted: Budget.Refusal | undefined
    let repaired = false
    let pauses = 0
    // A model that is to go on with its answer is sent nothing in between.
    let isPaused = false
    const isRoot = agent.path.length === 0
    const end = (reason: AgentEnd["reason"], more: Partial<AgentEnd> = {}): AgentEnd => ({
      reason,
      text,
      usage,
      ...more
    })

    for (let step = 1; ; step++) {
      const taking = isRoot && !isPaused ? Steering.receive(run, agent, step) : undefined
      if (taking !== undefined) yield* taking
      isPaused = false
      if (agent.member.definition.compaction !== undefined) {
        usage = Usage.add(usage, yield* CompactionStep.compact(run, agent, step))
      }
      const value: StepValue = yield* modelStep(run, agent, { step, offersTools: exhausted === undefined })
      usage = Usage.add(usage, value.usage)
      remember(agent, value)
      text = value._tag === "Completed" ? textOf(value.content) : textOf(value.content) || text
      if (value._tag === "Cancelled") return end("cancelled")
      if (value._tag === "Failed") return end("failed", { failure: value.failure })
      let refusal = value._tag === "Refused" ? value.refusal : undefined

      if (value._tag === "Completed") {
        if (exhausted !== undefined) return end("budget", { refusal: exhausted })
        if (value.dropped?.reason === CallRow.dropReason) return end("repeated-calls")
        if (value.calls.length === 0 && value.stop === "paused") {
          isPaused = true
          continue
        }
        if (value.calls.length === 0) {
          const reason = reasonOf(value.stop)
          const issue = reason === "stop" ? yield* SpecialistText.mismatch(agent.member, text) : undefined
          if (issue === undefined) {
            if (isRoot && (yield* Steering.goesOn(run, agent))) continue
            return end(reason)
          }
          if (repaired) {
            return end("failed", {
              failure: new RunErrors.OutputInvalid({
                agent: agent.member.name,
                // A schema's own words may quote the answer.
                issue: run.settings.captureContent ? issue : "why is left out, since content capture is off"
              })
            })
          }
          repaired = true
          agent.say(repair(issue))
          continue
        }
        agent.count(value.calls)
        const ends = yield* settleAll(run, agent, value.calls)
        const results: Array<Message.ResultPart> = []
        let isCancelled = false
        for (const [index, call] of value.calls.entries()) {
          const end = ends[index]
          if (end === undefined) continue
          results.push(ToolOutcome.bound(ToolOutcome.part(call, end.outcome), run.settings.maxResultCharacters))
          if (end.usage !== undefined) usage = Usage.add(usage, end.usage)
          if (end._tag === "Cancelled") isCancelled = true
          // A specialist's own limit is for its coordinator to read; a limit of this agent, or above it, stops it.
          else if (end._tag === "Refused" && reaches(end.refusal, agent.path)) refusal ??= end.refusal
        }
        agent.say({ role: "tool", content: Trimmed.copy(results) })
        if (isCancelled) return end("cancelled")
        const { row } = agent
        if (row !== undefined && row.times === agent.repeatedCallLimit) yield* warn(run, agent, step, row)
      }

      if (refusal !== undefined) {
        if (exhausted === undefined && is(agent, refusal, "pause")) {
          const paused = yield* BudgetPause.pause(run, agent, refusal, ++pauses)
          if (paused === "cancelled") return end("cancelled")
          if (paused === "raised") continue
        }
        yield* announce(run, refusal)
        if (exhausted !== undefined || !is(agent, refusal, "wrap-up")) return end("budget", { refusal })
        exhausted = refusal
      }
    }
  }
)

/** Adds what the model said to the agent's conversation: whole, or without its calls where they will not be settled. */
const remember = (agent: AgentState, value: StepValue): void => {
  const content =
    value._tag === "Completed"
      ? value.content
      : value.content.filter((part) => part.type === "text" || part.type === "reasoning")
  if (content.length > 0) agent.hear(content)
  if ((value._tag === "Completed" || value._tag === "Refused") && value.dropped !== undefined) {
    agent.say(Transcript.droppedCalls(value.dropped.reason, value.dropped.tools))
  }
}

/**
 * Settles the calls of a step, in parallel; what is done at once needs no fiber. The ends stand in the order of the
 * calls.
 */
const settleAll = (
  run: Run,
  agent: AgentState,
  calls: ReadonlyArray<Message.CallPart>
): Effect.Effect<ReadonlyArray<CallEnd>> => {
  agent.beginStep(calls.length)
  const ends: Array<CallEnd> = []
  const tasks: Array<Task.Task<void, never>> = []
  const others: Array<Effect.Effect<void>> = []
  for (const [index, call] of calls.entries()) {
    const settled = Task.map(settle(run, agent, call), (end) => {
      ends[index] = end
    })
    if (Task.is(settled)) tasks.push(settled)
    else if (!Task.isDone(settled)) others.push(settled)
  }
  if (tasks.length > 0) others.push(Task.together(tasks))
  const [first] = others
  if (first === undefined) return Exit.succeed(ends)
  return Effect.as(
    others.length === 1 ? first : Effect.forEach(others, (one) => one, { concurrency: "unbounded", discard: true }),
    ends
  )
}

const textOf = (content: ReadonlyArray<Message.AssistantPart>): string => {
  let out = ""
  for (const part of content) if (part.type === "text") out += part.text
  return out
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

const repair = (issue: string): Message.User => ({
  role: "user",
  content: [
    {
      type: "text",
      text: `Your answer does not fit the required JSON schema: ${issue}\nAnswer again with the corrected JSON and nothing else.`
    }
  ]
})

const reaches = (refusal: Budget.Refusal, path: AgentPath.AgentPath): boolean => refusal.path.length <= path.length

/** Whether the limit is this agent's own, and what its budget does then. At a limit over several runs every run ends. */
const is = (agent: AgentState, refusal: Budget.Refusal, policy: "wrap-up" | "pause"): boolean =>
  refusal.path.length === agent.path.length && agent.budget.onExhausted === policy && !Budget.isAboveRun(refusal.limit)

/** Tells the model, and watchers, that it has made the same calls as often in a row as it may. */
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

/** Emits once that a limit was met. */
const announce = (run: Run, refusal: Budget.Refusal): Effect.Effect<void> =>
  Effect.suspend(() => {
    const name = Names.exhausted(refusal.path, refusal.limit)
    if (run.exhausted.includes(name)) return Effect.void
    run.exhausted = [...run.exhausted, name]
    return run.engine.emit(name, refusal.path, () => [Budget.toEvent(refusal)])
  })
