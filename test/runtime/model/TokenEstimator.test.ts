import { assert, describe, it } from "@effect/vitest"
import type { Message } from "@reins/protocol"
import { TokenEstimator } from "@reins/runtime"

const estimator: TokenEstimator.Estimator = { text: (text) => text.length }

/** Tokens of a user's message with one file, without the message's frame. */
const weight = (mediaType: string, data: string): number => {
  const of = (content: ReadonlyArray<Message.FilePart>) => TokenEstimator.message(estimator, { role: "user", content })
  return of([{ type: "file", mediaType, data }]) - of([])
}

const bytes = (...parts: ReadonlyArray<string | ReadonlyArray<number>>): string =>
  Buffer.concat(
    parts.map((part) => (typeof part === "string" ? Buffer.from(part, "latin1") : Buffer.from(part)))
  ).toString("base64")
const wide = (value: number): ReadonlyArray<number> => [
  value >> 24,
  (value >> 16) & 255,
  (value >> 8) & 255,
  value & 255
]
const short = (value: number): ReadonlyArray<number> => [value >> 8, value & 255]
const turned = (value: number): ReadonlyArray<number> => [value & 255, value >> 8]

const png = (width: number, height: number, rest = 0): string =>
  bytes("\x89PNG\r\n\x1a\n", wide(13), "IHDR", wide(width), wide(height), "\0".repeat(20 + rest))
const gif = (width: number, height: number): string => bytes("GIF89a", turned(width), turned(height), "\0".repeat(30))
const jpeg = (width: number, height: number): string =>
  bytes(
    [255, 216, 255, 224],
    short(1000),
    "x".repeat(998),
    [255, 194],
    short(17),
    [8],
    short(height),
    short(width),
    "\0".repeat(20)
  )
const webp = (width: number, height: number): string =>
  bytes(
    "RIFF",
    wide(0),
    "WEBPVP8X",
    wide(10),
    wide(0),
    turned(width - 1),
    [0],
    turned(height - 1),
    [0],
    "\0".repeat(20)
  )

describe("the token count of a file", () => {
  it.each<readonly [string, string, string, number]>([
    ["a small image", "image/png", png(300, 200), 255],
    ["an image by its area", "image/png", png(1092, 1092), 1590],
    ["a large image, scaled down", "image/png", png(8000, 6000), 2459],
    ["a GIF", "image/gif", gif(300, 200), 255],
    ["a JPEG behind what its camera wrote", "image/jpeg", jpeg(1092, 1092), 1590],
    ["a WebP", "image/webp", webp(1092, 1092), 1590],
    ["an image that cannot be read", "image/png", "A".repeat(900_000), 2000],
    ["an image at an address", "image/png", "https://example.org/a.png", 2000],
    ["a data URL, by its own type", "image/png", `data:application/pdf;base64,${"A".repeat(200_000)}`, 6000],
    ["a PDF of a page", "application/pdf", "JVBERi0=", 3000],
    ["a minute of sound at 128 kbit/s", "audio/mpeg", "A".repeat(1_280_000), 2400],
    ["a text", "text/plain", "A".repeat(4000), 1000]
  ])("%s", (_, type, data, tokens) => {
    assert.strictEqual(weight(type, data), tokens)
  })

  it("depends on its size, whatever its bytes are", () => {
    assert.strictEqual(weight("image/png", png(300, 200, 500_000)), weight("image/png", png(300, 200)))
  })

  it("is the same in a result that the model is shown", () => {
    const result = (content: Message.ResultPart["content"]) =>
      TokenEstimator.message(estimator, {
        role: "tool",
        content: [
          {
            type: "tool-result",
            id: "c",
            name: "shoot",
            result: "taken",
            ...(content === undefined ? {} : { content })
          }
        ]
      })
    const file = { type: "file" as const, mediaType: "image/png", data: png(300, 200, 500_000) }
    assert.strictEqual(result([file]) - result([]), 255)
    assert.strictEqual(result([{ type: "text", text: "seen" }]) - result([]), 4)
  })

  it("is defined for any bytes", () => {
    for (const head of ["\x89PNG", "GIF8", "RIFF", "\xff\xd8\xff", "\xff\xd8\xff\xe0\xff\xff"]) {
      for (let length = 0; length < 40; length++) {
        assert.isAbove(weight("image/*", bytes(head, "\xff".repeat(length))), 0)
        assert.isAbove(weight("image/*", bytes(head, "\0".repeat(length))), 0)
      }
    }
  })
})
