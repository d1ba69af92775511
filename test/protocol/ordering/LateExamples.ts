/** The rules about receipts and late results, by example. */
import * as E from "./OrderEvents.ts"
import { by, planner, root } from "./OrderEvents.ts"
import type { Example } from "./QuestionExamples.ts"

const opened = root(E.start, E.agentCall())

export const late: ReadonlyArray<Example> = [
  {
    rule: "receipt-of-success",
    lawful: root(E.start, E.call(), E.receipt()),
    broken: root(E.start, E.call(), { ...E.receipt(), status: "failed" })
  },
  {
    rule: "late-of-receipt",
    lawful: root(E.start, E.call(), E.receipt(), E.start, E.lateResult()),
    broken: root(E.start, E.call(), E.result(), E.start, E.lateResult())
  },
  {
    rule: "late-of-receipt",
    lawful: root(E.start, E.call(), E.receipt(), E.lateResult()),
    broken: root(E.start, E.call(), E.receipt(), E.lateResult(), E.lateResult())
  },
  {
    rule: "late-of-receipt",
    lawful: root(E.start, E.call(), E.receipt(), E.lateResult()),
    broken: root(E.start, E.call(), E.receipt(), E.lateResult("c1", "write"))
  },
  {
    rule: "late-after-calls",
    lawful: root(E.start, E.call(), E.receipt(), E.start, E.call("c2"), E.result("c2"), E.lateResult()),
    broken: root(E.start, E.call(), E.receipt(), E.start, E.call("c2"), E.lateResult())
  },
  {
    rule: "text-in-step",
    lawful: root(E.start, E.call(), E.receipt(), E.start, E.text(), E.lateResult(), E.start, E.text()),
    broken: root(E.start, E.call(), E.receipt(), E.start, E.text(), E.lateResult(), E.text())
  },
  {
    rule: "ending-late-closed",
    lawful: root(E.start, E.call(), E.receipt(), E.lateResult(), ...E.ended),
    broken: root(E.start, E.call(), E.receipt(), E.finish)
  },
  {
    rule: "bracket-settled",
    lawful: [
      ...opened,
      ...by(planner, E.start, E.call(), E.receipt(), E.lateResult()),
      ...root(E.agentUsage(), E.agentResult())
    ],
    broken: [...opened, ...by(planner, E.start, E.call(), E.receipt()), ...root(E.agentUsage(), E.agentResult())]
  }
]
