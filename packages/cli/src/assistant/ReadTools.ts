/** Tools that read: list the folder, search its text files for terms, and read a few lines of one. */
import { ToolRun, ToolSettings } from "@reins/runtime"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import { Folder, PathRefused } from "../folder/Folder.ts"
import * as Matches from "./Matches.ts"
import * as Text from "../text/Text.ts"

/** The number of files that are searched in parallel. */
const parallel = 8

/** The number of progress updates of a search. */
const phases = 20

/** The number of matches that a search returns; all of them are counted. */
const bestMatches = 24

/** The most lines per read, and the most characters per line. */
const linesAtOnce = 80
const lineLength = 500

const Match = Schema.Struct({
  file: Schema.String,
  line: Schema.Natural,
  text: Schema.String,
  terms: Schema.Array(Schema.String)
})

/** The result of a search. `matches` are the best of all `lines`. */
export const Found = Schema.Struct({
  matches: Schema.Array(Match),
  terms: Schema.Array(Schema.Struct({ term: Schema.String, lines: Schema.Natural, files: Schema.Natural })),
  lines: Schema.Natural,
  files: Schema.Natural,
  searched: Schema.Natural,
  skipped: Schema.Struct({ notText: Schema.Natural, tooLarge: Schema.Natural, unreadable: Schema.Natural }),
  truncated: Schema.Boolean
})
export interface Found extends Schema.Schema.Type<typeof Found> {}

const SearchText = Tool.make("search_text", {
  description: "Searches every text file for terms, regardless of case, and gives the best lines with file and line",
  parameters: Schema.Struct({
    terms: Schema.NonEmptyArray(Schema.NonEmptyString).check(Schema.isMaxLength(8)),
    folder: Schema.String.annotate({ description: 'A path from the root of the folder; "." is all of it' })
  }),
  success: Found,
  failure: PathRefused,
  failureMode: "return",
  dependencies: [ToolRun]
})
  .annotate(Tool.Readonly, true)
  .annotate(ToolSettings.Timeout, "2 minutes")

/** Lines of a file; the first of them has number `from`. */
export const Passage = Schema.Struct({
  file: Schema.String,
  from: Schema.Natural,
  lines: Schema.Array(Schema.String),
  linesInFile: Schema.Natural
})
export interface Passage extends Schema.Schema.Type<typeof Passage> {}

const ReadLines = Tool.make("read_lines", {
  description: `Reads up to ${linesAtOnce} lines of a text file`,
  parameters: Schema.Struct({
    file: Schema.String.annotate({ description: "A path from the root of the folder" }),
    from: Schema.Natural.annotate({ description: "The first line, counted from 1" }),
    to: Schema.Natural
  }),
  success: Passage,
  failure: PathRefused,
  failureMode: "return"
}).annotate(Tool.Readonly, true)

/** The most files that a listing names. */
const namedFiles = 200

const Listed = Schema.Struct({
  files: Schema.Array(Schema.Struct({ file: Schema.String, bytes: Schema.Natural })),
  /** How many more there are. */
  more: Schema.Natural,
  /** How many are not named because they hold secrets, by their names. */
  secrets: Schema.Natural
})

const ListFiles = Tool.make("list_files", {
  description: `Lists the files of a folder, at any depth, with their sizes; the first ${namedFiles}`,
  parameters: Schema.Struct({
    folder: Schema.String.annotate({ description: 'A path from the root of the folder; "." is all of it' })
  }),
  success: Listed,
  failure: PathRefused,
  failureMode: "return"
})
  .annotate(Tool.Readonly, true)
  .annotate(ToolSettings.Timeout, "1 minute")

export class ReadTools extends Toolkit.make(ListFiles, SearchText, ReadLines) {
  static readonly layer = this.toLayer(
    Effect.gen(function* () {
      const inside = yield* Folder
      return ReadTools.of({
        list_files: Effect.fn("ReadTools.list_files")(function* ({ folder }) {
          const { files, skipped } = yield* inside.list(folder)
          return {
            files: files.slice(0, namedFiles),
            more: Math.max(0, files.length - namedFiles),
            secrets: skipped.secrets
          }
        }),
        search_text: Effect.fn("ReadTools.search_text")(function* ({ folder, terms }) {
          const run = yield* ToolRun
          const { files, truncated } = yield* inside.list(folder)
          const find = Matches.finder(terms)
          const tally = new Tally(terms)
          const every = Math.max(1, Math.ceil(files.length / phases))
          yield* Effect.forEach(
            files,
            Effect.fnUntraced(function* ({ file }) {
              const text = yield* Effect.result(inside.read(file))
              if (text._tag === "Success") tally.add(find(file, text.success))
              else tally.skip(text.failure)
              const done = tally.done()
              if (done % every === 0 || done === files.length) {
                yield* run.progress({ label: file, phaseIndex: done, totalPhases: files.length })
              }
            }),
            { concurrency: parallel, discard: true }
          )
          return { ...tally.found(), truncated }
        }),
        read_lines: Effect.fn("ReadTools.read_lines")(function* ({ file, from, to }) {
          const all = Text.lines(yield* inside.read(file))
          const first = Math.max(1, from)
          const last = Math.min(Math.max(first, to), first + linesAtOnce - 1)
          const lines = all.slice(first - 1, last).map((line) => Text.shorten(line, lineLength))
          return { file, from: first, lines, linesInFile: all.length }
        })
      })
    })
  )
}

/** The state of a search. */
class Tally {
  private readonly matches: Array<Matches.Match> = []
  private readonly terms: ReadonlyMap<string, { readonly term: string; lines: number; files: number }>
  private readonly skipped = { notText: 0, tooLarge: 0, unreadable: 0 }
  private files = 0
  private lines = 0
  private searched = 0
  private looked = 0

  constructor(terms: ReadonlyArray<string>) {
    this.terms = new Map(terms.map((term) => [term, { term, lines: 0, files: 0 }]))
  }

  add(matches: ReadonlyArray<Matches.Match>): void {
    this.searched++
    this.lines += matches.length
    // The remaining lines of a file cannot be among the best.
    this.matches.push(...Matches.best(matches, bestMatches))
    if (matches.length > 0) this.files++
    for (const [term, sum] of this.terms) {
      const lines = matches.filter((match) => match.terms.includes(term)).length
      sum.lines += lines
      if (lines > 0) sum.files++
    }
  }

  skip({ reason }: PathRefused): void {
    this.skipped[reason === "not text" ? "notText" : reason === "too large" ? "tooLarge" : "unreadable"]++
  }

  /** Counts one more searched file; returns the total. */
  done(): number {
    return ++this.looked
  }

  found(): Omit<Found, "truncated"> {
    return {
      matches: Matches.best(this.matches, bestMatches),
      terms: [...this.terms.values()],
      lines: this.lines,
      files: this.files,
      searched: this.searched,
      skipped: this.skipped
    }
  }
}
