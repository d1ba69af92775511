/**
 * Measures one contestant in one workload, and prints its figures as one line of JSON. Each measurement is a process of
 * its own, so that contestants do not affect each other.
 */
import * as Families from "./Families.ts"

const [name = "", workload = "", pace] = process.argv.slice(2)
const figures = await Families.of(workload).measure(name, workload, pace === "quick")
process.stdout.write(`${JSON.stringify(figures)}\n`, () => process.exit(0))
