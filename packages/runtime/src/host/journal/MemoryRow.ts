/** One run of a journal in memory. */
import type { Envelope, ListedRun } from "@reins/protocol"
import type { Erasing } from "../../engine/Erasure.ts"
import type { RunRecord } from "../../engine/RunHost.ts"
import type { Mark, StoredAnswer } from "./JournalStore.ts"
import * as RunPast from "./RunPast.ts"

export interface Row {
  /** Without its prompt, once its data is erased. */
  record: RunRecord
  forgotten: boolean
  readonly envelopes: Array<Envelope.Envelope>
  readonly marks: Map<string, Mark>
  readonly answers: Map<string, StoredAnswer>
  readonly clientCalls: Set<string>
  epoch: number
  lastAt: number
  ended: boolean
  end: ListedRun.End | undefined
}

export const made = (record: RunRecord): Row => ({
  record,
  forgotten: false,
  envelopes: [],
  marks: new Map(),
  answers: new Map(),
  clientCalls: new Set(),
  epoch: 0,
  lastAt: record.startedAt,
  ended: false,
  end: undefined
})

/** Deletes the run's data, and replaces the principal that is erased. */
export const forget = (row: Row, erasing: Erasing): void => {
  const { agent, historyVersion, isolated, principal, resourceId, runId, startedAt, threadId } = row.record
  const named = principal === erasing.principal ? { principal: erasing.pseudonym } : {}
  row.record = { agent, historyVersion, isolated, resourceId, runId, startedAt, threadId, prompt: "", ...named }
  row.forgotten = true
  row.envelopes.length = 0
  for (const part of [row.marks, row.answers, row.clientCalls]) part.clear()
}

/** As lists tell of the run. */
export const listed = (row: Row, isAsking: boolean): ListedRun.ListedRun => {
  const { end, ended, envelopes, forgotten, lastAt, record } = row
  const { agent, principal, resourceId, runId, startedAt, threadId } = record
  return {
    runId,
    threadId,
    resourceId,
    agent,
    ...(principal === undefined ? {} : { principal }),
    ...(ended ? { state: "ended" } : RunPast.standing(row, isAsking)),
    startedAt,
    lastAt,
    lastSeq: envelopes.length,
    ...(forgotten ? { isForgotten: true as const } : {}),
    ...end
  }
}
