import { assert, describe, it } from "@effect/vitest"
import { Ordering } from "@reins/protocol"
import type { Encoder } from "@reins/wire"
import { names } from "@reins/wire/check"
import type { Name } from "@reins/wire/check"
import * as Native from "@reins/wire/native"
import { ask } from "../Ask.ts"
import { readAll } from "../Reading.ts"
import { rule } from "../Rule.ts"
import { breaksOff } from "../Play.ts"
import { damaged, dialects, sent } from "./Mutants.ts"

/** What a log can break, and that it stops too early. */
const breakable = [...new Set([...Ordering.rules.map(({ id }) => id), "ended"])]

const all = new Set(breakable)
const set = (...rules: ReadonlyArray<string>): ReadonlySet<string> => new Set(rules)

/**
 * What each dialect carries: where an event that breaks the rule is sent at all, its frames break the protocol, and
 * the check finds it at their lines. Events that a dialect does not send have no line.
 */
const carries: { readonly [N in Name]: ReadonlySet<string> } = {
  a2a: set("ended"),
  aap: set("result-of-open-call", "call-id-new", "ended"),
  acp: set("result-of-open-call", "progress-of-open-call", "call-id-new", "ended"),
  "ag-ui": set("path-exists", "result-of-open-call", "call-id-new", "ended"),
  "ai-sdk": set("result-of-open-call", "call-id-new", "ended"),
  anthropic: set("result-of-open-call", "ended"),
  kai: set("result-of-open-call", "call-id-new", "ended"),
  karta: set("call-id-new"),
  native: all,
  "openai-chat": set("ended"),
  "openai-responses": set("ended"),
  steerable: set("ended")
}

/** Why no other dialect carries it: its protocol allows what the log shows, or our encoder never sends the damage. */
const why: { readonly [rule: string]: string } = {
  "one-run": "An answer is of one run: its encoder takes the id from the first envelope.",
  "seq-dense": "Foreign frames are numbered by their encoder, or not at all.",
  "approval-own-thread": "A request for an approval names no thread.",
  "path-exists":
    "Only AG-UI says which sub-agent speaks. Others leave specialists out, or name who speaks next without opening it.",
  "nothing-after-end":
    "What ends a stream is sent when the run's last event was encoded; a later event is sent before it, or as data.",
  "ending-order": "Summaries are data, or a part of the last frame, which is sent once.",
  "nested-after-decision": "No other protocol ties what a specialist says to the answer about its call.",
  "text-in-step": "Text stands outside of steps in every other protocol, or has none.",
  "step-after-calls": "A step may begin while a call is open.",
  "retract-open-step": "No other protocol but AI SDK takes a step back, and that at any time within it.",
  "message-at-root": "Messages of a user name no agent.",
  "message-after-calls": "A message of a user may come while a call is open.",
  "message-in-order": "Messages of a user have no position.",
  "output-of-answer": "A typed answer is a text, or data.",
  "receipt-of-success": "Whether a result is a receipt is not told.",
  "late-of-receipt": "Late results are data.",
  "late-after-calls": "Late results are data.",
  "ending-late-closed": "Late results are data.",
  "call-in-step": "A call may stand outside of a step.",
  "calls-together": "A call may follow the result of another; one that comes again is found as a call that is not new.",
  "input-id-new": "A client that has the input of a call does not look at pieces of it that come later.",
  "call-id-new": "The item, the block or the index of a call is new wherever the call is; A2A has no calls.",
  "result-of-open-call":
    "A result is a part of its call's item (OpenAI) or of its step (Karta), or data (A2A). Steerable has tasks for specialists.",
  "result-same-name": "Results name no tool. Kai's may leave the name out.",
  "result-after-decision":
    "Answers to approvals are no frames. AI SDK tells of them, and a question without a call is a call of its own there.",
  "refused-has-status": "A refused call may have an output.",
  "answer-of-question": "Answers to questions are data.",
  "usage-before-result": "What a specialist used is data.",
  "usage-of-open-bracket": "What a specialist used is data.",
  "usage-after-decision": "What a specialist used is data.",
  "usage-once": "What a specialist used is data.",
  "bracket-settled": "The result of a specialist's call may come while its own calls are open.",
  "progress-of-open-call": "Progress is data; ACP alone has it as an update of a call.",
  "progress-after-decision": "Progress is data.",
  "progress-never-falls": "Progress is data.",
  "progress-within-phases": "Progress is data.",
  "approval-id-new":
    "A question is sent when the run waits for it; one whose id was used is the same question. Most have no ids for questions.",
  "approval-own-path": "A request for an approval names no path.",
  "approval-of-open-call": "A question about a call that is not shown is shown as a call of its own.",
  "approval-before-work": "Whether a call had begun before its approval is not told.",
  "question-of-running": "Questions of tools are approvals like others.",
  "decision-of-pending": "Answers to approvals come from the client.",
  "decision-own-path": "Answers to approvals name no agent.",
  "plan-from-current": "Plans are data.",
  "plan-transition": "Plans are data.",
  "budget-once": "A limit that is reached is data, until it ends the run.",
  "ending-at-root": "What a specialist ends with is not sent.",
  "ending-calls-closed": "An answer may end with calls that have no result: a client may run them.",
  "ending-approvals-answered": "An answer may end with questions that nobody answered.",
  ended: "Karta's turn may stop behind a question: nothing tells a stream that is cut there."
}

const root = (): Encoder => {
  const { answer } = ask(Native.dialect, "POST /query", { prompt: "hi" })
  rule(answer._tag === "Stream", "it streams")
  return answer.open()
}

const subjects = [
  ...names.map((name) => [name, name, dialects[name].open, carries[name]] as const),
  // Bare events of the root do not show specialists, nor what an approval of theirs is about.
  ["native, bare events", "native", root, set("text-in-step", "call-id-new", "result-of-open-call", "ended")] as const
]

const logs = damaged(2500, 8)

describe("the table of what a damaged run breaks in a dialect", () => {
  it("has every rule, and a reason wherever a dialect does not carry it", () => {
    const reasoned = breakable.filter((id) => names.some((name) => !carries[name].has(id)))
    assert.deepStrictEqual(Object.keys(why).toSorted(), reasoned.toSorted())
    for (const name of names)
      assert.deepStrictEqual(
        [...carries[name]].filter((id) => !all.has(id)),
        []
      )
  })

  it("is tried with nearly every rule that damage can break", () => {
    const tried = new Set(logs.map((log) => log.rule))
    assert.isAbove(tried.size, 35)
    assert.deepStrictEqual(
      new Set(logs.map(({ kind }) => kind)),
      new Set(["drop", "double", "move", "alter", "readdress"])
    )
  })
})

describe("reins check", () => {
  it.each(subjects)("finds damage that is carried where it is, and nothing before it: %s", (_, name, open, carried) => {
    let found = 0
    for (const { at, from, kind, log, rule: broken, seed } of logs) {
      // An answer that shows input ends where its call does not come, whatever follows.
      if (breaksOff(log.slice(0, from)) && !carried.has(broken)) continue
      const { answers, places, shown } = sent(open, log, at)
      const [first] = readAll(name, answers).violations
      const says = `seed ${seed}, ${kind}, ${broken} at ${at}: ${JSON.stringify(first)}`
      const place = places.findLast(({ answer, line }) => answer === first?.answer && line <= first.line)
      // What is missing at the end has the last line.
      const isLast = places.findLast(({ answer }) => answer === first?.answer) === place
      assert.isTrue(place === undefined || isLast || place.index >= from - 1, `too early: ${says}`)
      if (!carried.has(broken)) continue
      if (broken === "ended") {
        assert.deepStrictEqual([first?.answer, first?.line], [places.at(-1)?.answer, places.at(-1)?.line], says)
        found += 1
        // Whatever comes first opens the answer.
      } else if (shown.length > 0 && at > 0) {
        assert.deepInclude(shown, { answer: first?.answer ?? -1, line: first?.line ?? -1, index: at }, says)
        found += 1
      }
    }
    assert.isAbove(found, 3)
  })
})
