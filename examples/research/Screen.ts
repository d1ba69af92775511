/**
 * The place where a person reads and types: standard output for what was asked for, standard error for questions and notes.
 * A reader who leaves early (`| head -1`) is an outcome here, not a crash.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Terminal from "effect/Terminal"
import * as TerminalCapabilities from "effect/cli/TerminalCapabilities"
import type { Look } from "./Style.ts"

/** Nobody reads standard output any more. */
export class ReaderLeft extends Schema.TaggedError<ReaderLeft>()("ReaderLeft", {}) {
  override get message() {
    return "Nobody reads the output any more."
  }
}

/** Standard output cannot be written: a full disk, perhaps. */
export class OutputFailed extends Schema.TaggedError<OutputFailed>()("OutputFailed", { code: Schema.String }) {
  override get message() {
    return `The output cannot be written (${this.code}).`
  }
}

export class Screen extends Context.Service<
  Screen,
  {
    /** As it is now: a terminal may change its width. */
    readonly look: () => Look
    /** Writes to standard output, as it is. */
    readonly print: (text: string) => Effect.Effect<void, ReaderLeft | OutputFailed>
    /** Writes to standard error, as it is. What cannot be written there is lost. */
    readonly note: (text: string) => Effect.Effect<void>
    /** Asks for a line; `undefined` when the input has ended. Absent where nobody can be asked. */
    readonly ask: ((question: string) => Effect.Effect<string | undefined>) | undefined
  }
>()("example-research/Screen") {
  static readonly layer = Layer.effect(
    Screen,
    Effect.gen(function* () {
      const terminal = yield* Terminal.Terminal
      const { canAnimate, canColor } = yield* TerminalCapabilities.TerminalCapabilities
      const { stderr, stdin, stdout } = process
      // Each write tells its own failure; without a listener the stream's would end the process.
      const ignore = () => {}
      yield* Effect.acquireRelease(
        Effect.sync(() => [stdout, stderr].forEach((stream) => stream.on("error", ignore))),
        () => Effect.void
      )
      const note = (text: string) =>
        Effect.callback<void>((resume) => {
          stderr.write(text, () => resume(Effect.void))
        })
      const print = (text: string) =>
        Effect.callback<void, ReaderLeft | OutputFailed>((resume) => {
          stdout.write(text, (error) => resume(error == null ? Effect.void : Effect.fail(failureOf(error))))
        })
      return Screen.of({
        look: () => ({
          columns: stdout.isTTY ? stdout.columns || usualColumns : undefined,
          colors: canColor,
          live: canAnimate
        }),
        print,
        note,
        ask:
          stdin.isTTY && stderr.isTTY
            ? (question) =>
                Effect.andThen(
                  note(question),
                  terminal.readLine.pipe(
                    // The cursor stands behind the question when there is no line.
                    Effect.catch(() => Effect.as(note("\n"), undefined)),
                    Effect.onInterrupt(() => note("\n"))
                  )
                )
            : undefined
      })
    })
  )
}

/** Of a terminal that does not tell its width. */
const usualColumns = 80

const failureOf = (error: NodeJS.ErrnoException): ReaderLeft | OutputFailed =>
  error.code === "EPIPE" || error.code === "ERR_STREAM_DESTROYED"
    ? new ReaderLeft()
    : new OutputFailed({ code: error.code ?? error.message })
