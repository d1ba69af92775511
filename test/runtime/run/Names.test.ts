import { assert, describe, it } from "@effect/vitest"
import { AgentPath, CancellationReport } from "@reins/protocol"
import { Names } from "@reins/runtime/journal"
import { Schema } from "effect"

const digit = Schema.Literals([1, 2, 10])
/** What a model might make up. */
const fromModels: ReadonlyArray<string> = [
  "c1",
  "c1/again/1",
  "~c1~1again~11",
  "c1/again/1/again/2",
  "budget/1",
  "~budget~11",
  "~~0budget~11",
  "model/1",
  "again/1",
  "x/again/",
  "",
  "a#1/tool/c1",
  "~",
  "ask/c1",
  "a#1/c1",
  "a#1/b#c1/c1",
  "#/",
  "/"
]
/** The ids that calls can have. */
const Id = Schema.Literals(fromModels.filter((id) => Names.callId(id) === id))
const Path = Schema.Literals(["", "a#1/", "a#1/b#c1/", "a#model~11/"])

/** What a name is made of, and the name. */
const Subject = Schema.Union([
  Schema.Struct({ of: Schema.Literal("call"), id: Id }),
  Schema.Struct({ of: Schema.Literal("repeat"), id: Id, time: digit }),
  Schema.Struct({ of: Schema.Literal("limit"), count: digit })
])
const subject = (of: typeof Subject.Type): Names.Subject => {
  switch (of.of) {
    case "call":
      return Names.ofCall(of.id)
    case "repeat":
      return Names.ofRepeat(of.id, of.time)
    case "limit":
      return Names.ofLimit(of.count)
  }
}
const words = {
  ask: Names.ask,
  decided: Names.decided,
  warn: Names.warn,
  raise: Names.raise,
  expiry: Names.expiry,
  tool: Names.tool,
  grant: Names.grant
}
const Named = Schema.Struct({
  prefix: Path,
  word: Schema.Literals(["ask", "decided", "warn", "raise", "expiry", "tool", "grant"]),
  subject: Subject
})
const nameOf = (of: typeof Named.Type): string => words[of.word](of.prefix, subject(of.subject))

const callWords = [
  Names.gate,
  Names.granted,
  Names.result,
  Names.agent,
  Names.agentEnd,
  (prefix: string, id: string) => Names.client(prefix, id, true),
  (prefix: string, id: string) => Names.client(prefix, id, false),
  (prefix: string, id: string) => Names.tool(prefix, Names.ofCall(id))
]

describe("the id of a call", () => {
  it("is the model's, unless names made of it would be ambiguous", () => {
    for (const id of fromModels) assert.strictEqual(Names.callId(Names.callId(id)), Names.callId(id))
    const others = fromModels.filter((id) => Names.callId(id) !== id)
    assert.deepStrictEqual(others.map(Names.callId), [
      "c1_again_1",
      "c1_again_1_again_2",
      "budget_1",
      "a#1_tool_c1",
      "a#1_c1",
      "a#1_b#c1_c1",
      "#_"
    ])
  })

  it("makes keys for outside systems and grants that differ for every call of a run", () => {
    const keys = [[], ["a#1"], ["a#1", "b#c1"]].flatMap((path) =>
      Id.literals.flatMap((id) => [Names.grantUse("run", path, id), CancellationReport.idempotencyKey("run", path, id)])
    )
    assert.deepStrictEqual(keys.toSorted(), [...new Set(keys)].toSorted())
  })
})

describe("stored names", () => {
  it.prop(
    "are equal exactly for equal agents, words and subjects, whatever id a call can have",
    { a: Named, b: Named },
    ({ a, b }) => {
      const same = JSON.stringify(a) === JSON.stringify(b)
      assert.strictEqual(nameOf(a) === nameOf(b), same, `${JSON.stringify(a)} ${JSON.stringify(b)}`)
    },
    { arbitrary: { runs: 5000 } }
  )

  it("of a call can be split into word, agent and id", () => {
    const names = Path.literals.flatMap((prefix) =>
      Id.literals.flatMap((id) => [
        ...callWords.map((word) => word(prefix, id)),
        ...[1, 2].map((time) => Names.tool(prefix, Names.ofRepeat(id, time)))
      ])
    )
    names.push(
      Names.finish,
      Names.unread,
      Names.cancel,
      Names.inbox(1),
      Names.inbox(11),
      Names.down,
      Names.approval("apr_1")
    )
    names.push(
      ...[1, 2].flatMap((step) => [Names.model("", step), Names.compaction("", step), Names.received("", step)])
    )
    names.push(Names.exhausted([], "maxSteps"), Names.exhausted(["a#1"], "maxSteps"))
    assert.deepStrictEqual(names.toSorted(), [...new Set(names)].toSorted())
  })

  it("are those of stored logs", () => {
    const prefix = AgentPath.key(["planner#2"])
    assert.deepStrictEqual(
      [
        Names.model("", 3),
        Names.compaction(prefix, 4),
        Names.gate("", "c1"),
        Names.tool("", Names.ofCall("functions.lend:0/a")),
        Names.tool("", Names.ofRepeat("c1", 2)),
        Names.granted("", "c1"),
        Names.grant("", Names.ofCall("c1")),
        Names.result(prefix, "toolu_01A"),
        Names.agent("", "c1"),
        Names.agentEnd("", "c1"),
        Names.expiry("", Names.ofLimit(1)),
        Names.ask("", Names.ofCall("c1")),
        Names.ask("", Names.ofRepeat("c1", 1)),
        Names.warn("", Names.ofCall("c1")),
        Names.decided(prefix, Names.ofLimit(2)),
        Names.raise("", Names.ofLimit(2)),
        Names.exhausted(["planner#2"], "maxCostUsd"),
        Names.approval("apr_1"),
        Names.client("", "c1", false),
        Names.client("", "c1", true),
        Names.received("", 3),
        Names.unread,
        Names.inbox(2),
        Names.finish,
        Names.down,
        Names.cancel,
        Names.grantUse("run_1", ["planner#2"], "c1"),
        Names.approvalId("run_1", "", Names.ofCall("c1")),
        Names.planId("run_1", prefix, "c1")
      ],
      [
        "model/3",
        "planner#2/compact/4",
        "gate/c1",
        "tool/functions.lend:0/a",
        "tool/c1/again/2",
        "granted/c1",
        "grant/c1",
        "planner#2/result/toolu_01A",
        "agent/c1",
        "agent-end/c1",
        "expiry/budget/1",
        "ask/c1",
        "ask/c1/again/1",
        "warn/c1",
        "planner#2/decided/budget/2",
        "raise/budget/2",
        'budget/["planner#2"]/maxCostUsd',
        "approval/apr_1",
        "client/c1",
        "client-allowed/c1",
        "received/3",
        "unread",
        "inbox/2",
        "finish",
        "down",
        "cancel",
        "run_1 planner#2/c1",
        "apr_1d6fb1a4a8eb6e7a1c62544c1f19b690",
        "plan_8cf4c5b103f2fd8a3b891ee44eb94f25"
      ]
    )
  })

  it("say whether they are a model step's", () => {
    assert.isTrue(Names.isModel([], "model/1"))
    assert.isTrue(Names.isModel(["a#1"], "a#1/model/1"))
    assert.isFalse(Names.isModel([], "tool/model/1"))
    assert.isFalse(Names.isModel([], "a#1/model/1"))
  })
})
