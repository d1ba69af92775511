/**
 * What must not leave the house while content capture is off: a canary at each entry (prompt, arguments, results,
 * failures of tools, adapters, providers, MCP servers and stores, keys), and a look at every log line, span and error
 * body, in every dialect.
 */
import { APICallError } from "@ai-sdk/provider"
import { NodeHttpServer } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { ModelFailure } from "@reins/protocol"
import { AiSdkModel, ModelTelemetry, RunTelemetry } from "@reins/models"
import { Agent, Deployment, Model, type ModelPort, Runtime, Specialist } from "@reins/runtime"
import { type JournalStore, journalHost, MemoryJournal, StoreFailure } from "@reins/runtime/journal"
import { ScriptedModel } from "@reins/runtime/testing"
import { Server } from "@reins/server"
import { Sqlite } from "@reins/store/sqlite"
import { Cause, Context, Effect, Exit, Layer, Logger, References, Schema, Stream, Tracer } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { HttpServer } from "effect/http"
import { createServer } from "node:http"
import { inspect } from "node:util"
import { streaming } from "../models/FakeModel.ts"
import * as Queries from "./Queries.ts"
import * as Served from "./Served.ts"

const canary = (place: string) => `canary-${place}-7f3a`

/** Text of others, which stands in no error. */
const foreign = ["adapter", "thrown", "provider", "defect", "store", "schema", "key"].map(canary)
/** What is said in a run: a client may read it in the run's events, but it is in no log line or span. */
const content = ["prompt", "args", "result", "tool", "answer"].map(canary)

const value = Schema.Struct({ value: Schema.String })
const kit = Toolkit.make(
  Tool.make("good", { parameters: value, success: Schema.String }),
  Tool.make("failing", {
    parameters: value,
    success: Schema.String,
    failure: Schema.Struct({ message: Schema.String })
  }),
  Tool.make("crashing", { parameters: value, success: Schema.String }),
  Tool.make("gated", { parameters: value, success: Schema.String, needsApproval: true })
)
const handlers = kit.toLayer({
  good: () => Effect.succeed(canary("result")),
  failing: () => Effect.fail({ message: canary("tool") }),
  crashing: () => Effect.die(new Error(canary("defect"))),
  gated: () => Effect.succeed("done")
})

const untyped = Schema.decodeUnknownSync(Schema.Any)

const calls = (...names: ReadonlyArray<string>) =>
  ScriptedModel.calls(names.map((name, index) => ({ id: `c${index}`, name, args: { value: canary("args") } })))

const usage = { inputUncached: 1, outputText: 1 }

/** The ways in which a run goes wrong, by the model that is behind it. */
const models: { readonly [what: string]: () => ModelPort } = {
  "tools fail and crash": () =>
    ScriptedModel.make({ replies: [calls("good", "failing", "crashing"), ScriptedModel.text(canary("answer"))] }),
  "a custom adapter describes its failure": () => ({
    provider: "own",
    model: "o",
    attempt: () =>
      Effect.fail(
        new ModelFailure.InvalidRequest({ provider: canary("adapter"), model: "m", description: canary("adapter") })
      )
  }),
  "a custom adapter fails after it has spoken": () => ({
    provider: "own",
    model: "o",
    attempt: (_request, emit) =>
      Effect.suspend(() => {
        void emit([{ type: "text", text: canary("answer") }])
        return Effect.fail(
          new ModelFailure.ContentRefused({ provider: "own", model: "o", description: canary("adapter") })
        )
      })
  }),
  "an adapter throws": () => ({
    provider: "own",
    model: "o",
    attempt: () => {
      throw new Error(canary("thrown"))
    }
  }),
  "an adapter dies": () => ({ provider: "own", model: "o", attempt: () => Effect.die(new Error(canary("thrown"))) }),
  "an adapter fails with what is no reason": () => ({
    provider: "own",
    model: "o",
    attempt: () => untyped(Effect.fail(untyped(new Error(canary("thrown")))))
  }),
  "an adapter hands over what it may not": () => ({
    provider: "own",
    model: "o",
    attempt: (_request, emit) =>
      Effect.sync(() => {
        void emit(
          untyped([
            { type: canary("adapter") },
            { type: "text", text: { secret: canary("adapter") } },
            { type: "finish", reason: canary("adapter"), usage }
          ])
        )
      })
  }),
  "a provider answers with an error": () =>
    AiSdkModel.make(
      streaming(() => {
        throw new APICallError({
          message: canary("provider"),
          url: `https://provider.example/?key=${canary("key")}`,
          requestBodyValues: { prompt: canary("prompt") },
          statusCode: 400,
          responseBody: JSON.stringify({
            error: { message: canary("provider"), code: canary("provider"), type: canary("provider") }
          }),
          responseHeaders: { "x-key": canary("key") }
        })
      })
    ),
  "a provider breaks off with an error": () =>
    AiSdkModel.make(
      streaming(
        () =>
          new ReadableStream({
            start: (controller) => {
              controller.enqueue({ type: "error", error: { message: canary("provider"), key: canary("key") } })
              controller.close()
            }
          })
      )
    )
}

/** A store that fails after some commits, in the words of a database. */
const failingStore = (): JournalStore => {
  const store = MemoryJournal.make()
  let commits = 0
  const cause = Object.assign(new Error(canary("store")), {
    detail: canary("store"),
    code: "23505",
    parameters: [canary("prompt")]
  })
  return {
    ...store,
    commit: (batch) =>
      commits++ === 1 ? Effect.fail(new StoreFailure({ operation: "commit", cause })) : store.commit(batch)
  }
}

const deployments: { readonly [where: string]: () => Layer.Layer<never> } = {
  "in memory": () => Layer.empty,
  "on SQLite": () => Layer.orDie(Sqlite.layer({ filename: ":memory:", gatherMs: 0 })),
  "on a journal whose store fails": () =>
    Layer.succeed(Deployment.Deployment, journalHost(failingStore(), { gatherMs: 0, reopenMs: 1 }))
}

/**
 * All that operators see: log lines with their annotations and causes, spans with all that an exporter could write of
 * them.
 */
const watched = () => {
  const seen: Array<string> = []
  const tell = (what: unknown) =>
    seen.push(typeof what === "string" ? what : inspect(what, { depth: 12, showHidden: true, maxStringLength: null }))
  const logger = Logger.make(({ cause, fiber, message }) => {
    tell(message)
    tell(Cause.pretty(cause))
    tell(fiber.getRef(References.CurrentLogAnnotations))
  })
  const tracer = Tracer.make({
    span: (options) => {
      const span = new Tracer.NativeSpan(options)
      const end = span.end.bind(span)
      span.end = (at, exit) => {
        end(at, exit)
        tell(span.name)
        tell([...span.attributes])
        tell(span.events)
        if (Exit.isFailure(exit)) {
          tell(Cause.pretty(exit.cause))
          tell(exit.cause)
        }
      }
      return span
    }
  })
  return { seen, layer: Layer.mergeAll(Logger.layer([logger]), Layer.succeed(Tracer.Tracer, tracer)) }
}

const desk = Agent.make("desk", { toolkit: kit })
const typed = Specialist.make("typed", {
  description: "Counts",
  output: Schema.Struct({ n: Schema.Finite.check(Schema.makeFilter((n) => n > 3 || `${canary("schema")} ${n}`)) })
})

const serve = Effect.fnUntraced(function* (model: ModelPort, deployment: Layer.Layer<never>) {
  const { layer, seen } = watched()
  const runtime = Runtime.layer({ agents: [desk], modelRetries: 0, modelRetryDelay: 0 }).pipe(
    Layer.provide([handlers, ModelTelemetry.layer(Layer.succeed(Model, model)), RunTelemetry.layer, deployment])
  )
  const live = Server.serve({ dialects: Served.dialects }).pipe(
    Layer.provide([Served.keys, runtime]),
    Layer.provideMerge(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" })),
    Layer.provide(layer)
  )
  const { address } = Context.get(yield* Layer.build(live), HttpServer.HttpServer)
  const url = `http://127.0.0.1:${"port" in address ? address.port : 0}`
  const ask = (path: string, body: unknown, headers: { readonly [name: string]: string } = {}) =>
    Effect.promise(async () => {
      const response = await fetch(url + path, {
        method: body === undefined ? "GET" : "POST",
        headers: { authorization: "Bearer dev-key", ...headers },
        ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) })
      })
      return { status: response.status, text: await response.text() }
    })
  return { ask, seen }
})

/** A query in each dialect. */
const queries = Queries.all(canary("prompt"))

const holdsNone = (said: string, canaries: ReadonlyArray<string>, where: string) => {
  for (const each of canaries) assert.notInclude(said, each, where)
}

/** SQLite differs by its statements alone. */
const on = (where: string) =>
  Object.entries(models).filter(([what]) => where !== "on SQLite" || what === "tools fail and crash")

describe.each(Object.entries(deployments))(
  "the content of a run and the cause of its failure, %s",
  (where, deployment) => {
    it.live.each(on(where))("do not leave it when %s", ([what, model]) =>
      Effect.gen(function* () {
        const { ask, seen } = yield* serve(model(), deployment())
        let answered = 0
        for (const { body, path } of queries) {
          const told = yield* ask(path, body)
          holdsNone(told.text, foreign, `${path}: ${what}`)
          if (told.status >= 400) holdsNone(told.text, content, `${path}: ${what}`)
          if (told.status < 400 || told.status >= 500) answered++
        }
        assert.isAbove(answered, 8)
        assert.isAbove(seen.filter((one) => one.includes("gen_ai")).length, 0)
        assert.deepStrictEqual(
          seen.filter((one) => one.startsWith("sql.")),
          []
        )
        holdsNone(seen.join("\n"), [...foreign, ...content], `an operator: ${what}`)
      }).pipe(Effect.scoped)
    )
  }
)

describe("an answer that its schema refuses", () => {
  it.live.each([false, true])("is in the run's error only with content capture: %s", (captureContent) =>
    Effect.gen(function* () {
      const { layer, seen } = watched()
      const model = ScriptedModel.make({ respond: () => ScriptedModel.text('{"n": 1}') })
      const live = Runtime.layer({ agents: [typed], captureContent }).pipe(
        Layer.provide([ModelTelemetry.layer(Layer.succeed(Model, model)), RunTelemetry.layer])
      )
      const events = yield* Effect.gen(function* () {
        const runtime = yield* Runtime
        return yield* Stream.runCollect(runtime.runSpecialist(typed, "count"))
      }).pipe(Effect.provide(Layer.provideMerge(live, layer)))
      const errors = JSON.stringify(events.filter(({ type }) => type === "error"))
      assert.include(errors, "E_OUTPUT_INVALID")
      assert.strictEqual(errors.includes(canary("schema")), captureContent)
      holdsNone(seen.join("\n"), [canary("schema")], "an operator")
    }).pipe(Effect.scoped)
  )
})

describe("a request's content", () => {
  it.live("is in no error body, log line or span of any dialect", () =>
    Effect.gen(function* () {
      const { ask, seen } = yield* serve(ScriptedModel.make({ respond: () => ScriptedModel.text("hi") }), Layer.empty)
      const wrong = {
        prompt: { text: canary("prompt") },
        messages: [{ role: canary("prompt") }],
        input: 7,
        text: 9,
        content: [],
        id: {},
        message: canary("args")
      }
      for (const { body, path } of queries) {
        for (const sent of [wrong, `{"a": "${canary("prompt")}`, `["${canary("prompt")}"]`]) {
          const told = yield* ask(path, sent)
          assert.isAtLeast(told.status, 400, path)
          holdsNone(told.text, content, path)
        }
        for (const headers of [
          { authorization: `Bearer ${canary("key")}` },
          { authorization: "", "x-api-key": canary("key") }
        ]) {
          const told = yield* ask(path, body, headers)
          assert.strictEqual(told.status, 401, path)
          holdsNone(told.text, [...foreign, ...content], path)
        }
      }
      holdsNone(seen.join("\n"), [...foreign, ...content], "an operator")
    }).pipe(Effect.scoped)
  )
})
