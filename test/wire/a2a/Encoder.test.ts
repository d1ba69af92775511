import { assert, describe, it } from "@effect/vitest"
import { dialect, make, StreamResponse } from "@reins/wire/a2a"
import { ask, decode } from "../Ask.ts"
import { asText, play } from "../Play.ts"
import type { Settled } from "../Play.ts"
import { reading } from "../Reading.ts"
import type { Parsed } from "../Rule.ts"
import { rule } from "../Rule.ts"
import { scenario } from "../Scenarios.ts"
import { suite } from "../Suite.ts"

const read = reading("a2a", {
  schema: StreamResponse,
  results: ({ statusUpdate }, results) => {
    const event: Settled | undefined = statusUpdate?.metadata?.event
    if (event?.state === "result") results.set(event.toolInvocationId, asText(event))
  }
})

suite("A2A", () => ({ open: dialect.open, read, retracts: true, result: asText }))

const call = (method: string, params: unknown, id: string | number = 7) => ({ jsonrpc: "2.0", id, method, params })
const message = { messageId: "m1", role: "ROLE_USER", parts: [{ text: "hi" }] }

describe("a task of A2A", () => {
  it("requires input for a question, which its data part says how to answer", () => {
    const [first = []] = play(dialect.open, scenario("gated, approved"))
    const { statusUpdate }: Parsed = JSON.parse(first.at(-1)?.data ?? "")
    assert.strictEqual(statusUpdate.status.state, "TASK_STATE_INPUT_REQUIRED")
    assert.deepStrictEqual(statusUpdate.status.message.parts, [
      { text: "Allow refund to run?" },
      {
        data: {
          approvalId: "apr-1",
          kind: "tool",
          target: "refund",
          payload: { amount: 90 },
          toolCallId: "c1",
          options: ["approve", "reject"]
        }
      }
    ])
  })

  it("is one whole task where its client does not stream", () => {
    const { answer, command } = ask(dialect, "POST /rpc", call("SendMessage", { message }))
    assert.deepInclude(command, { _tag: "StartQuery", requestId: "m1", prompt: [{ type: "text", text: "hi" }] })
    rule(answer._tag === "Whole", "it is answered at once")
    const folding = answer.open()
    for (const envelope of scenario("one tool")) folding.step(envelope)
    const { id, result }: Parsed = folding.reply().body
    assert.strictEqual(id, 7)
    assert.strictEqual(result.task.status.state, "TASK_STATE_COMPLETED")
    assert.strictEqual(result.task.artifacts[0].parts[0].text, "I look. Three hits.")
    assert.strictEqual(result.task.history[0].taskId, "run-1")
  })

  it("has the time of its state, which is that of its last event", () => {
    const { answer } = ask(dialect, "POST /rpc", call("SendMessage", { message }))
    rule(answer._tag === "Whole", "it is answered at once")
    const folding = answer.open()
    const log = scenario("one tool").map((envelope, index) => ({ ...envelope, at: 1000 * (index + 1) }))
    for (const envelope of log) folding.step(envelope)
    const { result }: Parsed = folding.reply().body
    assert.strictEqual(Date.parse(result.task.status.timestamp), 1000 * log.length)
  })

  it("is begun, read, canceled and watched by the names of either version", () => {
    const tags = ["message/send", "SendMessage", "message/stream"].map(
      (method) => ask(dialect, "POST /agents/desk/rpc", call(method, { message }), undefined).command
    )
    for (const command of tags) assert.deepInclude(command, { _tag: "StartQuery" })
    const named = (method: string) => ask(dialect, "POST /rpc", call(method, { id: "run-1" })).command
    for (const method of ["tasks/get", "GetTask", "tasks/resubscribe", "SubscribeToTask"]) {
      assert.deepInclude(named(method), { _tag: "Resume", address: { runId: "run-1" } })
    }
    for (const method of ["tasks/cancel", "CancelTask"]) {
      assert.deepInclude(named(method), { _tag: "Cancel", address: { runId: "run-1" } })
    }
  })

  it("is answered by data that names what it answers, else by words", () => {
    const told = (parts: ReadonlyArray<object>) =>
      ask(dialect, "POST /rpc", call("SendMessage", { message: { ...message, taskId: "run-1", parts } })).command
    assert.deepInclude(told([{ data: { approvalId: "a", decision: "approve" } }]), {
      decisions: [{ approvalId: "a", decision: { type: "approve" } }],
      results: []
    })
    assert.deepInclude(told([{ data: { toolCallId: "c", result: { colour: "green" } } }]), {
      decisions: [],
      results: [{ toolCallId: "c", result: { colour: "green" } }]
    })
    assert.deepInclude(told([{ text: "yes" }]), { said: "yes", decisions: [], results: [] })
  })

  it("is refused by a field that no decision has, and not by one that no data part has", () => {
    const told = (decision: object) => {
      const parts = [{ text: "yes" }, { data: { approvalId: "a", decision, seenAt: 1 } }]
      return decode(dialect, "POST /rpc", call("SendMessage", { message: { ...message, taskId: "run-1", parts } }))
    }
    const misspelt = told({ type: "approve", scope: "thread", use: 1 })
    rule(misspelt._tag === "Failure", "a misspelt limit is refused")
    assert.strictEqual(misspelt.failure.message, "Unknown field params.message.parts.1.data.decision.use")
    assert.strictEqual(misspelt.failure.field, "params.message.parts.1.data.decision.use")
    assert.strictEqual(told({ type: "approve", scope: "thread", uses: 1 })._tag, "Success")
  })

  it("has errors with the request's id and the protocol's number", () => {
    const route = dialect.routes.find(({ path }) => path === "/rpc")
    const request = { params: {}, query: {}, headers: {}, body: call("Nonsense", {}, "x") }
    const decoded = decode(dialect, "POST /rpc", request.body)
    rule(decoded._tag === "Failure", "it is refused")
    const body: Parsed = route?.encodeError?.(decoded.failure, request).body
    assert.deepInclude(body, { jsonrpc: "2.0", id: "x" })
    assert.strictEqual(body.error.code, -32601)
    const image = decode(
      dialect,
      "POST /rpc",
      call("SendMessage", { message, configuration: { acceptedOutputModes: ["image/png"] } })
    )
    rule(image._tag === "Failure", "an answer that is no text is refused")
    assert.strictEqual(image.failure.code, "ContentTypeNotSupported")
    const old = decode(dialect, "POST /rpc", call("GetTask", { id: "t" }), { headers: { "a2a-version": "0.3" } })
    rule(old._tag === "Failure", "another version is refused")
    assert.strictEqual(old.failure.code, "VersionNotSupported")
  })
})

describe("the agent card", () => {
  const facts = {
    _tag: "Agents",
    agents: [{ name: "desk", version: "2", tools: [{ name: "look", parameters: {} }], options: [] }],
    at: 0,
    upMs: 0
  } as const
  const card = (from: typeof dialect, path: string) => {
    const { answer } = ask(from, `GET ${path}`, undefined, { url: "https://api.example/a2a" })
    rule(answer._tag === "Facts", "it is answered by facts")
    const body: Parsed = answer.shape(facts).body
    return body
  }

  it("says where and how the agents are reached, all together and one by one", () => {
    const all = card(dialect, "/.well-known/agent-card.json")
    assert.deepStrictEqual(all.supportedInterfaces, [
      { url: "https://api.example/a2a/rpc", protocolBinding: "JSONRPC", protocolVersion: "1.0" }
    ])
    assert.deepStrictEqual(all.skills, [{ id: "desk", name: "desk", description: "Answers as desk", tags: ["look"] }])
    const one = card(dialect, "/agents/desk/.well-known/agent-card.json")
    assert.strictEqual(one.supportedInterfaces[0].url, "https://api.example/a2a/agents/desk/rpc")
  })

  it("says that tasks are told by web hooks where they are", () => {
    assert.isFalse(card(dialect, "/.well-known/agent-card.json").capabilities.pushNotifications)
    assert.isTrue(card(make({ pushes: true }), "/.well-known/agent-card.json").capabilities.pushNotifications)
  })
})
