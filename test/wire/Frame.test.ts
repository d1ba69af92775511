import { assert, describe, it } from "@effect/vitest"
import { Frame, Sse } from "@reins/wire"

describe("a frame as a server-sent event", () => {
  it("starts with its name, if it has one, and ends with its id", () => {
    assert.strictEqual(Sse.encode({ data: "{}" }), "data: {}\n\n")
    assert.strictEqual(Sse.encode({ data: "{}", event: "a", id: "7" }), "event: a\ndata: {}\nid: 7\n\n")
    assert.strictEqual(Sse.encode(Frame.done), "data: [DONE]\n\n")
  })

  it("lets no text start another field or frame", () => {
    const forged = "a\r\nevent: evil\n\ndata: {}"
    assert.strictEqual(Sse.encode({ data: "{}", event: forged, id: forged }).split("\n\n").length, 2)
    assert.strictEqual(Sse.encode({ data: "one\ntwo\rthree" }), "data: one\ndata: two\ndata: three\n\n")
    assert.strictEqual(Sse.comment("a\nb"), ": a b\n\n")
  })
})
