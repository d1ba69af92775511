import { assert, describe, it } from "@effect/vitest"
import type { Entry } from "@reins/protocol"
import { LatencySummary } from "@reins/protocol"
import { Schema } from "effect"

const model = (startedAt: number, endedAt: number, options: Partial<Entry.ModelEntry> = {}): Entry.ModelEntry => ({
  kind: "model",
  path: [],
  step: 1,
  provider: "anthropic",
  model: "sonnet",
  usage: {},
  estimated: false,
  startedAt,
  endedAt,
  attempts: [{ startedAt, endedAt, outcome: "completed" }],
  ...options
})

const tool = (startedAt: number, endedAt: number, options: Partial<Entry.ToolEntry> = {}): Entry.ToolEntry => ({
  kind: "tool",
  path: [],
  callId: "c1",
  toolName: "search",
  startedAt,
  endedAt,
  attempts: 1,
  ...options
})

const wait = (startedAt: number, endedAt: number, options: Partial<Entry.WaitEntry> = {}): Entry.WaitEntry => ({
  kind: "wait",
  path: [],
  reason: "approval",
  id: "ask/c1",
  startedAt,
  endedAt,
  ...options
})

const times = (entries: ReadonlyArray<Entry.Entry>, options: LatencySummary.Options) => {
  const { downMs, humanWaitMs, machineMs, totalMs } = LatencySummary.fold(entries, options)
  return { totalMs, machineMs, humanWaitMs, downMs }
}

const run = (startedAt: number, endedAt: number, downMs = 0): LatencySummary.Options => ({ startedAt, endedAt, downMs })

const hour = 3_600_000

describe("LatencySummary.fold", () => {
  it("separates an hour of waiting for a person from two seconds of work", () => {
    const entries = [model(0, 1000), wait(1000, 1000 + hour), tool(1000 + hour, 2000 + hour)]
    assert.deepStrictEqual(times(entries, run(0, 2000 + hour)), {
      totalMs: hour + 2000,
      machineMs: 2000,
      humanWaitMs: hour,
      downMs: 0
    })
  })

  it("counts an hour of a tool as machine time", () => {
    assert.strictEqual(times([tool(0, hour)], run(0, hour)).machineMs, hour)
  })

  it("counts as machine time when a tool runs during a pending question", () => {
    const entries = [wait(1000, 11_000), tool(2000, 8000, { callId: "c2" })]
    assert.strictEqual(times(entries, run(0, 12_000)).humanWaitMs, 4000)
    assert.strictEqual(times(entries, run(0, 12_000)).machineMs, 8000)
  })

  it("counts two concurrent questions as one wait", () => {
    const entries = [wait(0, 10, { id: "a" }), wait(5, 20, { id: "b", reason: "client-tool", path: ["a#1"] })]
    assert.strictEqual(times(entries, run(0, 30)).humanWaitMs, 20)
  })

  it("counts a timer neither as a person nor as machine time", () => {
    const { humanWaitMs, idleMs, machineMs } = LatencySummary.fold([wait(0, 50, { reason: "timer" })], run(0, 60))
    assert.deepStrictEqual({ humanWaitMs, idleMs, machineMs }, { humanWaitMs: 0, idleMs: 50, machineMs: 10 })
    assert.notProperty(LatencySummary.fold([model(0, 10)], run(0, 10)), "idleMs")
  })

  it("counts no machine time while the handler of a call sleeps, but that of another call", () => {
    const slept = [tool(0, 100), wait(10, 90, { reason: "timer", id: "c1" })]
    assert.deepInclude(LatencySummary.fold(slept, run(0, 100)), { idleMs: 80, machineMs: 20, toolMs: 20 })
    const beside = LatencySummary.fold([...slept, tool(50, 70, { callId: "c2" })], run(0, 100))
    assert.deepInclude(beside, { idleMs: 60, machineMs: 40, toolMs: 40 })
    assert.deepStrictEqual(
      beside.tools.map(({ durationMs }) => durationMs),
      [20, 20]
    )
  })

  it("counts time without a process separately", () => {
    assert.deepStrictEqual(times([model(0, 100)], run(0, 100, 30)), {
      totalMs: 100,
      machineMs: 70,
      humanWaitMs: 0,
      downMs: 30
    })
  })

  it("counts a wait overnight once, when the time without a process is known", () => {
    const entries = [model(0, 1000), wait(1000, 1000 + hour), tool(1000 + hour, 2000 + hour)]
    const down = [{ from: 5000, to: 1000 + hour }]
    assert.deepStrictEqual(times(entries, { ...run(0, 2000 + hour, 17), down }), {
      totalMs: hour + 2000,
      machineMs: 2000,
      humanWaitMs: 4000,
      downMs: hour - 4000
    })
  })

  it("subtracts double-counted time from the human wait, when it is not known", () => {
    assert.deepStrictEqual(times([wait(0, 100)], run(0, 100, 60)), {
      totalMs: 100,
      machineMs: 0,
      humanWaitMs: 40,
      downMs: 60
    })
  })

  it("counts nothing below 0 when the clock jumps back", () => {
    const entries = [model(100, 50), tool(10, 5), wait(90, 20)]
    const summary = LatencySummary.fold(entries, run(1000, 500, 20))
    assert.deepStrictEqual(times(entries, run(1000, 500, 20)), { totalMs: 0, machineMs: 0, humanWaitMs: 0, downMs: 0 })
    assert.strictEqual(summary.modelMs, 0)
    assert.strictEqual(summary.toolMs, 0)
    assert.isTrue(Schema.is(LatencySummary.LatencySummary)(summary))
  })

  it("counts each parallel tool in toolMs, and their common time once in machineMs", () => {
    const summary = LatencySummary.fold([tool(0, 100), tool(0, 100, { callId: "c2" })], run(0, 100))
    assert.strictEqual(summary.toolMs, 200)
    assert.strictEqual(summary.machineMs, 100)
  })

  it("measures the first token and the first text, of the step and of the run", () => {
    const attempts: ReadonlyArray<Entry.Attempt> = [
      { startedAt: 1100, endedAt: 1200, outcome: "failed", error: "RateLimited" },
      { startedAt: 1500, endedAt: 3000, firstTokenAt: 1700, firstTextAt: 2500, outcome: "completed" }
    ]
    const early: Entry.Attempt = { startedAt: 1200, endedAt: 1600, firstTokenAt: 1250, outcome: "completed" }
    const summary = LatencySummary.fold(
      [model(1100, 3000, { attempts }), model(1200, 1600, { path: ["a#1"], attempts: [early] })],
      run(1000, 4000)
    )
    assert.strictEqual(summary.timeToFirstTokenMs, 250)
    assert.strictEqual(summary.timeToFirstTextMs, 1500)
    assert.deepStrictEqual(summary.steps, [
      {
        agentPath: [],
        step: 1,
        model: "sonnet",
        startedAfterMs: 100,
        durationMs: 1900,
        timeToFirstTokenMs: 600,
        timeToFirstTextMs: 1400,
        attempts: [
          { durationMs: 100, outcome: "failed", error: "RateLimited" },
          { durationMs: 1500, outcome: "completed" }
        ]
      },
      {
        agentPath: ["a#1"],
        step: 1,
        model: "sonnet",
        startedAfterMs: 200,
        durationMs: 400,
        timeToFirstTokenMs: 50,
        attempts: [{ durationMs: 400, outcome: "completed" }]
      }
    ])
  })

  it("leaves out the first token when none came", () => {
    const summary = LatencySummary.fold([model(0, 10)], run(0, 10))
    assert.notProperty(summary, "timeToFirstTokenMs")
    assert.notProperty(summary, "timeToFirstTextMs")
  })

  it("lists tools and waits with their agents and times", () => {
    const summary = LatencySummary.fold(
      [tool(20, 50, { status: "failed", attempts: 2 }), wait(10, 15, { path: ["a#1"] })],
      run(5, 60)
    )
    assert.deepStrictEqual(summary.tools, [
      {
        agentPath: [],
        toolName: "search",
        toolCallId: "c1",
        startedAfterMs: 15,
        durationMs: 30,
        attempts: 2,
        status: "failed"
      }
    ])
    assert.deepStrictEqual(summary.waits, [
      {
        agentPath: ["a#1"],
        reason: "approval",
        id: "ask/c1",
        startedAfterMs: 5,
        durationMs: 5
      }
    ])
  })

  it("lists rows by their start, then by agent, then by name", () => {
    const entries = [
      tool(5, 9, { path: ["a#1"], callId: "c1" }),
      tool(5, 9, { callId: "c9" }),
      tool(5, 9, { callId: "c8" }),
      tool(4, 9, { path: ["b#1"], callId: "c7" })
    ]
    for (const rows of [entries, entries.toReversed()]) {
      const { tools } = LatencySummary.fold(rows, run(0, 10))
      assert.deepStrictEqual(
        tools.map((call) => call.toolCallId),
        ["c7", "c8", "c9", "c1"]
      )
    }
  })

  const time = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 40 }))
  const Row = Schema.Struct({
    kind: Schema.Literals(["model", "tool", "approval", "client-tool", "timer"]),
    path: Schema.Array(Schema.Literals(["a#1", "b#2"])).check(Schema.isMaxLength(2)),
    startedAt: time,
    endedAt: time,
    turn: Schema.Int
  })
  const Rows = Schema.Array(Row).check(Schema.isMaxLength(12))

  const entry = ({ endedAt, kind, path, startedAt }: typeof Row.Type, index: number): Entry.Entry => {
    switch (kind) {
      case "model":
        return model(startedAt, endedAt, { path, step: index })
      case "tool":
        return tool(startedAt, endedAt, { path, callId: `c${index}` })
      case "timer":
        // Of the call before it, where there is one and its agent is the same.
        return wait(startedAt, endedAt, { path, reason: kind, id: `c${index - 1}` })
      default:
        return wait(startedAt, endedAt, { path, reason: kind, id: `w${index}` })
    }
  }

  /** Asks of every millisecond by itself what the run did in it. */
  const secondHand = (
    entries: ReadonlyArray<Entry.Entry>,
    from: number,
    to: number,
    down: Down,
    counts = ({ reason }: Entry.WaitEntry) => reason !== "timer"
  ): number => {
    let sum = 0
    for (let at = from; at < to; at++) {
      const on = entries.filter((row) => row.startedAt <= at && at < row.endedAt)
      const sleeps = ({ callId, path }: Entry.ToolEntry) =>
        on.some(
          (row) => row.kind === "wait" && row.reason === "timer" && row.id === callId && row.path.join() === path.join()
        )
      const waits = on.some((row) => row.kind === "wait" && counts(row))
      const dead = down.some((interval) => interval.from <= at && at < interval.to)
      if (waits && !dead && on.every((row) => row.kind === "wait" || (row.kind === "tool" && sleeps(row)))) sum++
    }
    return sum
  }
  const Down = Schema.Array(Schema.Struct({ from: time, to: time })).check(Schema.isMaxLength(3))
  type Down = typeof Down.Type

  it.prop(
    "counts as human time exactly the time in which nothing else ran",
    { rows: Rows, from: time, to: time, down: Down },
    ({ down, from, rows, to }) => {
      const entries = rows.map(entry)
      assert.strictEqual(LatencySummary.humanWaitMs(entries, from, to, down), secondHand(entries, from, to, down))
      assert.strictEqual(LatencySummary.humanWaitMs(entries, from, to), secondHand(entries, from, to, []))
      const all = secondHand(entries, from, to, down, () => true)
      assert.strictEqual(LatencySummary.waitMs(entries, from, to, down), all)
    },
    { arbitrary: { runs: 2000 } }
  )

  it.prop(
    "divides the total into machine, human, idle and down time, in any order of the rows",
    { rows: Rows, startedAt: time, endedAt: time, downMs: time, down: Schema.optionalKey(Down) },
    ({ rows, ...options }) => {
      const rowsInTurn = rows.map((row, index) => ({ turn: row.turn, entry: entry(row, index) }))
      const entries = rowsInTurn.map(({ entry }) => entry)
      const summary = LatencySummary.fold(entries, options)
      assert.strictEqual(
        summary.totalMs,
        summary.machineMs + summary.humanWaitMs + (summary.idleMs ?? 0) + summary.downMs
      )
      assert.strictEqual(summary.totalMs, Math.max(0, options.endedAt - options.startedAt))
      assert.isTrue(Schema.is(LatencySummary.LatencySummary)(summary))
      const shuffled = rowsInTurn.toSorted((a, b) => a.turn - b.turn).map(({ entry }) => entry)
      assert.deepStrictEqual(LatencySummary.fold(shuffled, options), summary)
      assert.deepStrictEqual(LatencySummary.fold(entries.toReversed(), options), summary)
    },
    { arbitrary: { runs: 1000 } }
  )

  it.prop("gives a wait that has not ended an open end", { rows: Rows, to: time }, ({ rows, to }) => {
    const entries = rows.map(entry)
    const open = [...entries, wait(3, Number.MAX_SAFE_INTEGER)]
    const closed = [...entries, wait(3, to)]
    assert.strictEqual(LatencySummary.humanWaitMs(open, 0, to), LatencySummary.humanWaitMs(closed, 0, to))
  })
})
