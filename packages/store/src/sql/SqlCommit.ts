/**
 * One commit of a run's owner: the statements that write its events, its marks and everything derived from them (opened
 * questions, decisions, opened client calls, the run's end). Pure except for `write`; each database runs the statements in
 * a transaction its own way.
 */
import { Event, type AgentPath, ListedRun } from "@reins/protocol"
import { type Batch, Fenced, Overtaken, type Rejected, StoreFailure, Webhook } from "@reins/runtime/journal"
import * as Effect from "effect/Effect"
import type { SqlError } from "effect/sql/SqlError"
import * as Column from "./Column.ts"
import type { Database, Value, Dialect } from "./Database.ts"
import * as Packing from "./Packing.ts"
import * as SqlAudit from "./SqlAudit.ts"
import * as SqlCosts from "./SqlCosts.ts"
import * as SqlRunList from "./SqlRunList.ts"
import * as SqlMessages from "./SqlMessages.ts"
import * as SqlThreads from "./SqlThreads.ts"
import * as SqlQuotas from "./SqlQuotas.ts"
import * as SqlNotices from "./SqlNotices.ts"

type Cells = ReadonlyArray<string | number | null>
type Rows = ReadonlyArray<Cells>

/** Why a batch was rejected, before any of it was written; absent when it was written. */
export type Fault = Rejected | undefined

/** A statement and its parameters. */
export interface Statement {
  readonly text: string
  readonly values: ReadonlyArray<Value>
}

/** The statements of a batch, in order. */
export interface Writing {
  /** Must change a row; otherwise none of the rest may run. */
  readonly guard: Statement
  readonly rest: ReadonlyArray<Statement>
}

/** Asks whether the batch's owner still owns the run, after its guard found no row, and whether what it closes is answered. */
export const standing = ({ closes = "", epoch, runId }: Batch): Statement => ({
  text: `SELECT (SELECT count(*) FROM reins_answers AS a WHERE a.run_id = r.run_id AND a.name = ?) AS answered
    FROM reins_runs AS r WHERE run_id = ? AND epoch = ?`,
  values: [Column.encode(closes), Column.encode(runId), epoch]
})

/** Why the guard found no row, by the row of `standing`. */
export const fault = ({ runId }: Batch, standing: object | undefined): Rejected => {
  if (standing === undefined) return new Fenced({ runId })
  return "answered" in standing && Number(standing.answered) > 0
    ? new Overtaken({ runId })
    : new StoreFailure({ operation: "commit", cause: new Error("the events are not the next of their log") })
}

/** The statements of batches, in a dialect. `isPast`: they add no notices of web hooks. */
export const writing = ({ each, news }: Dialect, isPast = false): ((batch: Batch) => Writing) => {
  const guard = (
    ending: string
  ) => `UPDATE reins_runs SET last_seq = last_seq + ?, last_at = coalesce(?, last_at)${ending}${news}
    WHERE run_id = ? AND epoch = ? AND last_seq = coalesce(?, last_seq)`
  const [goesOn, ends] = [guard(""), guard(`, ended_at = ?, ${SqlRunList.ending}`)]
  const said = SqlMessages.added(each)
  const events = `INSERT INTO reins_events (run_id, seq, at, path, event, packed)
    SELECT ?, ${eventColumns} FROM ${each}`
  const marks = `INSERT INTO reins_marks (run_id, kind, name, seq, at, path, value, spent)
    SELECT ?, value ->> 0, value ->> 1, CAST(value ->> 2 AS BIGINT), CAST(value ->> 3 AS BIGINT), value ->> 4, value ->> 5,
      value ->> 6
    FROM ${each} WHERE true
    ON CONFLICT (run_id, kind, name) DO UPDATE SET seq = excluded.seq, at = excluded.at, path = excluded.path,
      value = excluded.value, spent = excluded.spent`
  const asked = `INSERT INTO reins_approvals (run_id, id, resource_id, path, seq, asked_at, request, outcome, decided_at)
    SELECT ?, value ->> 0, value ->> 1, value ->> 2, CAST(value ->> 3 AS BIGINT), CAST(value ->> 4 AS BIGINT), value ->> 5,
      value ->> 6, CAST(value ->> 7 AS BIGINT)
    FROM ${each} WHERE true ON CONFLICT (id) DO NOTHING`
  const opened = `INSERT INTO reins_client_calls (run_id, path, call_id)
    SELECT ?, value ->> 0, value ->> 1 FROM ${each} WHERE true ON CONFLICT DO NOTHING`
  const counted = SqlQuotas.counted(each, "reins_quota_runs WHERE run_id = ?")
  const acts = `${SqlAudit.into} SELECT ${SqlAudit.columns} FROM ${each} WHERE true ON CONFLICT (id) DO NOTHING`
  const booked = SqlCosts.added(each)
  const noticed = SqlNotices.addedTo(each)
  return (batch) => {
    const { closes, envelopes, epoch, left, used } = batch
    const runId = Column.encode(batch.runId)
    const first = envelopes[0]?.seq
    const projection = projectionOf(batch)
    const rest: Array<Statement> = []
    const put = (text: string, rows: Rows) => {
      if (rows.length > 0) rest.push({ text, values: [runId, JSON.stringify(rows)] })
    }
    put(events, eventRows(batch))
    put(marks, markRows(batch))
    put(asked, projection.asked)
    for (const [id = null, outcome = null, at = null] of projection.decided) {
      rest.push({ text: decided, values: [outcome, at, id] })
    }
    put(opened, projection.opened)
    for (const [path = null, callId = null] of projection.closed) {
      rest.push({ text: closed, values: [runId, path, callId] })
    }
    const told = actRows(batch)
    if (told.length > 0) rest.push({ text: acts, values: [JSON.stringify(told)] })
    const costs = SqlCosts.linesIn(envelopes)
    if (costs.length > 0) rest.push({ text: booked, values: [JSON.stringify(costs), runId] })
    const { end } = projection
    const notices = isPast ? [] : Webhook.noticesIn(envelopes, end)
    if (notices.length > 0) rest.push({ text: noticed, values: [JSON.stringify(SqlNotices.rowsOf(notices)), runId] })
    if (end !== undefined) {
      const thread = Column.encode(envelopes[0]?.threadId ?? "")
      if (left === undefined || left.messages.length === 0) {
        if (left !== undefined)
          rest.push({ text: SqlMessages.kept, values: [JSON.stringify(left.kept), thread, runId] })
        for (const text of released) rest.push({ text, values: [thread, runId] })
      } else {
        rest.push({ text: said, values: [runId, SqlMessages.rows(left.messages), thread, runId, runId] })
        rest.push({ text: SqlMessages.grown, values: [JSON.stringify(left.kept), end.endedAt, thread, runId] })
      }
    }
    if (used !== undefined) {
      rest.push({ text: counted, values: [SqlQuotas.settlement(used), runId] }, { text: uncounted, values: [runId] })
    }
    const expected = first === undefined ? null : first - 1
    return {
      guard: {
        text: `${end === undefined ? goesOn : ends}${closes === undefined ? "" : unanswered} RETURNING 1`,
        values: [
          envelopes.length,
          lastAt(batch),
          ...ending(end),
          runId,
          epoch,
          expected,
          ...(closes === undefined ? [] : [Column.encode(closes)])
        ]
      },
      rest
    }
  }
}

/** When and how a run ended, as parameters; none while it has not. */
const ending = (end: ListedRun.End | undefined): ReadonlyArray<Value> =>
  end === undefined ? [] : [end.endedAt, ...SqlRunList.ended(end)]

/** What a batch closes has no answer. */
const unanswered =
  " AND NOT EXISTS (SELECT 1 FROM reins_answers AS a WHERE a.run_id = reins_runs.run_id AND a.name = ?)"

const decided = "UPDATE reins_approvals SET outcome = ?, decided_at = ? WHERE id = ?"
const closed = "DELETE FROM reins_client_calls WHERE run_id = ? AND path = ? AND call_id = ?"
/** Give a thread back that a run held; their parameters are the thread and the run. */
export const released = [
  `DELETE FROM reins_threads WHERE thread_id = ? AND run_id = ? AND ${SqlThreads.hasNothing}`,
  "UPDATE reins_threads SET run_id = NULL WHERE thread_id = ? AND run_id = ?"
]

const uncounted = "DELETE FROM reins_quota_runs WHERE run_id = ?"

/** Writes a batch of an imported run inside an open transaction. */
export const write = (db: Database, batch: Batch): Effect.Effect<Fault, SqlError> =>
  Effect.gen(function* () {
    const { guard, rest } = writing(db.dialect, true)(batch)
    const taken = yield* db.rows(guard.text, ...guard.values)
    if (taken.length === 0) {
      const { text, values } = standing(batch)
      const [found] = yield* db.rows(text, ...values)
      return fault(batch, found)
    }
    for (const { text, values } of rest) yield* db.rows(text, ...values)
    return undefined
  })

/** seq, at, path, event, how to split it */
export const eventRow = ({ agentPath, at, cuts, event, seq }: Packing.Packed): Cells => [
  seq,
  at,
  pathOf(agentPath),
  JSON.stringify(Event.toJson(event)),
  cuts === undefined ? null : JSON.stringify(cuts)
]

/** The columns of `eventRow`, from a JSON array. */
export const eventColumns =
  "CAST(value ->> 0 AS BIGINT), CAST(value ->> 1 AS BIGINT), value ->> 2, value ->> 3, value ->> 4"

export const eventRows = ({ envelopes }: Batch): Rows => Packing.pack(envelopes).map(eventRow)

/** The acts of the batch for the audit record. */
export const actRows = ({ acts = [] }: Batch): Rows => acts.map(SqlAudit.row)

/** kind, name, seq, at, path, value, spent; only the last of each kind and name. */
export const markRows = ({ marks }: Batch): Rows => [
  ...new Map(
    marks.map((mark) => [
      `${mark.kind} ${mark.name}`,
      [
        mark.kind,
        Column.encode(mark.name),
        mark.seq,
        mark.at,
        pathOf(mark.path),
        JSON.stringify(mark.value),
        JSON.stringify(mark.spent)
      ]
    ])
  ).values()
]

/** When the batch was made, in epoch milliseconds. */
export const lastAt = ({ envelopes, marks }: Batch): number | null => {
  const times = [...envelopes.slice(-1), ...marks].map(({ at }) => at)
  return times.length === 0 ? null : Math.max(...times)
}

/** Rows that are derived from the events of a commit. */
interface Projection {
  /** id, resource, path, seq, at, request, outcome, decided at */
  readonly asked: ReadonlyArray<Cells>
  /** id, outcome, at: of questions from earlier commits */
  readonly decided: ReadonlyArray<Cells>
  /** path, call id */
  readonly opened: ReadonlyArray<Cells>
  /** path, call id */
  readonly closed: ReadonlyArray<Cells>
  readonly end: ListedRun.End | undefined
}

interface Question {
  readonly row: Cells
  outcome: string | null
  decidedAt: number | null
}

/** A pure fold; what a batch both opens and closes is stored as closed. */
export const projectionOf = ({ envelopes }: Batch): Projection => {
  const asked = new Map<string, Question>()
  const decided: Array<Cells> = []
  const opened = new Map<string, Cells>()
  const closed: Array<Cells> = []
  for (const { agentPath, at, event, seq } of envelopes) {
    switch (event.type) {
      case "approval-required": {
        const { data } = event
        const row = [Column.encode(data.resourceId), pathOf(agentPath), seq, at, JSON.stringify(data)]
        asked.set(data.id, { row, outcome: null, decidedAt: null })
        break
      }
      case "approval-decision": {
        const outcome = JSON.stringify(event.data.outcome)
        const question = asked.get(event.data.id)
        if (question === undefined) decided.push([Column.encode(event.data.id), outcome, at])
        else {
          question.outcome = outcome
          question.decidedAt = at
        }
        break
      }
      case "tool-invocation": {
        const row = [pathOf(agentPath), Column.encode(event.toolInvocationId)]
        const key = row.join(" ")
        if (event.state === "call") {
          if (event.execution === "client" && event.asks !== true) opened.set(key, row)
        } else if (!opened.delete(key) && event.execution === "client") closed.push(row)
        break
      }
      default:
    }
  }
  return {
    asked: [...asked].map(([id, { decidedAt, outcome, row }]) => [Column.encode(id), ...row, outcome, decidedAt]),
    decided,
    opened: [...opened.values()],
    closed,
    end: ListedRun.endOf(envelopes)
  }
}

/** An agent path as stored in a column. */
export const pathOf = (path: AgentPath.AgentPath): string => JSON.stringify(path)
