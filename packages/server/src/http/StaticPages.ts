/**
 * Serves an operator's page of static files, such as `@reins/inspector`, below one path. The files hold nothing of a
 * tenant and need no key; what the page shows it asks of the native interface with the key of its user. It may load
 * nothing from elsewhere.
 */
import { Refusal } from "@reins/wire"
import { dialect as native } from "@reins/wire/native"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import type * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import type { StaticFiles } from "../options/ServerOptions.ts"
import { kept, readable } from "./Pages.ts"
import * as Response from "./Response.ts"

const noFile = Refusal.make("not-found", "RouteNotFound", "No file has this path")
const noPage = Refusal.make("internal", "Internal", "The page could not be read. See the server's log")

const security = {
  "content-security-policy":
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer"
}

/** Read by the first request that it can be read for: a failure is not kept. */
const readOnce = (files: Effect.Effect<StaticFiles>) =>
  Effect.cachedWithTTL(files, (exit) => (Exit.isSuccess(exit) ? Duration.infinity : 0))

/** The path of a request below `base`, without its query. */
const below = (url: string, base: string): string => url.replace(/[?#].*$/s, "").slice(base.length)

/**
 * `base`: where the page lies, such as `/ai/inspector`. `nativePath`: the path of the native interface beside it,
 * which the page assumes to be `/native` unless its address says otherwise.
 */
export const layer = (
  files: Effect.Effect<StaticFiles>,
  base: `/${string}`,
  nativePath: string
): Layer.Layer<never, never, HttpRouter.HttpRouter> =>
  Layer.unwrap(
    Effect.zipWith(readOnce(files), Effect.scope, (cached, scope) => {
      const all = kept(cached, scope)
      const query =
        nativePath === base.replace(/inspector$/, "native") ? "" : `?native=${encodeURIComponent(nativePath)}`
      // Relative, so that it holds behind a proxy that adds a prefix.
      const redirect = (to: string) => Effect.succeed(HttpServerResponse.redirect(to, { status: 302 }))
      const answer = (path: string) =>
        Effect.matchCauseEffect(all, {
          onFailure: (cause) =>
            Effect.as(
              Effect.logError("The inspector's page could not be read", cause),
              Response.refusal(native, noPage, {})
            ),
          onSuccess: (map) => {
            const name = path === "/" ? "index.html" : path.slice(1)
            const file = map.get(name)
            return Effect.succeed(
              file === undefined
                ? Response.refusal(native, noFile, {})
                : HttpServerResponse.uint8Array(file.body, {
                    contentType: file.type,
                    headers: {
                      ...security,
                      "cache-control": file.isImmutable ? "public, max-age=31536000, immutable" : "no-cache"
                    }
                  })
            )
          }
        })
      // The route of everything below matches the path itself, too.
      return readable(`${base}/*`, ({ url }) => {
        const path = below(url, base)
        if (path === "") return redirect(`inspector/${query}`)
        return path === "/" && query !== "" && !/[?&]native=/.test(url) ? redirect(`./${query}`) : answer(path)
      })
    })
  )
