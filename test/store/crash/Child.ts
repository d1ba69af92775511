/**
 * A process to be killed: `node Child.ts '<orders>'`. It executes the story or joins those who do, prints what it sees,
 * and dies where it was told to.
 */
import { Decision, Deployment, Runtime } from "@reins/runtime"
import { journalHost, type JournalStore } from "@reins/runtime/journal"
import { Effect, Layer, Stream } from "effect"
import * as Stores from "./Stores.ts"
import * as Story from "./Story.ts"

export interface Orders {
  /** A file, or the URL of a Postgres database. */
  readonly database: string
  readonly counter: string
  readonly kind: Story.Kind
  /** Starts the run, or waits for an existing one. */
  readonly starts: boolean
  /** Answers approvals as they come. */
  readonly answers: boolean
  /** False: this process always stays a client. */
  readonly carries: boolean
  /** Dies by SIGKILL at the commit that contains this event. */
  readonly death?: { readonly at: number; readonly when: "before" | "after" } | undefined
  /** Exits normally: when the run has ended, or after one answer. */
  readonly until: "end" | "answer"
}

const die = Effect.andThen(
  Effect.sync(() => process.kill(process.pid, "SIGKILL")),
  Effect.never
)

const mortal = (store: JournalStore, { at, when }: NonNullable<Orders["death"]>): JournalStore => ({
  ...store,
  commit: (batch) => {
    if (!batch.envelopes.some((envelope) => envelope.seq >= at)) return store.commit(batch)
    return when === "before" ? die : Effect.andThen(store.commit(batch), die)
  }
})

const deployment = ({ carries, database, death }: Orders) =>
  death === undefined
    ? Stores.layer(database, carries)
    : Layer.effect(
        Deployment.Deployment,
        Effect.map(Stores.journal(database), (store) =>
          journalHost(mortal(store, death), { gatherMs: 0, pollMs: 10_000 })
        )
      )

const say = (word: string) => Effect.sync(() => process.stdout.write(`${word}\n`))

/** Waits for an approval, and answers it. */
const answerOne: Effect.Effect<void, unknown, Runtime> = Effect.gen(function* () {
  const runtime = yield* Runtime
  const [first] = yield* runtime.pendingApprovals()
  if (first === undefined) return yield* Effect.andThen(Effect.sleep(20), answerOne)
  yield* runtime.respondToApproval(first.request.id, Decision.approve({ by: "mia" }))
  yield* say("answered")
})

const live = (orders: Orders) =>
  Effect.gen(function* () {
    const runtime = yield* Runtime
    if (orders.starts) {
      // A client that repeats its request: the process before may have stored the run before it was killed.
      yield* Effect.catchReason(
        runtime.start("Do it.", { runId: Story.runId, threadId: Story.threadId }),
        "QueryRejected",
        "RunExists",
        () => Effect.void
      )
    }
    yield* say("ready")
    if (orders.until === "answer") return yield* answerOne
    yield* Stream.runForEach(runtime.watch(Story.runId), ({ event }) => {
      if (event.type !== "approval-required") return Effect.void
      const answer = orders.answers
        ? Effect.ignore(runtime.respondToApproval(event.data.id, Decision.approve({ by: "mia" })))
        : Effect.void
      return Effect.andThen(say("asked"), answer)
    })
    yield* say("ended")
  })

const [, , given = "{}"] = process.argv
const orders: Orders = JSON.parse(given)
const runtime = Story.layer(orders.kind, orders.counter).pipe(Layer.provide(deployment(orders)))
await Effect.runPromise(live(orders).pipe(Effect.provide(runtime)))
