/** The rules about questions that calls ask, by example. */
import * as E from "./OrderEvents.ts"
import type { Line } from "./OrderEvents.ts"

/** A rule by example: all of `lawful` may be said; the last line of `broken` is what the rule refuses. */
export interface Example {
  readonly rule: string
  readonly lawful: ReadonlyArray<Line>
  readonly broken: ReadonlyArray<Line>
}

const { root } = E
const asked = root(E.start, E.call(), E.ask())
const opened = root(E.start, E.agentCall())

export const questions: ReadonlyArray<Example> = [
  {
    rule: "approval-before-work",
    lawful: [...asked, ...root(E.decided(), E.question(), E.answered(), E.result())],
    broken: root(E.start, E.call(), E.question(), E.answered(), E.ask())
  },
  {
    rule: "approval-of-open-call",
    lawful: root(E.start, E.call(), E.question()),
    broken: root(E.start, E.question())
  },
  {
    rule: "question-of-running",
    lawful: root(E.start, E.call(), E.progress(0), E.question(), E.answered(), E.question("q2"), E.progress(1)),
    broken: root(E.start, E.call(), E.question(), E.question("q2"))
  },
  {
    rule: "question-of-running",
    lawful: [...asked, ...root(E.decided(), E.question())],
    broken: [...asked, ...root(E.decided("reject"), E.question())]
  },
  { rule: "question-of-running", lawful: opened, broken: [...opened, ...root(E.question("q1", "s1"))] },
  {
    rule: "result-after-decision",
    lawful: root(E.start, E.call(), E.question(), E.decided("expired", "q1"), E.result()),
    broken: root(E.start, E.call(), E.question(), E.result())
  },
  {
    rule: "answer-of-question",
    lawful: root(E.start, E.call(), E.question(), E.decided("reject", "q1"), E.result()),
    broken: root(E.start, E.call(), E.question(), E.decided("approve", "q1"))
  },
  {
    rule: "answer-of-question",
    lawful: [...asked, ...root(E.decided("superseded"))],
    broken: root(E.start, E.call(), E.question(), E.decided("superseded", "q1"))
  },
  {
    rule: "answer-of-question",
    lawful: root(E.askPlan(), E.decided()),
    broken: root(E.askPlan(), E.answered("yes", "a1"))
  }
]
