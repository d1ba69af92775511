/** Typed answers without Effect: of an agent and of a query, by schemas of any library, and read while they are written. */
import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import { agent, createRuntime, QueryRejected, RunError } from "@reins/runtime/promise"
import { ScriptedModel } from "@reins/runtime/testing"
import { toStandardJsonSchema } from "@valibot/to-json-schema"
import { type } from "arktype"
import * as v from "valibot"
import { z } from "zod"

const Triage = z.object({ team: z.enum(["billing", "shipping"]), due: z.string().default("today") })
const clerk = agent({ name: "clerk", output: Triage })
const desk = agent({ name: "desk" })

const begin = (...replies: ReadonlyArray<ScriptedModel.Reply>) => {
  const model = ScriptedModel.make({ replies })
  return { model, runtime: createRuntime({ model, agents: [desk, clerk] }) }
}

const failureOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => assert.fail("it was resolved"),
    (error: unknown) => error
  )

const { text, words } = ScriptedModel

describe("a typed answer", () => {
  it("of an agent is decoded by its schema, once it fits", async () => {
    const { model, runtime } = begin(text('{"team":"sales"}'), text('{"team":"billing"}'))
    await using _closed = runtime
    const { output } = await runtime.complete(clerk, "Ticket A-1")
    expectTypeOf(output).toEqualTypeOf<{ team: "billing" | "shipping"; due: string }>()
    assert.deepStrictEqual(output, { team: "billing", due: "today" })
    assert.strictEqual(model.requests.length, 2)
  })

  it("of a query is decoded by its schema, whichever agent gives it", async () => {
    const { runtime } = begin(text('{"team":"billing"}'), text('{"n":2}'), text('{"n":"2"}'), text("{}"))
    await using _closed = runtime
    const first = await runtime.complete(desk, "Ticket A-1", { output: Triage })
    expectTypeOf(first.output).toEqualTypeOf<{ team: "billing" | "shipping"; due: string }>()
    assert.deepStrictEqual(first.output, { team: "billing", due: "today" })
    const run = await runtime.start("How many?", { output: type({ n: "number" }) })
    assert.deepStrictEqual((await run.result()).output, { n: 2 })
    const raw = { type: "object", properties: { n: { type: "number" } }, required: ["n"] } as const
    const failure = await failureOf(runtime.complete("How many?", { output: raw }))
    assert.instanceOf(failure, RunError)
    assert.match(String(failure), /does not fit its output schema/)
  })

  it.each([
    ["zod", z.object({ lines: z.array(z.object({ total: z.number() })) })],
    ["arktype", type({ lines: type({ total: "number" }).array() })],
    ["valibot", toStandardJsonSchema(v.object({ lines: v.array(v.object({ total: v.number() })) }))]
  ])("that stays invalid names the field and quotes nothing of the answer: %s", async (_library, output) => {
    const model = ScriptedModel.make({ respond: () => text('{"lines":[{"total":"a secret"}]}') })
    await using runtime = createRuntime({ model, agents: [agent({ name: "clerk", output })] })
    const failure = await failureOf(runtime.complete("Read it"))
    assert.match(String(failure), /"lines".*"total"/)
    assert.notInclude(String(failure), "a secret")
  })

  it("is an async iterator of what is written of it, and of the checked value", async () => {
    const { runtime } = begin(words('{ "team": "bill', {}), words('{ "team": "billing", "due": "now" }'))
    await using _closed = runtime
    const run = await runtime.start(clerk, "Ticket A-1")
    const seen: Array<unknown> = []
    for await (const value of run.partialOutput()) seen.push(value)
    assert.deepStrictEqual(seen.at(-1), { team: "billing", due: "now" })
    assert.deepStrictEqual((await run.result()).output, { team: "billing", due: "now" })
  })

  it("by a schema without JSON Schema, or of an agent with one of its own, is refused before anything runs", async () => {
    const { model, runtime } = begin()
    await using _closed = runtime
    const failures = [
      await failureOf(runtime.complete("Ticket A-1", { output: z.date() })),
      await failureOf(runtime.complete(clerk, "Ticket A-1", { output: Triage }))
    ]
    for (const failure of failures) assert.instanceOf(failure, QueryRejected)
    assert.match(String(failures[0]), /Use a JSON type/)
    assert.strictEqual(model.requests.length, 0)
  })
})
