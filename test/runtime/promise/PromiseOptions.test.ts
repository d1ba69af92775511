import { assert, describe, it } from "@effect/vitest"
import { type AnyModel, createRuntime, type ModelPart } from "@reins/runtime/promise"

/** What is named like a response, then words, until its reader leaves. */
const cut = (): AnyModel => ({
  provider: "test",
  model: "endless",
  open: async function* (_request, signal): AsyncGenerator<ModelPart> {
    yield { type: "response", id: "resp_1" }
    yield { type: "text", text: "and " }
    await new Promise((resolve) => signal.addEventListener("abort", resolve))
  }
})

describe("estimates", () => {
  it("are corrected by what a lookup with promises reports of answers that were cut", async () => {
    const asked: Array<string> = []
    const both = Promise.withResolvers<void>()
    await using runtime = createRuntime({
      model: cut(),
      agents: [{ name: "desk" }],
      usageLookups: {
        every: 5,
        lookups: [
          {
            provider: "test",
            find: async ({ responseId, runId }) => {
              asked.push(`${runId} ${responseId}`)
              // One after the other: when the second is asked for, the first is booked.
              if (asked.length === 2) both.resolve()
              return { _tag: "Reported", usage: { inputUncached: 40, outputText: 2 } }
            }
          }
        ]
      }
    })
    for (const runId of ["r1", "r2"]) {
      const run = await runtime.start("go", { runId })
      for await (const event of run.events()) if (event.type === "text") await runtime.cancel(runId)
    }
    await both.promise
    assert.sameMembers(asked, ["r1 resp_1", "r2 resp_1"])
    const { sum } = await runtime.costs.by({ runId: asked[0]?.slice(0, 2) ?? "" })
    assert.deepInclude(sum, { promptTokens: 40, completionTokens: 2, corrections: 1 })
  })
})
