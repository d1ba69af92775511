import { assert, describe, it } from "@effect/vitest"
import { CancellationReport, type Entry } from "@reins/protocol"
import { Schema } from "effect"

const tool = (callId: string, toolName: string, more: Partial<Entry.ToolEntry> = {}): Entry.ToolEntry => ({
  kind: "tool",
  path: ["reader#r"],
  callId,
  toolName,
  startedAt: 0,
  endedAt: 1,
  attempts: 1,
  ...more
})

const model = (step: number, ...attempts: ReadonlyArray<Pick<Entry.Attempt, "outcome" | "abandoned">>) => {
  const entry: Entry.ModelEntry = {
    kind: "model",
    path: [],
    step,
    provider: "p",
    model: "m",
    usage: {},
    estimated: false,
    startedAt: 0,
    endedAt: 1,
    attempts: attempts.map((attempt) => ({ startedAt: 0, endedAt: 1, ...attempt }))
  }
  return entry
}

const fold = (entries: ReadonlyArray<Entry.Entry>) =>
  CancellationReport.fold("run", entries, (path, name) => path[0] === "reader#r" && name === "look")

const call = (toolInvocationId: string, toolName: string) => ({
  agentPath: ["reader#r"],
  toolInvocationId,
  toolName,
  idempotencyKey: `run:reader#r/${toolInvocationId}`
})

describe("a cancellation report", () => {
  it("separates what was stopped, abandoned, completed and failed", () => {
    const report = fold([
      model(1, { outcome: "failed" }, { outcome: "completed" }),
      tool("a", "pay"),
      tool("b", "look"),
      tool("c", "pay", { status: "failed" }),
      tool("d", "look", { status: "failed" }),
      tool("e", "look", { status: "cancelled" }),
      tool("f", "pay", { status: "cancelled", abandoned: true }),
      model(2, { outcome: "cancelled" }),
      model(3, { outcome: "cancelled", abandoned: true }),
      { kind: "wait", path: [], reason: "approval", id: "x", startedAt: 0, endedAt: 1 }
    ])
    assert.deepStrictEqual(report, {
      stopped: [
        { kind: "model", agentPath: [], step: 2 },
        { kind: "tool", ...call("e", "look") }
      ],
      abandoned: [
        { kind: "model", agentPath: [], step: 3 },
        { kind: "tool", ...call("f", "pay") }
      ],
      tookEffect: [call("a", "pay")],
      failed: [call("c", "pay")]
    })
    assert.deepStrictEqual(Schema.decodeUnknownSync(CancellationReport.CancellationReport)(report), report)
  })

  it("of a run that had done nothing is empty", () => {
    assert.deepStrictEqual(fold([]), { stopped: [], abandoned: [], tookEffect: [], failed: [] })
  })
})
