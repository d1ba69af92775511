/**
 * The terminal: standard output for the result, standard error for questions and notes. A reader that closes the pipe
 * early (`| head -1`) is an expected outcome, not a crash.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Terminal from "effect/Terminal"
import * as TerminalCapabilities from "effect/cli/TerminalCapabilities"
import process from "node:process"
import type { Look } from "../text/Style.ts"

/** The reader of standard output closed the pipe. */
export class ReaderLeft extends Schema.TaggedError<ReaderLeft>()("ReaderLeft", {}) {
  override get message() {
    return "Nobody reads the output any more."
  }
}

/** Standard output cannot be written, for example because the disk is full. */
export class OutputFailed extends Schema.TaggedError<OutputFailed>()("OutputFailed", { code: Schema.String }) {
  override get message() {
    return `The output cannot be written (${this.code}).`
  }
}

export class Screen extends Context.Service<
  Screen,
  {
    /** The current state: a terminal may change its width. */
    readonly look: () => Look
    /** Writes to standard output, unchanged. */
    readonly print: (text: string) => Effect.Effect<void, ReaderLeft | OutputFailed>
    /** Writes to standard error, unchanged. Failures are ignored. */
    readonly note: (text: string) => Effect.Effect<void>
    /** Asks for a line; `undefined` when the input has ended. Absent without a terminal. */
    readonly ask: ((question: string) => Effect.Effect<string | undefined>) | undefined
  }
>()("@reins/cli/Screen") {
  /** `plain`: for screen readers, without colours, signs and redrawn lines. */
  static readonly layer = (plain: boolean) =>
    Layer.effect(
      Screen,
      Effect.gen(function* () {
        const terminal = yield* Terminal.Terminal
        const { canAnimate, canColor } = yield* TerminalCapabilities.TerminalCapabilities
        const { stderr, stdin, stdout } = process
        // Each write reports its own failure; without a listener the stream's error event would end the process.
        for (const stream of [stdout, stderr])
          if (!stream.listeners("error").includes(ignore)) stream.on("error", ignore)
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
            colors: canColor && !plain,
            live: canAnimate && !plain,
            plain
          }),
          print,
          note,
          ask:
            stdin.isTTY && stderr.isTTY
              ? (question) =>
                  Effect.andThen(
                    note(question),
                    terminal.readLine.pipe(
                      // Without a line the cursor stays after the question.
                      Effect.catch(() => Effect.as(note("\n"), undefined)),
                      Effect.onInterrupt(() => note("\n"))
                    )
                  )
              : undefined
        })
      })
    )
}

/** Stays as long as the process: an error may come after the last write. */
const ignore = () => {}

/** For a terminal that does not report its width. */
const usualColumns = 80

const failureOf = (error: NodeJS.ErrnoException): ReaderLeft | OutputFailed =>
  error.code === "EPIPE" || error.code === "ERR_STREAM_DESTROYED"
    ? new ReaderLeft()
    : new OutputFailed({ code: error.code ?? error.message })
