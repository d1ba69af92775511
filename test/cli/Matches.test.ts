import { assert, describe, it } from "@effect/vitest"
import { Keywords, Matches } from "@reins/cli"

describe("a question's terms", () => {
  it.each([
    ["How do budgets stop parallel specialists?", ["budget", "stop", "parallel", "specialist"]],
    ["What is this folder about?", []],
    ["WHAT IS A RUN?", ["run"]],
    ["Wie groß ist die Übersicht?", ["wie", "groß", "ist", "die", "übersicht"]],
    ["E_BUDGET_STEPS, e_budget_steps", ["e_budget_step"]],
    ["予算とは何ですか", ["予算とは何ですか"]],
    ["… ?! --", []]
  ])("of %j", (question, terms) => {
    assert.deepStrictEqual(Keywords.of(question), terms)
  })
})

describe("finding", () => {
  const lines = (terms: ReadonlyArray<string>, text: string) =>
    Matches.finder(terms)("a.md", text).map(({ line }) => line)

  it("counts lines from 1, whatever ends them", () => {
    assert.deepStrictEqual(lines(["needle"], "needle\r\nhay\rNeedles\nneed"), [1, 3])
  })

  it("takes a short term as a word, a long one anywhere", () => {
    assert.deepStrictEqual(lines(["run"], "a run\ntruncate\nruns\nrunning\nprune"), [1, 3])
    assert.deepStrictEqual(lines(["budget"], "maxBudgetUsd\nbudgets"), [1, 2])
  })

  it("takes a term as it is, not as a pattern", () => {
    assert.deepStrictEqual(lines(["(.*)+$"], "anything\nthe (.*)+$ itself"), [2])
  })
})

describe("the best matches", () => {
  const match = (file: string, text: string, terms: ReadonlyArray<string> = ["budget"], line = 1) => ({
    file,
    line,
    text,
    terms
  })

  it("speak of several terms, in prose", () => {
    const best = Matches.best(
      [
        match("src/code.ts", "const budget = make(specialist)", ["budget", "specialist"]),
        match("docs/page.md", "A budget holds every specialist.", ["budget", "specialist"]),
        match("docs/page.md", "A budget is a set of limits.")
      ],
      2
    )
    assert.deepStrictEqual(
      best.map(({ text }) => text),
      ["A budget holds every specialist.", "A budget is a set of limits."]
    )
  })

  it("are few of each file", () => {
    const many = Array.from({ length: 9 }, (_, line) => match("a.md", "The budget is here, again.", ["budget"], line))
    assert.strictEqual(Matches.best(many, 9).length, 2)
  })
})
