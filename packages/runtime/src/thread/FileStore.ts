/**
 * Stores the bytes of files that tools make. A file belongs to its thread: its tenant can read it for as long as the
 * thread is kept. A file is written once and read whole. `MemoryFiles` keeps them in memory; database stores are in
 * `@reins/store`.
 */
import * as Effect from "effect/Effect"

/**
 * A file's metadata. `at`: when it was stored, in epoch milliseconds.
 *
 * @since 0.1.0
 * @category models
 */
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

/**
 * A file with its bytes.
 *
 * @since 0.1.0
 * @category models
 */
export interface StoredFile extends FileInfo {
  readonly content: Uint8Array
}

/**
 * Stores files.
 *
 * @since 0.1.0
 * @category models
 */
export interface FileStore {
  /** Stores a file. Replaces one with the same id, since a repeated call stores its files again. */
  readonly put: (file: StoredFile) => Effect.Effect<void>
  readonly get: (fileId: string) => Effect.Effect<StoredFile | undefined>
  /** The files of a thread, oldest first. */
  readonly list: (threadId: string) => Effect.Effect<ReadonlyArray<FileInfo>>
}

/**
 * The files of one memory host. They are lost when the process ends and deleted with their thread; above a total size,
 * the oldest are deleted.
 */
export class MemoryFiles implements FileStore {
  private readonly files = new Map<string, StoredFile>()
  private readonly most: number
  private size = 0

  /** `most`: how many bytes are kept in all; the newest file is kept however large it is. */
  constructor(most = 256 * 1024 * 1024) {
    this.most = most
  }

  readonly put = (file: StoredFile): Effect.Effect<void> =>
    Effect.sync(() => {
      this.drop(this.files.get(file.fileId))
      this.files.set(file.fileId, file)
      this.size += file.content.length
      for (const oldest of this.files.values()) {
        if (this.size <= this.most || oldest === file) return
        this.drop(oldest)
      }
    })

  readonly get = (fileId: string): Effect.Effect<StoredFile | undefined> => Effect.sync(() => this.files.get(fileId))

  readonly list = (threadId: string): Effect.Effect<ReadonlyArray<FileInfo>> =>
    Effect.sync(() =>
      Array.from(this.files.values())
        .filter((file) => file.threadId === threadId)
        .map(({ content: _, ...info }) => info)
    )

  forgetThread(threadId: string): void {
    for (const file of this.files.values()) if (file.threadId === threadId) this.drop(file)
  }

  /** Deletes files; returns how many there were. */
  forget(isGone: (file: FileInfo) => boolean): number {
    const found = Array.from(this.files.values()).filter(isGone)
    for (const file of found) this.drop(file)
    return found.length
  }

  private drop(file: StoredFile | undefined): void {
    if (file !== undefined && this.files.delete(file.fileId)) this.size -= file.content.length
  }
}
