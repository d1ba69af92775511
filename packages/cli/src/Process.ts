/**
 * Runs an effect as the process, and sets the exit code. The first Ctrl-C, or SIGTERM, interrupts the effect, which may still print its
 * results; the second exits at once.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import * as Result from "effect/Result"
import * as Runtime from "effect/Runtime"
import * as CliError from "effect/cli/CliError"
import { constants } from "node:os"
import process from "node:process"
import { CommandFailed, codes, sentenceOf } from "./setting/CommandFailed.ts"
import * as Interrupts from "./terminal/Interrupts.ts"
import { ReaderLeft } from "./terminal/Screen.ts"
import * as Style from "./text/Style.ts"
import * as Text from "./text/Text.ts"

/** Logs go to standard error, and only errors where nothing else is said: the output belongs to the command. */
const logging = Layer.mergeAll(
  Layer.succeed(Logger.LogToStderr, true),
  Layer.succeed(References.MinimumLogLevel, "Error")
)

/** Runs `effect` to its end, and exits the process with the matching exit code. */
export const runMain = <A, E>(effect: Effect.Effect<A, E>): void =>
  run(
    effect.pipe(
      Effect.tapCause((cause) => Effect.sync(() => process.stderr.write(folded(wordsFor(cause))))),
      Effect.provide(logging)
    ),
    { disableErrorReporting: true }
  )

const run = Runtime.makeRunMain(({ fiber }) => {
  let received: NodeJS.Signals | undefined
  const onSignal = (signal: NodeJS.Signals) => {
    if (signal === "SIGINT" && Interrupts.tell()) return
    if (received !== undefined) process.exit(codeOf(received))
    received = signal
    fiber.interruptUnsafe(fiber.id)
  }
  process.on("SIGINT", onSignal)
  process.on("SIGTERM", onSignal)
  fiber.addObserver((exit) => {
    const code = received === undefined ? exitCode(exit) : codeOf(received)
    // The last output may not be flushed yet.
    process.stdout.write("", () => process.exit(code))
  })
})

/** Lines that break between words, where a terminal would break within them. */
const folded = (words: string): string =>
  process.stderr.isTTY
    ? Text.lines(words)
        .flatMap((line) => Style.fold(line, process.stderr.columns || Infinity))
        .join("\n")
    : words

/** What shells expect of a process that a signal ended. */
const codeOf = (signal: NodeJS.Signals): number => 128 + constants.signals[signal]

/** The exit code that an end means. Pure. */
export const exitCode = (exit: Exit.Exit<unknown, unknown>): number => {
  if (Exit.isSuccess(exit)) return 0
  const error = Cause.squash(exit.cause)
  // The reader closed the output on purpose.
  if (error instanceof ReaderLeft) return 0
  if (error instanceof CommandFailed) return error.code
  return CliError.isCliError(error) ? codes.misused : codes.failed
}

/**
 * The text for a failure: one sentence; nothing, when everything is already printed. It may quote ids and names from a model, a server
 * or a file, so that what would drive the terminal is replaced.
 */
export const wordsFor = (cause: Cause.Cause<unknown>): string => {
  if (Cause.hasInterruptsOnly(cause)) return ""
  const found = Cause.findError(cause)
  const error = Result.isSuccess(found) ? found.success : undefined
  if (error instanceof ReaderLeft || CliError.isCliError(error)) return ""
  if (error instanceof CommandFailed) return error.issue === "" ? "" : `${Text.harmless(error.issue)}\n`
  return `${Text.harmless(sentenceOf("reins", cause))}\n`
}
