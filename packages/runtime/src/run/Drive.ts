/**
 * Carries a whole run: from its record, through the agent loop, to its last event. The root's end becomes the run's: the
 * thread gets its messages, then the run finishes with both summaries, or fails with them and an error.
 */
import {
  type AgentPath,
  CancellationReport,
  CostSummary,
  type Event,
  LatencySummary,
  Message,
  RunErrors,
  Usage
} from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Erased from "../Erased.ts"
import type { Engine } from "../port/Engine.ts"
import type { RunRecord, Stores } from "../port/RunHost.ts"
import { Alarm } from "./Alarm.ts"
import type { Tracing } from "../port/Tracing.ts"
import { agentLoop } from "./AgentLoop.ts"
import * as AgentTotals from "./AgentTotals.ts"
import * as QueryTools from "./QueryTools.ts"
import { at, type Member, type Roster } from "./Roster.ts"
import type { AgentEnd } from "./AgentEnd.ts"
import * as Keeping from "./Keeping.ts"
import { Place, type Run, type Settings } from "./Run.ts"

/** Carries `record` over `engine`. `history` is what its thread held when it began. */
export const drive = Effect.fnUntraced(function* (
  roster: Roster,
  settings: Settings,
  stores: Stores,
  record: RunRecord,
  history: ReadonlyArray<Message.Message>,
  engine: Engine
) {
  const agent = roster.members.get(record.agent)
  if (agent === undefined) return yield* Effect.die(new Error(`run ${record.runId}: no agent ${record.agent} here`))
  const member = record.tools === undefined ? agent : QueryTools.apply(agent, record.tools)
  const place = new Place({
    path: [],
    member,
    history,
    prompt: Message.fromPrompt(Erased.as<Message.Prompt>(record.prompt)),
    budget: record.budget ?? member.budget,
    summary: record.thread?.kept?.summaries[record.agent]
  })
  const alarm = new Alarm(Effect.runForkWith(yield* Effect.context<never>()), engine.now)
  const run: Run = {
    engine,
    settings,
    grants: stores.grants,
    files: stores.files,
    alarm,
    exhausted: new Set(),
    carry: traced(settings.tracing)
  }
  const end = yield* Effect.onExit(run.carry(run, place), () => Effect.sync(alarm.close))
  if (!record.isolated) {
    yield* engine.activity(
      "thread",
      Schema.Null,
      Effect.suspend(() => {
        const kept = Keeping.keptOf(record, engine, place.summary)
        const done = { value: null, path: [], events: [], spent: [] }
        return Effect.as(stores.threads.append(record.threadId, record.runId, place.said, kept), done)
      })
    )
  }
  yield* engine.emit("finish", [], () =>
    end.reason === "cancelled" ? [report(member, engine), ...closing(engine, end)] : closing(engine, end)
  )
})

/** What the cancel came to, as the last that is said before `finish`. */
const report = (member: Member, engine: Engine): Event => {
  const isReadonly = (path: AgentPath.AgentPath, tool: string) => at(member, path)?.tools.get(tool)?.readonly === true
  const { abandoned, failed, stopped, tookEffect } = CancellationReport.fold(engine.runId, engine.ledger(), isReadonly)
  return {
    type: "custom",
    event_type: CancellationReport.eventType,
    data: { stopped, abandoned, tookEffect, failed }
  }
}

/** The loop, seen by the runtime's tracing where it has one. */
const traced = (tracing: Tracing | undefined): Run["carry"] =>
  tracing === undefined
    ? agentLoop
    : (run, place) => {
        const { resourceId, runId, threadId } = run.engine
        const { model, name } = place.member
        const about = { runId, threadId, resourceId, agent: name, agentPath: place.path }
        const facts = { ...about, provider: model.provider, model: model.model }
        return tracing.agent(facts, agentLoop(run, place), () => AgentTotals.fold(run.engine.ledger(), place.path))
      }

/** The last events of a run. */
export const closing = (
  engine: Pick<Engine, "ledger" | "now" | "startedAt" | "downMs">,
  end: Pick<AgentEnd, "reason" | "usage" | "failure">
): ReadonlyArray<Event> => {
  const entries = engine.ledger()
  const summaries: ReadonlyArray<Event> = [
    { type: "data-cost-summary", data: CostSummary.fold(entries) },
    {
      type: "data-latency-summary",
      data: LatencySummary.fold(entries, {
        startedAt: engine.startedAt,
        endedAt: engine.now(),
        downMs: engine.downMs()
      })
    }
  ]
  if (end.reason !== "failed") {
    return [{ type: "finish", finishReason: end.reason, usage: Usage.toTotals(end.usage) }, ...summaries]
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
