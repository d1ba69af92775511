/** A user's messages to a running run: on the memory engine and on a journal. */
import { assert, describe, it } from "@effect/vitest"
import { Message, Ordering, Transcript } from "@reins/protocol"
import { Agent, Budget, Decision, Deployment, Model, Runtime, Specialist } from "@reins/runtime"
import { journalHost, MemoryJournal } from "@reins/runtime/journal"
import { GeneralWay, Probe, ScriptedModel } from "@reins/runtime/testing"
import { Effect, Fiber, Layer, References, Schema, Stream } from "effect"
import { Tool, Toolkit } from "effect/ai"

const quiet = Effect.provideService(References.MinimumLogLevel, "None")

const shape = { parameters: Schema.Struct({}), success: Schema.String }
const Look = Tool.make("look", shape)
const Pay = Tool.make("pay", { ...shape, needsApproval: true })
class Kit extends Toolkit.make(Look, Pay) {}

const Reader = Specialist.make("reader", { description: "Reads" })
const Desk = Agent.make("desk", { toolkit: Kit, specialists: [Reader] })
const Other = Agent.make("other", {})
const Brief = Agent.make("brief", { budget: Budget.make({ maxSteps: 1 }) })

const journal = () => journalHost(MemoryJournal.make(), { gatherMs: 0, pollMs: Number.POSITIVE_INFINITY })
const deployments: { readonly [name: string]: () => Layer.Layer<never> } = {
  memory: () => Deployment.layerMemory(),
  "memory, by the general way": () => GeneralWay.layer.pipe(Layer.provide(Deployment.layerMemory())),
  "a journal": () => Layer.succeed(Deployment.Deployment, journal())
}

const threadId = "thread"
const runId = "run"

/** What the user and the model have said, and which calls had results, in order. */
const said = (messages: ReadonlyArray<Message.Message>) =>
  messages.map((message) =>
    message.role === "tool" ? message.content.map(({ name }) => `(${name})`).join("") : Message.text(message)
  )

const call = (name: string, id = name) => ScriptedModel.calls([{ id, name, args: {} }])

for (const [name, deployment] of Object.entries(deployments)) {
  const paid: Array<string> = []
  const handlers = Kit.toLayer({
    look: () => Effect.succeed("seen"),
    pay: () =>
      Effect.sync(() => {
        paid.push("paid")
        return "paid"
      })
  })
  const running = <A, E, R>(
    model: ScriptedModel.ScriptedModel,
    body: Effect.Effect<A, E, R>
  ): Effect.Effect<A, E, Exclude<R, Runtime>> =>
    body.pipe(
      Effect.provide(
        Runtime.layer({ agents: [Desk, Other, Brief] }).pipe(
          Layer.provide([deployment(), handlers, Layer.succeed(Model, model)])
        )
      ),
      quiet
    ) as Effect.Effect<A, E, Exclude<R, Runtime>>

  /** Checks the log and the thread, and answers what the thread holds. */
  const checked = (probe: Probe.Probe) =>
    Effect.gen(function* () {
      yield* probe.end
      assert.deepStrictEqual(Ordering.check(probe.envelopes), [])
      const thread = yield* (yield* Runtime).threads.get(threadId)
      assert.isTrue(Transcript.isPairComplete(thread))
      assert.deepStrictEqual(
        said(thread),
        said(Transcript.messages(Transcript.fold(probe.envelopes, "Go."))),
        "the thread is what the log folds to"
      )
      return said(thread)
    })

  const start = Effect.gen(function* () {
    const runtime = yield* Runtime
    const handle = yield* runtime.start("Go.", { runId, threadId })
    return { runtime, handle, probe: yield* Probe.watch(runId) }
  })

  describe(`a message to a running run, on ${name},`, () => {
    it.effect("enters before the next step, after the results of the calls in flight", () =>
      Effect.gen(function* () {
        const hold = yield* ScriptedModel.hold
        const model = ScriptedModel.make({ replies: [{ ...call("look"), hold }, ScriptedModel.text("Yes.")] })
        yield* running(
          model,
          Effect.gen(function* () {
            const { probe, runtime } = yield* start
            yield* hold.reached
            const steered = yield* runtime.steer(runId, "And quickly.", { messageId: "m1" })
            assert.deepInclude(steered, { runId, messageId: "m1", position: 1 })
            yield* hold.release
            assert.deepStrictEqual(yield* checked(probe), ["Go.", "", "(look)", "And quickly.", "Yes."])
            assert.deepStrictEqual(said(model.requests[1]?.messages ?? []), ["Go.", "", "(look)", "And quickly."])
            assert.deepStrictEqual(probe.of("message-received"), [
              {
                type: "message-received",
                data: { messageId: "m1", position: 1, content: [{ type: "text", text: "And quickly." }] }
              }
            ])
            const rest = yield* Stream.runCollect(runtime.watch(runId, { after: steered.after }))
            assert.isTrue([...rest].some(({ event }) => event.type === "message-received"))
          })
        )
      })
    )

    it.effect("that arrives during the last step is answered by one more", () =>
      Effect.gen(function* () {
        const hold = yield* ScriptedModel.hold
        const model = ScriptedModel.make({
          replies: [{ ...ScriptedModel.text("Done."), hold }, ScriptedModel.text("Done again.")]
        })
        yield* running(
          model,
          Effect.gen(function* () {
            const { handle, probe, runtime } = yield* start
            yield* hold.reached
            yield* runtime.steer(runId, "Again.")
            yield* hold.release
            assert.deepStrictEqual(yield* checked(probe), ["Go.", "Done.", "Again.", "Done again."])
            assert.strictEqual((yield* handle.result).output, "Done again.")
            assert.strictEqual(probe.of("finish")[0]?.finishReason, "stop")
          })
        )
      })
    )

    it.effect("enters once, in the order of acceptance, however often it is sent", () =>
      Effect.gen(function* () {
        const hold = yield* ScriptedModel.hold
        const model = ScriptedModel.make({ replies: [{ ...call("look"), hold }, ScriptedModel.text("Yes.")] })
        yield* running(
          model,
          Effect.gen(function* () {
            const { probe, runtime } = yield* start
            yield* hold.reached
            const positions: Array<number> = []
            for (const [messageId, text] of [
              ["b", "two"],
              ["a", "three"],
              ["b", "two"],
              ["c", "four"],
              ["a", "three"]
            ] as const) {
              positions.push((yield* runtime.steer(runId, text, { messageId })).position)
            }
            assert.deepStrictEqual(positions, [1, 2, 1, 3, 2])
            const clash = yield* Effect.flip(runtime.steer(runId, "other words", { messageId: "a" }))
            assert.deepInclude(clash, { _tag: "MessageRefused", why: "id-taken" })
            yield* hold.release
            assert.deepStrictEqual(yield* checked(probe), ["Go.", "", "(look)", "two", "three", "four", "Yes."])
            assert.strictEqual((yield* runtime.steer(runId, "two", { messageId: "b" })).position, 1, "after the end")
          })
        )
      })
    )

    it.effect("waits for an open question that is kept", () =>
      Effect.gen(function* () {
        paid.length = 0
        const model = ScriptedModel.make({ replies: [call("pay"), ScriptedModel.text("Paid.")] })
        yield* running(
          model,
          Effect.gen(function* () {
            const { probe, runtime } = yield* start
            const { data } = yield* probe.next("approval-required")
            yield* runtime.steer(runId, "Hurry.")
            assert.lengthOf(yield* runtime.pendingApprovals({ runId }), 1)
            yield* runtime.respondToApproval(data.id, Decision.approve())
            assert.deepStrictEqual(yield* checked(probe), ["Go.", "", "(pay)", "Hurry.", "Paid."])
            assert.deepStrictEqual(paid, ["paid"])
          })
        )
      })
    )

    it.effect("withdraws an open question, and enters in its place", () =>
      Effect.gen(function* () {
        paid.length = 0
        const model = ScriptedModel.make({ replies: [call("pay"), ScriptedModel.text("I did not.")] })
        yield* running(
          model,
          Effect.gen(function* () {
            const { probe, runtime } = yield* start
            const { data } = yield* probe.next("approval-required")
            yield* runtime.steer(runId, "Don't.", { messageId: "m1", questions: "withdraw" })
            assert.deepStrictEqual(yield* checked(probe), ["Go.", "", "(pay)", "Don't.", "I did not."])
            assert.deepStrictEqual(paid, [])
            assert.deepStrictEqual(probe.of("approval-decision")[0]?.data.outcome, {
              outcome: "superseded",
              messageId: "m1"
            })
            const result = ScriptedModel.lastResults({
              ...model.requests[1],
              messages: model.requests[1]?.messages.slice(0, -1) ?? []
            } as never)
            assert.deepInclude(result[0], { status: "denied" })
            assert.include(JSON.stringify(result[0]?.result), "Withdrawn")
            const late = yield* Effect.flip(runtime.respondToApproval(data.id, Decision.approve()))
            assert.strictEqual(late.reason._tag, "ApprovalResolved")
          })
        )
      })
    )

    it.effect("goes to the root agent, when the specialist has ended", () =>
      Effect.gen(function* () {
        const hold = yield* ScriptedModel.hold
        const model = ScriptedModel.make({
          replies: [
            ScriptedModel.calls([{ id: "r", name: "reader", args: { prompt: "Read." } }]),
            { ...ScriptedModel.text("Read it."), hold },
            ScriptedModel.text("It is read.")
          ]
        })
        yield* running(
          model,
          Effect.gen(function* () {
            const { probe, runtime } = yield* start
            yield* hold.reached
            yield* runtime.steer(runId, "And?")
            yield* hold.release
            assert.deepStrictEqual(yield* checked(probe), ["Go.", "", "(reader)", "And?", "It is read."])
            assert.deepStrictEqual(said(model.requests[1]?.messages ?? []), ["Read."])
          })
        )
      })
    )

    it.effect("does not enter between the parts of an answer that the model continues", () =>
      Effect.gen(function* () {
        const hold = yield* ScriptedModel.hold
        const model = ScriptedModel.make({
          replies: [
            { ...ScriptedModel.text("One, ", { stop: "paused" }), hold },
            ScriptedModel.text("two."),
            ScriptedModel.text("Three.")
          ]
        })
        yield* running(
          model,
          Effect.gen(function* () {
            const { probe, runtime } = yield* start
            yield* hold.reached
            yield* runtime.steer(runId, "More.")
            yield* hold.release
            assert.deepStrictEqual(yield* checked(probe), ["Go.", "One, ", "two.", "More.", "Three."])
          })
        )
      })
    )

    it.effect("is last in the thread when the budget has no step left for it", () =>
      Effect.gen(function* () {
        const hold = yield* ScriptedModel.hold
        const model = ScriptedModel.make({ replies: [{ ...ScriptedModel.text("Done."), hold }] })
        yield* running(
          model,
          Effect.gen(function* () {
            const runtime = yield* Runtime
            yield* runtime.start("Go.", { runId, threadId, agent: "brief" })
            const probe = yield* Probe.watch(runId)
            yield* hold.reached
            yield* runtime.steer(runId, "Again.")
            yield* hold.release
            assert.deepStrictEqual(yield* checked(probe), ["Go.", "Done.", "Again."])
            assert.strictEqual(probe.of("finish")[0]?.finishReason, "budget")
          })
        )
      })
    )

    it.effect("is last in the thread when the run is cancelled, and is not accepted after that", () =>
      Effect.gen(function* () {
        const hold = yield* ScriptedModel.hold
        const model = ScriptedModel.make({ replies: [{ ...ScriptedModel.text("Done."), hold }] })
        yield* running(
          model,
          Effect.gen(function* () {
            const { handle, probe, runtime } = yield* start
            yield* hold.reached
            yield* runtime.steer(runId, "Again.", { messageId: "m1" })
            yield* handle.cancel
            const late = yield* Effect.flip(runtime.steer(runId, "And again."))
            assert.deepInclude(late, { _tag: "MessageRefused", why: "ending" })
            assert.deepStrictEqual(yield* checked(probe), ["Go.", "Again."])
            assert.strictEqual(probe.of("finish")[0]?.finishReason, "cancelled")
            const after = yield* Effect.flip(runtime.steer(runId, "Still there?"))
            assert.deepInclude(after, { _tag: "MessageRefused", why: "ending" })
          })
        )
      })
    )

    it.effect("is last in the thread when a defect stops the run", () =>
      Effect.gen(function* () {
        const hold = yield* ScriptedModel.hold
        const model = ScriptedModel.make({
          replies: [{ ...ScriptedModel.text("Done."), hold, heldAfter: 0 }],
          respond: () => {
            throw new Error("a defect")
          }
        })
        const broken: ScriptedModel.ScriptedModel = {
          ...model,
          attempt: (request, emit) => Effect.andThen(model.attempt(request, emit), Effect.die(new Error("a defect")))
        }
        yield* running(
          broken,
          Effect.gen(function* () {
            const { probe, runtime } = yield* start
            yield* hold.reached
            yield* runtime.steer(runId, "Again.")
            yield* hold.release
            const thread = yield* checked(probe)
            assert.strictEqual(thread.at(-1), "Again.")
            assert.strictEqual(thread.filter((words) => words === "Again.").length, 1)
          })
        )
      })
    )

    it.effect("is refused when it is empty, of another tenant, or for an unknown run", () =>
      Effect.gen(function* () {
        const hold = yield* ScriptedModel.hold
        const model = ScriptedModel.make({ replies: [{ ...ScriptedModel.text("Done."), hold }] })
        yield* running(
          model,
          Effect.gen(function* () {
            const { probe, runtime } = yield* start
            yield* hold.reached
            const why = (message: Message.Prompt, resourceId?: string, id = runId) =>
              Effect.map(Effect.flip(runtime.steer(id, message, { resourceId })), (error) =>
                error._tag === "MessageRefused" ? error.why : error._tag
              )
            assert.strictEqual(yield* why("  "), "empty")
            assert.strictEqual(yield* why([]), "empty")
            assert.strictEqual(yield* why([{ type: "sound" }] as never), "invalid")
            assert.strictEqual(yield* why("x", "somebody else"), "RunNotFound")
            assert.strictEqual(yield* why("x", undefined, "nobody"), "RunNotFound")
            yield* hold.release
            assert.deepStrictEqual(yield* checked(probe), ["Go.", "Done."])
          })
        )
      })
    )
  })

  describe(`a query on a busy thread that steers, on ${name},`, () => {
    it.effect("becomes a message of the active run, and reads the rest of it", () =>
      Effect.gen(function* () {
        const hold = yield* ScriptedModel.hold
        const model = ScriptedModel.make({
          replies: [{ ...ScriptedModel.words("One two"), hold, heldAfter: 1 }, ScriptedModel.text("Three.")]
        })
        yield* running(
          model,
          Effect.gen(function* () {
            const { probe, runtime } = yield* start
            yield* hold.reached
            yield* probe.next("text")
            const reading = yield* Effect.forkChild(
              Stream.runCollect(runtime.query("And?", { threadId, runId: "q", onBusy: "steer" }))
            )
            const leaving = yield* Effect.forkChild(
              Stream.runCollect(runtime.query("Or?", { threadId, runId: "q2", onBusy: "steer" }))
            )
            yield* Effect.yieldNow.pipe(Effect.repeat({ times: 20 }))
            yield* Fiber.interrupt(leaving)
            const handle = yield* runtime.start("And?", { threadId, runId: "q", onBusy: "steer" })
            assert.deepInclude(handle.steered, { runId, messageId: "q", position: 1 })
            assert.strictEqual(handle.runId, runId)
            yield* hold.release
            const read = yield* Fiber.join(reading)
            assert.deepStrictEqual(yield* checked(probe), ["Go.", "One two", "And?", "Or?", "Three."])
            assert.strictEqual([...read].at(-1)?.type, "data-latency-summary")
            assert.strictEqual([...read].filter(({ type }) => type === "message-received").length, 2)
            assert.strictEqual((yield* handle.result).output, "Three.")
          })
        )
      })
    )

    it.effect("starts a run when the thread is free, and waits when the run has another agent", () =>
      Effect.gen(function* () {
        const hold = yield* ScriptedModel.hold
        const model = ScriptedModel.make({
          replies: [{ ...ScriptedModel.text("Done."), hold }, ScriptedModel.text("I.")]
        })
        yield* running(
          model,
          Effect.gen(function* () {
            const runtime = yield* Runtime
            const first = yield* runtime.start("Go.", { threadId, runId, onBusy: "steer" })
            assert.isUndefined(first.steered)
            yield* hold.reached
            const other = yield* Effect.forkChild(
              runtime.complete("And who are you?", { threadId, agent: "other", onBusy: "steer" })
            )
            yield* Effect.yieldNow.pipe(Effect.repeat({ times: 20 }))
            yield* hold.release
            assert.strictEqual((yield* Fiber.join(other)).output, "I.")
            assert.notStrictEqual((yield* Fiber.join(other)).runId, runId)
            assert.deepStrictEqual(said(yield* runtime.threads.get(threadId)), [
              "Go.",
              "Done.",
              "And who are you?",
              "I."
            ])
          })
        )
      })
    )
  })
}
