/**
 * The bench: `npm run bench -- [--quick] [--only=W1,W2] [--of=floor,reins] [--rounds=5]`.
 *
 * Contestants take turns, each measurement in a fresh process, so that a machine that slows down slows everybody down. What
 * it prints are medians over the rounds, and ratios to the floor, or to memory for stores: read these, not the times.
 */
import { execFile } from "node:child_process"
import { cpus } from "node:os"
import { join } from "node:path"
import { parseArgs, promisify } from "node:util"
import * as Families from "./Families.ts"
import type { Figures } from "./Family.ts"
import * as Needs from "./Needs.ts"
import { render } from "./Table.ts"

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

const measure = async (contestant: string, workload: string, environment: NodeJS.ProcessEnv): Promise<Figures> => {
  const args = ["--expose-gc", join(import.meta.dirname, "Measure.ts"), contestant, workload]
  const { stdout } = await promisify(execFile)(process.execPath, values.quick ? [...args, "quick"] : args, {
    timeout: 600_000,
    env: { ...process.env, ...environment }
  })
  return JSON.parse(stdout)
}

const note = (text: string): void => {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`)
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
  try {
    for (const name of names) {
      const { base, entries, workloads } = Families.of(name)
      const workload = workloads[name]
      if (workload === undefined) continue
      const measured = new Map<string, { readonly title: string; readonly rounds: Array<Figures> }>()
      for (const [entry, { needs: need, title }] of Object.entries(entries)) {
        if (others.includes(entry) && (await needs.met(need))) measured.set(entry, { title, rounds: [] })
      }
      for (let round = 1; round <= rounds; round++) {
        for (const [entry, { rounds: taken, title }] of measured) {
          note(`${name}, round ${round} of ${rounds}: ${title}`)
          taken.push(await measure(entry, name, needs.environment))
        }
      }
      note("")
      out.push(render(name, workload, measured, base))
    }
  } finally {
    await needs.end()
  }
  process.stdout.write(`${out.join("\n\n")}\n`)
}

await run()
