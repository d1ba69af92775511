/** A2A's lists of tasks: a page of the tenant's runs, by their context, state and time. */
import * as DateTime from "effect/DateTime"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Body from "../Body.ts"
import type { Command } from "../Command.ts"
import type { Decoded } from "../Dialect.ts"
import type { Facts } from "../Facts.ts"
import * as JsonRpc from "./JsonRpc.ts"
import * as Task from "./Task.ts"

const Text = Schema.String
const Maybe = Schema.optionalKey

const read = JsonRpc.ofParams(
  Schema.Struct({
    contextId: Maybe(Text),
    status: Maybe(Schema.Union([Task.State, Schema.Literal("TASK_STATE_UNSPECIFIED")])),
    pageSize: Maybe(Schema.Natural),
    pageToken: Maybe(Text),
    statusTimestampAfter: Maybe(Text)
  })
)

/** The tasks of a page that are in the state, and not older than the time, if these are given. */
const listed =
  (
    id: JsonRpc.Id,
    { status, statusTimestampAfter }: { readonly status?: string; readonly statusTimestampAfter?: string }
  ) =>
  (facts: Facts) => {
    const since = statusTimestampAfter === undefined ? undefined : DateTime.make(statusTimestampAfter)
    const after = since === undefined ? 0 : Option.match(since, { onNone: () => 0, onSome: DateTime.toEpochMillis })
    const runs = facts._tag === "Runs" ? facts.runs : []
    const tasks = runs.flatMap((run) => {
      const state = Task.listedState(run)
      const isWanted = (isAny(status) || state === status) && run.lastAt >= after
      const { lastAt, runId, threadId } = run
      return isWanted ? [{ id: runId, contextId: threadId, status: { state, timestamp: Task.iso(lastAt) } }] : []
    })
    const nextPageToken = facts._tag === "Runs" ? (facts.next ?? "") : ""
    return JsonRpc.success(id, { tasks, nextPageToken, pageSize: tasks.length, totalSize: tasks.length })
  }

const badTime = Body.invalidField("params.statusTimestampAfter", "Use a time such as 2026-01-31T08:00:00Z")

const isAny = (status: string | undefined): boolean =>
  status === undefined || status === "" || status === "TASK_STATE_UNSPECIFIED"

/** The list that a call asks for. */
export const decode = (id: JsonRpc.Id, params: unknown): Decoded =>
  Result.flatMap(read(params ?? {}), ({ contextId = "", pageSize, pageToken = "", ...wanted }): Decoded => {
    const { statusTimestampAfter: since } = wanted
    if (since !== undefined && Option.isNone(DateTime.make(since))) return Result.fail(badTime)
    const { status = "TASK_STATE_UNSPECIFIED" } = wanted
    const command: Command = {
      _tag: "ListRuns",
      ...(status === "TASK_STATE_UNSPECIFIED" ? {} : Task.filterOf[status]),
      ...(contextId === "" ? {} : { threadId: contextId }),
      ...(pageSize === undefined ? {} : { limit: Math.min(100, Math.max(1, pageSize)) }),
      ...(pageToken === "" ? {} : { after: pageToken })
    }
    return Result.succeed({ command, answer: { _tag: "Facts", shape: listed(id, wanted) } })
  })
