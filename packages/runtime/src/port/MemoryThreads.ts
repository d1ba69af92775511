/**
 * Threads in memory: gone with the process.
 */
import type { Message } from "@reins/protocol"
import * as Effect from "effect/Effect"
import type { ThreadInfo, ThreadStore } from "./ThreadStore.ts"

interface Thread {
  readonly threadId: string
  readonly resourceId: string
  readonly messages: Array<Message.Message>
  readonly runs: Set<string>
  runId: string | undefined
}

/** The threads of one memory host, with the leases that its runs take on them. */
export class MemoryThreads implements ThreadStore {
  private readonly threads = new Map<string, Thread>()

  /** Takes the thread for a run, making it where there is none; answers the run that has it instead, if one has. */
  lease(threadId: string, resourceId: string, runId: string): string | undefined {
    const thread = this.threads.get(threadId)
    if (thread === undefined) {
      this.threads.set(threadId, { threadId, resourceId, messages: [], runs: new Set(), runId })
      return undefined
    }
    if (thread.runId !== undefined) return thread.runId
    thread.runId = runId
    return undefined
  }

  /** Gives the thread back. One that never got a message is gone. */
  release(threadId: string, runId: string): void {
    const thread = this.threads.get(threadId)
    if (thread?.runId !== runId) return
    thread.runId = undefined
    if (thread.messages.length === 0) this.threads.delete(threadId)
  }

  /** The messages as they are now, not a copy. */
  history(threadId: string): ReadonlyArray<Message.Message> {
    return this.threads.get(threadId)?.messages ?? []
  }

  readonly info = (threadId: string): Effect.Effect<ThreadInfo | undefined> =>
    Effect.sync(() => {
      const thread = this.threads.get(threadId)
      return thread === undefined ? undefined : about(thread)
    })

  readonly read = (threadId: string, version?: number): Effect.Effect<ReadonlyArray<Message.Message>> =>
    Effect.sync(() => this.history(threadId).slice(0, version))

  readonly append = (threadId: string, runId: string, messages: ReadonlyArray<Message.Message>): Effect.Effect<void> =>
    Effect.sync(() => {
      const thread = this.threads.get(threadId)
      if (thread === undefined || thread.runs.has(runId)) return
      thread.runs.add(runId)
      for (const message of messages) thread.messages.push(message)
    })

  readonly list = (resourceId: string): Effect.Effect<ReadonlyArray<ThreadInfo>> =>
    Effect.sync(() =>
      Array.from(this.threads.values())
        .filter((thread) => thread.resourceId === resourceId)
        .map(about)
    )

  readonly remove = (threadId: string): Effect.Effect<boolean> =>
    Effect.sync(() => {
      const thread = this.threads.get(threadId)
      if (thread === undefined || thread.runId !== undefined) return false
      return this.threads.delete(threadId)
    })
}

const about = ({ messages, resourceId, runId, threadId }: Thread): ThreadInfo => ({
  threadId,
  resourceId,
  version: messages.length,
  runId
})
