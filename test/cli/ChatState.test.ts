import { assert, describe, it } from "@effect/vitest"
import { ChatState, SlashCommand } from "@reins/cli"
import type { Approval, Event } from "@reins/protocol"
import { Schema } from "effect"

const request = (id: string): Approval.Request => ({
  id,
  kind: "tool",
  target: "run_command",
  payload: { command: "npm test" },
  resourceId: "r",
  threadId: "t"
})

const event = (what: Event): ChatState.Happening => ({
  _tag: "Happened",
  agent: "root",
  envelope: { seq: 1, at: 0, runId: "run", threadId: "t", agentPath: [], event: what }
})

const typed = (text: string): ChatState.Happening => ({ _tag: "Typed", text })
const started: ChatState.Happening = { _tag: "Started", runId: "run" }
const interrupted: ChatState.Happening = { _tag: "Interrupted" }
const asked = (id: string) => event({ type: "approval-required", data: request(id) })
const decided = (id: string) => event({ type: "approval-decision", data: { id, outcome: { outcome: "approve" } } })

/** What is to be done after these happenings, and the state then. */
const through = (...happenings: ReadonlyArray<ChatState.Happening>) => {
  let state = ChatState.start
  const acts = happenings.flatMap((happening) => {
    const [next, todo] = ChatState.after(state, happening)
    state = next
    return todo
  })
  return { state, acts, tags: acts.map(({ _tag }) => _tag) }
}

describe("a chat", () => {
  it("asks what is typed, and sends along what is typed while it works", () => {
    const { acts } = through(typed("one"), started, typed("two"))
    assert.deepStrictEqual(acts, [
      { _tag: "Query", text: "one" },
      { _tag: "Steer", runId: "run", text: "two" }
    ])
  })

  it("keeps what could not be sent along for the next query, in order", () => {
    const { acts, state } = through(
      typed("one"),
      typed("two"),
      started,
      { _tag: "NotSteered", text: "three" },
      { _tag: "Ended" }
    )
    assert.deepStrictEqual(acts, [
      { _tag: "Query", text: "one" },
      { _tag: "Query", text: "two" }
    ])
    assert.deepStrictEqual(state.queue, ["three"])
  })

  it("cancels at the first Ctrl-C and leaves at the second; when nothing runs it leaves at the second, too", () => {
    assert.deepStrictEqual(through(typed("one"), started, interrupted).tags, ["Query", "Show", "Cancel"])
    assert.deepStrictEqual(through(typed("one"), started, interrupted, interrupted).acts.at(-1), {
      _tag: "Leave",
      isForced: true
    })
    // The second, when the run has ended meanwhile; a moment later it is a first again.
    const ended: ChatState.Happening = { _tag: "Ended" }
    assert.deepStrictEqual(through(typed("one"), started, interrupted, ended, interrupted).acts.at(-1), {
      _tag: "Leave",
      isForced: true
    })
    for (const between of [
      [{ _tag: "Rested" }, interrupted],
      [typed("/help"), interrupted]
    ] as const) {
      assert.notInclude(through(typed("one"), started, interrupted, ended, ...between).tags, "Leave")
    }
    assert.notInclude(through(typed("one"), started, ended, interrupted).tags, "Leave")
    assert.deepStrictEqual(through(interrupted).tags, ["Show"])
    assert.deepStrictEqual(through(interrupted, interrupted).acts.at(-1), { _tag: "Leave", isForced: false })
    assert.notInclude(through(interrupted, typed("/help"), interrupted).tags, "Leave")
  })

  it("cancels a run that starts after Ctrl-C was pressed", () => {
    assert.deepStrictEqual(through(typed("one"), interrupted, started).tags, ["Query", "Show", "Cancel"])
  })

  it("answers the oldest question with what is typed, and edits its arguments", () => {
    const { acts } = through(
      typed("x"),
      started,
      asked("1"),
      asked("2"),
      typed("t"),
      decided("1"),
      typed("e"),
      typed("command=ls")
    )
    assert.deepStrictEqual(acts.slice(1), [
      { _tag: "Answer", id: "1", decision: { type: "approve", scope: "thread" } },
      { _tag: "Draft", text: "command=npm test" },
      { _tag: "Answer", id: "2", decision: { type: "revise", partial: { command: "ls" } } }
    ])
  })

  it("never takes another sentence for an answer", () => {
    const sentences = [
      "a better name would be report.md",
      "yes, but not that one",
      "y not?",
      "approve nothing",
      "t is a variable",
      "what is this?"
    ]
    const { tags } = through(typed("x"), started, asked("1"), ...sentences.map(typed), typed("yes"))
    assert.deepStrictEqual(tags, ["Query", ...sentences.map(() => "Show"), "Answer"])
  })

  it("leaves at the end of its input when the run is over, not before", () => {
    assert.deepStrictEqual(through(typed("one"), started, { _tag: "Left" }).tags, ["Query"])
    assert.deepStrictEqual(through(typed("one"), started, { _tag: "Left" }, { _tag: "Ended" }).tags, ["Query", "Leave"])
  })

  it("goes on after a query that did not start", () => {
    const { state, tags } = through(typed("one"), typed("two"), { _tag: "NotStarted", why: "no" })
    assert.deepStrictEqual(tags, ["Query", "Show", "Query"])
    assert.strictEqual(state.last, "failed")
  })

  const Step = Schema.Literals([
    "typed",
    "command",
    "interrupted",
    "started",
    "ended",
    "asked",
    "decided",
    "unsteered",
    "unstarted"
  ])

  it.prop(
    "asks one query at a time and loses nothing that was typed, whatever happens in whatever order",
    { steps: Schema.Array(Step).check(Schema.isMaxLength(40)) },
    ({ steps }) => {
      let state = ChatState.start
      const said: Array<string> = []
      const used: Array<string> = []
      let dropped = 0
      const feed = (happening: ChatState.Happening) => {
        const before = state
        const [next, acts] = ChatState.after(state, happening)
        // Ctrl-C drops what waits, and says so.
        if (happening._tag === "Interrupted") dropped += before.queue.length - next.queue.length
        state = next
        for (const act of acts) {
          if (act._tag === "Query") {
            assert.isFalse(before.runId !== undefined && happening._tag !== "Ended", "a query while a run goes on")
            used.push(act.text)
          }
          if (act._tag === "Steer") used.push(act.text)
        }
      }
      let id = 0
      for (const step of steps) {
        if (step === "typed" && state.questions.length === 0) {
          const text = `text ${said.length}`
          said.push(text)
          feed(typed(text))
        }
        if (step === "command") feed(typed("/cost"))
        if (step === "interrupted" && !state.isCancelling && ChatState.isBusy(state)) feed(interrupted)
        if (step === "started" && state.isStarting) feed(started)
        if (step === "unstarted" && state.isStarting) feed({ _tag: "NotStarted", why: "no" })
        if (step === "ended" && state.runId !== undefined) feed({ _tag: "Ended" })
        if (step === "asked" && state.runId !== undefined) feed(asked(String(id++)))
        if (step === "decided" && state.questions[0] !== undefined) feed(decided(state.questions[0].request.id))
        if (step === "unsteered" && used.length > 0 && state.runId !== undefined) {
          const text = used.pop() ?? ""
          feed({ _tag: "NotSteered", text })
        }
      }
      assert.strictEqual(used.length + state.queue.length + dropped, said.length)
    }
  )
})

describe("a command of a chat", () => {
  it("is what begins with a slash", () => {
    assert.deepStrictEqual(SlashCommand.parse(" /model openai:gpt-5.2 "), { _tag: "Model", name: "openai:gpt-5.2" })
    assert.deepStrictEqual(SlashCommand.parse("/fork 4"), { _tag: "Fork", at: 4 })
    assert.strictEqual(SlashCommand.parse("/undo")?._tag, "Unknown")
    assert.strictEqual(SlashCommand.parse("/resume")?._tag, "Unknown")
    assert.isUndefined(SlashCommand.parse("what does /help do?"))
    for (const [usage] of SlashCommand.commands)
      assert.notStrictEqual(
        SlashCommand.parse(usage.replaceAll(/[[\]]/g, "").replace("N", "1"))?._tag,
        "Unknown",
        usage
      )
  })
})
