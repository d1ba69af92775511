import { assert, describe, it } from "@effect/vitest"
import { Limits, Question } from "@reins/cli"
import { type Approval, Decision } from "@reins/protocol"
import { Result } from "effect"

const request = (more: Partial<Approval.Request> = {}): Approval.Request => ({
  id: "1",
  kind: "tool",
  target: "run_command",
  payload: { command: "npm test" },
  resourceId: "r",
  threadId: "t",
  ...more
})

const decided = (typed: string, more: Partial<Approval.Request> = {}) => {
  const read = Question.read(request(more), typed)
  return read._tag === "Decided" ? read.decision : read._tag
}

describe("an answer that is typed", () => {
  it("approves once, for the thread, or rejects with a reason", () => {
    assert.deepStrictEqual(decided("a"), Decision.approve())
    assert.deepStrictEqual(decided(" YES "), Decision.approve())
    assert.deepStrictEqual(decided("t"), Decision.approve({ scope: "thread" }))
    assert.deepStrictEqual(decided("r not today"), Decision.reject({ feedback: "not today" }))
    assert.deepStrictEqual(decided("n"), Decision.reject())
  })

  it("edits one argument as text or JSON, or several as an object", () => {
    assert.deepStrictEqual(decided("e command=echo 7"), Decision.revise({ command: "echo 7" }))
    assert.deepStrictEqual(decided("e command=7"), Decision.revise({ command: "7" }))
    assert.deepStrictEqual(
      decided("e replace=true", { payload: { replace: false } }),
      Decision.revise({ replace: true })
    )
    assert.deepStrictEqual(decided('e {"a": 1, "b": "x"}'), Decision.revise({ a: 1, b: "x" }))
    assert.strictEqual(decided("e"), "Edit")
    assert.strictEqual(decided("e command"), "Unclear")
  })

  it("sends a plan back with words, and raises a budget by numbers", () => {
    assert.deepStrictEqual(decided("e first the tests", { kind: "plan" }), Decision.revise("first the tests"))
    assert.deepStrictEqual(
      decided("a steps=20, maxCostUsd=0.5", { kind: "budget" }),
      Decision.raise({ maxSteps: 20, maxCostUsd: 0.5 })
    )
    assert.strictEqual(decided("a", { kind: "budget" }), "Unclear")
  })

  it("that is nothing known decides nothing", () => {
    for (const typed of ["", "what?", "aye", "1", "approve! "]) assert.strictEqual(decided(typed), "Unclear", typed)
    assert.strictEqual(decided("?"), "Help")
    assert.strictEqual(decided("v"), "View")
  })
})

describe("a question of an agent", () => {
  const asks = (payload: Approval.Request["payload"]): Partial<Approval.Request> => ({
    kind: "question",
    target: "AskPerson",
    payload
  })
  const colour = asks({ question: "Which\u001b colour?", options: ["red", "blue"], schema: { enum: ["red", "blue"] } })
  const form = asks({
    question: "Where to?",
    schema: {
      type: "object",
      properties: { city: { type: "string" }, nights: { type: "integer" } },
      required: ["city"]
    }
  })

  it("shows its text, its numbered options or its fields, and what may be typed", () => {
    assert.match(Question.sentence(request(colour), "desk"), /^desk asks: Which. colour\?$/u)
    assert.notInclude(Question.sentence(request(colour), "desk"), "\u001b")
    assert.deepStrictEqual(Question.briefly(request(colour)), ["1  red", "2  blue"])
    assert.include(Question.options(request(colour)), "number of an option")
    assert.deepStrictEqual(Question.briefly(request(form)), ["city: a text", "nights: a whole number, may be left out"])
  })

  it("takes a number, a text or a form, and says what is wrong", () => {
    assert.deepStrictEqual(decided("2", colour), Decision.answer("blue"))
    assert.deepStrictEqual(decided("Red", colour), Decision.answer("red"))
    assert.strictEqual(decided("green", colour), "Unclear")
    assert.deepStrictEqual(decided("city=Brno; nights=2", form), Decision.answer({ city: "Brno", nights: 2 }))
    const wrong = Question.read(request(form), "city=Brno; nights=many")
    assert.include(wrong._tag === "Unclear" ? wrong.why : "", "nights (a whole number, optional)")
    // What approves a call is an answer like any other here.
    assert.deepStrictEqual(decided("y", asks({ question: "?", schema: { type: "string" } })), Decision.answer("y"))
  })

  it("can be declined with a reason", () => {
    assert.deepStrictEqual(decided("! not my business", colour), Decision.reject({ feedback: "not my business" }))
    assert.deepStrictEqual(decided("!", colour), Decision.reject())
    assert.strictEqual(decided("", colour), "Unclear")
    assert.strictEqual(decided("?", colour), "Help")
  })
})

describe("a question", () => {
  it("is a sentence about what would happen", () => {
    assert.strictEqual(Question.sentence(request(), "assistant"), "assistant wants to run a command.")
    const write = request({ target: "write_file", payload: { file: "a.md", replace: true, content: "x\ny\n" } })
    assert.strictEqual(Question.sentence(write, "assistant"), "assistant wants to REPLACE the file a.md (2 lines).")
    assert.include(Question.sentence(request({ begunBefore: 1 }), "a"), "may have taken effect")
    assert.strictEqual(Question.draft(request()), "command=npm test")
  })
})

describe("what a question shows", () => {
  it.each([
    ["a direction mark", "\u061c"],
    ["a space without width", "\u200b"],
    ["a joiner between letters that need none", "\u200d"],
    ["a line separator", "\u2028"],
    ["a word joiner", "\u2060"],
    ["a byte order mark", "\ufeff"],
    ["a filler", "\u3164"],
    ["a tag", "\u{e0041}"]
  ])("has a sign where the command has %s, which nobody would see", (_, invisible) => {
    const command = `rm -rf a${invisible}b`
    assert.deepStrictEqual(Question.details(request({ payload: { command } })), ["command: rm -rf a\u{fffd}b"])
    assert.include(Question.sentence(request({ target: `do${invisible}it` }), "a"), "do\u{fffd}it")
  })

  it("begins with what the tool takes, whatever else a model wrote before it", () => {
    const filler = "1\n2\n3\n4\n5\n6"
    const run = request({ payload: { note: filler, "x\ncommand: npm test": 1, command: "rm -rf sub" } })
    const [first, ...more] = Question.briefly(run)
    assert.strictEqual(first, "command: rm -rf sub")
    assert.isFalse(Question.details(run).some((line) => line.includes("\n")))
    assert.strictEqual(more.at(-1), "… 4 more lines: [v]iew")
    const write = request({
      target: "write_file",
      payload: { content: filler, note: filler, file: "a", replace: true }
    })
    assert.notInclude(Question.details(write).slice(0, 7), "note:")
  })

  it("keeps pictures and letters that need a joiner", () => {
    const text = "👩\u200d💻 می\u200cخواهم"
    assert.deepStrictEqual(Question.details(request({ payload: { text } })), [`text: ${text}`])
  })
})

describe("a budget on the command line", () => {
  it("names limits, and wraps up at them unless it says otherwise", () => {
    assert.deepStrictEqual(
      Limits.parse("steps=12, usd=0.25,time=2m"),
      Result.succeed({ maxSteps: 12, maxCostUsd: 0.25, maxDurationMs: 120_000, onExhausted: "wrap-up" })
    )
    assert.deepStrictEqual(Limits.parse("agents=2,end=stop"), Result.succeed({ maxAgents: 2, onExhausted: "stop" }))
  })

  it.each([
    ["steps", /"steps" is not name=value/],
    ["stpes=3", /unknown limit "stpes". Known limits: steps, /],
    ["steps=-1", /steps=-1 is not a number from 0/],
    ["steps=1.5", /maxSteps/],
    ["time=soon", /time=soon is not a time/],
    ["end=never", /end=never is not one of/],
    ["", /is not name=value/]
  ])("%s is refused with the entry and the cure", (text, why) => {
    const parsed = Limits.parse(text)
    assert.match(Result.isFailure(parsed) ? parsed.failure : "", why)
  })
})
