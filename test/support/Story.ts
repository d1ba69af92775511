/**
 * The model's script when `Desk` is asked about tides: the desk searches, indexes, lends and calls the reader, all in
 * parallel; the reader searches and lends; both then answer. It only depends on the request, so any number of runs get
 * the same story.
 */
import { type CostNode, type CostSummary, type Envelope, Ordering } from "@reins/protocol"
import { ScriptedModel } from "@reins/runtime/testing"
import { assert } from "vitest"

const { calls, lastResults, words } = ScriptedModel

const errands = calls(
  [
    { id: "s", name: "search", args: { topic: "tides" } },
    { id: "i", name: "index", args: { shelf: "sea" } },
    { id: "l", name: "lend", args: { book: "Tides", copies: 2 } },
    { id: "r", name: "reader", args: { prompt: "read about tides" } }
  ],
  { text: "Let me look. " }
)

const reading = calls([
  { id: "s", name: "search", args: { topic: "moon" } },
  { id: "l", name: "lend", args: { book: "Moon" } }
])

/** Replies for the desk and the reader. */
export const tides: ScriptedModel.Responder = (request) => {
  const first = lastResults(request).length === 0
  return request.metadata.agent === "desk"
    ? first
      ? errands
      : words("Tides come twice a day.")
    : first
      ? reading
      : words("The moon pulls.")
}

/** A model with this script. */
export const model = (options: Omit<ScriptedModel.Options, "respond"> = {}): ScriptedModel.ScriptedModel =>
  ScriptedModel.make({ ...options, respond: tides })

/** Fails unless the log is valid and complete. */
export const isWhole = (log: ReadonlyArray<Envelope.Envelope>): void => {
  assert.deepStrictEqual(Ordering.check(log), [])
  const automaton = new Ordering.Automaton()
  for (const { agentPath, event } of log) automaton.accept(agentPath, [event])
  assert.isTrue(automaton.ended, "the log has no end")
}

const leaves = (node: CostNode): number =>
  [...node.rows.map(({ costNanoUsd }) => costNanoUsd), ...node.children.map(leaves)].reduce((sum, one) => sum + one, 0)

/** Fails unless the leaves of the tree add up to its root, to the nano-dollar. */
export const addsUp = (summary: CostSummary.CostSummary | undefined): void => {
  assert.isDefined(summary)
  assert.strictEqual(leaves(summary.root), summary.costNanoUsd)
  assert.strictEqual(summary.root.costNanoUsd, summary.costNanoUsd)
}
