/**
 * A file in the form that provider packages take: its bytes or its address, and its full media type.
 *
 * The type comes from the data URL, else from the part if it states one, else from the bytes. `image/*`, `image` and
 * `application/octet-stream` are too vague; they are kept only when the bytes are not recognized either.
 */
import type { SharedV4FileData } from "@ai-sdk/provider"
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import { filetypemime } from "magic-bytes.js"

/** The fields of a file part. `data` is base64, a data URL, or an address. */
export interface Written {
  readonly mediaType: string
  readonly data: string
}

/** The file as it is sent. */
export interface FileForm {
  readonly mediaType: string
  readonly data: Extract<SharedV4FileData, { readonly type: "data" | "url" }>
}

/** Whose message a file is in. Packages take more in one than in another. */
export type Place = "user" | "assistant" | "tool"

/** The files of one request: which are sent, and which the package is known to refuse. */
export class SentFiles {
  /** The request's files, by key. */
  readonly sent = new Set<string>()
  /** What was left out of the request, by its media type. */
  readonly omitted = new Set<string>()
  private readonly refused: ReadonlySet<string>

  private readonly ofUsers: boolean

  /** `refused`: keys of files that the package refuses. `ofUsers`: whether it takes no files of an assistant. */
  constructor(refused: ReadonlySet<string>, ofUsers: boolean) {
    this.refused = refused
    this.ofUsers = ofUsers
  }

  /** Whether the package takes the file, as far as is known. */
  takes({ data, mediaType }: FileForm, place: Place): boolean {
    const key = `${place} ${mediaType} ${data.type}`
    const taken = hasBytes(data) && !this.refused.has(key) && !(this.ofUsers && place === "assistant")
    if (taken) this.sent.add(key)
    else this.omitted.add(mediaType)
    return taken
  }

  /**
   * The keys of the files that a refusal with the text `words` refers to: those with a media type that it names, else
   * all.
   */
  meant(words: string): ReadonlyArray<string> {
    const keys = [...this.sent]
    const named = keys.filter((key) => words.includes(key.split(" ")[1] ?? key))
    return named.length === 0 ? keys : named
  }
}

/** False for absent data, and for data that is neither a URL nor base64. */
const hasBytes = (data: FileForm["data"]): boolean =>
  data.type === "url" || (typeof data.data === "string" && /^[\w+/\s-]+={0,2}\s*$/.test(data.data))

/** What a model reads in place of a file that it cannot be sent. */
export const inPlaceOf = (mediaType: string): string =>
  `(a file of type ${mediaType}, which cannot be sent to this model)`

/** Converts a file part. */
export const make = ({ data, mediaType }: Written): FileForm => {
  const inline = /^data:([^,;]*)((?:;[^,;]*)*),/i.exec(data)
  if (inline !== null) {
    const [head, type = "", parameters = ""] = inline
    const payload = data.slice(head.length)
    const bytes = /;base64$/i.test(parameters) ? payload : encoded(payload)
    if (bytes !== undefined) return { mediaType: typeOf([type, mediaType], bytes), data: { type: "data", data: bytes } }
  }
  return /^[a-z][a-z0-9+.-]*:/i.test(data) && URL.canParse(data)
    ? { mediaType: typeOf([mediaType], ""), data: { type: "url", url: new URL(data), originalUrl: data } }
    : { mediaType: typeOf([mediaType], data), data: { type: "data", data } }
}

/** The payload of a data URL without base64, as base64; `undefined` when its escapes are invalid. */
const encoded = (payload: string): string | undefined => {
  const text = Effect.runSyncExit(Effect.sync(() => decodeURIComponent(payload)))
  return Exit.isSuccess(text) ? Base64.encode(text.value) : undefined
}

const typeOf = (said: ReadonlyArray<string>, data: string): string => {
  const types = said.map(plain)
  const full = types.find(isFull)
  if (full !== undefined) return full
  const families = types.map((type) => /^(image|audio|video|text|application)(\/\*)?$/.exec(type)?.[1])
  const family = families.find((one) => one !== undefined)
  const seen = sniffed(data)
  return (
    seen.find((type) => type.startsWith(`${family}/`)) ??
    (family === undefined ? seen[0] : undefined) ??
    (family === undefined ? "application/octet-stream" : `${family}/*`)
  )
}

/** Lower case, without parameters, under the name that providers know. */
const plain = (type: string): string => {
  const [bare = ""] = type.toLowerCase().split(";")
  return aliases.get(bare.trim()) ?? bare.trim()
}

const aliases: ReadonlyMap<string, string> = new Map([
  ["image/jpg", "image/jpeg"],
  ["image/x-png", "image/png"],
  ["audio/x-wav", "audio/wav"],
  ["audio/wave", "audio/wav"],
  ["application/x-pdf", "application/pdf"]
])

const isFull = (type: string): boolean => /^[\w.+-]+\/[\w.+-]+$/.test(type) && type !== "application/octet-stream"

/** Media types that the first bytes match, the likeliest first. */
const sniffed = (data: string): ReadonlyArray<string> => {
  const head = data.slice(0, 512).replaceAll(/\s/g, "")
  const bytes = Base64.decode(head.slice(0, head.length - (head.length % 4)))
  return Result.isSuccess(bytes) ? filetypemime(bytes.success).map(plain) : []
}
