/**
 * Decides which browser pages may send requests: those of configured origins, by scheme, host and port. The request's
 * own `Host` header allows nothing, since a page can choose the name under which it reaches this server. A request without
 * an origin comes from no page, or from one that reads under that name: a server without keys refuses foreign names.
 */
import * as Effect from "effect/Effect"

/** The response headers for a page. `isAllowed` is also true when the request is not from a page. */
export interface Judgement {
  readonly isAllowed: boolean
  readonly headers: { readonly [name: string]: string }
}

/** The origin as browsers write it: in lower case, without a default port; `undefined` if it is invalid. */
const normal = (origin: string): string | undefined => {
  if (origin === "null") return origin
  if (!URL.canParse(origin)) return undefined
  const url = new URL(origin)
  const isOrigin = url.origin !== "null" && (url.href === `${url.origin}/` || url.href === url.origin)
  return isOrigin ? url.origin : undefined
}

/** The configured origins. Dies if one is invalid. */
export const listed = (origins: ReadonlyArray<string>): Effect.Effect<ReadonlySet<string>> =>
  Effect.map(
    Effect.forEach(origins, (origin) => {
      const read = normal(origin)
      const issue = `origins: ${JSON.stringify(origin)} is not an origin. Write scheme, host and port, such as "https://app.example:8443"`
      return read === undefined ? Effect.die(new Error(issue)) : Effect.succeed(read)
    }),
    (all) => new Set(all)
  )

export const judge = (allowed: ReadonlySet<string>, origin: string | undefined): Judgement => {
  if (origin === undefined) return { isAllowed: true, headers: { vary: "origin" } }
  const read = normal(origin)
  const isAllowed = read !== undefined && allowed.has(read)
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

/** The name of an address without its port and the dot of a full name, such as `localhost` or `[::1]`. */
const nameOf = (host: string): string => host.toLowerCase().replace(/\.?(:\d+)?$/, "")

/** Addresses, and names that are this machine's own: no page can have its own name lead to one of these. */
const isOwnName = (name: string): boolean => /^(\d{1,3}(\.\d{1,3}){3}|\[[\da-f:.]+\]|([\w-]+\.)*localhost)$/.test(name)

/**
 * Whether a request names this machine, or a listed origin, as its host. A page's own name can be made to lead to this
 * machine: the requests for what it then reads carry no origin, but that name. Clients that name no host are no pages.
 */
export const isLocal = (allowed: ReadonlySet<string>, host: string | undefined): boolean => {
  if (host === undefined) return true
  const name = nameOf(host)
  return (
    isOwnName(name) ||
    Array.from(allowed).some((origin) => URL.canParse(origin) && nameOf(new URL(origin).hostname) === name)
  )
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
