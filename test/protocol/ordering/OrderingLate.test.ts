/** Events that come too late for their place. */
import { assert, describe, it } from "@effect/vitest"
import { AgentPath, type Event, Ordering } from "@reins/protocol"
import * as Generated from "@reins/protocol/testing"

const news: ReadonlyArray<(path: AgentPath.AgentPath) => Event> = [
  () => ({ type: "text", text: "late" }),
  () => ({ type: "reasoning", text: "late" }),
  () => ({ type: "custom", event_type: "late", data: null }),
  () => ({ type: "data-flow-ui", data: { dsl: null } }),
  () => ({
    type: "data-file-registered",
    data: { fileId: "f", filename: "f", mediaType: "text/plain", sizeBytes: 1 }
  }),
  (agentPath) => ({
    type: "budget_exhausted",
    message: "late=1 reached",
    code: "E_BUDGET_LATE",
    data: { limit: "late", max: 1, used: 1, ...(agentPath.length === 0 ? {} : { agentPath }) }
  })
]

describe("late updates", () => {
  it("are accepted at a valid position, or dropped, when their specialist's bracket is closed or the run is ending", () => {
    let lifted = 0
    let dropped = 0
    for (let seed = 1; seed <= 400; seed++) {
      const log = Generated.generate(Generated.seeded(seed), { events: 40, depth: 3 })
      const automaton = new Ordering.Automaton()
      const closed: Array<AgentPath.AgentPath> = []
      let isEnding = false
      for (const { agentPath, event } of log) {
        assert.isUndefined(automaton.accept(agentPath, [event]))
        if (event.type === "tool-agent" && event.state === "result") {
          closed.push(AgentPath.child(agentPath, event.agentName, event.toolInvocationId))
        }
        isEnding ||= event.type === "finish" || event.type === "data-cost-summary"
        for (const path of isEnding ? [...closed, []] : closed) {
          for (const make of news) {
            const late = make(path)
            assert.isDefined(automaton.refuses(path, [late]))
            const placed = automaton.late(path, [late])
            if (placed === undefined) return assert.fail(`seed ${seed}: ${late.type} was refused`)
            if (placed.length === 0) dropped++
            for (const { event, path: above } of placed) {
              lifted++
              assert.isTrue(AgentPath.isWithin(path, above) && above.length < path.length)
              assert.isUndefined(automaton.refuses(above, [event]))
            }
          }
        }
      }
    }
    assert.isAbove(lifted, 1_000)
    assert.isAbove(dropped, 1_000)
  })

  it("are reported by the nearest ancestor whose bracket is open", () => {
    const automaton = new Ordering.Automaton()
    const agent = (agentName: string, id: string, state: "call" | "result"): Event =>
      state === "call"
        ? { type: "tool-agent", agentName, toolInvocationId: id, prompt: null, state }
        : { type: "tool-agent", agentName, toolInvocationId: id, state, result: null }
    const usage = (agentName: string, toolInvocationId: string): Event => ({
      type: "data-tool-agent",
      data: {
        agentName,
        model: "m",
        usage: {
          promptTokens: 0,
          completionTokens: 0,
          totalTokens: 0,
          cacheReadInputTokens: 0,
          cacheCreationInputTokens: 0
        },
        toolInvocationId
      }
    })
    const start: Event = { type: "step-start" }
    const custom: Event = { type: "custom", event_type: "late", data: null }
    const said: ReadonlyArray<readonly [AgentPath.AgentPath, Event]> = [
      [[], start],
      [[], agent("a", "1", "call")],
      [["a#1"], start],
      [["a#1"], agent("b", "2", "call")],
      [["a#1", "b#2"], start],
      [["a#1"], usage("b", "2")],
      [["a#1"], agent("b", "2", "result")]
    ]
    for (const [path, event] of said) assert.isUndefined(automaton.accept(path, [event]))
    assert.deepStrictEqual(automaton.late(["a#1", "b#2"], [custom]), [{ path: ["a#1"], event: custom }])
    assert.deepStrictEqual(automaton.late(["a#1", "b#2"], [{ type: "text", text: "late" }, custom]), [
      { path: ["a#1"], event: custom }
    ])
  })

  it("of a call that has its result are dropped, but not those of an unknown call", () => {
    const automaton = new Ordering.Automaton()
    const call = { type: "tool-invocation", toolInvocationId: "c", toolName: "t", args: null } as const
    automaton.accept([], [{ type: "step-start" }])
    automaton.accept([], [{ ...call, state: "call" }])
    automaton.accept([], [{ ...call, state: "result", result: null }])
    const progress = (toolCallId: string): Event => ({
      type: "tool-progress",
      toolName: "t",
      toolCallId,
      label: "late",
      phaseIndex: 0,
      totalPhases: 1
    })
    assert.deepStrictEqual(automaton.late([], [progress("c")]), [])
    assert.isUndefined(automaton.late([], [progress("another")]))
  })

  it("never open or close anything: such an event is rejected, and changes nothing", () => {
    const automaton = new Ordering.Automaton()
    const before = automaton.snapshot()
    const call: Event = { type: "tool-invocation", toolInvocationId: "c", toolName: "t", args: null, state: "call" }
    assert.isUndefined(automaton.late(["a#1"], [{ type: "step-start" }]))
    assert.isUndefined(automaton.late(["a#1"], [{ type: "custom", event_type: "late", data: null }, call]))
    assert.deepStrictEqual(automaton.snapshot(), before)
  })
})
