/** What a program is told that adds web hooks: of what is invalid, and where nothing sends them. */
import { assert, describe, it } from "@effect/vitest"
import { Agent, Deployment, Runtime } from "@reins/runtime"
import { journalHost, type JournalStore, MemoryJournal } from "@reins/runtime/journal"
import { ScriptedModel } from "@reins/runtime/testing"
import { Effect, Layer, Logger, References } from "effect"
import * as Desk from "../../support/Desk.ts"
import * as Solo from "../../support/Solo.ts"

const url = "https://receiver.example/told"

/** The log lines of a program with a runtime. */
const logged = (program: (runtime: Runtime["Service"]) => Effect.Effect<unknown, unknown>) =>
  Effect.gen(function* () {
    const lines: Array<string> = []
    const logger = Logger.make(({ logLevel, message }) => void lines.push(`${logLevel} ${String(message)}`))
    const model = ScriptedModel.make({ replies: [] })
    yield* Effect.flatMap(Runtime, program).pipe(
      Effect.provide(
        Desk.plain(model, { agents: [Agent.make("solo", {})] }).pipe(Layer.provideMerge(Logger.layer([logger])))
      )
    )
    return lines.filter((line) => line.includes("web hook"))
  })

describe("a web hook that is added", () => {
  it.effect("is one warning in a process that sends none, with what sends them", () =>
    Effect.gen(function* () {
      const lines = yield* logged(({ webhooks }) => Effect.andThen(webhooks.add({ url }), webhooks.add({ url })))
      assert.lengthOf(lines, 1)
      assert.match(lines[0] ?? "", /^Warn .*createServer\(runtime, \{ webhooks: \{\} \}\)/)
    })
  )

  it.effect("is no warning where something looks for notices to send", () =>
    Effect.gen(function* () {
      const lease = { owner: "one", now: 0, until: 1000, known: [], protocols: false, limit: 1 }
      const lines = yield* logged(({ webhooks }) => Effect.andThen(webhooks.outbox.lease(lease), webhooks.add({ url })))
      assert.deepStrictEqual(lines, [])
    })
  )
})

describe("the number of web hooks that a tenant may have", () => {
  it.effect("is a whole number of at least 0; another is refused by its name and value", () =>
    Effect.gen(function* () {
      const { webhooks } = yield* Solo.runtime(ScriptedModel.make({ replies: [] }), {})
      for (const [given, shown] of [
        [Number.NaN, "NaN"],
        [Number.POSITIVE_INFINITY, "Infinity"],
        [-1, "-1"],
        [1.5, "1.5"],
        // As a program without types may give it.
        [JSON.parse('"x"'), '"x"'],
        [JSON.parse("null"), "null"]
      ] as const) {
        const refused = yield* Effect.flip(webhooks.add({ url, atMost: given }))
        assert.strictEqual(refused.field, "atMost")
        assert.include(refused.message, `atMost of a web hook: ${shown}. Use a whole number of at least 0`)
      }
      assert.deepStrictEqual(yield* webhooks.list(), [])
      yield* webhooks.add({ url, atMost: 1 })
      for (const atMost of [0, 1]) {
        const { field, message } = yield* Effect.flip(webhooks.add({ url, atMost }))
        assert.strictEqual(field, "atMost")
        assert.include(message, "The tenant has as many web hooks as atMost allows")
      }
    })
  )
})

describe("the notices that wait for a web hook", () => {
  it.effect("are known for every web hook, also of a run, without a list of the others", () =>
    Effect.gen(function* () {
      const journal = MemoryJournal.make()
      const listed: Array<unknown> = []
      const store: JournalStore = {
        ...journal,
        webhooks: Object.assign(Object.create(journal.webhooks) as typeof journal.webhooks, {
          list: (query: Parameters<typeof journal.webhooks.list>[0]) => {
            listed.push(query.id)
            return journal.webhooks.list(query)
          }
        })
      }
      const runtime = yield* Solo.runtime(ScriptedModel.make({ replies: [ScriptedModel.text("done")] }), {
        services: Layer.succeed(
          Deployment.Deployment,
          journalHost(store, { gatherMs: 0, pollMs: Number.POSITIVE_INFINITY })
        )
      })
      const { id } = yield* runtime.webhooks.add({ url, resourceId: "default" })
      const of = { url, events: [], content: true, createdAt: 1, secrets: [], resourceId: "default" } as const
      yield* runtime.webhooks.outbox.put({ ...of, id: "of-run", source: "protocol", runId: "run" })
      yield* runtime.webhooks.outbox.put({ ...of, id: "set", source: "settings" })
      yield* runtime.complete("hello", { runId: "run" })
      const waiting = (one: string, resourceId?: string) =>
        Effect.map(runtime.webhooks.waiting(one, { resourceId }), (all) => all?.map(({ event }) => event))
      assert.deepStrictEqual(
        [yield* waiting(id), yield* waiting("of-run"), yield* waiting("set"), yield* waiting("nobody")],
        [["run.ended"], [], [], undefined]
      )
      assert.deepStrictEqual(
        [yield* waiting(id, "default"), yield* waiting(id, "other"), yield* waiting("set", "default")],
        [["run.ended"], undefined, undefined]
      )
      assert.notInclude(listed, undefined)
      for (const limit of [Number.NaN, -1, 0, 1.5, Number.POSITIVE_INFINITY]) {
        assert.lengthOf((yield* runtime.webhooks.waiting(id, { limit })) ?? [], 1)
        assert.lengthOf(yield* runtime.webhooks.ofRuns({ limit }), 1)
      }
    }).pipe(Effect.provideService(References.MinimumLogLevel, "None"))
  )
})
