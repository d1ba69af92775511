/**
 * A thread book in the runtime's store: a server that is started again, or another one over the same store, knows the
 * threads, their clients' ids and settings, and what was answered.
 *
 * What was read is kept in memory by its version, so that a note is read again only after another process has changed
 * it. `recent` has what this process has read or written.
 */
import type { ThreadNoteStore } from "@reins/runtime"
import * as Effect from "effect/Effect"
import * as StoredNote from "./StoredNote.ts"
import { makeMemory, type ThreadBookShape, type ThreadNote } from "./ThreadBook.ts"
import type { Naming } from "./ThreadName.ts"

/** How often runs are looked for that another process has started in a thread that is watched. */
const interval = "2 seconds"

/** `isShown`: whether an agent's option may be shown; others are not stored, and known to this process only. */
export const make = (
  store: ThreadNoteStore,
  naming: Naming,
  isShown: (agent: string | undefined, option: string) => boolean
): ThreadBookShape => {
  const memory = makeMemory()
  const versions = new WeakMap<ThreadNote, number>()

  const place = (tenant: string, threadId: string) =>
    Effect.map(naming.inner(tenant, threadId), (inner) => ({ threadId: inner, resourceId: tenant }))

  const remember = Effect.fnUntraced(function* (note: ThreadNote, version: number) {
    versions.set(note, version)
    yield* memory.update(note.tenant, note.threadId, () => note)
  })

  /** The note and its version, 0 without one. */
  const read = Effect.fnUntraced(function* (tenant: string, threadId: string) {
    const known = yield* memory.get(tenant, threadId)
    const at = yield* place(tenant, threadId)
    const version = yield* store.version(at)
    if (known !== undefined && versions.get(known) === version) return { note: known, version }
    const stored = version === 0 ? undefined : yield* store.get(at)
    if (stored === undefined) {
      if (known !== undefined) yield* memory.remove(tenant, threadId)
      return { note: undefined, version: 0 }
    }
    const found = StoredNote.read(tenant, threadId, stored)
    if (found === undefined) return { note: undefined, version: stored.version }
    const { settings } = found
    const options = { ...known?.settings?.options, ...settings?.options }
    const note = settings?.options === undefined ? found : { ...found, settings: { ...settings, options } }
    yield* remember(note, stored.version)
    return { note, version: stored.version }
  })

  const get = (tenant: string, threadId: string) => Effect.map(read(tenant, threadId), ({ note }) => note)

  const update = Effect.fnUntraced(function* (
    tenant: string,
    threadId: string,
    change: (note: ThreadNote | undefined) => ThreadNote | undefined
  ) {
    for (;;) {
      const { note: before, version } = yield* read(tenant, threadId)
      const note = change(before)
      if (note === undefined) return undefined
      const changed = note.runs.filter((run) => before?.runs.includes(run) !== true)
      const after = yield* store.put(yield* place(tenant, threadId), {
        version,
        thread: StoredNote.ofThread(note, (option) => isShown(note.agent, option)),
        runs: changed.map((run) => ({ runId: run.runId, note: StoredNote.ofRun(run) }))
      })
      if (after === 0) continue
      yield* remember(note, after)
      return note
    }
  })

  return {
    get,
    list: (tenant) =>
      Effect.map(store.list(tenant), (found) =>
        found.map(({ createdAt, threadId }) => ({ threadId: naming.outer(tenant, threadId), createdAt }))
      ),
    recent: memory.recent,
    update,
    remove: (tenant, threadId) =>
      Effect.flatMap(place(tenant, threadId), (at) =>
        Effect.andThen(store.remove(at), memory.remove(tenant, threadId))
      ),
    more: (tenant, threadId, count) => {
      const look: Effect.Effect<void> = Effect.flatMap(get(tenant, threadId), (note) =>
        (note?.runs.length ?? 0) > count ? Effect.void : Effect.andThen(Effect.sleep(interval), look)
      )
      return Effect.raceFirst(memory.more(tenant, threadId, count), look)
    }
  }
}
