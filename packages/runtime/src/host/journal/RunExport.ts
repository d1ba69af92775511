/**
 * An exported run: everything that a journal has of it, as JSON lines. A store imports such lines, and a replay runs
 * them again.
 *
 * The first line is the run's record; then come the messages that its thread had, those that it added, its events, its
 * marks, its answers, its files, what it has remembered, and corrections of its costs. A line of a kind or version that
 * is not known here is refused with its number.
 */
import { Entry, Envelope, Message } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { Memory } from "../../memory/Memory.ts"
import type { Correction } from "../../budget/CostStore.ts"
import { RunRecord } from "../../engine/RunHost.ts"
import type { Mark, StoredAnswer } from "./JournalStore.ts"

const LineUnion = Schema.Union([
  Schema.Struct({ kind: Schema.Literal("run"), version: Schema.Literal(1), record: Schema.toCodecJson(RunRecord) }),
  Schema.Struct({ kind: Schema.Literal("history"), message: Message.Message }),
  Schema.Struct({ kind: Schema.Literal("message"), message: Message.Message }),
  Schema.Struct({ kind: Schema.Literal("event"), envelope: Envelope.Envelope }),
  Schema.Struct({
    kind: Schema.Literal("mark"),
    mark: Schema.Struct({
      kind: Schema.Literals(["result", "emit", "begin", "ask", "note"]),
      name: Schema.String,
      path: Schema.Array(Schema.String),
      seq: Schema.Natural,
      at: Schema.Natural,
      value: Schema.Json,
      spent: Schema.Array(Entry.Entry)
    })
  }),
  Schema.Struct({ kind: Schema.Literal("answer"), name: Schema.String, at: Schema.Natural, value: Schema.Json }),
  Schema.Struct({
    kind: Schema.Literal("file"),
    fileId: Schema.String,
    filename: Schema.String,
    mediaType: Schema.String,
    at: Schema.Natural,
    content: Schema.Uint8ArrayFromBase64
  }),
  Schema.Struct({ kind: Schema.Literal("memory"), memory: Memory }),
  Schema.Struct({
    kind: Schema.Literal("correction"),
    place: Schema.Natural,
    agent: Schema.String,
    provider: Schema.String,
    model: Schema.String,
    change: Schema.Struct({
      costNanoUsd: Schema.Int,
      unpriced: Schema.Int,
      promptTokens: Schema.Int,
      completionTokens: Schema.Int
    })
  })
])

/**
 * A correction of the run's lines in the cost ledger, as it was booked.
 *
 * @since 0.2.0
 * @category models
 */
export type BookedCorrection = Pick<Correction, "agent" | "change" | "model" | "place" | "provider">

/**
 * One line of an exported run.
 *
 * @since 0.1.0
 * @category models
 */
export type Line = typeof LineUnion.Type

const encodeLine = Schema.encodeSync(Schema.fromJsonString(LineUnion))
const decodeLine = Schema.decodeUnknownEffect(Schema.fromJsonString(LineUnion))

/** The first line of any version. */
const readVersion = Schema.decodeUnknownOption(
  Schema.fromJsonString(Schema.Struct({ kind: Schema.Literal("run"), version: Schema.Finite }))
)

/**
 * The lines are not an exported run. `line`: the first that cannot be read, from 1. `version`: of an export that a
 * later release has written.
 *
 * @since 0.1.0
 * @category errors
 */
export class NotARun extends Schema.TaggedError<NotARun>()("NotARun", {
  line: Schema.optionalKey(Schema.Natural),
  version: Schema.optionalKey(Schema.Finite)
}) {
  override get message() {
    if (this.version !== undefined)
      return `The run was exported in version ${this.version} of the format by a later release. Update this one`
    return this.line === undefined ? "Not an exported run" : `Line ${this.line} is not a line of an exported run`
  }
}

/**
 * All that a journal has of a run.
 *
 * @since 0.1.0
 * @category models
 */
export interface Recording {
  readonly record: RunRecord
  /** The messages that its thread had when it started. */
  readonly history: ReadonlyArray<Message.Message>
  readonly envelopes: ReadonlyArray<Envelope.Envelope>
  readonly marks: ReadonlyArray<Mark>
  readonly answers: ReadonlyMap<string, StoredAnswer>
}

/**
 * A line as it is written, without a line end.
 *
 * @since 0.1.0
 * @category operations
 */
export const write = (line: Line): string => encodeLine(line)

/**
 * The lines that were written; empty ones are skipped.
 *
 * @since 0.1.0
 * @category operations
 */
export const read = (lines: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<Line>, NotARun> =>
  Effect.gen(function* () {
    const parsed: Array<Line> = []
    for (const [index, text] of lines.entries()) {
      if (text.trim() === "") continue
      const refused = () => new NotARun({ line: index + 1, ...laterThan(text) })
      parsed.push(yield* Effect.mapError(decodeLine(text), refused))
    }
    return parsed
  })

const laterThan = (text: string): { readonly version?: number } => {
  const found = Option.getOrUndefined(readVersion(text))
  return found === undefined || found.version === 1 ? {} : { version: found.version }
}

/**
 * The run that the lines are of.
 *
 * @since 0.1.0
 * @category operations
 */
export const recordingOf = (lines: ReadonlyArray<Line>): Effect.Effect<Recording, NotARun> => {
  const [first] = lines
  if (first?.kind !== "run") return Effect.fail(new NotARun({}))
  return Effect.succeed({
    record: first.record,
    history: lines.flatMap((line) => (line.kind === "history" ? [line.message] : [])),
    envelopes: lines.flatMap((line) => (line.kind === "event" ? [line.envelope] : [])),
    marks: lines.flatMap((line) => (line.kind === "mark" ? [line.mark] : [])),
    answers: new Map(
      lines.flatMap((line) =>
        line.kind === "answer" ? [[line.name, { value: line.value, at: line.at }] as const] : []
      )
    )
  })
}

/**
 * The lines of a run without its files and the messages that it added, as an engine's own tests need them.
 *
 * @since 0.1.0
 * @category operations
 */
export const linesOf = (
  { answers, envelopes, history, marks, record }: Recording,
  corrections: ReadonlyArray<BookedCorrection> = []
): ReadonlyArray<Line> => [
  { kind: "run", version: 1, record },
  ...history.map((message): Line => ({ kind: "history", message })),
  ...envelopes.map((envelope): Line => ({ kind: "event", envelope })),
  // A snapshot only saves reading; all the events are here.
  ...marks.flatMap((mark): ReadonlyArray<Line> => {
    const { kind } = mark
    return kind === "snapshot" ? [] : [{ kind: "mark", mark: { ...mark, kind } }]
  }),
  ...Array.from(answers, ([name, { at, value }]): Line => ({ kind: "answer", name, at, value })),
  ...corrections.map(({ agent, change, model, place, provider }): Line => ({
    kind: "correction",
    place,
    agent,
    provider,
    model,
    change
  }))
]
