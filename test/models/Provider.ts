/** A provider on the loopback interface, and whole runs that call it through a real provider package. */
import { NodeHttpServer } from "@effect/platform-node"
import { AiSdkModel } from "@reins/models"
import { ProviderPackage, RecordedProvider, type Recording, SmallAnswer } from "@reins/models/testing"
import { Ordering } from "@reins/protocol"
import { Agent, Model, Runtime, type RuntimeOptions } from "@reins/runtime"
import { assert } from "@effect/vitest"
import { Effect, Layer, Stream } from "effect"
import { createServer } from "node:http"

export const { RecordedProvider: Provider, page, recorded, refusal } = RecordedProvider

export const layer = Provider.layer.pipe(
  Layer.provide(NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1", gracefulShutdownTimeout: 0 }))
)

export const apis = ["chat", "responses", "anthropic", "google", "cohere"] as const

const folders = {
  chat: "openai-chat",
  responses: "openai-responses",
  anthropic: "anthropic",
  google: "google",
  cohere: "cohere"
} as const

/** A recording of payloads made in the test. */
export const recordingOf = (api: Recording.Api, payloads: ReadonlyArray<unknown>): Recording.Recording => ({
  api,
  folder: folders[api],
  name: "made here",
  payloads: payloads.map((payload) => JSON.stringify(payload))
})

export const small = (api: Recording.Api, deltas: ReadonlyArray<string>) => SmallAnswer.text(api, deltas)

/** The port over the real package of an API. */
export const modelOf = (api: Recording.Api, options: AiSdkModel.Options = {}) =>
  Effect.gen(function* () {
    const provider = yield* Provider
    const { model } = yield* ProviderPackage.playerOf(recordingOf(api, []), provider.url)
    return AiSdkModel.make(model, options)
  })

const asker = Agent.make("asker", {})

/** A whole run; the test fails unless its log is valid. */
export const run = (
  api: Recording.Api,
  {
    agent = asker,
    model,
    ...options
  }: Partial<RuntimeOptions<readonly []>> & {
    readonly model?: AiSdkModel.Options
    readonly agent?: Agent.Agent<Model>
  } = {}
) =>
  Effect.gen(function* () {
    const port = yield* modelOf(api, model)
    const log = yield* Effect.gen(function* () {
      const runtime = yield* Runtime
      const handle = yield* runtime.start("hello", { threadId: "t" })
      return yield* Stream.runCollect(handle.envelopes)
    }).pipe(
      Effect.provide(
        Layer.provide(
          Runtime.layer({ modelRetries: 0, modelRetryDelay: 1, ...options, agents: [agent] }),
          Layer.succeed(Model, port)
        )
      )
    )
    assert.deepStrictEqual(Ordering.check(log), [])
    const events = log.map((envelope) => envelope.event)
    return {
      events,
      text: events.flatMap((event) => (event.type === "text" ? [event.text] : [])).join(""),
      error: events.find((event) => event.type === "error")?.error,
      finish: events.find((event) => event.type === "finish"),
      cost: events.find((event) => event.type === "data-cost-summary")?.data,
      latency: events.find((event) => event.type === "data-latency-summary")?.data
    }
  })
