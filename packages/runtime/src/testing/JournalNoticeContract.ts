/**
 * The part of the journal contract about notices: what commits add for web hooks, who leases a web hook, and what becomes of
 * a notice that is not accepted. With samples for the clauses about web hooks themselves.
 */
import * as Effect from "effect/Effect"
import type { Notice, StoredWebhook } from "../engine/Webhook.ts"
import type { WebhookLease } from "../engine/WebhookStore.ts"
import type { JournalStore } from "../host/journal/JournalStore.ts"
import { asks, begin, type Clause, clause, commit, decides, finish, same, text } from "./JournalSamples.ts"

export const webhook = (over: Partial<StoredWebhook> = {}): StoredWebhook => ({
  id: "hook",
  resourceId: "tenant",
  url: "https://receiver.example/told",
  events: ["approval.required", "run.ended"],
  content: false,
  source: "api",
  createdAt: 500,
  secrets: ["one"],
  ...over
})

export const asking = (now: number, over: Partial<WebhookLease> = {}): WebhookLease => ({
  owner: "first",
  now,
  until: now + 60_000,
  known: [],
  protocols: true,
  limit: 10,
  ...over
})

export const due = ({ webhooks }: JournalStore, id = "hook", now = 1_000_000) => webhooks.due(id, now, 100)

const names = (store: JournalStore, id = "hook", now?: number) =>
  Effect.map(due(store, id, now), (all) => all.map(({ event, name }) => `${event} ${name}`))

export const leased = ({ webhooks }: JournalStore, lease: WebhookLease) =>
  Effect.map(webhooks.lease(lease), (all) => all.map((one) => one.webhook.id))

/** A run that asked and has ended. */
export const told = Effect.fnUntraced(function* (store: JournalStore) {
  const { epoch } = yield* begin(store, { principal: "ana" })
  yield* commit(store, epoch, [text(1), asks(2, "a1")])
  yield* commit(store, epoch, [decides(3, "a1"), ...finish(4)])
})

/** The state of the tenant's only web hook. */
export const standing = ({ webhooks }: JournalStore) =>
  Effect.map(webhooks.list({ resourceId: "tenant" }), ([one]) => one)

/** The first notice that is due. */
export const first = (store: JournalStore): Effect.Effect<Notice> =>
  Effect.flatMap(due(store), ([notice]) =>
    notice === undefined ? Effect.die(new Error("No notice is due")) : Effect.succeed(notice)
  )

/** All clauses about notices. */
export const clauses: ReadonlyArray<Clause> = [
  clause("a question and the end of a run add a notice in their commit, with its run and without content", (store) =>
    Effect.gen(function* () {
      yield* store.webhooks.put(webhook())
      yield* told(store)
      const notices = yield* due(store)
      const run = {
        runId: "run",
        threadId: "thread",
        resourceId: "tenant",
        agent: "desk",
        principal: "ana",
        startedAt: 1000
      }
      const common = { webhookId: "hook", attempts: 0, run }
      yield* same(
        notices,
        [
          {
            ...common,
            name: "a1",
            event: "approval.required",
            at: 1002,
            nextAt: 1002,
            facts: { approvalId: "a1", kind: "tool", target: "refund" }
          },
          {
            ...common,
            name: "ended",
            event: "run.ended",
            at: 1006,
            nextAt: 1006,
            facts: { endedAt: 1006, endReason: "stop", costNanoUsd: 0, promptTokens: 0, completionTokens: 0 }
          }
        ],
        "the notices"
      )
    })
  ),
  clause("a question that is decided in its own commit adds no notice", (store) =>
    Effect.gen(function* () {
      yield* store.webhooks.put(webhook())
      const { epoch } = yield* begin(store)
      yield* commit(store, epoch, [asks(1, "a1"), decides(2, "a1")])
      yield* same(yield* names(store), [], "the notices")
    })
  ),
  clause(
    "a web hook gets the events that it asks for of its tenant's runs, and one without a tenant of all runs",
    (store) =>
      Effect.gen(function* () {
        const { resourceId: _, ...everybody } = webhook({ id: "all" })
        yield* store.webhooks.put(everybody)
        yield* store.webhooks.put(webhook({ id: "other", resourceId: "other" }))
        yield* store.webhooks.put(webhook({ id: "ends", events: ["run.ended"] }))
        yield* store.webhooks.put(webhook({ id: "asks", events: ["approval.required"] }))
        yield* told(store)
        yield* same(yield* names(store, "all"), ["approval.required a1", "run.ended ended"], "of all")
        yield* same(yield* names(store, "other"), [], "of another tenant")
        yield* same(yield* names(store, "ends"), ["run.ended ended"], "of ends")
        yield* same(yield* names(store, "asks"), ["approval.required a1"], "of questions")
      })
  ),
  clause("an abandoned run adds a notice of its end", (store) =>
    Effect.gen(function* () {
      yield* store.webhooks.put(webhook())
      yield* begin(store)
      yield* Effect.orDie(store.abandon("run", 3000))
      const [notice] = yield* due(store)
      yield* same([notice?.event, notice?.at], ["run.ended", 3000], "the notices")
      yield* same(notice?.facts, { endedAt: 3000, endReason: "abandoned" }, "its facts")
    })
  ),
  clause("a web hook with due notices is leased by one process at a time", (store) =>
    Effect.gen(function* () {
      yield* store.webhooks.put(webhook())
      yield* same(yield* leased(store, asking(2000)), [], "what is leased before there is a notice")
      yield* told(store)
      const owners = ["first", "second", "third"]
      const all = yield* Effect.all(
        owners.map((owner) => leased(store, asking(2000, { owner }))),
        { concurrency: "unbounded" }
      )
      yield* same(all.flat(), ["hook"], "what three processes lease at once")
      const owner = owners[all.findIndex((one) => one.length === 1)] ?? ""
      const other = owner === "first" ? "second" : "first"
      yield* same(yield* leased(store, asking(61_999, { owner: other })), [], "what is leased before the lease is over")
      yield* same(yield* store.webhooks.extend("hook", other, 99_000), false, "that another extends it")
      yield* same(yield* store.webhooks.extend("hook", owner, 70_000), true, "that its owner extends it")
      yield* same(yield* leased(store, asking(69_999, { owner: other })), [], "what is leased before the new end")
      yield* same(yield* leased(store, asking(70_000, { owner: other })), ["hook"], "what is leased after it")
      yield* store.webhooks.release("hook", owner, { at: 70_000, accepted: true, nextAt: 0 })
      yield* same(yield* leased(store, asking(70_001, { owner })), [], "what its earlier owner has released")
    })
  ),
  clause("a notice is due until it is accepted or given up, and is delayed after each failure", (store) =>
    Effect.gen(function* () {
      yield* store.webhooks.put(webhook())
      yield* told(store)
      const notice = yield* first(store)
      yield* store.webhooks.refused(notice, 9000)
      yield* same(yield* names(store, "hook", 8999), ["run.ended ended"], "the notices that are due during the delay")
      yield* same(
        yield* names(store, "hook", 9000),
        ["run.ended ended", "approval.required a1"],
        "the notices that are due after it"
      )
      const [, again] = yield* due(store)
      yield* same([again?.attempts, again?.nextAt], [1, 9000], "its attempts, and when it is sent next")
      yield* store.webhooks.accepted({ ...notice, attempts: 1 })
      const last = yield* first(store)
      yield* store.webhooks.refused(last, undefined)
      yield* same(yield* names(store), [], "what is left")
      const { lost, waiting } = (yield* standing(store)) ?? {}
      yield* same([waiting, lost], [0, 1], "its standing")
    })
  )
]
