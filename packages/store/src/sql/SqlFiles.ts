/**
 * Files in a database: one row per file, its bytes as Base64 text, which both databases store the same way. A store
 * failure is a defect here, as in `SqlThreads`.
 */
import type { FileInfo, FileStore, StoredFile } from "@reins/runtime/journal"
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as Result from "effect/Result"
import * as Column from "./Column.ts"
import type { Database, Row } from "./Database.ts"
import { CorruptRow } from "./StoredJson.ts"

const columns = "file_id, run_id, thread_id, resource_id, filename, media_type, size, at"

const about = (row: Row): FileInfo => ({
  fileId: Column.decode(row["file_id"]),
  runId: Column.decode(row["run_id"]),
  threadId: Column.decode(row["thread_id"]),
  resourceId: Column.decode(row["resource_id"]),
  filename: Column.decode(row["filename"]),
  mediaType: Column.decode(row["media_type"]),
  sizeBytes: Number(row["size"]),
  at: Number(row["at"])
})

/** Writes a file, replacing an earlier write. */
export const put = (db: Database, { content, ...file }: Omit<StoredFile, "sizeBytes">) =>
  Effect.asVoid(
    db.rows(
      `INSERT INTO reins_files (${columns}, content) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (file_id) DO UPDATE SET filename = excluded.filename, media_type = excluded.media_type,
         size = excluded.size, at = excluded.at, content = excluded.content`,
      Column.encode(file.fileId),
      Column.encode(file.runId),
      Column.encode(file.threadId),
      Column.encode(file.resourceId),
      Column.encode(file.filename),
      Column.encode(file.mediaType),
      content.length,
      file.at,
      Base64.encode(content)
    )
  )

const whole = (row: Row): Effect.Effect<StoredFile, CorruptRow> => {
  const content = Base64.decode(String(row["content"]))
  // Truncated Base64 may still be valid Base64.
  return Result.isSuccess(content) && content.success.length === Number(row["size"])
    ? Effect.succeed({ ...about(row), content: content.success })
    : Effect.fail(new CorruptRow({ table: "reins_files" }))
}

/** The files that a run stored, with their bytes. */
export const ofRun = (db: Database, runId: string) =>
  Effect.flatMap(
    db.rows(`SELECT ${columns}, content FROM reins_files WHERE run_id = ? ORDER BY at, file_id`, Column.encode(runId)),
    Effect.forEach(whole)
  )

export const make = (db: Database): FileStore => ({
  put: (file) => Effect.orDie(db.operation("files", put(db, file))),
  get: (fileId) =>
    db
      .operation(
        "files",
        Effect.flatMap(
          db.rows(`SELECT ${columns}, content FROM reins_files WHERE file_id = ?`, Column.encode(fileId)),
          ([row]) => (row === undefined ? Effect.succeed(undefined) : whole(row))
        )
      )
      .pipe(Effect.orDie),
  list: (threadId) =>
    db
      .operation(
        "files",
        db.rows(`SELECT ${columns} FROM reins_files WHERE thread_id = ? ORDER BY at, file_id`, Column.encode(threadId))
      )
      .pipe(
        Effect.map((rows) => rows.map(about)),
        Effect.orDie
      )
})
