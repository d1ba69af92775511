import { assert, describe, it } from "@effect/vitest"
import { Authenticator } from "@reins/server"
import * as Karta from "@reins/wire/karta"
import { Effect, Layer, Redacted } from "effect"
import * as Served from "./Served.ts"

const configured = (configuration: Karta.Configuration) =>
  Served.serve({ dialects: [{ dialect: Karta.make(configuration) }] })

/** A turn of a new session, and the session after it. */
const turn = Effect.fnUntraced(function* (served: Served.Served, body: object, headers: Record<string, string> = {}) {
  const { json } = yield* served.ask("/karta/v1/sessions", { body: {} })
  const path = `/karta/v1/sessions/${json.id}`
  const answer = yield* served.ask(`${path}/messages`, { body, headers })
  const types = answer.frames.map(({ data }) => JSON.parse(data))
  return { answer, events: types, session: (yield* served.ask(path)).json }
})

describe("Karta's configuration", () => {
  it.live("in autonomous mode answers questions automatically and shows that in the session", () =>
    Effect.gen(function* () {
      const served = yield* configured({ runtime: { permission_mode: "autonomous" } })
      const { answer, session } = yield* turn(served, { text: "gated" })
      assert.strictEqual(answer.json.text, "all is done")
      assert.deepInclude(session, { permission_mode: "autonomous", pending_input: null })
      const asking = yield* turn(served, { text: "gated", input_required_policy: "prompt" })
      assert.strictEqual(asking.session.pending_input.kind, "tool_use")
    })
  )

  it.live("hides event types from every stream, and answers the questions that it hides", () =>
    Effect.gen(function* () {
      const served = yield* configured({ cli: { hidden_event_types: ["system", "step_start", "input_required"] } })
      const { events, session } = yield* turn(served, { text: "gated", stream: true })
      const types = new Set(events.map(({ type }) => type))
      assert.deepStrictEqual([...types].toSorted(), ["done", "step_finish", "text", "tool_use"])
      assert.deepInclude(session, { permission_mode: "interactive", pending_input: null })
    })
  )
})

describe("a turn in Karta", () => {
  it.live("names the agent that ran it when the request names none", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const { answer, session } = yield* turn(served, { text: "hello" })
      assert.deepStrictEqual([answer.json.agent, session.current_agent], ["desk", "desk"])
    })
  )

  it.live("describes each step", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const { events } = yield* turn(served, { text: "tool", stream: true })
      const steps = events.flatMap(({ data, type }) => (type === "step_start" ? [data.description] : []))
      assert.deepStrictEqual(steps, ["Read the message", "Read the result of plain"])
    })
  )
})

describe("a key for a model provider", () => {
  it.live("of the request is used, and rejected with 422 in one answer and an error in a stream", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const used = yield* turn(served, { text: "key" }, { "x-provider-keys": "scripted=mine" })
      assert.strictEqual(used.answer.json.text, "with mine")
      const bad = { "x-provider-keys": "scripted=bad-key" }
      const unary = yield* turn(served, { text: "key" }, bad)
      assert.strictEqual(unary.answer.status, 422)
      assert.deepInclude(unary.answer.json, { error: "byok_key_rejected", provider: "scripted" })
      const streamed = yield* turn(served, { text: "key", stream: true }, bad)
      assert.strictEqual(streamed.answer.status, 200)
      const last = streamed.events.at(-1)
      assert.strictEqual(last.type, "error")
      assert.deepInclude(last.data, { code: "byok_key_rejected", provider: "scripted" })
      assert.notInclude(unary.answer.text + streamed.answer.text, "bad-key")
      const wrong = yield* turn(served, { text: "key" }, { "x-provider-keys": "nonsense" })
      assert.strictEqual(wrong.answer.status, 400)
    })
  )

  it.live("of the tenant is used when the request has none", () =>
    Effect.gen(function* () {
      const keys = Layer.succeed(Authenticator, {
        authenticate: () => Effect.succeed({ tenant: "dev", providerKeys: { scripted: Redacted.make("theirs") } })
      })
      const served = yield* Served.serve({}, Layer.empty, keys)
      const own = yield* turn(served, { text: "key" })
      assert.strictEqual(own.answer.json.text, "with theirs")
      const brought = yield* turn(served, { text: "key" }, { "x-provider-keys": "scripted=mine" })
      assert.strictEqual(brought.answer.json.text, "with mine")
    })
  )
})
