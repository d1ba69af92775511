/**
 * The bench: `npm run bench -- [--quick] [--only=W1,W2] [--of=floor,promise] [--rounds=5] [--against=REVISION]`.
 *
 * Contestants take turns, each measurement in a fresh process, so that a slower machine affects all of them. What it
 * prints are medians over the rounds, and ratios to the floor, or to memory for stores: read these, not the times. With
 * `--against` another revision of this repository takes its turns beside today's, and a last table has the ratios
 * between the two.
 */
import { execFile } from "node:child_process"
import { cpus } from "node:os"
import { join } from "node:path"
import { parseArgs, promisify } from "node:util"
import * as Families from "./Families.ts"
import type { Figures } from "./Family.ts"
import * as Needs from "./Needs.ts"
import * as Revision from "./Revision.ts"
import { compare, gains, render, type Rounds } from "./Table.ts"

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string" },
    of: { type: "string" },
    rounds: { type: "string" },
    against: { type: "string" }
  }
})

const chosen = (names: ReadonlyArray<string>, wanted: string | undefined): ReadonlyArray<string> => {
  if (wanted === undefined) return names
  const list = wanted.split(",")
  const unknown = list.filter((name) => !names.includes(name))
  if (unknown.length > 0) throw new Error(`Unknown: ${unknown.join(", ")}. Available: ${names.join(", ")}`)
  return names.filter((name) => list.includes(name))
}

const measure = async (
  bench: string,
  contestant: string,
  workload: string,
  environment: NodeJS.ProcessEnv
): Promise<Figures> => {
  const args = ["--expose-gc", join(bench, "Measure.ts"), contestant, workload]
  const { stdout } = await promisify(execFile)(process.execPath, values.quick ? [...args, "quick"] : args, {
    timeout: 600_000,
    env: { ...process.env, ...environment }
  })
  return JSON.parse(stdout)
}

const note = (text: string): void => {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`)
}

/** One row of a workload's table: a contestant of a revision, measured once a round. */
interface Row {
  readonly entry: string
  readonly bench: string
  readonly title: string
  readonly rounds: Array<Figures>
}

const run = async () => {
  const all = Families.families
  const names = chosen(
    all.flatMap(({ workloads }) => Object.keys(workloads)),
    values.only
  )
  const others = chosen([...new Set(all.flatMap(({ entries }) => Object.keys(entries)))], values.of)
  const rounds = Number(values.rounds ?? (values.quick ? 2 : 5))
  const out = [`Node ${process.versions.node}, ${cpus().length} × ${cpus()[0]?.model ?? "?"}, ${rounds} rounds`]
  const needs = new Needs.Needs()
  if (values.against !== undefined) note(`installing ${values.against}`)
  const old = values.against === undefined ? undefined : await Revision.make(values.against)
  const compared: Array<string> = []
  try {
    for (const name of names) {
      const { base, entries, workloads } = Families.of(name)
      const workload = workloads[name]
      if (workload === undefined) continue
      const measured = new Map<string, Row>()
      for (const [entry, { isOurs = false, needs: need, title }] of Object.entries(entries)) {
        if (!others.includes(entry) || !(await needs.met(need))) continue
        measured.set(entry, { entry, bench: import.meta.dirname, title, rounds: [] })
        if (old === undefined || !isOurs) continue
        measured.set(`${entry} ${old.title}`, { entry, bench: old.bench, title: `${title}, ${old.title}`, rounds: [] })
      }
      for (let round = 1; round <= rounds; round++) {
        for (const { bench, entry, rounds: taken, title } of measured.values()) {
          note(`${name}, round ${round} of ${rounds}: ${title}`)
          taken.push(await measure(bench, entry, name, needs.environment))
        }
      }
      note("")
      out.push(render(name, workload, measured, base))
      if (old !== undefined) compared.push(...rowsOf(name, workload, measured, old))
    }
  } finally {
    old?.remove()
    await needs.end()
  }
  if (old !== undefined) out.push(compare(old.title, compared))
  process.stdout.write(`${out.join("\n\n")}\n`)
}

/** Today's contestants beside themselves in the other revision. */
const rowsOf = (
  name: string,
  workload: Parameters<typeof render>[1],
  measured: ReadonlyMap<string, Row>,
  old: Revision.Revision
): ReadonlyArray<string> =>
  [...measured].flatMap(([key, { rounds, title }]) => {
    const before: Rounds | undefined = measured.get(`${key} ${old.title}`)?.rounds
    return before === undefined ? [] : gains(name, title, workload.figures, before, rounds)
  })

await run()
