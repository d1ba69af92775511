import { assert, describe, it } from "@effect/vitest"
import { JsonLines } from "@reins/cli"
import type { Envelope, Event } from "@reins/protocol"
import * as Generated from "@reins/protocol/testing"
import { checkText } from "@reins/wire/check"
import { Schema } from "effect"

const Line = Schema.fromJsonString(
  Schema.Struct({ event: Schema.String, data: Schema.Record(Schema.String, Schema.Json) })
)
const decoded = Schema.decodeUnknownSync(Line)
const decode = (line: string) => decoded(line)

const lines = (events: ReadonlyArray<Event>, hidden: ReadonlyArray<string> = []) => {
  const form = new JsonLines(new Set(hidden))
  return events
    .map((event): Envelope.Envelope => ({ seq: 1, at: 0, runId: "r", threadId: "t", agentPath: [], event }))
    .flatMap((envelope) => form.take(envelope))
}

const text = (words: string): Event => ({ type: "text", text: words })
const call: Event = {
  type: "tool-invocation",
  toolInvocationId: "1",
  toolName: "create_bucket",
  args: { stage: "in" },
  state: "call"
}

describe("JSON lines", () => {
  it("say text in pieces, the last of which is complete, as source 003 writes it", () => {
    assert.deepStrictEqual(lines([text("Here are"), text(" your tables:"), { type: "step-start" }]), [
      '{"event":"text","data":{"text":"Here are","state":"streaming"}}',
      '{"event":"text","data":{"text":" your tables:","state":"complete"}}',
      '{"event":"step-start","data":{}}'
    ])
  })

  it("say a call that starts, waits for approval and has its output", () => {
    const states = lines([
      call,
      {
        type: "approval-required",
        data: {
          id: "apr",
          kind: "tool",
          target: "create_bucket",
          payload: { stage: "in" },
          resourceId: "r",
          threadId: "t",
          toolInvocationId: "1"
        }
      },
      {
        type: "tool-invocation",
        toolInvocationId: "1",
        toolName: "create_bucket",
        args: { stage: "in" },
        state: "result",
        result: { id: 7 }
      }
    ]).map(decode)
    const common = { tool_call_id: "1", tool_name: "create_bucket", input: { stage: "in" } }
    assert.deepStrictEqual(states, [
      { event: "tool-call", data: { ...common, state: "started", output: null } },
      { event: "tool-call", data: { ...common, state: "input-available", output: null, approval_id: "apr" } },
      { event: "tool-call", data: { ...common, state: "output-available", output: { id: 7 } } }
    ])
  })

  it("say why a call failed, and end with finish after an error", () => {
    const said = lines([
      {
        type: "tool-invocation",
        toolInvocationId: "1",
        toolName: "create_bucket",
        args: {},
        state: "result",
        result: { message: "Bucket already exists" },
        status: "failed"
      },
      { type: "error", error: { message: "Internal server error", code: "INTERNAL_ERROR" } }
    ])
    assert.deepStrictEqual(said.map(decode), [
      {
        event: "tool-call",
        data: {
          tool_call_id: "1",
          tool_name: "create_bucket",
          state: "output-error",
          input: {},
          output: { error: "Bucket already exists", status: "failed" },
          error_text: "Bucket already exists"
        }
      },
      { event: "error", data: { message: "Internal server error", code: "INTERNAL_ERROR" } },
      { event: "finish", data: { finish_reason: "error" } }
    ])
  })

  it("leave out what is hidden", () => {
    assert.deepStrictEqual(lines([text("x"), call], ["text", "tool-call"]), [])
  })

  it("follow the protocol, for random runs", () => {
    for (let seed = 1; seed <= 200; seed++) {
      const form = new JsonLines()
      const said = Generated.generate(Generated.seeded(seed)).flatMap((envelope) => form.take(envelope))
      assert.deepStrictEqual(
        checkText(said.join("\n")),
        { dialect: "kai", frames: said.length, violations: [] },
        `seed ${seed}`
      )
    }
  })

  it("say of a call that fails whether a person had approved it", () => {
    const failed: Event = {
      type: "tool-invocation",
      toolInvocationId: "1",
      toolName: "create_bucket",
      args: { stage: "in" },
      state: "result",
      result: "Bucket already exists",
      status: "failed"
    }
    const ask: Event = {
      type: "approval-required",
      data: {
        id: "apr",
        kind: "tool",
        target: "create_bucket",
        payload: { stage: "in" },
        resourceId: "r",
        threadId: "t",
        toolInvocationId: "1"
      }
    }
    const last = (decision: Event, end: Event) => {
      const said = lines([call, ask, decision, end]).map(decode)
      return [said.at(-1)?.event, said.at(-1)?.data["state"] ?? "none"]
    }
    const decided = (outcome: "approve" | "reject"): Event => ({
      type: "approval-decision",
      data: { id: "apr", outcome: { outcome } }
    })
    assert.deepStrictEqual(last(decided("approve"), failed), ["tool-output-error", "none"])
    assert.deepStrictEqual(last(decided("reject"), { ...failed, status: "denied" }), ["tool-call", "output-denied"])
  })

  it("are one object each, with finish as the last, for random runs", () => {
    for (let seed = 1; seed <= 60; seed++) {
      const form = new JsonLines()
      const said = Generated.generate(Generated.seeded(seed)).flatMap((envelope) => form.take(envelope))
      for (const line of said) assert.notInclude(line, "\n")
      const events = said.map(decode).map(({ event }) => event)
      assert.strictEqual(events.at(-1), "finish", `seed ${seed}`)
      assert.strictEqual(events.filter((name) => name === "finish").length, 1, `seed ${seed}`)
    }
  })
})
