/** Writes `docs/ordering.md` from the automaton's tables, or with `--check` verifies that it is up to date. */
import { readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { page } from "../packages/protocol/src/ordering/OrderingDiagram.ts"

const file = fileURLToPath(new URL("../docs/ordering.md", import.meta.url))

if (!process.argv.includes("--check")) {
  writeFileSync(file, page())
} else if (readFileSync(file, "utf8") !== page()) {
  console.error("docs/ordering.md is out of date. Run: node scripts/ordering-diagram.ts")
  process.exitCode = 1
}
