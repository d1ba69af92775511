/**
 * How tests run: all of `test/`, and the test that stands beside each example.
 *
 * Files share one module graph per worker, because loading Effect costs more than most tests do. So a test must leave
 * no global changed; the house has no hidden globals to change.
 */
import { defineConfig } from "vitest/config"

export default defineConfig({
  cacheDir: "node_modules/.cache/vite",
  test: {
    include: ["test/**/*.test.ts", "examples/**/*.test.ts"],
    exclude: ["**/node_modules/**", "**/dist/**"],
    pool: "threads",
    isolate: false,
    allowOnly: false,
    testTimeout: 20_000
  }
})
