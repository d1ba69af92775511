/** Erases what a local store keeps of a thread, a run, a principal, or of what ended long ago. */
import { ThreadName } from "@reins/runtime"
import type { Archive, Holdings, Subject } from "@reins/store/sqlite"
import * as Effect from "effect/Effect"
import * as StoreArchive from "../desk/StoreArchive.ts"
import { ended, failed, misused } from "../setting/CommandFailed.ts"
import * as Moment from "../setting/Moment.ts"
import * as Text from "../text/Text.ts"
import { type Asked, confirm, type Done, leftover, momentOf, mostRuns, namesOf, quoted, say, storeOf } from "./Keep.ts"

/** `2 runs, 8 messages and 1 file`. */
const listed = ({ files, grants, messages, runs }: Omit<Holdings, "acts">): string =>
  joined([
    [runs, "run"],
    [messages, "message"],
    [files, "file"],
    [grants, "grant"]
  ])

/** What was kept, in words. */
const words = {
  "run-ids": ["id of a run", "ids of runs"],
  "cost-lines": ["line of the cost ledger", "lines of the cost ledger"],
  acts: ["act of the audit record", "acts of the audit record"],
  grants: ["grant"],
  "shared-threads": ["thread"],
  bytes: ["file"]
} as const

/** A count with its word. */
const counted = ([count, word, several]: Counted): string =>
  several === undefined || count === 1 ? Text.counted(count, word) : `${count} ${several}`

type Counted = readonly [count: number, word: string, several?: string]

/** Each count with its word, and the word for several where that is not the word with an s. */
const joined = (counts: ReadonlyArray<Counted>): string => {
  const parts = counts.flatMap((one) => (one[0] === 0 ? [] : [counted(one)]))
  return parts.length < 2 ? (parts[0] ?? "nothing") : `${parts.slice(0, -1).join(", ")} and ${parts.at(-1) ?? ""}`
}

/** Erases a principal, and tells what was deleted and what was kept. */
const erasePrincipal = Effect.fnUntraced(function* (
  archive: Archive,
  given: Asked & { readonly principal: string; readonly keepAudit?: boolean | undefined }
) {
  const { keepAudit, principal, tenant: resourceId, yes } = given
  const who = `principal ${quoted(principal)} of tenant ${quoted(resourceId)}`
  yield* confirm(yes, `Erase all that is kept of ${who}? It cannot be undone.`)
  const report = yield* Effect.mapError(archive.erasePrincipal(principal, { resourceId, keepAudit }), (error) =>
    error._tag === "PrincipalBusy"
      ? failed(
          `Runs have not ended: ${[...error.runs, ...error.others].join(", ")}. End them first, with reins cancel RUN.`,
          error
        )
      : failed(ended(error.message), error)
  )
  const left = yield* leftover(archive)
  const { acts, files, grants, memories, messages, notes, notices, quotas, runs, threads } = report.deleted
  const deleted = joined([
    [threads, "thread"],
    [messages, "message"],
    [runs, "run"],
    [files, "file"],
    [grants, "grant"],
    [memories, "memory", "memories"],
    [acts, "act of the audit record", "acts of the audit record"],
    [notices, "notice"],
    [notes, "note"],
    [quotas, "quota"]
  ])
  const kept = report.kept.map(({ count, ids, what, why }) => {
    const named = ids === undefined ? "" : ` (${ids.map((id) => quoted(ThreadName.shown(resourceId, id))).join(", ")})`
    return `\nKept: ${counted([count, ...words[what]])}${named}. ${why}.`
  })
  return yield* say(given, `Erased ${who}: ${deleted}.${kept.join("")}${left}`, { ...report })
})

export const erase = (
  given: Asked & {
    readonly thread: string | undefined
    readonly run: string | undefined
    readonly before: string | undefined
    readonly audit: boolean
    readonly principal?: string | undefined
    readonly keepAudit?: boolean | undefined
    readonly principals?: boolean | undefined
  }
): Done =>
  Effect.gen(function* () {
    const { audit, before, principal, principals, run, tenant: resourceId, thread, yes } = given
    const named = [thread, run, before, principal].filter((each) => each !== undefined)
    if (named.length !== 1 || principal === "") {
      return yield* misused("Name exactly one thing to erase: a thread, --run RUN, --principal ID, or --before 30d.")
    }
    const store = yield* storeOf(given)
    yield* StoreArchive.isThere(store)
    const archive = yield* StoreArchive.make(store)
    if (principal !== undefined) return yield* erasePrincipal(archive, { ...given, principal })
    if (before !== undefined) {
      const at = yield* momentOf(before)
      const runs = yield* StoreArchive.telling(archive.runs({ resourceId, endedBefore: at, limit: mostRuns }))
      const what = `${Text.counted(runs.length, "run")} that ended before ${Moment.format(at)}`
      if (runs.length > 0) {
        yield* confirm(yes, `Erase the data of ${what}? Threads keep their messages. It cannot be undone.`)
        yield* Effect.forEach(runs, ({ runId }) =>
          // Another process may have erased it meanwhile.
          StoreArchive.telling(
            Effect.catchTag(archive.erase({ runId }, { resourceId, audit, principals }), "NotErased", () => Effect.void)
          )
        )
      }
      const left = runs.length > 0 ? yield* leftover(archive) : ""
      return yield* say(given, `Erased the data of ${what}.${left}`, { runs: runs.length, before: at })
    }
    const subjects: ReadonlyArray<Subject> =
      thread === undefined ? [{ runId: run ?? "" }] : namesOf(thread, resourceId).map((threadId) => ({ threadId }))
    const found = yield* Effect.forEach(subjects, (subject) =>
      Effect.map(StoreArchive.telling(archive.holdings(subject, { resourceId })), (held) => ({ subject, held }))
    )
    const holding = found.find(
      ({ held }) => held.runs + held.messages + held.files + held.grants + (audit ? held.acts : 0) > 0
    )
    // Names of principals stay in what is kept of a thread or run that was erased before.
    const first = holding ?? (principals === true ? found.at(-1) : undefined)
    if (first === undefined) {
      const asked = thread === undefined ? `run ${quoted(run ?? "")}` : `thread ${quoted(thread)}`
      return yield* failed(`There is no ${asked} of tenant ${quoted(resourceId)}. reins runs lists them.`)
    }
    const { held, subject } = first
    const what =
      "threadId" in subject
        ? `thread ${quoted(ThreadName.shown(resourceId, subject.threadId))}`
        : `run ${quoted(subject.runId)}`
    const acts = audit && held.acts > 0 ? `, and ${Text.counted(held.acts, "act")} of the audit record` : ""
    yield* confirm(yes, `Erase ${what}: ${listed(held)}${acts}? It cannot be undone.`)
    const deleted = yield* Effect.mapError(archive.erase(subject, { resourceId, audit, principals }), (error) =>
      error._tag === "NotErased" && error.runId !== undefined
        ? failed(`Run ${error.runId} has not ended. End it first: reins cancel ${error.runId}`, error)
        : failed(ended(error.message), error)
    )
    const left = yield* leftover(archive)
    const kept = [
      ...(thread === undefined ? ["the thread's messages"] : []),
      "the ids of runs",
      principals === true ? "what they cost" : "what they cost, and who started them (--principals)",
      "what was used of quotas",
      ...(audit || held.acts === 0
        ? []
        : [`${Text.counted(held.acts, "act")} of the audit record, which --audit erases`])
    ]
    yield* say(given, `Erased ${what}: ${listed(deleted)}${acts}.\nKept: ${kept.join(", ")}.${left}`, { ...deleted })
  }).pipe(Effect.scoped)
