/** Summaries that outlive their run: the next run of the same agent on the thread uses them. */
import { assert, describe, it } from "@effect/vitest"
import { type Message, Ordering, Transcript } from "@reins/protocol"
import { Agent, Compaction, Deployment, Model, Runtime } from "@reins/runtime"
import { journalHost, MemoryJournal } from "@reins/runtime/journal"
import { CrashingJournal, Probe, ScriptedModel } from "@reins/runtime/testing"
import { Context, Effect, Exit, Layer, References, Schema, Scope } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { TestClock } from "effect/testing"

const quiet = Effect.provideService(References.MinimumLogLevel, "None")

const says = (text: string): Message.User => ({ role: "user", content: [{ type: "text", text }] })
const inShort = (text: string) => says(`The conversation so far, in short:\n${text}`)
const long = "word ".repeat(60)

const Look = Tool.make("look", { parameters: Schema.Struct({}), success: Schema.String }).annotate(Tool.Readonly, true)
class Kit extends Toolkit.make(Look) {}

const isAsked = ({ tools }: { readonly tools: ReadonlyArray<unknown> }) => tools.length === 0

/** The number behind that of the summary that a conversation begins with. */
const nextNumber = (messages: ReadonlyArray<Message.Message>) =>
  1 + Number(/Summary (\d+)/.exec(JSON.stringify(messages[0]))?.[1] ?? 0)

/** Looks `times` times in each run, then answers; summaries are numbered. */
const looker = (times: number) =>
  ScriptedModel.make({
    respond: (request) =>
      isAsked(request)
        ? ScriptedModel.text(`Summary ${nextNumber(request.messages)}.`)
        : request.metadata.step > times
          ? ScriptedModel.text("Done.")
          : ScriptedModel.calls([{ id: `c${request.metadata.step}`, name: "look", args: {} }])
  })

const compaction = Compaction.summarise({ above: 500, keep: 250 })

const layer = (
  model: ScriptedModel.ScriptedModel,
  strategies: { readonly [agent: string]: Compaction.Strategy } = { desk: compaction },
  deployment: Layer.Layer<never> = Layer.empty
) =>
  Runtime.layer({
    agents: Object.entries(strategies).map(([name, one]) => Agent.make(name, { toolkit: Kit, compaction: one }))
  }).pipe(Layer.provide([Kit.toLayer({ look: () => Effect.succeed(long) }), Layer.succeed(Model, model), deployment]))

/** Carries a query to its end; answers what the model was sent for it, its own questions for summaries aside. */
const ask = Effect.fnUntraced(function* (model: ScriptedModel.ScriptedModel, prompt: string, agent?: string) {
  const runtime = yield* Runtime
  const from = model.requests.length
  const { runId } = yield* runtime.start(prompt, { threadId: "thread", agent })
  const probe = yield* Probe.watch(runId)
  yield* probe.end
  assert.deepStrictEqual(Ordering.check(probe.envelopes), [])
  const requests = model.requests.slice(from)
  for (const { messages } of requests) assert.isTrue(Transcript.isPairComplete(messages))
  return { sent: requests.filter((one) => !isAsked(one)), summaries: requests.filter(isAsked).length }
}, Effect.scoped)

describe("a summary", () => {
  it.effect("starts the next run, followed by what it leaves out, and is not requested again", () => {
    const model = looker(4)
    return Effect.gen(function* () {
      const runtime = yield* Runtime
      const first = yield* ask(model, "one")
      assert.strictEqual(first.summaries, 1)
      const last = first.sent.at(-1)?.messages ?? []
      const thread = yield* runtime.threads.get("thread")
      assert.strictEqual(thread.length, 10)
      const second = yield* ask(model, "two")
      // Everything after the summary, the answer, the new prompt; the first prompt is summed up.
      const tail = last.filter((message) => message.role !== "user").length + 1
      assert.deepStrictEqual(second.sent[0]?.messages, [inShort("Summary 1."), ...thread.slice(-tail), says("two")])
    }).pipe(Effect.provide(layer(model)))
  })

  it.effect("is made again from the old one when the conversation grows too long again", () => {
    const model = looker(4)
    return Effect.gen(function* () {
      for (let run = 1; run <= 6; run++) yield* ask(model, `${run}`)
      const asked = model.requests.filter(isAsked)
      assert.isAbove(asked.length, 3)
      for (const [index, { messages }] of asked.entries()) {
        if (index > 0) assert.deepStrictEqual(messages[0], inShort(`Summary ${index}.`))
      }
      // No prompt of an earlier run comes back, and what a model is sent does not grow with the thread.
      const last = model.requests.at(-1)?.messages ?? []
      assert.isBelow(last.length, 12)
      assert.isTrue(last.some((message) => JSON.stringify(message) === JSON.stringify(says("6"))))
      assert.isFalse(last.some((message) => JSON.stringify(message) === JSON.stringify(says("1"))))
    }).pipe(Effect.provide(layer(model)))
  })

  it.effect("is not used when the whole conversation fits, by another agent, or by another strategy", () => {
    const roomy = Compaction.summarise({ above: 100_000, keep: 50_000 })
    const own: Compaction.Strategy = { name: "own", above: 500, compact: () => Effect.succeed(undefined) }
    const model = looker(4)
    const journal = MemoryJournal.make()
    const life = (strategies: { readonly [agent: string]: Compaction.Strategy }, agent?: string) =>
      Effect.provide(
        ask(model, "go", agent),
        layer(model, strategies, Layer.succeed(Deployment.Deployment, journalHost(journal, { gatherMs: 0 })))
      )
    return Effect.gen(function* () {
      assert.strictEqual((yield* life({ desk: compaction })).summaries, 1)
      for (const [strategies, agent] of [
        [{ desk: roomy }, "desk"],
        [{ desk: own }, "desk"],
        [{ desk: compaction, clerk: own }, "clerk"]
      ] as const) {
        const { sent } = yield* life(strategies, agent)
        assert.deepStrictEqual(sent[0]?.messages[0], says("go"))
      }
      // It was kept through all of them, and a restart each time.
      assert.deepStrictEqual((yield* life({ desk: compaction })).sent[0]?.messages[0]?.role, "user")
      const [first] = model.requests.filter(isAsked).slice(1)
      assert.deepStrictEqual(first?.messages[0], inShort("Summary 1."))
    })
  })
})

describe("a run that begins with a summary, and whose process dies", () => {
  it.effect("is sent the same again, wherever that happens", () =>
    Effect.gen(function* () {
      const plain = looker(4)
      yield* Effect.andThen(ask(plain, "one"), ask(plain, "two")).pipe(Effect.provide(layer(plain)))
      const wanted = plain.requests.map(({ messages }) => JSON.stringify(messages))
      for (let at = 1; at <= 16; at++) {
        const model = looker(4)
        const journal = MemoryJournal.make()
        const life = Effect.fnUntraced(function* (death: CrashingJournal.Death | undefined) {
          const scope = yield* Scope.make()
          const process = CrashingJournal.crashing(journal, death)
          const host = journalHost(process.store, { gatherMs: 0, pollMs: Number.POSITIVE_INFINITY })
          const deployment = Layer.succeed(Deployment.Deployment, host)
          const context = yield* Scope.provide(Layer.build(layer(model, { desk: compaction }, deployment)), scope)
          return { process, runtime: Context.get(context, Runtime), end: Scope.close(scope, Exit.void) }
        })
        const first = yield* life(undefined)
        yield* first.runtime.complete("one", { threadId: "thread" })
        yield* first.end
        const second = yield* life({ at, when: at % 2 === 0 ? "before" : "after" })
        yield* second.runtime.start("two", { runId: "run", threadId: "thread" })
        yield* TestClock.adjust("1 second")
        yield* second.process.bury
        yield* second.end
        const third = yield* life(undefined)
        yield* TestClock.adjust("1 second")
        yield* third.end
        assert.deepStrictEqual(Ordering.check(journal.log("run")), [])
        assert.strictEqual(journal.log("run").at(-1)?.event.type, "data-latency-summary")
        const sent = model.requests.map(({ messages }) => JSON.stringify(messages))
        assert.deepStrictEqual([...new Set(sent)], [...new Set(wanted)], `died at ${at}`)
      }
    }).pipe(quiet)
  )
})
