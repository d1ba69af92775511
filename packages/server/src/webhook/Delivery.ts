/**
 * Sends one web hook: checks where it leads, signs it, posts it, and says whether it was accepted. Redirects are not
 * followed: elsewhere the receiver did not say that it wants it.
 */
import { Webhook } from "@reins/runtime/journal"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type { Lookup } from "../access/NameLookup.ts"
import * as NetworkAddress from "../access/NetworkAddress.ts"
import * as Retry from "./Retry.ts"
import * as Signature from "./Signature.ts"

/** Which addresses a server sends to. */
export interface Reach {
  /** As `WebhookOptions.allow`. */
  readonly allow: ((url: URL) => boolean) | undefined
  /** As `NameLookup`. */
  readonly lookup: Lookup | undefined
}

/** An address of another machine's, over TLS. A name that ends with a dot is the same name, written as absolute. */
const isPublic = ({ hostname, protocol }: URL): boolean => {
  const name = hostname.replace(/\.$/, "")
  return (
    protocol === "https:" &&
    name.includes(".") &&
    !/^[\d.]+$|^\[|(^|\.)(localhost|local|internal|home|lan|arpa)$/i.test(name)
  )
}

/**
 * Whether it may be sent there: by the program's own rule, or else to names of other machines all of whose addresses are
 * public. Names are not looked up where the program itself says what is allowed.
 */
export const mayReach = ({ allow, lookup }: Reach, url: string): Effect.Effect<boolean> => {
  if (!Webhook.isUrl(url)) return Effect.succeed(false)
  const parsed = new URL(url)
  if (allow !== undefined) return Effect.succeed(allow(parsed))
  if (!isPublic(parsed)) return Effect.succeed(false)
  if (lookup === undefined) return Effect.succeed(true)
  return Effect.map(
    lookup(parsed.hostname),
    (found) => found.length > 0 && found.every((address) => NetworkAddress.isPublic(address))
  )
}

/** What is sent, and where. `reach`: absent for an address of the program's own settings, which is not checked. */
export interface Sent {
  readonly url: string
  readonly id: string
  readonly body: string
  readonly secrets: ReadonlyArray<string>
  readonly headers?: { readonly [name: string]: string }
  readonly reach: Reach | undefined
}

/** Why it was not accepted, without content, and how long the receiver asks to be left alone. */
export interface Refused {
  readonly why: string
  readonly waitMs: number
}

const patience = "10 seconds"

const refused = (why: string, waitMs = 0): Refused => ({ why, waitMs })

/** Sends it once; `undefined`: it was accepted. */
export const post = Effect.fnUntraced(function* (sent: Sent): Effect.fn.Return<Refused | undefined> {
  const { body, id, reach, secrets, url } = sent
  // A name may lead elsewhere by now.
  if (reach !== undefined && !(yield* mayReach(reach, url))) return refused("the address is not allowed")
  const at = yield* Clock.currentTimeMillis
  const request = HttpClientRequest.post(url).pipe(
    HttpClientRequest.setHeaders({ ...Signature.headers({ id, at, body }, secrets), ...sent.headers }),
    HttpClientRequest.bodyText(body, "application/json")
  )
  return yield* HttpClient.execute(request).pipe(
    Effect.map(({ headers, status }) =>
      status >= 200 && status < 300 ? undefined : refused(`status ${status}`, Retry.askedMs(headers["retry-after"]))
    ),
    Effect.timeout(patience),
    Effect.catch(({ _tag }) =>
      Effect.succeed(refused(_tag === "TimeoutError" ? "no response in time" : "unreachable"))
    ),
    Effect.scoped,
    Effect.provide(FetchHttpClient.layer),
    // A span would have the URL, which may be a secret, and send the trace's id to others.
    Effect.provideService(HttpClient.TracerDisabledWhen, () => true),
    Effect.provideService(FetchHttpClient.RequestInit, { redirect: "error" })
  )
})
