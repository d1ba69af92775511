/** Conversations that grow too long: what is left out, what replaces it, and what is never split. */
import { assert, describe, it } from "@effect/vitest"
import { type Message, ModelFailure, Ordering, Transcript } from "@reins/protocol"
import { Agent, Budget, Compaction, Deployment, Hook, Model, Prices, Runtime } from "@reins/runtime"
import { journalHost, MemoryJournal } from "@reins/runtime/journal"
import { BudgetWatch, CrashingJournal, Probe, ScriptedModel } from "@reins/runtime/testing"
import { Context, Effect, Exit, Fiber, Layer, References, Schema, Scope } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { TestClock } from "effect/testing"

const quiet = Effect.provideService(References.MinimumLogLevel, "None")

const says = (text: string): Message.User => ({ role: "user", content: [{ type: "text", text }] })
const long = "word ".repeat(60)

const Look = Tool.make("look", { parameters: Schema.Struct({}), success: Schema.String }).annotate(Tool.Readonly, true)
class Kit extends Toolkit.make(Look) {}

/** Looks `times` times, then answers; a summary is what it is asked for without tools. */
const looker = (times: number, summary: ScriptedModel.Reply = ScriptedModel.text("In short: they looked.")) =>
  ScriptedModel.make({
    respond: (request) => {
      if (request.tools.length === 0) return summary
      return request.metadata.step > times
        ? ScriptedModel.text("Done.")
        : ScriptedModel.calls([{ id: `c${request.metadata.step}`, name: "look", args: {} }])
    }
  })

const layer = (
  model: ScriptedModel.ScriptedModel,
  compaction: Compaction.Strategy,
  options: {
    readonly budget?: Budget.Budget
    readonly deployment?: Layer.Layer<never>
    readonly modelRetryDelay?: "0 millis"
    readonly hooks?: ReadonlyArray<Hook.Hook>
  } = {}
) =>
  Runtime.layer({
    agents: [Agent.make("desk", { toolkit: Kit, compaction, budget: options.budget, hooks: options.hooks ?? [] })],
    modelRetryDelay: options.modelRetryDelay
  }).pipe(
    Layer.provide([
      Kit.toLayer({ look: () => Effect.succeed(long) }),
      Layer.succeed(Model, model),
      Prices.layerTable({ "scripted/scripted-1": { inputPerMillionUsd: 1, outputPerMillionUsd: 1 } }),
      options.deployment ?? Layer.empty
    ])
  )

const run = (...args: Parameters<typeof layer>) =>
  Effect.gen(function* () {
    const runtime = yield* Runtime
    const handle = yield* runtime.start("Look around.", { threadId: "thread" })
    const probe = yield* Probe.watch(handle.runId)
    yield* probe.end
    assert.deepStrictEqual(Ordering.check(probe.envelopes), [])
    const told = probe.of("custom").map(({ data, event_type }) => ({ event_type, data }))
    return { probe, told, thread: yield* runtime.threads.get("thread"), result: yield* Effect.result(handle.result) }
  }).pipe(Effect.scoped, Effect.provide(layer(...args)), quiet)

const window = { above: 500, keep: 250 }

describe("a sliding window", () => {
  it.effect("sends the prompt and the newest steps, whole, while the thread keeps everything", () =>
    Effect.gen(function* () {
      const model = looker(8)
      const { told, thread } = yield* run(model, Compaction.slidingWindow(window))
      assert.strictEqual(thread.length, 2 + 8 * 2)
      assert.isTrue(Transcript.isPairComplete(thread))
      const last = model.requests.at(-1)?.messages ?? []
      assert.deepStrictEqual(last[0], says("Look around."))
      assert.isBelow(last.length, 10)
      for (const { messages } of model.requests) assert.isTrue(Transcript.isPairComplete(messages))
      assert.isAbove(told.length, 0)
      assert.strictEqual(told[0]?.event_type, "compacted")
    })
  )

  it.effect("leaves a conversation that fits unchanged", () =>
    Effect.gen(function* () {
      const model = looker(2)
      const { told } = yield* run(model, Compaction.slidingWindow({ above: 100_000, keep: 1000 }))
      assert.deepStrictEqual(told, [])
      assert.strictEqual(model.requests.at(-1)?.messages.length, 5)
    })
  )
})

describe("a summary", () => {
  it.effect("replaces what it sums up, and is charged", () =>
    Effect.gen(function* () {
      const model = looker(6)
      const { probe, result } = yield* run(model, Compaction.summarise({ ...window, maxOutputTokens: 50 }))
      const summed = model.requests.filter(({ tools }) => tools.length === 0)
      assert.isAbove(summed.length, 0)
      assert.strictEqual(summed[0]?.maxOutputTokens, 50)
      for (const { messages } of model.requests) assert.isTrue(Transcript.isPairComplete(messages))
      const [summary, prompt] = model.requests.at(-1)?.messages ?? []
      assert.deepStrictEqual(summary, says("The conversation so far, in short:\nIn short: they looked."))
      assert.deepStrictEqual(prompt, says("Look around."))
      const [cost] = probe.of("data-cost-summary")
      // Ten in and so many words out for each request, those for summaries included.
      assert.strictEqual(cost?.data.root.usage.promptTokens, 10 * model.requests.length)
      assert.strictEqual(result._tag === "Success" ? result.success.usage.promptTokens : 0, 10 * model.requests.length)
      assert.deepStrictEqual(
        probe.of("text").map(({ text }) => text),
        ["Done."]
      )
    })
  )

  it.effect(
    "is asked for as the hooks before the agent's steps leave the request, and what they spend is charged",
    () =>
      Effect.gen(function* () {
        const model = looker(6)
        const inputs: Array<number> = []
        const hide = Hook.make("hide", {
          beforeStep: ({ input, purpose, reportCost, request }) => {
            if (purpose === undefined) return Effect.succeed(Hook.pass)
            inputs.push(input.length)
            const messages = request.messages.map((message) => (message.role === "user" ? says("hidden") : message))
            return Effect.as(reportCost(0.5), Hook.withRequest({ messages }))
          }
        })
        const { probe } = yield* run(model, Compaction.summarise(window), { hooks: [hide] })
        const summed = model.requests.filter(({ tools }) => tools.length === 0)
        assert.isAbove(summed.length, 0)
        for (const { messages } of summed) assert.notInclude(JSON.stringify(messages), "Look around")
        assert.include(JSON.stringify(model.requests.at(-1)?.messages), "Look around")
        assert.deepStrictEqual(
          inputs,
          Array.from(summed, () => 0)
        )
        const rows = probe.of("data-cost-summary")[0]?.data.root.rows ?? []
        assert.deepInclude(
          rows.find(({ name }) => name === "hook hide"),
          { costUsd: 0.5 * summed.length }
        )
      })
  )

  it.effect("that a hook refuses to ask for is not made, and the conversation stays whole", () =>
    Effect.gen(function* () {
      const model = looker(4)
      const no = Hook.make("no", {
        beforeStep: ({ purpose }) => Effect.succeed(purpose === undefined ? Hook.pass : Hook.refuse("nothing leaves"))
      })
      const { result, told } = yield* run(model, Compaction.summarise(window), { hooks: [no] })
      assert.strictEqual(result._tag, "Success")
      assert.isTrue(model.requests.every(({ tools }) => tools.length > 0))
      assert.strictEqual(told[0]?.event_type, "compaction_failed")
      assert.include(JSON.stringify(told[0]?.data), "nothing leaves")
    })
  )

  it.effect("that cannot be made leaves the conversation whole, and the run continues", () =>
    Effect.gen(function* () {
      const failure = new ModelFailure.ContentRefused({ provider: "scripted", model: "scripted-1" })
      for (const [reply, issue] of [
        [ScriptedModel.failure(failure), "the model failed: ContentRefused"],
        [ScriptedModel.text("  "), "the summary is empty"]
      ] as const) {
        const model = looker(6, reply)
        const { result, told } = yield* run(model, Compaction.summarise(window))
        assert.strictEqual(result._tag, "Success")
        assert.deepStrictEqual(told[0], { event_type: "compaction_failed", data: { strategy: "summary", issue } })
        assert.strictEqual(model.requests.at(-1)?.messages.length, 13)
      }
    })
  )

  it.effect.each(["length", "content-filter", "error", "paused"] as const)(
    "that ended with %s replaces nothing",
    (stop) =>
      Effect.gen(function* () {
        const model = looker(6, ScriptedModel.text("In short: they", { stop }))
        const { result, told } = yield* run(model, Compaction.summarise(window))
        assert.strictEqual(result._tag, "Success")
        const issue = `the model's answer is incomplete: it stopped with ${stop}`
        assert.deepStrictEqual(told[0], { event_type: "compaction_failed", data: { strategy: "summary", issue } })
        assert.strictEqual(model.requests.at(-1)?.messages.length, 13)
      })
  )

  it.effect("is requested again after a temporary failure", () =>
    Effect.gen(function* () {
      let asked = 0
      const lost = new ModelFailure.NetworkFailed({ provider: "scripted", model: "scripted-1" })
      const model = ScriptedModel.make({
        respond: (request) => {
          const { step } = request.metadata
          if (request.tools.length === 0) {
            asked++
            return asked === 1 ? ScriptedModel.failure(lost) : ScriptedModel.text("In short.")
          }
          return step > 6
            ? ScriptedModel.text("Done.")
            : ScriptedModel.calls([{ id: `c${step}`, name: "look", args: {} }])
        }
      })
      const { told } = yield* run(model, Compaction.summarise(window), { modelRetryDelay: "0 millis" })
      assert.strictEqual(told[0]?.event_type, "compacted")
      assert.isAbove(asked, 1)
    })
  )

  it.effect("is not requested when the budget has no room for it", () =>
    Effect.gen(function* () {
      const model = looker(6)
      const budget = Budget.make({ maxOutputTokens: 500 })
      const { told } = yield* run(model, Compaction.summarise({ ...window, maxOutputTokens: 5000 }), { budget })
      assert.deepStrictEqual(told[0]?.data, {
        strategy: "summary",
        issue: "the budget does not allow it: maxOutputTokens"
      })
      assert.isFalse(model.requests.some(({ tools }) => tools.length === 0))
    })
  )
})

describe("a custom strategy", () => {
  const own = (compact: Compaction.Strategy["compact"]): Compaction.Strategy => ({ name: "own", above: 400, compact })

  it.effect("that would split a step, or crashes, changes nothing", () =>
    Effect.gen(function* () {
      for (const [strategy, issue] of [
        [
          own(() => Effect.succeed({ dropped: 2 })),
          "the strategy dropped 2 messages, which splits a step. Drop one of the given cuts"
        ],
        [own(() => Effect.die("oh")), "the strategy crashed"],
        [own(() => Effect.fail(new Compaction.CompactionFailed({ issue: "not today" }))), "not today"]
      ] as const) {
        const model = looker(5)
        const { result, told } = yield* run(model, strategy)
        assert.strictEqual(result._tag, "Success")
        assert.deepStrictEqual(told[0]?.data, { strategy: "own", issue })
        assert.strictEqual(model.requests.at(-1)?.messages.length, 11)
      }
    })
  )

  it.effect("that abandons a request is charged for it, and leaves nothing reserved", () =>
    Effect.gen(function* () {
      const watch = BudgetWatch.make()
      let asked = 0
      const impatient = own(({ ask, messages }) =>
        asked++ === 0
          ? Effect.as(Effect.timeoutOption(ask({ messages, maxOutputTokens: 50 }), "1 second"), undefined)
          : Effect.succeed(undefined)
      )
      const budget = Budget.make({ maxCostUsd: 1 })
      const usage = { type: "usage", usage: { inputUncached: 77 } } as const
      const model = looker(3, { parts: [[usage, { type: "text", text: "In short: th" }]], hangs: true })
      const running = yield* Effect.forkChild(run(model, impatient, { budget, deployment: BudgetWatch.layer(watch) }), {
        startImmediately: true
      })
      yield* TestClock.adjust("1 minute")
      const { probe } = yield* Fiber.join(running)
      const [cost] = probe.of("data-cost-summary")
      // Ten tokens for each step, and what the provider had reported by then.
      assert.strictEqual(cost?.data.root.usage.promptTokens, 4 * 10 + 77)
      assert.isTrue(cost?.data.estimated)
      assert.deepStrictEqual([...watch.faults, ...watch.open()], [])
    })
  )
})

describe("a run on a journal whose process dies", () => {
  it.effect("is sent the same conversation again, and no summary is requested twice", () =>
    Effect.gen(function* () {
      const compaction = Compaction.summarise({ above: 400, keep: 150 })
      const plain = looker(6)
      yield* run(plain, compaction)
      const wanted = plain.requests.map(({ messages }) => JSON.stringify(messages))
      for (let at = 1; at <= 20; at++) {
        const model = looker(6)
        const journal = MemoryJournal.make()
        const life = Effect.fnUntraced(function* (death: CrashingJournal.Death | undefined) {
          const scope = yield* Scope.make()
          const process = CrashingJournal.crashing(journal, death)
          const host = journalHost(process.store, { gatherMs: 0, pollMs: Number.POSITIVE_INFINITY })
          const deployment = Layer.succeed(Deployment.Deployment, host)
          const context = yield* Scope.provide(Layer.build(layer(model, compaction, { deployment })), scope)
          return { process, runtime: Context.get(context, Runtime), end: Scope.close(scope, Exit.void) }
        })
        const first = yield* life({ at, when: at % 2 === 0 ? "before" : "after" })
        yield* first.runtime.start("Look around.", { runId: "run", threadId: "thread" })
        yield* TestClock.adjust("1 second")
        yield* first.process.bury
        yield* first.end
        const second = yield* life(undefined)
        yield* TestClock.adjust("1 second")
        yield* second.end
        assert.deepStrictEqual(Ordering.check(journal.log("run")), [])
        assert.strictEqual(journal.log("run").at(-1)?.event.type, "data-latency-summary")
        // A step that was in flight is asked again; nothing else is, and each with what the plain run was sent.
        const sent = model.requests.map(({ messages }) => JSON.stringify(messages))
        assert.deepStrictEqual([...new Set(sent)], [...new Set(wanted)], `died at ${at}`)
        assert.isAtMost(sent.length, wanted.length + 1)
      }
    }).pipe(quiet)
  )
})

describe("the positions where a conversation may be cut", () => {
  const Kinds = Schema.Array(Schema.Literals(["user", "step", "calls", "results"])).check(Schema.isMaxLength(12))

  it.prop(
    "leave paired calls and results, and a rest that begins with a user or after the prompt",
    { kinds: Kinds },
    ({ kinds }) => {
      let count = 0
      const history = Transcript.repair(
        kinds.map((kind): Message.Message => {
          const id = `c${kind === "calls" ? ++count : count}`
          if (kind === "user") return says("hm")
          if (kind === "step") return { role: "assistant", content: [{ type: "text", text: "ha" }] }
          return kind === "calls"
            ? { role: "assistant", content: [{ type: "tool-call", id, name: "look", args: {} }] }
            : { role: "tool", content: [{ type: "tool-result", id, name: "look", result: id }] }
        })
      )
      const prompt = history.findLastIndex(({ role }) => role === "user")
      const cuts = Compaction.cutsOf(history, prompt)
      for (const cut of cuts) {
        assert.isTrue(Transcript.isPairComplete(history.slice(cut)))
        assert.isTrue(Transcript.isPairComplete(history.slice(0, cut)))
        assert.isTrue(history[cut]?.role === "user" || cut > prompt)
      }
      assert.deepStrictEqual(
        [...cuts].sort((a, b) => a - b),
        cuts
      )
    }
  )
})
