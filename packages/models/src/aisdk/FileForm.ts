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
  const family = types.map((type) => /^(\w+)(\/\*)?$/.exec(type)?.[1]).find((one) => one !== undefined)
  const seen = sniffed(data)
  return (
    seen.find((type) => type.startsWith(`${family}/`)) ??
    (family === undefined ? seen[0] : undefined) ??
    types.find((type) => type !== "") ??
    "application/octet-stream"
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
