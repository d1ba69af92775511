import { assert, describe, it } from "@effect/vitest"
import { RecordedProvider } from "@reins/models/testing"

const bytes = new TextEncoder().encode("Grüße aus 日本, 👩‍👩‍👧‍👦, and so on and on")
const join = (pieces: ReadonlyArray<Uint8Array>) => pieces.flatMap((piece) => [...piece])

describe("the pieces of a response", () => {
  it("join to the same bytes for every seed", () => {
    for (let seed = 0; seed < 200; seed++) {
      assert.deepStrictEqual(
        join(RecordedProvider.split(bytes, { seed, maxPiece: 1 + (seed % 9) })),
        [...bytes],
        `seed ${seed}`
      )
    }
  })

  it("are the same for the same seed, and differ for another", () => {
    const sizes = (seed: number) => RecordedProvider.split(bytes, { seed, maxPiece: 8 }).map((piece) => piece.length)
    assert.deepStrictEqual(sizes(7), sizes(7))
    assert.notDeepEqual(sizes(7), sizes(8))
  })

  it("end inside characters", () => {
    const pieces = RecordedProvider.split(bytes, { seed: 1, maxPiece: 3 })
    assert.isTrue(pieces.some((piece) => new TextDecoder().decode(piece).includes("\uFFFD")))
  })

  it("stop where the response is cut", () => {
    assert.deepStrictEqual(join(RecordedProvider.split(bytes, { seed: 1, cutAt: 0.5 })), [
      ...bytes.subarray(0, bytes.length >> 1)
    ])
    assert.deepStrictEqual(RecordedProvider.split(bytes, { cutAt: 0 }), [])
  })
})
