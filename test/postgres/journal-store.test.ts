/** Postgres passes the contract of every journal store; a run in it survives its owner. */
import { assert, describe, layer } from "@effect/vitest"
import { type Envelope, Ordering } from "@reins/protocol"
import { Decision, Runtime } from "@reins/runtime"
import { journalHost } from "@reins/runtime/journal"
import { HostContract, JournalContract } from "@reins/runtime/testing"
import { PostgresCluster } from "@reins/store/cluster"
import { Postgres } from "@reins/store/postgres"
import { Context, Effect, Layer, References, Schedule, Stream } from "effect"
import { join } from "node:path"
import * as Stores from "../store/crash/Stores.ts"
import * as Story from "../store/crash/Story.ts"
import * as Server from "./Server.ts"

class Address extends Context.Service<Address, string>()("test/postgres/Address") {
  static readonly layer = Layer.effect(Address, Server.server)
}

const fresh = Effect.flatMap(Address, (url) => Server.database(url))
/**
 * True once the first step's call of a tool and its specialist have ended, and the question about the third is asked.
 */
const onlyTheQuestionIsOpen = () => {
  const open = new Set(["c1", "c3", "question"])
  return ({ event }: Envelope.Envelope): boolean => {
    if (event.type === "approval-required") open.delete("question")
    const isCall = event.type === "tool-invocation" || event.type === "tool-agent"
    if (isCall && event.state === "result") open.delete(event.toolInvocationId)
    return open.size === 0
  }
}
const quiet = Effect.provideService(References.MinimumLogLevel, "None")

describe("a journal: Postgres", () => {
  layer(Address.layer, { timeout: "60 seconds", excludeTestServices: true })((it) => {
    for (const { check, name } of JournalContract.clauses) {
      it.effect(name, () =>
        Effect.flatMap(
          Effect.flatMap(fresh, (url) => Postgres.journal({ url })),
          check
        )
      )
    }

    for (const { check, name } of HostContract.clauses.filter(({ name }) => name.includes("message"))) {
      it.effect(`as a host: ${name}`, () =>
        Effect.flatMap(fresh, (url) => Postgres.journal({ url })).pipe(
          Effect.flatMap((store) => check(journalHost(store, { gatherMs: 0 }))),
          Effect.scoped,
          quiet
        )
      )
    }

    it.effect(
      "a run whose connections are all cut continues, and so do its watcher and its questions",
      () =>
        Effect.gen(function* () {
          const address = yield* Address
          const url = yield* fresh
          const counter = join(yield* Stores.folder, "counter")
          const context = yield* Layer.build(
            Story.layer("plain", counter).pipe(Layer.provide(Layer.fresh(Postgres.layer({ url, gatherMs: 0 }))))
          )
          const runtime = Context.get(context, Runtime)
          yield* runtime.start("Do it.", { runId: Story.runId, threadId: Story.threadId })
          const cut = Server.cut(address, url)
          let cuts = 0
          const log = yield* Stream.runForEach(runtime.watch(Story.runId), ({ event, seq }) =>
            Effect.gen(function* () {
              if (seq % 8 === 1 && cuts++ < 6) yield* cut
              if (event.type === "approval-required") {
                yield* runtime.respondToApproval(event.data.id, Decision.approve({ by: "mia" }))
              }
            })
          ).pipe(Effect.andThen(Stream.runCollect(runtime.watch(Story.runId))), Effect.timeout("40 seconds"))
          assert.isAbove(cuts, 3)
          assert.deepStrictEqual(Ordering.check([...log]), [])
          assert.isTrue([...log].some(({ event }) => event.type === "finish" && event.finishReason === "stop"))
        }).pipe(quiet),
      240_000
    )

    it.effect(
      "a process knows whether some process executes runs, as the owner or in a cluster",
      () =>
        Effect.forEach([Postgres.layer, PostgresCluster.layer], (deployment) =>
          Effect.gen(function* () {
            const url = yield* fresh
            const counter = join(yield* Stores.folder, "counter")
            const process_ = (carries: boolean) =>
              Effect.map(
                Layer.build(
                  Story.layer("plain", counter).pipe(Layer.provide(Layer.fresh(deployment({ url, carries }))))
                ),
                (context) => Context.get(context, Runtime)
              )
            const client = yield* process_(false)
            assert.isFalse(yield* client.isCarried)
            const owner = yield* process_(true)
            // A process of a cluster is registered once it has begun.
            yield* Effect.repeat(client.isCarried, { until: (is) => is, schedule: Schedule.spaced("100 millis") }).pipe(
              Effect.timeout("20 seconds")
            )
            assert.isTrue(yield* owner.isCarried)
          }).pipe(Effect.scoped)
        ).pipe(quiet),
      120_000
    )

    it.effect(
      "a client answers, the owner ends, and another owner executes the run to its end",
      () =>
        Effect.gen(function* () {
          const url = yield* fresh
          const counter = join(yield* Stores.folder, "counter")
          const process_ = (carries: boolean) =>
            Effect.map(
              Layer.build(
                Story.layer("plain", counter).pipe(
                  Layer.provide(Layer.fresh(Postgres.layer({ url, carries, gatherMs: 0 })))
                )
              ),
              (context) => Context.get(context, Runtime)
            )
          const asked = yield* Effect.scoped(
            Effect.gen(function* () {
              const owner = yield* process_(true)
              yield* owner.start("Do it.", { runId: Story.runId, threadId: Story.threadId })
              yield* Stream.runDrain(Stream.takeUntil(owner.watch(Story.runId), onlyTheQuestionIsOpen()))
              return Story.world(counter).begun.length
            })
          )
          const client = yield* process_(false)
          const [question] = yield* client.pendingApprovals()
          yield* client.respondToApproval(question?.request.id ?? "", Decision.approve({ by: "mia" }))
          assert.strictEqual(Story.world(counter).begun.length, asked)
          yield* process_(true)
          const seen = yield* Stream.runCollect(client.watch(Story.runId)).pipe(Effect.timeout("20 seconds"))
          assert.deepStrictEqual(
            [...seen].map(({ seq }) => seq),
            [...seen].map((_, index) => index + 1)
          )
          const { begun } = Story.world(counter)
          assert.deepStrictEqual(begun.toSorted(), [...new Set(begun)].toSorted())
          assert.isTrue([...seen].some(({ event }) => event.type === "finish" && event.finishReason === "stop"))
        }).pipe(quiet),
      240_000
    )
  })
})
