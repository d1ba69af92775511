/** What hooks around model steps see, rewrite, refuse and end, streamed and held, on both engines. */
import { assert, describe, it } from "@effect/vitest"
import { type Event, type Message, Ordering } from "@reins/protocol"
import { Hook, type ModelRequest } from "@reins/runtime"
import { type Probe, ScriptedModel } from "@reins/runtime/testing"
import { Effect, type Layer, References } from "effect"
import { TestClock } from "effect/testing"
import * as Engines from "../../support/Engines.ts"
import * as OneTool from "../../support/OneTool.ts"

const quiet = Effect.provideService(References.MinimumLogLevel, "None")

/** A run of an agent with these hooks, whose model gives these replies, and what it was sent. */
const world =
  (services: () => Layer.Layer<never>) =>
  (
    hooks: ReadonlyArray<Hook.Hook>,
    replies: ReadonlyArray<ScriptedModel.Reply>,
    options: Partial<OneTool.Options> = {}
  ) => {
    const requests: Array<ModelRequest> = []
    const respond: ScriptedModel.Responder = (request) => {
      requests.push(request)
      return replies[requests.length - 1] ?? ScriptedModel.text("no more")
    }
    const handler: OneTool.Handler = () => Effect.succeed("ok")
    const started = OneTool.start({
      handler,
      model: ScriptedModel.make({ respond }),
      services: services(),
      agent: { hooks },
      ...options
    })
    return { requests, started }
  }

const said = (messages: ReadonlyArray<Message.Message>) => JSON.stringify(messages)

const texts = (probe: Probe.Probe): string =>
  probe
    .of("text")
    .map(({ text }) => text)
    .join("")

/** The text that a reader has who forgets retracted steps. */
const shown = (events: ReadonlyArray<Event>): string => {
  let kept = ""
  let step = ""
  for (const event of events) {
    if (event.type === "text") step += event.text
    if (event.type === "step-start") [kept, step] = [kept + step, ""]
    if (event.type === "step-retracted") step = ""
  }
  return kept + step
}

const isLawful = (probe: Probe.Probe) => assert.deepStrictEqual(Ordering.check(probe.envelopes), [])

const rejecting = (times: number, holdsText: boolean) => {
  let left = times
  return Hook.make("tone", {
    holdsText,
    afterStep: () => Effect.sync(() => (left-- > 0 ? Hook.refuse("Be polite") : Hook.pass))
  })
}

describe.each(Engines.all)("a hook around model steps, %s", (_, services) => {
  const made = world(services)

  it.effect("gives the model another request, and the thread keeps the conversation", () =>
    Effect.gen(function* () {
      const seen: Array<ReadonlyArray<Message.User>> = []
      const secret = Hook.make("secret", {
        beforeStep: ({ input, request }) =>
          Effect.sync(() => {
            seen.push(input)
            return Hook.withRequest({
              instructions: "Be brief.",
              messages: request.messages.map((message): Message.Message =>
                message.role === "user" ? { role: "user", content: [{ type: "text", text: "hidden" }] } : message
              )
            })
          })
      })
      const { requests, started } = made(
        [secret],
        [ScriptedModel.calls([{ id: "c1", name: "work", args: {} }]), ScriptedModel.text("done")]
      )
      const { probe, runtime } = yield* started
      yield* probe.end
      for (const request of requests) {
        assert.strictEqual(request.instructions, "Be brief.")
        assert.include(said(request.messages), "hidden")
      }
      assert.deepStrictEqual(
        seen.map((input) => input.length),
        [1, 0]
      )
      assert.notInclude(said(yield* runtime.threads.get("thread")), "hidden")
      assert.strictEqual(texts(probe), "done")
      isLawful(probe)
    }).pipe(Effect.scoped)
  )

  it.effect("refuses before a request is sent: the agent ends, and nothing was spent", () =>
    Effect.gen(function* () {
      for (const verdict of [Hook.refuse("Not this"), Hook.end("Not this")]) {
        const { requests, started } = made([Hook.make("guard", { beforeStep: () => Effect.succeed(verdict) })], [])
        const { handle, probe } = yield* started
        const failure = yield* Effect.flip(handle.result)
        yield* probe.end
        assert.deepInclude(failure.reason, { _tag: "HookEnded", hook: "guard", description: "Not this" })
        assert.lengthOf(requests, 0)
        assert.deepStrictEqual(probe.of("step-start"), [])
        assert.deepInclude(probe.of("error")[0]?.error, { code: "E_HOOK_ENDED" })
        isLawful(probe)
      }
    }).pipe(Effect.scoped)
  )

  it.effect("holds an answer until it has let it through, and then shows it once", () =>
    Effect.gen(function* () {
      let isChecked = false
      const held = Hook.make("held", {
        holdsText: true,
        afterStep: ({ isShown, text }) =>
          Effect.sync(() => {
            isChecked = true
            assert.isFalse(isShown)
            assert.strictEqual(text, "one two")
            return Hook.pass
          }).pipe(Effect.delay("1 second"))
      })
      const { started } = made([held], [ScriptedModel.words("one two")])
      const { probe } = yield* started
      yield* TestClock.adjust("500 millis")
      assert.deepStrictEqual(probe.of("text"), [])
      assert.isFalse(isChecked)
      yield* TestClock.adjust("1 second")
      yield* probe.end
      assert.deepStrictEqual(
        probe.of("text").map(({ text }) => text),
        ["one two"]
      )
      isLawful(probe)
    }).pipe(Effect.scoped)
  )

  it.effect.each([true, false])("has the model answer again with the reason, held: %s", (holdsText) =>
    Effect.gen(function* () {
      const { requests, started } = made(
        [rejecting(1, holdsText)],
        [ScriptedModel.text("Rude."), ScriptedModel.text("Polite.")]
      )
      const { probe, runtime } = yield* started
      yield* probe.end
      assert.lengthOf(requests, 2)
      assert.include(said(requests[1]?.messages ?? []), "Be polite")
      assert.lengthOf(probe.of("step-retracted"), 1)
      assert.strictEqual(shown(probe.rootView), "Polite.")
      assert.strictEqual(texts(probe), holdsText ? "Polite." : "Rude.Polite.")
      const kept = said(yield* runtime.threads.get("thread"))
      assert.notInclude(kept, "Rude")
      assert.notInclude(kept, "Be polite")
      assert.deepStrictEqual(probe.of("finish")[0]?.usage, probe.of("data-cost-summary")[0]?.data.root.usage)
      isLawful(probe)
    }).pipe(Effect.scoped)
  )

  it.effect("ends the agent after four rejected answers in a row", () =>
    Effect.gen(function* () {
      const { requests, started } = made(
        [rejecting(99, false)],
        Array.from({ length: 9 }, () => ScriptedModel.text("Rude."))
      )
      const { handle, probe } = yield* started
      const failure = yield* Effect.flip(handle.result)
      yield* probe.end
      assert.deepInclude(failure.reason, { _tag: "HookEnded", description: "Be polite" })
      assert.lengthOf(requests, 4)
      assert.strictEqual(shown(probe.rootView), "")
      isLawful(probe)
    }).pipe(Effect.scoped)
  )

  it.effect.each([true, false])("changes an answer and its calls, held: %s", (holdsText) =>
    Effect.gen(function* () {
      const changing = Hook.make("changing", {
        holdsText,
        afterStep: ({ content }) =>
          Effect.succeed(
            Hook.withContent(
              content.map((part) =>
                part.type === "text"
                  ? { ...part, text: part.text.replaceAll("secret", "•") }
                  : part.type === "tool-call"
                    ? { ...part, args: { n: 9 } }
                    : part
              )
            )
          )
      })
      const args: Array<unknown> = []
      const { started } = made(
        [changing],
        [
          {
            parts: [
              [{ type: "text", text: "a secret call" }],
              ...ScriptedModel.calls([{ id: "c1", name: "work", args: { n: 1 } }]).parts
            ]
          },
          ScriptedModel.text("a secret end")
        ],
        { handler: (given) => Effect.sync(() => (args.push(given), "ok")) }
      )
      const { probe, runtime } = yield* started
      yield* probe.end
      assert.deepStrictEqual(args, [{ n: 9 }])
      assert.strictEqual(shown(probe.rootView), "a • calla • end")
      if (holdsText) assert.notInclude(JSON.stringify(probe.envelopes), "secret")
      assert.notInclude(said(yield* runtime.threads.get("thread")), "secret")
      isLawful(probe)
    }).pipe(Effect.scoped)
  )

  it.effect.each(["beforeStep", "afterStep"] as const)("lets nothing through when it fails: %s", (place) =>
    Effect.gen(function* () {
      for (const act of [
        () => Effect.fail("closed"),
        () => Effect.die("a defect"),
        () => Effect.never,
        () => Effect.succeed(undefined as never)
      ]) {
        const { started } = made(
          [Hook.make("guard", { [place]: act, timeout: "1 second" })],
          [ScriptedModel.text("An answer.")]
        )
        const { handle, probe } = yield* started
        yield* TestClock.adjust("2 seconds")
        const failure = yield* Effect.flip(handle.result)
        yield* probe.end
        assert.deepInclude(failure.reason, { _tag: "HookFailed", hook: "guard", place })
        assert.deepInclude(probe.of("error")[0]?.error, { code: "E_HOOK_FAILED" })
        assert.strictEqual(shown(probe.rootView), "")
        isLawful(probe)
      }
    }).pipe(Effect.scoped, quiet)
  )

  it.effect("runs the innermost first after a step, and asks models on the run's bill", () =>
    Effect.gen(function* () {
      const order: Array<string> = []
      const named = (name: string) =>
        Hook.make(name, {
          beforeStep: () => Effect.sync(() => (order.push(`before ${name}`), Hook.pass)),
          afterStep: ({ ask }) => Effect.map(ask({ prompt: "Fine?" }), () => (order.push(`after ${name}`), Hook.pass))
        })
      const { started } = made([named("a"), named("b")], [ScriptedModel.text("done")], {
        runtime: { hooks: [named("outer")] }
      })
      const { probe } = yield* started
      yield* probe.end
      assert.deepStrictEqual(order, ["before outer", "before a", "before b", "after b", "after a", "after outer"])
      const [summary] = probe.of("data-cost-summary")
      assert.deepInclude(summary?.data.root.rows[0], { kind: "model", calls: 4 })
      assert.deepStrictEqual(probe.of("finish")[0]?.usage, summary?.data.root.usage)
    }).pipe(Effect.scoped)
  )

  it.effect("keeps nothing of a held answer that a cancel has cut", () =>
    Effect.gen(function* () {
      const held = Hook.make("held", { holdsText: true, afterStep: () => Effect.never, timeout: "1 hour" })
      const { started } = made([held], [ScriptedModel.text("A secret.")])
      const { probe, runtime } = yield* started
      yield* TestClock.adjust("1 second")
      yield* runtime.cancel("run")
      yield* TestClock.adjust("1 minute")
      yield* probe.end
      assert.notInclude(JSON.stringify(probe.envelopes), "secret")
      assert.notInclude(said(yield* runtime.threads.get("thread")), "secret")
      assert.strictEqual(probe.of("finish")[0]?.finishReason, "cancelled")
      isLawful(probe)
    }).pipe(Effect.scoped)
  )
})
