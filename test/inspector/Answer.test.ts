import { assert, describe, it } from "@effect/vitest"
import { generate, seeded } from "@reins/protocol/testing"
import { answer } from "../../packages/inspector/page/Answer.ts"

const step = { agentPath: [], event: { type: "step-start" } } as const
const text = (text: string) => ({ agentPath: [], event: { type: "text", text } }) as const
const call = {
  agentPath: [],
  event: { type: "tool-invocation", toolInvocationId: "1", toolName: "find", args: {}, state: "call" }
} as const
const result = {
  agentPath: [],
  event: { type: "tool-invocation", toolInvocationId: "1", toolName: "find", args: {}, state: "result", result: 1 }
} as const

describe("the answer of a run", () => {
  it("has the text of each step as a paragraph of its own", () => {
    assert.strictEqual(
      answer([step, text("I will "), text("look."), call, result, step, text("Here it is:\n- a")]),
      "I will look.\n\nHere it is:\n- a"
    )
  })

  it("has the letters that the root agent said, of any log", () => {
    for (let seed = 1; seed <= 200; seed++) {
      const log = generate(seeded(seed))
      const said = answer(log)
      const heard = log.flatMap(({ agentPath, event }) =>
        agentPath.length === 0 && event.type === "text" ? [event.text] : []
      )
      for (const paragraph of said.split("\n\n")) {
        assert.include(heard.join("").replace(/\s/g, ""), paragraph.replace(/\s/g, ""), `seed ${seed}`)
      }
    }
  })
})
