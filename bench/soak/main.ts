/**
 * The soak: `npm run soak -- [--seconds=60]`. 200 streams at the same time, 20 of them read slowly, over the loopback,
 * one behind the other for as long as it is told; then it says whether every stream was whole, how long a word was
 * under way, and whether the server holds more than before.
 *
 * Memory is looked at when nothing runs, behind a warm-up and behind each of three spells of the same length. What a
 * server leaks it leaks in each of them; what the engine's own compiler keeps it keeps now and then. So the median
 * growth counts. Ends with 1 when a stream was not whole or more than `limit` bytes a run stay.
 */
import { fork } from "node:child_process"
import { once } from "node:events"
import { Agent } from "node:http"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { type Heard, hear } from "./SoakReader.ts"
import type { Wanted } from "./Wanted.ts"

const { values } = parseArgs({ options: { seconds: { type: "string", default: "60" } } })
const spellMs = (Number(values.seconds) * 1000) / 4

const streams = 200
const slowStreams = 20
const usual: Wanted = { words: 100, everyMs: 20, characters: 20 }
/** More than the buffers between a server and a reader hold, so that a slow reader is felt. */
const large: Wanted = { words: 100, everyMs: 20, characters: 40_000 }
/** What the last runs before each look at memory are: what a server keeps on purpose is then the same each time. */
const small: Wanted = { words: 10, everyMs: 1, characters: 20 }
/** How many of them: so many that a leak in each outweighs what the engine's own compiler keeps. */
const smallRuns = 1000
/** Bytes a run. A forgotten id in a map is some 100, anything of a run itself some thousands. */
const limit = 64

// The engine forgets the code of functions that are old and at rest, megabytes at once: it would hide a leak.
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

/** Streams until the spell is over; answers how many runs that were. */
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
console.log(`a word was under way for ${at(0.5)} ms (median), ${at(0.99)} ms (p99), ${at(1)} ms (longest)`)
console.log(
  `heap kept a run, in each spell: ${growths.map((bytes) => bytes.toFixed(0)).join(", ")} bytes; ${(before / 1e6).toFixed(1)} MB at the end`
)
const holds = broken === 0 && growth <= limit
console.log(holds ? "holds" : "does not hold")
process.exit(holds ? 0 : 1)
