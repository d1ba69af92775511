/** Kills runs on a database: each scenario returns the broken promises, none when all hold. */
import { Decision, Runtime } from "@reins/runtime"
import { ScenarioChecks } from "@reins/runtime/testing"
import { Effect, Layer } from "effect"
import type { Orders } from "./Child.ts"
import * as Lives from "./Lives.ts"
import * as Stores from "./Stores.ts"
import * as Story from "./Story.ts"

export interface Scenario {
  readonly name: string
  readonly says: string
  /** True: seconds at most, run with all tests. */
  readonly short: boolean
  readonly run: Effect.Effect<ReadonlyArray<string>, unknown>
}

type Fresh = Lives.Fresh

type Death = NonNullable<Orders["death"]>

const orders = (where: Lives.Place, kind: Story.Kind, over: Partial<Orders> = {}): Orders => ({
  ...where,
  kind,
  starts: true,
  answers: true,
  carries: true,
  until: "end",
  ...over
})

/** One run, killed at each of `deaths`, one process after the other, and finished in this process. */
const killed = (fresh: Fresh, kind: Story.Kind, deaths: ReadonlyArray<Death>) =>
  Effect.gen(function* () {
    const where = yield* Lives.place(fresh)
    const found: Array<Effect.Success<ReturnType<typeof Lives.remembered>>> = []
    for (const [index, death] of deaths.entries()) {
      const child = yield* Lives.begin(orders(where, kind, { death, starts: index === 0 }))
      yield* child.over
      found.push(yield* Lives.remembered(where))
    }
    return yield* Lives.last(kind, where, { answers: kind !== "expiring", deaths: found })
  }).pipe(Effect.scoped)

/** The same run without kills, in another process, read here. */
const plain = (fresh: Fresh, kind: Story.Kind) => killed(fresh, kind, [{ at: Number.MAX_SAFE_INTEGER, when: "after" }])

const name = (deaths: ReadonlyArray<Death>) => deaths.map(({ at, when }) => `${when} ${at}`).join(", ")

/** Kills at the events that `points` chooses from an undisturbed run's length, two runs at a time. */
const everywhere = (fresh: Fresh, kind: Story.Kind, points: (length: number) => ReadonlyArray<ReadonlyArray<Death>>) =>
  Effect.gen(function* () {
    const whole = yield* plain(fresh, kind)
    const broken = Lives.faults(whole)
    if (broken.length > 0) return broken.map((fault) => `not killed at all: ${fault}`)
    const essence = kind === "plain" ? ScenarioChecks.essence(whole.stored) : undefined
    const faults = yield* Effect.forEach(
      points(whole.stored.length),
      (deaths) =>
        Effect.map(killed(fresh, kind, deaths), (report) =>
          Lives.faults(report, essence).map((fault) => `killed ${name(deaths)}: ${fault}`)
        ),
      { concurrency: 2 }
    )
    return faults.flat()
  })

const each = (length: number, step = 1) =>
  Array.from({ length: Math.ceil(length / step) }, (_, index) => 1 + index * step)

/** Waits in another process until the question is asked, then kills it. */
const paused = (where: Lives.Place, kind: Story.Kind) =>
  Effect.gen(function* () {
    const owner = yield* Lives.begin(orders(where, kind, { answers: false }))
    yield* owner.hears("asked")
    yield* Effect.sleep(100)
    yield* owner.kill
    return yield* Lives.remembered(where)
  })

const answeredWhileDown = (fresh: Fresh) =>
  Effect.gen(function* () {
    const where = yield* Lives.place(fresh)
    const found = yield* paused(where, "plain")
    const client = yield* Lives.begin(orders(where, "plain", { starts: false, carries: false, until: "answer" }))
    yield* client.hears("answered")
    yield* client.over
    const before = Story.world(where.counter).begun.length
    const report = yield* Lives.last("plain", where, { answers: false, deaths: [found] })
    return [...Lives.faults(report), ...(before === found.begun ? [] : ["a client ran a tool"])]
  }).pipe(Effect.scoped)

const expiredWhileDown = (fresh: Fresh) =>
  Effect.gen(function* () {
    const where = yield* Lives.place(fresh)
    const found = yield* paused(where, "expiring")
    yield* Effect.sleep(600)
    const report = yield* Lives.last("expiring", where, { answers: false, deaths: [found] })
    const decisions = report.stored.flatMap(({ event }) =>
      event.type === "approval-decision" ? [event.data.outcome.outcome] : []
    )
    return [
      ...Lives.faults(report),
      ...(decisions.join() === "expired" ? [] : [`the decisions were ${decisions.join()}`]),
      ...(report.world.begun.includes("run:c2") ? ["the expired call was run"] : [])
    ]
  }).pipe(Effect.scoped)

/** Each activity that really ran, with its count. */
const twice = (where: Lives.Place) => {
  const { begun, requests } = Story.world(where.counter)
  const all = [...begun, ...requests.map(({ path, step }) => `${path} ${step}`)]
  return all.filter((key, index) => all.indexOf(key) !== index).map((key) => `${key} ran twice`)
}

const twoProcesses = (fresh: Fresh) =>
  Effect.gen(function* () {
    const where = yield* Lives.place(fresh)
    const owner = yield* Lives.begin(orders(where, "plain", { answers: false }))
    yield* owner.hears("asked")
    const second = yield* Lives.begin(orders(where, "plain", { starts: false }))
    yield* second.hears("ended")
    yield* owner.hears("ended")
    const report = yield* Lives.last("plain", where, { answers: false, deaths: [] })
    return [...Lives.faults(report), ...twice(where)]
  }).pipe(Effect.scoped)

const succession = (fresh: Fresh) =>
  Effect.gen(function* () {
    const where = yield* Lives.place(fresh)
    const owner = yield* Lives.begin(orders(where, "plain", { answers: false }))
    yield* owner.hears("asked")
    const heir = yield* Lives.begin(orders(where, "plain", { starts: false, answers: false }))
    yield* heir.hears("asked")
    yield* owner.kill
    const client = yield* Lives.begin(orders(where, "plain", { starts: false, carries: false, until: "answer" }))
    yield* client.hears("answered")
    yield* heir.hears("ended")
    const report = yield* Lives.last("plain", where, { answers: false, deaths: [] })
    return [...Lives.faults(report), ...twice(where)]
  }).pipe(Effect.scoped)

const startedByClient = (fresh: Fresh) =>
  Effect.gen(function* () {
    const where = yield* Lives.place(fresh)
    const client = yield* Lives.begin(orders(where, "plain", { carries: false, until: "answer" }))
    yield* client.hears("ready")
    const report = yield* Lives.last("plain", where, { answers: false, deaths: [] })
    return [...Lives.faults(report), ...twice(where)]
  }).pipe(Effect.scoped)

const cancelledByClient = (fresh: Fresh) =>
  Effect.gen(function* () {
    const where = yield* Lives.place(fresh)
    const owner = yield* Lives.begin(orders(where, "plain", { answers: false }))
    yield* owner.hears("asked")
    const client = Story.layer("plain", where.counter).pipe(Layer.provide(Stores.layer(where.database, false)))
    const asked = yield* Effect.gen(function* () {
      const runtime = yield* Runtime
      const [question] = yield* runtime.pendingApprovals()
      const cancelled = yield* runtime.cancel(Story.runId)
      yield* owner.hears("ended")
      const late = yield* Effect.flip(runtime.respondToApproval(question?.request.id ?? "", Decision.approve()))
      return { cancelled, late: late.reason._tag }
    }).pipe(Effect.provide(client))
    const report = yield* Lives.last("plain", where, { answers: false, deaths: [] })
    const reason = report.stored.find(({ event }) => event.type === "finish")?.event
    return [
      ...Lives.faults(report),
      ...(asked.cancelled ? [] : ["the cancel was refused"]),
      ...(asked.late === "ApprovalResolved" ? [] : [`a late answer was told ${asked.late}`]),
      ...(reason?.type === "finish" && reason.finishReason === "cancelled" ? [] : ["the run did not end as cancelled"])
    ]
  }).pipe(Effect.scoped)

const few = (length: number) => [2, Math.floor(length / 2), length - 1].map((at) => [{ at, when: "after" } as const])

/** All scenarios, over databases that `fresh` makes. */
export const scenarios = (fresh: Fresh): ReadonlyArray<Scenario> => [
  { name: "few", says: "killed at three events", short: true, run: everywhere(fresh, "plain", few) },
  { name: "down", says: "answered while no process lives", short: true, run: answeredWhileDown(fresh) },
  { name: "expiry", says: "a question expires while no process lives", short: true, run: expiredWhileDown(fresh) },
  {
    name: "client",
    says: "two processes on one file: the second answers, the first carries",
    short: true,
    run: twoProcesses(fresh)
  },
  {
    name: "start",
    says: "started and answered by a client, carried by the owner",
    short: true,
    run: startedByClient(fresh)
  },
  { name: "cancel", says: "cancelled by a client", short: true, run: cancelledByClient(fresh) },
  { name: "heir", says: "the owner dies, a client takes its place", short: true, run: succession(fresh) },
  {
    name: "after",
    says: "killed after the commit of every event",
    short: false,
    run: everywhere(fresh, "plain", (length) => each(length).map((at) => [{ at, when: "after" }]))
  },
  {
    name: "before",
    says: "killed before the commit of every event",
    short: false,
    run: everywhere(fresh, "plain", (length) => each(length).map((at) => [{ at, when: "before" }]))
  },
  {
    name: "twice",
    says: "killed at every third event, and four events later again",
    short: false,
    run: everywhere(fresh, "plain", (length) =>
      each(length, 3).map((at) => [
        { at, when: "after" },
        { at: at + 4, when: "before" }
      ])
    )
  },
  {
    name: "budget",
    says: "killed at every second event of a run that meets its budget",
    short: false,
    run: everywhere(fresh, "budget", (length) => each(length, 2).map((at) => [{ at, when: "after" }]))
  }
]
