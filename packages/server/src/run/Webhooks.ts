/**
 * Web hooks that clients of a protocol set for a run. They are stored with the run, and told by `WebhookSender` of
 * whichever process leases them, also after a restart.
 */
import { Refusal, type Command, type Dialect } from "@reins/wire"
import type { StoredWebhook } from "@reins/runtime/journal"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { Principal } from "../access/Authenticator.ts"
import * as Delivery from "../webhook/Delivery.ts"
import * as Signature from "../webhook/Signature.ts"
import * as Lookup from "./Lookup.ts"
import * as Outcome from "./Outcome.ts"
import type { ServerContext } from "./ServerContext.ts"

const unsupported = Refusal.make("bad-request", "PushNotSupported", "This server sends no web hooks")
const forbidden = Refusal.badRequest("Web hooks are not sent to this url")
const tooMany = Refusal.make("conflict", "TooManyWebhooks", "A run has at most 16 web hooks")

/** Whether a client's web hook may be sent there. */
export const isAllowed = ({ lookup, webhooks }: ServerContext, url: string): Effect.Effect<boolean> =>
  Delivery.mayReach({ allow: webhooks?.allow, lookup }, url)

/** Refused where the server sends none, or not there. */
export const check = Effect.fnUntraced(function* (
  serving: ServerContext,
  { url }: Command.PushTo
): Effect.fn.Return<void, Refusal.Refusal> {
  if (serving.sender === undefined || serving.webhooks?.secret === undefined) return yield* Effect.fail(unsupported)
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

/** Begins to send the states of a run: from its first event, where it is new. Replaces a web hook of the same id. */
export const set = Effect.fnUntraced(function* (
  serving: ServerContext,
  principal: Principal,
  { isNew = false, push, runId }: Omit<Command.SetPush, "_tag"> & { readonly isNew?: boolean },
  { name, openPush }: Dialect.Dialect
) {
  const { runtime, sender } = serving
  if (openPush === undefined) return yield* Effect.fail(unsupported)
  // What comes with a query was checked before its run began, and every delivery checks again.
  if (!isNew) yield* check(serving, push)
  const status = yield* Lookup.run(serving, principal, runId)
  const others = (yield* listed(serving, runId)).filter(({ id }) => id !== push.id)
  if (others.length >= 16) return yield* Effect.fail(tooMany)
  const { authorization, id, token, url } = push
  const webhook: StoredWebhook = {
    id: idOf(runId, id),
    resourceId: status.resourceId,
    runId,
    url,
    events: [],
    content: true,
    source: "protocol",
    createdAt: yield* Clock.currentTimeMillis,
    secrets: [],
    push: {
      id,
      dialect: name,
      ...(token === undefined ? {} : { token }),
      ...(authorization === undefined ? {} : { authorization })
    }
  }
  const { outbox } = runtime.webhooks
  yield* sender?.drop(webhook.id) ?? Effect.void
  yield* outbox.remove(webhook.id)
  // The current state of the run is sent, too.
  yield* outbox.put(webhook, isNew ? 0 : Math.max(0, status.lastSeq - 1))
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
  const stored = idOf(runId, id)
  yield* serving.sender?.drop(stored) ?? Effect.void
  yield* serving.runtime.webhooks.outbox.remove(stored)
  return told(yield* listed(serving, runId))
})
