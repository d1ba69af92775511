/** Which decisions of requests are refused, by which field, and which only their question can tell. */
import { assert, describe, it } from "@effect/vitest"
import type { Approval, Json } from "@reins/protocol"
import type { Dialect } from "@reins/wire"
import { Command } from "@reins/wire"
import { dialect as a2a } from "@reins/wire/a2a"
import { dialect as agUi } from "@reins/wire/ag-ui"
import { dialect as aiSdk } from "@reins/wire/ai-sdk"
import { dialect as kai } from "@reins/wire/kai"
import { dialect as native } from "@reins/wire/native"
import { Result } from "effect"
import { command, decode } from "./Ask.ts"
import type { Parsed } from "./Rule.ts"

/** A command, to look at some of its fields. */
const fieldsOf = (dialect: Dialect.Dialect, line: string, body: unknown): Parsed => command(dialect, line, body)

describe("a decision", () => {
  const misspelt = { type: "approve", scope: "thread", use: 1 }
  const resumed = (payload: unknown) => ({
    threadId: "t",
    runId: "r",
    messages: [],
    resume: [{ interruptId: "apr-1", status: "resolved", payload, seenAt: 1 }]
  })
  const strict: ReadonlyArray<readonly [Dialect.Dialect, string, unknown, string]> = [
    [native, "POST /approvals/apr-1", misspelt, "use"],
    [agUi, "POST /run", resumed(misspelt), "resume.0.payload.use"]
  ]

  it.each(strict)("is refused by a field that no decision has: %o", (dialect, line, body, field) => {
    const decoded = decode(dialect, line, body)
    assert.isTrue(Result.isFailure(decoded))
    if (Result.isFailure(decoded)) {
      assert.deepInclude(decoded.failure, { code: "BadRequest", message: `Unknown field ${field}`, field })
    }
  })

  const types = 'Use "approve", "reject", "revise", "answer"'
  const dataParts = (...parts: ReadonlyArray<object>) => ({
    jsonrpc: "2.0",
    id: 1,
    method: "SendMessage",
    params: {
      message: {
        messageId: "m",
        role: "ROLE_USER",
        taskId: "run-1",
        parts
      }
    }
  })
  const dataPart = (decision: unknown) => dataParts({ text: "yes" }, { data: { approvalId: "apr-1", decision } })
  const chatPart = (part: object) => ({ id: "t", messages: [{ role: "assistant", parts: [part] }] })
  const kaiPart = (part: object) => ({ id: "t", message: { id: "m", role: "user", parts: [text, part] } })
  const text = { type: "text", text: "yes" }
  const place = "params.message.parts.1.data.decision"
  const invalid: ReadonlyArray<readonly [Dialect.Dialect, string, unknown, string, string]> = [
    [native, "POST /approvals/apr-1", { type: "approve", uses: -1 }, "uses", "Use a whole number of at least 0"],
    [native, "POST /approvals/apr-1", { type: "aprove" }, "type", types],
    [a2a, "POST /rpc", dataPart({ type: "approve", uses: -1 }), `${place}.uses`, "Use a whole number of at least 0"],
    [a2a, "POST /rpc", dataPart({ type: "revise" }), `${place}.partial`, "Use JSON that replaces arguments"],
    [a2a, "POST /rpc", dataPart({ type: "aprove" }), `${place}.type`, types],
    [a2a, "POST /rpc", dataPart("aprove"), place, 'Send "approve", "reject", or a decision'],
    [
      a2a,
      "POST /rpc",
      dataParts({ data: { decision: "approved" } }),
      "params.message.parts.0.data.decision",
      'Send "approve", "reject", or a decision'
    ],
    [
      a2a,
      "POST /rpc",
      dataParts({ data: { approvalId: "apr-1" } }),
      "params.message.parts.0.data.decision",
      'Send "approve", "reject", a decision, or an answer'
    ],
    [
      aiSdk,
      "POST /chat",
      chatPart({ type: "tool-x", toolCallId: "c", state: "approval-responded", approval: { id: "apr-1" } }),
      "messages.0.parts.0.approval.approved",
      "Use true or false"
    ],
    [
      kai,
      "POST /api/chat",
      kaiPart({ type: "tool-approval-response", approvalId: "apr-1" }),
      "message.parts.1.approved",
      "Use true or false"
    ],
    [
      kai,
      "POST /api/chat",
      kaiPart({ type: "tool-x", state: "approval-responded", approval: { id: "apr-1", approved: null } }),
      "message.parts.1.approval.approved",
      "Use true or false"
    ]
  ]

  it("is in the words of A2A beside the data of its question, and absent ids may be null", () => {
    const echo = { approvalId: "apr-1", kind: "tool", target: "pay" }
    const said = fieldsOf(a2a, "POST /rpc", dataParts({ text: "yes" }, { data: echo }))
    assert.deepInclude(said, { said: "yes", decisions: [] })
    const nulls = { approvalId: null, toolCallId: "c", decision: "approve" }
    assert.deepStrictEqual(fieldsOf(a2a, "POST /rpc", dataParts({ data: nulls })).decisions, [
      { toolCallId: "c", decision: { type: "approve" } }
    ])
  })

  it.each(invalid)("is refused, not passed over, where it is invalid: %o", (dialect, line, body, field, cure) => {
    const decoded = decode(dialect, line, body)
    assert.isTrue(Result.isFailure(decoded))
    if (Result.isFailure(decoded)) {
      const message = `Missing or invalid field ${field}. ${cure}`
      assert.deepInclude(decoded.failure, { code: "BadRequest", message, field })
    }
  })

  it("of AG-UI that is none answers only a question that may mean it", () => {
    const refusedOn = (payload: unknown, asked?: Json): unknown => {
      const given = fieldsOf(agUi, "POST /run", resumed(payload)).decisions[0]
      const request: Approval.Request = {
        id: "apr-1",
        kind: asked === undefined ? "tool" : "question",
        target: "x",
        payload: asked === undefined ? {} : { question: "Which?", schema: asked },
        resourceId: "default",
        threadId: "t"
      }
      return Command.refusalOn(request, given)?.message
    }
    const negative = { type: "approve", uses: -1 }
    const place = "Missing or invalid field resume.0.payload"
    assert.strictEqual(refusedOn(negative), `${place}.uses. Use a whole number of at least 0`)
    assert.strictEqual(refusedOn(negative, {}), `${place}.uses. Use a whole number of at least 0`)
    assert.strictEqual(refusedOn(negative, { type: "object", properties: { type: {} } }), undefined)
    assert.strictEqual(refusedOn({ type: "aprove" }), `${place}.type. ${types}`)
    assert.strictEqual(refusedOn({ type: "aprove" }, {}), undefined)
    assert.strictEqual(refusedOn({ approved: "yes" }), `${place}.approved. Use true or false`)
    assert.strictEqual(refusedOn({ approved: true, reason: 5 }), `${place}.reason. Use a string`)
    assert.strictEqual(refusedOn("yes"), `${place}. Send { approved: true }, { approved: false } or a decision`)
    assert.strictEqual(refusedOn("yes", { type: "string" }), undefined)
    assert.strictEqual(refusedOn({ type: "approve", uses: 1 }), undefined)
  })

  it("reaches AG-UI beside fields of its envelope, and as a question's own form", () => {
    const decided = (payload: unknown): Parsed => fieldsOf(agUi, "POST /run", resumed(payload)).decisions[0]
    const limited = { type: "approve", scope: "thread", uses: 1 }
    assert.deepStrictEqual(decided(limited), { approvalId: "apr-1", decision: limited })
    const form = { type: "revise", text: "shorter" }
    assert.deepStrictEqual(decided(form).value, form)
  })
})
