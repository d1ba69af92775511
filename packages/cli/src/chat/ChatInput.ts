/**
 * What a person types, as happenings of a chat: keys of a terminal, whose line is edited here; lines where nothing can
 * be redrawn; or lines of a pipe, one after the other as the chat becomes idle.
 */
import * as NodeTerminal from "@effect/platform-node/NodeTerminal"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import * as Interrupts from "../terminal/Interrupts.ts"
import type { Key } from "../terminal/LineEditor.ts"
import { Screen } from "../terminal/Screen.ts"

/** What comes in. */
export type Input =
  | { readonly _tag: "Key"; readonly key: Key }
  | { readonly _tag: "Resized"; readonly columns: number; readonly rows: number }
  | { readonly _tag: "Line"; readonly text: string; readonly taken?: Deferred.Deferred<void> }
  | { readonly _tag: "Interrupted" }
  | { readonly _tag: "Left" }

/** Bracketed paste: a terminal says what was pasted, so that its line ends enter nothing. */
const pasting = { on: "\u001b[?2004h", off: "\u001b[?2004l" }

/** Keys and sizes of the terminal. Ctrl-C is a key. Ends with the scope, which gives the terminal back as it was. */
export const keys = Effect.fnUntraced(function* (offer: (input: Input) => void) {
  const screen = yield* Screen
  const terminal = yield* NodeTerminal.make(() => false)
  yield* Effect.acquireRelease(Effect.ignore(screen.print(pasting.on)), () => Effect.ignore(screen.print(pasting.off)))
  const pressed = yield* terminal.readInput
  const sizes = yield* terminal.size
  yield* Effect.forkScoped(
    Effect.forever(
      Effect.map(Queue.take(pressed), ({ input, key }) =>
        offer({ _tag: "Key", key: { ...key, input: Option.getOrUndefined(input) } })
      )
    ).pipe(Effect.catch(() => Effect.sync(() => offer({ _tag: "Left" }))))
  )
  yield* Effect.forkScoped(
    Effect.ignore(Effect.forever(Effect.map(Queue.take(sizes), (size) => offer({ _tag: "Resized", ...size }))))
  )
})

/** Lines of a terminal that is not redrawn. Ctrl-C comes as a signal. */
export const lines = Effect.fnUntraced(function* (offer: (input: Input) => void) {
  yield* Interrupts.take(() => offer({ _tag: "Interrupted" }))
  const terminal = yield* NodeTerminal.make(() => false)
  yield* Effect.forkScoped(
    Effect.forever(Effect.map(terminal.readLine, (text) => offer({ _tag: "Line", text }))).pipe(
      Effect.catch(() => Effect.sync(() => offer({ _tag: "Left" })))
    )
  )
})

/** Lines of a pipe; each waits until the one before was taken. */
export const piped = Effect.fnUntraced(function* (offer: (input: Input) => void) {
  const stdio = yield* Stdio.Stdio
  yield* Effect.forkScoped(
    Stream.decodeText(stdio.stdin).pipe(
      Stream.splitLines,
      Stream.runForEach((text) =>
        Effect.gen(function* () {
          const taken = yield* Deferred.make<void>()
          offer({ _tag: "Line", text, taken })
          yield* Deferred.await(taken)
        })
      ),
      Effect.ignore,
      Effect.andThen(Effect.sync(() => offer({ _tag: "Left" })))
    )
  )
})

/** Without a terminal: the only input is the question of the command line. */
export const none = (offer: (input: Input) => void): Effect.Effect<void> => Effect.sync(() => offer({ _tag: "Left" }))
