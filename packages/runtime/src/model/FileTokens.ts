/**
 * Estimates the tokens of a file in a request by what providers charge, not by the length of its base64. Pure.
 *
 * - Images: the most that the public rules of Anthropic (an area by 750, at most 1,568 pixels a side) and OpenAI (170 a
 *   tile of 512 pixels, 85 besides) make of their size; {@link unknown} where it cannot be read. Both scale large ones
 *   down, so none weighs more than some 3,300.
 * - PDF: 3,000 per page, Anthropic's upper figure. Pages may be compressed and are not counted: every 100 KB count as
 *   one.
 * - Audio and video: one token per 400 bytes, above Gemini's 32 and 300 per second at usual bit rates.
 * - Text: as text.
 * - Everything else, and URLs: {@link unknown}.
 */
import type { Message } from "@reins/protocol"
import * as Base64 from "effect/encoding/Base64"
import * as Result from "effect/Result"

/** Tokens of a file of unknown size or type: above the cost of an image of usual size. */
export const unknown = 2000

/** Tokens of a file. */
export const of = ({ data, mediaType }: Pick<Message.FilePart, "data" | "mediaType">): number => {
  const inline = /^data:([^,;]*)[^,]*,/i.exec(data)
  if (inline === null && /^[a-z][a-z0-9+.-]*:/i.test(data)) return unknown
  const type = (inline?.[1] === undefined || inline[1] === "" ? mediaType : inline[1]).toLowerCase()
  const start = inline === null ? 0 : inline[0].length
  const bytes = Math.ceil(((data.length - start) * 3) / 4)
  if (/^(audio|video)\//.test(type)) return Math.max(100, Math.ceil(bytes / 400))
  if (/^application\/(x-)?pdf\b/.test(type)) return 3000 * Math.max(1, Math.ceil(bytes / 100_000))
  if (/^text\/|^application\/(json|xml)\b/.test(type)) return Math.ceil(bytes / 3)
  const size = sizeOf(data.slice(start, start + mostOfHead))
  return size === undefined ? unknown : ofImage(size)
}

interface Size {
  readonly width: number
  readonly height: number
}

const ofImage = (size: Size): number => {
  const seen = within(size, 1568, 1568)
  const high = within(within(size, 2048, 2048), Number.POSITIVE_INFINITY, 768)
  const tiles = Math.ceil(high.width / 512) * Math.ceil(high.height / 512)
  return Math.max(Math.ceil((seen.width * seen.height) / 750), 85 + 170 * tiles)
}

/** Scaled down until the longer side is at most `longest`, and the shorter at most `shortest`. */
const within = ({ height, width }: Size, longest: number, shortest: number): Size => {
  const scale = Math.min(1, longest / Math.max(width, height), shortest / Math.min(width, height))
  return { width: width * scale, height: height * scale }
}

/** A JPEG's size follows the camera's metadata, within this many characters of base64. */
const mostOfHead = 87_380

const sizeOf = (base64: string): Size | undefined => {
  const whole = base64.slice(0, base64.length - (base64.length % 4))
  const short = Base64.decode(whole.slice(0, 64))
  const head = Result.isSuccess(short) ? short.success : undefined
  if (head === undefined || head.length < 24) return undefined
  const read = new DataView(head.buffer, head.byteOffset, head.byteLength)
  const mark = read.getUint32(0)
  if (mark === 0x89504e47) return sound(read.getUint32(16), read.getUint32(20))
  if (mark === 0x47494638) return sound(read.getUint16(6, true), read.getUint16(8, true))
  if (mark === 0x52494646 && head.length >= 30) return ofWebp(read)
  if (mark >>> 16 !== 0xffd8) return undefined
  const bytes = Base64.decode(whole)
  return Result.isSuccess(bytes) ? ofJpeg(bytes.success) : undefined
}

const ofWebp = (read: DataView): Size | undefined => {
  switch (read.getUint32(12)) {
    case 0x56503820:
      return sound(read.getUint16(26, true) & 0x3fff, read.getUint16(28, true) & 0x3fff)
    case 0x5650384c: {
      const bits = read.getUint32(21, true)
      return sound((bits & 0x3fff) + 1, ((bits >>> 14) & 0x3fff) + 1)
    }
    case 0x56503858:
      return sound((read.getUint32(24, true) & 0xffffff) + 1, (read.getUint32(26, true) >>> 8) + 1)
    default:
      return undefined
  }
}

/** Reads segment by segment up to the start of a frame. */
const ofJpeg = (bytes: Uint8Array): Size | undefined => {
  const read = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let at = 2; at + 9 < bytes.length; at += 2 + read.getUint16(at + 2)) {
    if (bytes[at] !== 0xff) return undefined
    const kind = bytes[at + 1] ?? 0
    const isFrame = kind >= 0xc0 && kind <= 0xcf && kind !== 0xc4 && kind !== 0xc8 && kind !== 0xcc
    if (isFrame) return sound(read.getUint16(at + 7), read.getUint16(at + 5))
  }
  return undefined
}

const sound = (width: number, height: number): Size | undefined =>
  width > 0 && height > 0 && width < 100_000 && height < 100_000 ? { width, height } : undefined
