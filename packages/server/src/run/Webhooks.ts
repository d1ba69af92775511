/**
 * Web hooks that clients of a protocol set for a run. They are stored with the run, and told by `WebhookSender` of
 * whichever process leases them, also after a restart.
 */
import { Refusal, type Command, type Dialect } from "@reins/wire"
import type { QueryRejected } from "@reins/protocol"
import type { Steered } from "@reins/runtime"
import type { StoredWebhook } from "@reins/runtime/journal"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type { Principal } from "../access/Authenticator.ts"
import * as Delivery from "../webhook/Delivery.ts"
import * as Signature from "../webhook/Signature.ts"
import * as Lookup from "./Lookup.ts"
import * as Outcome from "./Outcome.ts"
import type { ServerContext } from "./ServerContext.ts"

export const unsupported = Refusal.make("bad-request", "PushNotSupported", "This server sends no web hooks")
export const forbidden = Refusal.badRequest(
  "Web hooks are not sent to this url. Use https and a name whose addresses are public, or have the server allow it"
)
const noHeader = Refusal.badRequest(
  "Invalid token or authentication of a web hook. Use characters of Latin-1 without line breaks, which a header can carry"
)

/** What a header can carry. */
const header = /^[\t\u0020-\u007e\u0080-\u00ff]*$/

/** The most web hooks of a run. */
const most = 16

const tooMany = Refusal.make("conflict", "TooManyWebhooks", `A run has at most ${most} web hooks`)

/** Whether a client's web hook may be sent there. */
export const isAllowed = ({ lookup, webhooks }: ServerContext, url: string): Effect.Effect<boolean> =>
  Delivery.mayReach({ allow: webhooks?.allow, lookup }, url)

/** Refused where the server sends none, or not there. */
export const check = Effect.fnUntraced(function* (
  serving: ServerContext,
  { authorization = "", token = "", url }: Command.PushTo
): Effect.fn.Return<void, Refusal.Refusal> {
  if (serving.sender === undefined || serving.webhooks?.secret === undefined) return yield* Effect.fail(unsupported)
  if (!header.test(token) || !header.test(authorization)) return yield* Effect.fail(noHeader)
  if (!(yield* isAllowed(serving, url))) return yield* Effect.fail(forbidden)
})

/** The id under which a run's web hook is stored. */
const idOf = (runId: string, id: string): string => Signature.idOf(runId, id).replace("msg_", "whk_")

const pushOf = ({ push, url }: StoredWebhook): Command.PushTo => {
  const { authorization, id = "", token } = push ?? {}
  return {
    id,
    url,
    ...(token === undefined ? {} : { token }),
    ...(authorization === undefined ? {} : { authorization })
  }
}

const listed = ({ runtime }: ServerContext, runId: string): Effect.Effect<ReadonlyArray<Command.PushTo>> =>
  Effect.map(runtime.webhooks.outbox.list({ runId }), (all) => all.map(({ webhook }) => pushOf(webhook)))

const told = (pushes: ReadonlyArray<Command.PushTo>): Outcome.Outcome => Outcome.facts({ _tag: "Pushes", pushes })

/** A web hook of a run, as it is stored. */
const stored = (
  resourceId: string,
  { push: { authorization, id, token, url }, runId }: Omit<Command.SetPush, "_tag">,
  { name }: Dialect.Dialect,
  createdAt: number
): StoredWebhook => ({
  id: idOf(runId, id),
  resourceId,
  runId,
  url,
  events: [],
  content: true,
  source: "protocol",
  createdAt,
  secrets: [],
  push: {
    id,
    dialect: name,
    ...(token === undefined ? {} : { token }),
    ...(authorization === undefined ? {} : { authorization })
  }
})

/**
 * The web hook that a request brings for its run: stored before the run, so that neither a client that disconnects nor a
 * process that dies loses it, and removed where the run does not begin.
 */
export interface Brought {
  readonly before: (runId: string) => Effect.Effect<void>
  readonly unstarted: (runId: string) => Effect.Effect<void>
}

/** What a checked web hook of a request does around the start of its run. */
export const brought = (
  { runtime: { webhooks }, sender }: ServerContext,
  { tenant }: Principal,
  push: Command.PushTo,
  dialect: Dialect.Dialect
): Brought => ({
  before: (runId) =>
    Effect.flatMap(Clock.currentTimeMillis, (now) =>
      webhooks.outbox.put(stored(tenant, { runId, push }, dialect, now))
    ),
  unstarted: (runId) =>
    Effect.andThen(
      sender?.drop(idOf(runId, push.id)) ?? Effect.void,
      Effect.asVoid(webhooks.outbox.remove(idOf(runId, push.id)))
    )
})

/** Starts a run whose web hook is stored before it, and removed where it does not begin. */
export const announced = <A extends { readonly value: { readonly steered?: Steered | undefined } }>(
  brought: Brought | undefined,
  runId: string,
  begun: Effect.Effect<A, QueryRejected>
): Effect.Effect<A, QueryRejected> =>
  brought === undefined
    ? begun
    : Effect.andThen(brought.before(runId), begun).pipe(
        Effect.onExit((exit) => {
          const isTaken = Exit.isFailure(exit)
            ? // Another process has started it, with the same web hook.
              Option.exists(Cause.findErrorOption(exit.cause), ({ reason }) => reason._tag === "RunExists")
            : exit.value.value.steered === undefined
          return isTaken ? Effect.void : brought.unstarted(runId)
        })
      )

/** Begins to send the states of a run: from its first event, where it is new. Replaces a web hook of the same id. */
export const set = Effect.fnUntraced(function* (
  serving: ServerContext,
  principal: Principal,
  { isNew = false, push, runId }: Omit<Command.SetPush, "_tag"> & { readonly isNew?: boolean },
  dialect: Dialect.Dialect
) {
  const { runtime, sender } = serving
  if (dialect.openPush === undefined) return yield* Effect.fail(unsupported)
  // What comes with a query was checked before its run began, and every delivery checks again.
  if (!isNew) yield* check(serving, push)
  const status = yield* Lookup.run(serving, principal, runId)
  const known = yield* listed(serving, runId)
  const others = known.filter(({ id }) => id !== push.id)
  if (isNew && others.length < known.length) {
    yield* sender?.look ?? Effect.void
    return told([...others, push])
  }
  const webhook = stored(status.resourceId, { runId, push }, dialect, yield* Clock.currentTimeMillis)
  const { outbox } = runtime.webhooks
  yield* sender?.drop(webhook.id) ?? Effect.void
  // The current state of the run is sent, too.
  const toldSeq = isNew ? 0 : Math.max(0, status.lastSeq - 1)
  if (!(yield* outbox.add(webhook, most, toldSeq))) return yield* Effect.fail(tooMany)
  yield* sender?.look ?? Effect.void
  return told([...others, push])
})

export const list = Effect.fnUntraced(function* (serving: ServerContext, principal: Principal, runId: string) {
  yield* Lookup.run(serving, principal, runId)
  return told(yield* listed(serving, runId))
})

export const remove = Effect.fnUntraced(function* (
  serving: ServerContext,
  principal: Principal,
  { id, runId }: Omit<Command.RemovePush, "_tag">
) {
  yield* Lookup.run(serving, principal, runId)
  const kept = idOf(runId, id)
  yield* serving.sender?.drop(kept) ?? Effect.void
  yield* serving.runtime.webhooks.outbox.remove(kept)
  return told(yield* listed(serving, runId))
})
