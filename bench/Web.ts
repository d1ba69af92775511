/**
 * W6: the cost of an event for a server that streams it over HTTP, and the throughput with fifty clients. The
 * contestant serves in the measured process; its readers are another process (`Readers.ts`), on the loopback.
 */
import { fork } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import type { Contestant } from "./Contestant.ts"
import { median, type Workload } from "./Family.ts"
import type { Seen } from "./Readers.ts"
import * as Script from "./Script.ts"

const deltas = 10_000

/** Serves the script to rounds of readers; answers a measurement of `times` rounds with `count` readers each. */
const serving = async (contestant: Contestant, script: Script.Script) => {
  if (contestant.serve === undefined) return undefined
  const { close, ...served } = await contestant.serve(script)
  const readers = fork(join(import.meta.dirname, "Readers.ts"), { execArgv: [] })
  const round = async (count: number) => {
    const before = process.cpuUsage()
    readers.send({ ...served, count })
    const [seen]: Array<Seen> = await once(readers, "message")
    const { system, user } = process.cpuUsage(before)
    if (seen?.deltas !== count * deltas) throw new Error(`${count} clients saw ${seen?.deltas} deltas`)
    return { cpu: (system + user) / seen.deltas, rate: (seen.deltas / seen.ms) * 1000 }
  }
  return {
    rounds: async (count: number, times: number) => {
      const taken = []
      for (let index = 0; index < times; index++) taken.push(await round(count))
      return { cpu: median(taken.map(({ cpu }) => cpu)), rate: median(taken.map(({ rate }) => rate)) }
    },
    close: async () => {
      readers.disconnect()
      await close()
    }
  }
}

const measure = async (contestant: Contestant, quick: boolean) => {
  const fast = await serving(contestant, Script.text(deltas))
  if (fast === undefined) return {}
  await fast.rounds(1, quick ? 5 : 15)
  const one = await fast.rounds(1, quick ? 9 : 25)
  await fast.rounds(50, 1)
  const many = await fast.rounds(50, quick ? 2 : 5)
  await fast.close()
  const slow = await serving(contestant, Script.slowly(deltas))
  await slow?.rounds(1, quick ? 3 : 9)
  const single = await slow?.rounds(1, quick ? 5 : 15)
  const crowd = await slow?.rounds(50, quick ? 2 : 5)
  await slow?.close()
  return { one: one.cpu, single: single?.cpu ?? NaN, many: many.cpu, crowd: crowd?.cpu ?? NaN, rate: many.rate }
}

export const W6: Workload<Contestant> = {
  title: "10,000 deltas as Server-Sent Events over HTTP: server CPU per delta",
  figures: {
    one: { title: "1 client", unit: "µs" },
    many: { title: "50 clients", unit: "µs" },
    rate: { title: "50 clients, deltas a second", unit: "/s" },
    single: { title: "1 client, a delta a loop turn", unit: "µs" },
    crowd: { title: "50 clients, a delta a loop turn", unit: "µs" }
  },
  measure
}
