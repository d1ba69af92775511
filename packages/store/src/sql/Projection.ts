/**
 * Derives rows from the events of a commit: opened questions, decisions, opened client calls, the run's end. A pure
 * fold; what a batch both opens and closes is stored as closed.
 */
import { type AgentPath, ListedRun } from "@reins/protocol"
import type { Batch } from "@reins/runtime/journal"
import * as Column from "./Column.ts"

type Texts = ReadonlyArray<string | number | null>

export interface Projection {
  /** id, resource, path, seq, at, request, outcome, decided at */
  readonly asked: ReadonlyArray<Texts>
  /** id, outcome, at: of questions from earlier commits */
  readonly decided: ReadonlyArray<Texts>
  /** path, call id */
  readonly opened: ReadonlyArray<Texts>
  /** path, call id */
  readonly closed: ReadonlyArray<Texts>
  readonly end: ListedRun.End | undefined
}

interface Question {
  readonly row: Texts
  outcome: string | null
  decidedAt: number | null
}

export const fold = ({ envelopes }: Batch): Projection => {
  const asked = new Map<string, Question>()
  const decided: Array<Texts> = []
  const opened = new Map<string, Texts>()
  const closed: Array<Texts> = []
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
