/**
 * A journal store whose operations are measured (`reins_store_seconds`), for a runtime with the option `metrics`. Without
 * it the store is used as it is.
 */
import * as RunMetrics from "../../run/RunMetrics.ts"
import type { JournalStore } from "./JournalStore.ts"

const timed = {
  create: RunMetrics.ofStore("create"),
  open: RunMetrics.ofStore("open"),
  commit: RunMetrics.ofStore("commit"),
  abandon: RunMetrics.ofStore("abandon"),
  answer: RunMetrics.ofStore("answer"),
  read: RunMetrics.ofStore("read"),
  status: RunMetrics.ofStore("status"),
  list: RunMetrics.ofStore("list"),
  pending: RunMetrics.ofStore("pending"),
  append: RunMetrics.ofStore("append")
}

/** The store, measured. */
export const of = (store: JournalStore): JournalStore => ({
  ...store,
  threads: {
    ...store.threads,
    append: (threadId, runId, messages, kept) => timed.append(store.threads.append(threadId, runId, messages, kept))
  },
  create: (record, change, opens) => timed.create(store.create(record, change, opens)),
  open: (runId, at) => timed.open(store.open(runId, at)),
  commit: (batch) => timed.commit(store.commit(batch)),
  abandon: (runId, at) => timed.abandon(store.abandon(runId, at)),
  answer: (runId, name, value, at, acts) => timed.answer(store.answer(runId, name, value, at, acts)),
  amend: (runId, prefix, at, change) => timed.answer(store.amend(runId, prefix, at, change)),
  read: (runId, after, limit) => timed.read(store.read(runId, after, limit)),
  status: (runId) => timed.status(store.status(runId)),
  list: (query) => timed.list(store.list(query)),
  pending: (resourceId) => timed.pending(store.pending(resourceId))
})
