import { assert, describe, it } from "@effect/vitest"
import type { Event } from "@reins/protocol"
import { generate, seeded } from "@reins/protocol/testing"
import { stateAt, Timeline } from "../../packages/inspector/page/Timeline.ts"

describe("the timeline of a run", () => {
  it("closes every interval by the end of a complete log, within the time of the run", () => {
    for (let seed = 1; seed <= 300; seed++) {
      const log = generate(seeded(seed))
      const timeline = new Timeline()
      for (const envelope of log) timeline.step(envelope)
      const { endedAt, spans, startedAt } = timeline
      assert.strictEqual(startedAt, log[0]?.at)
      assert.strictEqual(endedAt, log.at(-1)?.at)
      for (const { from, label, to } of spans) {
        assert.isDefined(to, `${label} of seed ${seed}`)
        assert.isTrue(from >= (startedAt ?? 0) && (to ?? 0) >= from && (to ?? 0) <= (endedAt ?? 0))
      }
    }
  })

  it("shows a call as sleeping until its time, how long it slept, and how long its late result was waited for", () => {
    const call = { type: "tool-invocation", toolInvocationId: "c1", toolName: "ship", args: {} } as const
    const log: ReadonlyArray<readonly [at: number, event: Event]> = [
      [0, { type: "step-start" }],
      [0, { ...call, state: "call" }],
      [
        1,
        { type: "custom", event_type: "call_sleeps", data: { toolInvocationId: "c1", toolName: "ship", until: 500 } }
      ],
      [600, { ...call, state: "result", result: "sent", later: { ticketId: "run.tkt_1" } }]
    ]
    const timeline = new Timeline()
    const step = ([at, event]: (typeof log)[number], index: number) =>
      timeline.step({ seq: index + 1, at, runId: "run", threadId: "thread", agentPath: [], event })
    log.slice(0, 3).forEach(step)
    // Until its time neither the call nor its sleep is over, and then the call goes on.
    const states = (now: number) =>
      timeline.spans.flatMap((span) => (span.kind === "step" ? [] : [[span.kind, stateAt(span, now)]]))
    assert.deepStrictEqual(states(499), [
      ["call", { asleepUntil: 500 }],
      ["wait", { asleepUntil: 500 }]
    ])
    assert.deepStrictEqual(states(500), [
      ["call", {}],
      ["wait", { to: 500 }]
    ])
    log.slice(3).forEach((one, index) => step(one, index + 3))
    assert.deepStrictEqual(states(499)[0], ["call", { to: 600 }])
    const waits = () =>
      timeline.spans.filter(({ kind }) => kind === "wait").map(({ from, label, to }) => [label, from, to])
    assert.deepStrictEqual(waits(), [
      ["sleep of ship", 1, 500],
      ["late result of ship", 600, undefined]
    ])
    step([900, { type: "late-result", toolInvocationId: "c1", toolName: "ship", result: "there" }], 4)
    assert.deepStrictEqual(waits()[1], ["late result of ship", 600, 900])
  })
})
