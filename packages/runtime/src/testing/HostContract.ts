/**
 * The contract of hosts. Each clause makes a new host with a run function of its own, so that it tests the host and not
 * the agent loop.
 */
import type { Event } from "@reins/protocol"
import { CostSummary, LatencySummary, Usage } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as ApprovalContract from "./HostApprovalContract.ts"
import type { Engine } from "../engine/Engine.ts"
import type { Drive, RunHost, RunHostFactory, RunRecord } from "../engine/RunHost.ts"
import { clause, type Clause, same } from "./Contract.ts"

type New = Omit<RunRecord, "historyVersion">

const record = (more: Partial<New> = {}): New => ({
  runId: "run",
  threadId: "thread",
  resourceId: "default",
  agent: "a",
  prompt: "Go.",
  isolated: false,
  startedAt: 0,
  ...more
})

/** The events that end a run normally. */
const ending: ReadonlyArray<Event> = [
  { type: "finish", finishReason: "stop", usage: Usage.toTotals(Usage.empty) },
  { type: "data-cost-summary", data: CostSummary.fold([]) },
  { type: "data-latency-summary", data: LatencySummary.fold([], { startedAt: 0, endedAt: 0, downMs: 0 }) }
]

const speak = (engine: Engine, words: ReadonlyArray<string>) =>
  engine.activity("speak", Schema.Null, () =>
    Effect.succeed({
      value: null,
      path: [],
      events: [{ type: "step-start" } as const, ...words.map((text) => ({ type: "text", text }) as const)],
      spent: []
    })
  )

/** A run that emits some text and ends. */
const speaks: Drive = (_record, _history, engine) =>
  Effect.andThen(
    speak(engine, ["one ", "two ", "three"]),
    engine.emit("finish", [], () => ending)
  )

const waitFor = (engine: Engine) =>
  engine.wait("answer", Schema.String, { cancelled: "cancelled" }, { path: [], reason: "timer", id: "answer" })

/** A run that waits for an answer, emits it as text, and ends. */
const waits: Drive = (_record, _history, engine) =>
  Effect.flatMap(waitFor(engine), ({ value }) =>
    Effect.andThen(
      speak(engine, [value]),
      engine.emit("finish", [], () => ending)
    )
  )

/** A run whose loop fails with a defect in the middle of a step. */
const breaks: Drive = (_record, _history, engine) =>
  Effect.andThen(speak(engine, ["half"]), Effect.die(new Error("a defect of the loop")))

/** A run that waits, takes the messages that arrived meanwhile, closes its inbox, and ends. */
const receives: Drive = (_record, _history, engine) => {
  const taking = (taken: number): Effect.Effect<number> =>
    engine.receive(taken, () => ({ name: "received/1", step: "model/1" })) ?? Effect.succeed(taken)
  const closing = (position: number): Effect.Effect<unknown> =>
    Effect.flatMap(engine.closeInbox(position, true), (message) =>
      message === undefined ? Effect.void : closing(position + 1)
    )
  return waitFor(engine).pipe(
    Effect.flatMap(() => taking(0)),
    Effect.flatMap((taken) => closing(taken + 1)),
    Effect.andThen(waitForMore(engine)),
    Effect.andThen(engine.emit("finish", [], () => ending))
  )
}

const waitForMore = (engine: Engine) =>
  engine.wait("more", Schema.String, { cancelled: "cancelled" }, { path: [], reason: "timer", id: "more" })

const note = (messageId: string, text: string) => ({ messageId, content: [{ type: "text" as const, text }] })

const log = (host: RunHost, runId = "run", after = 0) =>
  Effect.map(Stream.runCollect(host.watch(runId, { after, bounded: false })), (all) => [...all])

const types = (envelopes: ReadonlyArray<{ readonly event: Event }>) => envelopes.map(({ event }) => event.type)

const whole = ["step-start", "text", "text", "text", ...ending.map(({ type }) => type)]

const start = (host: RunHost, more?: Partial<New>) => Effect.orDie(host.start(record(more)))

const hosted =
  (drive: Drive, check: (host: RunHost) => Effect.Effect<void>) =>
  (factory: RunHostFactory): Effect.Effect<void> =>
    Effect.scoped(Effect.flatMap(factory.make(drive), check))

const tagOf = <A, E extends { readonly _tag: string }>(effect: Effect.Effect<A, E>) =>
  Effect.map(Effect.result(effect), (result) => (Result.isFailure(result) ? result.failure._tag : "Success"))

/**
 * All clauses, over a factory that makes a host without runs at each call.
 *
 * @since 0.1.0
 * @category constants
 */
export const clauses: ReadonlyArray<Clause<RunHostFactory>> = [
  clause(
    "a run starts at once, and its log is complete, in order and numbered without gaps",
    hosted(speaks, (host) =>
      Effect.gen(function* () {
        yield* start(host)
        const envelopes = yield* log(host)
        yield* same(types(envelopes), whole, "the events")
        yield* same(
          envelopes.map(({ seq }) => seq),
          whole.map((_, index) => index + 1),
          "their numbers"
        )
        yield* same(
          envelopes.every((each) => each.runId === "run" && each.threadId === "thread"),
          true,
          "their run"
        )
      })
    )
  ),
  clause(
    "a watcher can join at any event, also after the end, and misses and repeats nothing",
    hosted(speaks, (host) =>
      Effect.gen(function* () {
        yield* start(host)
        yield* log(host)
        for (let after = 0; after <= whole.length; after++) {
          yield* same(types(yield* log(host, "run", after)), whole.slice(after), `the events after ${after}`)
        }
        yield* same(types(yield* log(host, "run", -5)), whole, "the events after a negative number")
        yield* same(yield* log(host, "run", 1000), [], "the events after a number beyond the end")
        yield* same(yield* log(host, "another"), [], "the events of an unknown run")
      })
    )
  ),
  clause(
    "a run's id can be used once",
    hosted(speaks, (host) =>
      Effect.gen(function* () {
        yield* start(host)
        yield* log(host)
        yield* same(yield* tagOf(host.start(record({ threadId: "other" }))), "RunExists", "the second start")
      })
    )
  ),
  clause(
    "a thread has one run at a time, and is free when the last event is visible",
    hosted(waits, (host) =>
      Effect.gen(function* () {
        yield* start(host)
        yield* same(yield* tagOf(host.start(record({ runId: "second" }))), "ThreadBusy", "a query beside it")
        yield* host.answer("run", "answer", "go")
        yield* log(host)
        yield* same(yield* tagOf(host.start(record({ runId: "third" }))), "Success", "a query after it")
        yield* host.answer("third", "answer", "go")
        yield* log(host, "third")
      })
    )
  ),
  clause(
    "isolated runs do not lease their thread",
    hosted(waits, (host) =>
      Effect.gen(function* () {
        yield* start(host, { isolated: true })
        yield* start(host, { runId: "second", isolated: true })
        for (const runId of ["run", "second"]) {
          yield* host.answer(runId, "answer", runId)
          yield* same(types(yield* log(host, runId)).length, 5, `the events of ${runId}`)
        }
      })
    )
  ),
  clause(
    "the first answer counts, even before the wait begins; later ones are refused",
    hosted(waits, (host) =>
      Effect.gen(function* () {
        yield* start(host)
        yield* same(yield* host.answer("run", "early", "one"), { _tag: "Taken" }, "an answer without a wait")
        const again = yield* host.answer("run", "early", "two")
        yield* same(again, { _tag: "Resolved", value: "one" }, "a second one")
        yield* same(yield* host.answer("run", "answer", "first"), { _tag: "Taken" }, "the first answer")
        const second = yield* host.answer("run", "answer", "second")
        // The run may have ended on the first one by now.
        yield* same(second._tag === "Resolved" || second._tag === "Unknown", true, "that the second one is refused")
        const said = (yield* log(host)).flatMap(({ event }) => (event.type === "text" ? [event.text] : []))
        yield* same(said, ["first"], "what the run read")
        yield* same(yield* host.answer("nobody", "answer", "x"), { _tag: "Unknown" }, "an answer to an unknown run")
      })
    )
  ),
  clause(
    "a cancel ends a wait, and returns whether there was a running run",
    hosted(waits, (host) =>
      Effect.gen(function* () {
        yield* start(host)
        yield* same(yield* host.cancel("run"), true, "the cancel")
        const said = (yield* log(host)).flatMap(({ event }) => (event.type === "text" ? [event.text] : []))
        yield* same(said, ["cancelled"], "what the run read")
        yield* same(yield* host.cancel("run"), false, "a cancel after the end")
        yield* same(yield* host.cancel("nobody"), false, "a cancel of an unknown run")
      })
    )
  ),
  clause(
    "a watcher that disconnects does not affect the others",
    hosted(waits, (host) =>
      Effect.gen(function* () {
        yield* start(host)
        const early = yield* Effect.forkChild(log(host))
        const leaver = yield* Effect.forkChild(Stream.runHead(host.watch("run", { after: 0, bounded: true })))
        yield* host.answer("run", "answer", "go")
        yield* Fiber.join(leaver)
        yield* same(types(yield* Fiber.join(early)), types(yield* log(host)), "the events of both")
      })
    )
  ),
  clause(
    "a run whose loop fails with a defect ends with both summaries and an error",
    hosted(breaks, (host) =>
      Effect.gen(function* () {
        yield* start(host)
        const expected = ["step-start", "text", "data-cost-summary", "data-latency-summary", "error"]
        yield* same(types(yield* log(host)), expected, "the events")
        yield* same((yield* host.status("run"))?.state, "ended", "its state")
      })
    )
  ),
  clause(
    "messages are accepted in order of arrival, each id once, and the run receives them in that order",
    hosted(receives, (host) =>
      Effect.gen(function* () {
        yield* start(host)
        const accepted = (id: string, text: string) =>
          Effect.map(host.accept("run", note(id, text)), (answer) =>
            answer._tag === "Accepted" ? { _tag: answer._tag, position: answer.position } : answer
          )
        yield* same(yield* accepted("b", "one"), { _tag: "Accepted", position: 1 }, "the first message")
        yield* same(yield* accepted("a", "two"), { _tag: "Accepted", position: 2 }, "the second message")
        yield* same(yield* accepted("b", "one"), { _tag: "Accepted", position: 1 }, "the first message again")
        yield* same(yield* accepted("a", "three"), { _tag: "Clash" }, "another message of the same id")
        yield* same(yield* host.accept("nobody", note("a", "x")), { _tag: "Unknown" }, "a message to an unknown run")
        yield* host.answer("run", "answer", "go")
        yield* host.answer("run", "more", "go")
        const received = (yield* log(host)).flatMap(({ event }) =>
          event.type === "message-received" ? [event.data] : []
        )
        yield* same(
          received,
          [
            { ...note("b", "one"), position: 1 },
            { ...note("a", "two"), position: 2 }
          ].map(({ content, messageId, position }) => ({ messageId, position, content })),
          "what the run received"
        )
        yield* same(yield* accepted("b", "one"), { _tag: "Accepted", position: 1 }, "the first message, after the end")
        yield* same(yield* accepted("c", "late"), { _tag: "Closed" }, "another message, after the end")
      })
    )
  ),
  clause(
    "of messages that arrive while a run closes its inbox, exactly the accepted ones are received",
    hosted(receives, (host) =>
      Effect.gen(function* () {
        yield* start(host)
        const ids = Array.from({ length: 20 }, (_, index) => `m${index}`)
        const answers = yield* Effect.forEach(
          ids,
          (id, index) =>
            index === 10
              ? Effect.andThen(host.answer("run", "answer", "go"), host.accept("run", note(id, id)))
              : Effect.andThen(Effect.yieldNow, host.accept("run", note(id, id))),
          { concurrency: "unbounded" }
        )
        const taken = answers.flatMap((answer) => (answer._tag === "Accepted" ? [answer.position] : []))
        yield* same(
          taken.toSorted((a, b) => a - b),
          taken.map((_, index) => index + 1),
          "the positions"
        )
        yield* host.answer("run", "more", "go")
        yield* log(host)
        yield* same(yield* host.accept("run", note("late", "late")), { _tag: "Closed" }, "a message after the end")
      })
    )
  ),
  clause(
    "a cancelled run accepts no message",
    hosted(receives, (host) =>
      Effect.gen(function* () {
        yield* start(host)
        yield* host.cancel("run")
        yield* same(yield* host.accept("run", note("a", "x")), { _tag: "Closed" }, "a message after the cancel")
        yield* log(host)
      })
    )
  ),
  clause(
    "a run's status is up to date",
    hosted(waits, (host) =>
      Effect.gen(function* () {
        yield* same(yield* host.status("run"), undefined, "the status before")
        yield* start(host)
        yield* same((yield* host.status("run"))?.state, "running", "the state while it runs")
        yield* host.answer("run", "answer", "go")
        yield* log(host)
        const { lastSeq, state } = (yield* host.status("run")) ?? { lastSeq: 0, state: "unknown" }
        yield* same([state, lastSeq], ["ended", 5], "the state after")
      })
    )
  ),
  ...ApprovalContract.clauses({ ending, speak, hosted, waits, start, log })
]
