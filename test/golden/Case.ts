/**
 * An open run of a golden database that is carried on: what is done to it, and what must come of it, to the call.
 */
import { assert } from "@effect/vitest"
import type { Envelope } from "@reins/protocol"
import { Probe } from "@reins/runtime/testing"
import { Effect } from "effect"
import * as Acts from "./Acts.ts"
import * as Golden from "./Golden.ts"
import * as Release from "./Release.ts"

export interface Case {
  readonly runId: string
  /** How it is carried on, after the run's name. */
  readonly when: string
  /** What is done, one after the other; each when everything has come to rest. */
  readonly acts: ReadonlyArray<Acts.Act>
  /** Handlers that are called, sorted. Each call is a new one, but for those in `again`. */
  readonly calls: ReadonlyArray<string>
  /** Calls, of those, that the release had begun already: they have the idempotency key they had then. */
  readonly again?: ReadonlyArray<string> | undefined
  /** Steps that are asked of a model, in order. */
  readonly requests: ReadonlyArray<string>
  /** What its questions came to that the release had left open or that came up since, in order. */
  readonly decided?: ReadonlyArray<string> | undefined
  /** How it ends. */
  readonly finish: string
  /** The end of what its root says. */
  readonly says: string
  /** Parts of its log, written as JSON, that came since. */
  readonly tells?: ReadonlyArray<string> | undefined
}

const textOf = (log: ReadonlyArray<Envelope.Envelope>): string => {
  const start = log.findLastIndex(({ agentPath, event }) => agentPath.length === 0 && event.type === "step-start")
  return log
    .slice(start)
    .filter(({ agentPath }) => agentPath.length === 0)
    .map(({ event }) => (event.type === "text" ? event.text : ""))
    .join("")
}

/** What came of a run since the release left it. */
export const outcome = Effect.fnUntraced(function* (
  told: Release.Told,
  { runtime, world }: Release.Opened,
  runId: string,
  acts: ReadonlyArray<Acts.Act>
) {
  for (const act of acts) {
    yield* Acts.rest(runId)(runtime, world)
    yield* act(runtime, world)
  }
  yield* Acts.end(runId)(runtime, world)
  const log = yield* Golden.log(runtime, runId)
  const before = told.log(runId)
  const text = Golden.lines(log)
  assert.isTrue(text.startsWith(before), `${runId}: the log that was there is not the beginning of today's`)
  Release.isLawful(log, runId)
  const known = told.calls(runId)
  const calls = world.calls.filter((call) => call.runId === runId)
  const since = text.slice(before.length)
  return {
    ended: Release.isWhole(log),
    calls: world.callsOf(runId),
    again: calls
      .filter(({ key }) => known.some((call) => call.key === key))
      .map(({ what }) => what)
      .toSorted(),
    keysAreKept: calls.every((call) => known.every(({ key, what }) => (key === call.key) === (what === call.what))),
    requests: world.requestsOf(runId),
    decided: Probe.ofType(Release.envelopes(since), "approval-decision").map(({ data }) => data.outcome.outcome),
    finish: Probe.ofType(log, "finish")[0]?.finishReason,
    says: textOf(log),
    since
  }
})

/** Fails unless what came of the run is what the case says. */
export const holds = (one: Case, came: Effect.Success<ReturnType<typeof outcome>>): void => {
  const { ended, since, ...seen } = came
  const { again = [], calls, decided = [], finish, requests, runId, says, tells = [] } = one
  const expected: object = { again, calls, decided, finish, requests, says, keysAreKept: true }
  assert.deepStrictEqual<object>(seen, expected, runId)
  assert.isTrue(ended, `${runId} has not ended`)
  for (const told of tells) assert.include(since, told, runId)
}
