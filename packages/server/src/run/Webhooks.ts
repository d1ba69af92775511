/**
 * Tells runs by web hooks: each frame of a dialect's `openPush` is the body of one request, signed as Standard Webhooks
 * have it (`webhook-id`, `webhook-timestamp`, `webhook-signature`: HMAC-SHA256 over the three joined by dots, in
 * base64).
 *
 * Hooks live in this process, as long as their run: after a restart their clients set them again.
 */
import type { Envelope } from "@reins/protocol"
import { Refusal, type Command, type Dialect } from "@reins/wire"
import { hmac } from "@noble/hashes/hmac.js"
import { sha256 } from "@noble/hashes/sha2.js"
import { utf8ToBytes } from "@noble/hashes/utils.js"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type { Principal } from "../access/Authenticator.ts"
import type { WebhookOptions } from "../options/ServerOptions.ts"
import * as ThreadName from "../thread/ThreadName.ts"
import * as Lookup from "./Lookup.ts"
import * as Outcome from "./Outcome.ts"
import type { ServerContext } from "./ServerContext.ts"
import * as NetworkAddress from "../access/NetworkAddress.ts"

const unsupported = Refusal.make("bad-request", "PushNotSupported", "This server sends no web hooks")
const forbidden = Refusal.badRequest("Web hooks are not sent to this url")
const tooMany = Refusal.make("conflict", "TooManyWebhooks", "A run has at most 16 web hooks")

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
 * Whether all addresses of the url's name are public. Where the program itself says what is
 * allowed (`WebhookOptions.allow`), names are not looked up.
 */
const leadsOut = ({ lookup, webhooks }: ServerContext, url: string): Effect.Effect<boolean> =>
  webhooks?.allow !== undefined || lookup === undefined
    ? Effect.succeed(true)
    : Effect.map(
        lookup(new URL(url).hostname),
        (found) => found.length > 0 && found.every((address) => NetworkAddress.isPublic(address))
      )

/** Refused where the server sends none, or not there. */
export const check = Effect.fnUntraced(function* (
  serving: ServerContext,
  { url }: Command.PushTo
): Effect.fn.Return<WebhookOptions, Refusal.Refusal> {
  const { webhooks } = serving
  if (webhooks === undefined) return yield* Effect.fail(unsupported)
  const isAllowed = URL.canParse(url) && (webhooks.allow ?? isPublic)(new URL(url))
  return isAllowed && (yield* leadsOut(serving, url)) ? webhooks : yield* Effect.fail(forbidden)
})

/** Begins to tell a run: from its beginning, where it is new. A hook of the same id is replaced. */
export const set = Effect.fnUntraced(function* (
  serving: ServerContext,
  principal: Principal,
  { isNew = false, push, runId }: Omit<Command.SetPush, "_tag"> & { readonly isNew?: boolean },
  dialect: Dialect.Dialect
) {
  const { openPush } = dialect
  if (openPush === undefined) return yield* Effect.fail(unsupported)
  const options = yield* check(serving, push)
  const status = yield* Lookup.run(serving, principal, runId)
  const { hooks } = serving
  if (!hooks.has(runId, push.id) && hooks.of(runId).length >= 16) return yield* Effect.fail(tooMany)
  yield* stop(serving, runId, push.id)
  const told = tell(serving, {
    options,
    push,
    encoder: openPush(),
    from: isNew ? 0 : status.lastSeq,
    resourceId: status.resourceId,
    runId
  })
  const fiber = yield* serving.forkFiber(
    Effect.ensuring(
      told,
      Effect.sync(() => hooks.take(runId, push.id))
    )
  )
  hooks.add(runId, { push, fiber })
  return Outcome.facts({ _tag: "Pushes", pushes: hooks.of(runId) })
})

const stop = ({ hooks }: ServerContext, runId: string, id: string): Effect.Effect<void> => {
  const hook = hooks.take(runId, id)
  return hook === undefined ? Effect.void : Fiber.interrupt(hook.fiber)
}

export const list = Effect.fnUntraced(function* (serving: ServerContext, principal: Principal, runId: string) {
  yield* Lookup.run(serving, principal, runId)
  return Outcome.facts({ _tag: "Pushes", pushes: serving.hooks.of(runId) })
})

export const remove = Effect.fnUntraced(function* (
  serving: ServerContext,
  principal: Principal,
  { id, runId }: Omit<Command.RemovePush, "_tag">
) {
  yield* Lookup.run(serving, principal, runId)
  yield* stop(serving, runId, id)
  return Outcome.facts({ _tag: "Pushes", pushes: serving.hooks.of(runId) })
})

/** What is told, and to whom. `from`: the run's events up to this one were told before. */
interface Telling {
  readonly options: WebhookOptions
  readonly push: Command.PushTo
  readonly encoder: Dialect.Encoder
  readonly runId: string
  readonly resourceId: string
  readonly from: number
}

const tell = (serving: ServerContext, telling: Telling): Effect.Effect<void> => {
  const { encoder, from, resourceId, runId } = telling
  const rename = ThreadName.envelopes(serving.naming, resourceId)
  let isPaused = false
  const bodiesOf = (envelopes: ReadonlyArray<Envelope.Envelope>): ReadonlyArray<string> => {
    const frames = envelopes.flatMap((envelope) => {
      const opening = isPaused ? encoder.reopen([]) : []
      isPaused = false
      const own = [...opening, ...encoder.step(rename(envelope))]
      return envelope.seq > from ? own : []
    })
    const last = envelopes.at(-1)?.seq ?? 0
    isPaused = encoder.isDetached
    return [...frames, ...(isPaused && last >= from ? encoder.finish() : [])].map(({ data }) => data)
  }
  return serving.runtime.watch(runId).pipe(
    Stream.runForEachArray((envelopes) =>
      Effect.forEach(bodiesOf(envelopes), (body) => send(serving, telling, body), { discard: true })
    ),
    Effect.andThen(() =>
      Effect.forEach(encoder.finish(), ({ data }) => send(serving, telling, data), { discard: true })
    ),
    Effect.ignore
  )
}

/** Sent again after a failure, three times; then the hook is missed. */
const again = Schedule.upTo(Schedule.exponential("500 millis"), { times: 3 })

const missed = Effect.logWarning("A web hook of a run was not accepted by its receiver and is missed")

const send = Effect.fnUntraced(function* (serving: ServerContext, { options, push }: Telling, body: string) {
  // The name may lead elsewhere by now.
  if (!(yield* leadsOut(serving, push.url))) return yield* missed
  const id = serving.newId("msg")
  const seconds = Math.floor((yield* Clock.currentTimeMillis) / 1000)
  const secret = typeof options.secret === "string" ? options.secret : Redacted.value(options.secret)
  const signature = hmac(sha256, utf8ToBytes(secret), utf8ToBytes(`${id}.${seconds}.${body}`))
  const request = HttpClientRequest.post(push.url).pipe(
    HttpClientRequest.setHeaders({
      "webhook-id": id,
      "webhook-timestamp": `${seconds}`,
      "webhook-signature": `v1,${Base64.encode(signature)}`,
      ...(push.token === undefined ? {} : { "x-a2a-notification-token": push.token }),
      ...(push.authorization === undefined ? {} : { authorization: push.authorization })
    }),
    HttpClientRequest.bodyText(body, "application/json")
  )
  yield* HttpClient.execute(request).pipe(
    Effect.flatMap((response) => (response.status < 300 ? Effect.void : Effect.fail(response.status))),
    Effect.timeout("10 seconds"),
    Effect.retry(again),
    Effect.catch(() => missed),
    Effect.scoped,
    Effect.provide(FetchHttpClient.layer),
    // Elsewhere the receiver did not say that it wants it.
    Effect.provideService(FetchHttpClient.RequestInit, { redirect: "error" })
  )
})
