import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Served from "./Served.ts"

const parameters = { type: "object", properties: { value: { type: "string" } } }

const open = Effect.fnUntraced(function* (served: Served.Served, agent: object, tools?: object) {
  const { json } = yield* served.ask("/aap/sessions", { body: { agent: { name: "desk", ...agent }, tools } })
  return `/aap/sessions/${json.sessionId}/turns`
})

const say = (served: Served.Served, path: string, content: string, more: object = {}) =>
  Effect.map(served.ask(path, { body: { messages: [{ role: "user", content }], ...more } }), ({ json }) => json)

const offered = (served: Served.Served) => served.scene.model.requests.at(-1)?.tools.map(({ name }) => name)

describe("the tools of a session of the Agent Application Protocol", () => {
  it.live("are off unless they are named, and keep their state", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const bare = yield* open(served, {})
      yield* say(served, bare, "hello")
      assert.deepStrictEqual(offered(served), ["theirs", "helper"])
      const named = yield* open(served, { tools: [{ name: "plain", trust: true }] })
      yield* say(served, named, "hello")
      yield* say(served, named, "hello")
      assert.deepStrictEqual(offered(served), ["plain", "theirs", "helper"])
    })
  )

  it.live("run without approval when they are trusted, and ask otherwise", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const trusted = yield* say(served, yield* open(served, { tools: [{ name: "plain", trust: true }] }), "tool")
      assert.strictEqual(trusted.stopReason, "end_turn")
      const path = yield* open(served, { tools: [{ name: "plain" }] })
      const asked = yield* say(served, path, "tool")
      assert.strictEqual(asked.stopReason, "tool_use")
      const [{ toolCallId }] = asked.messages
        .flatMap(({ content }: { content: unknown }) => (Array.isArray(content) ? content : []))
        .filter(({ type }: { type: string }) => type === "tool_use")
      const granted = yield* served.ask(path, {
        body: { messages: [{ role: "tool_permission", toolCallId, granted: true }] }
      })
      assert.strictEqual(granted.json.stopReason, "end_turn")
    })
  )

  it.live("that need approval ask, even if a client trusts them", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const path = yield* open(served, { tools: [{ name: "gated", trust: true }] })
      assert.strictEqual((yield* say(served, path, "gated")).stopReason, "tool_use")
    })
  )

  it.live("of the application are called, and the model reads their results", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const path = yield* open(served, {}, [{ name: "brought", description: "Brought", parameters }])
      const asked = yield* say(served, path, "brought")
      assert.strictEqual(asked.stopReason, "tool_use")
      const [{ toolCallId }] = asked.messages
        .flatMap(({ content }: { content: unknown }) => (Array.isArray(content) ? content : []))
        .filter(({ type }: { type: string }) => type === "tool_use")
      const done = yield* served.ask(path, { body: { messages: [{ role: "tool", toolCallId, content: "it" }] } })
      assert.strictEqual(done.json.stopReason, "end_turn")
      assert.include(JSON.stringify(served.scene.model.requests.at(-1)?.messages), '"it"')
    })
  )
})
