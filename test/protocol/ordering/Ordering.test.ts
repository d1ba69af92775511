import { assert, describe, it } from "@effect/vitest"
import { Ordering } from "@reins/protocol"
import * as E from "./OrderEvents.ts"
import type { Line } from "./OrderEvents.ts"
import { late } from "./LateExamples.ts"
import { type Example, questions } from "./QuestionExamples.ts"

const { by, planner, root } = E
const asked = root(E.start, E.call(), E.ask())
const opened = root(E.start, E.agentCall())
const below = { agentPath: planner }

const examples: ReadonlyArray<Example> = [
  ...questions,
  {
    rule: "path-exists",
    lawful: [...opened, ...by(planner, E.start, E.text())],
    broken: [...opened, ...root(E.agentUsage(), E.agentResult()), ...by(planner, E.custom)]
  },
  {
    rule: "path-exists",
    lawful: [...opened, ...by(planner, E.start, E.agentCall("s1", "deep")), ...by([...planner, "deep#s1"], E.start)],
    broken: [...opened, ...by([...planner, "deep#s1"], E.start)]
  },
  {
    rule: "nothing-after-end",
    lawful: root(E.start, E.text(), ...E.ended),
    broken: root(...E.failing, E.custom)
  },
  { rule: "ending-order", lawful: root(E.finish, E.cost, E.latency), broken: root(E.finish, E.latency) },
  { rule: "ending-order", lawful: root(E.cost, E.latency, E.failed), broken: root(E.failed) },
  { rule: "ending-order", lawful: root(E.custom, E.finish), broken: root(E.finish, E.custom) },
  { rule: "ending-order", lawful: root(E.cost, E.latency), broken: root(E.cost, E.finish) },
  { rule: "ending-order", lawful: root(...E.ended), broken: root(E.finish, E.finish) },
  { rule: "ending-order", lawful: root(...E.ended), broken: root(E.finish, E.cost, E.failed) },
  {
    rule: "nested-after-decision",
    lawful: [...root(E.start, E.agentCall(), E.ask("a1", "s1"), E.decided()), ...by(planner, E.start)],
    broken: [...root(E.start, E.agentCall(), E.ask("a1", "s1")), ...by(planner, E.start)]
  },
  {
    rule: "nested-after-decision",
    lawful: root(
      E.start,
      E.agentCall(),
      E.ask("a1", "s1"),
      E.decided("reject"),
      E.agentResult("s1", "planner", "denied")
    ),
    broken: [...root(E.start, E.agentCall(), E.ask("a1", "s1"), E.decided("reject")), ...by(planner, E.custom)]
  },
  { rule: "text-in-step", lawful: root(E.start, E.reasoning(), E.text()), broken: root(E.text()) },
  { rule: "text-in-step", lawful: root(E.start, E.text(), E.call()), broken: root(E.start, E.call(), E.text()) },
  { rule: "text-in-step", lawful: root(E.start, E.source, E.text()), broken: root(E.source) },
  { rule: "text-in-step", lawful: root(E.start, E.input(), E.call()), broken: root(E.input()) },
  {
    rule: "text-in-step",
    lawful: root(E.start, E.input(), E.source, E.retracted, E.start, E.input(), E.call()),
    broken: root(E.start, E.input(), E.retracted, E.input())
  },
  {
    rule: "text-in-step",
    lawful: root(E.start, E.input(), E.input("c2"), E.call(), E.call("c2")),
    broken: root(E.start, E.input(), E.call(), E.input("c2"))
  },
  {
    rule: "input-id-new",
    lawful: root(E.start, E.call(), E.result(), E.start, E.input("c2"), E.text(), E.input("c3"), E.call("c2")),
    broken: root(E.start, E.call(), E.result(), E.start, E.input())
  },
  {
    rule: "text-in-step",
    lawful: root(E.start, E.call(), E.result(), E.start, E.text()),
    broken: root(E.start, E.call(), E.result(), E.reasoning())
  },
  {
    rule: "text-in-step",
    lawful: root(E.start, E.text(), E.retracted, E.start, E.text()),
    broken: root(E.start, E.text(), E.retracted, E.text())
  },
  {
    rule: "text-in-step",
    lawful: root(E.start, E.text(), E.message(1), E.start, E.text()),
    broken: root(E.start, E.text(), E.message(1), E.text())
  },
  {
    rule: "call-in-step",
    lawful: root(E.start, E.message(1), E.start, E.call()),
    broken: root(E.start, E.message(1), E.call())
  },
  {
    rule: "retract-open-step",
    lawful: root(E.start, E.text(), E.message(1), E.start, E.retracted),
    broken: root(E.start, E.text(), E.message(1), E.retracted)
  },
  {
    rule: "message-at-root",
    lawful: root(E.message(1), E.start),
    broken: [...opened, ...by(planner, E.message(1))]
  },
  {
    rule: "message-after-calls",
    lawful: root(E.start, E.call(), E.result(), E.message(1), E.start),
    broken: root(E.start, E.call(), E.message(1))
  },
  {
    rule: "message-in-order",
    lawful: root(E.message(1), E.message(2), E.start, E.message(3)),
    broken: root(E.message(1), E.message(1))
  },
  { rule: "message-in-order", lawful: root(E.message(1)), broken: root(E.message(2)) },
  ...late,
  {
    rule: "step-after-calls",
    lawful: root(E.start, E.call(), E.result(), E.start),
    broken: root(E.start, E.call(), E.start)
  },
  {
    rule: "retract-open-step",
    lawful: root(E.start, E.text(), E.retracted, ...E.ended),
    broken: root(E.start, E.call(), E.retracted)
  },
  { rule: "retract-open-step", lawful: root(E.start, E.retracted), broken: root(E.start, E.retracted, E.retracted) },
  { rule: "call-in-step", lawful: root(E.start, E.call()), broken: root(E.call()) },
  { rule: "call-in-step", lawful: opened, broken: root(E.start, E.retracted, E.agentCall()) },
  {
    rule: "calls-together",
    lawful: root(E.start, E.call(), E.custom, E.agentCall(), E.call("c2"), E.result()),
    broken: root(E.start, E.call(), E.result(), E.call("c2"))
  },
  {
    rule: "calls-together",
    lawful: root(E.start, E.call(), E.askPlan(), E.call("c2")),
    broken: [...asked, ...root(E.call("c2"))]
  },
  {
    rule: "calls-together",
    lawful: [...opened, ...root(E.call()), ...by(planner, E.start)],
    broken: [...opened, ...by(planner, E.start), ...root(E.call())]
  },
  {
    rule: "call-id-new",
    lawful: [...opened, ...by(planner, E.start, E.call("s1"))],
    broken: root(E.start, E.call(), E.result(), E.start, E.agentCall("c1"))
  },
  {
    rule: "result-of-open-call",
    lawful: root(E.start, E.call(), E.result()),
    broken: root(E.start, E.call(), E.result(), E.result())
  },
  { rule: "result-of-open-call", lawful: root(E.start, E.call()), broken: root(E.start, E.call(), E.result("c2")) },
  {
    rule: "result-of-open-call",
    lawful: [...opened, ...by(planner, E.start, E.call(), E.result())],
    broken: [...opened, ...by(planner, E.start, E.call()), ...root(E.result())]
  },
  {
    rule: "result-same-name",
    lawful: root(E.start, E.call("c1", "write"), E.result("c1", "write")),
    broken: root(E.start, E.call("c1", "write"), E.result("c1", "look"))
  },
  {
    rule: "result-same-name",
    lawful: root(E.start, E.agentCall("c1", "look"), E.agentUsage("c1", "look"), E.agentResult("c1", "look")),
    broken: root(E.start, E.agentCall("c1", "look"), E.result("c1", "look"))
  },
  {
    rule: "result-after-decision",
    lawful: [...asked, ...root(E.decided("approve"), E.result())],
    broken: [...asked, ...root(E.result("c1", "look", "denied"))]
  },
  {
    rule: "refused-has-status",
    lawful: [...asked, ...root(E.decided("expired"), E.result("c1", "look", "failed"))],
    broken: [...asked, ...root(E.decided("cancelled"), E.result())]
  },
  {
    rule: "usage-before-result",
    lawful: [...opened, ...root(E.agentUsage(), E.agentResult())],
    broken: [...opened, ...root(E.agentResult())]
  },
  {
    rule: "usage-before-result",
    lawful: root(E.start, E.agentCall(), E.agentCall("s2"), E.namelessUsage(), E.agentResult("s2")),
    broken: root(E.start, E.agentCall(), E.agentCall("s2"), E.namelessUsage(), E.agentResult("s2"), E.agentResult())
  },
  {
    rule: "bracket-settled",
    lawful: [...opened, ...by(planner, E.start, E.call(), E.result()), ...root(E.agentUsage(), E.agentResult())],
    broken: [...opened, ...by(planner, E.start, E.call()), ...root(E.agentUsage(), E.agentResult())]
  },
  {
    rule: "bracket-settled",
    lawful: [...opened, ...by(planner, E.askPlan("a1", below), E.decided()), ...root(E.agentUsage(), E.agentResult())],
    broken: [...opened, ...by(planner, E.askPlan("a1", below)), ...root(E.agentUsage(), E.agentResult())]
  },
  {
    rule: "progress-of-open-call",
    lawful: root(E.start, E.call(), E.progress(0), E.toolNews(), E.result()),
    broken: root(E.start, E.call(), E.result(), E.progress(1))
  },
  {
    rule: "progress-of-open-call",
    lawful: root(E.start, E.call(), E.toolNews("look")),
    broken: root(E.start, E.call(), E.toolNews("write"))
  },
  {
    rule: "progress-of-open-call",
    lawful: root(E.start, E.call("c1"), E.progress(1, "c1", 9, "look")),
    broken: root(E.start, E.call("c1"), E.progress(1, "c1", 9, "write"))
  },
  {
    rule: "progress-after-decision",
    lawful: [...asked, ...root(E.decided("approve"), E.progress(1))],
    broken: [...asked, ...root(E.progress(1))]
  },
  {
    rule: "progress-after-decision",
    lawful: root(E.start, E.call(), E.call("c2"), E.ask(), E.toolNews()),
    broken: [...asked, ...root(E.decided("reject"), E.toolNews())]
  },
  {
    rule: "progress-never-falls",
    lawful: root(E.start, E.call(), E.call("c2"), E.progress(2), E.progress(2), E.progress(0, "c2")),
    broken: root(E.start, E.call(), E.progress(2), E.progress(1))
  },
  {
    rule: "progress-within-phases",
    lawful: root(E.start, E.call(), E.progress(3, "c1", 3)),
    broken: root(E.start, E.call(), E.progress(4, "c1", 3))
  },
  {
    rule: "usage-of-open-bracket",
    lawful: [...opened, ...root(E.namelessUsage(), E.agentResult())],
    broken: root(E.start, E.call("s1", "planner"), E.agentUsage())
  },
  {
    rule: "usage-after-decision",
    lawful: root(E.start, E.agentCall(), E.ask("a1", "s1"), E.decided(), E.agentUsage()),
    broken: root(E.start, E.agentCall(), E.ask("a1", "s1"), E.agentUsage())
  },
  {
    rule: "usage-once",
    lawful: root(E.start, E.agentCall(), E.agentCall("s2"), E.agentUsage(), E.namelessUsage()),
    broken: [...opened, ...root(E.agentUsage(), E.agentUsage())]
  },
  {
    rule: "usage-once",
    lawful: root(E.start, E.agentCall(), E.agentCall("s2"), E.namelessUsage(), E.namelessUsage()),
    broken: [...opened, ...root(E.namelessUsage(), E.agentUsage())]
  },
  {
    rule: "approval-id-new",
    lawful: root(E.askPlan("a1"), E.decided(), E.askPlan("a2")),
    broken: root(E.askPlan("a1"), E.decided(), E.askPlan("a1"))
  },
  {
    rule: "approval-own-path",
    lawful: [...opened, ...by(planner, E.start, E.call(), E.ask("a1", "c1", below))],
    broken: [...opened, ...by(planner, E.start, E.call(), E.ask())]
  },
  {
    rule: "approval-own-path",
    lawful: root(E.askPlan("a1", { agentPath: [] })),
    broken: [...opened, ...root(E.ask("a1", "s1", below))]
  },
  { rule: "approval-of-open-call", lawful: asked, broken: root(E.start, E.ask()) },
  {
    rule: "approval-of-open-call",
    lawful: root(E.askPlan()),
    broken: root(E.askPlan("a1", { kind: "tool" }))
  },
  {
    rule: "approval-before-work",
    lawful: root(E.start, E.call(), E.call("c2"), E.progress(0, "c2"), E.ask()),
    broken: root(E.start, E.call(), E.progress(0), E.ask())
  },
  {
    rule: "approval-before-work",
    lawful: [...asked, ...root(E.decided("approve"))],
    broken: [...asked, ...root(E.decided("approve"), E.ask("a2"))]
  },
  {
    rule: "approval-before-work",
    lawful: [
      ...asked,
      ...root(E.decided("superseded"), E.ask("a2", "c1", { begunBefore: 0 }), E.decided("approve", "a2"), E.result())
    ],
    broken: [...asked, ...root(E.decided("superseded"), E.ask("a2"))]
  },
  {
    rule: "approval-before-work",
    lawful: [...opened, ...root(E.ask("a1", "s1"))],
    broken: [...opened, ...by(planner, E.custom), ...root(E.ask("a1", "s1"))]
  },
  {
    rule: "approval-before-work",
    lawful: root(E.start, E.agentCall(), E.agentCall("s2"), E.namelessUsage(), E.ask("a1", "s1")),
    broken: [...opened, ...root(E.namelessUsage(), E.ask("a1", "s1"))]
  },
  {
    rule: "decision-of-pending",
    lawful: root(E.askPlan("a1"), E.askPlan("a2"), E.decided("approve", "a2"), E.decided("reject", "a1")),
    broken: root(E.askPlan(), E.decided(), E.decided())
  },
  {
    rule: "decision-own-path",
    lawful: [...opened, ...by(planner, E.askPlan("a1", below), E.decided())],
    broken: [...opened, ...by(planner, E.askPlan("a1", below)), ...root(E.decided())]
  },
  {
    rule: "plan-transition",
    lawful: root(E.plan("draft", "pending_approval"), E.plan("pending_approval", "draft"), E.plan("draft", "approved")),
    broken: root(E.plan("draft", "executing"))
  },
  {
    rule: "plan-transition",
    lawful: root(E.plan("draft", "failed")),
    broken: root(E.plan("draft", "failed"), E.plan("failed", "draft"))
  },
  {
    rule: "plan-from-current",
    lawful: root(E.plan("draft", "approved"), E.plan("approved", "executing"), E.plan("draft", "failed", "plan-2")),
    broken: root(E.plan("draft", "approved"), E.plan("draft", "approved"))
  },
  {
    rule: "plan-from-current",
    lawful: root(E.plan("draft", "approved")),
    broken: root(E.plan("approved", "executing"))
  },
  {
    rule: "budget-once",
    lawful: root(E.exhausted("max_steps"), E.exhausted("max_tokens"), E.exhausted("max_steps", planner)),
    broken: root(E.exhausted("max_steps"), E.exhausted("max_steps", []))
  },
  {
    rule: "ending-at-root",
    lawful: [...opened, ...by(planner, E.start), ...root(E.agentUsage(), E.agentResult(), E.finish)],
    broken: [...opened, ...by(planner, E.finish)]
  },
  {
    rule: "output-of-answer",
    lawful: root({ ...E.finish, output: { n: 1 } }, E.cost),
    broken: root({ ...E.finish, finishReason: "length", output: { n: 1 } })
  },
  {
    rule: "ending-calls-closed",
    lawful: root(E.start, E.call(), E.result(), ...E.failing),
    broken: root(E.start, E.call(), E.cost)
  },
  {
    rule: "ending-approvals-answered",
    lawful: root(E.askPlan(), E.decided("cancelled"), ...E.ended),
    broken: root(E.askPlan(), E.finish)
  }
]

const firstFault = (lines: ReadonlyArray<Line>) => Ordering.check(E.toLog(lines))[0]

describe("Ordering", () => {
  it.each(examples)("$rule is enforced in an example", ({ broken, lawful, rule }) => {
    assert.isUndefined(firstFault(lawful))
    const fault = firstFault(broken)
    assert.deepStrictEqual([fault?.index, fault?.violation.rule], [broken.length - 1, rule])
    assert.isAbove(fault?.violation.message.length ?? 0, 0)
  })

  it("has an example for every rule about the order of events", () => {
    const ofEnvelopes = ["one-run", "seq-dense", "approval-own-thread"]
    const shown = new Set([...examples.map(({ rule }) => rule), ...ofEnvelopes])
    assert.deepStrictEqual([...shown].toSorted(), Ordering.rules.map(({ id }) => id).toSorted())
  })

  it("names each rule once and describes each in one sentence", () => {
    assert.strictEqual(new Set(Ordering.rules.map(({ id }) => id)).size, Ordering.rules.length)
    for (const { id, says } of Ordering.rules) {
      assert.match(id, /^[a-z]+(-[a-z]+)*$/)
      assert.match(says, /^[A-Z`].*\.$/)
    }
  })

  it("keeps messages short, whatever id a model gives a call", () => {
    const fault = firstFault(root(E.start, E.result("x".repeat(10_000))))
    assert.isBelow(fault?.violation.message.length ?? Infinity, 200)
  })

  it("accepts names such as __proto__ and constructor", () => {
    const lines = ["__proto__", "constructor", "", "a/b", "~0"].flatMap((id) =>
      root(E.start, E.agentCall(id, "__proto__"), E.agentUsage(id, "__proto__"), E.agentResult(id, "__proto__"))
    )
    assert.isUndefined(firstFault(lines))
  })
})
