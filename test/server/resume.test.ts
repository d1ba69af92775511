import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Served from "./Served.ts"

/** Reads `count` frames and disconnects. */
const readSome = (response: Promise<Response>, count: number, gone: AbortController) =>
  Effect.promise(async () => {
    const seen: Array<Served.Frame> = []
    for await (const frame of Served.frames(await response)) {
      seen.push(frame)
      if (seen.length === count) break
    }
    gone.abort()
    return seen
  })

describe("a watcher", () => {
  it.live("resumes after any event, and gets exactly the rest", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const first = yield* served.ask("/native/query", { body: { prompt: "tool" } })
      const runId = first.headers.get("x-run-id")
      assert.isAbove(first.frames.length, 5)
      for (const [index, { id }] of first.frames.entries()) {
        const byQuery = yield* served.ask(`/native/runs/${runId}/events?after=${id}`)
        assert.deepStrictEqual(byQuery.frames, first.frames.slice(index + 1))
        const byHeader = yield* served.ask(`/native/runs/${runId}/events`, { headers: { "last-event-id": `${id}` } })
        assert.deepStrictEqual(byHeader.frames, first.frames.slice(index + 1))
      }
    })
  )

  it.live("that is disconnected at every event of an active run misses and repeats nothing", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const whole = yield* served.ask("/native/query?view=all", { body: { prompt: "a b c d e f g h i j" } })
      for (let count = 1; count < whole.frames.length; count += 1) {
        const gone = new AbortController()
        const asked = served.fetch("/native/query?view=all", {
          body: { prompt: "a b c d e f g h i j", requestId: `r${count}` },
          signal: gone.signal
        })
        const runId = (yield* Effect.promise(() => asked)).headers.get("x-run-id")
        const seen = yield* readSome(asked, count, gone)
        const rest = yield* served.ask(`/native/runs/${runId}/events?view=all`, {
          headers: { "last-event-id": `${seen.at(-1)?.id}` }
        })
        const ids = [...seen, ...rest.frames].map(({ id }) => Number(id))
        assert.deepStrictEqual(
          ids,
          ids.map((_, index) => index + 1)
        )
        assert.strictEqual(ids.length, whole.frames.length)
      }
    })
  )

  it.live("resumes between any two frames of a dialect with more frames than events", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const body = { threadId: "a", runId: "r", messages: [{ id: "m", role: "user", content: "tool" }] }
      const first = yield* served.ask("/ag-ui/run", { body })
      const stamped = first.frames.filter(({ id }) => id !== undefined)
      const again = yield* served.ask("/ag-ui/threads/a/events")
      const all = again.frames.filter(({ id }) => id !== undefined)
      assert.strictEqual(all.length, stamped.length)
      for (const [index, { id }] of all.entries()) {
        const { frames } = yield* served.ask("/ag-ui/threads/a/events", { headers: { "last-event-id": `${id}` } })
        assert.deepStrictEqual(
          frames.filter((frame) => frame.id !== undefined),
          all.slice(index + 1)
        )
      }
    })
  )

  it.live("with a cursor past the end waits for the end, and with one before the start sees everything", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const first = yield* served.ask("/native/query", { body: { prompt: "hello" } })
      const events = `/native/runs/${first.headers.get("x-run-id")}/events`
      assert.deepStrictEqual((yield* served.ask(`${events}?after=100000`)).frames, [])
      assert.deepStrictEqual((yield* served.ask(`${events}?after=-1`)).frames, first.frames)
      assert.deepStrictEqual((yield* served.ask(`${events}?after=0`)).frames, first.frames)
    })
  )

  it.live.each(["nonsense", "1e3", "9".repeat(400), "7.x", "0x10"])("with the cursor %s is refused", (cursor) =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const first = yield* served.ask("/native/query", { body: { prompt: "hello" } })
      const events = `/native/runs/${first.headers.get("x-run-id")}/events`
      const byQuery = yield* served.ask(`${events}?after=${cursor}`)
      const byHeader = yield* served.ask(events, { headers: { "last-event-id": cursor } })
      assert.deepStrictEqual([byQuery.status, byHeader.status], [400, 400])
    })
  )

  it.live("reads NDJSON on request, with each event's position", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const { headers, text } = yield* served.ask("/native/query?view=all", {
        body: { prompt: "hello" },
        headers: { accept: "application/x-ndjson" }
      })
      const lines = text.trim().split("\n")
      assert.match(headers.get("content-type") ?? "", /^application\/x-ndjson/)
      assert.deepStrictEqual(
        lines.map((line) => JSON.parse(line).seq),
        lines.map((_, index) => index + 1)
      )
    })
  )
})

describe("two watchers", () => {
  it.live("of one run in two dialects see the same text, live", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const native = served.fetch("/native/query", { body: { prompt: "held", threadId: "t" } })
      yield* served.scene.hold.reached
      const agUi = yield* Effect.promise(() => served.fetch("/ag-ui/threads/t/events"))
      yield* served.scene.hold.release
      const texts = yield* Effect.promise(async () => {
        const one = Served.framesOf(await (await native).text()).map(({ data }) => JSON.parse(data))
        const two = Served.framesOf(await agUi.text()).map(({ data }) => JSON.parse(data))
        return [
          one.flatMap((event) => (event.type === "text" ? [event.text] : [])).join(""),
          two.flatMap((event) => (event.type === "TEXT_MESSAGE_CONTENT" ? [event.delta] : [])).join("")
        ]
      })
      assert.deepStrictEqual(texts, ["one two three four five", "one two three four five"])
    })
  )
})

describe("a reader of a dialect whose streams are a thread's", () => {
  const ai = { id: "t", messages: [{ id: "m", role: "user", parts: [{ type: "text", text: "tool" }] }] }
  const kai = { id: "t", message: { id: "m", role: "user", parts: [{ type: "text", text: "tool" }] } }
  const streams = [
    ["ai-sdk", "/ai-sdk/chat", ai, "/ai-sdk/chat/t/stream"],
    ["kai", "/kai/api/chat", kai, "/kai/api/chat/t/stream"],
    ["steerable", "/steerable/api/chats/t/send", { content: "tool" }, "/steerable/api/chats/t/stream"]
  ] as const
  it.live.each(streams)("resumes after any frame that it saw, also after the end: %s", ([, path, body, stream]) =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const first = yield* served.ask(path, { body })
      const runId = first.headers.get("x-run-id")
      assert.isAbove(first.frames.filter(({ id }) => id !== undefined).length, 5)
      for (const [index, { id }] of first.frames.entries()) {
        if (id === undefined) continue
        const byHeader = yield* served.ask(stream, { headers: { "last-event-id": id } })
        assert.deepStrictEqual(byHeader.frames, first.frames.slice(index + 1))
        const byQuery = yield* served.ask(`${stream}?after=${id}&run=${runId}`)
        assert.deepStrictEqual(byQuery.frames, first.frames.slice(index + 1))
      }
      assert.strictEqual((yield* served.ask(stream)).status, 204)
      assert.strictEqual((yield* served.ask(`${stream}?after=nonsense`)).status, 400)
    })
  )
})

describe("a reader of a stream that is silent", () => {
  it.live("is sent the dialect's own frame to keep the connection open", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve({ keepAlive: "40 millis" })
      const asked = served.fetch("/steerable/api/chats/t/send", { body: { content: "held" } })
      yield* served.scene.hold.reached
      const kept = yield* Effect.promise(async () => {
        for await (const frame of Served.frames(await asked)) {
          if (frame.data.includes("keepalive")) return frame
        }
        return undefined
      })
      assert.deepStrictEqual(kept, { event: "message", data: '{"type":"keepalive"}' })
      yield* served.scene.hold.release
    })
  )
})

describe("a reader of a response", () => {
  it.live("goes on behind any frame that it saw, and behind any event by its number", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const first = yield* served.ask("/openai-responses/v1/responses", { body: { input: "tool", stream: true } })
      const { id } = JSON.parse(first.frames[0]?.data ?? "{}").response
      const path = `/openai-responses/v1/responses/${id}?stream=true`
      const stamped = first.frames.filter((frame) => frame.id !== undefined)
      assert.isAbove(stamped.length, 5)
      const numberOf = ({ data }: Served.Frame): number => JSON.parse(data).sequence_number
      for (const frame of stamped) {
        const rest = first.frames.slice(first.frames.indexOf(frame) + 1).map(numberOf)
        const byId = yield* served.ask(path, { headers: { "last-event-id": `${frame.id}` } })
        assert.deepStrictEqual(byId.frames.map(numberOf), rest)
        const byNumber = yield* served.ask(`${path}&starting_after=${numberOf(frame)}`)
        assert.deepStrictEqual(byNumber.frames.map(numberOf), rest)
      }
    })
  )
})
