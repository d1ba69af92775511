/**
 * The TypeScript blocks of the documentation as modules of a project of their own (`test/docs`), so that types are checked
 * in what users copy. A comment before a block has what the block takes as given:
 *
 *     <!-- given
 *     declare const RuntimeLive: Layer.Layer<Runtime>
 *     -->
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { inside } from "./Workspace.mjs"

const folder = inside("test", "docs", "blocks")

/** The blocks of a page, each with what is given. Pure. */
export const parse = (markdown) =>
  [...markdown.matchAll(/(?:<!-- given\n([\s\S]*?)-->\s*)?```ts\n([\s\S]*?)\n```/g)].map(
    ([, given = "", block]) => `${given}${block}\n\nexport {}\n`
  )

const pages = () => [
  "README.md",
  // The reference in `docs/reference` has the examples of docstrings.
  ...readdirSync(inside("docs"), { recursive: true })
    .filter((name) => name.endsWith(".md"))
    .map((name) => join("docs", name)),
  ...["packages", "examples"].flatMap((parent) =>
    readdirSync(inside(parent), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => join(parent, name, "README.md"))
  )
]

/** Writes the blocks of every page, and removes those of the last time. */
export const write = () => {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  for (const page of pages()) {
    const name = page.replace(/\.md$/, "").replaceAll(/[\\/]/g, "-")
    parse(textOf(page)).forEach((block, index) => writeFileSync(join(folder, `${name}-${index + 1}.ts`), block))
  }
}

const textOf = (page) => {
  try {
    return readFileSync(inside(page), "utf8")
  } catch {
    return ""
  }
}
