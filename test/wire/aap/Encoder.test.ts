import { assert, describe, it } from "@effect/vitest"
import type { Envelope } from "@reins/protocol"
import { CallId, Sse } from "@reins/wire"
import { dialect, dialectV2, TurnEvent } from "@reins/wire/aap"
import { Result, Schema } from "effect"
import { asText, play } from "../Play.ts"
import type { Settled } from "../Play.ts"
import { reading } from "../Reading.ts"
import type { Parsed } from "../Rule.ts"
import { fields, rule } from "../Rule.ts"
import { scenario } from "../Scenarios.ts"
import { suite } from "../Suite.ts"

const turn = (mode: "delta" | "message" | "none") => {
  const route = dialect.routes.find(({ path }) => path.endsWith("/turns"))
  const body = { stream: mode, messages: [{ role: "user", content: "hi" }] }
  const decoded = route?.decode({ params: { id: "thread-1" }, query: {}, headers: {}, body })
  rule(decoded !== undefined && Result.isSuccess(decoded), "the turn is understood")
  return decoded.success.answer
}

const openIn = (mode: "delta" | "message") => () => {
  const answer = turn(mode)
  rule(answer._tag === "Stream", "the turn is answered by a stream")
  return answer.open()
}

/** Calls that a person was asked about, and those that stand for questions. */
const askedOf = (log: ReadonlyArray<Envelope.Envelope>): ReadonlyArray<string> =>
  log.flatMap(({ agentPath, event }) =>
    event.type === "approval-required"
      ? [event.data.id, CallId.make(agentPath, event.data.toolInvocationId ?? event.data.id)]
      : []
  )

const content = (asked: ReadonlyArray<string>) => (settled: Settled, id: string) => {
  const isTheirs = settled.type === "tool-invocation" && settled.execution === "client"
  if (asked.includes(id) || (isTheirs && (settled.status === undefined || settled.status === "failed")))
    return undefined
  return settled.status === "denied" ? "Tool call denied" : asText(settled)
}

const decode = Schema.decodeUnknownSync(TurnEvent, { onExcessProperty: "error" })
const read = reading("aap", {
  frame: (frame) => {
    decode({ event: frame.event, data: fields(frame) })
  }
})

for (const mode of ["delta", "message"] as const) {
  suite(`AAP, mode ${mode}`, (log) => ({
    open: openIn(mode),
    manners: ["all"],
    retracts: mode === "message",
    result: content(askedOf(log)),
    read
  }))
}

const answersIn = (name: string, open = openIn("delta")) =>
  play(open, scenario(name)).map((frames) => frames.map(({ data, event }) => [event, JSON.parse(data)]))

describe("a turn of the Agent Application Protocol", () => {
  it("starts a new session with its id, if the version requires it", () => {
    const [[first, second] = []] = play(dialectV2.open, scenario("text"))
    assert.deepStrictEqual(
      [first, second].map((frame) => (frame === undefined ? "" : Sse.encode(frame))),
      ['event: session_start\ndata: {"sessionId":"thread-1"}\n\n', "event: turn_start\ndata: {}\n\n"]
    )
  })

  it("shows all waiting calls, then results of the others, then stops", () => {
    const [first = []] = answersIn("two gated beside a free one")
    assert.deepStrictEqual(
      first.map(([event]) => event),
      ["turn_start", "text_delta", "tool_call", "tool_call", "tool_call", "tool_result", "turn_stop"]
    )
  })

  it("shows the call that a specialist asks about, and the specialist when it has ended", () => {
    const [first = [], second = []] = answersIn("specialist that asks")
    const names = (events: typeof first) =>
      events.flatMap(([event, data]) => (event === "tool_call" ? [data.name] : []))
    assert.deepStrictEqual(names(first), ["refund", "buy"])
    assert.deepStrictEqual(names(second), ["researcher"])
  })

  it("sends whole messages on request", () => {
    const [first = []] = answersIn("reasoning", openIn("message"))
    assert.deepStrictEqual(first, [
      ["turn_start", {}],
      ["thinking", { thinking: "Let me see. Sure?" }],
      ["text", { text: "It is four. Yes." }],
      ["turn_stop", { stopReason: "max_tokens" }]
    ])
  })
})

const none = (name: string): ReadonlyArray<Parsed> => {
  const answer = turn("none")
  rule(answer._tag === "Whole", "the turn is answered by one reply")
  const folding = answer.open()
  const bodies: Array<Parsed> = []
  const log = scenario(name)
  for (const [index, envelope] of log.entries()) {
    folding.step(envelope)
    const isAnswered = log[index + 1]?.event.type === "approval-decision"
    if (!folding.isDetached || !isAnswered) continue
    bodies.push(folding.reply().body)
    folding.reopen(["apr-1", "apr-2"])
  }
  bodies.push(folding.reply().body)
  return bodies
}

describe("mode none", () => {
  it("returns the whole exchange", () => {
    assert.deepStrictEqual(none("one tool"), [
      {
        stopReason: "end_turn",
        messages: [
          {
            role: "assistant",
            content: [
              { type: "text", text: "I look. " },
              {
                type: "tool_use",
                toolCallId: "c1",
                name: "search",
                input: { q: "tides", nested: { deep: [1, null, "x"] } }
              }
            ]
          },
          { role: "tool", toolCallId: "c1", content: '{"hits":3}' },
          { role: "assistant", content: "Three hits." }
        ]
      }
    ])
  })

  it("starts with the tool's message after a granted permission", () => {
    assert.deepStrictEqual(none("gated, approved"), [
      {
        stopReason: "tool_use",
        messages: [
          {
            role: "assistant",
            content: [
              { type: "text", text: "May I? " },
              { type: "tool_use", toolCallId: "c1", name: "refund", input: { amount: 90 } }
            ]
          }
        ]
      },
      {
        stopReason: "end_turn",
        messages: [
          { role: "tool", toolCallId: "c1", content: '{"reversed":1}' },
          { role: "assistant", content: "Refunded." }
        ]
      }
    ])
  })

  it("shows a specialist's question in the last message, after its result", () => {
    const [first, second] = none("specialist that asks")
    const buy = "researcher#c1/c1"
    assert.deepStrictEqual(first.messages, [
      {
        role: "assistant",
        content: [
          { type: "tool_use", toolCallId: "c2", name: "refund", input: { amount: 3 } },
          { type: "tool_use", toolCallId: buy, name: "buy", input: { item: "book" } }
        ]
      }
    ])
    assert.deepStrictEqual(second.messages[0], { role: "tool", toolCallId: buy, content: '{"bought":true}' })
  })
})
