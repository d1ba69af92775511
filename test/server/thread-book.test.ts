import { assert, describe, it } from "@effect/vitest"
import { ThreadBook } from "@reins/server"
import type { ThreadNote } from "@reins/server"
import { Effect } from "effect"

const note = (threadId: string, createdAt: number): ThreadNote => ({
  tenant: "dev",
  threadId,
  createdAt,
  updatedAt: createdAt,
  runs: []
})

const put = (book: ThreadBook.ThreadBookShape, written: ThreadNote) =>
  book.update(written.tenant, written.threadId, () => written)

describe("an in-memory thread book", () => {
  it.effect("keeps the most recently written threads, and lists them oldest first", () =>
    Effect.gen(function* () {
      const book = ThreadBook.makeMemory(3)
      for (const index of [1, 2, 3]) yield* put(book, note(`thread-${index}`, index))
      yield* put(book, note("thread-1", 1))
      yield* put(book, note("thread-4", 4))
      assert.deepStrictEqual(
        (yield* book.list("dev")).map(({ threadId }) => threadId),
        ["thread-1", "thread-3", "thread-4"]
      )
      assert.isUndefined(yield* book.get("dev", "thread-2"))
    })
  )

  it.effect("lists threads of the same moment in a stable order", () =>
    Effect.gen(function* () {
      const book = ThreadBook.makeMemory()
      for (const threadId of ["b", "a", "c", "b"]) yield* put(book, note(threadId, 1))
      assert.deepStrictEqual(
        (yield* book.list("dev")).map(({ threadId }) => threadId),
        ["a", "b", "c"]
      )
    })
  )
})
