/**
 * Measures one contestant in one workload, and prints its figures as one line of JSON. A process of its own each time,
 * so that nobody runs on what another has warmed up or left behind.
 */
import * as Families from "./Families.ts"

const [name = "", workload = "", pace] = process.argv.slice(2)
const figures = await Families.of(workload).measure(name, workload, pace === "quick")
process.stdout.write(`${JSON.stringify(figures)}\n`, () => process.exit(0))
