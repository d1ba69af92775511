/**
 * The part of `HostContract` about votes and about the acts that record answers.
 */
import type { Envelope, Event } from "@reins/protocol"
import * as Effect from "effect/Effect"
import { Answer, type Vote } from "../approval/Quorum.ts"
import type { Engine } from "../engine/Engine.ts"
import type { Drive, RunHost, RunHostFactory } from "../engine/RunHost.ts"
import * as Names from "../run/Names.ts"
import { clause, type Clause, same } from "./Contract.ts"

/** The building blocks of the contract's runs. */
interface Words {
  readonly ending: ReadonlyArray<Event>
  readonly speak: (engine: Engine, words: ReadonlyArray<string>) => Effect.Effect<unknown>
  readonly hosted: (
    drive: Drive,
    check: (host: RunHost) => Effect.Effect<void>
  ) => (factory: RunHostFactory) => Effect.Effect<void>
  readonly waits: Drive
  readonly start: (host: RunHost) => Effect.Effect<void>
  readonly log: (host: RunHost) => Effect.Effect<ReadonlyArray<Envelope.Envelope>>
}

/** A run that waits for two approvals by anybody but mallory, reports each, reports who approved, and ends. */
const votes =
  ({ ending, speak }: Words): Drive =>
  (_record, _history, engine) =>
    engine
      .wait(
        Names.approval("q"),
        Answer,
        {
          cancelled: answerBy("cancelled"),
          voting: {
            judge: ({ principal }) => Effect.succeed(principal.id !== "mallory"),
            counted: ({ principal }, given) =>
              engine.emit(`counted/${given}`, [], () => [
                { type: "custom", event_type: "counted", data: [principal.id, given] }
              ])
          }
        },
        { path: [], reason: "approval", id: "q" }
      )
      .pipe(
        Effect.flatMap(({ value }) => speak(engine, [value.resolution.by ?? "nobody"])),
        Effect.andThen(engine.emit("finish", [], () => ending))
      )

const answerBy = (by: string): Answer => ({ resolution: { id: "q", outcome: { outcome: "approve" }, by } })

const vote = (id: string, attempt: string): Vote => ({
  ...Names.vote("q", 0, id, attempt),
  principal: { id },
  level: 0,
  quorum: 2,
  at: 0,
  answer: answerBy(id),
  about: { resourceId: "default", threadId: "thread", runId: "run", approvalId: "q" }
})

const acts = (host: RunHost) =>
  Effect.map(host.audit.read({ resourceId: "default", limit: 100 }), (page) =>
    page.acts.map(({ by, kind, reason }) => [kind, reason, by].filter((part) => part !== undefined).join(" "))
  )

/** All clauses. */
export const clauses = (words: Words): ReadonlyArray<Clause<RunHostFactory>> => {
  const { hosted, log, start, waits } = words
  return [
    ...[false, true].map((isJudged) =>
      clause(
        `votes count once per principal until there are enough, and each is recorded${isJudged ? ", with a predicate that decides" : ""}`,
        hosted(votes(words), (host) =>
          Effect.gen(function* () {
            yield* same(
              yield* host.vote("run", vote("ana", "t0"), isJudged),
              { _tag: "Unknown" },
              "a vote before the run"
            )
            yield* start(host)
            const cast = (id: string, attempt: string) => host.vote("run", vote(id, attempt), isJudged)
            if (isJudged) yield* same(yield* cast("mallory", "t1"), { _tag: "Forbidden" }, "a vote that is not allowed")
            yield* same(yield* cast("ana", "t2"), { _tag: "Counted", given: 1 }, "the first vote")
            yield* same(yield* cast("ana", "t3"), { _tag: "Counted", given: 1 }, "the same principal's second")
            yield* same((yield* host.answers("run", Names.ballots("q", 0))).size, 1, "the number of stored ballots")
            yield* same((yield* cast("ben", "t4"))._tag, "Taken", "the second vote")
            const all = yield* log(host)
            const said = all.flatMap(({ event }) =>
              event.type === "text" ? [event.text] : event.type === "custom" ? [event.data] : []
            )
            yield* same(said, [["ana", 1], "ana, ben"], "the events of the run")
            const late = yield* cast("cy", "t5")
            // The run may have ended by now.
            yield* same(late._tag === "Resolved" || late._tag === "Unknown", true, "that a later vote is refused")
            const expected = ["answered ana", "answered ben", ...(isJudged ? ["refused Forbidden mallory"] : [])]
            yield* same((yield* acts(host)).toSorted(), expected, "the record")
          })
        )
      )
    ),
    clause(
      "the act of an answer is recorded if and only if the answer was taken",
      hosted(waits, (host) =>
        Effect.gen(function* () {
          yield* start(host)
          const tell = (id: string) =>
            host.answer("run", "answer", "go", [
              {
                id,
                kind: "answered",
                at: 0,
                resourceId: "default",
                threadId: "thread",
                runId: "run",
                by: id
              }
            ])
          yield* tell("ana")
          yield* tell("ben")
          yield* log(host)
          yield* same(yield* acts(host), ["answered ana"], "the record")
        })
      )
    )
  ]
}
