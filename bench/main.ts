/**
 * The bench: `npm run bench -- [--quick] [--only=W1,W2] [--of=floor,reins] [--rounds=5]`.
 *
 * Contestants take turns, each measurement in a fresh process, so that a machine that slows down slows everybody down. What
 * it prints are medians over the rounds, and ratios to the floor: read these, not the times.
 */
import { execFile } from "node:child_process"
import { cpus } from "node:os"
import { join } from "node:path"
import { parseArgs, promisify } from "node:util"
import { contestants } from "./Contestants.ts"
import * as Peers from "./Peers.ts"
import { render } from "./Table.ts"
import { type Figures, workloads } from "./Workloads.ts"

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string" },
    of: { type: "string" },
    rounds: { type: "string" }
  }
})

const chosen = (names: ReadonlyArray<string>, wanted: string | undefined): ReadonlyArray<string> => {
  if (wanted === undefined) return names
  const list = wanted.split(",")
  const unknown = list.filter((name) => !names.includes(name))
  if (unknown.length > 0) throw new Error(`there is no ${unknown.join(", ")}; there are ${names.join(", ")}`)
  return names.filter((name) => list.includes(name))
}

const measure = async (contestant: string, workload: string): Promise<Figures> => {
  const args = ["--expose-gc", join(import.meta.dirname, "Measure.ts"), contestant, workload]
  const { stdout } = await promisify(execFile)(process.execPath, values.quick ? [...args, "quick"] : args, {
    timeout: 600_000
  })
  return JSON.parse(stdout)
}

const note = (text: string): void => {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`)
}

const run = async () => {
  const names = chosen(Object.keys(workloads), values.only)
  let entries = chosen(Object.keys(contestants), values.of)
  const problem = entries.some((name) => contestants[name]?.peer) ? Peers.install() : undefined
  if (problem !== undefined) {
    process.stderr.write(`The peers are left out, they could not be installed: ${problem.trim()}\n`)
    entries = entries.filter((name) => contestants[name]?.peer !== true)
  }
  const rounds = Number(values.rounds ?? (values.quick ? 2 : 5))
  const out = [`Node ${process.versions.node}, ${cpus().length} × ${cpus()[0]?.model ?? "?"}, ${rounds} rounds`]
  for (const name of names) {
    const workload = workloads[name]
    if (workload === undefined) continue
    const measured = new Map(
      entries.map((entry) => [entry, { title: contestants[entry]?.title ?? entry, rounds: new Array<Figures>() }])
    )
    for (let round = 1; round <= rounds; round++) {
      for (const [entry, { rounds: taken, title }] of measured) {
        note(`${name}, round ${round} of ${rounds}: ${title}`)
        taken.push(await measure(entry, name))
      }
    }
    note("")
    out.push(render(name, workload, measured, "floor"))
  }
  process.stdout.write(`${out.join("\n\n")}\n`)
}

await run()
