/** What clients that asked for JSON are shown of a run. */
import { assert, describe, it } from "@effect/vitest"
import type { Event } from "@reins/protocol"
import { dialect } from "@reins/wire/openai-chat"
import { Result } from "effect"
import { Log, usage } from "./Log.ts"
import { rule } from "./Rule.ts"

const said = (text: string): Event => ({ type: "text", text })
const start: Event = { type: "step-start" }
const retracted: Event = { type: "step-retracted", reason: "OutputInvalid" }
const finish: Event = { type: "finish", finishReason: "stop", usage, output: { a: "b" } }

/** The content and the error of the answer to a request for JSON. */
const answer = (stream: boolean, ...events: ReadonlyArray<Event>) => {
  const [route] = dialect.routes
  const response_format = { type: "json_object" }
  const body = { model: "desk", messages: [{ role: "user", content: "hi" }], stream, response_format }
  const decoded = route?.decode({ params: {}, query: {}, headers: {}, body })
  rule(decoded !== undefined && Result.isSuccess(decoded), "the request is understood")
  const { envelopes } = new Log().say(...events)
  const how = decoded.success.answer
  if (how._tag === "Whole") {
    const folding = how.open()
    for (const envelope of envelopes) folding.step(envelope)
    return { pieces: [JSON.parse(JSON.stringify(folding.reply().body)).choices[0].message.content], error: undefined }
  }
  rule(how._tag === "Stream", "it is answered by a stream")
  const encoder = how.open()
  const frames = envelopes.flatMap((envelope) => encoder.step(envelope)).map(({ data }) => JSON.parse(data))
  const pieces: ReadonlyArray<string> = frames.flatMap(({ choices }) => choices?.[0]?.delta?.content || [])
  const error: string | undefined = frames.find((frame) => "error" in frame)?.error.code
  return { pieces, error, isDetached: encoder.isDetached }
}

describe("the text of a typed answer", () => {
  it("is shown as it comes, without its fence and without what was said before calls", () => {
    const events = [
      start,
      said("Let me see."),
      start,
      said("```js"),
      said('on\n{"a"'),
      said(':"b"}\n`'),
      said("``"),
      finish
    ]
    const { error, pieces } = answer(true, ...events)
    assert.strictEqual(pieces.join(""), '{"a":"b"}')
    assert.strictEqual(pieces.length, 2)
    assert.isUndefined(error)
    assert.deepStrictEqual(answer(false, ...events).pieces, ['{"a":"b"}'])
  })

  it("is the answer after one that was retracted, where nothing of that was shown", () => {
    const events = [start, said("none"), retracted, start, said('{"a":"b"}'), finish]
    assert.strictEqual(answer(true, ...events).pieces.join(""), '{"a":"b"}')
    assert.deepStrictEqual(answer(false, ...events).pieces, ['{"a":"b"}'])
  })

  it("ends a stream with an error where JSON was shown that is not the answer", () => {
    const events = [start, said('{"a":1}'), retracted, start, said('{"a":"b"}'), finish]
    const { error, isDetached, pieces } = answer(true, ...events)
    assert.deepStrictEqual([pieces.join(""), error, isDetached], ['{"a":1}', "E_ANSWER_RETRACTED", true])
    assert.deepStrictEqual(answer(false, ...events).pieces, ['{"a":"b"}'])
  })

  it("is what there is of an answer that was cut", () => {
    const cut: Event = { type: "finish", finishReason: "length", usage }
    assert.strictEqual(answer(true, start, said('{"a'), cut).pieces.join(""), '{"a')
    assert.strictEqual(answer(true, start, said("Sorr"), cut).pieces.join(""), "Sorr")
  })
})
