/**
 * Files in requests, as parts of a message. A `data:` URL says its media type itself, and whole (`text/plain;charset=utf-8`); what the
 * protocol says beside it counts where it is a type and no wildcard.
 */
import type { Message } from "@reins/protocol"

/** What a protocol says of a file. `kind`: its media type as far as the protocol's part says it, such as `image/*`. */
export interface Source {
  /** A URL, or base64 content. */
  readonly data: string
  readonly mediaType?: string | null | undefined
  readonly kind?: string | undefined
  readonly filename?: string | null | undefined
}

const unknown = "application/octet-stream"

/** The media type that a `data:` URL begins with; absent: it has none, or is no such URL. */
const ownType = (data: string): string | undefined => {
  if (!/^data:/i.test(data)) return undefined
  const head = data.slice("data:".length, Math.max(0, data.indexOf(",")))
  const type = head.replace(/;base64$/i, "").trim()
  return type === "" || type.startsWith(";") ? undefined : type
}

const isWhole = (type: string | null | undefined): type is string =>
  type != null && /^[^/]+\/[^/*]+$/.test(type) && type !== unknown

/** A file as a part of a message. */
export const file = ({ data, filename, kind, mediaType }: Source): Message.FilePart => ({
  type: "file",
  mediaType: isWhole(mediaType) ? mediaType : (ownType(data) ?? mediaType ?? kind ?? unknown),
  data,
  ...(filename == null ? {} : { filename })
})

/** Audio, which OpenAI's protocols send as base64 with the name of its format. */
export const audio = (data: string, format: string): Message.FilePart =>
  file({ data, mediaType: format === "mp3" ? "audio/mpeg" : `audio/${format}` })

/** The texts of parts, joined. */
export const textOf = (parts: ReadonlyArray<Message.UserPart>): string =>
  parts.reduce((text, part) => (part.type === "text" ? text + part.text : text), "")
