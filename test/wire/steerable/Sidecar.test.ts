import { assert, describe, it } from "@effect/vitest"
import { JsonRpc, Sidecar, Trace } from "@reins/wire/steerable"
import { lawful } from "../Suite.ts"
import type { Parsed } from "../Rule.ts"
import { Refusal } from "@reins/wire"
import { Result } from "effect"
import { fold, play } from "../Play.ts"
import { scenarios } from "../Scenarios.ts"

const call = (line: object): Result.Result<unknown, JsonRpc.Fault> => {
  const request = JsonRpc.decodeLine(JSON.stringify(line))
  return Result.isSuccess(request) ? Sidecar.decode(request.success) : request
}

describe("a line of the sidecar", () => {
  it.each([
    ["not JSON", "{", "parse"],
    ["no request", '{"id":1}', "invalid_request"],
    ["of another version", '{"jsonrpc":"1.0","id":1,"method":"system.ping"}', "invalid_request"]
  ])("is refused by its kind when it is %s", (_, line, kind) => {
    const decoded = JsonRpc.decodeLine(line)
    assert.strictEqual(Result.isFailure(decoded) ? decoded.failure.kind : "", kind)
  })

  it("decodes to what its method asks for", () => {
    const params = { provider: "p", model: "desk", messages: [{ role: "user", content: "hi" }], streamId: "s" }
    assert.deepStrictEqual(
      call({ jsonrpc: "2.0", id: 1, method: "agent.chat.stream", params }),
      Result.succeed({
        _tag: "Command",
        command: { _tag: "StartQuery", prompt: "hi", agent: "desk", requestId: "s" },
        streamId: "s"
      })
    )
    const faults = ["tool.paint", "agent.chat.stream"].map((method) => call({ jsonrpc: "2.0", id: 1, method }))
    assert.deepStrictEqual(
      faults.map((fault) => (Result.isFailure(fault) ? fault.failure.kind : "")),
      ["method_not_found", "invalid_params"]
    )
  })

  it("encodes null without a result, and errors with their kind", () => {
    assert.strictEqual(JsonRpc.response(1, null), '{"jsonrpc":"2.0","id":1}')
    const error = JsonRpc.refused(1, Refusal.make("not-found", "ThreadForbidden", "no such session"))
    assert.deepStrictEqual(JSON.parse(error), {
      jsonrpc: "2.0",
      id: 1,
      error: { code: -32004, message: "no such session", data: { kind: "invalid_request" } }
    })
  })
})

describe("a stream of the sidecar", () => {
  it.each(scenarios)("sends the text in chunks and ends exactly once: %s", (_, log) => {
    const lines = play(() => Sidecar.open("s"), log)
      .flat()
      .map(({ data }) => JSON.parse(data))
    assert.isTrue(lines.every(({ jsonrpc, params }) => jsonrpc === "2.0" && params.streamId === "s"))
    assert.strictEqual(lines.map(({ params }) => params.delta ?? "").join(""), fold(log).kept)
    const ends = lines.flatMap(({ method }, index) => (/done|error/.test(method) ? [index] : []))
    assert.deepStrictEqual(ends, [lines.length - 1])
  })

  it("does not end when the log is truncated", () => {
    for (const [, log] of scenarios) {
      const encoder = Sidecar.open("s")
      for (const envelope of log.slice(0, -1)) encoder.step(envelope)
      assert.deepStrictEqual(encoder.finish(), [])
    }
  })
})

describe("a trace", () => {
  const runs = [...scenarios, ...lawful(40).map(([seed, log]) => [`seed ${seed}`, log] as const)]

  it.each(runs)("has a span for each agent, step and call, within its parent: %s", (_, log) => {
    const { events, spans }: Parsed = Trace.of("t", log)
    const byId = new Map<string, Parsed>(spans.map((span: Parsed) => [span.spanId, span]))
    assert.strictEqual(byId.size, spans.length)
    const count = (kind: string) => spans.filter((span: Parsed) => span.kind === kind).length
    const calls = log.filter(
      ({ event }) => /^tool-(invocation|agent)$/.test(event.type) && "state" in event && event.state === "call"
    )
    assert.strictEqual(count("tool"), calls.length)
    assert.strictEqual(count("step"), log.filter(({ event }) => event.type === "step-start").length)
    assert.strictEqual(count("agent"), new Set(log.map(({ agentPath }) => agentPath.join("/"))).size)
    for (const { endedAt, kind, parentSpanId, spanId, startedAt } of spans) {
      assert.isAtLeast(endedAt, startedAt)
      const parent = byId.get(parentSpanId)
      if (spanId === "t/") assert.isUndefined(parentSpanId)
      else assert.isAtMost(parent?.startedAt ?? assert.fail(`${kind} ${spanId} has no parent`), startedAt)
    }
    assert.strictEqual(new Set(events.map(({ sequence }: Parsed) => sequence)).size, log.length)
  })

  it("leaves out what stands under the name of a secret, and not counts of tokens", () => {
    const call = { type: "tool-invocation", state: "call", toolInvocationId: "c", toolName: "login" } as const
    const args = { user: "mia", apiKey: "hush", deep: [{ Password: "hush" }], maxTokens: 5 }
    const log = [{ type: "step-start" } as const, { ...call, args }].map((event, index) => ({
      seq: index + 1,
      at: index,
      runId: "r",
      threadId: "t",
      agentPath: [],
      event
    }))
    const trace = JSON.stringify(Trace.of("t", log))
    assert.notInclude(trace, "hush")
    assert.include(trace, '"maxTokens":5')
    assert.include(trace, '"status":"running"')
  })
})
