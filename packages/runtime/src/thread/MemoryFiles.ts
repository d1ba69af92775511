/**
 * Files in memory: gone with the process, with their thread, and before that the oldest ones, when they take too much room.
 */
import * as Effect from "effect/Effect"
import type { FileInfo, FileStore, StoredFile } from "./FileStore.ts"

/** The files of one memory host. */
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

  private drop(file: StoredFile | undefined): void {
    if (file !== undefined && this.files.delete(file.fileId)) this.size -= file.content.length
  }
}
