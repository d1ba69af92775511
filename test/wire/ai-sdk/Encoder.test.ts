import { assert, describe, it } from "@effect/vitest"
import { Chunk, dialect } from "@reins/wire/ai-sdk"
import { asText, isTheirs, play } from "../Play.ts"
import { reading } from "../Reading.ts"
import { scenario } from "../Scenarios.ts"
import { refused, suite } from "../Suite.ts"

suite("AI SDK", (log) => {
  const denied = refused(log)
  return {
    open: dialect.open,
    read: reading("ai-sdk", { schema: Chunk, waits: false }),
    retracts: true,
    result: (settled, id) => {
      if (isTheirs(settled)) return undefined
      return settled.status === "denied" && denied.has(id) ? "denied" : asText(settled)
    }
  }
})

it("does not send a client's own result back, except to a reader that reads the run again", () => {
  const outputs = (frames: ReadonlyArray<{ readonly data: string }>) =>
    frames.filter(({ data }) => data.includes("tool-output")).filter(({ data }) => data.includes("lat"))
  assert.isEmpty(outputs(play(dialect.open, scenario("client tool")).flat()))
  const encoder = dialect.open()
  assert.lengthOf(outputs(scenario("client tool").flatMap((envelope) => encoder.step(envelope))), 1)
})

const types = (name: string) =>
  play(dialect.open, scenario(name)).map((frames) =>
    frames.map(({ data }) => (data === "[DONE]" ? data : JSON.parse(data).type))
  )

describe("a retracted step", () => {
  it("is reset and sent again, without a second boundary", () => {
    const [first = []] = types("retracted")
    assert.deepStrictEqual(
      first.filter((type) => /step/.test(type)),
      ["start-step", "reset-step", "finish-step"]
    )
  })
})

describe("an answer that ends at a question", () => {
  it("closes its step and continues with the same message", () => {
    assert.deepStrictEqual(types("gated, rejected"), [
      ["start", "start-step", "tool-input-available", "tool-approval-request", "finish-step", "finish", "[DONE]"],
      [
        "start",
        "tool-approval-response",
        "tool-output-denied",
        "finish-step",
        "start-step",
        "text-start",
        "text-delta",
        "text-end",
        "finish-step",
        "finish",
        "data-cost-summary",
        "data-latency-summary",
        "[DONE]"
      ]
    ])
  })

  it("shows a plan as a call that can be approved", () => {
    const chunks = play(dialect.open, scenario("plan"))
      .flat()
      .map(({ data }) => data)
    assert.isTrue(chunks.some((data) => data.includes('"toolName":"approve_plan"')))
  })
})
