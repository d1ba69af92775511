/** Building blocks of the contract about erasing a principal: a run with everything that a run leaves, and what is seen of it. */
import { type Audit, Quota } from "@reins/protocol"
import * as Effect from "effect/Effect"
import type { Erasing, Outcome } from "../engine/Erasure.ts"
import type { RunRecord } from "../engine/RunHost.ts"
import type { JournalStore } from "../host/journal/JournalStore.ts"
import * as Memory from "../memory/Memory.ts"
import { asks, begin, commit, decides, finish, grant, mark, says, text } from "./JournalSamples.ts"

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
