/** What OpenAI says of a stored response corrects the cost of an answer that was cut: over HTTP on the loopback interface. */
import { assert, describe, it } from "@effect/vitest"
import { Models, OpenAiUsage } from "@reins/models"
import { Money } from "@reins/protocol"
import { Deployment, Prices, UsageLookup } from "@reins/runtime"
import { journalHost, type JournalStore, MemoryJournal } from "@reins/runtime/journal"
import { ConfigProvider, Deferred, Effect, Layer, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { createServer, type ServerResponse } from "node:http"
import * as Solo from "../support/Solo.ts"

interface Asked {
  readonly method: string | undefined
  readonly url: string | undefined
  readonly authorization: string | undefined
}

/** A server that answers each request by `answer`, and its base URL. */
const serving = (answer: (asked: Asked, response: ServerResponse) => void) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly url: string; readonly asked: Array<Asked>; readonly close: () => void }>((resume) => {
      const asked: Array<Asked> = []
      const server = createServer(({ headers, method, url }, response) => {
        const one = { method, url, authorization: headers.authorization }
        asked.push(one)
        answer(one, response)
      })
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        const port = typeof address === "object" ? address?.port : undefined
        const close = () => {
          server.closeAllConnections()
          server.close()
        }
        resume(Effect.succeed({ url: `http://127.0.0.1:${port}/v1`, asked, close }))
      })
    }),
    ({ close }) => Effect.sync(close)
  )

const json = (response: ServerResponse, status: number, body: unknown) =>
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body))

const usage = {
  input_tokens: 120,
  input_tokens_details: { cached_tokens: 100 },
  output_tokens: 50,
  output_tokens_details: { reasoning_tokens: 30 },
  total_tokens: 170
}

const asked: UsageLookup.Asked = {
  provider: "openai",
  model: "gpt-5.2",
  responseId: "resp_1",
  requestedAt: 0,
  runId: "run",
  resourceId: "default"
}

describe("a stored response of OpenAI's", () => {
  it.effect("is asked for by its id, with the tenant's key and address or the lookup's own", () =>
    Effect.gen(function* () {
      const own = yield* serving((_, response) => json(response, 200, { status: "completed", usage }))
      const lookup = OpenAiUsage.make({ apiKey: "sk-own", baseURL: own.url })
      const parts = { inputUncached: 20, inputCacheRead: 100, outputText: 20, outputReasoning: 30 }
      assert.deepStrictEqual(yield* lookup.find(asked), { _tag: "Reported", usage: parts })
      const tenant = yield* serving((_, response) => json(response, 200, { status: "incomplete", usage }))
      yield* lookup.find({ ...asked, key: Redacted.make("sk-tenant"), baseURL: `${tenant.url}/` })
      yield* lookup.find({ ...asked, key: Redacted.make("sk-tenant") })
      const get = { method: "GET", url: "/v1/responses/resp_1" }
      assert.deepStrictEqual(own.asked, [
        { ...get, authorization: "Bearer sk-own" },
        { ...get, authorization: "Bearer sk-tenant" }
      ])
      assert.deepStrictEqual(tenant.asked, [{ ...get, authorization: "Bearer sk-tenant" }])
      const unset = OpenAiUsage.make({ baseURL: own.url })
      assert.deepStrictEqual(yield* unset.find(asked), { _tag: "Never" })
      assert.deepStrictEqual(yield* lookup.find({ ...asked, responseId: "chatcmpl-1" }), { _tag: "Never" })
      assert.deepStrictEqual(yield* lookup.find({ ...asked, responseId: "resp_/../files" }), { _tag: "Never" })
      assert.lengthOf(own.asked, 2)
      const configured = yield* OpenAiUsage.fromConfig.pipe(
        Effect.provideService(
          ConfigProvider.ConfigProvider,
          ConfigProvider.fromUnknown({ OPENAI_API_KEY: "sk-set", OPENAI_BASE_URL: own.url })
        )
      )
      yield* configured.find(asked)
      assert.strictEqual(own.asked[2]?.authorization, "Bearer sk-set")
    })
  )

  it.effect("is known when it has ended, not yet before, and never where nothing is kept of it", () =>
    Effect.gen(function* () {
      const answers: ReadonlyArray<readonly [status: number, body: unknown, found: string]> = [
        [200, { status: "queued", usage: null }, "NotYet"],
        [200, { status: "in_progress" }, "NotYet"],
        [200, { status: "completed", usage }, "Reported"],
        [200, { status: "failed", usage: null }, "Never"],
        [200, { status: "cancelled", usage: null }, "Never"],
        [404, {}, "NotYet"],
        [401, {}, "status 401"],
        [500, {}, "status 500"],
        [200, { status: "completed", usage: { input_tokens: -1, output_tokens: 2 } }, "did not answer"],
        [200, "no response", "did not answer"]
      ]
      let next = 0
      const server = yield* serving((_, response) => {
        const [status = 500, body = {}] = answers[next] ?? []
        json(response, status, body)
      })
      const lookup = OpenAiUsage.make({ apiKey: "sk-own", baseURL: server.url })
      for (const [, , found] of answers) {
        const said = yield* Effect.match(lookup.find(asked), {
          onFailure: (failure) => (failure instanceof OpenAiUsage.NoResponse ? failure.message : "another failure"),
          onSuccess: ({ _tag }) => _tag
        })
        assert.include(said, found)
        next++
      }
      next = 5
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(yield* lookup.find(asked), { _tag: "Never" })
      const closed = OpenAiUsage.make({ apiKey: "sk-own", baseURL: "http://127.0.0.1:1/v1" })
      assert.include(String(yield* Effect.flip(closed.find(asked))), "did not answer")
    })
  )

  it.effect("corrects a run whose answer was cut, through OpenAI's own package", () =>
    Effect.gen(function* () {
      const event = (type: string, more: object) => `event: ${type}\ndata: ${JSON.stringify({ type, ...more })}\n\n`
      const server = yield* serving(({ method }, response) => {
        if (method === "GET") {
          json(response, 200, { id: "resp_cut", status: "completed", usage })
          return
        }
        response.writeHead(200, { "content-type": "text/event-stream" })
        const created = { id: "resp_cut", object: "response", created_at: 1, model: "gpt-5.2", status: "in_progress" }
        response.write(event("response.created", { response: created }))
        const item = { type: "message", id: "msg_1", status: "in_progress", role: "assistant", content: [] }
        response.write(event("response.output_item.added", { output_index: 0, item }))
        response.write(event("response.output_text.delta", { item_id: "msg_1", output_index: 0, delta: "Well, " }))
      })
      const price = {
        model: "gpt-5.2",
        match: "exact",
        source: "test",
        inputPerMillionUsd: 3,
        outputPerMillionUsd: 7
      } as const
      const model = yield* Models.fromConfig(`openai-responses:gpt-5.2@${server.url}`)
      const journal = MemoryJournal.make()
      const released = yield* Deferred.make<void>()
      const store: JournalStore = {
        ...journal,
        reconciliations: {
          lease: (lease) => journal.reconciliations?.lease(lease) ?? Effect.succeed([]),
          renew: () => Effect.succeed(true),
          release: (runId, owner, nextAt) =>
            Effect.andThen(
              journal.reconciliations?.release(runId, owner, nextAt) ?? Effect.void,
              Deferred.succeed(released, undefined)
            )
        }
      }
      const { probe, runtime } = yield* Solo.start(model, {
        services: Layer.mergeAll(
          Layer.succeed(Prices.Prices, { find: () => price }),
          Layer.succeed(Deployment.Deployment, journalHost(store, { gatherMs: 0, pollMs: Number.POSITIVE_INFINITY })),
          UsageLookup.layer({ lookups: [OpenAiUsage.make({ apiKey: "sk-own", baseURL: server.url })] })
        ),
        runtime: { cancelGrace: 0 }
      })
      yield* probe.next("text")
      yield* runtime.cancel("run")
      yield* probe.end
      yield* TestClock.adjust("1 minute")
      yield* Deferred.await(released)
      const { sum } = yield* runtime.costs.by({ runId: "run" })
      const real = { inputUncached: 20, inputCacheRead: 100, outputText: 20, outputReasoning: 30 }
      assert.deepInclude(sum, {
        costNanoUsd: Money.costOf(real, price).nanoUsd,
        promptTokens: 120,
        completionTokens: 50,
        corrections: 1
      })
      assert.deepStrictEqual(
        server.asked.map(({ method, url }) => `${method} ${url}`),
        ["POST /v1/responses", "GET /v1/responses/resp_cut"]
      )
    })
  )
})
