/**
 * Sends what web hooks are to be told: leases web hooks from the store, one process each at a time, sends what is due,
 * and marks what was accepted. What a process leaves when it dies is sent by the next one, with the same `webhook-id`.
 *
 * An address that fails is left alone for a while, and holds up no other; that it does is logged once, without content
 * and without its URL, which may be a secret.
 */
import { Budget } from "@reins/protocol"
import { type LeasedWebhook, type Notice, Outline, type StoredWebhook, Webhook } from "@reins/runtime/journal"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as FiberMap from "effect/FiberMap"
import * as Metric from "effect/Metric"
import * as Queue from "effect/Queue"
import * as Random from "effect/Random"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type { OwnWebhook, WebhookOptions } from "../options/ServerOptions.ts"
import * as Delivery from "../webhook/Delivery.ts"
import * as Retry from "../webhook/Retry.ts"
import * as Signature from "../webhook/Signature.ts"
import * as RunPush from "./RunPush.ts"
import type { RuntimeShape } from "@reins/runtime"
import * as DateTime from "effect/DateTime"
import * as ThreadName from "../thread/ThreadName.ts"
import * as Accumulated from "./Accumulated.ts"

/** What a sender works with. */
export interface Sending extends RunPush.Telling {
  readonly options: WebhookOptions
  readonly lookup: Delivery.Lookup | undefined
  readonly newId: (prefix: string) => string
}

/** A sender at work. */
export interface WebhookSender {
  /** Looks at once for something to send. */
  readonly look: Effect.Effect<void>
  /** Stops telling a web hook here that was changed or removed. */
  readonly drop: (id: string) => Effect.Effect<void>
}

/** How often it looks for something to send. */
const interval = "2 seconds"

/** How long a process has a web hook for itself; it extends this while it sends. */
const leaseMs = 60_000

/** A run that has not begun soon after its web hook was stored waits for its thread, and is looked for less often. */
const startsWithinMs = 60_000
const unstartedMs = 30_000

/** How many notices are read at once, and how many of them are sent at once. */
const [batch, together] = [16, 4]

const attempts = Metric.counter("reins_webhook_attempts_total", {
  description: "Attempts to send a web hook, by outcome",
  incremental: true
})
const lost = Metric.counter("reins_notices_lost_total", {
  description: "Notices that no address accepted and that were given up",
  incremental: true
})

const counted = (refused: Delivery.Refused | undefined): Effect.Effect<void> =>
  Metric.update(Metric.withAttributes(attempts, { outcome: refused === undefined ? "accepted" : "refused" }), 1)

const textOf = (secret: Redacted.Redacted | string): string =>
  typeof secret === "string" ? secret : Redacted.value(secret)

const secretsOf = ({ secret }: OwnWebhook): ReadonlyArray<string> =>
  typeof secret === "string" || Redacted.isRedacted(secret) ? [textOf(secret)] : secret.map(textOf)

/** The id of a web hook of the program's own: the same in every process that has it. */
const ownId = ({ tenant, url }: OwnWebhook): string => Signature.idOf(tenant ?? "", url).replace("msg_", "whk_")

/** Stores the program's own web hooks, in place of those that an earlier process had. */
const settled = Effect.fnUntraced(function* ({ options: { own }, runtime }: Sending) {
  if (own === undefined) return
  const { outbox } = runtime.webhooks
  const createdAt = yield* Clock.currentTimeMillis
  for (const one of own) {
    const { content = false, events = Webhook.events, tenant, url } = one
    const webhook: StoredWebhook = {
      id: ownId(one),
      ...(tenant === undefined ? {} : { resourceId: tenant }),
      url,
      events,
      content,
      source: "settings",
      createdAt,
      secrets: []
    }
    yield* outbox.put(webhook)
  }
  const ids = own.map(ownId)
  for (const { webhook } of yield* outbox.list({})) {
    if (webhook.source === "settings" && !ids.includes(webhook.id)) yield* outbox.remove(webhook.id)
  }
})

/** Begins to send, for as long as the scope. */
export const make = Effect.fnUntraced(function* (
  sending: Sending
): Effect.fn.Return<WebhookSender, never, Scope.Scope> {
  const { newId, options, runtime } = sending
  const { outbox } = runtime.webhooks
  const own = new Map((options.own ?? []).map((one) => [ownId(one), secretsOf(one)]))
  const sender = newId("sender")
  let leases = 0
  const busy = yield* FiberMap.make<string>()
  const bell = yield* Queue.sliding<void>(1)
  const retryForMs = Budget.milliseconds(options.retryFor ?? "3 days")
  const reach = { allow: options.allow, lookup: sending.lookup }

  /** Sends once. */
  const post = (webhook: StoredWebhook, id: string, body: string) => {
    const { push, secrets, source, url } = webhook
    const signing =
      source === "api"
        ? secrets
        : source === "settings"
          ? (own.get(webhook.id) ?? [])
          : options.secret === undefined
            ? []
            : [textOf(options.secret)]
    const headers = {
      ...(push?.token === undefined ? {} : { "x-a2a-notification-token": push.token }),
      ...(push?.authorization === undefined ? {} : { authorization: push.authorization })
    }
    const sent = { url, id, body, secrets: signing, headers, reach: source === "settings" ? undefined : reach }
    return Effect.tap(Delivery.post(sent), counted)
  }

  /** Sends a notice, and marks it. Returns why it was refused. */
  const tell = Effect.fnUntraced(function* (webhook: StoredWebhook, notice: Notice) {
    const { at, attempts, name, run, webhookId } = notice
    const body = yield* bodyOf(sending, notice, webhook.content)
    const refused = yield* post(webhook, Signature.idOf(webhookId, run.runId, name), body)
    if (refused === undefined) {
      yield* outbox.accepted(notice)
      return undefined
    }
    const now = yield* Clock.currentTimeMillis
    const isOver = Retry.isOver(now - at, attempts + 1, retryForMs)
    const delay = Math.max(refused.waitMs, Retry.delayMs(attempts + 1, yield* Random.next))
    yield* outbox.refused(notice, isOver ? undefined : now + delay)
    if (isOver) {
      yield* Metric.update(lost, 1)
      yield* Effect.annotateLogs(Effect.logError("A notice was given up: its web hook did not accept it"), {
        webhookId,
        runId: run.runId,
        event: notice.event,
        why: refused.why
      })
    }
    return refused
  })

  /** Sends what is due, until something is refused or nothing is left. */
  const notify = Effect.fnUntraced(function* (leased: LeasedWebhook, owner: string, progress: Progress) {
    const { webhook } = leased
    while (true) {
      const notices = yield* outbox.due(webhook.id, yield* Clock.currentTimeMillis, batch)
      if (notices.length === 0) return "unfinished" as const
      yield* Effect.forEach(
        notices,
        (notice) =>
          Effect.suspend(() =>
            progress.refused === undefined
              ? Effect.map(tell(webhook, notice), (refused) => progress.note(refused))
              : Effect.void
          ),
        { concurrency: together, discard: true }
      )
      const until = (yield* Clock.currentTimeMillis) + leaseMs
      if (progress.refused !== undefined || !(yield* outbox.extend(webhook.id, owner, until))) {
        return "unfinished" as const
      }
    }
  })

  /** Extends the lease until it is lost. */
  const holding = (id: string, owner: string): Effect.Effect<void> =>
    Effect.flatMap(
      Effect.delay(
        Effect.flatMap(Clock.currentTimeMillis, (now) => outbox.extend(id, owner, now + leaseMs)),
        leaseMs / 3
      ),
      (isOurs) => (isOurs ? holding(id, owner) : Effect.void)
    )

  /** Tells a run by its protocol, until it has ended or something is refused. */
  const push = (leased: LeasedWebhook, owner: string, progress: Progress) =>
    Effect.raceFirst(
      RunPush.tell(sending, leased, (id, body) =>
        Effect.tap(post(leased.webhook, id, body), (refused) => Effect.sync(() => progress.note(refused)))
      ),
      Effect.as(holding(leased.webhook.id, owner), "unfinished" as const)
    )

  const work = Effect.fnUntraced(function* (leased: LeasedWebhook, owner: string) {
    const { failingSince, failures, webhook } = leased
    const progress = new Progress()
    const release = Effect.fnUntraced(function* (isUnstarted = false) {
      const at = yield* Clock.currentTimeMillis
      const { accepted, refused } = progress
      const nth = accepted ? 1 : failures + 1
      const waits = isUnstarted && at - webhook.createdAt > startsWithinMs ? unstartedMs : 0
      const pause = refused === undefined ? waits : Math.max(refused.waitMs, Retry.pauseMs(nth, yield* Random.next))
      yield* outbox.release(webhook.id, owner, { at, accepted, failure: refused?.why, nextAt: at + pause })
      yield* changed(webhook.id, failures, progress)
    })
    const told = webhook.runId === undefined ? notify(leased, owner, progress) : push(leased, owner, progress)
    const outcome = yield* Effect.onInterrupt(told, () => release())
    const now = yield* Clock.currentTimeMillis
    const isHopeless =
      webhook.runId !== undefined &&
      progress.refused !== undefined &&
      !progress.accepted &&
      Retry.isOver(now - (failingSince ?? now), failures + 1, retryForMs)
    if (outcome === "finished" || isHopeless) yield* outbox.remove(webhook.id)
    else yield* release(outcome === "unstarted")
  })

  const round = Effect.gen(function* () {
    // Another name each time: work that is replaced because its lease was over ends no lease of what replaces it.
    const owner = `${sender}.${++leases}`
    const now = yield* Clock.currentTimeMillis
    const protocols = options.secret !== undefined && sending.pushes.size > 0
    const lease = { owner, now, until: now + leaseMs, known: [...own.keys()], protocols, limit: 16 }
    for (const leased of yield* outbox.lease(lease)) {
      yield* FiberMap.run(busy, leased.webhook.id, contained(work(leased, owner)))
    }
  })

  yield* contained(settled(sending))
  // The first round before anything is added, so that who adds a web hook knows that it is sent.
  yield* contained(round)
  yield* Effect.forkScoped(
    Effect.forever(Effect.andThen(Effect.timeoutOption(Queue.take(bell), interval), contained(round)))
  )
  return {
    look: Effect.asVoid(Queue.offer(bell, undefined)),
    drop: (id) => FiberMap.remove(busy, id)
  }
})

/** What was sent under one lease. Mutable. */
class Progress {
  accepted = false
  refused: Delivery.Refused | undefined

  note(refused: Delivery.Refused | undefined): void {
    if (refused === undefined) this.accepted = true
    else this.refused ??= refused
  }
}

/** Logs that an address begins or ceases to fail. */
const changed = (webhookId: string, failures: number, { accepted, refused }: Progress): Effect.Effect<void> => {
  if (refused !== undefined && (failures === 0 || accepted)) {
    return Effect.annotateLogs(
      Effect.logWarning("A web hook fails. Its notices are sent again; its state is in GET /native/webhooks"),
      { webhookId, why: refused.why }
    )
  }
  return accepted && failures > 0 && refused === undefined
    ? Effect.annotateLogs(Effect.logInfo("A web hook that failed accepts again"), { webhookId })
    : Effect.void
}

/** A store that fails is asked again in the next round. Of the cause only its kind is logged: it may quote a row. */
const contained = <A>(effect: Effect.Effect<A>): Effect.Effect<void> =>
  Effect.catchDefect(Effect.asVoid(effect), (defect) =>
    Effect.logWarning(`The store of web hooks did not answer. It is asked again (${Outline.of(defect)})`)
  )

/** What is read for a notice. */
interface Source {
  readonly runtime: RuntimeShape
  readonly naming: ThreadName.Naming
}

/** What is asked, while it is open; what the run has said, if it has not been deleted. */
const contentOf = Effect.fnUntraced(function* ({ naming, runtime }: Source, { event, name, run }: Notice) {
  const { resourceId, runId } = run
  if (event === "approval.required") {
    const open = yield* runtime.pendingApprovals({ resourceId, runId })
    const asked = open.find(({ request }) => request.id === name)
    return asked === undefined ? {} : { request: ThreadName.question(naming, asked.request) }
  }
  const status = yield* runtime.status(runId)
  if (status === undefined || status.lastSeq === 0) return {}
  const { text } = yield* Accumulated.of(runtime, naming, status)
  return { text }
})

/** The body of a notice as JSON: ids, names, times and money; with content also what is asked, and what an ended run has said. Without content it is the same at each attempt. */
const bodyOf = Effect.fnUntraced(function* (source: Source, notice: Notice, hasContent: boolean) {
  const { at, event, facts, run } = notice
  const { agent, principal, resourceId, runId, startedAt, threadId } = run
  const data = {
    tenant: resourceId,
    runId,
    threadId: source.naming.outer(resourceId, threadId),
    agent,
    ...(principal === undefined ? {} : { principal }),
    startedAt,
    ...facts,
    ...(hasContent ? yield* contentOf(source, notice) : {})
  }
  return JSON.stringify({ type: event, timestamp: DateTime.formatIso(DateTime.makeUnsafe(at)), data })
})
