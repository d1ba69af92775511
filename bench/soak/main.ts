/**
 * The soak: `npm run soak -- [--seconds=60] [--rows=streams,watchers,sqlite,postgres,cluster] [--starts=60]`. Rows: 200
 * concurrent streams, as below; 2,000 idle watchers of one run (`Watchers.ts`); 200 starts a second for `--starts`
 * seconds on SQLite, on Postgres and on a cluster over Postgres, each with two runners of which one is killed
 * (`Starts.ts`).
 *
 * 200 concurrent streams over the loopback, 20 of them read slowly,
 * repeated for the given time; then it reports whether every stream was complete, the delay of words, and whether the
 * server's memory has grown.
 *
 * Memory is measured when nothing runs, after a warm-up and after each of three periods of the same length. A leak
 * grows in each of them, the JavaScript engine's own memory only sometimes, so the median growth counts. Exits with 1
 * if a stream was incomplete or more than `limit` bytes per run stay.
 */
import { fork } from "node:child_process"
import { once } from "node:events"
import { Agent } from "node:http"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { type Heard, hear } from "./SoakReader.ts"
import * as PostgresServer from "../stores/PostgresServer.ts"
import type { Row } from "./Row.ts"
import { starts } from "./Starts.ts"
import type { Wanted } from "./Wanted.ts"
import { watchers } from "./Watchers.ts"

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "60" },
    starts: { type: "string", default: "60" },
    rows: { type: "string", default: "streams,watchers,sqlite,postgres,cluster" }
  }
})
const rows = values.rows.split(",")
const spellMs = (Number(values.seconds) * 1000) / 4

const streams = 200
const slowStreams = 20
const usual: Wanted = { words: 100, everyMs: 20, characters: 20 }
/** More than the buffers between a server and a reader, so that a slow reader has an effect. */
const large: Wanted = { words: 100, everyMs: 20, characters: 40_000 }
/** The last runs before each measurement of memory, so that the server keeps the same amount each time. */
const small: Wanted = { words: 10, everyMs: 1, characters: 20 }
/** Their number: enough that a leak in each outweighs the engine's own memory. */
const smallRuns = 1000
/** Bytes per run. A leaked id in a map is about 100, any leaked part of a run several thousand. */
const limit = 64

/** The row of streams. */
const streamed = async (): Promise<boolean> => {
  // The engine discards megabytes of unused compiled code at once, which would hide a leak.
  const execArgv = ["--expose-gc", "--no-flush-bytecode"]
  const server = fork(join(import.meta.dirname, "SoakServer.ts"), { execArgv })
  const [{ port }] = await once(server, "message")
  const agent = new Agent({ keepAlive: true, maxSockets: streams })

  const problems = new Map<string, number>()
  const delays: Array<number> = []

  const listen = async (wanted: Wanted, isSlow: boolean): Promise<Heard> => {
    const heard = await hear(port, agent, wanted, isSlow)
    if (heard.problem !== undefined) problems.set(heard.problem, (problems.get(heard.problem) ?? 0) + 1)
    return heard
  }

  const heapAtRest = async (): Promise<number> => {
    let left = smallRuns
    const one = async () => {
      while (left-- > 0) await listen(small, false)
    }
    await Promise.all(Array.from({ length: streams }, one))
    server.send("rest")
    const [{ heap }] = await once(server, "message")
    return heap
  }

  /** Streams until the period is over; returns the number of runs. */
  const spell = async (isMeasured: boolean): Promise<number> => {
    const until = performance.now() + spellMs
    let runs = 0
    const one = async (isSlow: boolean) => {
      while (performance.now() < until) {
        const heard = await listen(isSlow ? large : usual, isSlow)
        runs += 1
        if (isMeasured && !isSlow) for (const delay of heard.delays) delays.push(delay)
      }
    }
    await Promise.all(Array.from({ length: streams }, (_, index) => one(index < slowStreams)))
    return runs
  }

  let all = (await spell(false)) + smallRuns
  let before = await heapAtRest()
  const growths: Array<number> = []
  for (let count = 0; count < 3; count++) {
    const runs = (await spell(true)) + smallRuns
    const after = await heapAtRest()
    growths.push((after - before) / runs)
    before = after
    all += runs
  }
  server.disconnect()
  agent.destroy()

  delays.sort((a, b) => a - b)
  const at = (share: number): string => (delays[Math.floor((delays.length - 1) * share)] ?? Number.NaN).toFixed(1)
  const growth = growths.toSorted((a, b) => a - b)[1] ?? Number.NaN
  const broken = [...problems.values()].reduce((sum, count) => sum + count, 0)
  console.log(
    `${all} streams, ${streams} at a time, ${slowStreams} of them read slowly: ${all - broken} whole, ${broken} broken`
  )
  for (const [problem, count] of problems) console.log(`  ${count} × ${problem}`)
  console.log(`delay of a word: ${at(0.5)} ms (median), ${at(0.99)} ms (p99), ${at(1)} ms (maximum)`)
  console.log(
    `heap growth per run, in each period: ${growths.map((bytes) => bytes.toFixed(0)).join(", ")} bytes; ${(before / 1e6).toFixed(1)} MB at the end`
  )
  return broken === 0 && growth <= limit
}

const reported = ({ holds, lines }: Row): boolean => {
  for (const line of lines) console.log(line)
  return holds
}

const outcomes: Array<boolean> = []
if (rows.includes("streams")) outcomes.push(await streamed())
if (rows.includes("watchers")) outcomes.push(reported(await watchers(2000, Number(values.starts) * 500)))
if (rows.includes("sqlite")) {
  const folder = mkdtempSync(join(tmpdir(), "reins-soak-"))
  outcomes.push(reported(await starts("sqlite", join(folder, "runs.db"), 200, Number(values.starts))))
  rmSync(folder, { recursive: true, force: true })
}
for (const kind of ["postgres", "cluster"].filter((one) => rows.includes(one))) {
  const postgres = await PostgresServer.start()
  outcomes.push(reported(await starts(kind, postgres.url, 200, Number(values.starts))))
  await postgres.stop()
}
const holds = outcomes.every((one) => one)
console.log(holds ? "holds" : "does not hold")
process.exit(holds ? 0 : 1)
