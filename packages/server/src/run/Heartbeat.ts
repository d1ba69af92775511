/**
 * Wakes readers that wait for a run: periodically, so that an idle connection does not time out, and when the server
 * closes. One per server, however many readers it has; readers with something to read are not touched.
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

  /** Called after half of the keep-alive interval. */
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
 * Passes on `source` with `comment` when it is idle (absent: nothing), until it ends or the bell closes. Costs one
 * fiber per array, and none of its own.
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
      // Detached, since it outlives the read that started it when the bell rings; it is interrupted when the stream
      // ends.
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
