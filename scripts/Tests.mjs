/**
 * Runs the test suite and ends with a line for people and machines: `12 passed, 0 failed`.
 *
 * The exit code is 0 exactly when nothing failed. A suite that cannot start, and a run without a test, count as one
 * failure.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { inside } from "./Workspace.mjs"

/** `runNode(args, environment)` runs the pinned Node; `args` go to vitest. Resolves to the exit code. */
export const run = async (runNode, args) => {
  const folder = mkdtempSync(join(tmpdir(), "reins-tests-"))
  try {
    const file = join(folder, "tally.json")
    const projects = args.length === 0 ? ["--project=tests", "--project=alone"] : []
    const code = await runNode([...vitest, ...projects, ...args], { REINS_TALLY: file })
    if (code === 130 || code === 143) return code
    const { passed, failed, skipped } = complete(read(file), code)
    process.stdout.write(`\n${passed} passed, ${failed} failed${skipped === 0 ? "" : `, ${skipped} skipped`}\n`)
    return failed === 0 ? 0 : code || 1
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const vitest = [
  inside("node_modules", "vitest", "vitest.mjs"),
  "run",
  "--configLoader=native",
  "--reporter=default",
  `--reporter=${inside("scripts", "TallyReporter.mjs")}`
]

const read = (file) => {
  try {
    return JSON.parse(readFileSync(file, "utf8"))
  } catch {
    return { passed: 0, failed: 0, skipped: 0 }
  }
}

const complete = (tally, code) => {
  if (tally.failed > 0) return tally
  if (code === 0 && tally.passed > 0) return tally
  process.stderr.write(code === 0 ? "No test ran.\n" : `The test runner exited with code ${code}.\n`)
  return { ...tally, failed: 1 }
}
