/**
 * JSON as stored in columns. Values are validated against their schema and otherwise returned as they were written,
 * including the order of keys; an invalid value fails as `CorruptRow`.
 */
import { type AgentPath, Approval, Audit, Budget, Entry, Event, Grant, type Json, Message } from "@reins/protocol"
import { Kept, RunRecord, Summaries, ThreadDescription, Webhook } from "@reins/runtime/journal"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Packing from "./Packing.ts"

/** A stored row is invalid: written by another version, or damaged. */
export class CorruptRow extends Schema.TaggedError<CorruptRow>()("CorruptRow", { table: Schema.String }) {
  override get message() {
    return `Invalid row in table ${this.table}`
  }
}

const parse = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Unknown))

/** Whether a column holds a whole number; SQLite stores any value in any column. */
export const isNumber = (column: unknown): boolean =>
  column !== null && column !== undefined && column !== "" && Number.isSafeInteger(Number(column))

/** The number in a column. */
export const number = (table: string, column: unknown): Effect.Effect<number, CorruptRow> =>
  isNumber(column) ? Effect.succeed(Number(column)) : Effect.fail(new CorruptRow({ table }))

/** Reads rows one by one, and leaves out damaged ones with a warning: they do not affect others. */
export const readable = <Row, A>(
  rows: ReadonlyArray<Row>,
  read: (row: Row) => Effect.Effect<A, CorruptRow>
): Effect.Effect<ReadonlyArray<A>> =>
  Effect.map(
    Effect.forEach(rows, (row) =>
      Effect.catch(
        Effect.map(read(row), (one): ReadonlyArray<A> => [one]),
        (damage) => Effect.as(Effect.logWarning(`${damage.message}. The row is left out. Restore it from a backup`), [])
      )
    ),
    (all) => all.flat()
  )

/** Decodes rows of JSON texts, each row as a tuple of `schema`, in one batch, which is cheaper than one by one. */
const reader = <A, E = A>(table: string, schema: Schema.Codec<A, E>) => {
  const isAll = Schema.is(Schema.Array(schema))
  const is = Schema.is(schema)
  const decode = Schema.decodeUnknownOption(schema)
  // An event of a type that a later version added is read as its placeholder. Rare, so row by row.
  const read = (parsed: unknown): ReadonlyArray<A> | undefined => {
    if (isAll(parsed)) return parsed
    if (!Array.isArray(parsed)) return undefined
    const rows: Array<A> = []
    for (const row of parsed) {
      const decoded = is(row) ? Option.some(row) : decode(row)
      if (decoded._tag === "None") return undefined
      rows.push(decoded.value)
    }
    return rows
  }
  return (rows: ReadonlyArray<ReadonlyArray<unknown>>): Effect.Effect<ReadonlyArray<A>, CorruptRow> =>
    Effect.suspend(() => {
      const parsed = parse(`[${rows.map((row) => `[${row.join(",")}]`).join(",")}]`)
      const found = parsed._tag === "Some" ? read(parsed.value) : undefined
      return found?.length === rows.length ? Effect.succeed(found) : Effect.fail(new CorruptRow({ table }))
    })
}

/** Any JSON value. These rows are parsed from JSON text, so nothing needs checking. */
const Value = Schema.declare((_value: unknown): _value is Json => true)

const Path = Schema.Array(Schema.String)
const Cuts = Schema.Array(Schema.Array(Schema.Natural))

/** Agent path, event, how to split it when it is a pack. */
export const events = reader<readonly [AgentPath.AgentPath, Event, Packing.Cuts | null], unknown>(
  "reins_events",
  Schema.Tuple([Path, Event, Schema.NullOr(Cuts)])
)
/** Agent path, value, ledger rows. */
export const marks = reader("reins_marks", Schema.Tuple([Path, Value, Schema.Array(Entry.Entry)]))
/** Limits that were set of a quota. */
export const quotas = reader(
  "reins_quotas",
  Schema.Tuple([
    Schema.Struct({
      maxCostUsd: Schema.optionalKey(Schema.Number),
      maxTotalTokens: Schema.optionalKey(Schema.Number),
      maxRuns: Schema.optionalKey(Schema.Number)
    })
  ])
)
/** The value of an answer. */
export const answers = reader("reins_answers", Schema.Tuple([Value]))
/** Agent path, request, outcome. */
export const approvals = reader(
  "reins_approvals",
  Schema.Tuple([Path, Approval.Request, Schema.NullOr(Approval.Outcome)])
)
/** A message of a thread. */
export const messages = reader("reins_messages", Schema.Tuple([Message.Message]))

/** The summaries of a branch. */
export const summaries = reader("reins_branches", Schema.Tuple([Summaries]))

/** An act of the audit record. */
export const acts = reader("reins_audit", Schema.Tuple([Audit.Act]))

/** A web hook. */
export const webhooks = reader("reins_webhooks", Schema.Tuple([Webhook.StoredWebhook]))
/** The facts of a notice. */
export const facts = reader("reins_notices", Schema.Tuple([Webhook.NoticeFacts]))

/** A grant. */
export const grants = reader("reins_grants", Schema.Tuple([Grant.Grant]))

// A budget may contain `Infinity`, which JSON cannot represent.
const Record = Schema.fromJsonString(Schema.toCodecJson(RunRecord))

export const encodeRecord: (record: RunRecord) => string = Schema.encodeSync(Record)

const decodeRecord = Schema.decodeUnknownEffect(Record)

export const record = (column: unknown): Effect.Effect<RunRecord, CorruptRow> =>
  Effect.mapError(decodeRecord(column), () => new CorruptRow({ table: "reins_runs" }))

const Limits = Schema.fromJsonString(Schema.toCodecJson(Budget.Budget))

export const encodeLimits: (limits: Budget.Budget) => string = Schema.encodeSync(Limits)

const decodeLimits = Schema.decodeUnknownEffect(Limits)
const decodeKept = Schema.decodeUnknownEffect(Schema.fromJsonString(Kept))

/** A thread's limits and what its runs left, each if present. */
export const standing = (row: {
  readonly [column: string]: unknown
}): Effect.Effect<NonNullable<RunRecord["thread"]>, CorruptRow> =>
  Effect.mapError(
    Effect.gen(function* () {
      const { kept, limits } = row
      return {
        ...(limits == null ? {} : { limits: yield* decodeLimits(limits) }),
        ...(kept == null ? {} : { kept: yield* decodeKept(kept) })
      }
    }),
    () => new CorruptRow({ table: "reins_threads" })
  )

const decodeDescription = Schema.decodeUnknownEffect(Schema.fromJsonString(ThreadDescription.ThreadDescription))

/** What is said of a thread. */
export const description = (column: unknown): Effect.Effect<ThreadDescription.ThreadDescription, CorruptRow> =>
  column == null
    ? Effect.succeed({})
    : Effect.mapError(decodeDescription(column), () => new CorruptRow({ table: "reins_threads" }))

const decodeTags = Schema.decodeUnknownEffect(Schema.fromJsonString(Schema.Array(Schema.String)))

/** The tags of a memory; `undefined` without any. */
export const tags = (column: unknown): Effect.Effect<ReadonlyArray<string> | undefined, CorruptRow> =>
  column == null
    ? Effect.succeed(undefined)
    : Effect.mapError(decodeTags(column), () => new CorruptRow({ table: "reins_memories" }))

/** The events of each row, which has the columns `seq`, `at`, `path`, `event`, `packed`. */
export const unpacked = (
  rows: ReadonlyArray<{ readonly [column: string]: unknown }>
): Effect.Effect<ReadonlyArray<ReadonlyArray<Packing.Piece>>, CorruptRow> =>
  Effect.flatMap(events(rows.map((row) => [row["path"], row["event"], row["packed"] ?? "null"])), (parts) => {
    const all: Array<ReadonlyArray<Packing.Piece>> = []
    for (const [index, [agentPath, event, cuts]] of parts.entries()) {
      const [seq, at] = [Number(rows[index]?.["seq"]), Number(rows[index]?.["at"])]
      const pieces = Packing.unpack({ agentPath, event, cuts: cuts ?? undefined, seq, at })
      if (pieces === undefined || !Number.isSafeInteger(seq) || !Number.isSafeInteger(at))
        return Effect.fail(new CorruptRow({ table: "reins_events" }))
      all.push(pieces)
    }
    return Effect.succeed(all)
  })
