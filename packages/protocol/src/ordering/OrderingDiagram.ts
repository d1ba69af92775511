/**
 * The automaton on paper: its drawings and its law as a page of Markdown, made from the same tables that judge events. The
 * repository keeps the page as `docs/ordering.md`.
 */
import { rules } from "./Ordering.ts"
import { latePolicies } from "./OrderingLate.ts"
import { callPhases, planPhases, runPhases, stepPhases } from "./OrderingTables.ts"
import type { CallSignal, StepSignal } from "./OrderingTables.ts"

/** `[from, label, to]`; mermaid's `[*]` is the beginning as `from` and the end as `to`. */
type Arrow = readonly [from: string, label: string, to: string]

interface Phases {
  readonly [phase: string]: { readonly [signal: string]: string | undefined }
}

const table = (phases: Phases, names: { readonly [signal: string]: string }): ReadonlyArray<Arrow> =>
  Object.entries(phases).flatMap(([from, arrows]) =>
    Object.entries(arrows).map(([signal, to = ""]): Arrow => [from, names[signal] ?? signal, to])
  )

const node = (name: string): string => name.replaceAll("-", "_")

const label = (name: string): string => (node(name) === name ? "" : `  ${node(name)}: ${name}\n`)

/** Arrows between the same two phases become one, with all their labels. */
const draw = (first: string, arrows: ReadonlyArray<Arrow>, last: ReadonlyArray<string>): string => {
  const merged = new Map<string, Array<string>>()
  for (const [from, says, to] of arrows) {
    const key = `${node(from)} --> ${node(to)}`
    merged.set(key, [...(merged.get(key) ?? []), says])
  }
  const names = [...new Set(arrows.flatMap(([from, , to]) => [from, to]))]
  return [
    "```mermaid\nstateDiagram-v2\n",
    ...names.map(label),
    `  [*] --> ${node(first)}\n`,
    ...[...merged].map(([key, says]) => `  ${key}: ${says.join(", ")}\n`),
    ...last.map((name) => `  ${node(name)} --> [*]\n`),
    "```"
  ].join("")
}

const stepNames: { readonly [S in StepSignal]: string } = {
  "step-start": "step-start",
  text: "text",
  reasoning: "reasoning",
  "step-retracted": "step-retracted",
  call: "call announced",
  news: "news of a call",
  done: "(stored mark)"
}

const callNames: { readonly [S in CallSignal]: string } = {
  required: "approval-required",
  again: "approval-required with begunBefore",
  allow: "decision approve or revise",
  refuse: "decision reject, expired or cancelled",
  progress: "tool-progress",
  nested: "event of the specialist",
  usage: "data-tool-agent",
  result: "result"
}

const runDrawing = (): string =>
  draw("running", [["running", "any other event", "running"], ...table(runPhases, {})], ["ended"])

const stepDrawing = (): string => draw("none", table(stepPhases, stepNames), [])

const callDrawing = (): string => draw("announced", table(callPhases, callNames), ["closed"])

const planDrawing = (): string => {
  const arrows = Object.entries(planPhases).flatMap(([from, ends]) => ends.map((to): Arrow => [from, "", to]))
  return draw("draft", arrows, ["executed", "failed"]).replaceAll(/: $/gm, "")
}

const ruleTable = (): string =>
  [
    "| rule | events | says |",
    "| --- | --- | --- |",
    ...rules.map(({ events, id, says }) => `| \`${id}\` | ${events} | ${says} |`)
  ].join("\n")

const lateNames = (policy: string): string =>
  Object.entries(latePolicies)
    .flatMap(([type, each]) => (each === policy ? [`\`${type}\``] : []))
    .join(", ")

/** The whole page. Made by `node scripts/ordering-diagram.ts`, and never edited by hand. */
export const page =
  (): string => `<!-- Made from packages/protocol/src/ordering/OrderingTables.ts and its rules by: node scripts/ordering-diagram.ts -->

# The order of events

What a run may say, and when. One automaton, \`Ordering\` in \`@reins/protocol\`, holds this order: the owner of a log refuses what
it refuses, tests draw logs from it, and \`Ordering.check\` tells you where a log of yours breaks it. The same language holds
for the root agent and for every specialist below it; only the ending belongs to the root alone. An event of a type that this
version does not know (from a log of a later one) is lawful anywhere and changes nothing.

## The run

\`ended\` is reached in two ways, and both pass by the two summaries: a run that ends, and a run that fails.

${runDrawing()}

## The step of an agent

Text and reasoning stand before the calls of their step, and the calls leave together: once anything else is heard of one of
them (its approval, its progress, its result, an event of the specialist it opened), the next call needs a new step. A step
begins when every call of the one before has its result. The mark is not an event: a store that knows that a step is done says
so with \`Automaton.closeStep\`.

${stepDrawing()}

## A call

The same for \`tool-invocation\` and \`tool-agent\`; progress is of the former, nested events and usage of the latter. A call that
waits does nothing, and a call that was refused only ends, with a \`status\`.

${callDrawing()}

## A plan

${planDrawing()}

## What comes too late

News can be said after its place has closed: the specialist's bracket is closed, the call has its result, or the run is ending. A
late event never ends a run. By its type:

- ${lateNames("lift")}: **lifted**. The nearest
  agent above that may still speak tells it. While the run is ending nobody may, and it is dropped.
- ${lateNames("drop")}: **dropped**. They mean nothing outside of their place.
- All others open or close something. They are never moved: the owner of the log refuses them.

A \`budget_warning\` is not late: whoever settles on a budget tells its warnings at once, before its own call or bracket closes.

## The law

What the drawings show and what they cannot show. The ids are stable: they are the \`rule\` of a violation.

${ruleTable()}
`
