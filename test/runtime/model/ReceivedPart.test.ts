/**
 * What an adapter without types may hand over, through whole runs on every engine: each case has one outcome, and any
 * sequence of invalid parts makes the same valid log, thread and ledger in memory, on a journal and on SQLite.
 */
import { assert, describe, it } from "@effect/vitest"
import { ModelFailure } from "@reins/protocol"
import { Agent, Model, type ModelPort, Prices, Runtime } from "@reins/runtime"
import { Probe } from "@reins/runtime/testing"
import { Sqlite } from "@reins/store/sqlite"
import { Context, Effect, Layer, References, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"
import * as Engines from "../../support/Engines.ts"
import * as Story from "../../support/Story.ts"

const untyped = Schema.decodeUnknownSync(Schema.Any)

const usage = { inputUncached: 10, outputText: 10 }
const finish = { type: "finish", reason: "stop", usage }
const say = { type: "text", text: "so" }

const cycle = (): unknown => {
  const made: { self?: unknown } = {}
  made.self = made
  return made
}
class Instance {
  readonly own = "member"
}

const work = Tool.dynamic("work", { parameters: { type: "object" }, success: Schema.Unknown, failure: Schema.Unknown })
const kit = Toolkit.make(work)
const prices = Prices.layerTable({ "hostile/h": { inputPerMillionUsd: 1, outputPerMillionUsd: 2 } })

/** A run whose model hands over each of `answers` in turn, and a last word after them. */
const run = Effect.fnUntraced(function* (
  answers: ReadonlyArray<() => unknown>,
  services: Layer.Layer<never>,
  fail?: unknown
) {
  let asked = 0
  const model: ModelPort = {
    provider: "hostile",
    model: "h",
    attempt: (_request, emit) =>
      Effect.suspend(() => {
        const parts = (answers[asked++] ?? (() => [say, finish]))()
        void emit(untyped(parts))
        return fail === undefined ? Effect.void : Effect.fail(untyped(fail))
      })
  }
  const agent = Agent.make("solo", { toolkit: Effect.provide(kit, kit.toLayer({ work: () => Effect.succeed("ran") })) })
  const live = Runtime.layer({ agents: [agent], modelRetries: 0, modelRetryDelay: 0 }).pipe(
    Layer.provide([Layer.succeed(Model, model), services, prices])
  )
  const runtime = Context.get(yield* Layer.build(live), Runtime)
  yield* runtime.start("go", { runId: "run", threadId: "thread" })
  const probe = yield* Effect.provideService(Probe.watch("run"), Runtime, runtime)
  yield* probe.end
  Story.isWhole(probe.envelopes)
  Story.addsUp(probe.of("data-cost-summary")[0]?.data)
  assert.strictEqual(probe.of("finish").length + probe.of("error").length, 1)
  return { probe, thread: yield* runtime.threads.get("thread") }
})

/**
 * A finished run's outcome in the terms of a case: how it failed, else what the thread has and what it was warned of.
 */
const outcome = ({ probe, thread }: Effect.Success<ReturnType<typeof run>>) => {
  const [error] = probe.of("error")
  if (error !== undefined) return { failed: `${error.error.code}: ${error.error.message.replace(/^.*?: /, "")}` }
  const warnings = probe.of("custom").map(({ data }) => Reflect.get(Object(data), "message"))
  return { said: thread.flatMap(({ content, role }) => (role === "assistant" ? content : [])), warnings }
}

const refused = (clause: string) => ({ failed: `E_INVALID_MODEL_OUTPUT: it emitted ${clause}` })
const kept = (...said: ReadonlyArray<object>) => ({ said, warnings: [] })
const leftOut = (warning: string, ...said: ReadonlyArray<object>) => ({ said, warnings: [warning] })

const noType = "The model's adapter emitted a part of an unknown type. It was left out."
const noMetadata = "The model's adapter emitted metadata that is not a JSON object. It was left out."
const noSource = "The model's adapter emitted a source without an id, or of an unknown type. It was left out."
const noBytes = "The model's adapter emitted a file without bytes. It was left out."
const noCount = "The model's adapter reported an invalid token count. The usage is estimated."

const call = (over: object) => [{ type: "tool-call", id: "1", name: "work", args: {}, execution: "provider", ...over }]
const result = (over: object) => [...call({}), { type: "tool-result", id: "1", name: "work", result: 1, ...over }]
const withMetadata = (metadata: unknown) => [{ ...say, metadata }]
const file = (over: object) => [{ type: "file", mediaType: "image/png", data: "aGk=", ...over }]

const cases: ReadonlyArray<readonly [string, () => ReadonlyArray<unknown>, object]> = [
  ["a part that is null", () => [null], refused("a part that is not an object")],
  ["a part that is an array", () => [[]], refused("a part that is not an object")],
  ["a part of an unknown type", () => [{ type: "video" }, say], leftOut(noType, say)],
  ["a part without a type", () => [{ text: "so" }, say], leftOut(noType, say)],
  [
    "text that is a number",
    () => [{ type: "text", text: 1 }],
    refused('a "text" part with a text that is not a string')
  ],
  ["text that is missing", () => [{ type: "text" }], refused('a "text" part with a text that is not a string')],
  [
    "reasoning that is an object",
    () => [{ type: "reasoning", text: {} }],
    refused('a "reasoning" part with a text that is not a string')
  ],
  [
    "a part's key that is a number",
    () => [
      { ...say, part: 0 },
      { ...say, part: 0 }
    ],
    kept({ ...say, text: "soso" })
  ],
  [
    "metadata with absent members",
    () => withMetadata({ p: { a: undefined, b: 1 } }),
    kept({ ...say, metadata: { p: { b: 1 } } })
  ],
  [
    "metadata with a date",
    () => withMetadata({ p: new Date(0) }),
    kept({ ...say, metadata: { p: "1970-01-01T00:00:00.000Z" } })
  ],
  [
    "metadata with an instance",
    () => withMetadata({ p: new Instance() }),
    kept({ ...say, metadata: { p: { own: "member" } } })
  ],
  [
    "a source without its address",
    () => [{ type: "source", source: { id: "s", sourceType: "url" } }, say],
    leftOut(noSource, say)
  ],
  [
    "a source of an unknown type",
    () => [{ type: "source", source: { id: "s", sourceType: "map" } }, say],
    leftOut(noSource, say)
  ],
  ["a source that is null", () => [{ type: "source", source: null }, say], leftOut(noSource, say)],
  [
    "input that is an object",
    () => [{ type: "tool-input", id: "1", name: "work", text: {} }],
    refused('a "tool-input" part with a text that is not a string')
  ],
  [
    "input without a name",
    () => [{ type: "tool-input", id: "1", text: "{" }],
    refused('a "tool-input" part with a name that is not a string')
  ],
  ["metadata with a BigInt", () => withMetadata({ p: 1n }), leftOut(noMetadata, say)],
  ["metadata with a cycle", () => withMetadata({ p: cycle() }), leftOut(noMetadata, say)],
  ["metadata that is text", () => withMetadata("m"), leftOut(noMetadata, say)],
  ["metadata that is null", () => withMetadata(null), kept(say)],
  ["a file of bytes", () => file({ data: new Uint8Array([104, 105]) }), kept(file({})[0] ?? {})],
  ["a file without bytes", () => [...file({ data: undefined }), say], leftOut(noBytes, say)],
  ["a file of no bytes", () => [...file({ data: new Uint8Array() }), say], leftOut(noBytes, say)],
  [
    "a file that is a number",
    () => file({ data: 7 }),
    refused('a "file" part with data that is neither a string nor bytes')
  ],
  [
    "a file without a media type",
    () => file({ mediaType: null }),
    refused('a "file" part with a mediaType that is not a string')
  ],
  [
    "a call's id that is a number",
    () => call({ id: 1 }),
    refused('a "tool-call" part with an id that is not a string')
  ],
  [
    "a call's name that is missing",
    () => call({ name: undefined }),
    refused('a "tool-call" part with a name that is not a string')
  ],
  [
    "arguments with a date",
    () => call({ args: { at: new Date(0) } }),
    refused('a "tool-call" part with args that are not JSON')
  ],
  [
    "arguments with a BigInt",
    () => call({ args: { n: 1n } }),
    refused('a "tool-call" part with args that are not JSON')
  ],
  ["arguments in a cycle", () => call({ args: cycle() }), refused('a "tool-call" part with args that are not JSON')],
  [
    "a result's id that is missing",
    () => result({ id: undefined }),
    refused('a "tool-result" part with an id that is not a string')
  ],
  [
    "a result's name that is a number",
    () => result({ name: 1 }),
    refused('a "tool-result" part with a name that is not a string')
  ],
  [
    "a result that is a BigInt",
    () => result({ result: 1n }),
    refused('a "tool-result" part with a result that is not JSON')
  ],
  [
    "a result with a date",
    () => result({ result: { at: new Date(0) }, isFailure: "no" }),
    kept(call({})[0] ?? {}, { type: "tool-result", id: "1", name: "work", result: { at: "1970-01-01T00:00:00.000Z" } })
  ],
  ["a warning without words", () => [{ type: "warning", message: 1 }, say], kept(say)],
  ["a model's name that is a number", () => [{ type: "response", model: 1 }, say], kept(say)],
  ["usage that is text", () => [{ type: "usage", usage: "10" }, say], leftOut(noCount, say)],
  ["counts that are text", () => [{ type: "usage", usage: { inputUncached: "10" } }, say], leftOut(noCount, say)]
]

const engines = [...Engines.all, ["on SQLite", () => Layer.orDie(Sqlite.layer({ filename: ":memory:" }))] as const]

describe.each(engines)("the parts of a model port, %s", (_where, services) => {
  it.live.each(cases)("have one outcome: %s", ([, parts, expected]) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(outcome(yield* run([() => [...parts(), finish]], services())), expected)
    }).pipe(Effect.scoped)
  )

  it.live("fail the run when they are not an array", () =>
    Effect.gen(function* () {
      const failed = outcome(yield* run([() => "so"], services()))
      assert.deepStrictEqual(failed, { failed: "E_INVALID_MODEL_OUTPUT: it emitted parts that are not an array" })
    }).pipe(Effect.scoped)
  )

  it.live("with an unknown finish reason end normally", () =>
    Effect.gen(function* () {
      const { probe } = yield* run([() => [say, { ...finish, reason: { no: "reason" } }]], services())
      assert.deepStrictEqual(probe.of("finish")[0]?.finishReason, "other")
    }).pipe(Effect.scoped)
  )

  it.live("that fail with any error have a reason that the log can store", () =>
    Effect.gen(function* () {
      const broken = new ModelFailure.InvalidRequest({ provider: "hostile", model: "h" })
      Object.defineProperty(broken, "description", { value: { n: 1n }, enumerable: true })
      const { probe } = yield* run([() => []], services(), broken)
      assert.strictEqual(probe.of("error")[0]?.error.code, "E_MODEL_FAILED_UNKNOWN")
    }).pipe(Effect.scoped, Effect.provideService(References.MinimumLogLevel, "None"))
  )
})

/** Values that no typed adapter hands over, made anew for each engine. */
const hostile: ReadonlyArray<() => unknown> = [
  () => undefined,
  () => null,
  () => 7,
  () => Number.NaN,
  () => -1,
  () => 2 ** 53,
  () => "x",
  () => "\ud83d\0",
  () => "",
  () => true,
  () => [],
  () => ({}),
  () => 1n,
  () => new Date(0),
  () => new Map([["a", 1]]),
  () => Symbol("no"),
  () => () => "no",
  cycle,
  () => new Instance(),
  () => new Uint8Array([1]),
  () => ({ a: undefined, b: new Date(0) }),
  () => untyped(JSON.parse('{"__proto__":{"a":1},"constructor":1}')),
  () => ({ inputUncached: "1", outputText: 5, other: 1 }),
  () => ({ inputUncached: 3, outputText: 4 })
]

const types = [
  "text",
  "reasoning",
  "tool-input",
  "tool-call",
  "tool-result",
  "file",
  "source",
  "response",
  "warning",
  "usage",
  "finish",
  "x"
]
const members = [
  "text",
  "part",
  "metadata",
  "id",
  "name",
  "args",
  "execution",
  "result",
  "isFailure",
  "begins",
  "purpose",
  "source",
  "mediaType",
  "data",
  "message",
  "model",
  "usage",
  "reason"
]

/** A good part of a type, and what is put in its place: a member's name and a hostile value. */
const Part = Schema.Tuple([
  Schema.Literals(types),
  Schema.NullOr(Schema.Literals(members)),
  Schema.Natural.check(Schema.isLessThan(hostile.length))
])
const Parts = Schema.Array(Part).check(Schema.isMaxLength(5))

const partOf = ([type, member, value]: Schema.Schema.Type<typeof Part>): unknown => {
  const good = {
    text: "so",
    id: "1",
    name: "work",
    args: {},
    result: 1,
    mediaType: "image/png",
    data: "aGk=",
    message: "w",
    source: { id: "s", sourceType: "url", url: "https://acme.test" },
    usage,
    reason: "stop"
  }
  const bad = hostile[value]?.()
  return value === 0 && member === null ? bad : { type, ...good, ...(member === null ? {} : { [member]: bad }) }
}

/** All that a run leaves, without what is measured in time. */
const trace = ({ probe, thread }: Effect.Success<ReturnType<typeof run>>) => ({
  log: probe.envelopes.flatMap(({ agentPath, event }) =>
    event.type === "data-latency-summary" ? [] : [{ agentPath, event: untimed(event) }]
  ),
  thread
})

const untimed = (event: unknown): unknown =>
  JSON.parse(JSON.stringify(event, (name, value: unknown) => (/At$|Ms$/.test(name) ? undefined : value)))

describe("any parts of a model port", () => {
  it.live.prop(
    "make one valid log, thread and ledger on every engine",
    { first: Parts, second: Parts, ends: Schema.Boolean },
    ({ ends, first, second }) =>
      Effect.gen(function* () {
        const answers = [first, second].map((parts) => () => [...parts.map(partOf), ...(ends ? [finish] : [])])
        const [inMemory, ...others] = yield* Effect.forEach(engines, ([, services]) =>
          Effect.map(Effect.scoped(run(answers, services())), trace)
        )
        for (const other of others) assert.deepStrictEqual(other, inMemory)
      }).pipe(Effect.provideService(References.MinimumLogLevel, "None")),
    { arbitrary: { runs: 150 } }
  )
})
