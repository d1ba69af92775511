/**
 * Runs another program in our place: same terminal, same arguments, same exit code.
 *
 * Signals: at a terminal Ctrl-C goes to every program in the foreground, including the child, so it is not forwarded.
 * Without a terminal only we get it, and it is forwarded. When npm is terminated, it ends the shell that started us
 * without notifying us, so we check whether that shell still exists. Either way we wait for the child to end, so that
 * it can clean up, and exit as it did: 130 after Ctrl-C, 143 after SIGTERM.
 */
import { spawn } from "node:child_process"
import { constants } from "node:os"
import { isatty } from "node:tty"

const atTerminal = [0, 1, 2].some((descriptor) => isatty(descriptor))

/** npm forwards signals that the whole process group has already received: within this time it is the same signal. */
const sameSignalMs = 300

/** How often to check whether npm's shell still exists. */
const parentCheckMs = 250

/**
 * Resolves to the child's exit code: its own, 128 + the signal's number when a signal ended it, 127 when it could not
 * be started. Never rejects. `onOutput` gets the child's output, when `options.stdio` pipes it; `options.input` is the
 * child's whole input.
 */
export const run = (command, args, { input, ...options } = {}, onOutput = () => {}) =>
  new Promise((resolve) => {
    const stdio = input === undefined ? "inherit" : ["pipe", "inherit", "inherit"]
    const child = spawn(command, args, { stdio, ...options })
    // A child that ends early reads no more of it.
    child.stdin?.on("error", () => {}).end(input)
    const release = passSignalsTo(child)
    child.stdout?.on("data", onOutput)
    child.stderr?.on("data", onOutput)
    child.once("error", (error) => {
      release()
      process.stderr.write(`Could not start ${command} (${error.code ?? error.message}).\n`)
      resolve(127)
    })
    child.once("close", (code, signal) => {
      release()
      resolve(code ?? 128 + constants.signals[signal])
    })
  })

/** Tells whether a signal repeats one that arrived shortly before. `now` returns a time in milliseconds. */
export const repeatedSignals = (now = Date.now) => {
  const lastAt = new Map()
  return (signal) => {
    const isRepeat = now() - (lastAt.get(signal) ?? -Infinity) < sameSignalMs
    lastAt.set(signal, now())
    return isRepeat
  }
}

const passSignalsTo = (child) => {
  const isRepeat = repeatedSignals()
  const pass = (signal) => {
    if (!isRepeat(signal) && !(signal === "SIGINT" && atTerminal)) child.kill(signal)
  }
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"]
  for (const signal of signals) process.on(signal, pass)
  const parent = process.ppid
  const lookAfterParent = () => {
    if (process.ppid === parent) return
    clearInterval(looking)
    pass("SIGTERM")
  }
  const looking =
    process.env.npm_lifecycle_event === undefined ? undefined : setInterval(lookAfterParent, parentCheckMs)
  return () => {
    clearInterval(looking)
    for (const signal of signals) process.off(signal, pass)
  }
}
