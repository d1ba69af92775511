/** What an agent has chosen for a step (`resolve`): it narrows, is kept with the run, and is known to replay and preview. */
import { assert, describe, it } from "@effect/vitest"
import { Ordering } from "@reins/protocol"
import { Agent, Budget, Deployment, Model, Runtime, Specialist } from "@reins/runtime"
import { journalHost, MemoryJournal } from "@reins/runtime/journal"
import { createRuntime } from "@reins/runtime/promise"
import { CrashingJournal, Probe, ScriptedModel } from "@reins/runtime/testing"
import { Context, Effect, Exit, Layer, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { ask, make, type Made, quiet, reasonOf, stronger } from "../../support/Resolving.ts"

describe("a choice for a step", () => {
  it.effect("offers and runs exactly the tools that it names and the query leaves, whichever those are", () =>
    Effect.gen(function* () {
      const names = ["look", "drop", "helper"]
      const subsets = Array.from({ length: 8 }, (_, bits) => names.filter((_, index) => (bits & (1 << index)) !== 0))
      const plans = new Map<string, ReadonlyArray<string>>()
      const made = make({ resolve: ({ runId }) => ({ tools: plans.get(runId) ?? [] }) })
      const asking = ScriptedModel.make({
        respond: ({ metadata }) =>
          metadata.agent === "desk" && metadata.step === 1
            ? ScriptedModel.calls([{ id: "c", name: metadata.runId.split("|")[2] ?? "", args: { prompt: "Help." } }])
            : ScriptedModel.text("Done.")
      })
      yield* Effect.gen(function* () {
        const runtime = yield* Runtime
        for (const tools of subsets)
          for (const without of [[], ["drop"], ["look", "helper"]])
            for (const called of names) {
              const runId = `${tools.join()}|${without.join()}|${called}`
              plans.set(runId, tools)
              const requests = asking.requests.length
              const { events } = yield* runtime.start("Go.", { runId, tools: { without } })
              const all = yield* Stream.runCollect(events)
              const left = names.filter((name) => tools.includes(name) && !without.includes(name))
              assert.deepStrictEqual(
                asking.requests[requests]?.tools.map(({ name }) => name),
                left,
                runId
              )
              const [result] = all.filter((event) => "state" in event && event.state === "result")
              const status = result !== undefined && "status" in result ? result.status : undefined
              // What the query removed is no tool of the run's agent at all.
              const expected = left.includes(called) ? undefined : without.includes(called) ? "failed" : "denied"
              assert.strictEqual(status, expected, runId)
            }
      }).pipe(Effect.provide(made.layer(Layer.empty, asking)))
    })
  )

  it.effect("of a specialist that fails is a result that its coordinator reads", () =>
    Effect.gen(function* () {
      const Worker = Specialist.make("worker", { description: "Works", resolve: () => Effect.fail({ _tag: "NoPlan" }) })
      const desk = ScriptedModel.make({
        replies: [
          ScriptedModel.calls([{ id: "c", name: "worker", args: { prompt: "Go." } }]),
          ScriptedModel.text("Alone.")
        ]
      })
      const layer = Runtime.layer({ agents: [Agent.make("desk", { specialists: [Worker] })] }).pipe(
        Layer.provide(Layer.succeed(Model, desk))
      )
      const { output } = yield* Effect.provide(
        Effect.flatMap(Runtime, (runtime) => runtime.complete("Go.")),
        layer
      )
      assert.strictEqual(output, "Alone.")
      assert.deepStrictEqual(
        desk.requests.flatMap((request) => ScriptedModel.lastResults(request).map(({ result }) => result)),
        [{ error: "ResolveFailed", message: "worker failed: The resolve of worker before step 1: NoPlan" }]
      )
    }).pipe(quiet)
  )

  it.effect("does not change an answer that its model has paused within", () =>
    Effect.gen(function* () {
      const made = make({ resolve: ({ step }) => (step === 1 ? { model: "strong" } : {}) })
      made.world.strong.push(ScriptedModel.text("Half", { stop: "paused" }), ScriptedModel.text(" and half."))
      const ended = yield* ask(made, undefined)
      assert.strictEqual(reasonOf(ended), " and half.")
      assert.strictEqual(made.world.seen.length, 1)
      assert.strictEqual(made.world.strong.requests.length, 2)
    })
  )

  it("is a value or a promise of an agent without Effect, whose rejection is named", async () => {
    const port = (model: string) => ScriptedModel.make({ model, respond: () => ScriptedModel.text(`from ${model}`) })
    await using runtime = createRuntime({
      model: port("cheap"),
      agents: [
        { name: "late", models: { strong: port("strong") }, resolve: () => Promise.resolve({ model: "strong" }) },
        { name: "none", resolve: () => undefined },
        { name: "bad", resolve: () => Promise.reject(new Error("canary")) }
      ]
    })
    assert.strictEqual((await runtime.complete("Go.", { agent: "late" })).output, "from strong")
    assert.strictEqual((await runtime.complete("Go.", { agent: "none" })).output, "from cheap")
    const failed = await runtime.complete("Go.", { agent: "bad" }).catch((error: unknown) => error)
    assert.include(String(failed), "The resolve of bad before step 1: it failed")
  })

  it.effect("is not made by a preview, which names the models that it is made from", () =>
    Effect.gen(function* () {
      const made = make({ resolve: stronger })
      const preview = yield* Effect.provide(
        Effect.flatMap(Runtime, (runtime) => runtime.preview("Go.")),
        made.layer(Layer.empty)
      )
      assert.strictEqual(preview.model, "cheap")
      assert.deepStrictEqual(preview.choices, [{ name: "strong", provider: "scripted", model: "strong" }])
      assert.strictEqual(made.world.seen.length, 0)
    })
  )

  it.effect("is taken again by the next owner of a killed run, without another call of its function", () =>
    Effect.gen(function* () {
      // By time, so that a second call would choose otherwise.
      let calls = 0
      const made = make({ resolve: () => (++calls % 2 === 0 ? { model: "strong" } : {}) })
      const plain = MemoryJournal.make()
      const whole = yield* ask(made, plain, { runId: "run-0" })
      for (let at = 1; at <= whole.probe.envelopes.length; at++) {
        calls = 0
        const before = made.world.seen.length
        const journal = MemoryJournal.make()
        const dying = CrashingJournal.crashing(journal, { at, when: "after" })
        const scope = yield* Scope.make()
        const context = yield* Layer.buildWithScope(
          made.layer(Layer.succeed(Deployment.Deployment, journalHost(dying.store))),
          scope
        )
        yield* Context.get(context, Runtime).start("Go.", { runId: "run-0" })
        yield* dying.died
        yield* dying.bury
        yield* Scope.close(scope, Exit.void)
        const chosen = journal
          .marks("run-0")
          .filter(({ kind, name }) => kind === "result" && name.startsWith("resolve/"))
        const asked = made.world.seen.length - before
        const probe = yield* Effect.gen(function* () {
          const probe = yield* Probe.watch("run-0")
          yield* TestClock.adjust("1 minute")
          yield* probe.end
          return probe
        }).pipe(Effect.scoped, Effect.provide(made.layer(Layer.succeed(Deployment.Deployment, journalHost(journal)))))
        assert.deepStrictEqual(Ordering.check(probe.envelopes), [])
        // Each of three steps once, and at most the one again whose choice had not been stored.
        const steps = made.world.seen.slice(before).map(({ step }) => step)
        assert.deepStrictEqual(steps.slice(asked), [1, 2, 3].slice(chosen.length), `died at ${at}`)
        const stored = journal.marks("run-0").filter(({ name }) => name.startsWith("resolve/"))
        assert.deepStrictEqual(
          stored.slice(0, chosen.length).map(({ value }) => value),
          chosen.map(({ value }) => value)
        )
        const used = journal
          .marks("run-0")
          .flatMap(({ name, spent }) =>
            name.startsWith("model/") ? spent.flatMap((row) => (row.kind === "model" ? [row.model] : [])) : []
          )
        assert.deepStrictEqual(
          used,
          stored.map(({ value }) => (JSON.stringify(value).includes("strong") ? "strong" : "cheap"))
        )
      }
    }).pipe(quiet)
  )

  it.effect("is compared by a replay, which names what differs", () =>
    Effect.gen(function* () {
      const journal = MemoryJournal.make()
      const made = make({
        budget: Budget.make({ maxCostUsd: 1 }),
        resolve: (context) => (context.spent.costUsd > 0 ? { model: "strong" } : {})
      })
      const { runId } = yield* ask(made, journal)
      const exported = journal.exportRun(runId)
      const replay = (one: Made) =>
        Effect.provide(
          Effect.flatMap(Runtime, (runtime) => runtime.replay(exported)),
          one.layer(Layer.empty)
        )
      assert.strictEqual((yield* replay(made))._tag, "Identical")
      const other = make({
        resolve: ({ step }) =>
          step === 2 ? { model: "strong", tools: ["look"] } : step === 3 ? { model: "strong" } : {}
      })
      const replayed = yield* replay(other)
      assert.isTrue(replayed._tag === "Diverged")
      if (replayed._tag === "Diverged") {
        assert.deepInclude(replayed.divergence, { field: "resolve.tools", replayed: ["look"] })
        assert.strictEqual(replayed.divergence.event?.event.type, "step-start")
      }
      // Without a function every step uses the same model.
      const without = yield* replay(make({}))
      assert.strictEqual(without._tag === "Diverged" ? without.divergence.field : "", "model")
    })
  )
})
