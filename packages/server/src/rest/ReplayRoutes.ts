/**
 * Native routes about what a recorded run could have done otherwise: its replay on the agents of this server, and a new
 * thread that goes on from one of its events. Both read the run's log, so a server in memory has neither.
 */
import { AgentPath, type Json, Message } from "@reins/protocol"
import { Fork, type Replayed } from "@reins/runtime"
import { RunExport } from "@reins/runtime/journal"
import { type Dialect, Refusal } from "@reins/wire"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { operatorOnly, type Principal, restrict, sightOf } from "../access/Authenticator.ts"
import * as Lookup from "../run/Lookup.ts"
import { newThread, type ServerContext } from "../run/ServerContext.ts"
import * as Threads from "../run/Threads.ts"

/** What a run is replayed on. `agent`: the one that decides in place of the run's own; absent: the run's own. */
export const Replay = Schema.Struct({ agent: Schema.optionalKey(Schema.String) })

/** From where a thread goes on. `seq`: the last event that it keeps; 0: before the first step; absent: all of the run. */
export const RunFork = Schema.Struct({
  seq: Schema.optionalKey(Schema.Natural),
  threadId: Schema.optionalKey(Schema.String)
})

const ReplayResultStruct = Schema.Struct({
  runId: Schema.String,
  agent: Schema.String,
  events: Schema.Natural,
  identical: Schema.Boolean,
  undigested: Schema.optionalKey(Schema.Natural),
  others: Schema.optionalKey(Schema.Natural),
  divergence: Schema.optionalKey(
    Schema.Struct({
      seq: Schema.Natural,
      type: Schema.optionalKey(Schema.String),
      agentPath: AgentPath.AgentPath,
      field: Schema.String,
      recorded: Schema.optionalKey(Schema.Json),
      replayed: Schema.optionalKey(Schema.Json)
    })
  )
}).annotate({ identifier: "ReplayResult" })

/**
 * How a replay went. `undigested`: of an identical one, how many requests' prompts the log has no digest of. `divergence`:
 * the first difference, and `others`: how many come after it. `type` is absent behind the last event of the log.
 */
export interface ReplayResult extends Schema.Schema.Type<typeof ReplayResultStruct> {}
export const ReplayResult: Schema.Codec<ReplayResult> = ReplayResultStruct

const RunForkedStruct = Schema.Struct({
  threadId: Schema.String,
  agent: Schema.String,
  seq: Schema.Natural,
  prompt: Schema.optionalKey(Schema.Array(Message.UserPart))
}).annotate({ identifier: "RunForked" })

/** The new thread. `prompt`: what the run had yet to answer at that event, to ask again; absent: a new prompt is needed. */
export interface RunForked extends Schema.Schema.Type<typeof RunForkedStruct> {}
export const RunForked: Schema.Codec<RunForked> = RunForkedStruct

// A misspelt field is refused, instead of doing something else than was meant.
const readReplay = Schema.decodeUnknownOption(Replay, { onExcessProperty: "error" })
const readFork = Schema.decodeUnknownOption(RunFork, { onExcessProperty: "error" })

const noExport = Refusal.make(
  "not-found",
  "NotExported",
  "There is no export of this run: its events were deleted, or the server keeps its runs in memory"
)

const unreadable = (issue: string) => Refusal.make("unprocessable", "NotReplayed", issue)

const refusals = { Unreadable: "unprocessable", StillOpen: "conflict", UnknownAgent: "bad-request" } as const

/** All that the store has of a run that the principal sees, as lines. Without a role, only of own runs. */
const linesOf = Effect.fnUntraced(function* ({ runtime }: ServerContext, principal: Principal, runId: string) {
  const seen = restrict(principal, undefined)
  const { runs } = seen === undefined ? { runs: [] } : yield* runtime.runs.list({ ...seen, runId, limit: 1 })
  if (runs.length === 0) return yield* Effect.fail(Lookup.noRun)
  const lines = yield* runtime.runs.export(runId, { resourceId: principal.tenant })
  return lines === undefined ? yield* Effect.fail(noExport) : lines
})

const recordingOf = (lines: ReadonlyArray<string>) =>
  Effect.mapError(Effect.flatMap(RunExport.read(lines), RunExport.recordingOf), ({ message }) => unreadable(message))

/** `GET /runs/:runId/export`: the run as JSON lines, with the store's own ids of threads. */
export const exported = Effect.fnUntraced(function* (serving: ServerContext, principal: Principal, runId: string) {
  const lines = yield* linesOf(serving, principal, runId)
  return { status: 200, text: `${lines.join("\n")}\n`, headers: { "content-type": "application/x-ndjson" } }
})

/** `POST /runs/:runId/replay`: for operators, and without what both sides say for auditors. */
export const replay = Effect.fnUntraced(function* (
  serving: ServerContext,
  principal: Principal,
  { body, params }: Dialect.Request
) {
  const sight = sightOf(principal)
  // A difference tells of instructions and tools, which are not a caller's to know.
  if (sight === "own") return yield* Effect.fail(operatorOnly("Runs are replayed by an operator or auditor"))
  const asked = readReplay(body ?? {})
  if (Option.isNone(asked))
    return yield* Effect.fail(Refusal.badRequest("Invalid or unknown field. Use agent, an agent's name"))
  const recording = yield* recordingOf(yield* linesOf(serving, principal, params["runId"] ?? ""))
  const { agent = recording.record.agent } = asked.value
  const played = { ...recording, record: { ...recording.record, agent } }
  const replayed = yield* Effect.mapError(serving.runtime.replay(played), ({ issue, reason }) =>
    Refusal.make(refusals[reason], "NotReplayed", issue)
  )
  return { status: 200, body: resultOf(replayed, agent, sight === "all") } satisfies Dialect.Reply
})

/** As clients see it. Without content there are neither the values of both sides nor what is below the field. Pure. */
const resultOf = (replayed: Replayed, agent: string, withContent: boolean): { readonly [field: string]: Json } => {
  const { events, runId } = replayed
  const common = { runId, agent, events }
  if (replayed._tag === "Identical") return { ...common, identical: true, undigested: replayed.undigested }
  const { agentPath, event, field, recorded, replayed: now, seq } = replayed.divergence
  return {
    ...common,
    identical: false,
    others: replayed.others,
    divergence: {
      seq,
      agentPath,
      field: withContent ? field : field.replace(/[.[].*$/s, ""),
      ...(event === undefined ? {} : { type: event.event.type }),
      ...(withContent && recorded !== undefined ? { recorded } : {}),
      ...(withContent && now !== undefined ? { replayed: now } : {})
    }
  }
}

/** `POST /runs/:runId/fork`: a new thread of the run's conversation up to an event. Without a role, of own runs. */
export const fork = Effect.fnUntraced(function* (
  serving: ServerContext,
  principal: Principal,
  { body, params }: Dialect.Request
) {
  const asked = readFork(body ?? {})
  if (Option.isNone(asked)) {
    return yield* Effect.fail(
      Refusal.badRequest("Invalid or unknown field. Use seq, the number of an event or 0, and threadId")
    )
  }
  const recording = yield* recordingOf(yield* linesOf(serving, principal, params["runId"] ?? ""))
  const last = recording.envelopes.length
  const { seq = last, threadId = newThread(serving, principal.tenant) } = asked.value
  if (seq > last) {
    return yield* Effect.fail(Refusal.badRequest(`Invalid seq. The run has the events 1 to ${last}; 0 is before them`))
  }
  if (!Lookup.isId(threadId)) {
    return yield* Effect.fail(Refusal.badRequest("Invalid threadId. Use 1 to 512 characters"))
  }
  const { agent } = recording.record
  const { history, prompt } = Fork.at(recording, seq)
  const owner = recording.record.principal ?? principal.name
  const seed = history.length === 0 ? {} : { seed: history }
  yield* Threads.create(serving, principal, { _tag: "CreateThread", threadId, agent, ...seed }, owner)
  const open = prompt === undefined || prompt.length === 0 ? {} : { prompt }
  return { status: 200, body: { threadId, agent, seq, ...open } } satisfies Dialect.Reply
})
