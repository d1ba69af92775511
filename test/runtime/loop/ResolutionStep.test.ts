/** An agent that chooses what each of its steps uses: model, instructions, tools and settings (`resolve`). */
import { assert, describe, it } from "@effect/vitest"
import { RunErrors } from "@reins/protocol"
import { Agent, Budget, Deployment, Model, Prices, Runtime } from "@reins/runtime"
import { journalHost, MemoryJournal } from "@reins/runtime/journal"
import { Probe } from "@reins/runtime/testing"
import { Effect, Layer } from "effect"
import { ask, bill, Flags, make, quiet, reasonOf, Strong, stronger } from "../../support/Resolving.ts"

const engines = [
  ["memory", () => undefined],
  ["journal", () => MemoryJournal.make()]
] as const

for (const [name, journalOf] of engines) {
  describe(`an agent that resolves its steps, on the ${name} engine`, () => {
    it.effect("asks the model that it chooses for each step, and charges that model's price", () =>
      Effect.gen(function* () {
        const made = make({ resolve: stronger })
        const ended = yield* ask(made, journalOf())
        assert.strictEqual(reasonOf(ended), "strong answers.")
        assert.strictEqual(made.world.cheap.requests.length, 1)
        assert.strictEqual(made.world.strong.requests.length, 2)
        assert.deepStrictEqual(bill(ended), [
          ["cheap", 1, 0.002],
          ["strong", 2, 0.4]
        ])
      })
    )

    it.effect("is told of the run, the step, the results, what was spent and what is left", () =>
      Effect.gen(function* () {
        const made = make({
          instructions: "Be brief.",
          budget: Budget.make({ maxSteps: 5, maxCostUsd: 1 }),
          resolve: stronger
        })
        yield* ask(made, journalOf(), { runId: "run-1", threadId: "t", principal: "ann", resourceId: "acme" })
        const [first, , third] = made.world.seen
        assert.deepInclude(first, {
          runId: "run-1",
          threadId: "t",
          principal: "ann",
          resourceId: "acme",
          agent: "desk",
          agentPath: [],
          step: 1,
          instructions: "Be brief.",
          results: [],
          spent: { costUsd: 0, inputTokens: 0, outputTokens: 0, toolCalls: 0 }
        })
        assert.deepStrictEqual(first?.model, { provider: "scripted", model: "cheap" })
        assert.deepStrictEqual(first?.left, { costUsd: 1, steps: 5 })
        assert.deepStrictEqual(
          third?.results.map(({ id, result }) => [id, result]),
          [["c2", "saw 2"]]
        )
        assert.deepStrictEqual(third?.spent, { costUsd: 0.202, inputTokens: 2000, outputTokens: 2000, toolCalls: 2 })
        assert.deepStrictEqual(third?.left, { costUsd: 0.798, steps: 3 })
        assert.strictEqual(third?.messages.length, 5)
      })
    )

    it.effect("sends what it chooses, with the query's own additions, and what it leaves out is as before", () =>
      Effect.gen(function* () {
        const made = make({
          instructions: "Own.",
          maxOutputTokens: 100,
          providerOptions: { scripted: { a: 1 }, other: { b: 2 } },
          resolve: ({ step }) =>
            step === 2
              ? {
                  instructions: "For this step.",
                  tools: ["look"],
                  providerOptions: { scripted: { a: 3 } },
                  settings: { temperature: 0.5, toolChoice: "required" },
                  maxOutputTokens: 40
                }
              : {}
        })
        yield* ask(made, journalOf(), {
          instructions: "Added.",
          model: { settings: { seed: 7, toolChoice: "required" } }
        })
        const [one, two, three] = made.world.cheap.requests
        const shown = (request: typeof one) => [
          request?.instructions,
          request?.tools.map(({ name }) => name),
          request?.providerOptions,
          request?.settings,
          request?.maxOutputTokens
        ]
        const own = { scripted: { a: 1 }, other: { b: 2 } }
        const all = ["look", "drop", "helper"]
        assert.deepStrictEqual(shown(one), ["Own.\n\nAdded.", all, own, { seed: 7, toolChoice: "required" }, 100])
        assert.deepStrictEqual(shown(two), [
          "For this step.\n\nAdded.",
          ["look"],
          { scripted: { a: 3 }, other: { b: 2 } },
          { seed: 7, temperature: 0.5, toolChoice: "required" },
          40
        ])
        assert.deepStrictEqual(shown(three), ["Own.\n\nAdded.", all, own, { seed: 7 }, 100])
      })
    )

    it.effect("does not run a call of a tool that the step does not offer, and the model reads which it may call", () =>
      Effect.gen(function* () {
        const made = make({ resolve: ({ step }) => (step === 1 ? { tools: ["look"] } : {}) }, "drop")
        const ended = yield* ask(made, journalOf())
        assert.deepStrictEqual(made.world.ran, ["drop"])
        const [refused, ran] = ended.probe.of("tool-invocation").filter(({ state }) => state === "result")
        assert.deepInclude(refused, {
          status: "denied",
          result: {
            error: "ToolNotOffered",
            message: 'Tool "drop" is not offered in this step. It did not run. Available tools: look'
          }
        })
        assert.deepInclude(ran, { result: "saw 1" })
      })
    )

    it.effect("does not get back a tool that its query has removed", () =>
      Effect.gen(function* () {
        const made = make({ resolve: () => ({ tools: ["look", "drop"] }) }, "drop")
        const ended = yield* ask(made, journalOf(), { tools: { without: ["drop"] } })
        assert.deepStrictEqual(made.world.ran, [])
        assert.deepStrictEqual(
          made.world.cheap.requests.map(({ tools }) => tools.map(({ name }) => name)),
          [["look"], ["look"], ["look"]]
        )
        assert.strictEqual(reasonOf(ended), "cheap answers.")
      })
    )

    it.effect("reserves the chosen model's price before the request", () =>
      Effect.gen(function* () {
        const made = make({ budget: Budget.make({ maxCostUsd: 0.01 }), resolve: stronger, maxOutputTokens: 2000 })
        const ended = yield* ask(made, journalOf())
        const reason = reasonOf(ended)
        assert.isTrue(typeof reason === "object" && reason._tag === "BudgetExhausted")
        assert.strictEqual(made.world.cheap.requests.length, 1)
        // What is left pays for few tokens of the strong model: it is asked for no more than those.
        const most = made.world.strong.requests.map(
          ({ maxOutputTokens }) => maxOutputTokens ?? Number.POSITIVE_INFINITY
        )
        assert.isTrue(most.every((tokens) => tokens * 100 <= 10_000))
      })
    )

    it.effect("needs a price of every model that it may choose, under a limit in dollars", () =>
      Effect.gen(function* () {
        const made = make({ budget: Budget.make({ maxCostUsd: 1 }), resolve: () => ({}) })
        const cheapOnly = Prices.layerTable({ "scripted/cheap": { inputPerMillionUsd: 1, outputPerMillionUsd: 1 } })
        const Desk = Agent.make("desk", {
          budget: Budget.make({ maxCostUsd: 1 }),
          models: { strong: Strong },
          resolve: () => ({ model: "strong" })
        })
        const layer = Runtime.layer({ agents: [Desk] }).pipe(
          Layer.provide([Layer.succeed(Model, made.world.cheap), Layer.succeed(Strong, made.world.strong), cheapOnly])
        )
        const rejected = yield* Effect.flip(
          Effect.provide(
            Effect.flatMap(Runtime, (runtime) => runtime.start("Go.")),
            layer
          )
        )
        assert.deepInclude(rejected.reason, { _tag: "UnknownPrice", model: "strong" })
      })
    )

    it.effect("uses the services that it names", () =>
      Effect.gen(function* () {
        const made = make({
          resolve: () => Effect.map(Flags, ({ isCautious }) => (isCautious ? { model: "strong" as const } : {}))
        })
        assert.strictEqual(reasonOf(yield* ask(made, journalOf())), "strong answers.")
      })
    )

    for (const [kind, resolve, issue] of [
      ["failed", () => Effect.fail({ _tag: "FlagsUnavailable", secret: "canary" }), "FlagsUnavailable"],
      ["crashed", () => Effect.die(new Error("canary")), "it crashed. Its cause is in the log if content is captured"],
      ["invalid", () => ({ tools: ["lok"] }), 'unknown tool "lok". Name the agent\'s own tools']
    ] as const) {
      it.effect(
        `ends with ResolveFailed, by name, when its function ${kind === "invalid" ? "chooses what it has not" : kind}`,
        () =>
          Effect.gen(function* () {
            const made = make({ resolve: ({ step }) => (step === 2 ? resolve() : {}) })
            const ended = yield* ask(made, journalOf())
            const failed = new RunErrors.ResolveFailed({ agent: "desk", step: 2, kind, issue })
            assert.deepStrictEqual(reasonOf(ended), failed)
            assert.strictEqual(failed.isRetryable, kind === "failed")
            assert.strictEqual(made.world.cheap.requests.length, 1)
            assert.deepInclude(ended.probe.of("error")[0]?.error, { code: "E_RESOLVE_FAILED", message: failed.message })
            assert.notInclude(JSON.stringify(ended.probe.envelopes), "canary")
          }).pipe(quiet)
      )
    }

    it.effect("ends as cancelled when the run is cancelled while its function waits", () =>
      Effect.gen(function* () {
        const made = make({ resolve: () => Effect.never })
        const ended = yield* Effect.gen(function* () {
          const runtime = yield* Runtime
          const { runId } = yield* runtime.start("Go.")
          const probe = yield* Probe.watch(runId)
          yield* runtime.cancel(runId)
          yield* probe.end
          return probe
        }).pipe(
          Effect.scoped,
          Effect.provide(
            made.layer(
              Layer.suspend(() => {
                const journal = journalOf()
                return journal === undefined ? Layer.empty : Layer.succeed(Deployment.Deployment, journalHost(journal))
              })
            )
          )
        )
        assert.strictEqual(ended.of("finish")[0]?.finishReason, "cancelled")
        assert.strictEqual(made.world.cheap.requests.length, 0)
      })
    )
  })
}
