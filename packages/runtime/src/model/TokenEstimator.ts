/**
 * Estimates how many tokens a text or a file has, for budget reservations and for the usage of a stream that was cut. Estimates
 * are always marked as such, and replaced by what a provider reports.
 */
import type { Message } from "@reins/protocol"
import * as Context from "effect/Context"
import * as Base64 from "effect/encoding/Base64"
import * as Result from "effect/Result"

/**
 * Estimates tokens; never fails.
 *
 * @since 0.1.0
 * @category models
 */
export interface Estimator {
  /** Tokens of a text for an unknown model; should rather be too high than too low. */
  readonly text: (text: string) => number
  /** The estimator for one model, where it knows better; absent: `text` serves for all. */
  readonly of?: ((provider: string, model: string) => Estimator) | undefined
}

/**
 * The estimator for a model.
 *
 * @since 0.1.0
 * @category operations
 */
export const forModel = (
  estimator: Estimator,
  model: { readonly provider: string; readonly model: string }
): Estimator => estimator.of?.(model.provider, model.model) ?? estimator

/**
 * About three characters per token: above what common tokenizers need for prose and code.
 *
 * @since 0.1.0
 * @category constants
 */
export const byLength: Estimator = { text: (text) => Math.ceil(text.length / 3) }

/**
 * The estimator of a runtime.
 *
 * @since 0.1.0
 * @category services
 */
export const TokenEstimator: Context.Reference<Estimator> = Context.Reference<Estimator>(
  "@reins/runtime/TokenEstimator",
  { defaultValue: () => byLength }
)

/** Tokens that a message's frame adds: role, separators, call structure. */
const frameTokens = 8

/**
 * Tokens of one message.
 *
 * @since 0.1.0
 * @category operations
 */
export const message = (estimator: Estimator, one: Message.Message): number => {
  let total = frameTokens
  for (const part of one.content) {
    switch (part.type) {
      case "text":
      case "reasoning":
        total += estimator.text(part.text)
        break
      case "file":
        total += ofFile(part)
        break
      case "tool-call":
        total += frameTokens + estimator.text(part.name) + estimator.text(JSON.stringify(part.args))
        break
      case "tool-result":
        total += frameTokens + resultTokens(estimator, part)
        break
    }
  }
  return total
}

/** The tokens of what the model is sent of a result: its texts and files. */
const resultTokens = (estimator: Estimator, { content, result }: Message.ResultPart): number =>
  content === undefined
    ? estimator.text(JSON.stringify(result))
    : content.reduce((sum, part) => sum + (part.type === "text" ? estimator.text(part.text) : ofFile(part)), 0)

/** Tokens of a file of unknown size or type: above the cost of an image of usual size. */
const unknownFile = 2000

/**
 * Tokens of a file, by what providers charge and not by the length of its base64.
 *
 * - Images: the most that the public rules of Anthropic (an area by 750, at most 1,568 pixels a side) and OpenAI (170 a
 *   tile of 512 pixels, 85 besides) make of their size; {@link unknownFile} where it cannot be read. Both scale large
 *   ones down, so none weighs more than some 3,300.
 * - PDF: 3,000 per page, Anthropic's upper figure. Pages may be compressed and are not counted: every 100 KB count as
 *   one.
 * - Audio and video: one token per 400 bytes, above Gemini's 32 and 300 per second at usual bit rates.
 * - Text: as text.
 * - Everything else, and URLs: {@link unknownFile}.
 */
const ofFile = ({ data, mediaType }: Pick<Message.FilePart, "data" | "mediaType">): number => {
  const inline = /^data:([^,;]*)[^,]*,/i.exec(data)
  if (inline === null && /^[a-z][a-z0-9+.-]*:/i.test(data)) return unknownFile
  const type = (inline?.[1] === undefined || inline[1] === "" ? mediaType : inline[1]).toLowerCase()
  const start = inline === null ? 0 : inline[0].length
  const bytes = Math.ceil(((data.length - start) * 3) / 4)
  if (/^(audio|video)\//.test(type)) return Math.max(100, Math.ceil(bytes / 400))
  if (/^application\/(x-)?pdf\b/.test(type)) return 3000 * Math.max(1, Math.ceil(bytes / 100_000))
  if (/^text\/|^application\/(json|xml)\b/.test(type)) return Math.ceil(bytes / 3)
  const size = sizeOf(data.slice(start, start + mostOfHead))
  return size === undefined ? unknownFile : ofImage(size)
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
  if (mark === 0x89504e47) return sizeIn(read.getUint32(16), read.getUint32(20))
  if (mark === 0x47494638) return sizeIn(read.getUint16(6, true), read.getUint16(8, true))
  if (mark === 0x52494646 && head.length >= 30) return ofWebp(read)
  if (mark >>> 16 !== 0xffd8) return undefined
  const bytes = Base64.decode(whole)
  return Result.isSuccess(bytes) ? ofJpeg(bytes.success) : undefined
}

const ofWebp = (read: DataView): Size | undefined => {
  switch (read.getUint32(12)) {
    case 0x56503820:
      return sizeIn(read.getUint16(26, true) & 0x3fff, read.getUint16(28, true) & 0x3fff)
    case 0x5650384c: {
      const bits = read.getUint32(21, true)
      return sizeIn((bits & 0x3fff) + 1, ((bits >>> 14) & 0x3fff) + 1)
    }
    case 0x56503858:
      return sizeIn((read.getUint32(24, true) & 0xffffff) + 1, (read.getUint32(26, true) >>> 8) + 1)
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
    if (isFrame) return sizeIn(read.getUint16(at + 7), read.getUint16(at + 5))
  }
  return undefined
}

const sizeIn = (width: number, height: number): Size | undefined =>
  width > 0 && height > 0 && width < 100_000 && height < 100_000 ? { width, height } : undefined
