/**
 * The successive processes of a run: spawned and killed ones, and a last one, which is this process. Returns a report
 * that is checked against the promises of every run.
 */
import { Decision, type Envelope, Runtime } from "@reins/runtime"
import { BudgetWatch, Scenario, ScenarioChecks, type ScenarioRun } from "@reins/runtime/testing"
import { Effect, Layer, Option, type Scope, Stream } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { join } from "node:path"
import type { Orders } from "./Child.ts"
import type { RunnerOrders } from "./Runner.ts"
import * as Stores from "./Stores.ts"
import * as Story from "./Story.ts"

export interface Place {
  readonly database: string
  readonly counter: string
}

/** A new, empty database at each use. */
export type Fresh = Effect.Effect<string, unknown, Scope.Scope>

/** A scenario's location: a new database, deleted with the scope. */
export const place = <E>(database: Effect.Effect<string, E, Scope.Scope>) =>
  Effect.gen(function* () {
    return { database: yield* database, counter: join(yield* Stores.folder, "counter") }
  })

/** Another process. It is killed with the scope, unless it has ended. */
export class Process {
  private readonly child: ChildProcess
  private said = ""
  private readonly listeners = new Set<() => void>()

  constructor(program: string, orders: object) {
    this.child = spawn(process.execPath, [join(import.meta.dirname, program), JSON.stringify(orders)], {
      stdio: ["ignore", "pipe", process.env["REINS_CRASH_TRACE"] === undefined ? "ignore" : "inherit"]
    })
    this.child.stdout?.on("data", (chunk: Buffer) => {
      this.said += chunk.toString()
      for (const listener of this.listeners) listener()
    })
    this.child.on("close", () => {
      for (const listener of this.listeners) listener()
    })
  }

  get pid(): number | undefined {
    return this.child.pid
  }

  readonly signal = (signal: NodeJS.Signals): Effect.Effect<void> => Effect.sync(() => void this.child.kill(signal))

  get isOver(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null
  }

  private until(holds: () => boolean): Effect.Effect<void> {
    return Effect.callback((resume) => {
      const look = () => {
        if (!holds()) return
        this.listeners.delete(look)
        resume(Effect.void)
      }
      this.listeners.add(look)
      look()
    })
  }

  /** Waits until it has printed `word`; dies when it exits first, or takes too long. */
  readonly hears = (word: string): Effect.Effect<void> =>
    this.until(() => this.said.includes(word) || this.isOver).pipe(
      Effect.timeoutOrElse({ duration: "20 seconds", orElse: () => Effect.void }),
      Effect.andThen(
        Effect.suspend(() =>
          this.said.includes(word) ? Effect.void : Effect.die(new Error(`a process never said "${word}"`))
        )
      )
    )

  readonly over: Effect.Effect<void> = Effect.suspend(() =>
    Effect.timeoutOrElse(
      this.until(() => this.isOver),
      { duration: "30 seconds", orElse: () => Effect.void }
    )
  )

  readonly kill: Effect.Effect<void> = Effect.suspend(() => {
    this.child.kill("SIGKILL")
    return this.over
  })
}

export const begin = (orders: Orders) =>
  Effect.acquireRelease(
    Effect.sync(() => new Process("Child.ts", orders)),
    (child) => child.kill
  )

/** A process of a cluster, once it executes runs. */
export const runner = (orders: RunnerOrders) =>
  Effect.acquireRelease(
    Effect.sync(() => new Process("Runner.ts", orders)),
    (child) => child.kill
  ).pipe(Effect.tap((child) => child.hears("ready")))

/** A call that was started and has no result: a person is asked whether to repeat it. */
const isUnsettled = (value: unknown): boolean => typeof value === "object" && value !== null && "begunBefore" in value

/** What is stored of the run while it has no owner, and what had been done. */
export const remembered = ({ counter, database }: Place) =>
  Effect.scoped(
    Effect.gen(function* () {
      const store = yield* Stores.journal(database)
      const opened = yield* store.open(Story.runId, 0)
      const { begun, requests } = Story.world(counter)
      const marks = (opened?.marks ?? []).filter((mark) => mark.kind === "result" && !isUnsettled(mark.value))
      return { results: new Set(marks.map((mark) => mark.name)), requests: requests.length, begun: begun.length }
    })
  )

/** The last process: this one, to the run's end. `answers`: approvals are answered here. */
export const last = (
  kind: Story.Kind,
  where: Place,
  options: { readonly answers: boolean; readonly deaths: ReadonlyArray<ScenarioRun.Remembered> }
) =>
  Effect.gen(function* () {
    const runtime = yield* Runtime
    const live: Array<Envelope.Envelope> = []
    const done = yield* Stream.runForEach(runtime.watch(Story.runId), (envelope) => {
      live.push(envelope)
      const { event } = envelope
      return options.answers && event.type === "approval-required"
        ? Effect.ignore(runtime.respondToApproval(event.data.id, Decision.approve({ by: "mia" })))
        : Effect.void
    }).pipe(Effect.timeoutOption("15 seconds"))
    const stored = yield* Stream.runCollect(runtime.watch(Story.runId)).pipe(Effect.timeoutOption("1 second"))
    const report: ScenarioRun.Report = {
      accepted: new Map(),
      scenario: Scenario.generate(0),
      live,
      stored: [...Option.getOrElse(stored, () => live)],
      thread: yield* runtime.threads.get(Story.threadId),
      world: Story.world(where.counter),
      budget: BudgetWatch.make(),
      marks: [],
      deaths: options.deaths,
      quotas: [],
      grants: [],
      ended: Option.isSome(done)
    }
    return report
  }).pipe(Effect.provide(Story.layer(kind, where.counter).pipe(Layer.provide(Stores.layer(where.database, true)))))

/** Broken promises of a report. */
export const faults = (report: ScenarioRun.Report, plain?: ReadonlyArray<string>): ReadonlyArray<string> => {
  const essence = ScenarioChecks.essence(report.stored)
  const seqs = report.stored.findIndex((envelope, index) => envelope.seq !== index + 1)
  return [
    ...ScenarioChecks.all(report),
    ...(seqs === -1 ? [] : [`there is a gap before ${seqs + 1}`]),
    ...(plain === undefined || JSON.stringify(plain) === JSON.stringify(essence)
      ? []
      : ["the log is not the plain run's"])
  ]
}
