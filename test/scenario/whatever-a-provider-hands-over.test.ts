/**
 * Random responses, arguments, results, names and ids, drawn from the types of provider packages, through whole runs in memory and on
 * SQLite: each run is lawful and ends well, each call has one result, and every provider package accepts the request that follows.
 */
import type { LanguageModelV4CallOptions } from "@ai-sdk/provider"
import { assert, describe, it } from "@effect/vitest"
import { AiSdkModel, Models } from "@reins/models"
import { Agent, Model, type ModelRequest, Runtime } from "@reins/runtime"
import { Probe } from "@reins/runtime/testing"
import { Sqlite } from "@reins/store/sqlite"
import { ConfigProvider, Context, Effect, Layer, References, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { finish, type Part, streaming } from "../models/FakeModel.ts"
import * as Story from "../support/Story.ts"

const Numbers = Schema.Array(Schema.Natural.check(Schema.isLessThan(10_000))).check(
  Schema.isMinLength(30),
  Schema.isMaxLength(120)
)

/** Picks by the drawn numbers, one after the other; 0 once they are used up. */
class Draw {
  private at = 0
  private readonly numbers: ReadonlyArray<number>
  constructor(numbers: ReadonlyArray<number>) {
    this.numbers = numbers
  }
  below(most: number): number {
    return (this.numbers[this.at++] ?? 0) % most
  }
  of<A>(values: ReadonlyArray<A>, otherwise: A): A {
    return values[this.below(values.length)] ?? otherwise
  }
  several<A>(most: number, one: () => A): ReadonlyArray<A> {
    return Array.from({ length: this.below(most + 1) }, one)
  }
}

const names = ["look", "a.b", "a_b", "files/read", "The Planner", "3d", "é", "-", "x".repeat(100), "constructor"]
const ids = ["c1", "c1", "", "functions.look:0", "look|fc_1", "y".repeat(80), "budget/1", "c1_2", "__proto__"]
const inputs = ["{}", "", "null", '{"a":1}', '{"a":', "[1]", '"text"', "7", '{"__proto__":{"a":1}}', '{"a":"\\ud83d"}']
const png = "iVBORw0KGgo="

const own = (): unknown => {
  const cycle: { self?: unknown } = {}
  cycle.self = cycle
  return cycle
}
const results: ReadonlyArray<() => unknown> = [
  () => "",
  () => "ok",
  () => null,
  () => undefined,
  () => ({ at: new Date(0), n: Number.NaN }),
  () => new Map([["a", 1n]]),
  () => [1n],
  own,
  () => Symbol("no"),
  () => ({ content: [], type: "text" })
]

/** What a tool has its model shown in place of a result. */
const shown: ReadonlyArray<ReadonlyArray<object>> = [
  [],
  [{ type: "text", text: "" }],
  [
    { type: "text", text: "seen" },
    { type: "file", mediaType: "image/*", data: png }
  ]
]

const untyped = Schema.decodeUnknownSync(Schema.Any)

/** Tools of drawn names, each with a handler that answers or fails with something drawn. */
const toolsOf = (draw: Draw) => {
  const drawn = [...new Set(["look", ...draw.several(4, () => draw.of(names, "look"))])]
  const tools = drawn.map((name) => {
    const content = draw.of(shown, [])
    return Tool.dynamic(name, {
      parameters: draw.of([{ type: "object" }, {}, { type: "object", required: ["a"] }], {}),
      success: Schema.Unknown,
      failure: Schema.Unknown,
      ...(draw.below(3) === 0 ? { toModelOutput: () => untyped(content) } : {})
    })
  })
  const handlers = drawn.map((name) => {
    const value = draw.of(results, () => null)
    return [name, () => (draw.below(4) === 0 ? Effect.fail(value()) : Effect.sync(value))] as const
  })
  const kit = Toolkit.make(...tools)
  return Effect.provide(kit, kit.toLayer(untyped(Object.fromEntries(handlers))))
}

/** A response of drawn parts; it calls the tools by the names that it was told. */
const response = (draw: Draw, { tools = [] }: LanguageModelV4CallOptions): ReadonlyArray<Part> => {
  const metadata = () => (draw.below(3) === 0 ? { providerMetadata: { fake: { kept: "m" } } } : {})
  const texts = ["a", "", " ", "\ud83d", "\ude00", "long ".repeat(50)]
  const part = (): ReadonlyArray<Part> => {
    const id = draw.of(["0", "1", ""], "0")
    switch (draw.below(10)) {
      case 0:
        return [
          { type: "text-start", id, ...metadata() },
          { type: "text-delta", id, delta: draw.of(texts, "a") }
        ]
      case 1:
        return [
          { type: "text-delta", id, delta: draw.of(texts, "a") },
          { type: "text-end", id, ...metadata() }
        ]
      case 2:
        return [
          { type: "reasoning-start", id, ...metadata() },
          { type: "reasoning-delta", id, delta: draw.of(texts, "a") },
          { type: "reasoning-end", id, ...metadata() }
        ]
      case 3: {
        const toolCallId = draw.of(ids, "s")
        const call = { toolCallId, toolName: "search", ...metadata() }
        const ran: Part = { type: "tool-call", ...call, input: draw.of(inputs, "{}"), providerExecuted: true }
        return draw.below(3) === 0 ? [ran] : [ran, { type: "tool-result", ...call, result: { found: 1 } }]
      }
      case 4:
        return [{ type: "source", sourceType: "url", id, url: "https://example.org", title: "Example" }]
      case 5:
        return [
          { type: "raw", rawValue: { odd: 1n } },
          { type: "response-metadata", id: "r", modelId: "fake-2" }
        ]
      default: {
        const toolCallId = draw.of(ids, "c")
        const toolName =
          draw.below(5) === 0
            ? draw.of(names, "look")
            : draw.of(
                tools.map(({ name }) => name),
                "look"
              )
        return [
          { type: "tool-input-start", id: toolCallId, toolName },
          { type: "tool-input-delta", id: toolCallId, delta: "{" },
          { type: "tool-input-end", id: toolCallId },
          { type: "tool-call", toolCallId, toolName, input: draw.of(inputs, "{}"), ...metadata() }
        ]
      }
    }
  }
  const warnings = draw.several(2, () => ({ type: "unsupported" as const, feature: draw.of(["seed", "topK"], "seed") }))
  return [
    { type: "stream-start", warnings: [...warnings] },
    ...draw.several(6, part).flat(),
    finish(draw.of(["stop", "tool-calls", "other"] as const, "stop"))
  ]
}

/** Whether a provider's package makes a request of `request`, instead of refusing it. */
const isAccepted = (provider: string, request: ModelRequest) =>
  Effect.gen(function* () {
    let sent = false
    const port = yield* Models.fromConfig(provider, {
      fetch: () => {
        sent = true
        return Promise.resolve(Response.json({ error: { message: "no" } }, { status: 400 }))
      }
    })
    yield* Effect.exit(port.attempt(request, () => {}))
    return sent
  }).pipe(
    Effect.provide(
      ConfigProvider.layer(
        ConfigProvider.fromEnv({
          env: {
            OPENAI_API_KEY: "k",
            ANTHROPIC_API_KEY: "k",
            GOOGLE_GENERATIVE_AI_API_KEY: "k",
            MISTRAL_API_KEY: "k",
            GROQ_API_KEY: "k"
          }
        })
      )
    )
  )

const providers = [
  "openai-responses:m",
  "openai-chat:m",
  "anthropic:m",
  "google:m",
  "mistral:m",
  "groq:m",
  "openai-compatible:m@http://localhost:1/v1"
]

/** A run over two drawn responses and a last word. */
const run = (numbers: ReadonlyArray<number>, deployment: Layer.Layer<never>) =>
  Effect.gen(function* () {
    const draw = new Draw(numbers)
    const toolkit = toolsOf(draw)
    const model = streaming((options, index) => {
      const last: ReadonlyArray<Part> = [
        { type: "text-start", id: "0" },
        { type: "text-delta", id: "0", delta: "done" },
        finish()
      ]
      const parts = index < 2 ? response(draw, options) : last
      return new ReadableStream({
        start: (controller) => {
          for (const part of parts) controller.enqueue(part)
          controller.close()
        }
      })
    })
    const requests: Array<ModelRequest> = []
    const port = AiSdkModel.make(model)
    const watched = {
      ...port,
      attempt: (request: ModelRequest, emit: Parameters<typeof port.attempt>[1]) => {
        requests.push({ ...request, messages: [...request.messages] })
        return port.attempt(request, emit)
      }
    }
    const desk = Agent.make("desk", { toolkit, approvalFloor: "never" })
    const live = Runtime.layer({ agents: [desk] }).pipe(Layer.provide([Layer.succeed(Model, watched), deployment]))
    const runtime = Context.get(yield* Layer.build(live), Runtime)
    yield* runtime.start("go", { runId: "run", threadId: "thread" })
    const probe = yield* Effect.provideService(Probe.watch("run"), Runtime, runtime)
    yield* probe.end
    Story.isWhole(probe.envelopes)
    assert.include(["stop", "other"], probe.of("finish")[0]?.finishReason, JSON.stringify(probe.of("error")))
    const calls = probe.of("tool-invocation")
    const called = calls.filter(({ state }) => state === "call").map(({ toolInvocationId }) => toolInvocationId)
    const answered = calls.filter(({ state }) => state === "result").map(({ toolInvocationId }) => toolInvocationId)
    assert.deepStrictEqual(answered.toSorted(), called.toSorted())
    assert.strictEqual(new Set(called).size, called.length)
    const request = requests.at(-1)
    assert.isDefined(request)
    for (const provider of request === undefined ? [] : providers) {
      assert.isTrue(yield* isAccepted(provider, request), `${provider}: ${JSON.stringify(request?.messages)}`)
    }
  }).pipe(Effect.scoped, Effect.provideService(References.MinimumLogLevel, "None"))

describe("whatever a provider hands over", () => {
  it.live.prop("makes a lawful run, and a request that any takes: in memory", { numbers: Numbers }, ({ numbers }) =>
    run(numbers, Layer.empty)
  )

  it.live.prop(
    "makes a lawful run, and a request that any takes: on SQLite",
    { numbers: Numbers },
    ({ numbers }) => run(numbers, Layer.orDie(Sqlite.layer({ filename: ":memory:" }))),
    { arbitrary: { runs: 30 } }
  )
})
