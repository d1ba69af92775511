/** What `deploy/` and the page on operations say of metrics must exist: a dashboard over names that nobody writes shows nothing. */
import { assert, describe, it } from "@effect/vitest"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"

const root = join(import.meta.dirname, "../..")
const read = (path: string) => readFileSync(join(root, path), "utf8")

/** Names of metrics as the sources declare them. */
const declared = new Set(
  [
    "packages/runtime/src/run/RunMetrics.ts",
    "packages/server/src/http/Pages.ts",
    "packages/server/src/run/WebhookSender.ts"
  ].flatMap((path) => Array.from(read(path).matchAll(/"(reins_\w+)"/g), ([, name = ""]) => name))
)

const named = (text: string) =>
  new Set(Array.from(text.matchAll(/\breins_\w+/g), ([name]) => name.replace(/_(bucket|sum|count)$/, "")))

describe("metrics", () => {
  it("are all in the table of the page on operations, and nothing else is", () => {
    const [, section = ""] = read("docs/operations.md").split("\n## Metrics\n")
    const [table = ""] = section.split("\n## ")
    assert.deepStrictEqual([...named(table)].toSorted(), [...declared].toSorted())
  })

  it("that the dashboard and the alert rules use are declared", () => {
    const files = readdirSync(join(root, "deploy")).filter((file) => /\.(json|yaml)$/.test(file))
    const used = files.flatMap((file) => [...named(read(`deploy/${file}`))])
    assert.isAbove(used.length, 10)
    assert.deepStrictEqual(
      used.filter((name) => !declared.has(name)),
      []
    )
  })

  it("are all on the dashboard", () => {
    const shown = named(read("deploy/grafana-dashboard.json"))
    assert.deepStrictEqual(
      [...declared].filter((name) => !shown.has(name)),
      []
    )
  })
})
