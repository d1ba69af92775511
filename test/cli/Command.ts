/** Runs the command `reins` as a script would: without a terminal, with its own environment. */
import { Effect, Stream } from "effect"
import { ChildProcess, ChildProcessSpawner } from "effect/process"

const main = `${import.meta.dirname}/../../packages/cli/bin/reins.mjs`

/** Runs a program in `cwd` to its end. */
export const spawn = Effect.fnUntraced(function* (
  cwd: string,
  command: string,
  args: ReadonlyArray<string>,
  { env = {}, input = "" }: { readonly input?: string; readonly env?: { readonly [name: string]: string } } = {}
) {
  const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
  const child = yield* spawner.spawn(
    ChildProcess.make(command, args, {
      cwd,
      stdin: Stream.make(new TextEncoder().encode(input)),
      env: { NO_COLOR: "1", REINS_MODEL: "", OPENAI_API_KEY: "", ...env },
      extendEnv: true
    })
  )
  const [stdout, stderr, code] = yield* Effect.all(
    [
      Stream.mkString(Stream.decodeText(child.stdout)),
      Stream.mkString(Stream.decodeText(child.stderr)),
      child.exitCode
    ],
    { concurrency: "unbounded" }
  )
  return { stdout, stderr, code: Number(code) }
}, Effect.scoped)

/** Runs `reins` with these arguments. */
export const reins = (
  cwd: string,
  args: ReadonlyArray<string>,
  options: { readonly input?: string; readonly env?: { readonly [name: string]: string } } = {}
) => spawn(cwd, process.execPath, [main, ...args], options)

/** The command line that starts `reins`, for a shell. */
export const shell = `"${process.execPath}" "${main}"`
