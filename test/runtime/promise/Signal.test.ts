/** What a signal does at each time of a run that `start`, `complete` or `query` was given it for. */
import { assert, describe, it } from "@effect/vitest"
import { Deployment } from "@reins/runtime"
import { journalHost, MemoryJournal, type JournalStore } from "@reins/runtime/journal"
import {
  createRuntime,
  type PromiseRuntime,
  type QueryOptions,
  RunError,
  type StreamedModel
} from "@reins/runtime/promise"
import { ScriptedModel } from "@reins/runtime/testing"
import { Effect, Layer } from "effect"
import { getEventListeners } from "node:events"

describe("a signal", () => {
  it("ends an answer when it is aborted before the runtime is built", async () => {
    const model = ScriptedModel.make()
    const opened = Promise.withResolvers<void>()
    await using runtime = createRuntime({
      model,
      agents: [{ name: "desk" }],
      services: Layer.effectDiscard(Effect.promise(() => opened.promise))
    })
    const controller = new AbortController()
    const answer = runtime.complete("go", { signal: controller.signal }).catch((error: unknown) => error)
    const reason = new Error("too late")
    controller.abort(reason)
    opened.resolve()
    assert.strictEqual(await answer, reason)
    assert.strictEqual(model.requests.length, 0)
  })

  it("starts no run when it was aborted before", async () => {
    const model = ScriptedModel.make()
    await using runtime = createRuntime({ model, agents: [{ name: "desk" }] })
    const reason = new Error("too late")
    const failure = await runtime.start("go", { signal: AbortSignal.abort(reason) }).catch((error: unknown) => error)
    assert.strictEqual(failure, reason)
    assert.strictEqual(model.requests.length, 0)
  })

  /** A journal that stores a run, after `quick` others, once `go` is called; `asked` resolves when it is asked to. */
  const slow = (quick: number) => {
    const journal = MemoryJournal.make()
    let stored = 0
    const [asked, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const create: JournalStore["create"] = (...given) =>
      Effect.andThen(
        Effect.promise(async () => {
          if (stored++ < quick) return
          asked.resolve()
          await gate.promise
        }),
        journal.create(...given)
      )
    const store: JournalStore = { ...journal, create }
    const services = Layer.succeed(Deployment.Deployment, journalHost(store))
    return { services, asked: asked.promise, go: gate.resolve }
  }
  const endless = { ...ScriptedModel.words("on and on"), hangs: true }

  type Begin = (runtime: PromiseRuntime<"talker">, options: QueryOptions<"talker">) => Promise<unknown>
  const verbs: ReadonlyArray<readonly [name: string, begin: Begin]> = [
    ["start", (runtime, options) => runtime.start("go", options)],
    ["complete", (runtime, options) => runtime.complete("go", options)],
    ["query", (runtime, options) => runtime.query("go", options).next()]
  ]

  it.each(verbs)("of `%s` cancels a run that is being stored when it is aborted", async (_name, begin) => {
    const { asked, go, services } = slow(0)
    const model = ScriptedModel.make({ replies: [endless] })
    await using runtime = createRuntime({ model, agents: [{ name: "talker" }], services })
    const controller = new AbortController()
    const started = begin(runtime, { runId: "r1", signal: controller.signal }).catch((error: unknown) => error)
    await asked
    const reason = new Error("too late")
    controller.abort(reason)
    go()
    assert.strictEqual(await started, reason)
    const finishes = []
    for await (const { event } of runtime.watch("r1")) if (event.type === "finish") finishes.push(event.finishReason)
    assert.deepStrictEqual(finishes, ["cancelled"])
  })

  /** A model that answers "here" once it may. */
  const patient = () => {
    const answered = Promise.withResolvers<void>()
    const model: StreamedModel = {
      provider: "test",
      model: "waiting",
      open: async function* () {
        await answered.promise
        yield { type: "text", text: "here" }
        yield { type: "finish", reason: "stop" }
      }
    }
    return { model, answer: answered.resolve }
  }

  it.each(verbs)("of `%s` does not cancel another's run of the id that it asked for", async (_name, begin) => {
    const { asked, go, services } = slow(1)
    const { answer, model } = patient()
    await using runtime = createRuntime({ model, agents: [{ name: "talker" }], services })
    const first = await runtime.start("go", { runId: "r1" })
    const controller = new AbortController()
    const second = begin(runtime, { runId: "r1", signal: controller.signal }).catch((error: unknown) => error)
    await asked
    controller.abort(new Error("too late"))
    go()
    assert.instanceOf(await second, Error)
    answer()
    assert.strictEqual((await first.result()).output, "here")
  })

  it("ends the wait for a run that its query became a message of, and cancels neither that run nor one of the message's id", async () => {
    const { answer, model } = patient()
    await using runtime = createRuntime({ model, agents: [{ name: "talker" }] })
    const busy = await runtime.start("go", { threadId: "t1" })
    const joining: ReadonlyArray<(options: QueryOptions<"talker">) => Promise<unknown>> = [
      (options) => runtime.complete("and?", options),
      (options) => runtime.query("and?", options).next()
    ]
    const others = []
    for (const [index, begin] of joining.entries()) {
      const controller = new AbortController()
      const runId = `m${index}`
      const given = { runId, threadId: "t1", onBusy: "steer", signal: controller.signal } as const
      const joined = begin(given).catch((error: unknown) => error)
      others.push(await runtime.start("go", { runId }))
      const reason = new Error("enough")
      controller.abort(reason)
      assert.strictEqual(await joined, reason)
    }
    answer()
    for (const other of others) assert.strictEqual((await other.result()).output, "here")
    assert.match((await busy.result()).output, /here/)
  })

  it("cancels the run that was started with it, and is forgotten at its end", async () => {
    const controller = new AbortController()
    const { signal } = controller
    await using runtime = createRuntime({
      model: ScriptedModel.make({ replies: [endless] }),
      agents: [{ name: "talker" }]
    })
    const run = await runtime.start("go", { signal })
    for await (const event of run.events()) if (event.type === "text") controller.abort()
    const failure = await run.result().catch((error: unknown) => error)
    assert.instanceOf(failure, RunError)
    assert.strictEqual(failure.reason._tag, "RunCancelled")

    const later = new AbortController()
    await using quick = createRuntime({
      model: ScriptedModel.make({ replies: [ScriptedModel.text("here")] }),
      agents: [{ name: "desk" }]
    })
    const ended = await quick.start("go", { signal: later.signal })
    await ended.result()
    assert.strictEqual(getEventListeners(later.signal, "abort").length, 0)
  })
})
