/** Who may approve over HTTP: 403 in each dialect's shape, a quorum over requests, and the audit record. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import * as Served from "./Served.ts"

/** A run of the vault that waits for two of a role, in thread `t`. */
const asked = Effect.fnUntraced(function* () {
  const served = yield* Served.serve()
  const handle = yield* served.runtime.start("gated", { threadId: "dev:t", resourceId: "dev", agent: "vault" })
  const [event] = yield* Stream.runCollect(
    handle.envelopes.pipe(
      Stream.filter(({ event }) => event.type === "approval-required"),
      Stream.take(1)
    )
  )
  assert.isTrue(event?.event.type === "approval-required")
  const id = event?.event.type === "approval-required" ? event.event.data.id : ""
  return { served, id, handle }
})

const approvals = (served: Served.Served) => Effect.map(served.ask("/native/approvals"), ({ json }) => json.approvals)

const native = (served: Served.Served, id: string, key: string, body: unknown = { type: "approve" }) =>
  served.ask(`/native/approvals/${id}`, { key, body })

describe("an approval that names its approvers", () => {
  it.live("is given by two of them in two requests, and by nobody else", () =>
    Effect.gen(function* () {
      const { handle, id, served } = yield* asked()
      assert.deepStrictEqual((yield* approvals(served))[0].approvals, { quorum: 2, roles: ["sre"], given: 0 })
      const refused = yield* native(served, id, "dev-key")
      assert.strictEqual(refused.status, 403)
      assert.strictEqual(refused.json.error.code, "Forbidden")
      assert.strictEqual((yield* native(served, id, "sam-key")).status, 202)
      assert.strictEqual((yield* native(served, id, "sam-key")).status, 202)
      assert.strictEqual((yield* approvals(served))[0].approvals.given, 1)
      assert.strictEqual((yield* native(served, id, "tim-key")).status, 202)
      assert.include((yield* handle.result).output, "done")
      assert.strictEqual((yield* native(served, id, "tim-key")).status, 409)
    })
  )

  it.live("is refused with 403 in each dialect's shape", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const started = yield* Effect.forkChild(
        served.ask("/native/query", { body: { prompt: "gated", threadId: "t", agent: "vault" } })
      )
      const runId = yield* served.scene.tap.firstRun
      yield* served.runtime.watch(runId).pipe(
        Stream.filter(({ event }) => event.type === "approval-required"),
        Stream.take(1),
        Stream.runDrain
      )
      const [{ id, toolInvocationId: toolCallId }] = yield* approvals(served)
      const part = {
        type: "tool-gated",
        toolCallId: "x",
        state: "approval-responded",
        approval: { id, approved: true }
      }
      const answers = yield* Effect.all([
        served.ask(`/kai/api/chat/t/approve/${id}`, { method: "POST" }),
        served.ask(`/karta/v1/sessions/t/inputs/${id}`, { method: "PUT", body: { decision: "approve_once" } }),
        served.ask("/openai-responses/v1/responses", {
          body: { input: [{ type: "mcp_approval_response", approval_request_id: id, approve: true }] }
        }),
        served.ask("/ai-sdk/chat", { body: { id: "t", messages: [{ role: "assistant", parts: [part] }] } }),
        served.ask("/steerable/api/chats/t/consent", { body: { approvalId: id, consentGranted: true } }),
        served.ask("/aap/sessions/t/turns", {
          body: { stream: "none", messages: [{ role: "tool_permission", toolCallId, granted: true }] }
        }),
        served.ask("/ag-ui/run", {
          body: {
            threadId: "t",
            runId: "again",
            messages: [],
            tools: [],
            context: [],
            state: {},
            forwardedProps: {},
            resume: [{ interruptId: id, status: "resolved", payload: { approved: true } }]
          }
        })
      ])
      assert.deepStrictEqual(
        answers.map(({ status }) => status),
        answers.map(() => 403)
      )
      for (const { text } of answers) assert.include(text, "may not answer")
      assert.strictEqual((yield* approvals(served)).length, 1)
      yield* served.runtime.cancel(runId)
      yield* Fiber.join(started)
    })
  )

  it.live("is recorded for its tenant, in pages and as lines of JSON", () =>
    Effect.gen(function* () {
      const { handle, id, served } = yield* asked()
      yield* native(served, id, "dev-key")
      yield* native(served, id, "sam-key", { type: "approve", scope: "thread", by: "the chief" })
      yield* native(served, id, "tim-key", { type: "approve", scope: "thread" })
      yield* handle.result
      const { grants } = (yield* served.ask("/native/grants")).json
      assert.strictEqual(grants[0].by, "sam, tim")
      yield* served.ask(`/native/grants/${grants[0].id}`, { key: "tim-key", method: "DELETE" })
      const { acts, next } = (yield* served.ask("/native/approvals/history")).json
      assert.isUndefined(next)
      assert.deepStrictEqual(
        acts.map(({ by, kind }: { readonly by?: string; readonly kind: string }) => `${kind} ${by ?? "-"}`).toSorted(),
        [
          "answered sam",
          "answered tim",
          "asked -",
          "decided sam, tim",
          "granted sam, tim",
          "refused dora",
          "revoked tim"
        ]
      )
      assert.isFalse(JSON.stringify(acts).includes('"value"'), "no arguments")
      const lines: Array<string> = []
      let after: string | undefined
      do {
        const page = yield* served.ask(
          `/native/approvals/history?limit=3${after === undefined ? "" : `&after=${after}`}`,
          {
            headers: { accept: "application/x-ndjson" }
          }
        )
        assert.include(page.headers.get("content-type") ?? "", "application/x-ndjson")
        lines.push(...page.text.split("\n").filter((line) => line !== ""))
        after = page.headers.get("reins-next") ?? undefined
      } while (after !== undefined)
      assert.deepStrictEqual(
        lines.map((line) => JSON.parse(line)),
        acts
      )
      const mine = (yield* served.ask("/native/approvals/history?principal=sam")).json.acts
      assert.lengthOf(mine, 1)
      assert.deepStrictEqual((yield* served.ask("/native/approvals/history", { key: "other-key" })).json.acts, [])
      assert.strictEqual((yield* served.ask("/native/approvals/history?since=x")).status, 400)
    })
  )
})
