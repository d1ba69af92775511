/**
 * How tests run: all of `test/`, and the test that stands beside each example.
 *
 * Files share one module graph per worker, because loading Effect costs more than most tests do. So a test must leave
 * no global changed; the house has no hidden globals to change.
 */
import { availableParallelism } from "node:os"
import { defineConfig } from "vitest/config"

export default defineConfig({
  cacheDir: "node_modules/.cache/vite",
  test: {
    include: ["test/**/*.test.ts", "examples/**/*.test.ts"],
    exclude: ["**/node_modules/**", "**/dist/**"],
    pool: "threads",
    isolate: false,
    // Vitest leaves a core alone, which on a machine of two leaves one.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    allowOnly: false,
    testTimeout: 20_000
  }
})
