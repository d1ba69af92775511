/**
 * Building blocks of the journal contracts: sample records, envelopes and marks, one-line operations on a store, and for the
 * contract about erasing a principal a run with everything that a run leaves, and what is seen of it.
 */
import {
  type Audit,
  CostSummary,
  type Entry,
  type Envelope,
  Event,
  type Grant,
  type Json,
  LatencySummary,
  type Message,
  Quota
} from "@reins/protocol"
import type { Mark, Batch, JournalStore, Opened } from "../host/journal/JournalStore.ts"
import type { RunRecord } from "../engine/RunHost.ts"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { Clause as ContractClause } from "./Contract.ts"
import type { Erasing, Outcome } from "../engine/Erasure.ts"
import * as Memory from "../memory/Memory.ts"

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

export const erasing = (over: Partial<Erasing> = {}): Erasing => ({
  principal: "ann",
  resourceId: "tenant",
  pseudonym: "erased_1",
  acts: true,
  ...over
})

export const erase = (store: JournalStore, over: Partial<Erasing> = {}): Effect.Effect<Outcome> =>
  Effect.orDie(store.erase(erasing(over)))

/** What was erased; dies if it was refused. */
export const done = Effect.fnUntraced(function* (store: JournalStore, over: Partial<Erasing> = {}) {
  const outcome = yield* erase(store, over)
  return outcome._tag === "Erased" ? outcome : yield* Effect.die(new Error("it was refused"))
})

export const daily = (principal: string) =>
  Quota.charges([Quota.make({ per: "principal", window: "day", maxRuns: 5 })], { resourceId: "tenant", principal })

export const act = (id: string, over: Partial<Audit.Act> = {}): Audit.Act => ({
  id,
  kind: "answered",
  at: 1500,
  resourceId: "tenant",
  threadId: "thread",
  runId: "run",
  ...over
})

/** A run of a principal that has ended, with everything that a run leaves. Its ids begin with its principal's. */
export const lived = Effect.fnUntraced(function* (
  store: JournalStore,
  principal: string,
  over: Partial<RunRecord> = {}
) {
  const { resourceId = "tenant", runId = `${principal}-run`, threadId = `${principal}-thread` } = over
  const here = { runId, threadId }
  const { epoch } = yield* begin(store, { ...over, ...here, resourceId, principal, prompt: `secret of ${principal}` })
  yield* store.threads.append(threadId, runId, [says(`secret of ${principal}`)])
  const asked = asks(2, `${runId}-a`, here, resourceId)
  yield* commit(store, epoch, [{ ...text(1), ...here }, asked], {
    runId,
    marks: [mark("model/1", `secret of ${principal}`)]
  })
  yield* Effect.orDie(store.answer(runId, `ask/${runId}`, `secret of ${principal}`, 1500))
  const last = [{ ...decides(3, `${runId}-a`), ...here }, ...finish(4).map((one) => ({ ...one, ...here }))]
  yield* commit(store, epoch, last, { runId, acts: [act(`${runId}-act`, { ...here, resourceId, by: "mia" })] })
  const content = new TextEncoder().encode(`secret of ${principal}`)
  const file = { fileId: `${runId}-file`, filename: "f.txt", mediaType: "text/plain", sizeBytes: content.length }
  yield* store.files?.put({ ...file, ...here, resourceId, at: 1000, content }) ?? Effect.void
  yield* (
    store.grants?.add(grant(`${runId}-grant`, { ...here, resourceId, matcher: { name: principal } })) ?? Effect.void
  )
  const remembered = { id: `${runId}-memory`, text: `secret of ${principal}`, at: 1000, runId }
  yield* Effect.orDie(
    store.memories?.remember({ ...remembered, scope: { resourceId, principal } }, Memory.defaultLimits) ?? Effect.void
  )
})

/** All that can be read of a principal's run, thread and memories through the ports. */
export const seen = Effect.fnUntraced(function* (store: JournalStore, principal: string, resourceId = "tenant") {
  const [runId, threadId] = [`${principal}-run`, `${principal}-thread`]
  return {
    events: (yield* Effect.orDie(store.read(runId, 0, 100))).length,
    exported: (yield* Effect.orDie(store.exported?.(runId) ?? Effect.succeed([]))).length > 0,
    answers: [...(yield* Effect.orDie(store.answers(runId, "")))].length,
    question: (yield* Effect.orDie(store.approval(`${runId}-a`))) !== undefined,
    messages: (yield* store.threads.read(threadId, { resourceId })).length,
    files: (yield* store.files?.list(threadId) ?? Effect.succeed([])).length,
    grants: (yield* store.grants?.list(resourceId) ?? Effect.succeed([])).filter((one) => one.runId === runId).length,
    memories: (yield* (
      store.memories?.list({ resourceId, principal, limit: 10, at: 2000 }) ?? Effect.succeed({ memories: [] })
    )).memories.length,
    acts: (yield* store.audit.read({ resourceId, runId, limit: 10 })).acts.length
  }
})

export const none = {
  events: 0,
  exported: false,
  answers: 0,
  question: false,
  messages: 0,
  files: 0,
  grants: 0,
  memories: 0,
  acts: 0
}
