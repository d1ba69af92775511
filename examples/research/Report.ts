/**
 * Writes reports: Markdown files in one folder, under plain names. An existing file is replaced only when requested,
 * and then atomically: a reader sees the old report or the new one.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Path from "effect/Path"
import * as Schema from "effect/Schema"
import * as ByteSize from "effect/ByteSize"
import * as Text from "./Text.ts"

/** No report can be written to `file`. The reason is one that a model, and a person, can act on. */
export class ReportRefused extends Schema.TaggedError<ReportRefused>()("ReportRefused", {
  file: Schema.String,
  reason: Schema.Literals([
    "a plain name that ends in .md is needed",
    "the file exists and was not to be replaced",
    "something that is no file stands there",
    "there is no such folder",
    "the folder cannot be written"
  ])
}) {
  override get message() {
    return `No report can be written to ${JSON.stringify(this.file)}: ${this.reason}.`
  }
}

/** Where a report would be written. */
export interface Place {
  readonly path: string
  /** The size of the existing report. */
  readonly existingBytes: number | undefined
}

export class Report extends Context.Service<
  Report,
  {
    /** The proposed name. */
    readonly file: string
    /** Where `file` would be written, checked now. */
    readonly place: (file: string) => Effect.Effect<Place, ReportRefused>
    readonly write: (
      file: string,
      markdown: string,
      options: { readonly replace: boolean }
    ) => Effect.Effect<{ readonly path: string; readonly bytes: number }, ReportRefused>
  }
>()("example-research/Report") {
  /** Reports beside `out`, whose name is proposed. */
  static readonly layer = (out: string) => Layer.effect(Report, make(out))
}

const isPlain = (file: string) =>
  /^[^/\\:*?"<>|\n]+\.md$/i.test(file) && !file.startsWith(".") && Text.harmless(file) === file

const make = Effect.fnUntraced(function* (out: string) {
  const fs = yield* FileSystem.FileSystem
  const paths = yield* Path.Path
  const folder = paths.dirname(paths.resolve(out))

  const place = Effect.fnUntraced(function* (file: string) {
    const refuse = (reason: ReportRefused["reason"]) => new ReportRefused({ file, reason })
    if (!isPlain(file)) return yield* refuse("a plain name that ends in .md is needed")
    const path = paths.join(folder, file)
    const about = yield* Effect.orElseSucceed(fs.stat(folder), () => undefined)
    if (about?.type !== "Directory") return yield* refuse("there is no such folder")
    yield* Effect.mapError(fs.access(folder, { writable: true }), () => refuse("the folder cannot be written"))
    // Links are not followed, or the report would be written through one.
    const standing = yield* Effect.orElseSucceed(fs.lstat(path), () => undefined)
    if (standing !== undefined && standing.type !== "File") {
      return yield* refuse("something that is no file stands there")
    }
    return { path, existingBytes: standing === undefined ? undefined : ByteSize.toNumberUnsafe(standing.size) }
  })

  const write = Effect.fnUntraced(function* (file: string, markdown: string, options: { readonly replace: boolean }) {
    const refuse = (reason: ReportRefused["reason"]) => new ReportRefused({ file, reason })
    const { path } = yield* place(file)
    const content = new TextEncoder().encode(markdown)
    if (options.replace) {
      // The draft is in a temporary folder beside the report, so that a rename replaces the report atomically.
      yield* fs.makeTempDirectoryScoped({ directory: folder, prefix: ".reins-" }).pipe(
        Effect.map((drafts) => paths.join(drafts, file)),
        Effect.tap((draft) => fs.writeFile(draft, content, { flag: "wx" })),
        Effect.flatMap((draft) => fs.rename(draft, path)),
        Effect.scoped,
        Effect.mapError(() => refuse("the folder cannot be written"))
      )
    } else {
      yield* Effect.mapError(fs.writeFile(path, content, { flag: "wx" }), ({ reason }) =>
        refuse(
          reason._tag === "AlreadyExists"
            ? "the file exists and was not to be replaced"
            : "the folder cannot be written"
        )
      )
    }
    return { path, bytes: content.length }
  })

  return Report.of({ file: paths.basename(out), place, write })
})
