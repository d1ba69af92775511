/**
 * Native routes for web hooks for open questions and ended runs of the tenant: for operators, and for keys
 * that stand for their tenant. They also list and remove those that clients have set for their runs.
 */
import {
  type NewWebhook,
  type RunWebhookInfo,
  type WaitingNotice,
  type WebhookInfo,
  webhookProblem
} from "@reins/runtime"
import { Webhook } from "@reins/runtime/journal"
import { type Dialect, Refusal } from "@reins/wire"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { type Principal, sightOf } from "../access/Authenticator.ts"
import type { ServerContext } from "../run/ServerContext.ts"
import * as OperatorRoutes from "./OperatorRoutes.ts"
import * as Webhooks from "../run/Webhooks.ts"

/** A web hook to add. `events`: absent: all. `content`: absent: false. */
export const Added = Schema.Struct({
  url: Schema.String,
  events: Schema.optionalKey(Schema.Array(Webhook.WebhookEvent)),
  content: Schema.optionalKey(Schema.Boolean)
})

// A misspelt field is refused, instead of doing something else than was meant.
const read = Schema.decodeUnknownOption(Added, { onExcessProperty: "error" })

const unknown = Refusal.make("not-found", "WebhookNotFound", "Unknown web hook")
const notSent = Refusal.make("bad-request", "WebhooksNotSent", "This server sends no web hooks")
const forbidden = Refusal.make(
  "forbidden",
  "RoleForbidden",
  "Web hooks are managed by the role operator, and by keys without a name"
)

/** The most web hooks of a tenant. */
const most = 100

const tooMany = Refusal.make("conflict", "TooManyWebhooks", `A tenant has at most ${most} web hooks. Remove one first`)

const managing = (
  { sender }: ServerContext,
  principal: Principal
): Effect.Effect<{ readonly resourceId: string }, Refusal.Refusal> => {
  if (sightOf(principal) !== "all") return Effect.fail(forbidden)
  return sender === undefined ? Effect.fail(notSent) : Effect.succeed({ resourceId: principal.tenant })
}

/** As clients see it: the tenant is their own. */
const outward = ({ resourceId: _, ...info }: WebhookInfo): Omit<WebhookInfo, "resourceId"> => info

/** What was added for a tenant by the API. Those of the program's settings are not shown: their URLs may be secrets. */
const listed = ({ runtime }: ServerContext, own: { readonly resourceId: string }) =>
  Effect.map(runtime.webhooks.list(own), (all) => all.filter(({ source }) => source === "api"))

/** Of a client's URL only where it leads: its path and query may be a secret of the client's. */
const ofRun = ({ resourceId: _, url, ...info }: RunWebhookInfo): Omit<RunWebhookInfo, "resourceId"> => ({
  ...info,
  url: URL.canParse(url) ? new URL(url).origin : ""
})

/** `GET /webhooks` */
export const list = Effect.fnUntraced(function* (serving: ServerContext, principal: Principal) {
  const own = yield* managing(serving, principal)
  const ofRuns = yield* serving.runtime.webhooks.ofRuns(own)
  return { status: 200, body: { webhooks: [...(yield* listed(serving, own)).map(outward), ...ofRuns.map(ofRun)] } }
})

/** The most notices of a page. */
const mostNotices = 1000

const noticeOf = ({ naming }: ServerContext, { name: _, run, ...notice }: WaitingNotice) => {
  const { resourceId, threadId, ...about } = run
  return { ...notice, run: { ...about, threadId: naming.outer(resourceId, threadId) } }
}

/** `GET /webhooks/:webhookId/notices`: what it has yet to be told. */
export const notices = Effect.fnUntraced(function* (
  serving: ServerContext,
  principal: Principal,
  { params, query }: Dialect.Request
) {
  const own = yield* managing(serving, principal)
  const limit = Math.min((yield* OperatorRoutes.natural(query, "limit")) ?? 100, mostNotices)
  const waiting = yield* serving.runtime.webhooks.waiting(params["webhookId"] ?? "", { ...own, limit })
  if (waiting === undefined) return yield* Effect.fail(unknown)
  return { status: 200, body: { notices: waiting.map((notice) => noticeOf(serving, notice)) } }
})

/** `POST /webhooks/:webhookId/retry` */
export const retry = Effect.fnUntraced(function* (serving: ServerContext, principal: Principal, id: string) {
  const own = yield* managing(serving, principal)
  if (!(yield* serving.runtime.webhooks.retry(id, own))) return yield* Effect.fail(unknown)
  yield* serving.sender?.look ?? Effect.void
  return { status: 202, body: {} }
})

/** `POST /webhooks` */
export const add = Effect.fnUntraced(function* (
  serving: ServerContext,
  principal: Principal,
  { body }: Dialect.Request
) {
  const own = yield* managing(serving, principal)
  const given = read(body)
  if (Option.isNone(given)) {
    return yield* Effect.fail(
      Refusal.badRequest(
        `Missing, invalid or unknown field. Use url, events and content. Events are ${Webhook.events.join(", ")}`
      )
    )
  }
  const webhook: NewWebhook = { ...given.value, ...own, atMost: most }
  const invalid = webhookProblem(webhook)
  if (invalid !== undefined) return yield* Effect.fail(Refusal.badRequest(invalid.message))
  if (!(yield* Webhooks.isAllowed(serving, webhook.url))) return yield* Effect.fail(Webhooks.forbidden)
  const adding = serving.runtime.webhooks.add(webhook)
  const { resourceId: _, ...added } = yield* Effect.mapError(adding, ({ field, message }) =>
    field === "atMost" ? tooMany : Refusal.badRequest(message)
  )
  return { status: 201, body: added }
})

/** `POST /webhooks/:webhookId/secret` */
export const rotate = Effect.fnUntraced(function* (serving: ServerContext, principal: Principal, id: string) {
  const own = yield* managing(serving, principal)
  const secret = yield* serving.runtime.webhooks.rotate(id, own)
  return secret === undefined ? yield* Effect.fail(unknown) : { status: 200, body: { secret } }
})

/** `DELETE /webhooks/:webhookId` */
export const remove = Effect.fnUntraced(function* (serving: ServerContext, principal: Principal, id: string) {
  const own = yield* managing(serving, principal)
  if (!(yield* serving.runtime.webhooks.remove(id, own))) return yield* Effect.fail(unknown)
  yield* serving.sender?.drop(id) ?? Effect.void
  return { status: 204 }
})
