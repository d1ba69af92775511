/**
 * Sends one web hook: checks where it leads, signs it, posts it, and says whether it was accepted. Redirects are not
 * followed: elsewhere the receiver did not say that it wants it.
 *
 * The addresses of a name are looked up, to send nothing into this server's own network. By default with the platform's own
 * function (Node, Deno and Bun have one); where there is none, names are not looked up.
 */
import { Webhook } from "@reins/runtime/journal"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as NetworkAddress from "../access/NetworkAddress.ts"
import * as Retry from "./Retry.ts"
import * as Signature from "./Signature.ts"
import * as Context from "effect/Context"
import * as Predicate from "effect/Predicate"

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

/** 0: a platform that hides the status of a redirect. */
const redirects: ReadonlySet<number> = new Set([0, 301, 302, 303, 307, 308])

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
      status >= 200 && status < 300
        ? undefined
        : refused(
            redirects.has(status) ? `status ${status}, a redirect, which is not followed` : `status ${status}`,
            Retry.askedMs(headers["retry-after"], at)
          )
    ),
    Effect.timeout(patience),
    Effect.catch(({ _tag }) =>
      Effect.succeed(refused(_tag === "TimeoutError" ? "no response in time" : "unreachable"))
    ),
    Effect.scoped,
    Effect.provide(FetchHttpClient.layer),
    // A span would have the URL, which may be a secret, and send the trace's id to others.
    Effect.provideService(HttpClient.TracerDisabledWhen, () => true),
    Effect.provideService(FetchHttpClient.RequestInit, { redirect: "manual" })
  )
})

/**
 * The addresses of a name; none when it has none, or cannot be looked up.
 *
 * @since 0.1.0
 * @category models
 */
export type Lookup = (name: string) => Effect.Effect<ReadonlyArray<string>>

const addressOf = (found: unknown): ReadonlyArray<string> =>
  Predicate.hasProperty(found, "address") && Predicate.isString(found.address) ? [found.address] : []

const builtin = (id: string): unknown => {
  const platform: unknown = Reflect.get(globalThis, "process")
  if (!Predicate.hasProperty(platform, "getBuiltinModule")) return undefined
  return Predicate.isFunction(platform.getBuiltinModule) ? platform.getBuiltinModule(id) : undefined
}

const ofPlatform = (): Lookup | undefined => {
  const dns = builtin("node:dns")
  if (!Predicate.hasProperty(dns, "lookup") || !Predicate.isFunction(dns.lookup)) return undefined
  const { lookup } = dns
  return (name) =>
    Effect.callback((resume) => {
      lookup(name, { all: true }, (_: unknown, found: unknown) =>
        resume(Effect.succeed(Array.isArray(found) ? found.flatMap(addressOf) : []))
      )
    })
}

/**
 * How names of web hooks are looked up. Read when a server is built. `undefined`: they are not.
 *
 * @since 0.1.0
 * @category services
 */
export const NameLookup: Context.Reference<Lookup | undefined> = Context.Reference<Lookup | undefined>(
  "@reins/server/NameLookup",
  { defaultValue: ofPlatform }
)
