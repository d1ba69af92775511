/**
 * Runs an effect as the process, and sets the exit code. The first Ctrl-C, or SIGTERM, interrupts the effect, which may
 * still print its results; the second exits at once.
 *
 * Exit codes: 0 finished, 1 an error, 2 an invalid command line, 3 stopped by the budget, 130 cancelled.
 */
import { QueryRejected } from "@reins/runtime"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import * as Runtime from "effect/Runtime"
import * as CliError from "effect/cli/CliError"
import { constants } from "node:os"
import { Misused } from "./Arguments.ts"
import { EndedOtherwise } from "./Research.ts"
import { ReaderLeft } from "./Screen.ts"

/** Runs `effect` to its end, and exits the process with the matching exit code. */
export const runMain = <A, E extends { readonly message: string }>(effect: Effect.Effect<A, E>): void =>
  run(
    Effect.tapCause(effect, (cause) => Effect.sync(() => process.stderr.write(wordsFor(cause)))),
    { disableErrorReporting: true }
  )

const run = Runtime.makeRunMain(({ fiber }) => {
  let received: NodeJS.Signals | undefined
  const onSignal = (signal: NodeJS.Signals) => {
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

/** What shells expect of a process that a signal ended. */
const codeOf = (signal: NodeJS.Signals): number => 128 + constants.signals[signal]

const exitCode = (exit: Exit.Exit<unknown, unknown>): number => {
  if (Exit.isSuccess(exit)) return 0
  const error = Cause.squash(exit.cause)
  // The reader closed the output on purpose.
  if (error instanceof ReaderLeft) return 0
  if (error instanceof EndedOtherwise) return error.how === "budget" ? 3 : error.how === "cancelled" ? 130 : 1
  return CliError.isCliError(error) || error instanceof Misused ? 2 : 1
}

/** The text for a failure: its message; nothing, when everything is already printed; the whole cause of a defect. */
const wordsFor = (cause: Cause.Cause<{ readonly message: string }>): string => {
  if (Cause.hasInterruptsOnly(cause)) return ""
  const found = Cause.findError(cause)
  if (Result.isFailure(found)) return `${Cause.pretty(cause)}\n`
  const error = found.success
  if (error instanceof ReaderLeft || error instanceof EndedOtherwise || CliError.isCliError(error)) return ""
  return error instanceof QueryRejected ? `Nothing was started: ${error.message}.\n` : `${error.message}\n`
}
