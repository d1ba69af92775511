/** Events of types that this version does not know: kept unchanged, and accepted by the automaton. */
import { assert, describe, it } from "@effect/vitest"
import { Envelope, Event, type Json, Ordering, Transcript } from "@reins/protocol"
import * as Generated from "@reins/protocol/testing"
import { Option, Schema } from "effect"

const decode = Schema.decodeUnknownSync(Event)
const encode = Schema.encodeSync(Event)
const Original = Schema.Record(Schema.String, Schema.Json)

const foreign = (fields: { readonly [field: string]: Json }): Event => decode({ type: "message-withdrawn", ...fields })

/**
 * The log with a foreign event before and behind each of its own, on the path of any of them and on one that is not
 * there.
 */
const salted = (log: ReadonlyArray<Envelope.Envelope>): ReadonlyArray<Envelope.Envelope> =>
  [...log, ...log.slice(-1)]
    .flatMap((envelope, index): ReadonlyArray<Envelope.Envelope> => {
      const event = foreign({ index })
      const other = log[(index * 7) % log.length] ?? envelope
      const before = [
        { ...envelope, event },
        { ...other, event },
        { ...envelope, agentPath: ["nobody#1"], event }
      ]
      return index === log.length ? before : [...before, envelope]
    })
    .map((envelope, index) => ({ ...envelope, seq: index + 1 }))

describe("an event of an unknown type", () => {
  it("is read as a custom event, and marked", () => {
    assert.deepStrictEqual(decode({ type: "message-withdrawn", message: { text: "stop" }, at: 5 }), {
      type: "custom",
      event_type: "message-withdrawn",
      data: { message: { text: "stop" }, at: 5 },
      foreign: true
    })
  })

  it.prop("is written unchanged, with and without the schema", { fields: Original }, ({ fields }) => {
    const original = { ...fields, type: "later" }
    assert.deepStrictEqual(encode(decode(original)), original)
    assert.deepStrictEqual(Event.toJson(decode(original)), original)
    assert.deepStrictEqual(decode(encode(decode(original))), decode(original))
  })

  it("is rejected when a known type lacks a field, or when there is no type", () => {
    const option = Schema.decodeUnknownOption(Event)
    for (const value of [
      { type: "text" },
      { type: "finish" },
      { type: "custom", data: 1 },
      { text: "so" },
      { type: 5 },
      []
    ])
      assert.isTrue(Option.isNone(option(value)), JSON.stringify(value))
  })

  it("leaves known events unchanged", () => {
    const custom: Event = { type: "custom", event_type: "acme-note", data: 1 }
    assert.strictEqual(Event.toJson(custom), custom)
    for (let seed = 1; seed < 200; seed++) {
      for (const { event } of Generated.generate(Generated.seeded(seed))) {
        assert.deepStrictEqual(encode(decode(event)), event)
        assert.isTrue(Schema.is(Event)(event))
      }
    }
  })

  it("is written unchanged in its envelope", () => {
    const envelope = { seq: 1, at: 0, runId: "r", threadId: "t", agentPath: [], event: { type: "later", n: 1 } }
    const read = Schema.decodeUnknownSync(Envelope.Envelope)(envelope)
    assert.deepStrictEqual(Envelope.toJson(read), envelope)
    assert.deepStrictEqual(Schema.encodeSync(Envelope.Envelope)(read), envelope)
  })

  it("is valid anywhere, changes no state of the order, and is not part of a history", () => {
    for (let seed = 1; seed <= 300; seed++) {
      const log = Generated.generate(Generated.seeded(seed))
      const more = salted(log)
      assert.deepStrictEqual(Ordering.check(more), [])
      const plain = new Ordering.Automaton()
      const other = new Ordering.Automaton()
      for (const { agentPath, event } of log) plain.accept(agentPath, [event])
      for (const { agentPath, event } of more) assert.isUndefined(other.accept(agentPath, [event]))
      assert.deepStrictEqual(other.snapshot(), plain.snapshot())
      assert.deepStrictEqual(Transcript.messages(Transcript.fold(more)), Transcript.messages(Transcript.fold(log)))
      const batches = new Ordering.Automaton()
      for (const { agentPath, event } of log) {
        assert.isUndefined(batches.accept(agentPath, [foreign({}), event, foreign({})]))
      }
      assert.deepStrictEqual(batches.snapshot(), plain.snapshot())
    }
  })
})
