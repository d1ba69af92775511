/**
 * A vitest reporter that counts results: it writes `{ passed, failed, skipped }` into the file that `REINS_TALLY`
 * names.
 *
 * A file that does not load and an error outside of any test count as one failure each.
 */
import { writeFileSync } from "node:fs"

export default class TallyReporter {
  onTestRunEnd(modules, unhandledErrors) {
    const tally = { passed: 0, failed: unhandledErrors.length, skipped: 0 }
    for (const module of modules) {
      const failedBefore = tally.failed
      for (const test of module.children.allTests()) tally[counterOf(test.result().state)] += 1
      if (!module.ok() && tally.failed === failedBefore) tally.failed += 1
    }
    writeFileSync(process.env.REINS_TALLY, JSON.stringify(tally))
  }
}

/** A test that did not run counts as failed. */
const counterOf = (state) => (state === "pending" ? "failed" : state)
