/**
 * Runs a whole run: from its record, through the agent loop, to its last event. When the root agent ends, the thread
 * gets the run's messages; then the run finishes with both summaries, or fails with them and an error.
 */
import {
  type AgentPath,
  Budget,
  CancellationReport,
  CostSummary,
  type Entry,
  type Event,
  LatencySummary,
  Message,
  RunErrors,
  Usage
} from "@reins/protocol"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Names from "../run/Names.ts"
import type { Engine, Readings, Settled } from "../engine/Engine.ts"
import * as Amounts from "../budget/Amounts.ts"
import { promptOf, type RunRecord, type Stores } from "../engine/RunHost.ts"
import type { Kept } from "../thread/ThreadStore.ts"
import type { Summary } from "../thread/Branch.ts"
import type { Alarms } from "../kernel/Alarm.ts"
import type { RunEnd, Tracing } from "../run/Observer.ts"
import { agentLoop } from "./AgentLoop.ts"
import { handCall } from "./StepCalls.ts"
import * as Steering from "./Steering.ts"
import { joinedInstructions, withModel, withTools } from "../agent/NarrowedMember.ts"
import { at, type Member, type AgentRegistry } from "../agent/AgentRegistry.ts"
import { type AgentEnd, totalsOf, AgentState } from "../run/AgentState.ts"
import * as LateResults from "../call/LateResults.ts"
import * as AgentMemory from "../run/AgentMemory.ts"
import type { Run, Settings } from "../run/Run.ts"

/** The parts that all runs of a runtime share. */
export interface Common {
  readonly roster: AgentRegistry
  readonly settings: Settings
  readonly alarms: Alarms
}

/** Runs `record` over `engine`. `history`: the messages that its thread had when it started. */
export const drive = (
  { alarms, roster, settings }: Common,
  stores: Stores,
  record: RunRecord,
  history: ReadonlyArray<Message.Message>,
  engine: Engine
): Effect.Effect<void> =>
  Effect.withFiber((fiber) => {
    const own = roster.members.get(record.agent)
    if (own === undefined)
      return Effect.die(new Error(`Run ${record.runId}: unknown agent ${record.agent}. Register it with Runtime.layer`))
    const named = record.model?.name
    if (named !== undefined && !own.models.has(named)) {
      const known = [...own.models.keys()].join(", ") || "none"
      return Effect.die(new Error(`Run ${record.runId}: agent ${record.agent} has no model ${named}, but ${known}`))
    }
    const given = promptOf(record)
    const prompt = given === undefined ? undefined : Message.fromPrompt(given)
    const queried = asked(record.tools === undefined ? own : withTools(own, record.tools), record)
    const run: Run = {
      engine,
      settings,
      grants: stores.grants,
      files: stores.files,
      memories: stores.memories,
      requestedBy: record.principal,
      keyed: record.keyed,
      onOpenResults: record.onOpenResults,
      alarm: alarms.on(fiber.getRef(Clock.Clock)),
      exhausted: [],
      runAgent: traced(settings.tracing, agentLoop)
    }
    const carried = (member: Member) => {
      const agent = new AgentState({
        path: [],
        member,
        history,
        prompt,
        budget: record.budget ?? member.budget,
        summary: record.thread?.kept?.summaries[record.agent],
        repeatedCallLimit: record.repeatedCallLimit ?? Number.POSITIVE_INFINITY
      })
      return ended(run, agent, record, stores)
    }
    return queried.definition.recall === undefined || record.call !== undefined
      ? carried(queried)
      : Effect.flatMap(AgentMemory.remind(run, [], "", queried, prompt), carried)
  })

/** Runs the root agent to its end, and the run to its last event. */
const ended = (run: Run, agent: AgentState, record: RunRecord, stores: Stores): Effect.Effect<void> => {
  const { engine, settings } = run
  const runRoot = record.call === undefined ? run.runAgent : traced(settings.tracing, handCall(record.call))
  return Effect.flatMap(runRoot(run, agent), (end) => {
    let endedAt: number | undefined
    const last = (readings: Readings) => {
      const events = closing(engine.startedAt, readings, end)
      endedAt = readings.now()
      return end.reason === "cancelled" ? [report(agent.own, engine.runId, readings), ...events] : events
    }
    const closed = engine.activity(Names.finish, Schema.Null, (work) =>
      Effect.suspend(() => {
        const lost = work.spending.left(work.now())
        const readings = lost.length === 0 ? work : withRows(work, lost)
        const over = () => ({ value: null, path: [], events: last(readings), spent: lost })
        return record.isolated ? Effect.sync(over) : keep(engine, stores, record, readings, agent, over)
      })
    )
    const left = Effect.andThen(Effect.andThen(LateResults.leave(run, agent), Steering.leave(run, agent)), closed)
    const { observer } = settings
    if (observer === undefined) return left
    return Effect.andThen(
      left,
      Effect.suspend(() => (endedAt === undefined ? Effect.void : observer.ended(endOf(record, engine, end, endedAt))))
    )
  })
}

/** The readings with further rows. Each is named, because those of an engine may be members of its class. */
const withRows = (readings: Readings, rows: ReadonlyArray<Entry.Entry>): Readings => ({
  now: () => readings.now(),
  elapsed: () => readings.elapsed(),
  downMs: () => readings.downMs(),
  ledger: () => [...readings.ledger(), ...rows]
})

/** The end of a run as observers get it. */
const endOf = (
  { agent, resourceId, runId, startedAt, threadId }: RunRecord,
  engine: Engine,
  { failure, reason }: AgentEnd,
  endedAt: number
): RunEnd => {
  const entries = engine.observed()
  const end = { runId, threadId, resourceId, agent, reason, entries, startedAt, endedAt }
  return reason === "failed" ? { ...end, error: RunErrors.code(failure ?? new RunErrors.InternalFailure({})) } : end
}

/** The agent with what its query adds to its instructions and asks of its model. */
export const asked = (given: Member, { instructions, model }: Pick<RunRecord, "instructions" | "model">): Member => {
  const member = model === undefined ? given : withModel(given, model)
  if (instructions === undefined) return member
  const { definition } = member
  return {
    ...member,
    instructed: { own: definition.instructions, added: instructions },
    definition: { ...definition, instructions: joinedInstructions(definition.instructions, instructions) }
  }
}

/** Adds the run's messages to its thread, once: with the run's last events where those are stored. */
const keep = (
  { storesThread }: Engine,
  { threads }: Stores,
  record: RunRecord,
  readings: Readings,
  agent: AgentState,
  end: () => Settled<null>
): Effect.Effect<Settled<null>> => {
  const left = { messages: agent.said, kept: keptOf(record, readings, agent.summary) }
  return storesThread === true
    ? Effect.sync(() => ({ ...end(), left }))
    : Effect.map(threads.append(record.threadId, record.runId, left.messages, left.kept), end)
}

/**
 * What the ended run stores with its thread: the usage of all its runs, which the thread's limits are checked against,
 * and the summary of its beginning. `summary`: of its root agent; absent: an earlier run's stays.
 */
export const keptOf = (
  { agent, thread }: RunRecord,
  readings: Pick<Readings, "elapsed" | "ledger">,
  summary?: Summary
): Kept => {
  const amounts = Amounts.amountsOf(readings.ledger())
  return {
    spent: Budget.addSpent(thread?.kept?.spent ?? Budget.nothingSpent, amounts, readings.elapsed()),
    summaries: { ...thread?.kept?.summaries, ...(summary === undefined ? {} : { [agent]: summary }) }
  }
}

/** The report of a cancel, the last event before `finish`. */
const report = (member: Member, runId: string, readings: Readings): Event => {
  const isReadonly = (path: AgentPath.AgentPath, tool: string) => at(member, path)?.tools.get(tool)?.readonly === true
  const { abandoned, failed, stopped, tookEffect } = CancellationReport.fold(runId, readings.ledger(), isReadonly)
  return {
    type: "custom",
    event_type: CancellationReport.eventType,
    data: { stopped, abandoned, tookEffect, failed }
  }
}

/** What an agent does, wrapped by the runtime's tracing if there is one. */
const traced = (tracing: Tracing | undefined, work: Run["runAgent"]): Run["runAgent"] =>
  tracing === undefined
    ? work
    : (run, agent) => {
        const { resourceId, runId, threadId } = run.engine
        const { model, name } = agent.member
        const about = { runId, threadId, resourceId, agent: name, agentPath: agent.path }
        const facts = { ...about, provider: model.provider, model: model.model }
        return tracing.agent(facts, work(run, agent), () => totalsOf(run.engine.observed(), agent.path))
      }

/** The last events of a run. */
export const closing = (
  startedAt: number,
  readings: Pick<Readings, "ledger" | "now" | "downMs">,
  end: Pick<AgentEnd, "reason" | "usage" | "failure" | "stopSequence" | "output">
): ReadonlyArray<Event> => {
  const entries = readings.ledger()
  const summaries: ReadonlyArray<Event> = [
    { type: "data-cost-summary", data: CostSummary.fold(entries) },
    {
      type: "data-latency-summary",
      data: LatencySummary.fold(entries, {
        startedAt,
        endedAt: readings.now(),
        downMs: readings.downMs()
      })
    }
  ]
  if (end.reason !== "failed") {
    const { output, reason: finishReason, stopSequence } = end
    const usage = Usage.toTotals(end.usage)
    return [
      {
        type: "finish",
        finishReason,
        usage,
        ...(stopSequence === undefined ? {} : { stopSequence }),
        ...(output === undefined ? {} : { output })
      },
      ...summaries
    ]
  }
  const failure = end.failure ?? new RunErrors.InternalFailure({})
  return [
    ...summaries,
    {
      type: "error",
      error: { message: failure.message, code: RunErrors.code(failure), data: RunErrors.toPublicData(failure) }
    }
  ]
}
