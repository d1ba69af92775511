import { assert, describe, it } from "@effect/vitest"
import { ContentFree, Envelope, type Event, Ordering, Usage } from "@reins/protocol"
import { Scenario, ScenarioRun } from "@reins/runtime/testing"
import { Effect, References, Schema } from "effect"

const isEnvelope = Schema.is(Envelope.Envelope)
const secret = "very-secret-words"

/** Everything that people, models and tools can say, in every event that can carry it. */
const sayings: ReadonlyArray<Event> = [
  { type: "text", text: secret },
  { type: "reasoning", text: secret },
  { type: "message-received", data: { messageId: "m", position: 1, content: [{ type: "text", text: secret }] } },
  { type: "tool-input-delta", toolInvocationId: "c", toolName: "t", text: secret },
  { type: "source", data: { id: secret, sourceType: "url", url: secret, title: secret, filename: secret } },
  { type: "tool-invocation", toolInvocationId: "c", toolName: "t", args: { secret }, state: "call" },
  { type: "tool-invocation", toolInvocationId: "c", toolName: "t", args: { secret }, state: "result", result: secret },
  {
    type: "tool-progress",
    toolName: "t",
    toolCallId: "c",
    label: secret,
    phaseIndex: 0,
    totalPhases: 1,
    milestone: secret
  },
  { type: "tool-agent", agentName: "a", toolInvocationId: "c", state: "call", prompt: secret },
  { type: "tool-agent", agentName: "a", toolInvocationId: "c", state: "result", result: secret, status: "failed" },
  {
    type: "approval-required",
    data: { id: "q", kind: "question", target: secret, payload: { question: secret }, resourceId: "r", threadId: "t" }
  },
  { type: "approval-decision", data: { id: "q", outcome: { outcome: "revise", partial: secret }, feedback: secret } },
  { type: "approval-decision", data: { id: "q", outcome: { outcome: "answer", value: secret }, by: "ana" } },
  {
    type: "data-file-registered",
    data: { fileId: "f", filename: secret, mediaType: "a/b", sizeBytes: 1, url: secret }
  },
  { type: "data-flow-ui", data: { dsl: secret } },
  { type: "custom", event_type: "own", data: { secret } },
  { type: "custom", event_type: "later", data: { secret }, foreign: true },
  {
    type: "finish",
    finishReason: "stop",
    usage: Usage.toTotals(Usage.empty),
    stopSequence: secret
  },
  { type: "error", error: { message: secret, code: "E_X", data: { secret } } }
]

describe("an event without content", () => {
  it("has none of what was said, is of the same type, and is valid", () => {
    for (const event of sayings) {
      const envelope: Envelope.Envelope = { seq: 1, at: 1, runId: "r", threadId: "t", agentPath: [], event }
      const bare = ContentFree.envelope(envelope)
      assert.notInclude(JSON.stringify(Envelope.toJson(bare)), secret, event.type)
      assert.strictEqual(bare.event.type, event.type)
      assert.isTrue(isEnvelope(bare), event.type)
    }
  })

  it.live("leaves the order of random runs, and what they cost, as they were", () =>
    Effect.gen(function* () {
      for (let seed = 0; seed < 60; seed++) {
        const { stored } = yield* ScenarioRun.onMemory(Scenario.generate(seed))
        const bare = stored.map(ContentFree.envelope)
        assert.deepStrictEqual(Ordering.check(bare), [], `seed ${seed}`)
        assert.isTrue(bare.every(isEnvelope))
        const sums = (log: ReadonlyArray<Envelope.Envelope>) =>
          log.flatMap(({ event }): ReadonlyArray<unknown> =>
            event.type === "finish" ? [event.usage] : event.type === "data-cost-summary" ? [event.data] : []
          )
        assert.deepStrictEqual(sums(bare), sums(stored))
      }
    }).pipe(Effect.provideService(References.MinimumLogLevel, "None"))
  )
})
