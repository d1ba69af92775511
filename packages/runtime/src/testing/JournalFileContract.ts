/** The part of the journal contract about files that tools stored. */
import * as Effect from "effect/Effect"
import { type Clause, clause, same } from "./JournalSamples.ts"

/**
 * Clauses about files.
 *
 * @since 0.1.0
 * @category constants
 */
export const clauses: ReadonlyArray<Clause> = [
  clause(
    "a file is returned byte for byte, listed with its thread, replaced by its id and deleted with its thread",
    (store) =>
      Effect.gen(function* () {
        const kept = store.files
        if (kept === undefined) return
        const bytes = Uint8Array.from({ length: 300 }, (_, index) => index % 256)
        const file = {
          fileId: "f1",
          runId: "run",
          threadId: "files",
          resourceId: "tenant",
          filename: "ä \u0000.bin",
          mediaType: "application/octet-stream",
          sizeBytes: bytes.length,
          at: 1000,
          content: bytes
        }
        const { content: _, ...info } = file
        yield* store.threads.begin("files", "tenant", [{ role: "user", content: [{ type: "text", text: "hi" }] }])
        yield* kept.put(file)
        yield* kept.put({ ...file, fileId: "f0", at: 2000, content: new Uint8Array(0), sizeBytes: 0 })
        const found = yield* kept.get("f1")
        yield* same([...(found?.content ?? [])], [...bytes], "the bytes")
        yield* same(
          (yield* kept.list("files")).map(({ fileId }) => fileId),
          ["f1", "f0"],
          "the files of the thread"
        )
        yield* same((yield* kept.list("files"))[0], info, "the information of a file")
        yield* same(yield* kept.list("other"), [], "the files of another thread")
        yield* kept.put({ ...file, filename: "b", content: bytes.slice(0, 2), sizeBytes: 2 })
        yield* same(
          [(yield* kept.get("f1"))?.filename, (yield* kept.list("files")).length],
          ["b", 2],
          "after it was put again"
        )
        yield* same(yield* store.threads.remove("files"), true, "that the thread was removed")
        yield* same(
          [yield* kept.get("f1"), yield* kept.list("files")],
          [undefined, []],
          "the files of a deleted thread"
        )
      })
  )
]
