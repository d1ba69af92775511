/**
 * The operations on web hooks: addresses to which open questions and ended runs are reported. A notice is stored
 * with its event; a server, or `Webhooks.layer` of `@reins/server`, sends it.
 */
import { sha256 } from "@noble/hashes/sha2.js"
import { utf8ToBytes } from "@noble/hashes/utils.js"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Webhook from "../engine/Webhook.ts"
import type { WebhookStanding, WebhookStore } from "../engine/WebhookStore.ts"
import type { IdSource } from "../kernel/Ids.ts"
import * as Rule from "../kernel/OptionRule.ts"
import * as Runs from "./Runs.ts"
import type { RuntimeParts } from "./RuntimeParts.ts"

/**
 * A web hook to add.
 *
 * **Details**
 * - `url`: where it is sent, over `http` or `https`. A server that takes one from a client also refuses addresses of its
 *   own network; so does the sender.
 * - `resourceId`: the tenant of the runs. Absent: every tenant.
 * - `events`: absent: all.
 * - `content`: whether questions and answers are sent, besides ids, names, times and money. Absent: no.
 * - `secret`: signs what is sent: `whsec_` and 24 to 64 bytes as Base64. Absent: a new one.
 * - `atMost`: how many web hooks may have been added for the tenant afterwards, a whole number of at least 0. Absent: any
 *   number.
 *
 * @since 0.2.0
 * @category models
 */
export interface NewWebhook {
  readonly url: string
  readonly resourceId?: string | undefined
  readonly events?: ReadonlyArray<Webhook.WebhookEvent> | undefined
  readonly content?: boolean | undefined
  readonly secret?: string | undefined
  readonly atMost?: number | undefined
}

/**
 * A web hook and how it does, without its secrets. `source`: whether callers added it or the settings of a process have
 * it. Times are epoch milliseconds.
 *
 * @since 0.2.0
 * @category models
 */
export interface WebhookInfo
  extends
    Pick<Webhook.StoredWebhook, "id" | "resourceId" | "url" | "events" | "content" | "source" | "createdAt">,
    Omit<WebhookStanding, "webhook"> {}

/**
 * A web hook that a client of a protocol has set for a run, and how it does. `dialect`: the protocol, such as `a2a`.
 *
 * @since 0.2.0
 * @category models
 */
export interface RunWebhookInfo extends WebhookInfo {
  readonly runId: string
  readonly dialect: string
}

/**
 * A web hook that was added, and the secret that its receiver verifies with. It is not shown again.
 *
 * @since 0.2.0
 * @category models
 */
export interface AddedWebhook extends WebhookInfo {
  readonly secret: string
}

/**
 * A web hook is invalid, or one more than `atMost`: it was not added.
 *
 * @since 0.2.0
 * @category errors
 */
export class WebhookInvalid extends Schema.TaggedError<WebhookInvalid>()("WebhookInvalid", {
  field: Schema.Literals(["url", "events", "secret", "atMost"]),
  /** What is wrong with `atMost`. Absent where the tenant has as many web hooks as it allows. */
  issue: Schema.optionalKey(Schema.String)
}) {
  override get message() {
    switch (this.field) {
      case "url":
        return "Invalid url of a web hook. Use an absolute one with https or http, without credentials, in at most 2,048 printable ASCII characters"
      case "events":
        return `Invalid events of a web hook. Use one or more of ${Webhook.events.join(", ")}`
      case "secret":
        return "Invalid secret of a web hook. Use whsec_ and 24 to 64 bytes as Base64, or leave it out"
      case "atMost":
        return this.issue ?? "The tenant has as many web hooks as atMost allows. Remove one first, or allow more"
    }
  }
}

const prefix = "whsec_"

/** Whether receivers' libraries accept the secret. */
const isSecret = (secret: string): boolean => {
  if (!secret.startsWith(prefix)) return false
  const bytes = Result.getOrUndefined(Base64.decode(secret.slice(prefix.length)))
  return bytes !== undefined && bytes.length >= 24 && bytes.length <= 64
}

/** A new secret: 32 bytes of three ids that cannot be guessed. */
const newSecret = (ids: IdSource): string =>
  `${prefix}${Base64.encode(sha256(utf8ToBytes([ids.make("s"), ids.make("s"), ids.make("s")].join())))}`

/**
 * What is wrong with a web hook; `undefined` if nothing is.
 *
 * @since 0.2.0
 * @category operations
 */
export const problemOf = ({ atMost, events = Webhook.events, secret, url }: NewWebhook): WebhookInvalid | undefined => {
  if (!Webhook.isUrl(url)) return new WebhookInvalid({ field: "url" })
  if (events.length === 0 || events.some((event) => !Webhook.events.includes(event))) {
    return new WebhookInvalid({ field: "events" })
  }
  if (secret !== undefined && !isSecret(secret)) return new WebhookInvalid({ field: "secret" })
  const issue = atMost === undefined ? undefined : Rule.issueOf("atMost of a web hook", atMost, Rule.count())
  return issue === undefined ? undefined : new WebhookInvalid({ field: "atMost", issue })
}

/** A number of rows that a store can take. */
const rowsOf = (limit: number): number => Runs.limitOf(limit, 1_000_000)

/** What callers see. */
const infoOf = ({ webhook, ...standing }: WebhookStanding): WebhookInfo => {
  const { content, createdAt, events, id, resourceId, source, url } = webhook
  return {
    id,
    ...(resourceId === undefined ? {} : { resourceId }),
    url,
    events,
    content,
    source,
    createdAt,
    ...standing
  }
}

const runInfoOf = (standing: WebhookStanding): RunWebhookInfo => ({
  ...infoOf(standing),
  runId: standing.webhook.runId ?? "",
  dialect: standing.webhook.push?.dialect ?? ""
})

/** What callers see of a notice. */
const waitingOf = ({ at, attempts, event, facts, name, nextAt, run }: Webhook.Notice): WaitingNotice => ({
  name,
  event,
  at,
  attempts,
  nextAt,
  run,
  facts
})

/**
 * A notice that waits for a web hook, without content: its run, event and time, the number of failed attempts
 * (`attempts`), and when it is sent next (`nextAt`). Times are epoch milliseconds. `name` identifies it within its
 * run.
 *
 * @since 0.2.0
 * @category models
 */
export interface WaitingNotice extends Omit<Webhook.Notice, "webhookId"> {}

interface OfTenant {
  readonly resourceId?: string | undefined
}

/**
 * The web hooks of a runtime.
 *
 * @since 0.2.0
 * @category models
 */
export interface Webhooks {
  /**
   * Adds a web hook: an address that gets a notice when a person is asked and when a run ends. It gets the notices of
   * later events, each once, from any process that sends; a notice is stored in the commit of its event, so that none
   * is lost. Fails with `WebhookInvalid`, which names the field: `atMost` where as many have been added, by this process or
   * another, or where it is no whole number of at least 0.
   *
   * **Gotchas**: a server with the option `webhooks` sends. Where this process has none yet, adding its first web hook
   * logs a warning.
   */
  readonly add: (webhook: NewWebhook) => Effect.Effect<AddedWebhook, WebhookInvalid>
  /** Web hooks and how they do, in order of creation. With `resourceId`, only that tenant's own. */
  readonly list: (options?: OfTenant) => Effect.Effect<ReadonlyArray<WebhookInfo>>
  /**
   * A new secret for a web hook that was added. What is sent is signed with it and with the one before, until the next
   * one. `undefined` when there is none; with `resourceId`, also when it is not that tenant's.
   */
  readonly rotate: (id: string, options?: OfTenant) => Effect.Effect<string | undefined>
  /** Removes a web hook and what it was not told yet. False when there is none, or not of the tenant. */
  readonly remove: (id: string, options?: OfTenant) => Effect.Effect<boolean>
  /**
   * Web hooks that clients of a protocol (A2A) have set for their runs, in order of creation: they get the states of that
   * run, and are removed when it has ended. `limit`: the most of them, 1,000 if absent.
   */
  readonly ofRuns: (
    options?: OfTenant & { readonly limit?: number | undefined }
  ) => Effect.Effect<ReadonlyArray<RunWebhookInfo>>
  /**
   * The notices that wait for a web hook, the next one first; none for one of a run, which gets states. `limit`: the most
   * of them, 100 if absent. `undefined` when there is no such web hook; with `resourceId`, also when it is not that
   * tenant's, or is of the settings.
   */
  readonly waiting: (
    id: string,
    options?: OfTenant & { readonly limit?: number | undefined }
  ) => Effect.Effect<ReadonlyArray<WaitingNotice> | undefined>
  /**
   * Sends the waiting notices at once, instead of after the delay of their failures. False when there is no such web
   * hook; with `resourceId`, also when it is not that tenant's, or is of the settings.
   */
  readonly retry: (id: string, options?: OfTenant) => Effect.Effect<boolean>
  /** The store of web hooks and notices, for their sender. */
  readonly outbox: WebhookStore
}

/** The store of web hooks for whoever sends; `onLease` is called when it looks for what to send. */
const outboxOf = (store: WebhookStore, onLease: () => void): WebhookStore => ({
  put: (webhook, toldSeq) => store.put(webhook, toldSeq),
  add: (webhook, most, toldSeq) => store.add(webhook, most, toldSeq),
  rotate: (id, secret, resourceId) => store.rotate(id, secret, resourceId),
  remove: (id, resourceId) => store.remove(id, resourceId),
  list: (query) => store.list(query),
  count: store.count,
  retry: (id, now, resourceId) => store.retry(id, now, resourceId),
  lease: (lease) => {
    onLease()
    return store.lease(lease)
  },
  extend: (id, owner, until) => store.extend(id, owner, until),
  release: (id, owner, outcome) => store.release(id, owner, outcome),
  due: (id, now, limit) => store.due(id, now, limit),
  accepted: (notice) => store.accepted(notice),
  refused: (notice, nextAt) => store.refused(notice, nextAt),
  told: (id, seq) => store.told(id, seq)
})

const noSender =
  "A web hook was added, and nothing in this process sends web hooks yet: its notices wait in the store. Start a server with the option webhooks, as in createServer(runtime, { webhooks: {} }), here or in another process over the same store"

/** The verbs of a runtime. */
export const make = ({ host: { webhooks }, ids }: RuntimeParts): Webhooks => {
  let warns = true
  return {
    add: Effect.fnUntraced(function* (given) {
      const problem = problemOf(given)
      if (problem !== undefined) return yield* problem
      const { atMost, content = false, events = Webhook.events, resourceId, secret = newSecret(ids), url } = given
      const webhook: Webhook.StoredWebhook = {
        id: ids.make("whk"),
        ...(resourceId === undefined ? {} : { resourceId }),
        url,
        events: [...new Set(events)],
        content,
        source: "api",
        createdAt: yield* Clock.currentTimeMillis,
        secrets: [secret]
      }
      if (atMost === undefined) yield* webhooks.put(webhook)
      else if (!(yield* webhooks.add(webhook, atMost))) return yield* new WebhookInvalid({ field: "atMost" })
      if (warns) {
        warns = false
        yield* Effect.logWarning(noSender)
      }
      return { ...infoOf({ webhook, waiting: 0, failures: 0, lost: 0 }), secret }
    }),
    list: (options) => Effect.map(webhooks.list({ resourceId: options?.resourceId }), (all) => all.map(infoOf)),
    rotate: (id, options) =>
      Effect.suspend(() => {
        const secret = newSecret(ids)
        return Effect.map(webhooks.rotate(id, secret, options?.resourceId), (is) => (is ? secret : undefined))
      }),
    remove: (id, options) => webhooks.remove(id, options?.resourceId),
    ofRuns: ({ limit = 1000, resourceId } = {}) =>
      Effect.map(webhooks.list({ resourceId, isOfRun: true, limit: rowsOf(limit) }), (all) => all.map(runInfoOf)),
    waiting: Effect.fnUntraced(function* (id, { limit = 100, resourceId } = {}) {
      const [found] = yield* webhooks.list({ id, resourceId })
      if (found === undefined || (resourceId !== undefined && found.webhook.source === "settings")) return undefined
      return (yield* webhooks.due(id, Number.MAX_SAFE_INTEGER, rowsOf(limit))).map(waitingOf)
    }),
    retry: (id, options) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => webhooks.retry(id, now, options?.resourceId)),
    outbox: outboxOf(webhooks, () => void (warns = false))
  }
}
