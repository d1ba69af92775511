/**
 * What observers, metrics and log lines tell of runs: each fact once, over restarts, without content, and with the
 * summaries' sums.
 */
import { assert, describe, it } from "@effect/vitest"
import { Money } from "@reins/protocol"
import { Agent, Decision, Deployment, Model, Observer, Prices, Runtime } from "@reins/runtime"
import { journalHost, MemoryJournal } from "@reins/runtime/journal"
import { ScriptedModel } from "@reins/runtime/testing"
import { Context, Effect, Exit, Fiber, Layer, Logger, Metric, References, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { Library, Loans } from "../../support/Library.ts"

const secret = "The Secret Garden"

const respond: ScriptedModel.Responder = (request) =>
  ScriptedModel.lastResults(request).length > 0
    ? ScriptedModel.text(`You have ${secret}.`)
    : ScriptedModel.calls([
        { id: "a", name: "lend", args: { book: secret } },
        { id: "b", name: "search", args: { topic: secret } }
      ])

const Clerk = Agent.make("clerk", { toolkit: Library })

const priced = Layer.succeed(Prices.Prices, {
  find: () => ({
    model: "scripted",
    match: "exact" as const,
    inputPerMillionUsd: 2,
    outputPerMillionUsd: 8,
    source: "test"
  })
})

const services = (respondWith: ScriptedModel.Responder) =>
  Layer.mergeAll(
    Library.layer.pipe(Layer.provide(Loans.layer)),
    Layer.succeed(Model, ScriptedModel.make({ respond: respondWith })),
    priced
  )

/** An observer that keeps the kind and the main fact of what it gets. */
const keeping = () => {
  const told: Array<string> = []
  const keep = (fact: string) => Effect.sync(() => void told.push(fact))
  const layer = Layer.succeed(Observer, {
    started: ({ agent, runId }) => keep(`started ${runId} ${agent}`),
    refused: ({ reason }) => keep(`refused ${reason}`),
    asked: ({ kind, target }) => keep(`asked ${kind} ${target}`),
    decided: ({ outcome, target }) => keep(`decided ${target} ${outcome}`),
    ended: ({ entries, error, reason }) =>
      keep(`ended ${reason}${error === undefined ? "" : ` ${error}`} ${entries.map(({ kind }) => kind).join()}`)
  })
  return { told, layer }
}

const approveAll = Effect.flatMap(Runtime, (runtime) =>
  Effect.flatMap(runtime.pendingApprovals(), (all) =>
    Effect.forEach(all, ({ request }) => runtime.respondToApproval(request.id, Decision.approve()), { discard: true })
  )
)

describe("an observer", () => {
  it.effect("is told of a run's start, its question, the decision and its end, and of a refusal", () => {
    const { layer, told } = keeping()
    return Effect.gen(function* () {
      const runtime = yield* Runtime
      const run = yield* runtime.start("Lend it.", { runId: "r", threadId: "t" })
      yield* TestClock.adjust("1 second")
      yield* Effect.flip(runtime.complete("Again.", { threadId: "t" }))
      yield* Effect.flip(runtime.complete(""))
      yield* approveAll
      yield* run.result
      assert.deepStrictEqual(told, [
        "started r clerk",
        "asked tool lend",
        "refused ThreadBusy",
        "refused EmptyPrompt",
        "decided lend approve",
        "ended stop model,tool,wait,tool,model"
      ])
    }).pipe(Effect.provide(Runtime.layer({ agents: [Clerk] }).pipe(Layer.provide([services(respond), layer]))))
  })

  it.effect("is told of a run that a defect stops, with what it had used", () => {
    const { layer, told } = keeping()
    const failing: ScriptedModel.Responder = (request) => {
      if (ScriptedModel.lastResults(request).length > 0) throw new Error(secret)
      return ScriptedModel.calls([{ id: "b", name: "search", args: { topic: secret } }])
    }
    return Effect.gen(function* () {
      const runtime = yield* Runtime
      yield* Effect.exit(runtime.complete("Look."))
      assert.strictEqual(told.length, 2)
      assert.match(told[1] ?? "", /^ended failed E_\w+ model,tool/)
    }).pipe(Effect.provide(Runtime.layer({ agents: [Clerk] }).pipe(Layer.provide([services(failing), layer]))))
  })

  it.effect("that throws, dies or hangs changes no run, and no start or refusal", () => {
    const faults: ReadonlyArray<() => Effect.Effect<void>> = [
      () => {
        throw new Error("thrown")
      },
      () => Effect.die(new Error("died")),
      () => Effect.interrupt,
      () => Effect.never
    ]
    return Effect.forEach(faults, (fault) => {
      const faulty = Layer.succeed(Observer, {
        started: fault,
        refused: fault,
        asked: fault,
        decided: fault,
        ended: fault
      })
      return Effect.gen(function* () {
        const runtime = yield* Runtime
        const starting = yield* Effect.forkChild(runtime.start("Lend it.", { runId: "r", threadId: "t" }))
        yield* TestClock.adjust("30 seconds")
        const run = yield* Fiber.join(starting)
        const refused = yield* Effect.forkChild(Effect.flip(runtime.complete("")))
        yield* TestClock.adjust("30 seconds")
        assert.strictEqual((yield* Fiber.join(refused)).reason._tag, "EmptyPrompt")
        yield* approveAll
        yield* TestClock.adjust("30 seconds")
        assert.strictEqual((yield* run.result).output, `You have ${secret}.`)
      }).pipe(
        Effect.provide(
          Layer.fresh(Runtime.layer({ agents: [Clerk] }).pipe(Layer.provide([services(respond), faulty])))
        ),
        Effect.provideService(References.MinimumLogLevel, "None")
      )
    })
  })

  it.effect(
    "is told of each fact once, by the process that stored it, when a run changes processes at its question",
    () =>
      Effect.gen(function* () {
        const journal = MemoryJournal.make()
        const process = Effect.fnUntraced(function* () {
          const scope = yield* Scope.make()
          const { layer, told } = keeping()
          const host = journalHost(journal, { gatherMs: 0, pollMs: Number.POSITIVE_INFINITY })
          const live = Runtime.layer({ agents: [Clerk] }).pipe(
            Layer.provide([services(respond), layer, Layer.succeed(Deployment.Deployment, host)])
          )
          const runtime = Context.get(yield* Scope.provide(Layer.build(live), scope), Runtime)
          yield* TestClock.adjust("1 second")
          return { runtime, told, end: Scope.close(scope, Exit.void) }
        })
        const first = yield* process()
        yield* first.runtime.start("Lend it.", { runId: "r" })
        yield* TestClock.adjust("1 second")
        yield* first.end
        const second = yield* process()
        yield* Effect.provideService(approveAll, Runtime, second.runtime)
        yield* TestClock.adjust("1 second")
        yield* Stream.runDrain(second.runtime.watch("r"))
        const third = yield* process()
        yield* third.end
        yield* second.end
        assert.deepStrictEqual(
          [first.told, second.told, third.told],
          [
            ["started r clerk", "asked tool lend"],
            ["decided lend approve", "ended stop model,tool,wait,tool,model"],
            []
          ]
        )
      })
  )
})

/** The value of a counter with these label values, in any order. */
const valueOf = (metrics: ReadonlyArray<Metric.Metric.Snapshot>, id: string, ...labels: ReadonlyArray<string>) =>
  metrics.flatMap((metric) =>
    metric.id === id &&
    metric.type === "Counter" &&
    labels.every((label) => Object.values(metric.attributes ?? {}).includes(label))
      ? [Number(metric.state.count)]
      : []
  )

describe("metrics of runs", () => {
  for (const metrics of [true, false]) {
    it.effect(
      `measure the store and count readers, queued queries and unloaded runs${metrics ? "" : ", the store not without the option"}`,
      () => {
        const registry = new Map()
        const host = journalHost(MemoryJournal.make(), { gatherMs: 0, hibernateMs: 1000, pollMs: Infinity })
        return Effect.gen(function* () {
          const runtime = yield* Runtime
          yield* runtime.start("Lend it.", { runId: "r", threadId: "t" })
          yield* TestClock.adjust("1 millis")
          const reader = yield* Effect.forkScoped(Stream.runDrain(runtime.watch("r")))
          yield* Effect.forkScoped(runtime.start("And this.", { runId: "next", threadId: "t", onBusy: "queue" }))
          yield* TestClock.adjust("5 seconds")
          const gauge = (id: string) =>
            Effect.map(Metric.snapshot, (all) =>
              all.flatMap((metric) => (metric.id === id && metric.type === "Gauge" ? [Number(metric.state.value)] : []))
            )
          assert.deepStrictEqual(yield* gauge("reins_thread_queue_waiting"), [1])
          assert.deepStrictEqual(yield* gauge("reins_watchers"), [1])
          yield* Fiber.interrupt(reader)
          assert.deepStrictEqual(yield* gauge("reins_watchers"), [0])
          const all = yield* Metric.snapshot
          assert.deepStrictEqual(valueOf(all, "reins_runs_unloaded_total"), [1])
          const measured = all.flatMap((metric) =>
            metric.id === "reins_store_seconds" ? [metric.attributes?.["operation"] ?? ""] : []
          )
          const operations = ["commit", "create"]
          assert.deepStrictEqual(
            operations.filter((one) => measured.includes(one)),
            metrics ? operations : []
          )
        }).pipe(
          Effect.scoped,
          Effect.provide(
            Runtime.layer({ agents: [Clerk], metrics }).pipe(
              Layer.provide([services(respond), Layer.succeed(Deployment.Deployment, host)])
            )
          ),
          Effect.provideService(Metric.MetricRegistry, registry)
        )
      }
    )
  }

  it.effect("add up to the runs' summaries, and have no id, tenant or content in their labels", () => {
    const registry = new Map()
    return Effect.gen(function* () {
      const runtime = yield* Runtime
      const sums = { nanoUsd: 0, input: 0, output: 0 }
      for (const runId of ["r1", "r2", "r3"]) {
        const run = yield* runtime.start("Lend it.", { runId, resourceId: "acme" })
        yield* TestClock.adjust("2 seconds")
        const asked = yield* runtime.pendingApprovals({ resourceId: "acme" })
        for (const { request } of asked) {
          yield* runtime.respondToApproval(request.id, Decision.approve(), { resourceId: "acme" })
        }
        const { usage } = yield* run.result
        const told = yield* runtime.runs.get(runId)
        sums.nanoUsd = Money.add(sums.nanoUsd, told?.cost?.costNanoUsd ?? Number.NaN)
        sums.input += usage.promptTokens
        sums.output += usage.completionTokens
      }
      const metrics = yield* Metric.snapshot
      const total = (id: string, ...labels: ReadonlyArray<string>) =>
        valueOf(metrics, id, ...labels).reduce((sum, value) => sum + value, 0)
      assert.strictEqual(total("reins_runs_started_total", "clerk"), 3)
      assert.strictEqual(total("reins_runs_ended_total", "clerk", "stop"), 3)
      assert.strictEqual(total("reins_steps_total"), 6)
      assert.strictEqual(total("reins_tool_calls_total", "lend", "ok"), 3)
      assert.strictEqual(total("reins_questions_total", "tool"), 3)
      assert.strictEqual(total("reins_decisions_total", "tool", "approve"), 3)
      assert.strictEqual(total("reins_tokens_total", "input"), sums.input)
      assert.strictEqual(total("reins_tokens_total", "output"), sums.output)
      assert.isAbove(sums.nanoUsd, 0)
      assert.strictEqual(Math.round(total("reins_cost_usd_total") * 1e9), sums.nanoUsd)
      const waits = metrics.find(({ id }) => id === "reins_wait_seconds")
      assert.isTrue(waits?.type === "Histogram" && waits.state.count === 3 && waits.state.sum === 6)
      const labels = JSON.stringify(metrics.map(({ attributes }) => attributes))
      for (const word of ["r1", "acme", secret]) assert.notInclude(labels, word)
    }).pipe(
      Effect.provide(Runtime.layer({ agents: [Clerk], metrics: true }).pipe(Layer.provide(services(respond)))),
      Effect.provideService(Metric.MetricRegistry, registry)
    )
  })
})

describe("log lines of runs", () => {
  it.effect("are one for each fact, with the run's ids and amounts, and without content", () => {
    const lines: Array<{ readonly message: unknown; readonly annotations: { readonly [name: string]: unknown } }> = []
    const logger = Logger.make<unknown, void>(({ fiber, message }) => {
      lines.push({ message, annotations: fiber.getRef(References.CurrentLogAnnotations) })
    })
    return Effect.gen(function* () {
      const runtime = yield* Runtime
      const run = yield* runtime.start("Lend it.", { runId: "r", threadId: "t" })
      yield* TestClock.adjust("1 second")
      yield* approveAll
      yield* run.result
      yield* Effect.flip(runtime.complete("", { threadId: "default/t" }))
      assert.deepStrictEqual(
        lines.map(({ message }) => (Array.isArray(message) ? message[0] : message)),
        ["run started", "approval asked", "approval decided", "run ended", "run refused"]
      )
      const [started, , , ended, refused] = lines
      // As clients of the server name it.
      assert.deepInclude(refused?.annotations, { threadId: "t", tenant: "default" })
      assert.deepInclude(started?.annotations, { runId: "r", threadId: "t", tenant: "default", agent: "clerk" })
      assert.deepInclude(ended?.annotations, { runId: "r", end: "stop", steps: 2, calls: 2, durationMs: 1000 })
      assert.isNumber(ended?.annotations["costUsd"])
      assert.isString(started?.annotations["traceId"])
      assert.notInclude(JSON.stringify(lines), secret)
    }).pipe(
      Effect.withSpan("request"),
      Effect.provide(
        Runtime.layer({ agents: [Clerk], logs: true }).pipe(
          Layer.provide(services(respond)),
          Layer.provideMerge(Logger.layer([logger]))
        )
      )
    )
  })
})
