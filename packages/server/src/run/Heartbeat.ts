/**
 * Rouses readers who wait for a run: now and then, so that a silent connection does not look dead, and when the server closes.
 * One for a server, however many readers it has; a reader that has something to read is not touched.
 */
import type * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

interface Listener {
  readonly tick: () => void
  readonly close: () => void
}

export class Bell {
  readonly #listeners = new Set<Listener>()
  #isClosed = false

  get isClosed(): boolean {
    return this.#isClosed
  }

  listen(listener: Listener): void {
    this.#listeners.add(listener)
  }

  leave(listener: Listener): void {
    this.#listeners.delete(listener)
  }

  /** Half of the longest silence has passed. */
  tick(): void {
    for (const listener of this.#listeners) listener.tick()
  }

  close(): void {
    this.#isClosed = true
    for (const listener of this.#listeners) listener.close()
  }
}

type Texts = Arr.NonEmptyReadonlyArray<string>

/**
 * What `source` says, with `comment` in its silences (absent: nothing), up to its end or to the bell's close. Costs one fiber
 * an array, and none of its own.
 */
export const attended = (
  source: Stream.Stream<string>,
  bell: Bell,
  comment: string | undefined
): Stream.Stream<string> =>
  Stream.transformPull(source, (pull, scope) =>
    Effect.suspend(() => {
      let pending: Fiber.Fiber<Texts, Cause.Done> | undefined
      let rouse: ((news: Effect.Effect<Texts, Cause.Done>) => void) | undefined
      let hasSpoken = true
      const listener: Listener = {
        tick: () => {
          if (!hasSpoken && comment !== undefined) rouse?.(Effect.succeed([comment]))
          hasSpoken = false
        },
        close: () => rouse?.(Cause.done())
      }
      bell.listen(listener)
      const leave = Effect.suspend(() => {
        bell.leave(listener)
        return pending === undefined ? Effect.void : Fiber.interrupt(pending)
      })
      const wait = (fiber: Fiber.Fiber<Texts, Cause.Done>): Effect.Effect<Texts, Cause.Done> =>
        Effect.callback((resume) => {
          const unobserve = fiber.addObserver((exit) => {
            rouse = undefined
            pending = undefined
            hasSpoken = true
            resume(exit)
          })
          rouse = (news) => {
            rouse = undefined
            unobserve()
            resume(news)
          }
          return Effect.sync(() => {
            rouse = undefined
            unobserve()
          })
        })
      // Detached, for it outlives the read that began it when the bell rings; the stream's own end takes it along.
      const read = Effect.uninterruptibleMask((restore) =>
        Effect.flatMap(Effect.forkDetach(pull, { startImmediately: true }), (fiber) => {
          const exit = fiber.pollUnsafe()
          if (exit === undefined) return restore(wait((pending = fiber)))
          hasSpoken = true
          return exit
        })
      )
      const next = Effect.suspend(() => {
        if (bell.isClosed) return Cause.done()
        return pending === undefined ? read : wait(pending)
      })
      return Effect.as(Scope.addFinalizer(scope, leave), next)
    })
  )
