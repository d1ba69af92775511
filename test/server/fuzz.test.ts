import { assert, describe, it } from "@effect/vitest"
import { Api } from "@reins/server"
import { Effect } from "effect"
import { OpenApi } from "effect/http-api"
import { Fuzz } from "./Fuzz.ts"
import * as Served from "./Served.ts"

const seed = Number(process.env["REINS_SEED"] ?? 20_261_120)
const requests = 5000

describe("requests generated from the OpenAPI document", () => {
  it.live(
    `are answered as it says, ${requests} of them from seed ${seed}`,
    () =>
      Effect.gen(function* () {
        const served = yield* Served.serve({ threadIds: "per-tenant" })
        const page = OpenApi.fromApi(Api.make())
        const waiting = yield* Effect.promise(() =>
          served.fetch("/native/query", { body: { prompt: "gated", threadId: "waiting" } })
        )
        const [approval] = (yield* served.ask("/native/approvals")).json.approvals
        const known = ["waiting", "t", waiting.headers.get("x-run-id") ?? "", approval?.id ?? "", "desk", "hello there"]
        const fuzz = new Fuzz(page, seed, known)
        const counts = new Map<number, number>()
        const one = (index: number) =>
          Effect.promise(async () => {
            const { body, headers, method, operation, path } = fuzz.request()
            const what = `request ${index} of seed ${seed}: ${method} ${path} ${body?.slice(0, 300)}`
            const response = await served.fetch(path, { method, headers, body, signal: AbortSignal.timeout(5000) })
            counts.set(response.status, (counts.get(response.status) ?? 0) + 1)
            const statuses = fuzz.statuses(operation, method)
            assert.include(statuses, `${response.status}`, what)
            assert.notStrictEqual(response.status, 500, what)
            const type = response.headers.get("content-type") ?? ""
            if (/event-stream|ndjson/.test(type)) return await response.body?.cancel()
            const text = await response.text()
            assert.notMatch(text, /dev-key|node_modules|\bat \S+ \(|\.ts:\d+/, what)
            if (response.status < 400) return
            const { error } = JSON.parse(text)
            assert.isString(error.code, what)
            assert.isString(error.message, what)
          })
        yield* Effect.forEach(
          Array.from({ length: requests }, (_, index) => index),
          one,
          { concurrency: 8, discard: true }
        )
        assert.isAbove(counts.get(200) ?? 0, 100)
        assert.isAbove(counts.get(400) ?? 0, 100)
        assert.isAbove(counts.get(404) ?? 0, 100)
        assert.strictEqual((yield* served.ask("/health")).status, 200)
      }),
    120_000
  )
})
