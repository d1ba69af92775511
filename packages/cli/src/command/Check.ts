/** `reins check`: reads a captured stream of a dialect, and says where it does not follow its protocol. */
import { Checker, isName, names, type Trouble, type Violation } from "@reins/wire/check"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import type * as PlatformError from "effect/PlatformError"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import { codes, CommandFailed, misused } from "../setting/CommandFailed.ts"
import { type OutputFailed, type ReaderLeft, Screen } from "../terminal/Screen.ts"
import * as Text from "../text/Text.ts"

/** The options of the command line. */
export interface Given {
  /** `-` is standard input. */
  readonly file: string
  /** Absent: it is recognized. */
  readonly dialect: string | undefined
  readonly continues: boolean
  readonly jsonOutput: boolean
}

type Failure = ReaderLeft | OutputFailed | CommandFailed

/** How many violations a person is shown. */
const mostShown = 100

export const run = Effect.fnUntraced(function* ({ continues, dialect, file, jsonOutput }: Given) {
  const screen = yield* Screen
  if (dialect !== undefined && !isName(dialect))
    return yield* misused(`Unknown dialect ${JSON.stringify(dialect)}. Dialects: ${names.join(", ")}.`)
  const source = file === "-" ? "standard input" : file
  const checker = new Checker({ continues, ...(dialect === undefined ? {} : { dialect }) })
  let count = 0
  const show = (found: ReadonlyArray<Violation>) => {
    const before = count
    count += found.length
    const shown = jsonOutput ? found : found.slice(0, Math.max(mostShown - before, 0))
    const lines = shown.map((violation) =>
      jsonOutput ? JSON.stringify({ file: source, ...violation }) : lineOf(source, violation)
    )
    return lines.length === 0 ? Effect.void : screen.print(lines.map((line) => `${line}\n`).join(""))
  }
  const judged = (found: ReadonlyArray<Violation>): Effect.Effect<void, Failure> =>
    // What follows in a text that is not a capture tells nothing more.
    checker.trouble === undefined ? show(found) : Effect.fail(misused(troubles[checker.trouble](source)))
  yield* Stream.runForEach(yield* textOf(file), (piece) => Effect.suspend(() => judged(checker.push(piece))))
  yield* judged(checker.end())
  const told = { file: source, dialect: checker.dialect, recognized: dialect === undefined, frames: checker.frames }
  yield* screen.print(jsonOutput ? `${JSON.stringify({ ...told, violations: count })}\n` : summary(told, count))
  if (count > 0) return yield* new CommandFailed({ issue: "", code: codes.failed })
})

const lineOf = (source: string, { found, line, rule, says }: Violation): string =>
  Text.harmless(`${source}:${line}: ${found}. ${says}. [${rule}]`)

const summary = (
  told: {
    readonly file: string
    readonly dialect: string | undefined
    readonly recognized: boolean
    readonly frames: number
  },
  count: number
): string => {
  const how = told.recognized ? `${told.dialect}, recognized` : told.dialect
  const rest = count > mostShown ? `, of which the first ${mostShown} are shown` : ""
  return `${Text.harmless(told.file)}: ${Text.counted(told.frames, "frame")} (${how}), ${Text.counted(count, "violation")}${rest}\n`
}

const known = names.join(", ")
const troubles: { readonly [T in Trouble]: (source: string) => string } = {
  empty: (source) => `${source} has no frame. Capture the body of a response: curl -sN … > FILE`,
  binary: (source) =>
    `${source} is not text. Capture the body of a response without compression, as SSE or JSON lines.`,
  neither: (source) =>
    `${source} is neither SSE nor JSON lines: its first line is neither a field nor a JSON object. Capture the body alone, without headers.`,
  "not-json-lines": (source) =>
    `${source} begins like JSON, but its first line is not a complete JSON value. Write one value a line.`,
  "unknown-dialect": (source) => `${source} does not tell its dialect. Name it: --dialect NAME, one of ${known}.`
}

/** The text of the file, piece by piece. */
const textOf = Effect.fnUntraced(function* (file: string) {
  if (file === "-") {
    const stdio = yield* Stdio.Stdio
    return Stream.mapError(Stream.decodeText(stdio.stdin), unreadable("Standard input"))
  }
  const fs = yield* FileSystem.FileSystem
  return Stream.mapError(Stream.decodeText(fs.stream(file)), unreadable(JSON.stringify(file)))
})

const unreadable =
  (name: string) =>
  ({ reason }: PlatformError.PlatformError): CommandFailed => {
    if (reason._tag === "NotFound") return misused(`There is no file ${name}.`)
    return misused(`${name} cannot be read (${reason._tag}). Name a file that can, or - for standard input.`)
  }
