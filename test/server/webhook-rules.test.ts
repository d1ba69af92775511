/** The rules of web hooks: signatures, delays, and who manages them over HTTP. */
import { assert, describe, it } from "@effect/vitest"
import { Deployment } from "@reins/runtime"
import { journalHost, MemoryJournal } from "@reins/runtime/journal"
import { Authenticator, WebhookRetry as Retry, WebhookSignature as Signature } from "@reins/server"
import { Effect, Layer, Schema } from "effect"
import * as Served from "./Served.ts"

const url = "https://receiver.example/told"

describe("a signature", () => {
  it("is the one that Standard Webhooks' own libraries make", () => {
    const sent = { id: "msg_p5jXN8AQM9LWM0D4loKWxJek", at: 1614265330_000, body: '{"test": 2432232314}' }
    const headers = Signature.headers(sent, ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])
    assert.strictEqual(headers["webhook-signature"], "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
    assert.strictEqual(headers["webhook-timestamp"], "1614265330")
  })

  it("is verified with one of two secrets, of the same body, within the tolerance only", () => {
    const [one = "", two = "", other = ""] = [1, 2, 3].map(
      (byte) => `whsec_${Buffer.alloc(32, byte).toString("base64")}`
    )
    const headers = Signature.headers({ id: "msg_1", at: 1_000_000, body: "{}" }, [one, two])
    const received = { headers, body: "{}", now: 1_200_000 }
    assert.isTrue(Signature.verify(received, [two]))
    assert.isTrue(Signature.verify(received, [other, one]))
    assert.isFalse(Signature.verify(received, [other]))
    assert.isFalse(Signature.verify(received, []))
    assert.isFalse(Signature.verify({ ...received, body: "{ }" }, [one]))
    assert.isFalse(Signature.verify({ ...received, now: 1_400_000 }, [one]))
    assert.isFalse(Signature.verify({ ...received, headers: { ...headers, "webhook-timestamp": "1001" } }, [one]))
    assert.isFalse(Signature.verify({ ...received, headers: {} }, [one]))
    const { "webhook-signature": _, ...unsigned } = headers
    assert.isFalse(Signature.verify({ ...received, headers: unsigned }, []))
    assert.isFalse(Signature.verify({ ...received, headers: unsigned }, [one]))
  })
})

describe("the delay before something is sent again", () => {
  it.prop(
    "grows with the failures, is never more than a fifth off, and is never above six hours and a fifth",
    [
      Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1000 })),
      Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 100 }))
    ],
    ([failures, percent]) => {
      const [least = 0, delay = 0, most = 0] = [0, percent / 100, 1].map((chance) => Retry.delayMs(failures, chance))
      assert.isTrue(least <= delay && delay <= most)
      assert.isAtLeast(least, 4000)
      assert.isAtMost(most, 7.2 * 3_600_000)
      assert.isAtLeast(Retry.delayMs(failures + 1, percent / 100), delay)
      assert.isAtMost(Retry.pauseMs(failures, percent / 100), 360_000)
    }
  )

  it("is what the receiver asks for, up to an hour", () => {
    assert.deepStrictEqual(
      ["30", "999999", "99999999999", "soon", "-5", "1e3", undefined].map((text) => Retry.askedMs(text, 0)),
      [30_000, 3_600_000, 3_600_000, 0, 0, 0, 0]
    )
    const now = Date.UTC(2026, 10, 30, 12)
    assert.deepStrictEqual(
      [60_000, -60_000, 7_200_000].map((ms) => Retry.askedMs(new Date(now + ms).toUTCString(), now)),
      [60_000, 0, 3_600_000]
    )
    assert.strictEqual(Retry.askedMs("Mon, soon GMT", now), 0)
  })
})

const keys = Authenticator.layerKeys({
  "dev-key": "dev",
  "dora-key": { tenant: "dev", name: "dora" },
  "olga-key": { tenant: "dev", name: "olga", roles: ["operator"] },
  "aldo-key": { tenant: "dev", name: "aldo", roles: ["auditor"] },
  "other-key": "other"
})

describe("the native interface", () => {
  it.live("adds, lists, rotates and removes web hooks for operators and tenants' own keys, and for nobody else", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve(
        { webhooks: { allow: ({ hostname }) => hostname.endsWith(".example") } },
        undefined,
        keys
      )
      const path = "/native/webhooks"
      const send = (key: string, body: unknown = { url, events: ["run.ended"] }) => served.ask(path, { key, body })
      const added = yield* send("olga-key")
      assert.strictEqual(added.status, 201, added.text)
      const { id, secret } = added.json
      assert.match(secret, /^whsec_[A-Za-z0-9+/]{43}=$/)
      const listed = yield* served.ask(path, { key: "dev-key" })
      assert.deepInclude(listed.json.webhooks, {
        id,
        url,
        events: ["run.ended"],
        content: false,
        source: "api",
        createdAt: added.json.createdAt,
        waiting: 0,
        failures: 0,
        lost: 0
      })
      const refused = [
        yield* send("dora-key"),
        yield* send("aldo-key"),
        yield* served.ask(path, { key: "dora-key" }),
        yield* served.ask(path, { key: "aldo-key" }),
        yield* send("dev-key", { url: "https://receiver.elsewhere/" }),
        yield* send("dev-key", { events: ["run.ended"] }),
        yield* send("dev-key", { url, events: ["run.began"] }),
        yield* served.ask(`${path}/${id}`, { key: "other-key", method: "DELETE" }),
        yield* served.ask(`${path}/${id}/secret`, { key: "other-key", body: {} })
      ]
      assert.deepStrictEqual(
        refused.map(({ status }) => status),
        [403, 403, 403, 403, 400, 400, 400, 404, 404]
      )
      assert.deepStrictEqual((yield* served.ask(path, { key: "other-key" })).json.webhooks, [])
      const rotated = yield* served.ask(`${path}/${id}/secret`, { key: "olga-key", body: {} })
      assert.notStrictEqual(rotated.json.secret, secret)
      assert.strictEqual((yield* served.ask(`${path}/${id}`, { key: "olga-key", method: "DELETE" })).status, 204)
      assert.deepStrictEqual((yield* served.ask(path, { key: "dev-key" })).json.webhooks, [])
      assert.match((yield* served.ask("/metrics")).text, /^reins_notices_waiting 0$/m)
    })
  )

  it.live("takes at most 100 web hooks of a tenant, also of requests at the same time to two processes", () =>
    Effect.gen(function* () {
      const store = journalHost(MemoryJournal.make(), { gatherMs: 0, pollMs: Number.POSITIVE_INFINITY })
      const process = Served.serve(
        { webhooks: { allow: () => true } },
        Layer.succeed(Deployment.Deployment, store),
        keys
      )
      const both = [yield* process, yield* process]
      const { list } = both[0]?.runtime.webhooks ?? assert.fail("Nothing is served")
      for (const served of both) {
        // A store whose answer takes a moment.
        const slow: typeof list = (own) => Effect.tap(list(own), () => Effect.promise(() => served.fetch("/health")))
        Object.assign(served.runtime.webhooks, { list: slow })
      }
      for (let index = 0; index < 99; index++)
        yield* both[0]?.runtime.webhooks.add({ url: `${url}/${index}`, resourceId: "dev" }) ?? Effect.void
      const added = yield* Effect.all(
        both.flatMap((served) =>
          ["a", "b", "c"].map((name) =>
            served.ask("/native/webhooks", { key: "olga-key", body: { url: `${url}/${name}` } })
          )
        ),
        { concurrency: "unbounded" }
      )
      assert.lengthOf(
        added.filter(({ status }) => status === 201),
        1
      )
      const [refused] = added.filter(({ status }) => status !== 201)
      assert.deepStrictEqual([refused?.status, refused?.json.error.code], [409, "TooManyWebhooks"])
      assert.lengthOf(yield* list({ resourceId: "dev" }), 100)
      const other = both[1]?.ask("/native/webhooks", { key: "other-key", body: { url } })
      assert.strictEqual((yield* other ?? assert.fail("Nothing is served")).status, 201)
    })
  )

  it.live("refuses addresses that are too long or have characters that an address has not, and says so", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve({ webhooks: { allow: () => true } }, undefined, keys)
      for (const wrong of [
        `${url}/${"x".repeat(2048)}`,
        `${url}/\r\nx`,
        ` ${url}`,
        `${url}/\ud800`,
        `${url}/\u202e`,
        "file:///etc/passwd",
        "https://me:secret@receiver.example/told"
      ]) {
        const { json, status } = yield* served.ask("/native/webhooks", { key: "olga-key", body: { url: wrong } })
        assert.deepStrictEqual([status, json.error.code], [400, "BadRequest"], wrong.slice(0, 60))
        assert.match(json.error.message, /^Invalid url of a web hook\. Use .* 2,048 printable/)
      }
      const longest = `${url}/`.padEnd(2048, "x")
      assert.strictEqual(
        (yield* served.ask("/native/webhooks", { key: "olga-key", body: { url: longest } })).status,
        201
      )
    })
  )

  it.live("shows what waits for a web hook with its attempts, and sends it again at once when it is asked to", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve({ webhooks: { allow: () => true } }, undefined, keys)
      const path = "/native/webhooks"
      // Nothing listens there.
      const added = yield* served.ask(path, { key: "olga-key", body: { url: "http://127.0.0.1:9/told" } })
      const { id } = added.json
      const notices = (key = "olga-key") => served.ask(`${path}/${id}/notices`, { key })
      assert.deepStrictEqual((yield* notices()).json, { notices: [] })
      const { headers } = yield* served.ask("/native/query", {
        key: "dora-key",
        body: { prompt: "gated", threadId: "t", stream: false }
      })
      const { json, status } = yield* notices()
      assert.strictEqual(status, 200)
      const [notice] = json.notices
      assert.strictEqual(notice.event, "approval.required")
      assert.deepInclude(notice.run, {
        runId: headers.get("x-run-id"),
        threadId: "t",
        agent: "desk",
        principal: "dora"
      })
      assert.deepInclude(notice.facts, { kind: "tool", target: "gated" })
      assert.isAtLeast(notice.nextAt, notice.at)
      assert.notProperty(notice, "webhookId")
      const retried = yield* served.ask(`${path}/${id}/retry`, { key: "olga-key", body: {} })
      assert.strictEqual(retried.status, 202)
      const refused = [
        yield* notices("dora-key"),
        yield* notices("aldo-key"),
        yield* notices("other-key"),
        yield* served.ask(`${path}/${id}/retry`, { key: "aldo-key", body: {} }),
        yield* served.ask(`${path}/${id}/retry`, { key: "other-key", body: {} }),
        yield* served.ask(`${path}/${id}/notices?limit=many`, { key: "olga-key" })
      ]
      assert.deepStrictEqual(
        refused.map((one) => one.status),
        [403, 403, 404, 403, 404, 400]
      )
    })
  )

  it.live("shows and retries nothing of the program's settings, and shows that a run's web hook has no notices", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve({ webhooks: {} }, undefined, keys)
      const { outbox } = served.runtime.webhooks
      const stored = { resourceId: "dev", url: "https://receiver.example/", events: [], content: false } as const
      yield* outbox.put({ ...stored, id: "whk_set", source: "settings", createdAt: 1, secrets: [] })
      yield* outbox.put({ ...stored, id: "whk_run", runId: "run", source: "protocol", createdAt: 2, secrets: [] })
      const asked = (id: string, of: "notices" | "retry") =>
        served.ask(`/native/webhooks/${id}/${of}`, { key: "olga-key", ...(of === "retry" ? { body: {} } : {}) })
      const answers = [
        yield* asked("whk_set", "notices"),
        yield* asked("whk_set", "retry"),
        yield* asked("whk_run", "notices"),
        yield* asked("whk_run", "retry")
      ]
      assert.deepStrictEqual(
        answers.map(({ status }) => status),
        [404, 404, 200, 202]
      )
      assert.deepStrictEqual(answers[2]?.json, { notices: [] })
    })
  )

  it.live("lists and counts what clients have set for their runs, without the address's path, and removes it", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve({ webhooks: {} }, undefined, keys)
      yield* served.ask("/native/query", { key: "dora-key", body: { prompt: "gated", runId: "run", stream: false } })
      yield* served.runtime.webhooks.outbox.put({
        id: "whk_theirs",
        resourceId: "dev",
        runId: "run",
        url: "https://receiver.example/secret-path?key=1",
        events: [],
        content: true,
        source: "protocol",
        createdAt: 1,
        secrets: [],
        push: { id: "theirs", dialect: "a2a", token: "secret-token" }
      })
      const { json, text } = yield* served.ask("/native/webhooks", { key: "olga-key" })
      assert.lengthOf(json.webhooks, 1)
      assert.deepInclude(json.webhooks[0], {
        id: "whk_theirs",
        runId: "run",
        dialect: "a2a",
        source: "protocol",
        url: "https://receiver.example"
      })
      assert.notInclude(text, "secret")
      assert.deepStrictEqual((yield* served.ask("/native/webhooks", { key: "other-key" })).json.webhooks, [])
      assert.match((yield* served.ask("/metrics")).text, /^reins_run_webhooks 1$/m)
      const remove = (key: string) => served.ask("/native/webhooks/whk_theirs", { key, method: "DELETE" })
      assert.strictEqual((yield* remove("other-key")).status, 404)
      assert.strictEqual((yield* remove("olga-key")).status, 204)
      assert.deepStrictEqual((yield* served.ask("/native/webhooks", { key: "olga-key" })).json.webhooks, [])
    })
  )
})
