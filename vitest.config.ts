/**
 * How tests run: all of `test/`, and the test that stands beside each example; those in a browser, on
 * Postgres and of whole programs only when they are named.
 *
 * Files share one module graph per worker, because loading Effect costs more than most tests do. So a test must leave
 * no global changed; the house has no hidden globals to change.
 *
 * What measures memory runs afterwards, alone and in a process of its own: what other files leave behind comes and goes in the middle
 * of a measurement, and a busy second core delays the compiler. So do the commands that try to take all processes of the machine.
 */
import { availableParallelism } from "node:os"
import { defineConfig } from "vitest/config"
import { BaseSequencer, type TestSpecification } from "vitest/node"

const alone = ["test/scenario/a-service-lives-for-an-hour.test.ts"]
/** Alone as well, and of the command line. */
const sandbox = ["test/cli/Sandbox.test.ts"]
/**
 * Pages in a real browser, a real Postgres, programs in processes and terminals, and the runtime's tests once more over
 * a journal. `npm test` leaves them to CI and `npm test -- FILE`.
 */
const inBrowsers = ["test/inspector/inspector.test.ts", "examples/chat-ui/main.test.ts"]
const onPostgres = ["test/postgres/**/*.test.ts"]
const programs = [
  "test/cli/**/*.test.ts",
  "test/create-reins/*.test.ts",
  "test/mcp/{everything,elicitation}.test.ts",
  "test/scripts/*.test.ts",
  "test/store/crash.test.ts"
]
const onceMore = ["test/scenario/every-scenario-replays.test.ts"]
const notOurs = ["**/node_modules/**", "**/dist/**"]

/** What takes longest, or waits longest, begins first: at the end one worker would wait for it. */
const longest = [
  "test/postgres/cluster-example",
  "test/scenario/every-scenario-replays",
  "test/store/crash",
  "test/scenario/random-runs",
  "test/scenario/a-run-survives-its-process",
  "test/cli/chat",
  "test/cli/replay",
  "test/postgres/journal-store"
]

class LongestFirst extends BaseSequencer {
  override async sort(files: Array<TestSpecification>): Promise<Array<TestSpecification>> {
    const place = ({ moduleId }: TestSpecification) => {
      const found = longest.findIndex((path) => moduleId.includes(`/${path}.test.`))
      return found < 0 ? longest.length : found
    }
    return (await super.sort(files)).toSorted((a, b) => place(a) - place(b))
  }
}

export default defineConfig({
  cacheDir: "node_modules/.cache/vite",
  test: {
    allowOnly: false,
    testTimeout: 20_000,
    sequence: { sequencer: LongestFirst },
    // Vitest leaves one core free, which on a machine of two leaves one.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    projects: [
      {
        extends: true,
        test: {
          name: "tests",
          include: ["test/**/*.test.ts", "examples/**/*.test.ts"],
          exclude: [...notOurs, ...alone, ...inBrowsers, ...onPostgres, ...programs, ...onceMore],
          pool: "threads",
          isolate: false,
          sequence: { groupOrder: 0 }
        }
      },
      {
        extends: true,
        test: {
          name: "apart",
          include: [...inBrowsers, ...onPostgres, ...programs, ...onceMore],
          exclude: [...notOurs, ...sandbox],
          // Browsers, servers and processes of the command line start slowly on a busy machine.
          testTimeout: 60_000,
          pool: "threads",
          isolate: false,
          sequence: { groupOrder: 0 }
        }
      },
      ...[
        { name: "alone", include: alone },
        { name: "sandbox", include: sandbox }
      ].map((which) => ({
        extends: true as const,
        test: { ...which, exclude: notOurs, pool: "forks" as const, maxWorkers: 1, sequence: { groupOrder: 1 } }
      }))
    ]
  }
})
