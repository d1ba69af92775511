/**
 * A journal store whose operations are measured (`reins_store_seconds`), for a runtime with the option `metrics`. Without
 * it the store is used as it is.
 */
import * as Erased from "../../kernel/Erased.ts"
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

/** `own` with other members: a store of a program may be of a class, whose members a copy would not have. */
const replaced = <A extends object>(own: A, others: Partial<A>): A =>
  // Not of `own`: a frozen one would allow no other members.
  new Proxy(Erased.as<A>({}), {
    get: (_, name): unknown => {
      if (Object.hasOwn(others, name)) return Reflect.get(others, name)
      const member: unknown = Reflect.get(own, name)
      return typeof member === "function" ? member.bind(own) : member
    }
  })

/** The store, measured. */
export const of = (store: JournalStore): JournalStore =>
  replaced(store, {
    threads: replaced(store.threads, {
      append: (threadId, runId, messages, kept) => timed.append(store.threads.append(threadId, runId, messages, kept))
    }),
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
