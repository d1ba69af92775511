import { assert, describe, it } from "@effect/vitest"
import { Message, Transcript } from "@reins/protocol"
import { Schema } from "effect"
import * as E from "../ordering/OrderEvents.ts"

const { planner, root } = E

const fold = (lines: ReadonlyArray<E.Line>, prompt?: Message.Prompt) => Transcript.fold(E.toLog(lines), prompt)

const said = (text: string): Message.Message => ({ role: "assistant", content: [{ type: "text", text }] })
const asked = (text: string): Message.Message => ({ role: "user", content: [{ type: "text", text }] })
const callPart = (id: string, name = "look"): Message.CallPart => ({
  type: "tool-call",
  id,
  name,
  args: name === "planner" ? "plan it" : { q: id }
})
const resultPart = (id: string, status?: "failed" | "denied" | "cancelled"): Message.ResultPart => ({
  type: "tool-result",
  id,
  name: "look",
  result: `result of ${id}`,
  ...(status === undefined ? {} : { status })
})
const calls = (...ids: ReadonlyArray<string>): Message.Message => ({
  role: "assistant",
  content: ids.map((id) => callPart(id))
})
const results = (...parts: ReadonlyArray<Message.ResultPart>): Message.Message => ({ role: "tool", content: parts })
const cancelled = (id: string): Message.ResultPart => ({
  type: "tool-result",
  id,
  name: "look",
  result: { error: "cancelled" },
  status: "cancelled"
})

describe("Transcript", () => {
  it("begins with the prompt, if there is one", () => {
    assert.deepStrictEqual(Transcript.messages(Transcript.make("why?")), [asked("why?")])
    assert.deepStrictEqual(Transcript.messages(Transcript.initial), [])
  })

  it("joins deltas to one text, and keeps the order of reasoning and text", () => {
    const transcript = fold(
      root(E.start, E.reasoning("let "), E.reasoning("me"), E.text("I "), E.text(""), E.text("see"), E.reasoning("or"))
    )
    assert.deepStrictEqual(Transcript.messages(transcript), [
      {
        role: "assistant",
        content: [
          { type: "reasoning", text: "let me" },
          { type: "text", text: "I see" },
          { type: "reasoning", text: "or" }
        ]
      }
    ])
  })

  it("has a message for each step's output and one for its results, in the order of the calls", () => {
    const transcript = fold(
      root(E.start, E.text("a"), E.call("c1"), E.call("c2"), E.result("c2"), E.result("c1"), E.start, E.text("b")),
      "go"
    )
    assert.deepStrictEqual(Transcript.messages(transcript), [
      asked("go"),
      { role: "assistant", content: [{ type: "text", text: "a" }, callPart("c1"), callPart("c2")] },
      results(resultPart("c1"), resultPart("c2")),
      said("b")
    ])
  })

  it("contains nothing of a retracted step, and nothing for an empty one", () => {
    const transcript = fold(root(E.start, E.text("no"), E.retracted, E.start, E.text(""), E.start, E.text("yes")))
    assert.deepStrictEqual(Transcript.messages(transcript), [said("yes")])
  })

  it("keeps the arguments that the model wrote, and the status of a result", () => {
    const transcript = fold(
      root(
        E.start,
        { ...E.call(), execution: "client" },
        E.ask(),
        E.decided("reject"),
        E.result("c1", "look", "denied")
      )
    )
    assert.deepStrictEqual(Transcript.messages(transcript), [
      { role: "assistant", content: [{ ...callPart("c1"), execution: "client" }] },
      results(resultPart("c1", "denied"))
    ])
  })

  it("separates each agent's messages, a specialist's beginning with its prompt", () => {
    const transcript = fold([
      ...root(E.start, E.agentCall()),
      ...E.by(planner, E.start, E.text("planned")),
      ...root(E.agentUsage(), E.agentResult(), E.start, E.text("done"))
    ])
    assert.deepStrictEqual(Transcript.paths(transcript), [[], planner])
    assert.deepStrictEqual(Transcript.messages(transcript, planner), [asked("plan it"), said("planned")])
    assert.deepStrictEqual(Transcript.messages(transcript), [
      { role: "assistant", content: [callPart("s1", "planner")] },
      { role: "tool", content: [{ type: "tool-result", id: "s1", name: "planner", result: "report of s1" }] },
      said("done")
    ])
    assert.deepStrictEqual(Transcript.messages(transcript, ["nobody#1"]), [])
    assert.isUndefined(Transcript.agent(transcript, ["nobody#1"]))
  })

  it("shows JSON that a specialist was asked in as JSON", () => {
    const transcript = fold(root(E.start, { ...E.agentCall(), prompt: { topic: "tides" } }))
    assert.deepStrictEqual(Transcript.messages(transcript, planner), [asked('{"topic":"tides"}')])
  })

  it("has the latest progress and the pending question of each open call", () => {
    const transcript = fold(
      root(E.start, E.call("c1"), E.call("c2"), E.call("c3"), E.ask("a1", "c2"), E.progress(1), E.progress(2))
    )
    const pending = Transcript.agent(transcript)?.pendingCalls
    assert.deepStrictEqual(
      pending?.map(({ approval, call, progress }) => [call.id, progress?.label, approval?.id]),
      [
        ["c1", "phase 2", undefined],
        ["c2", undefined, "a1"],
        ["c3", undefined, undefined]
      ]
    )
  })

  it("assigns progress that names only its tool to the first open call", () => {
    const transcript = fold(root(E.start, E.call("c1"), E.call("c2"), E.result("c1"), E.toolNews()))
    const pending = Transcript.agent(transcript)?.pendingCalls
    assert.deepStrictEqual(
      pending?.map(({ call, progress }) => [call.id, progress?.label]),
      [["c2", "at work"]]
    )
  })

  it("has no progress in its messages", () => {
    const lines = root(E.start, E.call(), E.progress(1), E.result())
    const silent = lines.filter(([, event]) => event.type !== "tool-progress")
    assert.deepStrictEqual(Transcript.messages(fold(lines)), Transcript.messages(fold(silent)))
  })

  it("lists the pending questions of each agent", () => {
    const transcript = fold([
      ...root(E.start, E.agentCall(), E.askPlan("a1"), E.askPlan("a2")),
      ...E.by(planner, E.askPlan("a3", { agentPath: planner })),
      ...root(E.decided("reject", "a1"))
    ])
    const ids = (path: ReadonlyArray<string>) =>
      Transcript.agent(transcript, path)?.pendingApprovals.map(({ id }) => id)
    assert.deepStrictEqual([ids([]), ids(planner)], [["a2"], ["a3"]])
  })

  it("has the run's end, its usage, and the usage of its specialists", () => {
    const transcript = fold(root(E.start, E.agentCall(), E.agentUsage(), E.agentResult(), ...E.ended))
    assert.strictEqual(transcript.finishReason, "stop")
    assert.strictEqual(transcript.usage?.totalTokens, 5)
    assert.strictEqual(Transcript.agent(transcript)?.usage?.totalTokens, 5)
    assert.strictEqual(Transcript.agent(transcript, planner)?.usage?.totalTokens, 5)
    assert.isUndefined(transcript.error)
    const failed = fold(root(...E.failing))
    assert.deepStrictEqual([failed.error?.code, failed.finishReason], ["E_MODEL", undefined])
  })

  it("lists the files of each agent", () => {
    const file = { fileId: "f1", filename: "a.csv", mediaType: "text/csv", sizeBytes: 3 }
    const transcript = fold(root({ type: "data-file-registered", data: file }))
    assert.deepStrictEqual(Transcript.agent(transcript)?.files, [file])
  })

  it("closes open calls as cancelled, so that any prefix can be sent to a model", () => {
    const transcript = fold(root(E.start, E.call("c1"), E.call("c2"), E.result("c2")))
    assert.deepStrictEqual(Transcript.messages(transcript), [
      calls("c1", "c2"),
      results(resultPart("c2"), cancelled("c1"))
    ])
    assert.deepStrictEqual(Transcript.agent(transcript)?.messages, [calls("c1", "c2"), results(resultPart("c2"))])
  })

  it("does not mutate the transcript it steps from", () => {
    const before = fold(root(E.start, E.text("a")))
    const one = Transcript.step(before, { agentPath: [], event: E.text("b") })
    const other = Transcript.step(before, { agentPath: [], event: E.text("c") })
    const texts = [before, one, other].map((transcript) => Transcript.messages(transcript).map(Message.text).join())
    assert.deepStrictEqual(texts, ["a", "ab", "ac"])
  })

  it("splits foreign streams without step-start at the results", () => {
    const transcript = fold(root(E.text("a"), E.call(), E.result(), E.text("b"), E.call("c2"), E.result("c2")))
    assert.deepStrictEqual(
      Transcript.messages(transcript).map(({ role }) => role),
      ["assistant", "tool", "assistant", "tool"]
    )
  })

  it("folds a text of very many deltas and a step of very many calls", () => {
    const increments = Array.from({ length: 50_000 }, (_, index) => E.text(`${index} `))
    const ids = Array.from({ length: 10_000 }, (_, index) => `c${index}`)
    const transcript = fold(
      root(E.start, ...increments, ...ids.map((id) => E.call(id)), ...ids.toReversed().map((id) => E.result(id)))
    )
    const [answer, tools] = Transcript.messages(transcript)
    assert.strictEqual(Message.text(answer ?? asked("")).split(" ").length, 50_001)
    assert.deepStrictEqual(tools, results(...ids.map((id) => resultPart(id))))
  })
})

describe("Transcript.repair", () => {
  const cases: ReadonlyArray<readonly [string, ReadonlyArray<Message.Message>, ReadonlyArray<Message.Message>]> = [
    ["closes a call without a result", [calls("c1"), said("b")], [calls("c1"), results(cancelled("c1")), said("b")]],
    [
      "puts a missing result behind the others of its message",
      [calls("c1", "c2"), results(resultPart("c2"))],
      [calls("c1", "c2"), results(resultPart("c2"), cancelled("c1"))]
    ],
    [
      "drops a result without a call, and the message that it leaves empty",
      [asked("a"), results(resultPart("c1")), calls("c1"), results(resultPart("c1"))],
      [asked("a"), calls("c1"), results(resultPart("c1"))]
    ],
    [
      "drops a second result",
      [calls("c1"), results(resultPart("c1"), resultPart("c1", "failed")), results(resultPart("c1"))],
      [calls("c1"), results(resultPart("c1"))]
    ],
    [
      "brings a result back to its call",
      [calls("c1"), asked("b"), results(resultPart("c1")), said("c")],
      [calls("c1"), results(resultPart("c1")), asked("b"), said("c")]
    ],
    [
      "takes a late result for that of the last call of its id",
      [calls("c1"), calls("c1"), said("b"), results(resultPart("c1"))],
      [calls("c1"), results(cancelled("c1")), calls("c1"), results(resultPart("c1")), said("b")]
    ],
    [
      "drops a second call of one id in one message",
      [calls("c1", "c1"), results(resultPart("c1"))],
      [calls("c1"), results(resultPart("c1"))]
    ],
    [
      "answers a call that the provider ran within the provider's message",
      [
        {
          role: "assistant",
          content: [
            { ...callPart("c1"), execution: "provider" },
            { type: "text", text: "a" }
          ]
        }
      ],
      [
        {
          role: "assistant",
          content: [{ ...callPart("c1"), execution: "provider" }, cancelled("c1"), { type: "text", text: "a" }]
        }
      ]
    ],
    [
      "takes names that JavaScript knows otherwise for names like others",
      [calls("__proto__", "constructor"), results(resultPart("constructor"))],
      [calls("__proto__", "constructor"), results(resultPart("constructor"), cancelled("__proto__"))]
    ]
  ]

  it.each(cases)("%s", (_name, broken, whole) => {
    assert.isFalse(Transcript.isPairComplete(broken))
    assert.deepStrictEqual(Transcript.repair(broken), whole)
    assert.isTrue(Transcript.isPairComplete(whole))
  })

  it("returns an equal history when every call has its result", () => {
    const whole: ReadonlyArray<ReadonlyArray<Message.Message>> = [
      [],
      [asked("a"), said("b")],
      [calls("c1", "c2"), results(resultPart("c2")), results(resultPart("c1")), calls("c1"), results(resultPart("c1"))],
      [{ role: "assistant", content: [{ ...callPart("c1"), execution: "provider" }, resultPart("c1")] }]
    ]
    for (const history of whole) {
      assert.isTrue(Transcript.isPairComplete(history))
      assert.deepStrictEqual(Transcript.repair(history), history)
    }
  })

  it.prop(
    "pairs the calls and results of any history, is idempotent, and reports exactly the histories that it changes",
    { history: Schema.Array(Schema.suspend(() => Scrap)).check(Schema.isMaxLength(8)) },
    ({ history }) => {
      const copy = structuredClone(history)
      const repaired = Transcript.repair(history)
      assert.isTrue(Transcript.isPairComplete(repaired), JSON.stringify(history))
      assert.deepStrictEqual(Transcript.repair(repaired), repaired)
      assert.deepStrictEqual(history, copy)
      const same = JSON.stringify(repaired) === JSON.stringify(history)
      assert.strictEqual(Transcript.isPairComplete(history), same, JSON.stringify(history))
    },
    { arbitrary: { runs: 3000 } }
  )
})

// Few ids, so that calls and results meet by chance.
const Id = Schema.Literals(["c1", "c2", "c3"])
const ScrapCall = Schema.Struct({
  type: Schema.Literal("tool-call"),
  id: Id,
  name: Schema.Literal("look"),
  args: Schema.Null,
  execution: Schema.optionalKey(Schema.Literals(["client", "provider"]))
})
const ScrapResult = Schema.Struct({
  type: Schema.Literal("tool-result"),
  id: Id,
  name: Schema.Literal("look"),
  result: Schema.Literals(["one", "two"])
})
const ScrapText = Schema.Struct({ type: Schema.Literal("text"), text: Schema.Literals(["a", "b"]) })
const parts = <S extends Schema.Top>(part: S) => Schema.Array(part).check(Schema.isMaxLength(3))
const Scrap: Schema.Codec<Message.Message> = Schema.Union([
  Schema.Struct({ role: Schema.Literal("user"), content: parts(ScrapText) }),
  Schema.Struct({
    role: Schema.Literal("assistant"),
    content: parts(Schema.Union([ScrapCall, ScrapCall, ScrapResult, ScrapText]))
  }),
  Schema.Struct({ role: Schema.Literal("tool"), content: parts(ScrapResult) })
])
