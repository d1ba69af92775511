/**
 * Calls that are made again and again: when the model is warned, when its run ends, what starts a new row, and the
 * result of a replay.
 */
import { assert, describe, it } from "@effect/vitest"
import { type Json, type Message, Transcript } from "@reins/protocol"
import { Agent, Decision, Deployment, InvalidAgents, Model, Runtime, Specialist, ToolSettings } from "@reins/runtime"
import type { QueryOptions, RuntimeOptions } from "@reins/runtime"
import { journalHost, MemoryJournal } from "@reins/runtime/journal"
import { Probe, ScriptedModel } from "@reins/runtime/testing"
import { Cause, Context, Effect, Exit, Fiber, Layer, Schema, Stream } from "effect"
import { TestClock } from "effect/testing"
import { Tool, Toolkit } from "effect/ai"
import * as Engines from "../../support/Engines.ts"
import * as Story from "../../support/Story.ts"

const any = { parameters: { type: "object" }, success: Schema.Unknown } as const
const Kit = Toolkit.make(
  Tool.dynamic("look", any),
  Tool.dynamic("ask", any),
  Tool.dynamic("poll", any).annotate(ToolSettings.MayRepeat, true),
  Tool.dynamic("pay", any).setNeedsApproval(true)
)

type Call = readonly [tool: string, args?: Json]

const reply = (step: number, made: ReadonlyArray<Call>) =>
  made.length === 0
    ? ScriptedModel.text("done")
    : ScriptedModel.calls(
        made.map(([name, args = {}], index) => ({ id: `c${step}_${index}`, name, args })),
        { text: `${step}` }
      )

/** A model that makes `calls(step)` in each step, and answers where there are none. */
const making = (calls: (step: number) => ReadonlyArray<Call>) =>
  ScriptedModel.make({ respond: ({ metadata: { step } }) => reply(step, calls(step)) })

interface Options {
  readonly agent?: Omit<Agent.Options<never, [], Model>, "toolkit"> | undefined
  readonly runtime?: Omit<RuntimeOptions<[]>, "agents"> | undefined
  readonly query?: QueryOptions | undefined
  readonly services?: Layer.Layer<never> | undefined
  /** What a tool answers to its `n`th call. */
  readonly answer?: ((n: number) => Json) | undefined
}

/** A run of `desk`, when it has ended: valid, and the thread as in its log. */
const ended = (model: ScriptedModel.ScriptedModel, options: Options = {}) =>
  Effect.gen(function* () {
    let ran = 0
    const tool = () => Effect.sync(() => options.answer?.(++ran) ?? (ran++, "nothing new"))
    const desk = Agent.make("desk", { ...options.agent, toolkit: Kit })
    const live = Runtime.layer({ ...options.runtime, agents: [desk] }).pipe(
      Layer.provide([
        Kit.toLayer({ look: tool, ask: tool, poll: tool, pay: tool }),
        Layer.succeed(Model, model),
        options.services ?? Layer.empty
      ])
    )
    const runtime = Context.get(yield* Layer.build(live), Runtime)
    const handle = yield* runtime.start("go", { runId: "run", threadId: "thread", ...options.query })
    const probe = yield* Effect.provideService(Probe.watch("run"), Runtime, runtime)
    yield* probe.end
    Story.isWhole(probe.envelopes)
    const kept = (yield* runtime.threads.get("thread")) ?? []
    assert.deepStrictEqual(Transcript.messages(Transcript.fold(probe.envelopes, "go")), kept)
    const told = probe.of("custom").filter(({ event_type }) => event_type === "calls_repeated")
    return {
      asked: model.requests.length,
      ran,
      told: told.map(({ data }) => data),
      finish: probe.of("finish")[0]?.finishReason,
      kept,
      result: yield* Effect.result(handle.result),
      probe
    }
  }).pipe(Effect.scoped)

const note = (message: Message.Message | undefined): string =>
  message?.role === "user" ? message.content.flatMap((part) => (part.type === "text" ? [part.text] : [])).join("") : ""

const forever = (...calls: ReadonlyArray<Call>) => making(() => calls)

describe.each(Engines.all)("a run that keeps making the same call, %s", (_, services) => {
  it.effect("is warned after the tenth time, and ends when it makes the call once more", () =>
    Effect.gen(function* () {
      const model = forever(["look", { at: 1 }])
      const { asked, finish, kept, probe, ran, result, told } = yield* ended(model, { services: services() })
      assert.deepStrictEqual({ asked, ran, finish }, { asked: 11, ran: 10, finish: "repeated-calls" })
      assert.deepStrictEqual(told, [{ times: 10, tools: ["look"] }])
      assert.match(note(model.requests[10]?.messages.at(-1)), /^You have called look with the same arguments 10 times/)
      assert.deepStrictEqual(
        model.requests.slice(0, 10).filter(({ messages }) => /You have called/.test(note(messages.at(-1)))),
        []
      )
      assert.match(note(kept.at(-1)), /\(repeated-calls\).*did not run: look/)
      assert.deepStrictEqual(probe.of("custom").find(({ event_type }) => event_type === "calls_dropped")?.data, {
        reason: "repeated-calls",
        tools: ["look"]
      })
      assert.strictEqual(result._tag === "Failure" ? result.failure.reason._tag : undefined, "AnswerIncomplete")
    })
  )

  it.effect("continues to its answer when it does something else after the warning, and can be warned again", () =>
    Effect.gen(function* () {
      const model = making((step) => (step > 14 ? [] : [step === 5 ? ["ask"] : ["look"]]))
      const { finish, ran, told } = yield* ended(model, {
        agent: { repeatedCallLimit: 4 },
        services: services()
      })
      assert.deepStrictEqual(told, [
        { times: 4, tools: ["look"] },
        { times: 4, tools: ["look"] }
      ])
      assert.deepStrictEqual({ finish, ran }, { finish: "repeated-calls", ran: 9 })
      const wise = yield* ended(
        making((step) => (step > 10 ? [] : [["look"]])),
        { services: services() }
      )
      assert.deepStrictEqual([wise.finish, wise.ran, wise.told.length], ["stop", 10, 1])
    })
  )

  it.effect.each<readonly [string, (step: number) => ReadonlyArray<Call>, number]>([
    [
      "members in another order",
      (step) => [["look", step % 2 ? { a: 1, b: [{ c: 1, d: 2 }] } : { b: [{ d: 2, c: 1 }], a: 1 }]],
      11
    ],
    [
      "calls in another order, and twice",
      (step) => (step % 2 ? [["look"], ["ask"]] : [["ask"], ["look"], ["look"]]),
      11
    ],
    ["arguments that a tool refuses", () => [["look", [1]]], 11],
    ["a tool that there is not", () => [["lookup"]], 11],
    ["many equal calls in each step", () => Array.from({ length: 12 }, (): Call => ["look"]), 11],
    ["other arguments each time", (step) => [["look", { step }]], 31],
    ["an argument more each second time", (step) => [["look", step % 2 ? {} : { a: null }]], 31],
    ["items of a list in another order", (step) => [["look", { a: step % 2 ? [1, 2] : [2, 1] }]], 31],
    ["another call in between", (step) => [[step % 9 === 0 ? "ask" : "look"]], 31],
    ["another call beside it", (step) => [["look"], ["ask", { step }]], 31],
    ["a tool that may be repeated", () => [["poll"]], 31],
    ["a tool that may be repeated beside it", () => [["look"], ["poll"]], 31]
  ])("counts what is the same: %s", ([, calls, expected]) =>
    Effect.gen(function* () {
      const { asked, finish } = yield* ended(
        making((step) => (step > 30 ? [] : calls(step))),
        { services: services() }
      )
      assert.deepStrictEqual([asked, finish], [expected, expected === 31 ? "stop" : "repeated-calls"])
    })
  )

  it.effect("is noticed although its results differ", () =>
    Effect.gen(function* () {
      const { finish, ran } = yield* ended(forever(["look"]), { answer: (n) => ({ n }), services: services() })
      assert.deepStrictEqual([finish, ran], ["repeated-calls", 10])
    })
  )

  it.effect.each<readonly [string, Options, number]>([
    ["the runtime", { runtime: { repeatedCallLimit: 3 } }, 3],
    ["the agent, before the runtime", { agent: { repeatedCallLimit: 1 }, runtime: { repeatedCallLimit: 3 } }, 1],
    ["the query, before both", { agent: { repeatedCallLimit: 1 }, query: { repeatedCallLimit: 2 } }, 2],
    ["false of the query", { agent: { repeatedCallLimit: 1 }, query: { repeatedCallLimit: false } }, 20],
    ["false of the agent", { agent: { repeatedCallLimit: false } }, 20],
    ["Infinity of the runtime", { runtime: { repeatedCallLimit: Number.POSITIVE_INFINITY } }, 20]
  ])("is held to the limit of %s", ([, options, expected]) =>
    Effect.gen(function* () {
      const model = making((step) => (step > 20 ? [] : [["look"]]))
      const { ran } = yield* ended(model, { ...options, services: services() })
      assert.strictEqual(ran, expected)
    })
  )

  it.effect("as a specialist fails its call, and its coordinator continues; its coordinator's limit applies", () =>
    Effect.gen(function* () {
      const reader = (repeatedCallLimit?: number) =>
        Specialist.make("reader", { description: "Reads", toolkit: Kit, repeatedCallLimit })
      for (const [own, expected] of [
        [undefined, 3],
        [5, 5]
      ] as const) {
        let looked = 0
        const model = ScriptedModel.make({
          respond: (request) =>
            request.metadata.agent === "reader"
              ? reply(request.metadata.step, [["look"]])
              : request.metadata.step === 1
                ? reply(1, [["reader", { prompt: "read" }]])
                : ScriptedModel.text(JSON.stringify(ScriptedModel.lastResults(request)[0]?.result))
        })
        const desk = Agent.make("desk", { specialists: [reader(own)], repeatedCallLimit: 3 })
        const nothing = () => Effect.sync(() => ++looked)
        const live = Runtime.layer({ agents: [desk] }).pipe(
          Layer.provide([
            Kit.toLayer({ look: nothing, ask: nothing, poll: nothing, pay: nothing }),
            Layer.succeed(Model, model),
            services()
          ])
        )
        const { output } = yield* Effect.provide(
          Effect.flatMap(Runtime, (runtime) => runtime.complete("go")),
          live
        )
        assert.strictEqual(looked, expected)
        assert.include(output, "reader finished with repeated-calls")
      }
    })
  )

  it.effect.prop(
    "is warned when a row reaches the limit, and ended by one more, whatever its calls are",
    {
      steps: Schema.Array(Schema.Literals(["look", "look2", "ask", "both", "poll"])),
      limit: Schema.Literals([1, 2, 3])
    },
    ({ limit, steps }) =>
      Effect.gen(function* () {
        const calls: { readonly [step: string]: ReadonlyArray<Call> } = {
          look: [["look"]],
          look2: [["look", { again: true }]],
          ask: [["ask"]],
          both: [["ask"], ["look"]],
          poll: [["poll"]]
        }
        const { asked, finish, told } = yield* ended(
          making((step) => calls[steps[step - 1] ?? ""] ?? []),
          { runtime: { repeatedCallLimit: limit, defaultMaxSteps: false }, services: services() }
        )
        // The rule by hand: lengths of runs of equal steps.
        let times = 0
        let notes = 0
        let over = steps.findIndex((step, index) => {
          times = step === "poll" ? 0 : step === steps[index - 1] ? times + 1 : 1
          if (times === limit) notes++
          return times > limit
        })
        if (over === -1) over = steps.length
        assert.deepStrictEqual(
          { asked, finish, told: told.length },
          { asked: over + 1, finish: over === steps.length ? "stop" : "repeated-calls", told: notes }
        )
      }),
    { arbitrary: { runs: 40 } }
  )
})

describe("an invalid limit of repeated calls", () => {
  const wrong: ReadonlyArray<number> = [0, -1, 1.5, Number.NaN, Number.NEGATIVE_INFINITY]

  it.effect.each(wrong)("is refused in a query: %s", (repeatedCallLimit) =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(ended(forever(["look"]), { query: { repeatedCallLimit } }))
      const error = Exit.isFailure(exit) ? String(Cause.squash(exit.cause)) : ""
      assert.include(
        error,
        `Invalid option repeatedCallLimit: ${repeatedCallLimit}. ` +
          "Use a whole number of at least 1, or false or Infinity for no limit"
      )
    })
  )

  it.effect.each(wrong)("is refused when the runtime is built: %s", (repeatedCallLimit) =>
    Effect.gen(function* () {
      for (const options of [{ agent: { repeatedCallLimit } }, { runtime: { repeatedCallLimit } }]) {
        const exit = yield* Effect.exit(ended(forever(["look"]), options))
        assert.instanceOf(Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined, InvalidAgents)
      }
    })
  )
})

describe("a run that another process resumes", () => {
  /** Looks `before` times, asks to pay, looks `after` times, and answers. */
  const paying = (before: number, after: number) =>
    making((step) => (step > before + 1 + after ? [] : [step === before + 1 ? ["pay"] : ["look"]]))

  /** Starts on one runtime, is let go while it asks, and is allowed and ended on another; over one journal. */
  const carried = (
    before: number,
    after: number,
    first: Agent.CallLimit | undefined,
    second: Agent.CallLimit | undefined
  ) =>
    Effect.gen(function* () {
      const journal = MemoryJournal.make()
      const model = paying(before, after)
      const looked: Array<string> = []
      const desk = Agent.make("desk", { toolkit: Kit })
      const tool = () => Effect.sync(() => void looked.push("look"))
      const service = (repeatedCallLimit: Agent.CallLimit | undefined) =>
        Runtime.layer({ agents: [desk], repeatedCallLimit }).pipe(
          Layer.provide([
            Kit.toLayer({ look: tool, ask: tool, poll: tool, pay: tool }),
            Layer.succeed(Model, model),
            Layer.succeed(
              Deployment.Deployment,
              journalHost(journal, { pollMs: Number.POSITIVE_INFINITY, gatherMs: 0, snapshotEvery: 10 })
            )
          ])
        )
      yield* Effect.gen(function* () {
        const { start } = yield* Runtime
        yield* start("go", { runId: "run", threadId: "thread" })
        yield* TestClock.adjust("10 minutes")
      }).pipe(Effect.provide(service(first)))
      yield* Effect.gen(function* () {
        const { pendingApprovals, respondToApproval, watch } = yield* Runtime
        const [question] = yield* pendingApprovals()
        const watcher = yield* Effect.forkChild(Stream.runDrain(watch("run")))
        yield* respondToApproval(question?.request.id ?? "", Decision.approve())
        yield* TestClock.adjust("10 seconds")
        yield* Fiber.join(watcher)
      }).pipe(Effect.provide(service(second)))
      const log = journal.log("run")
      Story.isWhole(log)
      return {
        finish: log.flatMap(({ event }) => (event.type === "finish" ? [event.finishReason] : []))[0],
        told: log.filter(({ event }) => event.type === "custom" && event.event_type === "calls_repeated").length,
        looked: looked.length - 1,
        last: model.requests.at(-1)?.messages ?? []
      }
    })

  it.effect("has no limit if it was started without one, as by an earlier release", () =>
    Effect.gen(function* () {
      const { finish, looked, told } = yield* carried(12, 12, false, undefined)
      assert.deepStrictEqual({ finish, looked, told }, { finish: "stop", looked: 24, told: 0 })
    })
  )

  it.effect("keeps the limit that it was started with, and the model reads the warning at the same position", () =>
    Effect.gen(function* () {
      const { finish, last, looked, told } = yield* carried(10, 3, undefined, false)
      assert.deepStrictEqual({ finish, looked, told }, { finish: "stop", looked: 13, told: 1 })
      assert.deepStrictEqual(
        last.flatMap((message, index) => (note(message).startsWith("You have called") ? [index] : [])),
        [21]
      )
      const more = yield* carried(10, 12, undefined, false)
      assert.deepStrictEqual([more.finish, more.looked, more.told], ["repeated-calls", 20, 2])
    })
  )
})
