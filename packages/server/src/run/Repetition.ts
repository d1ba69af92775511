/**
 * Recognizes an answer that was given before, by a digest of what it says, and finds what it got then: a request that
 * is sent again gets the same once more, and nothing happens twice.
 */
import type { Message } from "@reins/protocol"
import type { RunStatus } from "@reins/runtime"
import { type Command, Cursor } from "@reins/wire"
import { sha256 } from "@noble/hashes/sha2.js"
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js"
import * as Effect from "effect/Effect"
import type { Principal } from "../access/Authenticator.ts"
import * as Lookup from "./Lookup.ts"
import * as Outcome from "./Outcome.ts"
import * as Past from "./Past.ts"
import type { ServerContext } from "./ServerContext.ts"

export type Answers = Pick<Command.Answer, "decisions" | "results">

/** The conversation that a client shows. */
export type Shown = ReadonlyArray<Message.Message>

/** A conversation up to its last answer. */
export const beforeResults = (shown: Shown): Shown =>
  shown.slice(0, shown.findLastIndex(({ role }) => role === "assistant") + 1)

/**
 * A request's input to a waiting run: answers, and text beside them. `requestId`: tells a repeated request from one
 * that asks again. `said`: words that name nothing, whose answers are what they meant when they came.
 */
export interface Given extends Answers {
  readonly words?: ReadonlyArray<Message.Prompt>
  readonly requestId?: string | undefined
  readonly said?: string | undefined
}

/** The same for the same answers in any order. */
export const digest = ({ decisions, requestId, results, said, words = [] }: Given): string => {
  if (said !== undefined) return bytesToHex(sha256(utf8ToBytes(JSON.stringify([{ said }, requestId]))))
  // Why an answer is no decision is not part of what it says.
  const decided = decisions.map(({ invalid: _, ...decision }) => decision)
  const given = [...decided, ...results].map((one) => JSON.stringify(one)).toSorted()
  return bytesToHex(sha256(utf8ToBytes(JSON.stringify([given, words, requestId]))))
}

/** The thread that an address is in: a run's own, whose notes this process may not have read yet. */
const threadOf = (serving: ServerContext, principal: Principal, { runId, threadId }: Command.Address) =>
  runId === undefined
    ? Effect.succeed(threadId)
    : Lookup.run(serving, principal, runId).pipe(
        Effect.map((status) => serving.naming.outer(status.resourceId, status.threadId)),
        Effect.orElseSucceed(() => threadId)
      )

/** Finds an earlier request with the same answers, to return its result again. */
export const repeated = Effect.fnUntraced(function* (
  serving: ServerContext,
  principal: Principal,
  { address, shown = [], ...given }: Given & Pick<Command.Answer, "address"> & { readonly shown?: Shown | undefined }
) {
  const { book } = serving
  const { tenant } = principal
  const wanted = digest(given)
  const within = yield* threadOf(serving, principal, address)
  const note = within === undefined ? undefined : yield* book.get(tenant, within)
  const notes = within === undefined ? (yield* book.recent(tenant)).toReversed() : note === undefined ? [] : [note]
  for (const { runs, threadId } of notes) {
    for (const { openings, runId } of runs.toReversed()) {
      if (address.runId !== undefined && address.runId !== runId) continue
      const at = openings.findIndex(({ given }) => given === wanted)
      if (at < 0) continue
      const status = yield* Effect.option(Lookup.run(serving, principal, runId))
      if (status._tag === "None") continue
      // The result of the answer: the history before it, and the answer itself, which must be complete.
      const past = yield* Effect.option(Past.of(serving, status.value, at + 1))
      const after = yield* Effect.option(Past.of(serving, status.value, at + 2))
      if (
        past._tag === "None" ||
        (after._tag === "Some" && after.value.isBroken) ||
        !Past.isShownIn(past.value, beforeResults(shown))
      )
        continue
      const upTo = openings[at + 1]?.after
      return watching(status.value, { tenant, threadId, openings: openings.slice(0, at + 1), upTo })
    }
  }
  return undefined
})

/** What an answer shows of its run. */
export const watching = (
  { lastSeq, runId }: RunStatus,
  place: Pick<Outcome.Feed, "openings" | "tenant" | "threadId"> & { readonly upTo?: number | undefined }
): Outcome.Watching =>
  Outcome.run({
    ...place,
    runId,
    cursor: Cursor.start,
    settled: Math.min(lastSeq, place.upTo ?? lastSeq),
    until: "end",
    isThread: false
  })
