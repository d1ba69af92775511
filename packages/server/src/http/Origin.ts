/**
 * Decides which browser pages may send requests: those of listed origins, and this server's own. A request without an
 * origin does not come from a page and is always allowed here.
 */

/** The response headers for a page. `isAllowed` is also true when the request is not from a page. */
export interface Judgement {
  readonly isAllowed: boolean
  readonly headers: { readonly [name: string]: string }
}

const hostOf = (origin: string): string | undefined => /^https?:\/\/([^/]+)$/.exec(origin)?.[1]

/** `host` is the request's `Host` header. */
export const judge = (listed: ReadonlySet<string>, origin: string | undefined, host: string | undefined): Judgement => {
  if (origin === undefined) return { isAllowed: true, headers: { vary: "origin" } }
  const isAllowed = listed.has(origin) || (host !== undefined && hostOf(origin) === host)
  return {
    isAllowed,
    headers: isAllowed
      ? {
          vary: "origin",
          "access-control-allow-origin": origin,
          "access-control-expose-headers": "x-run-id, x-thread-id, retry-after"
        }
      : { vary: "origin" }
  }
}

/** The response to a preflight request. */
export const preflight = (requestedHeaders: string | undefined): { readonly [name: string]: string } => ({
  "access-control-allow-methods": "GET, POST, PUT, PATCH, DELETE, OPTIONS",
  "access-control-allow-headers":
    requestedHeaders !== undefined && /^[\w\-, ]{1,2000}$/.test(requestedHeaders)
      ? requestedHeaders
      : "authorization, content-type, last-event-id",
  "access-control-max-age": "600"
})
