import { assert, describe, it } from "@effect/vitest"
import { createRuntime, type Event, tool } from "@reins/runtime/promise"
import { ScriptedModel } from "@reins/runtime/testing"

const calling = (...ids: ReadonlyArray<string>) =>
  ScriptedModel.make({
    replies: [ScriptedModel.calls(ids.map((id) => ({ id, name: "work", args: { id } }))), ScriptedModel.text("done")]
  })

const agents = [{ name: "desk", tools: ["work"] }] as const

const parameters = { type: "object" } as const

const gate = () => {
  let open = (): void => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { open, opened }
}

const resultsOf = (events: ReadonlyArray<Event>) =>
  events.flatMap((event) =>
    event.type === "tool-invocation" && event.state === "result" ? [[event.toolInvocationId, event.result]] : []
  )

describe("a tool as a plain function", () => {
  it("may return, promise, throw and reject in parallel, and each call has its own result", async () => {
    const work = tool({
      parameters,
      execute: ({ id }) => {
        if (id === "answers") return { at: "once" }
        if (id === "throws") throw new Error("thrown")
        return id === "rejects" ? Promise.reject(new Error("rejected")) : Promise.resolve({ at: "last" })
      }
    })
    const model = calling("promises", "answers", "rejects", "throws")
    await using runtime = createRuntime({ model, tools: { work }, agents })
    const events: Array<Event> = []
    for await (const event of runtime.query("Go.")) events.push(event)
    assert.deepStrictEqual(Object.fromEntries(resultsOf(events)), {
      promises: { at: "last" },
      answers: { at: "once" },
      rejects: { message: "rejected" },
      throws: { message: "thrown" }
    })
  })

  it("has the first result of a promise that settles twice", async () => {
    const twice = {
      // oxlint-disable-next-line unicorn/no-thenable -- a promise of another library
      then: (done: (value: unknown) => void, failed: (error: unknown) => void) => {
        done("first")
        done("second")
        failed(new Error("third"))
      }
    }
    const model = calling("c1")
    await using runtime = createRuntime({ model, tools: { work: tool({ parameters, execute: () => twice }) }, agents })
    const events: Array<Event> = []
    for await (const event of runtime.query("Go.")) events.push(event)
    assert.deepStrictEqual(resultsOf(events), [["c1", "first"]])
    assert.strictEqual(model.requests.length, 2)
  })

  it("crashes alone where nothing can be read of what it rejects with", async () => {
    const unreadable = {
      get message(): string {
        throw new Error("not for you")
      }
    }
    const work = tool({ parameters, execute: () => Promise.reject(unreadable) })
    await using runtime = createRuntime({ model: calling("c1"), tools: { work }, agents })
    const events: Array<Event> = []
    for await (const event of runtime.query("Go.")) events.push(event)
    assert.deepStrictEqual(resultsOf(events), [["c1", { error: "ToolCrashed", message: "work failed unexpectedly" }]])
    assert.strictEqual(events.at(-1)?.type, "data-latency-summary")
  })

  it("is abandoned when its run is cancelled, even if its promise never resolves", async () => {
    const begun = gate()
    let signal: AbortSignal | undefined
    const work = tool({
      parameters,
      execute: (_, call) => {
        signal = call.signal
        begun.open()
        return new Promise(() => {})
      }
    })
    await using runtime = createRuntime({ model: calling("c1", "c2"), tools: { work }, agents, cancelGrace: 1 })
    const { runId } = await runtime.start("Go.")
    await begun.opened
    await runtime.cancel(runId)
    const events: Array<Event> = []
    for await (const { event } of runtime.watch(runId)) events.push(event)
    assert.strictEqual(resultsOf(events).length, 2)
    for (const [, result] of resultsOf(events)) assert.match(JSON.stringify(result), /may still take effect/)
    const report = events.find((event) => event.type === "custom" && event.event_type === "cancellation_report")
    assert.match(JSON.stringify(report), /"stopped":\[\],"abandoned":\[\{.*"c1".*"c2"/)
    assert.strictEqual(events.find(({ type }) => type === "finish")?.type, "finish")
    assert.isTrue(signal?.aborted)
  })

  it("that ignores its timeout is abandoned, and its model reads that it may still take effect", async () => {
    const work = tool({ parameters, timeoutMs: 2, execute: () => new Promise(() => {}) })
    const model = calling("c1")
    await using runtime = createRuntime({ model, tools: { work }, agents, cancelGrace: 1 })
    const events: Array<Event> = []
    for await (const event of runtime.query("Go.")) events.push(event)
    assert.match(JSON.stringify(resultsOf(events)), /ToolTimedOut.*may still take effect/)
    assert.match(JSON.stringify(model.requests[1]?.messages.at(-1)), /may still take effect/)
  })

  it("emits nothing for an ended attempt, even if its function continues", async () => {
    const second = gate()
    const late = gate()
    const work = tool({
      parameters,
      timeoutMs: 100,
      retries: 1,
      execute: async (_, call) => {
        const progress = (label: string) => call.progress({ label, phaseIndex: 0, totalPhases: 1 })
        if (call.attempt === 0) {
          await second.opened
          await progress("late")
          late.open()
          return { attempt: 0 }
        }
        second.open()
        await late.opened
        await progress("in time")
        return { attempt: 1 }
      }
    })
    await using runtime = createRuntime({ model: calling("c1"), tools: { work }, agents })
    const events: Array<Event> = []
    for await (const event of runtime.query("Go.")) events.push(event)
    const labels = events.flatMap((event) => (event.type === "tool-progress" ? [event.label] : []))
    assert.deepStrictEqual(labels, ["in time"])
    assert.deepStrictEqual(resultsOf(events), [["c1", { attempt: 1 }]])
  })
})
