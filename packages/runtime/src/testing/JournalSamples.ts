/**
 * Building blocks of the journal contracts: sample records, envelopes and marks, and one-line operations on a store.
 */
import {
  CostSummary,
  type Entry,
  type Envelope,
  Event,
  type Grant,
  type Json,
  LatencySummary,
  type Message
} from "@reins/protocol"
import type { Mark, Batch, JournalStore, Opened } from "../host/journal/JournalStore.ts"
import type { RunRecord } from "../engine/RunHost.ts"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { Clause as ContractClause } from "./Contract.ts"

export { clause, same } from "./Contract.ts"

type NewRun = Omit<RunRecord, "historyVersion">

export const record = (over: Partial<NewRun> = {}): NewRun => ({
  runId: "run",
  threadId: "thread",
  resourceId: "tenant",
  agent: "desk",
  prompt: "Do it.",
  isolated: false,
  startedAt: 1000,
  ...over
})

export const envelope = (seq: number, event: Event, over: Partial<Envelope.Envelope> = {}): Envelope.Envelope => ({
  seq,
  at: 1000 + seq,
  runId: "run",
  threadId: "thread",
  agentPath: [],
  event,
  ...over
})

export const text = (seq: number, words = `word ${seq}`) => envelope(seq, { type: "text", text: words })

export const mark = (name: string, value: Json, over: Partial<Mark> = {}): Mark => ({
  kind: "result",
  name,
  path: [],
  seq: 0,
  at: 1000,
  value,
  spent: [],
  ...over
})

const usage = {
  promptTokens: 0,
  completionTokens: 0,
  cacheReadInputTokens: 0,
  cacheCreationInputTokens: 0,
  totalTokens: 0
}

const cost = (seq: number) => envelope(seq, { type: "data-cost-summary", data: CostSummary.fold([]) })

const latency = (seq: number) =>
  envelope(seq, {
    type: "data-latency-summary",
    data: LatencySummary.fold([], { startedAt: 1000, endedAt: 2000, downMs: 0 })
  })

/** The last events of a run that finished, from `seq`. */
export const finish = (seq: number) => [
  envelope(seq, { type: "finish", finishReason: "stop", usage }),
  cost(seq + 1),
  latency(seq + 2)
]

/** The last events of a run that failed, from `seq`. */
export const failure = (seq: number) => [
  cost(seq),
  latency(seq + 1),
  envelope(seq + 2, { type: "error", error: { message: "It broke.", code: "E_INTERNAL" } })
]

export const asks = (seq: number, id: string, over: Partial<Envelope.Envelope> = {}, resourceId = "tenant") =>
  envelope(
    seq,
    {
      type: "approval-required",
      data: { id, kind: "tool", target: "refund", payload: { amount: 7 }, resourceId, threadId: "thread" }
    },
    over
  )

export const decides = (seq: number, id: string) =>
  envelope(seq, { type: "approval-decision", data: { id, outcome: { outcome: "approve" }, by: "mia" } })

export const calls = (seq: number, id: string, over: Partial<Envelope.Envelope> = {}) =>
  envelope(
    seq,
    { type: "tool-invocation", toolInvocationId: id, toolName: "ask", args: {}, state: "call", execution: "client" },
    over
  )

export const results = (seq: number, id: string, over: Partial<Envelope.Envelope> = {}) =>
  envelope(seq, Event.toolResult({ id, name: "ask" }, {}, { result: 1 }, "client"), over)

export const spent: Entry.Entry = {
  kind: "tool",
  path: ["planner#2"],
  callId: "c1",
  toolName: "search",
  costNanoUsd: 7,
  startedAt: 1000,
  endedAt: 1001,
  attempts: 1
}

export const says = (words: string): Message.Message => ({ role: "user", content: [{ type: "text", text: words }] })

export const claim: Grant.Claim = {
  resourceId: "tenant",
  threadId: "thread",
  runId: "run",
  agentPath: [],
  toolName: "refund",
  toolHash: "h",
  args: { amount: 7 }
}

export const grant = (id: string, over: Partial<Grant.Grant> = {}): Grant.Grant => ({
  id,
  scope: "thread",
  resourceId: "tenant",
  threadId: "thread",
  runId: "run",
  agentPath: [],
  toolName: "refund",
  toolHash: "h",
  grantedAt: 1000,
  ...over
})

/** A clause about a fresh, empty store. */
export type Clause = ContractClause<JournalStore>

export const create = (store: JournalStore, over?: Parameters<typeof record>[0]) =>
  Effect.orDie(store.create(record(over)))

export const open = (store: JournalStore, runId = "run", at = 2000): Effect.Effect<Opened> =>
  Effect.flatMap(Effect.orDie(store.open(runId, at)), (opened) =>
    opened === undefined ? Effect.die(new Error(`${runId} could not be opened`)) : Effect.succeed(opened)
  )

/** Creates a run and opens it. */
export const begin = (store: JournalStore, over?: Parameters<typeof record>[0]) =>
  Effect.andThen(create(store, over), open(store, over?.runId))

export const commit = (
  store: JournalStore,
  epoch: number,
  envelopes: ReadonlyArray<Envelope.Envelope>,
  rest: Partial<Batch> = {}
) => Effect.orDie(store.commit({ runId: "run", epoch, envelopes, marks: [], ...rest }))

export const tagOf = <A, E extends { readonly _tag: string }>(effect: Effect.Effect<A, E>) =>
  Effect.map(Effect.result(effect), (result) => (Result.isFailure(result) ? result.failure._tag : "no failure"))

export const read = (store: JournalStore, after = 0, limit = 1000) => Effect.orDie(store.read("run", after, limit))
export const status = (store: JournalStore, runId = "run") => Effect.orDie(store.status(runId))
export const answer = (store: JournalStore, name: string, value: string, at = 5000) =>
  Effect.orDie(store.answer("run", name, value, at))
