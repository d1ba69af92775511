/**
 * What a run can be, one log each: the scenario set that every dialect must get through.
 */
import type { Envelope } from "@reins/protocol"
import { Event } from "@reins/protocol"
import { Log } from "./Log.ts"

const log = () => new Log().step()

/** Name and log. Every one is valid from its first event to its last. */
export const scenarios: ReadonlyArray<readonly [name: string, log: ReadonlyArray<Envelope.Envelope>]> = Object.entries({
  text: log().text("Hello ", "wor", "ld. \u{1f422}", "\nLine two\r\nand \u2028 three").finish(),
  empty: log().finish(),
  reasoning: log().think("Let me ", "see. ").text("It is ", "", "four.").think("Sure?").text(" Yes.").finish("length"),
  "one tool": log()
    .text("I look. ")
    .call("c1", "search", { q: "tides", nested: { deep: [1, null, "x"] } })
    .say({
      type: "tool-progress",
      toolName: "search",
      toolCallId: "c1",
      label: "reading",
      phaseIndex: 1,
      totalPhases: 2
    })
    .result("c1", { hits: 3 })
    .step()
    .text("Three hits.")
    .finish(),
  "written tools": log()
    .text("Both. ")
    .write("c1", "search", ["", '{"q":', '"a"}'])
    .write("c2", "fetch", ['{"at":', "1}"])
    .call("c1", "search", { q: "a" })
    .call("c2", "fetch", { at: 1 })
    .result("c2", "plain text")
    .result("c1", [1, 2])
    .step()
    .write("c3", "search", [""])
    .call("c3", "search", { q: "late" })
    .result("c3", 1)
    .step()
    .text("Done.")
    .finish(),
  "written for the client": log()
    .text("Where? ")
    .write("c1", "locate", ["", '{"fine":'], "client")
    .text("Or there? ")
    .write("c1", "locate", ["true}"], "client")
    .call("c1", "locate", { fine: true }, "client")
    .call("c2", "search", { q: "a" })
    .result("c2", { hits: 1 })
    .result("c1", { lat: 1.5 })
    .step()
    .text("There.")
    .finish(),
  "written and retracted": log()
    .text("So. ")
    .write("c1", "search", ['{"q":'])
    .say({ type: "step-retracted", reason: "NetworkFailed" })
    .step()
    .write("c2", "search", ['{"q":"a"}'])
    .call("c2", "search", { q: "a" })
    .result("c2", 1)
    .step()
    .text("Done.")
    .finish(),
  "written, and cut": log()
    .text("So. ")
    .write("c1", "locate", ['{"fine":'], "client")
    .say({ type: "custom", event_type: "calls_dropped", data: { reason: "length", tools: ["locate"] } })
    .finish("length"),
  sources: log()
    .think("Hm.")
    .text("The tide turns ")
    .say(Event.source({ id: "s1", sourceType: "url", url: "https://acme.test/tides", title: "Tides" }))
    .text("twice a day.")
    .say(Event.source({ id: "s2", sourceType: "document", mediaType: "application/pdf", title: "A book" }))
    .say(Event.text(" A second text.", "2"))
    .finish(),
  "parallel tools": log()
    .text("Both. ")
    .call("c1", "search", { q: "a" })
    .call("c2", "fetch", "not an object")
    .call("c3", "count", [])
    .result("c2", "plain text")
    .result("c3", 7)
    .result("c1", [1, 2])
    .step()
    .text("Done.")
    .finish(),
  "tool first, failing": log()
    .call("c1", "search", { q: "a" })
    .call("c2", "search", { q: "b" })
    .result("c1", { error: "ToolCrashed", message: "it broke" }, "failed")
    .result("c2", null)
    .step()
    .text("One failed.")
    .finish(),
  "gated, approved": log()
    .text("May I? ")
    .call("c1", "refund", { amount: 90 })
    .ask("apr-1", "refund", { amount: 90 }, { call: "c1" })
    .answer("apr-1", "approve", "go on")
    .say({
      type: "tool-progress",
      toolName: "refund",
      toolCallId: "c1",
      label: "paying",
      phaseIndex: 1,
      totalPhases: 1
    })
    .result("c1", { reversed: 1 })
    .step()
    .text("Refunded.")
    .finish(),
  "gated, rejected": log()
    .call("c1", "refund", { amount: 90 })
    .ask("apr-1", "refund", { amount: 90 }, { call: "c1" })
    .answer("apr-1", "reject", "too much")
    .result("c1", { error: "Denied", message: "too much" }, "denied")
    .step()
    .text("I was not allowed.")
    .finish(),
  "gated, revised": log()
    .call("c1", "refund", { amount: 90 })
    .ask("apr-1", "refund", { amount: 90 }, { call: "c1" })
    .answer("apr-1", { revise: { amount: 20 } })
    .result("c1", { reversed: 1 })
    .step()
    .text("Refunded 20.")
    .finish(),
  "gated, expired": log()
    .call("c1", "refund", { amount: 90 })
    .ask("apr-1", "refund", { amount: 90 }, { call: "c1" })
    .answer("apr-1", "expired")
    .result("c1", { error: "Expired", message: "nobody answered" }, "denied")
    .step()
    .text("Nobody answered.")
    .finish(),
  "gated, then failing": log()
    .call("c1", "refund", { amount: 90 })
    .ask("apr-1", "refund", { amount: 90 }, { call: "c1" })
    .answer("apr-1", "approve")
    .result("c1", "no such order", "failed")
    .step()
    .text("There is no such order.")
    .finish(),
  "two gated beside a free one": log()
    .text("Three calls. ")
    .call("c1", "refund", { amount: 1 })
    .call("c2", "search", { q: "a" })
    .call("c3", "refund", { amount: 2 })
    .ask("apr-1", "refund", { amount: 1 }, { call: "c1" })
    .ask("apr-2", "refund", { amount: 2 }, { call: "c3" })
    .result("c2", { hits: 0 })
    .answer("apr-2", "reject", "no")
    .result("c3", { error: "Denied", message: "no" }, "denied")
    .answer("apr-1", "approve")
    .result("c1", { reversed: 1 })
    .step()
    .text("One of two.")
    .finish(),
  specialist: log()
    .text("I ask. ")
    .agent("c1", "researcher", "tidal power")
    .call("c2", "search", { q: "b" })
    .below("researcher", "c1")
    .step()
    .think("hm")
    .text("Below. ")
    .call("c1", "search", { q: "tides" })
    .result("c1", { hits: 9 })
    .up()
    .result("c2", "side")
    .below("researcher", "c1")
    .step()
    .text("Found.")
    .up()
    .agentResult("c1", "researcher", { findings: ["a"] })
    .step()
    .text("It says a.")
    .finish(),
  "specialist that asks": log()
    .agent("c1", "researcher", { topic: "x" })
    .call("c2", "refund", { amount: 3 })
    .ask("apr-1", "refund", { amount: 3 }, { call: "c2" })
    .below("researcher", "c1")
    .step()
    .text("I must buy. ")
    .call("c1", "buy", { item: "book" })
    .ask("apr-2", "buy", { item: "book" }, { call: "c1" })
    .answer("apr-2", "approve")
    .up()
    .answer("apr-1", "approve")
    .result("c2", { reversed: 1 })
    .below("researcher", "c1")
    .result("c1", { bought: true })
    .step()
    .text("Bought.")
    .up()
    .agentResult("c1", "researcher", "a book")
    .step()
    .text("All done.")
    .finish(),
  "specialist that fails": log()
    .agent("c1", "researcher", "x")
    .below("researcher", "c1")
    .step()
    .agent("c9", "reader", "y")
    .below("reader", "c9")
    .step()
    .text("deep")
    .up()
    .agentResult("c9", "reader", "read")
    .up()
    .agentResult("c1", "researcher", { error: "BudgetExhausted", message: "max_steps=1 reached" }, "failed")
    .step()
    .text("Without it, then.")
    .finish(),
  plan: log()
    .text("A plan. ")
    .say({ type: "plan-status-change", data: { planId: "plan-1", from: "draft", to: "pending_approval" } })
    .ask("apr-1", "plan-1", { steps: ["a", "b"] }, "plan")
    .answer("apr-1", "approve")
    .say(
      { type: "plan-status-change", data: { planId: "plan-1", from: "pending_approval", to: "approved" } },
      { type: "plan-status-change", data: { planId: "plan-1", from: "approved", to: "executing" } },
      { type: "plan-status-change", data: { planId: "plan-1", from: "executing", to: "executed" } }
    )
    .step()
    .text("Carried out.")
    .finish(),
  budget: log()
    .text("Much to do. ")
    .call("c1", "search", { q: "a" })
    .result("c1", { error: "BudgetExhausted", message: "max_tool_calls=0 reached" }, "cancelled")
    .say({
      type: "budget_exhausted",
      message: "max_tool_calls=0 reached",
      code: "E_BUDGET_TOOL_CALLS",
      data: { limit: "maxToolCalls", max: 0, used: 1 }
    })
    .finish("budget"),
  "budget, raised": log()
    .text("Dear. ")
    .ask("apr-1", "maxCostUsd", { limit: "maxCostUsd", max: 1, used: 1 }, "budget")
    .answer("apr-1", "approve")
    .step()
    .text("Paid.")
    .finish(),
  cancel: log()
    .text("I wa")
    .step()
    .call("c1", "search", { q: "a" })
    .result("c1", { error: "Cancelled", message: "the run was cancelled" }, "cancelled")
    .finish("cancelled"),
  error: log().text("I wa").fail("the model is gone", "E_MODEL_UNAVAILABLE"),
  "content filter": log().text("I ca").finish("content-filter"),
  "client tool": log()
    .text("Where? ")
    .call("c1", "locate", { precise: true }, "client")
    .call("c2", "search", { q: "a" })
    .result("c2", { hits: 1 })
    .result("c1", { lat: 1.5 })
    .step()
    .text("There.")
    .finish(),
  files: log()
    .call("c1", "render", {})
    .say({
      type: "data-file-registered",
      data: { fileId: "f1", filename: "a.png", mediaType: "image/png", sizeBytes: 12, url: "https://files.example/f1" }
    })
    .say({
      type: "data-file-registered",
      data: { fileId: "f2", filename: "b.csv", mediaType: "text/csv", sizeBytes: 3 }
    })
    .result("c1", { files: 2 })
    .step()
    .text("Two files.")
    .say({ type: "data-flow-ui", data: { dsl: { card: "x" } } })
    .say({ type: "custom", event_type: "acme-note", data: null })
    .finish(),
  retracted: log()
    .text("Wro")
    .think("hm")
    .say({ type: "step-retracted", reason: "failover" })
    .step()
    .text("Right.")
    .finish()
}).map(([name, { envelopes }]) => [name, envelopes] as const)

/** A typed answer after one that was retracted, for clients that ask for JSON. */
const typed = log()
  .text("none")
  .say({ type: "step-retracted", reason: "OutputInvalid" })
  .step()
  .text('```json\n{"team":')
  .text('"billing"}\n```')
  .finish("stop", { team: "billing" })

/** The log of that name. */
export const scenario = (name: string): ReadonlyArray<Envelope.Envelope> =>
  name === "typed" ? typed.envelopes : (new Map(scenarios).get(name) ?? [])
