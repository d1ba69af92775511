/**
 * Replies as HTTP responses.
 */
import type { Dialect, Refusal } from "@reins/wire"
import * as HttpServerResponse from "effect/http/HttpServerResponse"

export type Headers = { readonly [name: string]: string }

/** A header's value on one line, in characters that a header may hold. */
export const headerValue = (text: string): string => text.replace(/[^\x20-\x7e]/g, "?")

/** A whole answer, with `extra` headers besides its own. */
export const reply = (
  { body, headers, status, text }: Dialect.Reply,
  extra: Headers
): HttpServerResponse.HttpServerResponse => {
  const all = { ...extra, ...headers }
  if (text !== undefined) return HttpServerResponse.text(text, { status, headers: all })
  if (body === undefined || status === 204) return HttpServerResponse.empty({ status, headers: all })
  return HttpServerResponse.text(JSON.stringify(body), { status, headers: all, contentType: "application/json" })
}

/** A refusal in the shape of its dialect. */
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
