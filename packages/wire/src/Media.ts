/**
 * Files of the protocols, as parts of a message and back. A `data:` URL has its complete media type
 * (`text/plain;charset=utf-8`); the protocol's own field counts if it is a type and not a wildcard. The type of an
 * image URL is that of its extension.
 */
import type { Message } from "@reins/protocol"

/**
 * A protocol's data about a file. `kind`: its media type as far as the protocol's part defines it, such as `image/*`.
 */
export interface Source {
  /** A URL, or base64 content. */
  readonly data: string
  readonly mediaType?: string | null | undefined
  readonly kind?: string | undefined
  readonly filename?: string | null | undefined
}

const unknown = "application/octet-stream"

/** The media type of a `data:` URL; absent: it has none, or is another URL. */
const ownType = (data: string): string | undefined => {
  if (!/^data:/i.test(data)) return undefined
  const head = data.slice("data:".length, Math.max(0, data.indexOf(",")))
  const type = head.replace(/;base64$/i, "").trim()
  return type === "" || type.startsWith(";") ? undefined : type
}

const extensions: { readonly [extension: string]: string } = {
  png: "image/png",
  jpg: "image/jpeg",
  jpeg: "image/jpeg",
  gif: "image/gif",
  webp: "image/webp",
  svg: "image/svg+xml",
  avif: "image/avif",
  bmp: "image/bmp"
}

/** The media type of a URL's extension. */
const typeOfAddress = (data: string): string | undefined => {
  const address = /^https?:/i.test(data) ? (data.split(/[?#]/)[0] ?? "") : ""
  return extensions[/\.(\w+)$/.exec(address)?.[1]?.toLowerCase() ?? ""]
}

const isWhole = (type: string | null | undefined): type is string =>
  type != null && /^[^/]+\/[^/*]+$/.test(type) && type !== unknown

/** A file as a part of a message. */
export const file = ({ data, filename, kind, mediaType }: Source): Message.FilePart => ({
  type: "file",
  mediaType: isWhole(mediaType) ? mediaType : (ownType(data) ?? typeOfAddress(data) ?? mediaType ?? kind ?? unknown),
  data,
  ...(filename == null ? {} : { filename })
})

/** A file's content as a URL: its own, or a `data:` URL. */
export const urlOf = ({ data, mediaType }: Pick<Message.FilePart, "data" | "mediaType">): string =>
  /^[a-z][a-z\d+.-]*:/i.test(data) ? data : `data:${mediaType};base64,${data}`

/** Audio, which OpenAI's protocols send as base64 with the name of its format. */
export const audio = (data: string, format: string): Message.FilePart =>
  file({ data, mediaType: format === "mp3" ? "audio/mpeg" : `audio/${format}` })

/** The texts of parts, joined. */
export const textOf = (parts: ReadonlyArray<Message.UserPart>): string =>
  parts.reduce((text, part) => (part.type === "text" ? text + part.text : text), "")
