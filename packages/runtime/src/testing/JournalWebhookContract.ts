/**
 * The part of the journal contract about web hooks: how many there are, whose they are, and the state of an address that
 * does not answer.
 */
import * as Effect from "effect/Effect"
import * as Notices from "./JournalNoticeContract.ts"
import { asking, due, first, leased, standing, told, webhook } from "./JournalNoticeContract.ts"
import { type Clause, clause, create, open, same } from "./JournalSamples.ts"

/** All clauses about web hooks and their notices. */
export const clauses: ReadonlyArray<Clause> = [
  ...Notices.clauses,
  clause("a web hook is added unless as many others are there, of its tenant or of its run", (store) =>
    Effect.gen(function* () {
      const { webhooks } = store
      const adds = (over: Parameters<typeof webhook>[0]) =>
        Effect.map(
          Effect.forEach(
            ["w1", "w2", "w3", "w4"],
            (id) => webhooks.add(webhook({ ...over, id: `${id}${over?.runId ?? over?.resourceId ?? ""}` }), 2),
            {
              concurrency: "unbounded"
            }
          ),
          (added) => added.filter(Boolean).length
        )
      yield* webhooks.put(webhook({ id: "set", source: "settings", secrets: [] }))
      yield* same(yield* adds({}), 2, "how many of a tenant are added at the same time")
      yield* same(yield* adds({ resourceId: "other" }), 2, "how many of another tenant")
      const ofRun = { runId: "run", events: [], source: "protocol" } as const
      yield* same(yield* adds(ofRun), 2, "how many of a run")
      const [one] = yield* webhooks.list({ runId: "run" })
      yield* same(yield* webhooks.add(webhook({ ...ofRun, id: "one more" }), 2), false, "that one more is added")
      yield* same(
        yield* webhooks.add(webhook({ ...ofRun, id: one?.webhook.id ?? "" }), 2, 7),
        true,
        "that one is replaced"
      )
      const leases = yield* webhooks.lease(asking(2000))
      yield* same(leases.map(({ toldSeq }) => toldSeq).toSorted(), [0, 7], "what was sent to those of the run")
      yield* same((yield* webhooks.list({ resourceId: "tenant" })).length, 3, "those of the tenant")
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
      yield* same(yield* leased(store, asking(2000)), ["hook"], "that it is leased")
      yield* webhooks.rotate("hook", "three")
      yield* same(
        yield* webhooks.extend("hook", "first", 90_000),
        false,
        "that its sender goes on with the old secrets"
      )
      const [then] = yield* webhooks.lease(asking(2000))
      yield* same(then?.webhook.secrets, ["three", "two"], "the secrets of the next lease")
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
