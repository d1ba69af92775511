/**
 * What a step makes and drops is made by a class, not by an object literal: V8 counts for each literal of code that is
 * not compiled how many of its objects live through a collection, and in some processes allocates all later ones as old
 * objects. A dead old object keeps what it points to until the next full collection (`kernel/Task.ts`). No result of a
 * run shows this, so this test counts the literals on the way of each step.
 */
import { assert, describe, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { promisify } from "node:util"
import { parseSync } from "vite"

/**
 * The object literals that each step executes, by file. All of them are numbers and names alone, or live as long as the
 * run (events, messages, rows of the ledger). Make a new one that points to other work of the step by a class; raise a
 * count only for a literal of the kinds above.
 */
const known: { readonly [file: string]: number } = {
  "agent/CallRow.ts": 1,
  "budget/Amounts.ts": 2,
  "call/Attempt.ts": 1,
  "call/Call.ts": 1,
  "call/CallSettlement.ts": 4,
  "call/ToolAdmission.ts": 3,
  "call/ToolStep.ts": 1,
  "kernel/Interruptible.ts": 1,
  "kernel/PlainJson.ts": 2,
  "loop/AgentLoop.ts": 2,
  "model/ReceivedPart.ts": 3,
  "promise/Iteration.ts": 2,
  "run/AgentState.ts": 1,
  "step/Admission.ts": 4,
  "step/Announcement.ts": 1,
  "step/Answer.ts": 1,
  "step/Attempt.ts": 2,
  "step/ModelStep.ts": 2,
  "step/PaidRequest.ts": 3,
  "step/Tally.ts": 5,
  "tool/ToolOutcome.ts": 1
}

type Range = readonly [from: number, to: number, count: number]

interface Covered {
  readonly path: string
  readonly ranges: ReadonlyArray<Range>
}

const sources = join(import.meta.dirname, "..", "..", "..", "packages", "runtime", "src")

/** How often the innermost range around a position was executed. */
const countAt = (ranges: ReadonlyArray<Range>, at: number): number => {
  let inner: Range = [0, Number.POSITIVE_INFINITY, 0]
  for (const range of ranges) {
    const [from, to] = range
    if (from <= at && at < to && to - from <= inner[1] - inner[0]) inner = range
  }
  return inner[2]
}

/** The positions of object literals with members; an empty one is filled by its own code, as `PlainJson` does. */
const literalsIn = (value: unknown): ReadonlyArray<number> => {
  if (Array.isArray(value)) return value.flatMap(literalsIn)
  if (typeof value !== "object" || value === null) return []
  const inside = Object.values(value).flatMap(literalsIn)
  const isLiteral = "type" in value && value.type === "ObjectExpression"
  return isLiteral && "properties" in value && Array.isArray(value.properties) && value.properties.length > 0
    ? [...("start" in value && typeof value.start === "number" ? [value.start] : []), ...inside]
    : inside
}

/** The places of the literals that every step executes. */
const onEachStep = ({ path, ranges }: Covered): ReadonlyArray<string> => {
  const text = readFileSync(join(sources, path), "utf8")
  return literalsIn(parseSync(path, text).program)
    .filter((at) => countAt(ranges, at) >= 0.9)
    .map((at) => `${path}:${text.slice(0, at).split("\n").length}`)
}

describe("the way of each step", () => {
  it("makes no more object literals than are known to be harmless", { timeout: 60_000 }, async () => {
    const program = join(import.meta.dirname, "StepCoverage.ts")
    const { stdout } = await promisify(execFile)(process.execPath, [program], { maxBuffer: 1 << 26 })
    const covered: ReadonlyArray<Covered> = JSON.parse(stdout)
    const found = covered.flatMap(onEachStep)
    assert.isAbove(found.length, 0)
    const counts: { [file: string]: Array<string> } = {}
    for (const place of found) (counts[place.slice(0, place.indexOf(":"))] ??= []).push(place)
    const more = Object.entries(counts).filter(([file, places]) => places.length > (known[file] ?? 0))
    assert.deepStrictEqual(
      more.map(([, places]) => places),
      []
    )
  })
})
