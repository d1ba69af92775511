/**
 * The part of the journal contract about web hooks: the notices that commits add, the lease of a web hook, and the
 * state of an address that does not answer.
 */
import * as Effect from "effect/Effect"
import type { Notice, StoredWebhook } from "../engine/Webhook.ts"
import type { WebhookLease } from "../engine/WebhookStore.ts"
import type { JournalStore } from "../host/journal/JournalStore.ts"
import {
  asks,
  begin,
  type Clause,
  clause,
  commit,
  create,
  decides,
  finish,
  open,
  same,
  text
} from "./JournalSamples.ts"

const webhook = (over: Partial<StoredWebhook> = {}): StoredWebhook => ({
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

const asking = (now: number, over: Partial<WebhookLease> = {}): WebhookLease => ({
  owner: "first",
  now,
  until: now + 60_000,
  known: [],
  protocols: true,
  limit: 10,
  ...over
})

const due = ({ webhooks }: JournalStore, id = "hook", now = 1_000_000) => webhooks.due(id, now, 100)

const names = (store: JournalStore, id = "hook", now?: number) =>
  Effect.map(due(store, id, now), (all) => all.map(({ event, name }) => `${event} ${name}`))

const leased = ({ webhooks }: JournalStore, lease: WebhookLease) =>
  Effect.map(webhooks.lease(lease), (all) => all.map((one) => one.webhook.id))

/** A run that asked and has ended. */
const told = Effect.fnUntraced(function* (store: JournalStore) {
  const { epoch } = yield* begin(store, { principal: "ana" })
  yield* commit(store, epoch, [text(1), asks(2, "a1")])
  yield* commit(store, epoch, [decides(3, "a1"), ...finish(4)])
})

/** The state of the tenant's only web hook. */
const standing = ({ webhooks }: JournalStore) => Effect.map(webhooks.list({ resourceId: "tenant" }), ([one]) => one)

const first = (store: JournalStore): Effect.Effect<Notice> =>
  Effect.flatMap(due(store), ([notice]) =>
    notice === undefined ? Effect.die(new Error("No notice is due")) : Effect.succeed(notice)
  )

/** All clauses about web hooks. */
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
  ),
  clause("the state of a web hook says since when it fails and why, until a notice is accepted", (store) =>
    Effect.gen(function* () {
      const { webhooks } = store
      yield* webhooks.put(webhook())
      yield* told(store)
      const kept = { webhook: webhook(), waiting: 2, oldestAt: 1002, lost: 0 }
      yield* same(yield* standing(store), { ...kept, failures: 0 }, "before anything was sent")
      for (const at of [2000, 3000, 4000]) {
        yield* same(yield* leased(store, asking(at)), ["hook"], `that it is leased at ${at}`)
        yield* webhooks.release("hook", "first", { at, accepted: false, failure: `status ${at}`, nextAt: at + 1000 })
        yield* same(yield* leased(store, asking(at + 999)), [], "that it is leased too early")
      }
      const failing = { ...kept, failures: 3, failingSince: 2000, lastError: "status 4000" }
      yield* same(yield* standing(store), failing, "while it fails")
      yield* webhooks.refused(yield* first(store), 900_000)
      const [again] = yield* webhooks.lease(asking(5000))
      yield* same([again?.failures, again?.failingSince], [3, 2000], "the state that the next owner gets")
      yield* webhooks.release("hook", "first", { at: 5000, accepted: true })
      yield* same(yield* standing(store), { ...kept, failures: 0, acceptedAt: 5000 }, "once something is accepted")
      yield* same((yield* due(store, "hook", 5000)).length, 2, "the number of due notices")
      yield* leased(store, asking(6000))
      yield* webhooks.release("hook", "first", { at: 6000, accepted: true, failure: "status 500", nextAt: 7000 })
      const mixed = { ...kept, failures: 1, failingSince: 6000, lastError: "status 500", acceptedAt: 6000 }
      yield* same(yield* standing(store), mixed, "when one of several failed")
    })
  ),
  clause("the notices of a failing web hook are due at once after a retry by its tenant", (store) =>
    Effect.gen(function* () {
      const { webhooks } = store
      yield* webhooks.put(webhook())
      yield* told(store)
      yield* leased(store, asking(2000))
      for (const notice of yield* due(store)) yield* webhooks.refused(notice, 90_000)
      yield* webhooks.release("hook", "first", { at: 2000, accepted: false, failure: "status 500", nextAt: 80_000 })
      yield* same(yield* webhooks.retry("hook", 3000, "other"), false, "that another tenant retries it")
      yield* same(yield* leased(store, asking(3000)), [], "what is leased before the retry")
      yield* same(yield* webhooks.retry("hook", 3000, "tenant"), true, "that its tenant retries it")
      yield* same((yield* due(store, "hook", 3000)).length, 2, "what is due")
      yield* same(yield* leased(store, asking(3000)), ["hook"], "what is leased after the retry")
      yield* same(yield* webhooks.retry("nobody", 3000), false, "that an unknown one is retried")
    })
  ),
  clause("web hooks of settings are leased only by processes that have these settings", (store) =>
    Effect.gen(function* () {
      yield* store.webhooks.put(webhook({ source: "settings", secrets: [] }))
      yield* told(store)
      yield* same(yield* leased(store, asking(2000, { known: ["another"] })), [], "by a process without them")
      yield* same(yield* leased(store, asking(2000, { known: ["hook"] })), ["hook"], "by a process with them")
    })
  ),
  clause("a web hook is replaced by its id, keeps its notices, and has two secrets at most", (store) =>
    Effect.gen(function* () {
      const { webhooks } = store
      yield* webhooks.put(webhook())
      yield* told(store)
      yield* webhooks.put(webhook({ url: "https://receiver.example/new", createdAt: 9000 }))
      const changed = (yield* standing(store))?.webhook
      yield* same([changed?.url, (yield* due(store)).length], ["https://receiver.example/new", 2], "after it was put")
      yield* same(yield* webhooks.rotate("hook", "two", "other"), false, "that another tenant rotates it")
      yield* same(yield* webhooks.rotate("hook", "two", "tenant"), true, "that its tenant rotates it")
      yield* same((yield* standing(store))?.webhook.secrets, ["two", "one"], "its secrets")
      yield* webhooks.rotate("hook", "three")
      yield* same((yield* standing(store))?.webhook.secrets, ["three", "two"], "its secrets after another rotation")
      yield* webhooks.put(webhook({ id: "set", source: "settings", secrets: [] }))
      yield* same(yield* webhooks.rotate("set", "two"), false, "that a web hook of settings is rotated")
      yield* same(yield* webhooks.remove("set", "tenant"), false, "that its tenant removes a web hook of settings")
      yield* same(yield* webhooks.retry("set", 3000, "tenant"), false, "that its tenant retries a web hook of settings")
      yield* same(yield* webhooks.rotate("nobody", "two"), false, "that an unknown one is rotated")
    })
  ),
  clause("a removed web hook gets no further notices, and only its tenant removes it", (store) =>
    Effect.gen(function* () {
      const { webhooks } = store
      yield* webhooks.put(webhook())
      yield* told(store)
      yield* same(yield* webhooks.remove("hook", "other"), false, "that another tenant removes it")
      yield* same(yield* webhooks.remove("hook", "tenant"), true, "that its tenant removes it")
      yield* same(yield* webhooks.remove("hook", "tenant"), false, "that it is removed again")
      yield* same([yield* standing(store), (yield* due(store)).length], [undefined, 0], "what is left")
    })
  ),
  clause("the web hook of one run is always due, from the last event that was sent to it on", (store) =>
    Effect.gen(function* () {
      const { webhooks } = store
      const push = { id: "theirs", dialect: "a2a", token: "t" }
      yield* webhooks.put(webhook({ id: "push", runId: "run", events: [], source: "protocol", secrets: [], push }), 3)
      yield* create(store)
      yield* open(store)
      yield* same(yield* leased(store, asking(2000, { protocols: false })), [], "by a process without protocols")
      const [own] = yield* webhooks.lease(asking(2000))
      yield* same([own?.webhook.push, own?.toldSeq], [push, 3], "what is leased")
      for (const seq of [7, 5]) yield* webhooks.told("push", seq)
      yield* webhooks.release("push", "first", { at: 2000, accepted: true, nextAt: 3000 })
      const [then] = yield* webhooks.lease(asking(3000))
      yield* same(then?.toldSeq, 7, "the last event that was sent")
      yield* same((yield* webhooks.list({ runId: "run" })).length, 1, "the web hooks of the run")
      yield* same(yield* webhooks.list({}), [], "the web hooks without a run")
      yield* webhooks.put(webhook({ id: "later", runId: "two", events: [], source: "protocol", createdAt: 600 }))
      const ofRuns = (query: { readonly resourceId?: string; readonly limit?: number }) =>
        Effect.map(webhooks.list({ ...query, isOfRun: true }), (all) => all.map((one) => one.webhook.id))
      yield* same(yield* ofRuns({ resourceId: "tenant" }), ["push", "later"], "the web hooks of all runs")
      yield* same(yield* ofRuns({ limit: 1 }), ["push"], "the first web hook")
      yield* same((yield* webhooks.list({ id: "push" })).length, 1, "the web hook of an id")
      yield* same(yield* ofRuns({ resourceId: "other" }), [], "the web hooks of another tenant")
      yield* same(yield* webhooks.remove("later", "tenant"), true, "that its tenant removes it")
    })
  ),
  clause("web hooks are counted without those of runs, notices with their oldest", (store) =>
    Effect.gen(function* () {
      const { webhooks } = store
      const none = { waiting: 0, failing: 0, ofRuns: 0, ofRunsFailing: 0 }
      yield* same(yield* webhooks.count, none, "of an empty store")
      const push = { id: "theirs", dialect: "a2a", token: "t" }
      const ofRun = { runId: "run", events: [], source: "protocol", secrets: [], push } as const
      yield* webhooks.put(webhook())
      yield* webhooks.put(webhook({ id: "ends", events: ["run.ended"] }))
      yield* webhooks.put(webhook({ id: "other", resourceId: "other" }))
      yield* webhooks.put(webhook({ id: "push", ...ofRun }))
      yield* webhooks.put(webhook({ id: "well", ...ofRun }))
      yield* same(yield* webhooks.count, { ...none, ofRuns: 2 }, "before anything happened")
      yield* told(store)
      yield* leased(store, asking(2000))
      for (const id of ["hook", "push"])
        yield* webhooks.release(id, "first", { at: 2000, accepted: false, failure: "500" })
      const all = { waiting: 3, oldestAt: 1002, failing: 1, ofRuns: 2, ofRunsFailing: 1 }
      yield* same(yield* webhooks.count, all, "notices and failures")
      yield* webhooks.remove("hook")
      yield* same(yield* webhooks.count, { ...all, waiting: 1, oldestAt: 1006, failing: 0 }, "without the removed one")
    })
  )
]
