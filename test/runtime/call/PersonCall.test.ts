/**
 * A model that asks a person: free text, options, a form, and an answer with the program's own schema; in memory, and on
 * a journal whose process ends while the question is open.
 */
import { assert, describe, it } from "@effect/vitest"
import { type Json, Ordering, Question } from "@reins/protocol"
import {
  Agent,
  AskPerson,
  type Approvers,
  Decision,
  Deployment,
  Model,
  Runtime,
  type RuntimeOptions,
  Specialist
} from "@reins/runtime"
import { journalHost, MemoryJournal } from "@reins/runtime/journal"
import { GeneralWay, Probe, ScriptedModel } from "@reins/runtime/testing"
import { Context, Effect, Exit, Layer, Schema, Scope } from "effect"
import { TestClock } from "effect/testing"

/** The results that the model read, by step. */
const world = (
  kind: string,
  args: Json,
  options: {
    readonly toolkit?: typeof AskPerson.toolkit
    readonly approvers?: Approvers
    readonly runtime?: Omit<RuntimeOptions<[]>, "agents">
    readonly isNested?: boolean
  } = {}
) => {
  const journal = MemoryJournal.make()
  const read: Array<Json> = []
  const toolkit = options.toolkit ?? AskPerson.toolkit
  const asking = {
    toolkit,
    ...(options.approvers === undefined ? {} : { approvals: { AskPerson: { approvers: options.approvers } } })
  }
  const Reader = Specialist.make("reader", { ...asking, description: "Reads" })
  const desk = options.isNested === true ? Agent.make("desk", { specialists: [Reader] }) : Agent.make("desk", asking)
  const model = ScriptedModel.make({
    respond: (request) => {
      const results = ScriptedModel.lastResults(request)
      if (request.messages.some(({ role }) => role === "tool")) {
        read.push(...results.map(({ result }) => result))
        return ScriptedModel.text("Done.")
      }
      return request.tools.some(({ name }) => name === "reader")
        ? ScriptedModel.calls([{ id: "r", name: "reader", args: { prompt: "Read" } }])
        : ScriptedModel.calls([{ id: "c", name: request.tools[0]?.name ?? "", args }])
    }
  })
  const process = Effect.gen(function* () {
    const scope = yield* Scope.make()
    const layer = Runtime.layer({ ...options.runtime, agents: [desk] }).pipe(
      Layer.provide([
        Layer.succeed(Model, model),
        kind === "on a journal"
          ? Layer.succeed(
              Deployment.Deployment,
              journalHost(journal, { gatherMs: 0, pollMs: Number.POSITIVE_INFINITY, hibernateMs: 60_000 })
            )
          : kind === "in memory"
            ? Deployment.layerMemory()
            : GeneralWay.layer.pipe(Layer.provide(Deployment.layerMemory()))
      ])
    )
    const runtime = Context.get(yield* Scope.provide(Layer.build(layer), scope), Runtime)
    yield* TestClock.adjust("1 second")
    return { runtime, end: Scope.close(scope, Exit.void) }
  })
  const started = Effect.gen(function* () {
    const { end, runtime } = yield* process
    yield* runtime.start("go", { runId: "run", threadId: "thread" })
    const probe = yield* Effect.provideService(Probe.watch("run"), Runtime, runtime)
    const { data: request } = yield* probe.next("approval-required")
    return { runtime, probe, request, end }
  })
  return { journal, read, process, started }
}

const lawful = (probe: Probe.Probe) =>
  Effect.andThen(
    probe.end,
    Effect.sync(() => assert.deepStrictEqual(Ordering.check(probe.envelopes), []))
  )

/** The reason and message of the answer's refusal. */
const refusal = (runtime: Runtime["Service"], id: string, decision: Decision) =>
  Effect.map(Effect.flip(runtime.respondToApproval(id, decision)), ({ reason }) => reason.message)

const colours = { question: "Which colour?", options: ["red", "blue"] }

for (const kind of ["in memory", "by the general way", "on a journal"]) {
  describe(`a question of a model, ${kind},`, () => {
    it.effect("has its text and its schema, and its answer is the tool's result", () =>
      Effect.gen(function* () {
        const { read, started } = world(kind, colours)
        const { probe, request, runtime } = yield* started
        assert.deepInclude(request, {
          kind: "question",
          target: "AskPerson",
          toolInvocationId: "c",
          payload: {
            question: "Which colour?",
            options: ["red", "blue"],
            schema: { type: "string", enum: ["red", "blue"] }
          }
        })
        const [pending] = yield* runtime.pendingApprovals()
        assert.deepStrictEqual(pending?.request.id, request.id)
        yield* runtime.respondToApproval(request.id, Decision.answer("blue", { by: "mia" }))
        yield* lawful(probe)
        assert.deepStrictEqual(read, ["blue"])
        assert.deepStrictEqual(probe.of("approval-decision")[0]?.data, {
          id: request.id,
          outcome: { outcome: "answer", value: "blue" },
          by: "mia"
        })
        const result = probe.of("tool-invocation").find(({ state }) => state === "result")
        assert.deepInclude(result, { state: "result", result: "blue", toolName: "AskPerson" })
        assert.notProperty(result, "status")
      })
    )

    it.effect("refuses an answer that does not fit, names the field and the cure, and stays open", () =>
      Effect.gen(function* () {
        const form = {
          question: "Where to?",
          fields: [
            { name: "street", type: "text" },
            { name: "floor", type: "integer", optional: true },
            { name: "kind", type: "choice", options: ["home", "office"] }
          ]
        }
        const { read, started } = world(kind, form)
        const { probe, request, runtime } = yield* started
        const wrong = yield* refusal(
          runtime,
          request.id,
          Decision.answer({ street: "Elm 1", floor: "x", kind: "home" })
        )
        assert.include(wrong, "floor: ")
        assert.include(wrong, 'floor (a whole number, optional), kind (one of "home", "office")')
        assert.include(yield* refusal(runtime, request.id, Decision.answer({ kind: "home" })), "street")
        assert.include(yield* refusal(runtime, request.id, Decision.approve()), "Decision.answer(value)")
        assert.include(yield* refusal(runtime, request.id, Decision.revise({})), "Decision.answer(value)")
        yield* runtime.respondToApproval(request.id, Decision.answer({ street: "Elm 1", kind: "home" }))
        yield* lawful(probe)
        assert.deepStrictEqual(read, [{ street: "Elm 1", kind: "home" }])
        const late = yield* Effect.flip(runtime.respondToApproval(request.id, Decision.answer("again")))
        assert.include(["ApprovalResolved", "ApprovalNotFound"], late.reason._tag)
      })
    )

    it.effect("can be declined, with a reason that the model reads", () =>
      Effect.gen(function* () {
        const { read, started } = world(kind, { question: "Why?" })
        const { probe, request, runtime } = yield* started
        yield* runtime.respondToApproval(request.id, Decision.reject({ feedback: "none of your business" }))
        yield* lawful(probe)
        assert.deepStrictEqual(read, [
          {
            error: "Declined",
            message: "The person declined to answer: none of your business. Go on without the answer"
          }
        ])
      })
    )

    it.effect("expires, and the model reads that nobody answered", () =>
      Effect.gen(function* () {
        const { read, started } = world(kind, { question: "Why?" }, { runtime: { approvalExpiresIn: "10 minutes" } })
        const { probe, request, runtime } = yield* started
        yield* TestClock.adjust("11 minutes")
        yield* lawful(probe)
        assert.deepStrictEqual(read, [
          {
            error: "Unanswered",
            message: "Nobody answered the question before it expired. Go on without the answer"
          }
        ])
        const late = yield* Effect.flip(runtime.respondToApproval(request.id, Decision.answer("late")))
        assert.include(["ApprovalExpired", "ApprovalNotFound"], late.reason._tag)
      })
    )

    it.effect("ends with its run's cancel", () =>
      Effect.gen(function* () {
        const { probe, runtime } = yield* world(kind, { question: "Why?" }).started
        yield* runtime.cancel("run")
        yield* lawful(probe)
        assert.strictEqual(probe.of("approval-decision")[0]?.data.outcome.outcome, "cancelled")
        assert.strictEqual(probe.of("finish")[0]?.finishReason, "cancelled")
      })
    )

    it.effect("is withdrawn by a message of the user, unless the policy keeps it open", () =>
      Effect.gen(function* () {
        const { probe, request, runtime } = yield* world(kind, { question: "Why?" }).started
        yield* runtime.steer("run", "Never mind.", { messageId: "kept", questions: "keep" })
        assert.lengthOf(yield* runtime.pendingApprovals(), 1)
        const { withdrawn } = yield* runtime.steer("run", "Go on.", { messageId: "m", questions: "withdraw" })
        assert.deepStrictEqual(withdrawn, [request.id])
        yield* lawful(probe)
        assert.deepStrictEqual(probe.of("approval-decision")[0]?.data.outcome, {
          outcome: "superseded",
          messageId: "m"
        })
      })
    )

    it.effect("of a specialist carries its path, and the answer goes to the specialist", () =>
      Effect.gen(function* () {
        const { read, started } = world(kind, colours, { isNested: true })
        const { probe, request, runtime } = yield* started
        assert.deepStrictEqual(request.agentPath, ["reader#r"])
        yield* runtime.respondToApproval(request.id, Decision.answer("red"))
        yield* lawful(probe)
        assert.deepStrictEqual(read, ["red", "Done."])
      })
    )

    it.effect("is for its approvers alone, one of whom is enough", () =>
      Effect.gen(function* () {
        const { probe, request, runtime } = yield* world(kind, colours, {
          approvers: { roles: ["lead"], quorum: 2 }
        }).started
        assert.deepStrictEqual(request.approvals, { quorum: 1, roles: ["lead"], given: 0 })
        const says = (principal: { readonly id: string; readonly roles: ReadonlyArray<string> }) =>
          runtime.respondToApproval(request.id, Decision.answer("red"), { principal })
        const refused = yield* Effect.flip(says({ id: "leo", roles: [] }))
        assert.strictEqual(refused.reason._tag, "Forbidden")
        assert.deepStrictEqual(yield* says({ id: "mia", roles: ["lead"] }), { decided: true, quorum: 1, given: 1 })
        yield* lawful(probe)
        const { acts } = yield* runtime.approvals.history()
        assert.deepStrictEqual(
          acts.map(({ about, by, kind, outcome }) => [kind, about, by, outcome]),
          [
            ["asked", "question", undefined, undefined],
            ["refused", "question", "leo", undefined],
            ["answered", "question", "mia", "answer"],
            ["decided", "question", "mia", "answer"]
          ]
        )
      })
    )

    it.effect("is not asked where nobody can be, and the model reads so", () =>
      Effect.gen(function* () {
        for (const unattended of ["deny", "approve"] as const) {
          const { read, started } = world(kind, colours, { runtime: { unattended } })
          const { probe } = yield* started
          yield* lawful(probe)
          assert.deepStrictEqual(read, [
            {
              error: "Declined",
              message: "The question was not asked: no person is available to ask. Go on without the answer"
            }
          ])
        }
      })
    )

    it.effect("counts as human time, not as the machine's", () =>
      Effect.gen(function* () {
        const { probe, request, runtime } = yield* world(kind, colours).started
        yield* TestClock.adjust("1 hour")
        yield* runtime.respondToApproval(request.id, Decision.answer("red"))
        yield* lawful(probe)
        const [latency] = probe.of("data-latency-summary")
        assert.isAtLeast(latency?.data.humanWaitMs ?? 0, 3_600_000)
        assert.isBelow(latency?.data.machineMs ?? Infinity, 10_000)
      })
    )
  })

  it.effect(`a wrong question is not asked: the model reads what is wrong, ${kind}`, () =>
    Effect.gen(function* () {
      const wrong: ReadonlyArray<readonly [Json, string]> = [
        [{ question: "" }, "question"],
        [{ question: "?", options: [] }, "`options` is empty"],
        [{ question: "?", options: ["a", "a"] }, "twice"],
        [{ question: "?", multiple: true }, "`multiple` needs `options`"],
        [{ question: "?", options: ["a"], fields: [{ name: "a", type: "text" }] }, "not both"],
        [{ question: "?", fields: [] }, "`fields` is empty"],
        [{ question: "?", fields: [{ name: "a", type: "choice" }] }, '`options of field "a"` is empty'],
        [{ question: "?", fields: [1, 2].map(() => ({ name: "a", type: "text" })) }, 'named "a"']
      ]
      for (const [args, said] of wrong) {
        const { process, read } = world(kind, args)
        const { runtime } = yield* process
        yield* runtime.complete("go")
        assert.include(JSON.stringify(read), "InvalidArguments")
        assert.include(JSON.stringify(read), said.replaceAll('"', '\\"'))
      }
    })
  )
}

describe("a question on a journal", () => {
  it.effect("is asked once although its process ends, and answered in another", () =>
    Effect.gen(function* () {
      const { process, read, started } = world("on a journal", colours)
      const first = yield* started
      yield* first.end
      const second = yield* process
      const [asked] = yield* second.runtime.pendingApprovals()
      assert.strictEqual(asked?.request.id, first.request.id)
      yield* second.runtime.respondToApproval(first.request.id, Decision.answer("red"))
      const probe = yield* Effect.provideService(Probe.watch("run"), Runtime, second.runtime)
      yield* lawful(probe)
      assert.lengthOf(probe.of("approval-required"), 1)
      assert.deepStrictEqual(read, ["red"])
    })
  )

  it.effect("leaves no run in memory while it waits", () =>
    Effect.gen(function* () {
      const { read, started } = world("on a journal", colours)
      const { probe, request, runtime } = yield* started
      yield* TestClock.adjust("10 minutes")
      yield* runtime.respondToApproval(request.id, Decision.answer("red"))
      yield* lawful(probe)
      assert.lengthOf(probe.of("step-start"), 2)
      assert.deepStrictEqual(read, ["red"])
    })
  )
})

describe("a question with the program's own answer", () => {
  it.effect("takes only that from the model, and only what fits from the person", () =>
    Effect.gen(function* () {
      const toolkit = AskPerson.make({
        name: "ask_amount",
        description: "Asks for an amount",
        answer: Schema.Struct({ euros: Schema.Finite })
      })
      const { read, started } = world("in memory", { question: "How much?" }, { toolkit })
      const { probe, request, runtime } = yield* started
      const asked = Question.of(request)
      assert.deepStrictEqual(asked === undefined ? undefined : Question.fields(asked).map(({ name }) => name), [
        "euros"
      ])
      assert.include(yield* refusal(runtime, request.id, Decision.answer({ euros: "5" })), "euros")
      yield* runtime.respondToApproval(request.id, Decision.answer({ euros: 5 }))
      yield* lawful(probe)
      assert.deepStrictEqual(read, [{ euros: 5 }])
    })
  )
})
