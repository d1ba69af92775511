/** The limit of steps of a run that nothing else limits. */
import { assert, describe, it } from "@effect/vitest"
import { Agent, Budget, InvalidAgents, Model, Runtime, Specialist } from "@reins/runtime"
import type { QueryOptions, RuntimeOptions } from "@reins/runtime"
import { Probe, ScriptedModel } from "@reins/runtime/testing"
import { Cause, Context, Effect, Exit, Layer, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"
import * as Engines from "../../support/Engines.ts"
import * as Story from "../../support/Story.ts"

const Kit = Toolkit.make(Tool.dynamic("look", { parameters: { type: "object" }, success: Schema.Unknown }))

/** Looks at something else in each of `steps` steps, then answers; its specialist `reader` does so, too. */
const looking = (steps: number) =>
  ScriptedModel.make({
    respond: ({ metadata: { agent, step }, tools }) =>
      step > steps
        ? ScriptedModel.text("done")
        : ScriptedModel.calls([
            agent === "desk" && tools.some(({ name }) => name === "reader")
              ? { id: `c${step}`, name: "reader", args: { prompt: `${step}` } }
              : { id: `c${step}`, name: "look", args: { step } }
          ])
  })

interface Options {
  readonly budget?: Budget.Options | undefined
  readonly runtime?: Omit<RuntimeOptions<[]>, "agents"> | undefined
  readonly query?: QueryOptions | undefined
  readonly thread?: Budget.Options | undefined
  readonly specialist?: boolean | undefined
  readonly services?: Layer.Layer<never> | undefined
}

const ended = (steps: number, options: Options = {}) =>
  Effect.gen(function* () {
    const model = looking(steps)
    const reader = Specialist.make("reader", { description: "Reads", toolkit: Kit })
    const desk = Agent.make("desk", {
      toolkit: Kit,
      budget: options.budget === undefined ? undefined : Budget.make(options.budget),
      specialists: options.specialist === true ? [reader] : []
    })
    const live = Runtime.layer({ ...options.runtime, agents: [desk] }).pipe(
      Layer.provide([
        Kit.toLayer({ look: () => Effect.succeed("seen") }),
        Layer.succeed(Model, model),
        options.services ?? Layer.empty
      ])
    )
    const runtime = Context.get(yield* Layer.build(live), Runtime)
    if (options.thread !== undefined) yield* runtime.threads.limit("thread", Budget.make(options.thread))
    yield* runtime.start("go", { runId: "run", threadId: "thread", ...options.query })
    const probe = yield* Effect.provideService(Probe.watch("run"), Runtime, runtime)
    yield* probe.end
    Story.isWhole(probe.envelopes)
    return {
      asked: model.requests.length,
      finish: probe.of("finish")[0]?.finishReason,
      exhausted: probe.of("budget_exhausted").map(({ data }) => data)
    }
  }).pipe(Effect.scoped)

const stopped = (max: number, used = max) => ({
  asked: max,
  finish: "budget",
  exhausted: [{ limit: "maxSteps", max, used }]
})
const whole = { asked: 121, finish: "stop", exhausted: [] }

describe.each(Engines.all)("a run that nothing limits, %s", (_, services) => {
  it.effect.each<readonly [string, Options, object]>([
    ["ends after 100 steps as at any limit", {}, stopped(100)],
    ["counts its specialists' steps", { specialist: true, runtime: { defaultMaxSteps: 10 } }, stopped(10)],
    ["ends after as many steps as the runtime says", { runtime: { defaultMaxSteps: 3 } }, stopped(3)],
    ["ends at no step where that is lifted", { runtime: { defaultMaxSteps: false } }, whole],
    ["ends at no step where it is Infinity", { runtime: { defaultMaxSteps: Number.POSITIVE_INFINITY } }, whole],
    ["is limited though its budget has other entries", { budget: { maxDepth: 3, warnAt: 1 } }, stopped(100)],
    ["wraps up where its budget says so", { budget: { onExhausted: "wrap-up" } }, stopped(100, 99)]
  ])("%s", ([, options, expected]) =>
    Effect.gen(function* () {
      const seen = yield* ended(120, { ...options, services: services() })
      assert.deepStrictEqual<object>(seen, expected)
    })
  )

  it.effect.each<readonly [string, Options]>([
    ["a limit of steps", { budget: { maxSteps: 500 } }],
    ["a limit of the query's", { query: { budget: Budget.make({ maxToolCalls: 500 }) } }],
    ["a limit of tokens", { budget: { maxTotalTokens: 10_000_000 } }],
    ["a limit of time", { budget: { maxDuration: "1 hour" } }],
    ["a limit of the thread's", { thread: { maxSteps: 500 } }]
  ])("has its own limit: %s replaces the default", ([, options]) =>
    Effect.gen(function* () {
      assert.deepStrictEqual<object>(yield* ended(120, { ...options, services: services() }), whole)
    })
  )
})

describe("an invalid default limit of steps", () => {
  it.effect.each([-1, 1.5, Number.NaN])("is refused when the runtime is built: %s", (defaultMaxSteps) =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(ended(1, { runtime: { defaultMaxSteps } }))
      const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
      assert.instanceOf(error, InvalidAgents)
      assert.include(
        String(error),
        `Invalid option defaultMaxSteps: ${defaultMaxSteps}. Use a whole number of at least 0`
      )
    })
  )
})
