import { assert, describe, it } from "@effect/vitest"
import { JsonRpc, Sidecar } from "@reins/wire/steerable"
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
