/** Tenants with model keys of their own on one runtime: none is used for another, and none is told to anybody. */
import { assert, describe, it } from "@effect/vitest"
import { ModelFailure } from "@reins/protocol"
import { RunTelemetry } from "@reins/models"
import { Agent, Deployment, Model, ModelCredentials, type ModelPort, Runtime } from "@reins/runtime"
import { journalHost, MemoryJournal } from "@reins/runtime/journal"
import { createRuntime } from "@reins/runtime/promise"
import { ScriptedModel } from "@reins/runtime/testing"
import { Context, Effect, Layer, Logger, Redacted, References, Schema, Stream, Tracer } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { TestClock } from "effect/testing"

class Other extends Context.Service<Other, ModelPort>()("test/Other") {}

const Look = Tool.make("look", { parameters: Schema.Struct({}), success: Schema.String })
class Kit extends Toolkit.make(Look) {}

const Solo = Agent.make("solo", { toolkit: Kit, fallbacks: [Other], models: { other: Other } })

const quiet = Effect.provideService(References.MinimumLogLevel, "None")

/** Answers after one call; rejects keys that are not in `valid`, where that is given. */
const port = (provider: string, valid?: Set<string>) =>
  ScriptedModel.make({
    provider,
    model: `${provider}-1`,
    respond: (request) => {
      const key = request.key === undefined ? "own" : Redacted.value(request.key)
      if (valid?.has(key) === false) {
        return ScriptedModel.failure(
          new ModelFailure.AuthenticationFailed({ provider, model: `${provider}-1`, description: key })
        )
      }
      return ScriptedModel.lastResults(request).length > 0
        ? ScriptedModel.text(`${provider} with ${key.length > 3 ? "a key" : key}`)
        : ScriptedModel.calls([{ id: "c", name: "look", args: {} }])
    }
  })

const served = (
  lookup: ModelCredentials.Lookup,
  models: { readonly first: ModelPort; readonly other: ModelPort },
  deployment: Layer.Layer<never> = Layer.empty
) =>
  Runtime.layer({ agents: [Solo], modelRetryDelay: 1, logs: true }).pipe(
    Layer.provide([
      RunTelemetry.layer,
      Kit.toLayer({ look: () => Effect.succeed("seen") }),
      Layer.succeed(Model, models.first),
      Layer.succeed(Other, models.other),
      ModelCredentials.layer(lookup),
      deployment
    ])
  )

const outcome = (options: Parameters<Runtime["Service"]["complete"]>[1]) =>
  Effect.flatMap(Runtime, (runtime) =>
    Effect.match(runtime.complete("hi", options), {
      onSuccess: ({ output }) => output,
      onFailure: (error) => error.reason
    })
  )

const shown = (_: string, value: unknown) => (typeof value === "bigint" ? String(value) : value)

const keysIn = (model: ScriptedModel.ScriptedModel) =>
  model.requests.map(({ key }) => (key === undefined ? undefined : Redacted.value(key)))

describe("the credentials of a tenant", () => {
  it.effect("are looked up by tenant, principal and provider before each request, so that a rotated key is next", () =>
    Effect.gen(function* () {
      const asked: Array<ModelCredentials.Asked> = []
      let count = 0
      const find = (one: ModelCredentials.Asked) =>
        Effect.sync(() => {
          asked.push(one)
          return { apiKey: `key-${++count}`, baseURL: "https://models.acme.example" }
        })
      const models = { first: port("a"), other: port("b") }
      const said = yield* Effect.provide(outcome({ resourceId: "acme", principal: "ann" }), served({ find }, models))
      assert.strictEqual(said, "a with a key")
      assert.deepStrictEqual(asked[0], { resourceId: "acme", principal: "ann", provider: "a", model: "a-1" })
      // The first is asked before the run starts.
      assert.deepStrictEqual(keysIn(models.first), ["key-2", "key-3"])
      assert.strictEqual(models.first.requests[0]?.baseURL, "https://models.acme.example")
    })
  )

  it.effect("are refused by name before anything is spent, where a tenant has none", () =>
    Effect.gen(function* () {
      const models = { first: port("a"), other: port("b") }
      const find = ({ provider, resourceId }: ModelCredentials.Asked) =>
        Effect.succeed(resourceId === "half" && provider === "b" ? { apiKey: "b-key" } : undefined)
      const layer = served({ find }, models)
      const none = yield* Effect.provide(outcome({ resourceId: "poor" }), layer)
      assert.deepInclude(none, { _tag: "CredentialsMissing", provider: "a", tenant: "poor" })
      assert.include(typeof none === "string" ? none : none.message, 'Tenant "poor" has no credentials for a')
      assert.strictEqual(models.first.requests.length + models.other.requests.length, 0)
      // One that has a key for a fallback's provider only is answered by the fallback.
      assert.strictEqual(yield* Effect.provide(outcome({ resourceId: "half" }), layer), "b with a key")
      assert.strictEqual(models.first.requests.length, 0)
      assert.strictEqual(yield* Effect.provide(outcome({ resourceId: "half", model: "other" }), layer), "b with a key")
      // A query's own key needs none of the tenant's.
      assert.strictEqual(
        yield* Effect.provide(outcome({ resourceId: "poor", providerKeys: { a: "mine" } }), layer),
        "a with a key"
      )
    })
  )

  it.effect("that are shared are the model's own", () =>
    Effect.gen(function* () {
      const models = { first: port("a"), other: port("b") }
      const said = yield* Effect.provide(outcome({}), served({ find: () => Effect.succeed("shared") }, models))
      assert.strictEqual(said, "a with own")
    })
  )

  it.effect("are kept as long as the lookup says, and looked up again when the provider rejects them", () =>
    Effect.gen(function* () {
      let key = "key-1"
      let asked = 0
      const find = () =>
        Effect.sync(() => {
          asked++
          return { apiKey: key }
        })
      const valid = new Set(["key-1"])
      const models = { first: port("a", valid), other: port("b", new Set()) }
      yield* Effect.gen(function* () {
        assert.strictEqual(yield* outcome({}), "a with a key")
        assert.strictEqual(yield* outcome({}), "a with a key")
        assert.strictEqual(asked, 1)
        // Rotated: the old key is rejected, and the request sent with the new one.
        key = "key-2"
        valid.clear()
        valid.add("key-2")
        assert.strictEqual(yield* outcome({}), "a with a key")
        assert.deepStrictEqual(keysIn(models.first).slice(4), ["key-1", "key-2", "key-2"])
        assert.strictEqual(asked, 2)
        yield* TestClock.adjust("2 minutes")
        assert.strictEqual(yield* outcome({}), "a with a key")
        assert.strictEqual(asked, 3)
        // One that stays rejected is said to be the tenant's, without the key.
        valid.clear()
        const failed = yield* outcome({})
        assert.deepInclude(failed, { _tag: "AuthenticationFailed", key: "tenant" })
        assert.notInclude(JSON.stringify(failed), "key-2")
      }).pipe(Effect.provide(served({ find, cacheFor: "1 minute" }, models)))
    })
  )

  it.effect("that cannot be looked up make a retryable failure, and cost nothing", () =>
    Effect.gen(function* () {
      const models = { first: port("a"), other: port("b") }
      let asked = 0
      const find = () => Effect.suspend(() => (asked++ < 2 ? Effect.fail("down") : Effect.succeed({ apiKey: "late" })))
      const fiber = yield* Effect.forkChild(Effect.provide(outcome({}), served({ find }, models)))
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(fiber.pollUnsafe()?._tag, "Success")
      assert.deepStrictEqual(keysIn(models.first), ["late", "late"])
    })
  )

  it.effect("are those of the run's own tenant in every request, and in no event, log line, span or journal", () =>
    Effect.gen(function* () {
      const told: Array<string> = []
      const heard = Logger.make(({ cause, message }) => void told.push(`${JSON.stringify(message)} ${String(cause)}`))
      const spans: Array<Tracer.NativeSpan> = []
      const tracer = Tracer.make({
        span: (options) => {
          const span = new Tracer.NativeSpan(options)
          spans.push(span)
          return span
        }
      })
      for (let seed = 0; seed < 12; seed++) {
        const journal = MemoryJournal.make()
        const turn = (tenant: string, provider: string) => `CANARY-${tenant}-${provider}-${seed}`
        // Rejected keys are looked up again, too.
        const rejects = seed % 3 === 0
        const ports = {
          first: port("a", rejects ? new Set() : undefined),
          other: port("b")
        }
        const find = ({ provider, resourceId }: ModelCredentials.Asked) =>
          Effect.as(seed % 2 === 0 ? Effect.yieldNow : Effect.void, { apiKey: turn(resourceId, provider) })
        const lookup = { find, ...(seed % 4 < 2 ? { cacheFor: "1 hour" as const } : {}) }
        yield* Effect.gen(function* () {
          const runtime = yield* Runtime
          const runs = yield* Effect.forEach(
            Array.from({ length: 8 }, (_, index) => ((index * (seed + 1)) % 3 === 0 ? "acme" : "umbrella")),
            (resourceId, index) =>
              runtime.start("hi", { resourceId, runId: `${resourceId}-${index}`, threadId: `t-${index}` }),
            { concurrency: "unbounded" }
          )
          for (const { envelopes } of runs) {
            const all = yield* Stream.runCollect(envelopes)
            told.push(JSON.stringify(all))
          }
        }).pipe(
          Effect.provide(served(lookup, ports, Layer.succeed(Deployment.Deployment, journalHost(journal)))),
          Effect.provide([Logger.layer([heard]), Layer.succeed(Tracer.Tracer, tracer)])
        )
        for (const { key, metadata } of [...ports.first.requests, ...ports.other.requests]) {
          const [tenant = ""] = metadata.runId.split("-")
          assert.include(key === undefined ? "" : Redacted.value(key), `CANARY-${tenant}-`, `seed ${seed}`)
        }
        assert.isAbove(ports.first.requests.length, 7)
        told.push(
          ...Array.from({ length: 8 }, (_, index) => ["acme", "umbrella"].map((one) => `${one}-${index}`))
            .flat()
            .flatMap((runId) => journal.exportRun(runId))
        )
      }
      told.push(
        ...spans.map(({ attributes, events, name }) => `${name} ${JSON.stringify([...attributes, events], shown)}`)
      )
      assert.isAbove(spans.length, 100)
      assert.isAbove(told.length, 100)
      assert.deepStrictEqual(
        told.filter((text) => text.includes("CANARY")),
        []
      )
    })
  )

  it.effect("are found again by the next owner of a run, since its record names its tenant and principal", () =>
    Effect.gen(function* () {
      const journal = MemoryJournal.make()
      const find = ({ principal, resourceId }: ModelCredentials.Asked) =>
        Effect.succeed({ apiKey: `${resourceId}/${principal}` })
      const models = { first: port("a"), other: port("b") }
      const layer = served({ find }, models, Layer.succeed(Deployment.Deployment, journalHost(journal)))
      yield* Effect.provide(outcome({ resourceId: "acme", principal: "ann" }), layer)
      assert.deepStrictEqual(keysIn(models.first), ["acme/ann", "acme/ann"])
    }).pipe(quiet)
  )

  it("are looked up by a function without Effect", async () => {
    const model = port("a")
    await using runtime = createRuntime({
      model,
      credentials: {
        find: ({ resourceId }) => (resourceId === "acme" ? Promise.resolve({ apiKey: "acme-key" }) : undefined)
      },
      tools: { look: { description: "Looks", parameters: { type: "object", properties: {} }, execute: () => "seen" } },
      agents: [{ name: "solo", tools: ["look"] }]
    })
    await runtime.complete("hi", { resourceId: "acme" })
    assert.deepStrictEqual(keysIn(model), ["acme-key", "acme-key"])
    const refused = await runtime.complete("hi", { resourceId: "poor" }).catch((error: unknown) => error)
    assert.include(String(refused), 'Tenant "poor" has no credentials for a')
  })
})

describe("a lookup of credentials with an invalid option", () => {
  const built = (services: Layer.Layer<never>) =>
    Effect.map(
      Effect.exit(
        Effect.scoped(
          Layer.build(
            Runtime.layer({ agents: [Agent.make("plain", {})] }).pipe(
              Layer.provide([Layer.succeed(Model, port("a")), services])
            )
          )
        )
      ),
      String
    )
  const find = () => Effect.succeed({ apiKey: "key" })

  it.effect("is refused when its layer is built, by the option, its value and the cure", () =>
    Effect.gen(function* () {
      const said = 'Invalid option cacheFor: "soon". Use milliseconds, or text such as "2 seconds"'
      assert.include(yield* built(ModelCredentials.layer({ find, cacheFor: "soon" as never })), said)
      assert.include(yield* built(ModelCredentials.layer({ find, cacheFor: -1 })), "Invalid option cacheFor: -1")
      const misspelt = { find, cachedFor: "1 minute" } as ModelCredentials.Lookup
      assert.include(yield* built(ModelCredentials.layer(misspelt)), "Unknown option cachedFor")
    })
  )

  it.effect("is refused by the runtime where it has no layer of ours", () =>
    Effect.gen(function* () {
      const lookup = { find, cacheFor: NaN }
      const said = yield* built(Layer.succeed(ModelCredentials.ModelCredentials, lookup))
      assert.include(said, "Invalid option cacheFor: NaN")
      assert.include(said, "InvalidAgents")
    })
  )
})
