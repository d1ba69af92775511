/**
 * Simulates a process that crashes: a view of a journal that a host uses until it is killed at a chosen event. From
 * then on no request of the host is executed or answered; the journal itself stays usable by the next host. After
 * `bury`, pending requests fail, so that the host's fibers end.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { type Batch, Fenced, type JournalStore } from "../host/journal/JournalStore.ts"
import * as Names from "../run/Names.ts"

/**
 * Crashes at the commit that contains event `at` of a run, or, if `cost` is given, the `cost`th cost that tools report
 * to this owner, or, if `mark` is given, the mark of that name: after it is stored (`after`), or before (`before`).
 *
 * @since 0.1.0
 * @category models
 */
export interface Death {
  readonly at: number
  readonly cost?: number | undefined
  readonly mark?: string | undefined
  readonly when: "before" | "after"
}

/**
 * A journal as one process sees it.
 *
 * @since 0.1.0
 * @category models
 */
export interface CrashingJournal {
  readonly store: JournalStore
  readonly isDead: () => boolean
  /** Completes when the process crashes. */
  readonly died: Effect.Effect<void>
  readonly bury: Effect.Effect<void>
}

/**
 * A view of `journal` that crashes once; without a `death`, never.
 *
 * @since 0.1.0
 * @category operations
 */
export const crashing = (journal: JournalStore, death: Death | undefined): CrashingJournal => {
  let dead = false
  let costs = 0
  const died = Deferred.makeUnsafe<void>()
  const buried = Deferred.makeUnsafe<void>()
  const silence = Effect.andThen(Deferred.await(buried), Effect.die(new Error("The simulated process has crashed")))
  const alive = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    Effect.suspend(() => (dead ? silence : effect))
  const { grants, memories, threads } = journal
  const { notes } = threads
  const { bill, correct, reconciliations, webhooks } = journal
  const store: JournalStore = {
    threads: {
      begin: (threadId, resourceId, messages, principal) =>
        alive(threads.begin(threadId, resourceId, messages, principal)),
      fork: (threadId, resourceId, from, principal) => alive(threads.fork(threadId, resourceId, from, principal)),
      info: (threadId) => alive(threads.info(threadId)),
      read: (threadId, options) => alive(threads.read(threadId, options)),
      append: (threadId, runId, messages, kept) => alive(threads.append(threadId, runId, messages, kept)),
      before: (threadId, runId) => alive(threads.before(threadId, runId)),
      places: (threadId) => alive(threads.places(threadId)),
      change: (threadId, resourceId, change) => alive(threads.change(threadId, resourceId, change)),
      branches: (threadId) => alive(threads.branches(threadId)),
      rewrite: (threadId, resourceId, rewrite) => alive(threads.rewrite(threadId, resourceId, rewrite)),
      limit: (threadId, resourceId, limits) => alive(threads.limit(threadId, resourceId, limits)),
      describe: (threadId, resourceId, change) => alive(threads.describe(threadId, resourceId, change)),
      list: (resourceId) => alive(threads.list(resourceId)),
      remove: (threadId, resourceId) => alive(threads.remove(threadId, resourceId)),
      ...(notes === undefined
        ? {}
        : {
            notes: {
              version: (thread) => alive(notes.version(thread)),
              get: (thread) => alive(notes.get(thread)),
              put: (thread, written) => alive(notes.put(thread, written)),
              list: (resourceId) => alive(notes.list(resourceId)),
              remove: (thread) => alive(notes.remove(thread))
            }
          })
    },
    ...(grants === undefined
      ? {}
      : {
          grants: {
            add: (grant) => alive(grants.add(grant)),
            claim: (key, claim, now) => alive(grants.claim(key, claim, now)),
            stands: (id, now) => alive(grants.stands(id, now)),
            settle: (key, id, nanoUsd, now) => alive(grants.settle(key, id, nanoUsd, now)),
            release: (runId, now) => alive(grants.release(runId, now)),
            list: (resourceId) => alive(grants.list(resourceId)),
            revoke: (id, how) => alive(grants.revoke(id, how))
          }
        }),
    ...(memories === undefined
      ? {}
      : {
          memories: {
            remember: (memory, limits) => alive(memories.remember(memory, limits)),
            recall: (query) => alive(memories.recall(query)),
            forget: (id, filter) => alive(memories.forget(id, filter)),
            list: (query) => alive(memories.list(query))
          }
        }),
    quotas: {
      extend: (ask) => alive(journal.quotas.extend(ask)),
      standings: (charges, now) => alive(journal.quotas.standings(charges, now)),
      limit: (key, limits) => alive(journal.quotas.limit(key, limits))
    },
    costs: { report: (query) => alive(journal.costs.report(query)) },
    webhooks: {
      put: (webhook, toldSeq) => alive(webhooks.put(webhook, toldSeq)),
      add: (webhook, most, toldSeq) => alive(webhooks.add(webhook, most, toldSeq)),
      rotate: (id, secret, resourceId) => alive(webhooks.rotate(id, secret, resourceId)),
      remove: (id, resourceId) => alive(webhooks.remove(id, resourceId)),
      list: (query) => alive(webhooks.list(query)),
      count: alive(webhooks.count),
      retry: (id, now, resourceId) => alive(webhooks.retry(id, now, resourceId)),
      lease: (lease) => alive(webhooks.lease(lease)),
      extend: (id, owner, until) => alive(webhooks.extend(id, owner, until)),
      release: (id, owner, outcome) => alive(webhooks.release(id, owner, outcome)),
      due: (id, now, limit) => alive(webhooks.due(id, now, limit)),
      accepted: (notice) => alive(webhooks.accepted(notice)),
      refused: (notice, nextAt) => alive(webhooks.refused(notice, nextAt)),
      told: (id, seq) => alive(webhooks.told(id, seq))
    },
    audit: {
      record: (acts) => alive(journal.audit.record(acts)),
      read: (query) => alive(journal.audit.read(query))
    },
    ...(bill === undefined ? {} : { bill: (runId) => alive(bill(runId)) }),
    ...(correct === undefined ? {} : { correct: (correction) => alive(correct(correction)) }),
    ...(reconciliations === undefined
      ? {}
      : {
          reconciliations: {
            lease: (lease) => alive(reconciliations.lease(lease)),
            renew: (runId, owner, until) => alive(reconciliations.renew(runId, owner, until)),
            release: (runId, owner, nextAt) => alive(reconciliations.release(runId, owner, nextAt))
          }
        }),
    create: (record, change, opens) => alive(journal.create(record, change, opens)),
    opensOnCreate: journal.opensOnCreate,
    open: (runId, at) => alive(journal.open(runId, at)),
    commit: (batch) =>
      Effect.suspend(() => {
        const last = Effect.andThen(Deferred.await(buried), Effect.fail(new Fenced({ runId: batch.runId })))
        if (dead) return last
        costs += batch.marks.filter(({ kind, name }) => kind === "note" && Names.isCost(name)).length
        if (death === undefined || !isReached(death, batch, costs)) return journal.commit(batch)
        dead = true
        // The crash is only visible after what the test recorded of it is stored.
        const kept = death.when === "before" ? Effect.void : Effect.exit(journal.commit(batch))
        return Effect.andThen(kept, Effect.andThen(Deferred.succeed(died, undefined), last))
      }),
    abandon: (runId, at) => alive(journal.abandon(runId, at)),
    answer: (runId, name, value, at, acts) => alive(journal.answer(runId, name, value, at, acts)),
    amend: (runId, prefix, at, change) => alive(journal.amend(runId, prefix, at, change)),
    answers: (runId, prefix) => alive(journal.answers(runId, prefix)),
    find: (runId, name) => alive(journal.find(runId, name)),
    read: (runId, after, limit) => alive(journal.read(runId, after, limit)),
    status: (runId) => alive(journal.status(runId)),
    list: (query) => alive(journal.list(query)),
    waiting: alive(journal.waiting),
    erase: (erasing) => alive(journal.erase(erasing)),
    ...(journal.compact === undefined ? {} : { compact: alive(journal.compact) }),
    unfinished: alive(journal.unfinished),
    pending: (resourceId) => alive(journal.pending(resourceId)),
    approval: (id) => alive(journal.approval(id)),
    hasClientCall: (runId, path, callId) => alive(journal.hasClientCall(runId, path, callId)),
    wakes: Stream.never
  }
  return {
    store,
    isDead: () => Deferred.isDoneUnsafe(died),
    died: Deferred.await(died),
    bury: Effect.asVoid(Deferred.succeed(buried, undefined))
  }
}

const isReached = ({ at, cost, mark }: Death, { envelopes, marks }: Batch, costs: number): boolean =>
  mark !== undefined
    ? marks.some(({ name }) => name === mark)
    : cost === undefined
      ? envelopes.some(({ seq }) => seq >= at)
      : costs >= cost
