import { assert, describe, it } from "@effect/vitest"
import { Cursor } from "@reins/wire"

describe("a cursor", () => {
  it.each(["", "x", "-1", "1.", ".1", "1e3", "1 2", "1.2.3", "9".repeat(40), "../1", "1%00"])(
    "is not parsed from %j",
    (id) => {
      assert.isUndefined(Cursor.parse(id))
    }
  )

  it("names an envelope, or one of its frames", () => {
    assert.deepStrictEqual(Cursor.parse("7"), { seq: 7 })
    assert.deepStrictEqual(Cursor.parse("7.2"), { seq: 7, index: 2 })
  })

  it("is the id of a frame, whatever id its encoder set", () => {
    assert.deepStrictEqual(Cursor.stamp(7, [{ data: "a", id: "7" }]), [{ data: "a", id: "7" }])
    assert.deepStrictEqual(Cursor.stamp(7, [{ data: "a", id: "6" }]), [{ data: "a", id: "7" }])
    assert.deepStrictEqual(Cursor.stamp(7, []), [])
  })

  it("leaves the unseen frames after it", () => {
    const frames = Cursor.stamp(7, [{ data: "a" }, { data: "b" }, { data: "c" }])
    assert.deepStrictEqual(
      frames.map(({ id }) => id),
      ["7.1", "7.2", "7"]
    )
    assert.deepStrictEqual(Cursor.rest({ seq: 7, index: 1 }, 7, frames), frames.slice(1))
    assert.deepStrictEqual(Cursor.rest({ seq: 7 }, 7, frames), [])
    assert.deepStrictEqual(Cursor.rest({ seq: 6 }, 7, frames), frames)
  })
})
