import { assert, describe, layer } from "@effect/vitest"
import { NodeHttpServer } from "@effect/platform-node"
import { Ordering } from "@reins/protocol"
import { Event } from "@reins/runtime"
import { Effect, Layer, Schedule, Schema, Stream } from "effect"
import { HttpRouter, HttpServer } from "effect/http"
import { execFile } from "node:child_process"
import { promisify } from "node:util"
import * as Routes from "./Routes.ts"
import { SupportDesk } from "./SupportDesk.ts"

const ServiceLive = HttpRouter.serve(Routes.layer, { disableLogger: true, disableListenLog: true }).pipe(
  Layer.provide(SupportDesk.layer),
  Layer.provideMerge(NodeHttpServer.layerTest)
)

const at = (path: string) =>
  Effect.map(HttpServer.HttpServer, ({ address }) => HttpServer.formatAddress(address) + path)

const send = (path: string, body: unknown, signal?: AbortSignal) =>
  Effect.flatMap(at(path), (url) =>
    Effect.promise(() =>
      fetch(url, {
        method: "POST",
        body: typeof body === "string" ? body : JSON.stringify(body),
        ...(signal === undefined ? {} : { signal })
      })
    )
  )

const get = (path: string) =>
  Effect.flatMap(at(path), (url) => Effect.promise(() => fetch(url).then((response) => response.json())))

const ask = (ticket: string, question: string, signal?: AbortSignal) =>
  send(`/tickets/${ticket}/questions`, { question }, signal)

const decodeEvent = Schema.decodeUnknownSync(Schema.fromJsonString(Event))

/** The events of an answer, as their lines arrive. */
const events = (response: Response) =>
  Stream.fromReadableStream({ evaluate: () => response.body ?? new ReadableStream(), onError: String }).pipe(
    Stream.decodeText,
    Stream.splitLines,
    Stream.filter((line) => line !== ""),
    Stream.map((line) => decodeEvent(line))
  )

const words = (all: ReadonlyArray<Event>) =>
  all.flatMap((event) => (event.type === "text" ? [event.text] : [])).join("")

const Pending = Schema.Struct({
  id: Schema.String,
  ticket: Schema.String,
  tool: Schema.String,
  arguments: Schema.Json,
  askedAt: Schema.String
})

const pending = Effect.flatMap(get("/approvals"), Schema.decodeUnknownEffect(Schema.Array(Pending)))

/** The answer to a question; its approval, if there is one, gets this decision. */
const answered = Effect.fnUntraced(function* (ticket: string, question: string, decision: unknown) {
  const all: Array<Event> = []
  yield* Stream.runForEach(events(yield* ask(ticket, question)), (event) => {
    all.push(event)
    return event.type === "approval-required"
      ? Effect.asVoid(send(`/approvals/${event.data.id}`, decision))
      : Effect.void
  })
  return all
})

const outcome = (response: Response) =>
  Effect.map(
    Effect.promise(() => response.json()),
    (body: { readonly error?: string }) => `${response.status} ${body.error}`
  )

layer(ServiceLive, { excludeTestServices: true })("the desk over HTTP", (it) => {
  describe("a question", () => {
    it.effect("is answered by a valid stream of events, one JSON line each", () =>
      Effect.gen(function* () {
        const response = yield* ask("plain", "Hello?")
        assert.strictEqual(response.headers.get("content-type"), "application/x-ndjson")
        const all = yield* Stream.runCollect(events(response))
        assert.deepStrictEqual(Ordering.checkEvents(all), [])
        assert.strictEqual(words(all), "Which order is it about?")
        assert.strictEqual(all.at(-1)?.type, "data-latency-summary")
      })
    )

    it.effect("continues when its approval is answered on the other route", () =>
      Effect.gen(function* () {
        const yes = yield* answered("yes", "Please refund order A-7.", { type: "approve", by: "mia" })
        assert.deepStrictEqual(Ordering.checkEvents(yes), [])
        assert.strictEqual(words(yes), "Your money is on its way.")
        const no = yield* answered("no", "Please refund order A-7.", { type: "reject", feedback: "too late" })
        assert.strictEqual(words(no), "I am sorry, we cannot refund this.")
      })
    )

    it.effect("is refused with a status while the ticket is busy, or when it is empty or malformed", () =>
      Effect.gen(function* () {
        const leave = new AbortController()
        yield* ask("busy", "Please refund order A-7.", leave.signal)
        assert.strictEqual(yield* Effect.flatMap(ask("busy", "Hello?"), outcome), "409 ThreadBusy")
        leave.abort()
        assert.strictEqual(yield* Effect.flatMap(ask("empty", " "), outcome), "422 EmptyPrompt")
        for (const body of ["", "{", "[]", '{"question":7}', `{"question":"${"x".repeat(70_000)}"}`]) {
          const response = yield* send("/tickets/T/questions", body)
          assert.strictEqual(yield* outcome(response), "400 Malformed", body.slice(0, 20))
        }
      })
    )

    it.effect("is cancelled when its reader disconnects", () =>
      Effect.gen(function* () {
        const leave = new AbortController()
        yield* ask("left", "Please refund order A-7.", leave.signal)
        const mine = Effect.map(pending, (all) => all.filter(({ ticket }) => ticket === "left"))
        const [before] = yield* mine.pipe(Effect.repeat({ until: (all) => all.length > 0, schedule: often }))
        assert.strictEqual(before?.id.startsWith("apr_"), true)
        leave.abort()
        yield* mine.pipe(Effect.repeat({ until: (all) => all.length === 0, schedule: often }))
        // The ticket accepts questions again.
        const all = yield* Stream.runCollect(events(yield* ask("left", "Hello?")))
        assert.strictEqual(words(all), "Which order is it about?")
      })
    )
  })

  describe("an approval", () => {
    it.effect("is listed with its arguments until it is decided, once", () =>
      Effect.gen(function* () {
        const leave = new AbortController()
        const response = yield* ask("listed", "Please refund order B-1.", leave.signal)
        const asked = yield* Stream.runHead(Stream.filter(events(response), Event.is("approval-required")))
        const id = asked._tag === "Some" ? asked.value.data.id : ""
        const found = (yield* pending).find((each) => each.id === id)
        assert.deepInclude(found, { ticket: "listed", tool: "refund_order", arguments: { order: "B-1" } })
        leave.abort()
      })
    )

    it.effect("accepts one decision, and only a valid one", () =>
      Effect.gen(function* () {
        const codes: Array<string> = []
        yield* Stream.runForEach(events(yield* ask("once", "Please refund order B-2.")), (event) =>
          event.type !== "approval-required"
            ? Effect.void
            : Effect.gen(function* () {
                const decide = (body: unknown) => send(`/approvals/${event.data.id}`, body)
                codes.push(yield* Effect.flatMap(decide({ type: "perhaps" }), outcome))
                codes.push(yield* Effect.flatMap(decide({ type: "revise", partial: { order: "" } }), outcome))
                codes.push(String((yield* decide({ type: "approve" })).status))
                codes.push(yield* Effect.flatMap(decide({ type: "reject" }), outcome))
              })
        )
        assert.deepStrictEqual(codes, ["400 Malformed", "422 InvalidArguments", "204", "409 ApprovalResolved"])
      })
    )

    it.effect("is not found when it does not exist", () =>
      Effect.gen(function* () {
        const unknown = yield* send("/approvals/apr_guess", { type: "approve" })
        assert.strictEqual(yield* outcome(unknown), "404 ApprovalNotFound")
      })
    )
  })
})

const often = Schedule.spaced("20 millis")

layer(Layer.empty)("the program", (it) => {
  it.effect("sends itself one request and ends", () =>
    Effect.gen(function* () {
      const { stderr, stdout } = yield* Effect.promise(() =>
        promisify(execFile)(process.execPath, [`${import.meta.dirname}/main.ts`])
      )
      assert.strictEqual(stderr, "")
      assert.include(stdout, 'refund_order {"order":"A-7"} approved')
      assert.match(stdout, /finish stop/)
    })
  )
})
