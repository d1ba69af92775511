/**
 * A file within the result of a tool. The runtime stores it with the thread before it emits the result, so that clients
 * get a file and not its bytes as text: the result has a reference in its place, and the model reads the file itself.
 */
import type { Json, Message } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import * as Rule from "../kernel/OptionRule.ts"
import type { FileContent, FileTooLarge } from "./ToolRun.ts"

/**
 * What a file is made of. `content`: its bytes, or text, which is stored as UTF-8. `filename`: absent: one is made from
 * the media type.
 *
 * @since 0.1.0
 * @category models
 */
export interface FileOutputOptions {
  readonly mediaType: string
  readonly content: Uint8Array | string
  readonly filename?: string | undefined
}

/**
 * A file in the result of a tool, alone or anywhere within it. `FileOutput.schema` declares it.
 *
 * **Details**
 *
 * - The result that is logged, and that clients get, has `{ type: "file", fileId, filename, mediaType, sizeBytes }` in its
 *   place, after the event `data-file-registered` of that `fileId`. `runtime.files.get` reads it.
 * - The model reads the result with these references, and then the files themselves, unless the tool has its own
 *   `toModelOutput`.
 * - A file above `maxFileBytes` is not stored, and the model does not read it: its reference has `error` and `message` in
 *   place of the `fileId`.
 * - A store that keeps no files of its own keeps them in this process's memory.
 *
 * **Example** (A tool that draws)
 *
 * ```ts
 * import { FileOutput } from "@reins/runtime"
 * import { Effect, Schema } from "effect"
 * import { Tool, Toolkit } from "effect/ai"
 *
 * const Chart = Tool.make("chart", {
 *   parameters: Schema.Struct({ title: Schema.String }),
 *   success: Schema.Struct({ title: Schema.String, picture: FileOutput.schema })
 * })
 *
 * export const Charts = Toolkit.make(Chart)
 * export const ChartsLive = Charts.toLayer({
 *   chart: ({ title }) =>
 *     Effect.succeed({
 *       title,
 *       picture: new FileOutput({ mediaType: "image/svg+xml", filename: "chart.svg", content: "<svg/>" })
 *     })
 * })
 * ```
 *
 * @since 0.1.0
 * @category models
 */
export class FileOutput {
  readonly mediaType: string
  readonly filename: string | undefined
  /** A copy: the tool may reuse its buffer. */
  readonly content: Uint8Array

  /** Throws where an option is invalid. */
  constructor(options: FileOutputOptions) {
    Rule.requireValid("FileOutput()", options, rule)
    const { content, filename, mediaType } = options
    this.mediaType = mediaType.toWellFormed()
    this.filename = filename?.toWellFormed()
    this.content = typeof content === "string" ? new TextEncoder().encode(content) : new Uint8Array(content)
  }

  /** Where no runtime stores it: the bytes as base64. */
  toJSON(): { readonly type: "file"; readonly mediaType: string; readonly filename?: string; readonly data: string } {
    const { content, filename, mediaType } = this
    return { type: "file", mediaType, ...(filename === undefined ? {} : { filename }), data: Base64.encode(content) }
  }

  /** The schema of a file in the `success` of a tool. As JSON it is `{ type, mediaType, filename, data }`. */
  static readonly schema: Schema.Codec<FileOutput> = Schema.instanceOf(FileOutput, {
    expected: "a FileOutput",
    toCodecJson: () =>
      Schema.link<FileOutput>()(
        Schema.Struct({
          type: Schema.Literal("file"),
          mediaType: Schema.String,
          filename: Schema.optionalKey(Schema.String),
          data: Schema.Uint8ArrayFromBase64
        }),
        SchemaTransformation.transform({
          decode: ({ data, filename, mediaType }) => new FileOutput({ mediaType, filename, content: data }),
          encode: ({ content, filename, mediaType }) => ({
            type: "file" as const,
            mediaType,
            ...(filename === undefined ? {} : { filename }),
            data: content
          })
        })
      )
  })
}

const isBytes = (value: unknown): boolean =>
  ["[object Uint8Array]", "[object ArrayBuffer]"].includes(Object.prototype.toString.call(value))

/** A number as content would be as many zeros. */
const rule = Rule.data<FileOutputOptions>('Give an object such as { mediaType: "image/png", content: bytes }', {
  mediaType: Rule.text('Give a media type, such as "image/png"'),
  content: Rule.secret(
    Rule.must("Give a Uint8Array, or a string", (value) => typeof value === "string" || isBytes(value))
  ),
  filename: Rule.optional(Rule.text("Give a file name"))
})

/** The files of one result, as its JSON form is made: `take` is called with each value that has a form of its own. */
export class ResultFiles {
  private found: Array<FileOutput> | undefined
  private references: ReadonlyMap<FileOutput, Json> | undefined

  /** The reference in place of a file; `undefined` for anything else. */
  readonly take = (value: object): Json | undefined => {
    if (!(value instanceof FileOutput)) return undefined
    if (this.references === undefined) (this.found ??= []).push(value)
    return this.references?.get(value) ?? ""
  }

  /** What was found since the last call. */
  reset(): ReadonlyArray<FileOutput> | undefined {
    const { found } = this
    this.found = undefined
    return found
  }

  /** With the references in place of the files. */
  static referring(references: ReadonlyMap<FileOutput, Json>): ResultFiles {
    const files = new ResultFiles()
    files.references = references
    return files
  }
}

/** The stored files of a result: their references, and the parts that a model reads. */
export interface Kept {
  readonly references: ReadonlyMap<FileOutput, Json>
  readonly parts: ReadonlyArray<Message.FilePart>
}

/** Stores files with the `store` of their call, each once. */
export const keep = (
  files: ReadonlyArray<FileOutput>,
  store: (file: FileContent) => Effect.Effect<string, FileTooLarge>
): Effect.Effect<Kept> => {
  const references = new Map<FileOutput, Json>()
  const parts: Array<Message.FilePart> = []
  const one = (file: FileOutput, index: number) => {
    const { content, mediaType } = file
    const filename = file.filename ?? nameOf(mediaType, String(index + 1))
    const about = { filename, mediaType, sizeBytes: content.length }
    return Effect.match(store({ filename, mediaType, content }), {
      onFailure: ({ _tag, message }) => void references.set(file, { type: "file", ...about, error: _tag, message }),
      onSuccess: (fileId) => {
        references.set(file, { type: "file", fileId, ...about })
        parts.push({ type: "file", mediaType, data: Base64.encode(content), filename })
      }
    })
  }
  return Effect.as(Effect.forEach([...new Set(files)], one, { discard: true }), { references, parts })
}

/** A name for a file without one, such as `image-2.png`: by its media type and a place. */
export const nameOf = (mediaType: string, place: string): string => {
  const [kind = "", form = ""] = mediaType.toLowerCase().split(/[/;+]/)
  const begin = /^(image|audio|video|text)$/.test(kind) ? kind : "file"
  return `${begin}-${place}.${/^[a-z0-9]{1,8}$/.test(form) ? (endings[form] ?? form) : "bin"}`
}

const endings: { readonly [form: string]: string } = { jpeg: "jpg", plain: "txt", mpeg: "mp3", markdown: "md" }
