/**
 * A client of the service that uses nothing but `fetch`: reads the stream line by line, and answers the approval that
 * it announces on the other route.
 */
import { Console, Effect, Schema, Stream } from "effect"

const Line = Schema.fromJsonString(
  Schema.Struct({
    type: Schema.String,
    text: Schema.optionalKey(Schema.String),
    finishReason: Schema.optionalKey(Schema.String)
  })
)

const post = (url: string, body: unknown) =>
  Effect.promise((signal) => fetch(url, { method: "POST", body: JSON.stringify(body), signal }))

/** Asks for a refund at `url`, approves it as a clerk would, and prints what arrives. */
export const visit = Effect.fnUntraced(function* (url: string) {
  const response = yield* post(`${url}/tickets/T-1/questions`, { question: "Please refund order A-7." })
  yield* Console.log(`POST /tickets/T-1/questions ${response.status}`)
  yield* Stream.fromReadableStream({ evaluate: () => response.body ?? new ReadableStream(), onError: String }).pipe(
    Stream.decodeText,
    Stream.splitLines,
    Stream.filter((line) => line !== ""),
    Stream.mapEffect((line) => Schema.decodeEffect(Line)(line)),
    Stream.runForEach(
      Effect.fnUntraced(function* ({ finishReason, text, type }) {
        const more = text === undefined ? finishReason : JSON.stringify(text)
        yield* Console.log(more === undefined ? `  ${type}` : `  ${type} ${more}`)
        if (type === "approval-required") yield* approveAll(url)
      })
    )
  )
})

const Pending = Schema.Array(Schema.Struct({ id: Schema.String, tool: Schema.String, arguments: Schema.Json }))

const approveAll = Effect.fnUntraced(function* (url: string) {
  const response = yield* Effect.promise(() => fetch(`${url}/approvals`).then((each) => each.json()))
  for (const { id, tool, ...each } of yield* Schema.decodeUnknownEffect(Pending)(response)) {
    const { status } = yield* post(`${url}/approvals/${id}`, { type: "approve", by: "clerk" })
    yield* Console.log(`    POST /approvals/… ${status}: ${tool} ${JSON.stringify(each.arguments)} approved`)
  }
})
