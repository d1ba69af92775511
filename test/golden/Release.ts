/**
 * The golden files of a release as tests use them: its logs and what it told, and copies of its database that the code
 * of today opens.
 */
import { Envelope, Ordering } from "@reins/protocol"
import { Runtime } from "@reins/runtime"
import { Sqlite } from "@reins/store/sqlite"
import { assert } from "@effect/vitest"
import { Context, Effect, Layer, References, Schema, type Scope } from "effect"
import { Clock } from "effect/Clock"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { gunzipSync } from "node:zlib"
import * as OrderChecker from "../protocol/ordering/OrderChecker.ts"
import * as Agents from "./Agents.ts"
import * as Golden from "./Golden.ts"
import { type Call, World } from "./World.ts"

/** The releases that there are golden files of, by the folders' names. */
export const names: ReadonlyArray<string> = ["fd5c8c0"]

/** Later releases, of which the runs of `continued` stand for all. */
export const later: ReadonlyArray<string> = ["a6e7940"]

/** Runs that wait for a person, a client or a budget, and some whose process was killed at work. */
export const continued: ReadonlyArray<string> = [
  "ask-root",
  "ask-steps",
  "ask-odd",
  "submitted-odd",
  "cut-in-silence",
  "cut-in-odd"
]

const read = (release: string, store: Store, file: string): Buffer =>
  gunzipSync(readFileSync(join(import.meta.dirname, release, store, `${file}.gz`)))

const linesOf = (text: string): ReadonlyArray<string> => text.split("\n").filter((line) => line !== "")

/** Where a release had its runs. */
export type Store = "sqlite" | "postgres"

/** What a release told about the runs in one of its stores. */
export interface Told {
  /** A run's log as text, an envelope a line. */
  readonly log: (runId: string) => string
  /** All else; see `Golden.state`. */
  readonly state: string
  /** The calls of a run's tools. */
  readonly calls: (runId: string) => ReadonlyArray<Call>
}

export const told = (release: string, store: Store): Told => {
  const logs = new Map<string, string>()
  for (const line of linesOf(read(release, store, "logs.jsonl").toString())) {
    const { runId }: { readonly runId: string } = JSON.parse(line)
    logs.set(runId, `${logs.get(runId) ?? ""}${line}\n`)
  }
  const calls = linesOf(read(release, store, "calls.jsonl").toString()).map((line): Call => JSON.parse(line))
  return {
    log: (runId) => logs.get(runId) ?? "",
    state: read(release, store, "state.json").toString(),
    calls: (runId) => calls.filter((call) => call.runId === runId)
  }
}

/** Statements that make the release's database in an empty Postgres. */
export const statements = (release: string): string => read(release, "postgres", "runs.sql").toString()

/** The envelopes of a log, as the code of today reads them. */
export const envelopes = (text: string): ReadonlyArray<Envelope.Envelope> =>
  linesOf(text).map((line) => Schema.decodeUnknownSync(Envelope.Envelope)(JSON.parse(line)))

/** Fails unless the log is lawful, by the law and by its second reading. */
export const isLawful = (all: ReadonlyArray<Envelope.Envelope>, about: string): void => {
  assert.deepStrictEqual(Ordering.check(all), [], about)
  // The second reading does not tell apart what events leave open, and says so.
  if (!OrderChecker.isAmbiguous(all)) assert.deepStrictEqual(OrderChecker.broken(all), [], about)
}

/** Whether the log has come to its end. */
export const isWhole = (all: ReadonlyArray<Envelope.Envelope>): boolean => {
  const automaton = new Ordering.Automaton()
  for (const { agentPath, event } of all) automaton.accept(agentPath, [event])
  return automaton.ended
}

/** A copy of the release's SQLite database, gone with the scope. */
export const copy = (release: string): Effect.Effect<string, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "reins-golden-"))),
      (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
    ),
    (folder) => {
      const filename = join(folder, "runs.db")
      writeFileSync(filename, read(release, "sqlite", "runs.db"))
      return filename
    }
  )

/** Fails unless lists tell of each run of the release what its log tells. */
export const areListed = Effect.fnUntraced(function* (runtime: Runtime["Service"], { log }: Told) {
  const { next, runs } = yield* runtime.runs.list({ limit: 1000 })
  assert.isUndefined(next)
  const ids = [...Golden.runIds.ended, ...Golden.runIds.unfinished]
  assert.deepStrictEqual(
    ids.filter((runId) => !runs.some((run) => run.runId === runId)),
    []
  )
  for (const run of runs) {
    const all = envelopes(log(run.runId))
    if (all.length === 0) continue
    const last = all.at(-1)
    const cost = all.findLast(({ event }) => event.type === "data-cost-summary")?.event
    const finish = all.findLast(({ event }) => event.type === "finish")?.event
    const ended = Golden.runIds.ended.includes(run.runId)
    assert.strictEqual(run.state === "ended", ended, run.runId)
    assert.strictEqual(run.costNanoUsd, cost?.type === "data-cost-summary" ? cost.data.costNanoUsd : undefined)
    const reason = finish?.type === "finish" ? finish.finishReason : ended ? "failed" : undefined
    assert.strictEqual(run.endReason, reason, run.runId)
    assert.strictEqual(run.endedAt, ended ? last?.at : undefined)
    const { sum } = yield* runtime.costs.by({ dimensions: ["agent", "model", "tool"], runId: run.runId })
    assert.strictEqual(sum.costNanoUsd, run.costNanoUsd ?? 0, run.runId)
  }
})

export interface Opened {
  readonly runtime: Runtime["Service"]
  readonly world: World
}

/** A runtime of today over a database file; one that does not carry only reads. */
export const open = Effect.fnUntraced(function* (filename: string, world: World, carries = true) {
  const deployment = Sqlite.layer({ filename, carries, gatherMs: 0 })
  const layer = Agents.layer(world).pipe(Layer.provide(Layer.fresh(Layer.orDie(deployment))))
  const opened: Opened = { runtime: Context.get(yield* Layer.build(layer), Runtime), world }
  return opened
})

/** Does `body` on the day after the release wrote its files; `patience` as in `World`. */
export const dayAfter = <A, E>(
  body: (world: World) => Effect.Effect<A, E, Scope.Scope>,
  patience?: number
): Effect.Effect<A, E> => {
  const world = new World(Golden.openedAt, patience)
  return body(world).pipe(
    Effect.scoped,
    Effect.provideService(Clock, world.clock),
    Effect.provideService(References.MinimumLogLevel, "None")
  )
}

/** Does `body` with a copy of the release's database that is opened and carried on. */
export const reopened = <A, E>(release: string, body: (opened: Opened) => Effect.Effect<A, E, Scope.Scope>) =>
  dayAfter((world) =>
    Effect.flatMap(
      Effect.flatMap(copy(release), (filename) => open(filename, world)),
      body
    )
  )
