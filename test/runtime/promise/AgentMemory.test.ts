import { assert, describe, it } from "@effect/vitest"
import { createRuntime } from "reins"
import { ScriptedModel } from "@reins/runtime/testing"

/** A desk that remembers its prompt. */
const desk = (memory: boolean | { readonly scope: "tenant" }) =>
  createRuntime({
    model: ScriptedModel.make({
      respond: (request) =>
        ScriptedModel.lastResults(request).length === 0 && request.tools.length > 0
          ? ScriptedModel.calls([{ id: "c", name: "remember", args: { text: ScriptedModel.lastPrompt(request) } }])
          : ScriptedModel.text(request.tools.map(({ name }) => name).join(" "))
    }),
    agents: [{ name: "desk", memory }]
  })

describe("the memory of an agent of package reins", () => {
  it("is the principal's with true, and gives it the three tools", async () => {
    await using runtime = desk(true)
    const { output } = await runtime.complete("Likes tea.", { principal: "ann" })
    assert.strictEqual(output, "remember recall forget")
    const { memories } = await runtime.memory.list()
    assert.deepStrictEqual(
      memories.map(({ principal, text }) => [principal, text]),
      [["ann", "Likes tea."]]
    )
  })

  it("is the tenant's where its options say so, and none with false", async () => {
    await using shared = desk({ scope: "tenant" })
    await shared.complete("Opens at nine.", { principal: "ann" })
    const { memories } = await shared.memory.list()
    assert.deepStrictEqual(
      memories.map(({ principal, text }) => [principal, text]),
      [[undefined, "Opens at nine."]]
    )
    await using without = desk(false)
    assert.strictEqual((await without.complete("Likes tea.", { principal: "ann" })).output, "")
  })

  it("is refused where it is neither, with what fits", () => {
    const written: object = { model: ScriptedModel.make(), agents: [{ name: "desk", memory: "yes" }] }
    const wrong = () => Reflect.apply(createRuntime, undefined, [written])
    assert.throws(wrong, /memory.*Use true, or an object such as \{ scope: "tenant" \}/)
  })
})
