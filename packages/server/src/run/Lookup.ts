/**
 * Validates the ids that a client gives and looks up what they name, within its tenant only: what belongs to another
 * tenant is reported as unknown.
 */
import type { RunStatus } from "@reins/runtime"
import { type Command, Parking, Refusal } from "@reins/wire"
import { sha256 } from "@noble/hashes/sha2.js"
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { RunNote } from "../thread/ThreadBook.ts"
import * as ThreadName from "../thread/ThreadName.ts"
import type { ServerContext } from "./ServerContext.ts"
import type { Principal } from "../access/Authenticator.ts"

export const noRun = Refusal.make("not-found", "RunNotFound", "Unknown run")
export const noThread = Refusal.make("not-found", "ThreadNotFound", "Unknown thread")
const noRunYet = Refusal.make("conflict", "NothingRuns", "Nothing has run in this thread yet")
export const noCall = Refusal.make("not-found", "CallNotFound", "No open client call matches this result")

/** The run id derived from a client's request id: always the same, and different for every tenant. */
export const ownRunId = (tenant: string, threadId: string, requestId: string): string =>
  `run_${bytesToHex(sha256(utf8ToBytes(JSON.stringify([tenant, threadId, requestId])))).slice(0, 40)}`

/** A run of the tenant, by its id. */
export const run = (
  { runtime }: ServerContext,
  { tenant }: Principal,
  runId: string
): Effect.Effect<RunStatus, Refusal.Refusal> =>
  Effect.flatMap(runtime.status(runId), (status) =>
    status === undefined || status.resourceId !== tenant ? Effect.fail(noRun) : Effect.succeed(status)
  )

/** The runtime's metadata of the tenant's thread; `undefined` when it does not exist. */
export const info = ({ naming, runtime }: ServerContext, { tenant }: Principal, threadId: string) =>
  Effect.flatMap(naming.inner(tenant, threadId), (inner) => runtime.threads.info(inner, { resourceId: tenant }))

/** True when the thread exists: it was created, or has messages. */
export const hasThread = (serving: ServerContext, principal: Principal, threadId: string): Effect.Effect<boolean> =>
  Effect.gen(function* () {
    if ((yield* serving.book.get(principal.tenant, threadId)) !== undefined) return true
    return (yield* info(serving, principal, threadId)) !== undefined
  })

/** The thread's active run, or its last one. */
export const runOfThread = Effect.fnUntraced(function* (
  serving: ServerContext,
  principal: Principal,
  threadId: string
) {
  const holding = (yield* info(serving, principal, threadId))?.runId
  const note = yield* serving.book.get(principal.tenant, threadId)
  const runId = holding ?? note?.runs.at(-1)?.runId
  if (runId !== undefined) return yield* run(serving, principal, runId)
  return yield* Effect.fail((yield* hasThread(serving, principal, threadId)) ? noRunYet : noThread)
})

const elsewhere = Refusal.make(
  "bad-request",
  "RunElsewhere",
  "The run is in another thread. Name its own thread, or only the run"
)

/** The run that an address identifies. */
export const addressed = (
  serving: ServerContext,
  principal: Principal,
  { runId, threadId }: Command.Address
): Effect.Effect<RunStatus, Refusal.Refusal> => {
  if (runId !== undefined) {
    return Effect.filterOrFail(
      run(serving, principal, runId),
      (status) =>
        threadId === undefined ||
        [status.threadId, serving.naming.outer(status.resourceId, status.threadId)].includes(threadId),
      () => elsewhere
    )
  }
  return threadId === undefined ? Effect.fail(noRun) : runOfThread(serving, principal, threadId)
}

/** The note of a run. */
export const note = (
  { book, naming }: ServerContext,
  { resourceId, runId, threadId }: RunStatus
): Effect.Effect<RunNote | undefined> =>
  Effect.map(book.get(resourceId, naming.outer(resourceId, threadId)), (found) =>
    found?.runs.find((each) => each.runId === runId)
  )

/** What a run waits for, judged by its log so far. */
export const standing = ({ naming, runtime }: ServerContext, status: RunStatus): Effect.Effect<Parking.Parking> => {
  const rename = ThreadName.envelopes(naming, status.resourceId)
  const parking = new Parking.Parking()
  return runtime.watch(status.runId).pipe(
    Stream.take(status.lastSeq),
    Stream.runForEachArray((envelopes) =>
      Effect.sync(() => {
        for (const envelope of envelopes) parking.step(rename(envelope))
      })
    ),
    Effect.orElseSucceed(() => {}),
    Effect.as(parking)
  )
}

/** Whether the thread's active run only waits for a person or a client. */
export const isWaiting = (serving: ServerContext, principal: Principal, threadId: string): Effect.Effect<boolean> =>
  runOfThread(serving, principal, threadId).pipe(
    Effect.flatMap((status) =>
      status.state === "ended"
        ? Effect.succeed(false)
        : Effect.map(standing(serving, status), ({ isParked }) => isParked)
    ),
    Effect.orElseSucceed(() => false)
  )

/** The longest accepted id, in UTF-16 code units. */
export const maxIdLength = 512

const hasControl = (text: string): boolean => {
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index)
    if (code < 32 || code === 127) return true
  }
  return false
}

/** Whether an id is not empty, not too long, well-formed, and without control characters. */
export const isId = (text: string): boolean =>
  text !== "" && text.length <= maxIdLength && text.isWellFormed() && !hasControl(text)

const badName = Refusal.badRequest(`Invalid id. Use 1 to ${maxIdLength} characters without control characters`)

/** Refuses a command that would create a thread, run or request with an invalid id. */
export const checkIds = (command: Command.Command): Effect.Effect<void, Refusal.Refusal> => {
  switch (command._tag) {
    case "StartQuery":
      return [command.threadId, command.requestId].every((name) => name === undefined || isId(name))
        ? Effect.void
        : Effect.fail(badName)
    case "CreateThread":
      return command.threadId === undefined || isId(command.threadId) ? Effect.void : Effect.fail(badName)
    default:
      return Effect.void
  }
}
