/** An answer that matches nothing is refused by what is wrong with it, and never as one to a conversation that is not there. */
import { assert, describe, it } from "@effect/vitest"
import { Agent, AskPerson, Model, Runtime } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Authenticator, Server } from "@reins/server"
import * as A2a from "@reins/wire/a2a"
import { Effect, Layer } from "effect"
import * as Served from "./Served.ts"

describe("an answer that matches nothing", () => {
  it.live(
    "leaves a session of the Agent Application Protocol known to its client, which takes 404 for a lost one",
    () =>
      Effect.gen(function* () {
        const served = yield* Served.serve()
        const { json } = yield* served.ask("/aap/sessions", {
          body: { agent: { name: "desk", tools: [{ name: "gated" }] } }
        })
        const turns = `/aap/sessions/${json.sessionId}/turns`
        const result = { messages: [{ role: "tool", toolCallId: "none", content: "42" }] }
        const early = yield* served.ask(turns, { body: result })
        assert.deepStrictEqual([early.status, early.json.error], [409, "Nothing has run in this thread yet"])
        yield* served.ask(turns, { body: { messages: [{ role: "user", content: "gated" }] } })
        const late = yield* served.ask(turns, { body: result })
        assert.deepStrictEqual([late.status, late.json.error], [409, "No open client call matches this result"])
        const foreign = yield* served.ask(turns, { body: result, key: "other-key" })
        assert.deepStrictEqual([foreign.status, foreign.json.error], [404, "Session not found"])
        const astray = yield* served.ask(`${turns}/astray`, { body: result })
        assert.deepStrictEqual([astray.status, astray.json.error], [404, "No route matches this path"])
      })
  )

  it.live("is told apart from one to a session of Karta that is not there", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const sessions = "/karta/v1/projects/p/managed-agents/sessions"
      const { json } = yield* served.ask(sessions, { method: "POST" })
      const body = { type: "user.interrupt" }
      const fresh = yield* served.ask(`${sessions}/${json.id}/events`, { body })
      assert.deepStrictEqual([fresh.status, fresh.json.detail], [409, "Nothing has run in this thread yet"])
      const foreign = yield* served.ask(`${sessions}/${json.id}/events`, { body, key: "other-key" })
      const unknown = yield* served.ask(`${sessions}/none/events`, { body, key: "other-key" })
      assert.deepStrictEqual([foreign.status, foreign.json], [unknown.status, unknown.json])
      assert.strictEqual(foreign.status, 404)
    })
  )

  it.live("names the field that a consent of Steerable lacks", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const told = yield* served.ask("/steerable/api/chats/s/consent", { body: { consentGranted: true } })
      assert.strictEqual(told.status, 400)
      assert.match(told.json.message, /^Missing or invalid field approvalId\. Send the id of the question/)
    })
  )

  it.live("is refused where it says two things about one question or call", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const create = { agent: { name: "desk", tools: [{ name: "gated" }] }, tools: [{ name: "brought" }] }
      const { json } = yield* served.ask("/aap/sessions", { body: create })
      const turn = (messages: ReadonlyArray<object>) =>
        served.ask(`/aap/sessions/${json.sessionId}/turns`, { body: { messages } })
      const idOf = (text: string): string => /"toolCallId":"([^"]+)"/.exec(text)?.[1] ?? ""
      const toolCallId = idOf((yield* turn([{ role: "user", content: "gated" }])).text)
      const permission = (granted: boolean) => ({ role: "tool_permission", toolCallId, granted })
      const both = yield* turn([permission(true), permission(false)])
      assert.deepStrictEqual([both.status, both.json.error.slice(0, 21)], [400, "Two different answers"])
      assert.strictEqual((yield* turn([permission(false), permission(false)])).status, 200)
      const own = idOf((yield* turn([{ role: "user", content: "brought" }])).text)
      const result = (content: string) => ({ role: "tool", toolCallId: own, content })
      assert.strictEqual((yield* turn([result("a"), result("b")])).status, 400)
      assert.strictEqual((yield* turn([result("a"), result("a")])).status, 200)
    })
  )

  it.live("is refused where two results say two things about a model's question", () =>
    Effect.gen(function* () {
      const model = ScriptedModel.make({
        respond: (request) =>
          ScriptedModel.lastResults(request).length > 0
            ? ScriptedModel.text("Painted.")
            : ScriptedModel.calls([{ id: "c", name: "AskPerson", args: { question: "Which colour?" } }])
      })
      const runtime = Runtime.layer({ agents: [Agent.make("desk", { toolkit: AskPerson.toolkit })] }).pipe(
        Layer.provide(Layer.succeed(Model, model))
      )
      const { dispose, handler } = Server.toWebHandler(
        { dialects: [{ dialect: A2a.make() }] },
        Layer.mergeAll(runtime, Authenticator.layerOpen())
      )
      yield* Effect.addFinalizer(() => Effect.promise(dispose))
      const say = (messageId: string, parts: ReadonlyArray<object>, more: object = {}) =>
        Effect.promise(async (): Promise<ReturnType<typeof JSON.parse>> => {
          const params = { message: { messageId, role: "ROLE_USER", parts, ...more } }
          const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "SendMessage", params })
          return (await handler(new Request("http://localhost/a2a/rpc", { method: "POST", body }))).json()
        })
      const { id: taskId } = (yield* say("m", [{ text: "Paint it" }])).result.task
      const result = (said: string) => ({ data: { toolCallId: "c", result: said } })
      const both = yield* say("both", [result("red"), result("blue")], { taskId })
      assert.strictEqual(both.error?.data[0].reason, "AnswersContradict")
      const equal = yield* say("equal", [result("red"), result("red")], { taskId })
      assert.strictEqual(equal.result.task.status.state, "TASK_STATE_COMPLETED")
    })
  )
})
