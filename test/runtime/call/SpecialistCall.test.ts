import { assert, describe, it } from "@effect/vitest"
import type { Json } from "@reins/protocol"
import { ModelFailure } from "@reins/protocol"
import { Agent, Budget, Runtime, Specialist } from "@reins/runtime"
import type { Model } from "@reins/runtime"
import { Probe, ScriptedModel } from "@reins/runtime/testing"
import { Effect, Schema, Stream } from "effect"
import * as Desk from "../../support/Desk.ts"
import * as Story from "../../support/Story.ts"

const { calls, failure, lastPrompt, lastResults, text } = ScriptedModel

/** Calls `name` once for each of the prompts, and then answers with what came back, as JSON. */
const coordinating = (name: string, prompts: ReadonlyArray<Json>, request: Parameters<ScriptedModel.Responder>[0]) => {
  const results = lastResults(request)
  return results.length > 0
    ? text(JSON.stringify(results.map(({ result, status }) => [status ?? "success", result])))
    : calls(prompts.map((args, index) => ({ id: `s${index + 1}`, name, args })))
}

/** A run of `agents`, the first at the root, over a model that says what `say` says for each agent. */
const told = <A>(
  agents: ReadonlyArray<Agent.Agent<Model>>,
  say: { readonly [agent: string]: ScriptedModel.Responder },
  check: (probe: Probe.Probe, model: ScriptedModel.ScriptedModel) => A,
  maxDepth?: number
) => {
  const model = ScriptedModel.make({ respond: (request) => say[request.metadata.agent]?.(request) })
  return Effect.gen(function* () {
    const runtime = yield* Runtime
    yield* runtime.start("go", { runId: "run" })
    const probe = yield* Probe.watch("run")
    yield* probe.end
    Story.isWhole(probe.envelopes)
    Story.addsUp(probe.of("data-cost-summary")[0]?.data)
    return check(probe, model)
  }).pipe(Effect.scoped, Effect.provide(Desk.plain(model, { agents, maxDepth })))
}

const answer = (probe: Probe.Probe): unknown => JSON.parse(probe.of("text").at(-1)?.text ?? "null")
const ending = (probe: Probe.Probe) => probe.of("finish")[0]?.finishReason
const reads = (budget: Budget.Options = {}) =>
  Specialist.make("reader", { description: "Reads", budget: Budget.make(budget) })
const asks =
  (prompts: ReadonlyArray<string>): ScriptedModel.Responder =>
  (request) =>
    coordinating(
      "reader",
      prompts.map((prompt) => ({ prompt })),
      request
    )

describe("a specialist that is called as a tool", () => {
  it.effect("reports its usage under the model that answered, not the one that was asked", () =>
    told(
      [Agent.make("desk", { specialists: [reads()] })],
      {
        desk: asks(["moon"]),
        reader: () => ({
          parts: [[{ type: "response", model: "reader-2026-11-29" }], ...text("read").parts]
        })
      },
      (probe) =>
        assert.deepStrictEqual(
          probe.of("data-tool-agent").map(({ data }) => data.model),
          ["reader-2026-11-29"]
        )
    )
  )

  it.effect("shows its progress, custom events and exhausted budgets in the stream of a query that asks for them", () =>
    Effect.gen(function* () {
      const model = ScriptedModel.make({
        respond: (request) =>
          request.metadata.agent === "desk"
            ? asks(["moon"])(request)
            : calls([{ id: `p${request.metadata.step}`, name: "never", args: {} }])
      })
      const agents = [Agent.make("desk", { specialists: [reads({ maxSteps: 1 })] })]
      const types = (view: "root" | "progress" | undefined) =>
        Effect.flatMap(Runtime, (runtime) =>
          Effect.map(Stream.runCollect(runtime.query("go", { view })), (events) => events.map(({ type }) => type))
        ).pipe(Effect.provide(Desk.plain(model, { agents })))
      assert.notInclude(yield* types(undefined), "budget_exhausted")
      const seen = yield* types("progress")
      assert.include(seen, "budget_exhausted")
      assert.strictEqual(seen.filter((type) => type === "step-start").length, 2)
    })
  )

  it.effect("sees its prompt and nothing of its caller's history; two instances see nothing of each other", () =>
    told(
      [Agent.make("desk", { specialists: [reads()] })],
      { desk: asks(["moon", "tides"]), reader: (request) => text(`read ${lastPrompt(request)}`) },
      (probe, model) => {
        const seen = model.requests.filter(({ metadata }) => metadata.agent === "reader")
        assert.deepStrictEqual(
          seen.map(({ messages }) => messages),
          [
            [{ role: "user", content: [{ type: "text", text: "moon" }] }],
            [{ role: "user", content: [{ type: "text", text: "tides" }] }]
          ]
        )
        assert.deepStrictEqual(
          seen.map(({ metadata }) => metadata.agentPath),
          [["reader#s1"], ["reader#s2"]]
        )
        assert.deepStrictEqual(answer(probe), [
          ["success", "read moon"],
          ["success", "read tides"]
        ])
      }
    )
  )

  it.effect("reports its share of the usage before its result", () =>
    told(
      [Agent.make("desk", { specialists: [reads()] })],
      { desk: asks(["moon"]), reader: () => text("read", { usage: { inputUncached: 7, outputText: 3 } }) },
      (probe) => {
        assert.deepStrictEqual(probe.of("data-tool-agent")[0]?.data, {
          agentName: "reader",
          model: "scripted-1",
          toolInvocationId: "s1",
          usage: {
            promptTokens: 7,
            completionTokens: 3,
            cacheReadInputTokens: 0,
            cacheCreationInputTokens: 0,
            totalTokens: 10
          }
        })
        const [summary] = probe.of("data-cost-summary")
        assert.strictEqual(probe.of("finish")[0]?.usage.totalTokens, summary?.data.root.usage.totalTokens)
      }
    )
  )

  it.effect.each<readonly [string, Json]>([
    ["no prompt", {}],
    ["a blank one", { prompt: " " }],
    ["a number for one", { prompt: 5 }],
    ["a string for its arguments", "moon"]
  ])("with %s returns a result that its coordinator reads", ([, args]) =>
    told(
      [Agent.make("desk", { specialists: [reads()] })],
      { desk: (request) => coordinating("reader", [args], request) },
      (probe) => {
        assert.include(JSON.stringify(answer(probe)), "InvalidArguments")
        assert.strictEqual(ending(probe), "stop")
      }
    )
  )

  it.effect("whose model fails returns a result that its coordinator reads, with its output so far", () =>
    told(
      [Agent.make("desk", { specialists: [reads()] })],
      {
        desk: asks(["moon"]),
        reader: () => failure(new ModelFailure.NetworkFailed({ provider: "p", model: "m" }), "half")
      },
      (probe) => {
        assert.deepStrictEqual(answer(probe), [
          [
            "failed",
            {
              error: "NetworkFailed",
              message: "reader failed: scripted/scripted-1 could not be reached",
              partial: "half"
            }
          ]
        ])
        assert.strictEqual(ending(probe), "stop")
      }
    )
  )

  it.effect("that is cut short returns a result that its coordinator reads", () =>
    told(
      [Agent.make("desk", { specialists: [reads()] })],
      { desk: asks(["moon"]), reader: () => text("half", { stop: "length" }) },
      (probe) => {
        assert.include(JSON.stringify(answer(probe)), "AnswerIncomplete")
        assert.include(JSON.stringify(answer(probe)), "half")
      }
    )
  )
})

describe("a limit inside a specialist", () => {
  it.effect("of its own returns a result that its coordinator reads, and is reported below the root", () =>
    told([Agent.make("desk", { specialists: [reads({ maxSteps: 0 })] })], { desk: asks(["moon"]) }, (probe) => {
      assert.strictEqual(ending(probe), "stop")
      assert.include(JSON.stringify(answer(probe)), "max_steps=0 reached")
      assert.deepStrictEqual(probe.of("budget_exhausted")[0]?.data.agentPath, ["reader#s1"])
      assert.isFalse(probe.rootView.some(({ type }) => type === "budget_exhausted"))
    })
  )

  it.effect("of the root stops the root, once", () =>
    told(
      [Agent.make("desk", { budget: Budget.make({ maxSteps: 2 }), specialists: [reads()] })],
      { desk: asks(["a", "b", "c"]), reader: () => text("read") },
      (probe, model) => {
        assert.strictEqual(model.requests.length, 2)
        assert.strictEqual(ending(probe), "budget")
        assert.strictEqual(probe.of("budget_exhausted").length, 1)
        assert.isUndefined(probe.of("budget_exhausted")[0]?.data.agentPath)
      }
    )
  )

  it.effect("of an agent in between is read by the root, and stops everything below that agent", () => {
    const reader = reads()
    const middle = Specialist.make("middle", {
      description: "Divides",
      budget: Budget.make({ maxSteps: 2 }),
      specialists: [reader]
    })
    return told(
      [Agent.make("desk", { specialists: [middle] })],
      {
        desk: (request) => coordinating("middle", [{ prompt: "go" }], request),
        middle: asks(["a", "b"]),
        reader: () => text("read")
      },
      (probe) => {
        assert.strictEqual(ending(probe), "stop")
        assert.include(JSON.stringify(answer(probe)), "max_steps=2 reached")
        assert.deepStrictEqual(
          probe.of("budget_exhausted").map(({ data }) => data.agentPath),
          [["middle#s1"]]
        )
      }
    )
  })

  it.effect("on the number of specialists refuses the first one too many", () =>
    told(
      [Agent.make("desk", { budget: Budget.make({ maxAgents: 2 }), specialists: [reads()] })],
      { desk: asks(["a", "b", "c"]), reader: () => text("read") },
      (probe) => {
        const results = probe.of("tool-agent").flatMap((one) => (one.state === "result" ? [one.status] : []))
        assert.sameMembers(results, [undefined, undefined, "denied"])
        assert.strictEqual(probe.of("budget_exhausted")[0]?.code, "E_BUDGET_AGENTS")
        assert.strictEqual(ending(probe), "budget")
      }
    )
  )

  it.effect("on their depth refuses the first one too deep", () => {
    const leaf = Specialist.make("leaf", { description: "Reads" })
    const middle = Specialist.make("middle", { description: "Divides", specialists: [leaf] })
    const say = {
      desk: (request: Parameters<ScriptedModel.Responder>[0]) => coordinating("middle", [{ prompt: "go" }], request),
      middle: (request: Parameters<ScriptedModel.Responder>[0]) => coordinating("leaf", [{ prompt: "go" }], request),
      leaf: () => text("read")
    }
    return Effect.gen(function* () {
      yield* told(
        [Agent.make("desk", { specialists: [middle], budget: Budget.make({ maxDepth: 1 }) })],
        say,
        (probe) => {
          assert.strictEqual(probe.of("budget_exhausted")[0]?.code, "E_BUDGET_DEPTH")
          assert.strictEqual(ending(probe), "budget")
        }
      )
      yield* told(
        [Agent.make("desk", { specialists: [middle] })],
        say,
        (probe) => {
          assert.include(JSON.stringify(answer(probe)), "Specialists can be nested at most 1 deep")
          assert.strictEqual(ending(probe), "stop")
        },
        1
      )
    })
  })
})

describe("a specialist with a typed answer", () => {
  const Count = Schema.Struct({ pages: Schema.Natural })
  const counter = Specialist.make("reader", { description: "Counts", output: Count })
  const desk = Agent.make("desk", { specialists: [counter] })

  it.effect("answers as JSON, also from a code fence", () =>
    told([desk], { desk: asks(["moon"]), reader: () => text('```json\n{ "pages": 3 }\n```') }, (probe, model) => {
      assert.deepStrictEqual(answer(probe), [["success", { pages: 3 }]])
      assert.isDefined(model.requests[1]?.output)
    })
  )

  it.effect("is told once what is invalid", () => {
    const replies = ["three", '{ "pages": 3 }']
    return told([desk], { desk: asks(["moon"]), reader: () => text(replies.shift() ?? "") }, (probe, model) => {
      assert.deepStrictEqual(answer(probe), [["success", { pages: 3 }]])
      const again = model.requests.filter(({ metadata }) => metadata.agent === "reader")[1]
      assert.include(JSON.stringify(again?.messages.at(-1)), "does not match the required JSON schema")
    })
  })

  it.effect("fails with a message when the answer is invalid again", () =>
    told([desk], { desk: asks(["moon"]), reader: () => text("three") }, (probe) => {
      assert.include(JSON.stringify(answer(probe)), "OutputInvalid")
      assert.strictEqual(ending(probe), "stop")
    })
  )
})
