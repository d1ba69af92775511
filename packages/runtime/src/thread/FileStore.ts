/**
 * Where the bytes of files are kept that tools hand over. A file belongs to its thread: it can be read by its tenant for as long as
 * the thread is kept. Not a file system: a file is written once and read whole.
 */
import type * as Effect from "effect/Effect"

/** What is known of a file besides its bytes. `at`: when it was stored, in epoch milliseconds. */
export interface FileInfo {
  readonly fileId: string
  readonly runId: string
  readonly threadId: string
  readonly resourceId: string
  readonly filename: string
  readonly mediaType: string
  readonly sizeBytes: number
  readonly at: number
}

/** A file as it was handed over. */
export interface StoredFile extends FileInfo {
  readonly content: Uint8Array
}

/** Keeps files; see the header of this file. */
export interface FileStore {
  /** Keeps a file; one of its id is replaced, for a call that is made again stores its files again. */
  readonly put: (file: StoredFile) => Effect.Effect<void>
  readonly get: (fileId: string) => Effect.Effect<StoredFile | undefined>
  /** The files of a thread, oldest first. */
  readonly list: (threadId: string) => Effect.Effect<ReadonlyArray<FileInfo>>
}
