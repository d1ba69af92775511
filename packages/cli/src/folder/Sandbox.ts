/**
 * Runs a shell command in a child process that is bounded: by time, by output, by processes, by the size of files it
 * writes, and by an allow-list of environment variables, with an empty home folder. When it ends, however it ends,
 * everything it started is killed: its process group, its PID namespace where the system lets us make one (`unshare`),
 * and what still carries one of its marks: a variable, and limits that a process cannot raise.
 *
 * It is not a jail: a command that a person approves reads and writes what the person could. Not on Windows, which has
 * no `sh`.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Schema from "effect/Schema"
import { type ChildProcess, spawn } from "node:child_process"
import { mkdtemp, readFile, readdir, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import * as Text from "../text/Text.ts"
import { Output } from "./Output.ts"
import * as OwnEnvironment from "./OwnEnvironment.ts"

/** Limits of a command. */
export interface Limits {
  /** Default 60,000. */
  readonly timeoutMs: number
  /** How much of its output is kept, in bytes: most from its beginning, some from its end. Default 32 KiB. */
  readonly keptBytes: number
  /** How much output ends it, in bytes. Default 16 MiB. */
  readonly outputBytes: number
  /** How many processes at once end it. Default 128. */
  readonly processes: number
  /** The largest file that it can write, in bytes. Default 256 MiB. */
  readonly fileBytes: number
  /** Whether it has namespaces of its own where the system lets us make them. Default true. */
  readonly isolates: boolean
}

export const usual: Limits = {
  timeoutMs: 60_000,
  keptBytes: 32 * 1024,
  outputBytes: 16 * 1024 * 1024,
  processes: 128,
  fileBytes: 256 * 1024 * 1024,
  isolates: true
}

/** How a command ended, other than by itself. */
export const Stopped = Schema.Literals(["out of time", "too much output", "too many processes"])

export const Outcome = Schema.Struct({
  /** Absent when a signal ended it. */
  exitCode: Schema.optionalKey(Schema.Int),
  signal: Schema.optionalKey(Schema.String),
  /** Absent when it ended by itself. */
  stopped: Schema.optionalKey(Stopped),
  /** Standard output and standard error, as they came. */
  output: Schema.String,
  /** How many bytes of its output were left out. */
  leftOut: Schema.Natural,
  milliseconds: Schema.Natural
})
export interface Outcome extends Schema.Schema.Type<typeof Outcome> {}

/** The command could not be started. */
export class CommandNotStarted extends Schema.TaggedError<CommandNotStarted>()("CommandNotStarted", {
  reason: Schema.String
}) {
  override get message() {
    return `The command could not be started: ${this.reason}`
  }
}

export class Sandbox extends Context.Service<
  Sandbox,
  {
    /** Runs `command` with `sh` in `folder`. Interrupting it kills what it started. */
    readonly run: (command: string, folder: string) => Effect.Effect<Outcome, CommandNotStarted>
  }
>()("@reins/cli/Sandbox") {
  static readonly layer = (limits: Partial<Limits> = {}) => Layer.effect(Sandbox, make({ ...usual, ...limits }))
}

/** Variables that a command is given, where they are set. Others may hold keys. */
const allowed = /^(PATH|LANG|LANGUAGE|LC_[A-Z]+|TZ|TMPDIR|USER|LOGNAME|SHELL)$/

/** The environment of a command. Pure. */
export const environmentOf = (
  own: { readonly [name: string]: string | undefined },
  home: string,
  mark: string
): { readonly [name: string]: string } => {
  const kept = Object.entries(own).flatMap(([name, value]) =>
    allowed.test(name) && value !== undefined ? [[name, value] as const] : []
  )
  return { ...Object.fromEntries(kept), HOME: home, TERM: "dumb", NO_COLOR: "1", [marker]: mark }
}

const marker = "REINS_COMMAND"

/** What a command's processes are known by. */
interface Mark {
  /** The value of `marker` in their environment. */
  readonly word: string
  /** Limits that are theirs alone: how many processes and open files they may have. */
  readonly processes: number
  readonly files: number
}

/** How many values a limit has that marks a command. */
const spread = 4096

/** Limits that the system enforces. Shells name the one on processes differently, and root is not held to it. */
const script = ({ fileBytes, timeoutMs }: Limits, mark: Mark): string =>
  [
    "ulimit -c 0",
    `ulimit -f ${Math.ceil(fileBytes / 512)}`,
    `ulimit -t ${Math.ceil((2 * timeoutMs) / 1000) + 1}`,
    `ulimit -n ${mark.files} 2>/dev/null`,
    // Of the whole user, so that there must be room for what runs besides.
    `ulimit -u ${mark.processes} 2>/dev/null || ulimit -p ${mark.processes} 2>/dev/null`,
    'exec sh -c "$1"'
  ].join("\n")

const unshare = ["--user", "--map-current-user", "--pid", "--fork", "--kill-child=KILL"]

/** How often what a command does is looked at. */
const lookEveryMs = 50

const make = Effect.fnUntraced(function* (limits: Limits) {
  const isolates = limits.isolates && (yield* works("unshare", [...unshare, "true"]))
  // In a user namespace of its own, a command is shown no other process's environment.
  if (!isolates) yield* OwnEnvironment.hide

  const run = (command: string, folder: string): Effect.Effect<Outcome, CommandNotStarted> =>
    Effect.gen(function* () {
      if (process.platform === "win32") return yield* new CommandNotStarted({ reason: "not on Windows" })
      const began = yield* Clock.currentTimeMillis
      const mark: Mark = {
        word: `${process.pid}-${yield* Random.nextIntBetween(0, Number.MAX_SAFE_INTEGER)}`,
        processes: 4096 + limits.processes + (yield* Random.nextIntBetween(0, spread)),
        files: 4096 + (yield* Random.nextIntBetween(0, spread))
      }
      const home = yield* Effect.acquireRelease(
        Effect.tryPromise({
          try: () => mkdtemp(join(tmpdir(), "reins-home-")),
          catch: () => new CommandNotStarted({ reason: "no temporary folder can be made" })
        }),
        (path) => Effect.promise(() => rm(path, { recursive: true, force: true }).catch(() => undefined))
      )
      const output = new Output(limits.keptBytes)
      const stop = yield* Deferred.make<typeof Stopped.Type>()
      const shell = ["sh", "-c", script(limits, mark), "sh", command]
      const [program = "sh", ...args] = isolates ? ["unshare", ...unshare, ...shell] : shell
      const child = yield* Effect.acquireRelease(
        Effect.sync(() =>
          spawn(program, args, {
            cwd: folder,
            env: environmentOf(process.env, home, mark.word),
            // A process group of its own, which is killed as a whole.
            detached: true,
            stdio: ["ignore", "pipe", "pipe"]
          })
        ),
        (started) => killAll(started, mark)
      )
      const hear = (bytes: Uint8Array) => {
        output.add(bytes)
        if (output.total > limits.outputBytes) Deferred.doneUnsafe(stop, Effect.succeed("too much output"))
      }
      child.stdout?.on("data", hear)
      child.stderr?.on("data", hear)
      const watching = Effect.flatMap(processesOf(child), (count) =>
        count > limits.processes ? Effect.asVoid(Deferred.succeed(stop, "too many processes")) : Effect.void
      ).pipe(Effect.delay(lookEveryMs), Effect.forever)
      const ended = yield* exitOf(child).pipe(
        Effect.map((exit) => ({ exit, stopped: undefined })),
        Effect.raceFirst(Effect.map(Deferred.await(stop), (stopped) => ({ exit: undefined, stopped }))),
        Effect.raceFirst(watching),
        Effect.timeoutOrElse({
          duration: limits.timeoutMs,
          orElse: () => Effect.succeed({ exit: undefined, stopped: "out of time" as const })
        })
      )
      if (ended.exit === undefined) yield* killAll(child, mark)
      const { exitCode, signal } = ended.exit ?? {}
      return {
        ...(exitCode === undefined ? {} : { exitCode }),
        ...(signal === undefined ? {} : { signal }),
        ...(ended.stopped === undefined ? {} : { stopped: ended.stopped }),
        output: Text.harmless(output.text()),
        leftOut: output.leftOut,
        milliseconds: Math.max(0, (yield* Clock.currentTimeMillis) - began)
      }
    }).pipe(Effect.scoped)

  return Sandbox.of({ run })
})

interface Exit {
  readonly exitCode?: number
  readonly signal?: string
}

/**
 * Waits for the shell itself, and a moment for its output: what it left running in the background may hold that open
 * for ever.
 */
const exitOf = (child: ChildProcess): Effect.Effect<Exit, CommandNotStarted> =>
  Effect.callback<Exit, CommandNotStarted>((resume) => {
    const exit = (code: number | null, signal: NodeJS.Signals | null): Exit => ({
      ...(code === null ? {} : { exitCode: code }),
      ...(signal === null ? {} : { signal })
    })
    child.once("error", (error) => resume(Effect.fail(new CommandNotStarted({ reason: error.message }))))
    child.once("close", (code, signal) => resume(Effect.succeed(exit(code, signal))))
    child.once("exit", (code, signal) => resume(Effect.delay(Effect.succeed(exit(code, signal)), "100 millis")))
  })

/** Whether a program runs and succeeds. */
const works = (program: string, args: ReadonlyArray<string>): Effect.Effect<boolean> =>
  Effect.callback<boolean>((resume) => {
    const child = spawn(program, args, { stdio: "ignore" })
    child.once("error", () => resume(Effect.succeed(false)))
    child.once("exit", (code) => resume(Effect.succeed(code === 0)))
  })

interface Status {
  readonly pid: number
  readonly parent: number
  readonly group: number
  readonly owner: number
  /** `Z`: it has ended and was not reaped. */
  readonly state: string
}

/** The processes of the system, as listed in `/proc`; none where there is no `/proc`. */
const processes: Effect.Effect<ReadonlyArray<Status>> = Effect.promise(() =>
  readdir("/proc")
    .then((names) =>
      Promise.all(
        names
          .filter((name) => /^\d+$/.test(name))
          .map((name) =>
            readFile(`/proc/${name}/stat`, "utf8").then(
              (stat) => {
                // The name in parentheses may contain anything.
                const [state = "", parent = "", group = "", owner = ""] = stat
                  .slice(stat.lastIndexOf(")") + 2)
                  .split(" ")
                return [
                  { pid: Number(name), parent: Number(parent), group: Number(group), owner: Number(owner), state }
                ]
              },
              () => []
            )
          )
      )
    )
    .then(
      (all) => all.flat(),
      () => []
    )
)

/** How many processes a command has now: those of its group, and all below it. */
const processesOf = (child: ChildProcess): Effect.Effect<number> =>
  Effect.map(processes, (all) => {
    const root = child.pid ?? -1
    const mine = new Set([root])
    // Parents have mostly lower numbers; the second pass finds the rest but for the oddest families.
    for (let pass = 0; pass < 2; pass++) {
      for (const { group, owner, parent, pid } of all) {
        if (group === root || owner === root || mine.has(parent)) mine.add(pid)
      }
    }
    return mine.size
  })

/** How often it is looked for what is left. */
const rounds = 20

const killAll = (child: ChildProcess, mark: Mark): Effect.Effect<void> =>
  Effect.gen(function* () {
    for (let round = 0; round < rounds; round++) {
      if (child.pid !== undefined) yield* kill(-child.pid)
      const left = yield* marked(mark)
      if (left.length === 0) return
      yield* Effect.forEach(left, kill, { discard: true })
      yield* Effect.sleep("10 millis")
    }
  })

const kill = (pid: number): Effect.Effect<void> => Effect.ignore(Effect.try(() => process.kill(pid, "SIGKILL")))

/** Whether a process has the limits of a mark. Pure. */
const hasLimits = (limits: string, mark: Mark): boolean =>
  new RegExp(`^Max processes +${mark.processes} +${mark.processes} `, "m").test(limits) &&
  new RegExp(`^Max open files +${mark.files} +${mark.files} `, "m").test(limits)

/**
 * Processes with one of these marks that are not dead yet. A process can clear its environment, and cannot raise its
 * limits.
 */
const marked = (mark: Mark): Effect.Effect<ReadonlyArray<number>> => {
  const variable = `${marker}=${mark.word}\0`
  const has = (file: string, fits: (text: string) => boolean) => readFile(file, "latin1").then(fits, () => false)
  return Effect.flatMap(processes, (all) =>
    Effect.promise(() =>
      Promise.all(
        all.map(({ pid, state }) =>
          Promise.all([
            has(`/proc/${pid}/environ`, (environment) => environment.includes(variable)),
            state !== "Z" && has(`/proc/${pid}/limits`, (limits) => hasLimits(limits, mark))
          ]).then((found) => (found.includes(true) ? [pid] : []))
        )
      ).then((found) => found.flat())
    )
  )
}
