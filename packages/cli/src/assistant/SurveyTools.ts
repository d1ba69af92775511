/** The surveyor's tool: counts a folder's files by kind and size. */
import { ToolRun, ToolSettings } from "@reins/runtime"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import { Folder, type Listing, PathRefused } from "../folder/Folder.ts"

/** How many kinds and how many large files a survey names. */
const named = { kinds: 8, largest: 3 }

const Kind = Schema.Struct({ kind: Schema.String, files: Schema.Natural, bytes: Schema.Natural })

/** A folder's contents. `kinds` and `largest` contain only the largest by bytes. */
export const Survey = Schema.Struct({
  files: Schema.Natural,
  folders: Schema.Natural,
  bytes: Schema.Natural,
  kinds: Schema.Array(Kind),
  largest: Schema.Array(Schema.Struct({ file: Schema.String, bytes: Schema.Natural })),
  skipped: Schema.Struct({
    links: Schema.Natural,
    unreadable: Schema.Natural,
    passedOver: Schema.Natural,
    special: Schema.Natural,
    secrets: Schema.Natural
  }),
  truncated: Schema.Boolean
})
export interface Survey extends Schema.Schema.Type<typeof Survey> {}

const SurveyFolder = Tool.make("survey_folder", {
  description: "Counts the files of a folder, at any depth, and says how large they are by kind",
  parameters: Schema.Struct({
    folder: Schema.String.annotate({ description: 'A path from the root of the folder; "." is all of it' })
  }),
  success: Survey,
  failure: PathRefused,
  failureMode: "return",
  dependencies: [ToolRun]
})
  .annotate(Tool.Readonly, true)
  .annotate(ToolSettings.Timeout, "1 minute")

export class SurveyTools extends Toolkit.make(SurveyFolder) {
  static readonly layer = this.toLayer(
    Effect.gen(function* () {
      const inside = yield* Folder
      return SurveyTools.of({
        survey_folder: Effect.fn("SurveyTools.survey_folder")(function* ({ folder }) {
          const run = yield* ToolRun
          const listing = yield* inside.list(folder, ({ done, name, total }) =>
            run.progress({ label: name, phaseIndex: done, totalPhases: total })
          )
          return summarize(listing)
        })
      })
    })
  )
}

/** A listing in numbers. */
export const summarize = ({ files, folders, skipped, truncated }: Listing): Survey => {
  const kinds = new Map<string, { kind: string; files: number; bytes: number }>()
  let bytes = 0
  for (const entry of files) {
    const kind = kindOf(entry.file)
    const sum = kinds.get(kind) ?? { kind, files: 0, bytes: 0 }
    sum.files++
    sum.bytes += entry.bytes
    kinds.set(kind, sum)
    bytes += entry.bytes
  }
  return {
    files: files.length,
    folders,
    bytes,
    kinds: [...kinds.values()].toSorted(bySize).slice(0, named.kinds),
    largest: files.toSorted(bySize).slice(0, named.largest),
    skipped,
    truncated
  }
}

const bySize = (a: { readonly bytes: number }, b: { readonly bytes: number }) => b.bytes - a.bytes

/** A file name's extension in lower case; a name without one is its own kind. */
const kindOf = (file: string): string => /[^/](\.[^./]+)$/.exec(file)?.[1]?.toLowerCase() ?? "no ending"
