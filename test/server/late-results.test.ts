/**
 * Late results over HTTP: a ticket of the key's tenant takes one result, checked by the schema of its tool, and the run
 * that waited for it goes on. Meanwhile lists of runs tell what it waits for, and its answer stays open.
 */
import { assert, describe, it } from "@effect/vitest"
import { journalHost, MemoryJournal } from "@reins/runtime/journal"
import { Deployment } from "@reins/runtime"
import { Effect, Layer, Stream } from "effect"
import * as Scene from "./Scene.ts"
import * as Served from "./Served.ts"

/** A run of the courier that waits for the result of its call, and the ticket. */
const waiting = Effect.fnUntraced(function* (served: Served.Served, threadId = "t") {
  const { runId } = yield* served.runtime.start("post", {
    threadId: `dev/${threadId}`,
    resourceId: "dev",
    agent: "courier"
  })
  const found = yield* Stream.runHead(
    Stream.flatMap(served.runtime.watch(runId), ({ event }) =>
      event.type === "custom" && event.event_type === "results_awaited"
        ? Stream.make(ticketIn(served, runId))
        : Stream.empty
    )
  )
  const ticketId = found._tag === "Some" ? yield* found.value : ""
  return { runId, ticketId, path: `/native/results/${ticketId}` }
})

const ticketIn = (served: Served.Served, runId: string) =>
  Effect.map(
    Stream.runHead(
      Stream.flatMap(served.runtime.watch(runId), ({ event }) =>
        event.type === "tool-invocation" && event.state === "result" && event.later !== undefined
          ? Stream.make(event.later.ticketId)
          : Stream.empty
      )
    ),
    (found) => (found._tag === "Some" ? found.value : "")
  )

const value = { got: "a parcel" }

for (const [where, deployment] of [
  ["in memory", () => Layer.empty],
  [
    "on a journal",
    () => Layer.succeed(Deployment.Deployment, journalHost(MemoryJournal.make(), { gatherMs: 0, pollMs: Infinity }))
  ]
] as const) {
  describe(`the route of late results ${where}`, () => {
    it.live("tells of a ticket and takes its result once, of its tenant only, with what it has cost", () =>
      Effect.gen(function* () {
        const served = yield* Served.serve({}, deployment())
        const { path, runId, ticketId } = yield* waiting(served)
        const open = yield* served.ask(path)
        const { expiresAt, schema, ...ticket } = open.json
        assert.deepStrictEqual(ticket, {
          ticketId,
          runId,
          toolName: "post",
          callId: `${runId}-courier-0`,
          agentPath: [],
          state: "open"
        })
        assert.isNumber(expiresAt)
        assert.deepStrictEqual(schema.required, ["got"])
        for (const [asked, status, reason] of [
          [{ key: "other-key", body: { value } }, 404, "TicketNotFound"],
          [{ key: "other-key" }, 404, "TicketNotFound"],
          [{ key: "nobody", body: { value } }, 401, undefined],
          [{ body: { value: { got: 7 } } }, 400, undefined],
          [{ body: { value, failure: "lost" } }, 400, undefined],
          [{ body: {} }, 400, undefined],
          [{ body: { value, costUsd: -1 } }, 400, undefined]
        ] as const) {
          const { json, status: told, text } = yield* served.ask(path, asked)
          assert.strictEqual(told, status, text)
          if (reason !== undefined) assert.include(JSON.stringify(json), reason)
        }
        for (const wrong of ["nothing", `${runId}.tkt_0`, `nobody.${ticketId.split(".")[1]}`]) {
          const { status } = yield* served.ask(`/native/results/${wrong}`, { body: { value } })
          assert.strictEqual(status, 404, wrong)
        }
        const taken = yield* served.ask(path, { body: { value, costUsd: 0.25 } })
        assert.deepStrictEqual([taken.status, taken.json], [202, {}])
        yield* Served.drained(served.runtime.watch(runId))
        const again = yield* served.ask(path, { body: { value } })
        assert.strictEqual(again.status, 409)
        assert.include(again.text, "AlreadyDelivered")
        assert.strictEqual((yield* served.ask(path)).json.state, "delivered")
        const run = yield* served.ask(`/native/runs/${runId}`)
        assert.strictEqual(run.json.state, "ended")
        assert.include(run.json.text, '{"got":"a parcel"}')
        assert.strictEqual(run.json.cost.pricedUsd, 0.25)
      }).pipe(Effect.scoped)
    )

    it.live("takes none once the run was cancelled, nor once its thread was deleted", () =>
      Effect.gen(function* () {
        const served = yield* Served.serve({}, deployment())
        const cancelled = yield* waiting(served)
        yield* served.runtime.cancel(cancelled.runId)
        yield* Served.drained(served.runtime.watch(cancelled.runId))
        const refused = yield* served.ask(cancelled.path, { body: { value } })
        assert.deepStrictEqual([refused.status, refused.text.includes("TicketClosed")], [409, true])
        assert.strictEqual((yield* served.ask(cancelled.path)).json.state, "closed")
        const failed = yield* waiting(served, "u")
        assert.strictEqual((yield* served.ask(failed.path, { body: { failure: "lost at sea" } })).status, 202)
        yield* Served.drained(served.runtime.watch(failed.runId))
        assert.include(JSON.stringify(yield* served.runtime.threads.get("dev/u")), "lost at sea")
        yield* served.runtime.threads.delete("dev/u", { resourceId: "dev" })
        const { status } = yield* served.ask(failed.path, { body: { value } })
        assert.isTrue(status === 404 || status === 409, "of a thread that was deleted")
      }).pipe(Effect.scoped)
    )

    it.live("leaves the run listed as waiting for late results, and its answer open, until one comes", () =>
      Effect.gen(function* () {
        const served = yield* Served.serve({ agents: [Scene.Courier] }, deployment())
        const response = yield* Effect.promise(() =>
          served.fetch("/native/query", { body: { prompt: "post", threadId: "t", agent: "courier" } })
        )
        const runId = response.headers.get("x-run-id") ?? ""
        const frames = Served.frames(response)
        let ticketId = ""
        yield* Effect.promise(async () => {
          for (;;) {
            const next = await frames.next()
            if (next.done === true) throw new Error("the answer ended while its run waits")
            ticketId = /"ticketId":"([^"]+)"/.exec(next.value.data)?.[1] ?? ticketId
            if (next.value.data.includes("results_awaited")) return
          }
        })
        const state = (query: string) =>
          Effect.map(served.ask(`/native/runs${query}`), ({ json }) =>
            json.runs.map((run: Record<string, unknown>) => [run["runId"], run["state"], run["waitsFor"]])
          )
        // The wait begins with its event.
        while ((yield* state("?state=waiting")).length === 0) yield* Effect.sleep(5)
        const listed = [[runId, "waiting", ["result"]]]
        assert.deepStrictEqual(yield* state("?state=waiting"), listed)
        assert.deepStrictEqual(yield* state("?state=open"), listed)
        assert.deepStrictEqual(yield* state("?state=running"), [])
        const detail = yield* served.ask(`/native/runs/${runId}`)
        assert.deepInclude(detail.json, { state: "waiting", waitsFor: ["result"] })
        assert.strictEqual((yield* served.ask(`/native/results/${ticketId}`, { body: { value } })).status, 202)
        const rest: Array<string> = []
        yield* Effect.promise(async () => {
          for await (const { data } of frames) rest.push(data)
        })
        assert.include(rest.join(""), '"type":"late-result"')
        assert.include(rest.at(-1) ?? "", "data-latency-summary")
        assert.deepStrictEqual(yield* state("?state=open"), [])
      }).pipe(Effect.scoped)
    )
  })
}
