/**
 * How a cluster loses processes: killed, frozen, shut down, or joined by others, while runs are active and while a
 * person decides. This process is a third one: it starts, watches and answers, and executes nothing.
 */
import { Ordering, Transcript } from "@reins/protocol"
import { Decision, type Envelope, Runtime } from "@reins/runtime"
import { BudgetWatch, Scenario, type ScenarioRun } from "@reins/runtime/testing"
import { Effect, Fiber, Layer, type Scope, Stream } from "effect"
import * as Lives from "./Lives.ts"
import type { Scenario as Row } from "./Scenarios.ts"
import * as Stores from "./Stores.ts"
import * as Story from "./Story.ts"

/** How soon another process must have ended a run whose process died, on default settings. */
const within = "15 seconds"

const yes = Decision.approve({ by: "mia" })

/** A cluster of two in a new database, and this process beside it. */
const clustered = <A, E>(
  fresh: Lives.Fresh,
  body: (cluster: {
    readonly where: Lives.Place
    readonly runners: ReadonlyArray<Lives.Process>
    readonly runtime: Runtime["Service"]
  }) => Effect.Effect<A, E, Scope.Scope>
) =>
  Effect.scoped(
    Effect.gen(function* () {
      const where = yield* Lives.place(fresh)
      const first = yield* Lives.runner(where)
      const second = yield* Lives.runner(where)
      // The second process has its shards when it was seen and the first has released them.
      yield* Effect.sleep("3 seconds")
      const here = Story.layer("slow", where.counter).pipe(Layer.provide(Stores.cluster(where.database, false)))
      return yield* Effect.gen(function* () {
        return yield* body({ where, runners: [first, second], runtime: yield* Runtime })
      }).pipe(Effect.provide(here))
    })
  )

/** Watches the story from its first event; answers each approval after `afterMs`, or never. */
const watched = (runtime: Runtime["Service"], seen: Array<Envelope.Envelope>, afterMs: number | undefined) =>
  Effect.forkScoped(
    Stream.runForEach(runtime.watch(Story.runId), (envelope) => {
      seen.push(envelope)
      const { event } = envelope
      return afterMs === undefined || event.type !== "approval-required"
        ? Effect.void
        : Effect.asVoid(
            Effect.forkChild(
              Effect.andThen(Effect.sleep(afterMs), Effect.ignore(runtime.respondToApproval(event.data.id, yes)))
            )
          )
    })
  )

const until = (holds: () => boolean): Effect.Effect<void> =>
  Effect.suspend(() => (holds() ? Effect.void : Effect.andThen(Effect.sleep(20), until(holds))))

/** The runner that executes the story, and the other one. */
const carrierOf = (where: Lives.Place, runners: ReadonlyArray<Lives.Process>) => {
  const pid = Story.carrier(where.counter, Story.runId)
  return { owner: runners.find((each) => each.pid === pid), other: runners.find((each) => each.pid !== pid) }
}

const report = (
  runtime: Runtime["Service"],
  where: Lives.Place,
  live: ReadonlyArray<Envelope.Envelope>,
  ended: boolean
) =>
  Effect.gen(function* () {
    const made: ScenarioRun.Report = {
      accepted: new Map(),
      scenario: Scenario.generate(0),
      live,
      stored: [...(yield* Stream.runCollect(Stream.take(runtime.watch(Story.runId), Math.max(1, live.length))))],
      thread: yield* runtime.threads.get(Story.threadId),
      world: Story.world(where.counter),
      budget: BudgetWatch.make(),
      marks: [],
      deaths: [],
      quotas: [],
      grants: [],
      ended
    }
    return made
  })

/** One story whose process is removed when `when` holds; returns the broken promises. */
const bereft = (
  fresh: Lives.Fresh,
  take: (owner: Lives.Process) => Effect.Effect<void>,
  after: (owner: Lives.Process) => Effect.Effect<void>,
  answersAfterMs: number,
  when: (seen: ReadonlyArray<Envelope.Envelope>) => boolean
) =>
  clustered(fresh, ({ runners, runtime, where }) =>
    Effect.gen(function* () {
      const seen: Array<Envelope.Envelope> = []
      yield* runtime.start("Do it.", { runId: Story.runId, threadId: Story.threadId })
      const watcher = yield* watched(runtime, seen, answersAfterMs)
      yield* until(() => when(seen))
      const { other, owner } = carrierOf(where, runners)
      if (owner === undefined || other === undefined) return ["nobody carried the run"]
      yield* take(owner)
      const taken = seen.length
      const done = yield* Effect.timeoutOption(Fiber.await(watcher), within)
      // Before a frozen process notices that it was replaced, it may call its model once more, until its first commit
      // is rejected.
      const last = Story.carrier(where.counter, Story.runId)
      yield* after(owner)
      const made = yield* report(runtime, where, seen, done._tag === "Some")
      return [
        ...Lives.faults(made),
        ...(done._tag === "Some" ? [] : [`it had not ended after ${within}`]),
        ...(taken < seen.length ? [] : ["nothing was said after the process was gone"]),
        ...(last === other.pid ? [] : ["the other process did not carry it on"])
      ]
    })
  )

const says = (seen: ReadonlyArray<Envelope.Envelope>, type: string) => seen.some(({ event }) => event.type === type)

const frozenOwner = (fresh: Lives.Fresh) =>
  bereft(
    fresh,
    (owner) => owner.signal("SIGSTOP"),
    // After it continues, it finds that it was replaced; anything it still wrote would show as another end of the log.
    (owner) => Effect.andThen(owner.signal("SIGCONT"), Effect.sleep("2 seconds")),
    0,
    (seen) => says(seen, "tool-progress")
  )

/** Twenty runs, while one process joins and another receives SIGTERM. */
const moved = (fresh: Lives.Fresh) =>
  clustered(fresh, ({ runners, runtime, where }) =>
    Effect.gen(function* () {
      const ids = Array.from({ length: 20 }, (_, index) => `run-${index}`)
      const logs = new Map(ids.map((id) => [id, Array<Envelope.Envelope>()]))
      for (const runId of ids) yield* runtime.start("Do it.", { runId, threadId: `thread-${runId}` })
      const watchers = yield* Effect.forEach(ids, (runId) =>
        Effect.forkScoped(
          Stream.runForEach(runtime.watch(runId), (envelope) => {
            logs.get(runId)?.push(envelope)
            const { event } = envelope
            return event.type === "approval-required"
              ? Effect.ignore(runtime.respondToApproval(event.data.id, yes))
              : Effect.void
          })
        )
      )
      yield* Effect.sleep(300)
      yield* Lives.runner(where)
      yield* Effect.sleep(300)
      yield* runners[0]?.signal("SIGTERM") ?? Effect.void
      const done = yield* Effect.timeoutOption(
        Effect.forEach(watchers, (watcher) => Fiber.await(watcher), { discard: true }),
        "40 seconds"
      )
      const faults = yield* Effect.forEach(ids, (runId) =>
        Effect.gen(function* () {
          const log = logs.get(runId) ?? []
          const order = Ordering.check(log).map(({ seq, violation }) => `${runId} ${seq}: ${violation.message}`)
          const ends = log.filter(({ event }) => event.type === "finish").length
          const thread = yield* runtime.threads.get(`thread-${runId}`)
          return [
            ...order,
            ...(ends === 1 ? [] : [`${runId} ended ${ends} times`]),
            ...(Transcript.isPairComplete(thread) && thread.length > 0 ? [] : [`the thread of ${runId} is not whole`])
          ]
        })
      )
      yield* runners[0]?.over ?? Effect.void
      const carriers = new Set(ids.map((runId) => Story.carrier(where.counter, runId)))
      return [
        ...(done._tag === "Some" ? [] : ["some had not ended after 40 seconds"]),
        ...faults.flat(),
        ...Story.repeated(where.counter).map((line) => `done twice: ${line}`),
        ...(runners[0]?.isOver === true ? [] : ["the process that was told to end did not"]),
        ...(carriers.size > 1 ? [] : ["one process carried everything, so nothing was shown"])
      ]
    })
  )

/** All ways in which a cluster loses processes. */
export const scenarios = (fresh: Lives.Fresh): ReadonlyArray<Row> => [
  {
    name: "killed",
    says: "the process of a run is killed in the middle of a tool",
    short: false,
    run: bereft(
      fresh,
      (owner) => owner.kill,
      () => Effect.void,
      0,
      (seen) => says(seen, "tool-progress")
    )
  },
  {
    name: "late",
    says: "the process of a run is killed after its first step",
    short: false,
    run: bereft(
      fresh,
      (owner) => owner.kill,
      () => Effect.void,
      0,
      (seen) => seen.filter(({ agentPath, event }) => agentPath.length === 0 && event.type === "step-start").length > 1
    )
  },
  {
    name: "frozen",
    says: "the process of a run is frozen, overtaken, and thawed",
    short: false,
    run: frozenOwner(fresh)
  },
  {
    name: "person",
    says: "the process of a run is killed while a person decides",
    short: false,
    run: bereft(
      fresh,
      (owner) => owner.kill,
      () => Effect.void,
      1500,
      (seen) => says(seen, "approval-required")
    )
  },
  {
    name: "moves",
    says: "a process joins and another ends in peace under twenty runs: no step is done twice",
    short: false,
    run: moved(fresh)
  }
]
