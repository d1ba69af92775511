/**
 * The kept values (`Kept`) of a run that is executed here: answers in the store, under names that no caller can answer.
 */
import type { Json } from "@reins/protocol"
import * as Effect from "effect/Effect"
import type { Kept } from "../../engine/Engine.ts"
import * as AnswerDelivery from "./AnswerDelivery.ts"
import type { JournalStore, StoredAnswer } from "./JournalStore.ts"
import type { JournalWriter } from "./JournalWriter.ts"

interface Of {
  readonly runId: string
  readonly now: () => number
  readonly writer: Pick<JournalWriter, "loss">
}

export class JournalKept implements Kept {
  private readonly run: Of
  private readonly store: Pick<JournalStore, "answer" | "find">
  private readonly retryMs: number
  private readonly answers: Map<string, StoredAnswer>

  /** `retryMs`: the pause between two attempts. `answers`: the run's answers known here; new ones are added. */
  constructor(
    run: Of,
    answers: Map<string, StoredAnswer>,
    { reopenMs, store }: { readonly store: Pick<JournalStore, "answer" | "find">; readonly reopenMs: number }
  ) {
    this.run = run
    this.store = store
    this.retryMs = reopenMs
    this.answers = answers
  }

  put(name: string, value: Json): Effect.Effect<Json> {
    return Effect.suspend(() => {
      const known = this.answers.get(name)
      if (known !== undefined) return Effect.succeed(known.value)
      const { runId, writer } = this.run
      const at = this.run.now()
      const written = AnswerDelivery.persist(this.store.answer(runId, name, value, at), this.retryMs)
      const first = Effect.map(written, (answered) => {
        const stored = answered._tag === "Resolved" ? answered.value : value
        this.answers.set(name, { value: stored, at })
        return stored
      })
      // As after a failed commit: the next owner continues.
      return Effect.catchCause(first, (cause) => (writer.loss === undefined ? Effect.failCause(cause) : Effect.never))
    })
  }

  get(name: string): Json | undefined {
    return this.answers.get(name)?.value
  }

  /** The values with names that begin with `prefix`, as far as this process knows. */
  under(prefix: string): ReadonlyArray<readonly [name: string, value: Json]> {
    return Array.from(this.answers).flatMap(([name, { value }]) => (name.startsWith(prefix) ? [[name, value]] : []))
  }

  find(name: string): Effect.Effect<Json | undefined> {
    return Effect.suspend(() => {
      const known = this.get(name)
      if (known !== undefined) return Effect.succeed(known)
      return Effect.map(AnswerDelivery.persist(this.store.find(this.run.runId, name), this.retryMs), (found) => {
        if (found !== undefined) this.answers.set(name, found)
        return found?.value
      })
    })
  }
}
