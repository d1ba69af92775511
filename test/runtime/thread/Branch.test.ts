/** Branches over any sequence of appends, rewinds, returns and rewrites, on the stores that need no server. */
import { assert, describe, it } from "@effect/vitest"
import { Message } from "@reins/protocol"
import { seeded } from "@reins/protocol/testing"
import { type JournalStore, MemoryJournal } from "@reins/runtime/journal"
import { Sqlite } from "@reins/store/sqlite"
import { Effect, type Scope } from "effect"

const stores: ReadonlyArray<
  readonly [name: string, seeds: number, fresh: Effect.Effect<JournalStore, unknown, Scope.Scope>]
> = [
  ["in memory", 60, Effect.sync(() => MemoryJournal.make())],
  ["in SQLite", 6, Sqlite.journal({ filename: ":memory:" })]
]

const says = (text: string): Message.Message => ({ role: "user", content: [{ type: "text", text }] })

/** What there is by the plainest account: whole histories, and which runs they have. */
interface Plain {
  thread: ReadonlyArray<string>
  readonly branches: Map<string, ReadonlyArray<string>>
}

/** Whether `short` begins `long`. */
const begins = (short: ReadonlyArray<string>, long: ReadonlyArray<string>) =>
  short.length <= long.length && short.every((word, index) => word === long[index])

const play = Effect.fnUntraced(function* (store: JournalStore, seed: number) {
  const random = seeded(seed)
  const upTo = (most: number) => Math.floor(random() * (most + 1))
  const plain: Plain = { thread: [], branches: new Map() }
  const { threads } = store
  let made = 0
  yield* threads.begin("t", "tenant", [])
  yield* threads.limit("t", "tenant", { maxSteps: 1 })
  const read = (branch?: string) =>
    Effect.map(threads.read("t", { branch }), (messages) => messages.map((message) => Message.text(message)))
  for (let step = 0; step < 25; step++) {
    const kind = random()
    const name = `n${++made}`
    const known = [...plain.branches.keys()]
    if (kind < 0.45) {
      const words = Array.from({ length: 1 + upTo(2) }, (_, index) => `${name}.${index}`)
      yield* threads.append("t", name, words.map(says))
      plain.thread = [...plain.thread, ...words]
    } else if (kind < 0.7) {
      // By a number, or by a run that is there.
      const place = upTo(plain.thread.length)
      const drawn = random() < 0.5 ? plain.thread[place]?.split(".")[0] : undefined
      const run = drawn?.startsWith("n") === true ? drawn : undefined
      const to = run ?? place
      const keep = run === undefined ? place : plain.thread.findIndex((word) => word.startsWith(`${run}.`))
      const done = yield* threads.change("t", "tenant", { _tag: "Rewind", to, branchId: name })
      assert.strictEqual(done._tag, "Changed")
      if (keep < plain.thread.length) plain.branches.set(name, plain.thread)
      plain.thread = plain.thread.slice(0, keep)
    } else if (kind < 0.95) {
      const to = known[upTo(known.length - 1)]
      if (to === undefined) continue
      const done = yield* threads.change("t", "tenant", { _tag: "Return", to, branchId: name })
      assert.strictEqual(done._tag, "Changed")
      const target = plain.branches.get(to) ?? []
      plain.branches.delete(to)
      if (!begins(plain.thread, target)) plain.branches.set(name, plain.thread)
      // What is a beginning of the thread now is no branch of it.
      plain.thread = target
      const listed = new Set((yield* threads.branches("t")).map(({ branchId }) => branchId))
      for (const [branchId, words] of plain.branches) {
        if (!listed.has(branchId)) assert.isTrue(begins(words, target), `${seed}: ${branchId} is gone`)
        if (!listed.has(branchId)) plain.branches.delete(branchId)
      }
    } else {
      const keep = upTo(plain.thread.length)
      const words = `x${made}.0`
      const known = new Map((yield* threads.branches("t")).map((branch) => [branch.branchId, branch]))
      const root = (branchId: string): number => {
        const { from = 0, of } = known.get(branchId) ?? {}
        return of === undefined ? from : root(of)
      }
      const given = { version: plain.thread.length, keep, messages: [says(words)] }
      assert.isTrue(yield* threads.rewrite("t", "tenant", given))
      // Those that need a message that is deleted.
      for (const branchId of known.keys()) if (root(branchId) > keep) plain.branches.delete(branchId)
      plain.thread = [...plain.thread.slice(0, keep), words]
    }
    assert.deepStrictEqual(yield* read(), plain.thread, `${seed}: the thread after ${step}`)
    const branches = yield* threads.branches("t")
    // In the order in which they were replaced, also within a millisecond.
    assert.deepStrictEqual(
      branches.map(({ branchId }) => branchId),
      [...plain.branches.keys()]
    )
    for (const { branchId, from, of, runs, version } of branches) {
      const words = plain.branches.get(branchId) ?? []
      assert.deepStrictEqual(yield* read(branchId), words, `${seed}: ${branchId} after ${step}`)
      assert.strictEqual(version, words.length)
      const parent = of === undefined ? plain.thread : (plain.branches.get(of) ?? [])
      assert.isTrue(begins(words.slice(0, from), parent), `${seed}: what ${branchId} shares`)
      // Runs are where their first messages are.
      for (const { before, runId } of runs)
        assert.isTrue(before >= from && words[before]?.startsWith(`${runId}.`), runId)
    }
    const places = yield* threads.places("t")
    for (const [runId, before] of places) {
      assert.isTrue(plain.thread[before]?.startsWith(`${runId}.`), runId)
    }
  }
})

describe.each(stores)("branches %s", (_, seeds, fresh) => {
  it.effect("keep every message of what was replaced, in its order, until the thread returns to it", () =>
    Effect.forEach(
      Array.from({ length: seeds }, (_unused, seed) => seed),
      (seed) => Effect.scoped(Effect.flatMap(fresh, (store) => play(store, seed))),
      { discard: true }
    )
  )
})
