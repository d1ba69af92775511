/** Converts replies to HTTP responses. */
import type { StoredFile } from "@reins/runtime"
import type { Dialect, Refusal } from "@reins/wire"
import * as HttpServerResponse from "effect/http/HttpServerResponse"

export type Headers = { readonly [name: string]: string }

/** A header's value on one line, in characters that a header allows. */
export const headerValue = (text: string): string => text.replace(/[^\x20-\x7e]/g, "?")

/** A complete answer, with `extra` headers besides its own. */
export const reply = (
  { body, headers, status, text }: Dialect.Reply,
  extra: Headers
): HttpServerResponse.HttpServerResponse => {
  const all = { ...extra, ...headers }
  if (text !== undefined) return HttpServerResponse.text(text, { status, headers: all })
  if (body === undefined || status === 204) return HttpServerResponse.empty({ status, headers: all })
  return HttpServerResponse.text(JSON.stringify(body), { status, headers: all, contentType: "application/json" })
}

const mediaType = /^[\w!#$&^.+-]{1,127}\/[\w!#$&^.+-]{1,127}(; ?charset=[\w-]{1,40})?$/

/** A file as a download, with headers that keep browsers from executing its content under this origin. */
export const file = (stored: StoredFile, extra: Headers): HttpServerResponse.HttpServerResponse => {
  const name = stored.filename.replace(/[^\x20-\x7e]|["\\%/]/g, "_")
  return HttpServerResponse.uint8Array(stored.content, {
    status: 200,
    contentType: mediaType.test(stored.mediaType) ? stored.mediaType : "application/octet-stream",
    headers: {
      ...extra,
      "content-disposition": `attachment; filename="${name}"; filename*=UTF-8''${encodeURIComponent(stored.filename.toWellFormed()).replace(/['()*]/g, escape)}`,
      "x-content-type-options": "nosniff",
      "content-security-policy": "sandbox; default-src 'none'",
      "cache-control": "private, no-cache"
    }
  })
}

const escape = (character: string): string => `%${character.charCodeAt(0).toString(16)}`

/** A refusal in its dialect's error format. */
export const refusal = (
  dialect: Dialect.Dialect,
  refused: Refusal.Refusal,
  extra: Headers
): HttpServerResponse.HttpServerResponse => {
  const { retryAfterSeconds } = refused
  const headers = {
    ...extra,
    ...(retryAfterSeconds === undefined ? {} : { "retry-after": `${retryAfterSeconds}` }),
    ...(refused.kind === "unauthorized" ? { "www-authenticate": "Bearer" } : {})
  }
  return reply(dialect.encodeError(refused), headers)
}
