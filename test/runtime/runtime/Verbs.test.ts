/** The verbs of the runtime, given a specialist's or an agent's value. */
import { assert, describe, it } from "@effect/vitest"
import { Agent, Runtime, Specialist } from "@reins/runtime"
import type { Completion, QueryRejected, RunError } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Effect, Schema, Stream } from "effect"
import { expectTypeOf } from "vitest"
import * as Desk from "../../support/Desk.ts"

const Triage = Specialist.make("triage", {
  description: "Sorts a ticket",
  input: Schema.Struct({ ticket: Schema.String }),
  output: Schema.Struct({ team: Schema.Literals(["billing", "shipping"]) })
})
const Clerk = Agent.make("clerk", {})
type Sorted = { readonly team: "billing" | "shipping" }

const over = <A, E>(reply: ScriptedModel.Reply, use: (runtime: Runtime["Service"]) => Effect.Effect<A, E>) =>
  Effect.flatMap(Runtime, use).pipe(
    Effect.provide(Desk.plain(ScriptedModel.make({ replies: [reply] }), { agents: [Clerk, Triage] }))
  )
const sorted = ScriptedModel.text('{"team":"billing"}')

describe("a verb", () => {
  it.effect("completes and starts a specialist's value, typed by its schemas", () =>
    Effect.gen(function* () {
      const completed = yield* over(sorted, (runtime) => {
        const answer = runtime.complete(Triage, { ticket: "A-1" })
        expectTypeOf(answer).toEqualTypeOf<Effect.Effect<Completion<Sorted>, QueryRejected | RunError>>()
        return answer
      })
      assert.deepStrictEqual(completed.output, { team: "billing" })
      const started = yield* over(sorted, (runtime) =>
        Effect.flatMap(runtime.start(Triage, { ticket: "A-1" }), (run) => run.result)
      )
      expectTypeOf(started.output).toEqualTypeOf<Sorted>()
      assert.deepStrictEqual(started.output, { team: "billing" })
    })
  )

  it.effect("queries a specialist's value as a run of its own, and an agent's value as a query", () =>
    Effect.gen(function* () {
      const kinds = (stream: Stream.Stream<{ readonly type: string }, QueryRejected>) =>
        Effect.map(Stream.runCollect(stream), (events) => events.map((event) => event.type))
      assert.include(yield* over(sorted, (runtime) => kinds(runtime.query(Triage, { ticket: "A-1" }))), "finish")
      const thread = yield* over(ScriptedModel.text("hello"), (runtime) =>
        Effect.andThen(kinds(runtime.query(Clerk, "hello?", { threadId: "t" })), runtime.threads.get("t"))
      )
      assert.strictEqual(thread.length, 2)
    })
  )

  it.effect("refuses invalid input, at run time and at compile time", () =>
    Effect.gen(function* () {
      // @ts-expect-error -- it has no ticket
      const refused = yield* over(sorted, (runtime) => Effect.flip(runtime.complete(Triage, { topic: "tides" })))
      assert.include(refused.message, "ticket")
      // @ts-expect-error -- it is not text
      const text = yield* over(sorted, (runtime) => Effect.flip(runtime.complete(Triage, "tides")))
      assert.include(text.message, "triage")
    })
  )
})
