/** The first field in which two values differ. */
import { assert, describe, it } from "@effect/vitest"
import { createRuntime } from "@reins/runtime/promise"
import { MemoryJournal, journalHost } from "@reins/runtime/journal"
import { ScriptedModel } from "@reins/runtime/testing"
import { Deployment } from "@reins/runtime"
import { Layer } from "effect"

/** Replays a run of one step after its log was changed. */
const replayed = async (change: (line: string) => string) => {
  const journal = MemoryJournal.make()
  await using runtime = createRuntime({
    model: ScriptedModel.make({ respond: () => ScriptedModel.text("Sold.") }),
    agents: [{ name: "desk" }],
    services: Layer.succeed(Deployment.Deployment, journalHost(journal))
  })
  const { runId } = await runtime.start("Sell.")
  for await (const _ of runtime.watch(runId)) continue
  return runtime.replay(journal.exportRun(runId).map(change))
}

const fieldOf = async (change: (line: string) => string) => {
  const result = await replayed(change)
  return result._tag === "Diverged" ? result.divergence.field : undefined
}

describe("a difference", () => {
  it("is none where only a duration was rounded", async () => {
    const longer = (line: string) => line.replace(/"totalMs":(\d+)/, (_, ms) => `"totalMs":${Number(ms) + 1}`)
    assert.strictEqual((await replayed(longer))._tag, "Identical")
  })

  it("names the field of an event of the log that nobody would write", async () => {
    const dearer = (line: string) => line.replace(/"promptTokens":\d+/, '"promptTokens":777')
    assert.strictEqual(await fieldOf(dearer), "usage.promptTokens")
    const other = (line: string) => line.replace('"finishReason":"stop"', '"finishReason":"length"')
    assert.strictEqual(await fieldOf(other), "finishReason")
  })
})
