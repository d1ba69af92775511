/** Finds the run that a client wants to watch, and the position to continue from. */
import { Cursor, Refusal } from "@reins/wire"
import type { Command } from "@reins/wire"
import * as Effect from "effect/Effect"
import type { Principal } from "../access/Principal.ts"
import * as Lookup from "./Lookup.ts"
import * as Outcome from "./Outcome.ts"
import type { ServerContext } from "./ServerContext.ts"

const badCursor = Refusal.make("bad-request", "BadCursor", "Invalid cursor. Use the id of the last event received")

/** A position before the start means the start; an invalid position is refused. */
const cursorOf = (after: string | undefined): Cursor.Cursor | undefined => {
  if (after === undefined || after.trim() === "" || /^-\d{1,15}$/.test(after.trim())) return Cursor.start
  return Cursor.parse(after)
}

export const resume = Effect.fnUntraced(function* (
  serving: ServerContext,
  principal: Principal,
  { address, after, only, scope }: Command.Resume
) {
  const cursor = cursorOf(after)
  if (cursor === undefined) return yield* Effect.fail(badCursor)
  const { tenant } = principal
  if (scope === "thread" && address.threadId !== undefined) {
    if (!(yield* Lookup.hasThread(serving, principal, address.threadId))) return yield* Effect.fail(Lookup.noThread)
    return Outcome.run({
      runId: "",
      threadId: address.threadId,
      tenant,
      openings: [],
      cursor,
      settled: 0,
      until: only === "stored" ? "stored" : "end",
      isThread: true
    })
  }
  const found = yield* Effect.result(Lookup.addressed(serving, principal, address))
  if (found._tag === "Failure") return only === "running" ? nothing : yield* Effect.fail(found.failure)
  const { lastSeq, runId, state, threadId } = found.success
  if (only === "running" && state === "ended") return nothing
  return Outcome.run({
    runId,
    threadId: serving.naming.outer(tenant, threadId) ?? threadId,
    tenant,
    openings: [],
    cursor,
    settled: lastSeq,
    until: only === "stored" ? "stored" : "end",
    isThread: false
  })
})

const nothing: Outcome.Outcome = { _tag: "NothingToResume" }
