/**
 * Measures one contestant in one workload, and prints its figures as one line of JSON. A process of its own each time, so
 * that nobody runs on what another has warmed up or left behind.
 */
import { contestants } from "./Contestants.ts"
import { workloads } from "./Workloads.ts"

const [name = "", workload = "", pace] = process.argv.slice(2)
const measured = workloads[workload]
const load = contestants[name]?.load
if (measured === undefined || load === undefined) throw new Error(`there is no ${name} or no ${workload}`)
const figures = await measured.measure(await load(), pace === "quick")
process.stdout.write(`${JSON.stringify(figures)}\n`, () => process.exit(0))
