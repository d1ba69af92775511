import { assert, describe, it } from "@effect/vitest"
import { Event, type Events, type Json, Message } from "@reins/protocol"
import { Schema } from "effect"

const Call = Schema.Struct({ id: Schema.String, name: Schema.String, args: Schema.Json })
const Status = Schema.UndefinedOr(Schema.Literals(["failed", "denied", "cancelled"]))
const Client = Schema.UndefinedOr(Schema.Literal("client"))
const inputs = { call: Call, result: Schema.Json, status: Status, execution: Client }

/** The record without the fields that are `undefined`. */
const present = (record: { readonly [field: string]: unknown }): object =>
  Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined))

/**
 * Equal to the letter: the same fields in the same order, so that a log has the same bytes for events of any origin.
 */
const assertSame = (made: object, expected: { readonly [field: string]: unknown }) => {
  assert.deepStrictEqual(made, present(expected))
  assert.strictEqual(JSON.stringify(made), JSON.stringify(expected))
}

describe("The constructors of events", () => {
  it.prop(
    "leave absent fields absent and keep the order of the schema",
    inputs,
    ({ call, execution, result, status }) => {
      const { args, id, name } = call
      assertSame(Event.toolCall(call, execution), {
        type: "tool-invocation",
        toolInvocationId: id,
        toolName: name,
        args,
        state: "call",
        execution
      })
      assertSame(Event.toolResult(call, args, { result, status }, execution), {
        type: "tool-invocation",
        toolInvocationId: id,
        toolName: name,
        args,
        state: "result",
        result,
        status,
        execution
      })
      assertSame(Event.agentResult(call, { result, status }), {
        type: "tool-agent",
        agentName: name,
        toolInvocationId: id,
        state: "result",
        result,
        status
      })
      assertSame(Event.agentCall(call), {
        type: "tool-agent",
        agentName: name,
        toolInvocationId: id,
        state: "call",
        prompt: args
      })
      const progress = { label: name, phaseIndex: 1, totalPhases: 2 }
      const milestone: Json | undefined = status === undefined ? undefined : args
      assertSame(Event.toolProgress(call, { ...progress, milestone }), {
        type: "tool-progress",
        toolName: name,
        toolCallId: id,
        ...progress,
        milestone
      })
    }
  )

  it("make events that match the schema", () => {
    const call = { id: "1", name: "look", args: {} }
    const usage = {
      promptTokens: 1,
      completionTokens: 1,
      cacheReadInputTokens: 0,
      cacheCreationInputTokens: 0,
      totalTokens: 2
    }
    const events: ReadonlyArray<Event> = [
      Event.text("so"),
      Event.reasoning("so"),
      Event.stepStart,
      Event.stepRetracted("failover"),
      Event.toolCall(call, "client"),
      Event.toolResult(call, {}, { result: null, status: "failed" }, "client"),
      Event.toolProgress(call, { label: "half", phaseIndex: 1, totalPhases: 2 }),
      Event.agentCall(call),
      Event.agentUsage(call, "model-1", usage),
      Event.agentResult(call, { result: "done" }),
      Event.custom("acme-note", 1),
      Event.finish("stop", usage)
    ]
    const decode = Schema.decodeUnknownSync(Event)
    for (const event of events) assert.deepStrictEqual(decode(JSON.parse(JSON.stringify(event))), event)
  })

  it("make no more object shapes than an event has optional fields in use", () => {
    const call = { id: "1", name: "look", args: {} }
    const names = (event: Events.ToolResult) => Object.keys(event).join()
    const plain = names(Event.toolResult(call, {}, { result: 1 }))
    assert.strictEqual(names(Event.toolResult(call, {}, { result: 1, status: undefined }, undefined)), plain)
  })
})

describe("The constructors of message parts", () => {
  it.prop("leave absent fields absent", inputs, ({ call, execution, result, status }) => {
    const { args, id, name } = call
    const metadata = status === undefined ? undefined : { acme: args }
    assertSame(Message.callPart(call, execution, metadata), { type: "tool-call", id, name, args, execution, metadata })
    const content = execution === undefined ? undefined : [{ type: "text" as const, text: name }]
    assertSame(Message.resultPart(call, { result, status, content }), {
      type: "tool-result",
      id,
      name,
      result,
      status,
      content
    })
    assertSame(Message.spokenPart("reasoning", name, metadata), { type: "reasoning", text: name, metadata })
  })
})
