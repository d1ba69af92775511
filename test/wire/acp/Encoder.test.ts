import { assert, describe, it } from "@effect/vitest"
import { Acp, dialect, Permission, Stopped, Update } from "@reins/wire/acp"
import { Result, Schema } from "effect"
import { asText, play } from "../Play.ts"
import { reading } from "../Reading.ts"
import type { Parsed } from "../Rule.ts"
import { rule } from "../Rule.ts"
import { scenario } from "../Scenarios.ts"
import { suite } from "../Suite.ts"

const schemas = new Map<string | undefined, Schema.ConstraintDecoder<unknown>>([
  ["session/update", Schema.Struct({ sessionId: Schema.String, update: Update })],
  ["session/request_permission", Permission],
  ["result", Stopped],
  [
    "error",
    Schema.Struct({ code: Schema.Finite, message: Schema.String, data: Schema.Struct({ reason: Schema.String }) })
  ]
])
const read = reading("acp", { schemaOf: ({ event }) => schemas.get(event) })

suite("ACP", () => ({
  open: dialect.open,
  read,
  retracts: false,
  result: asText,
  notices: ["lost end", "doubled end"]
}))

const framesOf = (name: string, event: string): ReadonlyArray<Parsed> =>
  play(dialect.open, scenario(name))
    .flat()
    .flatMap((frame) => (frame.event === event ? [JSON.parse(frame.data)] : []))

const called = (method: string, params: unknown) => {
  const line = Acp.decodeLine(JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }))
  rule(line !== undefined && !("kind" in line), "the line is understood")
  return Acp.decode(line)
}

describe("a turn of the Agent Client Protocol", () => {
  it("asks for permission with the choices that can be kept", () => {
    const [asked] = framesOf("gated, approved", "session/request_permission")
    assert.deepStrictEqual(asked.toolCall, {
      toolCallId: "c1",
      title: "refund",
      status: "pending",
      rawInput: { amount: 90 }
    })
    const kinds = (name: string) =>
      framesOf(name, "session/request_permission")[0].options.map(({ kind }: { readonly kind: string }) => kind)
    assert.deepStrictEqual(kinds("gated, approved"), ["allow_once", "allow_always", "reject_once"])
    assert.deepStrictEqual(asked._meta, { approvalId: "apr-1", kind: "tool" })
  })

  it("ends with the protocol's reason, and our own beside it", () => {
    const reason = (name: string) =>
      framesOf(name, "result").map(({ _meta, stopReason }) => [stopReason, _meta.finishReason])
    assert.deepStrictEqual(reason("text"), [["end_turn", "stop"]])
    assert.deepStrictEqual(reason("reasoning"), [["max_tokens", "length"]])
    assert.deepStrictEqual(reason("budget"), [["max_turn_requests", "budget"]])
  })
})

describe("a client of the Agent Client Protocol", () => {
  it("is told the version and what the agent can do", () => {
    const answer = called("initialize", { protocolVersion: 2, clientCapabilities: {} })
    rule(Result.isSuccess(answer) && answer.success._tag === "Reply", "it is answered at once")
    assert.deepInclude(answer.success.result, { protocolVersion: 1, authMethods: [] })
  })

  it("sends prompts of text, images and resources", () => {
    const prompt = [
      { type: "text", text: "look" },
      { type: "image", mimeType: "image/png", data: "iVBORw0KGgo=" },
      { type: "resource_link", uri: "file:///a.ts", name: "a.ts" },
      { type: "resource", resource: { uri: "file:///b.ts", text: "let b" } }
    ]
    const answer = called("session/prompt", { sessionId: "s", prompt })
    rule(Result.isSuccess(answer) && answer.success._tag === "Prompt", "it is a turn")
    assert.deepStrictEqual(answer.success.command, {
      _tag: "StartQuery",
      threadId: "s",
      create: "existing",
      prompt: [
        { type: "text", text: "look" },
        { type: "file", mediaType: "image/png", data: "iVBORw0KGgo=" },
        { type: "text", text: "[a.ts](file:///a.ts)" },
        { type: "text", text: '<resource uri="file:///b.ts">\nlet b\n</resource>' }
      ]
    })
  })

  it("is refused what is not done for it", () => {
    assert.isTrue(Result.isFailure(called("session/new", { cwd: "/", mcpServers: [{ name: "files" }] })))
    assert.isTrue(Result.isFailure(called("terminal/create", {})))
    assert.isUndefined(Acp.decodeLine("{"))
  })

  it("decides by its choice, and refuses by anything else", () => {
    const decided = (result: unknown) => Acp.decisionOf({ jsonrpc: "2.0", id: 1, result })
    const chosen = (optionId: string) => decided({ outcome: { outcome: "selected", optionId } })
    assert.deepInclude(chosen("allow_once"), { type: "approve" })
    assert.deepInclude(chosen("allow_always"), { type: "approve", scope: "thread" })
    for (const other of [
      chosen("reject_once"),
      chosen("x"),
      decided({ outcome: { outcome: "cancelled" } }),
      decided(1)
    ]) {
      assert.deepInclude(other, { type: "reject" })
    }
  })
})

describe("a run that fails", () => {
  it("ends the turn where the protocol has a reason for it, and is an error where it has none", () => {
    const last = (code: string) => {
      const log = scenario("error").map((envelope) =>
        envelope.event.type === "error"
          ? { ...envelope, event: { ...envelope.event, error: { ...envelope.event.error, code } } }
          : envelope
      )
      const frame = play(dialect.open, log).flat().at(-1)
      const told: Parsed = JSON.parse(frame?.data ?? "")
      return [frame?.event, told.stopReason]
    }
    assert.deepStrictEqual(last("E_CONTEXT_OVERFLOW"), ["result", "max_tokens"])
    assert.deepStrictEqual(last("E_CONTENT_REFUSED"), ["result", "refusal"])
    assert.deepStrictEqual(last("E_RATE_LIMITED"), ["error", undefined])
  })
})
