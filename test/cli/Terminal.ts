/** A real terminal for tests: `tmux`, on a socket of its own. Screens are waited for, never for a time. */
import { execFileSync } from "node:child_process"
import { Effect } from "effect"

/** Whether this machine has one. */
export const hasTerminal = ((): boolean => {
  try {
    execFileSync("tmux", ["-V"], { stdio: "ignore" })
    return true
  } catch {
    return false
  }
})()

if (!hasTerminal)
  process.stdout.write("No tmux on this machine: skipping the tests of the command line in a terminal.\n")

export interface Terminal {
  /** Types text as it is. */
  readonly type: (text: string) => Effect.Effect<void>
  /** Presses keys by tmux's names: `Enter`, `C-c`, `BSpace`. */
  readonly press: (...keys: ReadonlyArray<string>) => Effect.Effect<void>
  readonly resize: (columns: number, rows: number) => Effect.Effect<void>
  /** What is on the screen now, without the space at the ends of its lines. */
  readonly screen: Effect.Effect<string>
  /** What is on the screen now, with the sequences of its colours. */
  readonly painted: Effect.Effect<string>
  /** Everything that was on the screen, what has scrolled away included. */
  readonly all: Effect.Effect<string>
  /** Waits until the screen matches, and returns it; dies with the screen where it does not within seconds. */
  readonly until: (pattern: RegExp) => Effect.Effect<string>
}

/** How long a screen is waited for, in steps of 50 ms: long, since a busy machine starts a process slowly. */
const patience = 400

/** Opens a terminal in `cwd` that runs a shell command. */
export const open = (
  cwd: string,
  command: string,
  options: {
    readonly columns?: number
    readonly rows?: number
    readonly env?: { readonly [name: string]: string }
  } = {}
) =>
  Effect.acquireRelease(
    Effect.sync((): Terminal & { readonly close: () => void } => {
      const socket = `reins-${process.pid}-${Math.floor(performance.now() * 1000)}`
      const tmux = (...args: ReadonlyArray<string>) =>
        execFileSync("tmux", ["-L", socket, "-f", "/dev/null", ...args], { encoding: "utf8" })
      const env = { REINS_MODEL: "", OPENAI_API_KEY: "", ...options.env }
      const variables = Object.entries(env).flatMap(([name, value]) => ["-e", `${name}=${value}`])
      const size = ["-x", String(options.columns ?? 80), "-y", String(options.rows ?? 24)]
      tmux("new-session", "-d", ...size, ...variables, "-c", cwd, `${command}; echo "left with $?"; exec cat`)
      const clean = (text: string) =>
        text
          .split("\n")
          .map((line) => line.trimEnd())
          .join("\n")
          .trimEnd()
      const screen = Effect.sync(() => clean(tmux("capture-pane", "-p")))
      const until = (pattern: RegExp, left = patience): Effect.Effect<string> =>
        Effect.flatMap(screen, (shown) => {
          if (pattern.test(shown)) return Effect.succeed(shown)
          if (left === 0) return Effect.die(new Error(`The screen never came to match ${pattern}:\n${shown}`))
          return Effect.delay(until(pattern, left - 1), "50 millis")
        })
      return {
        type: (text) => Effect.sync(() => void tmux("send-keys", "-l", text)),
        press: (...keys) => Effect.sync(() => void tmux("send-keys", ...keys)),
        resize: (columns, rows) =>
          Effect.sync(() => void tmux("resize-window", "-x", String(columns), "-y", String(rows))),
        screen,
        painted: Effect.sync(() => tmux("capture-pane", "-p", "-e")),
        all: Effect.sync(() => clean(tmux("capture-pane", "-p", "-S", "-"))),
        until,
        close: () => void tmux("kill-server")
      }
    }),
    ({ close }) => Effect.sync(close)
  )
