import { assert, describe, it } from "@effect/vitest"
import { posix } from "node:path"
import * as Repository from "./Repository.ts"

const pages = Repository.files.filter((file) => file.endsWith(".md"))

/** Targets of links to files, relative to the page. Links to other sites and within the page are left out. */
const links = (page: string) =>
  [...Repository.text(page).matchAll(/\]\(([^)\s#]+)(#[^)]*)?\)/g)]
    .map(([, target = ""]) => target)
    .filter((target) => !/^[a-z]+:/.test(target))

/** A page without its blocks of code. */
const prose = (page: string) => Repository.text(page).replaceAll(/^\s*```[^]*?^\s*```$/gm, "")

/** The anchors of a page, as GitHub makes them: of headings, numbered where they repeat, and of `<a id>`. */
const anchors = (text: string): ReadonlySet<string> => {
  const counts = new Map<string, number>()
  const all = new Set([...text.matchAll(/<a id="([^"]+)"/g)].map(([, id = ""]) => id))
  for (const [, heading = ""] of text.matchAll(/^#{1,6} +(.+)$/gm)) {
    const slug = heading
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1")
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .trim()
      .replaceAll(" ", "-")
    const count = counts.get(slug) ?? 0
    counts.set(slug, count + 1)
    all.add(count === 0 ? slug : `${slug}-${count}`)
  }
  return all
}

describe("a page", () => {
  it("links only to files that exist", () => {
    const broken = pages.flatMap((page) =>
      links(page)
        .filter((target) => !Repository.has(posix.join(posix.dirname(page), target)))
        .map((target) => `${page} -> ${target}`)
    )
    assert.deepStrictEqual(broken, [])
  })

  it("links only to headings that exist", () => {
    assert.deepStrictEqual(
      [...anchors('# A `b`, c\n## A b c\n### make()\n<a id="x-1"></a>')],
      ["x-1", "a-b-c", "a-b-c-1", "make"]
    )
    const known = new Map(pages.map((page) => [page, anchors(prose(page))]))
    const dead = pages.flatMap((page) =>
      [...prose(page).matchAll(/\]\(([^)\s#]*)#([^)\s]+)\)/g)]
        .filter(([, target = ""]) => !/^[a-z]+:/.test(target))
        .filter(([, target = "", anchor = ""]) => {
          const there = target === "" ? page : posix.join(posix.dirname(page), target)
          return !(known.get(there)?.has(anchor) ?? false)
        })
        .map(([link]) => `${page} -> ${link.slice(2, -1)}`)
    )
    // Where these are pages of `docs/reference`, only a part of what `npm run reference` wrote was committed.
    assert.deepStrictEqual(dead, [])
  })
})

describe("the architecture page", () => {
  it("names only files that are there", () => {
    const named = [...Repository.text("ARCHITECTURE.md").matchAll(/`((?:[\w-]+\/)+[A-Z]\w+\.ts|test\/[\w./-]+\.ts)`/g)]
    const missing = named
      .map(([, path = ""]) => path)
      .filter((path) => !Repository.has(path) && !Repository.has(posix.join("packages/runtime/src", path)))
    assert.isAbove(named.length, 20)
    assert.deepStrictEqual(missing, [])
  })

  it("says of every folder of the runtime what it is for", () => {
    const page = Repository.text("ARCHITECTURE.md")
    const about = page.slice(page.indexOf("In `runtime`, from the ground up"), page.indexOf("## The way of a query"))
    const runtime = Repository.packages.find(({ name }) => name === "runtime")
    const folders = new Set(runtime?.sources.flatMap(({ path }) => /\/src\/(\w+)\//.exec(path)?.[1] ?? []))
    assert.isAbove(folders.size, 15)
    assert.deepStrictEqual(
      [...folders].filter((folder) => !about.includes(`\`${folder}\``)),
      []
    )
  })

  it("names every decision", () => {
    const decisions = pages.filter((page) => page.startsWith("docs/decisions/"))
    const page = Repository.text("ARCHITECTURE.md")
    assert.deepStrictEqual(
      decisions.filter((decision) => !page.includes(`(${decision})`)),
      []
    )
  })
})

describe("the way of a gated tool call", () => {
  it("is under fifteen files, and the header of each says what it does", () => {
    const page = Repository.text("ARCHITECTURE.md")
    const way = page.slice(page.indexOf("open these"), page.indexOf("The header of each"))
    const files = [...way.matchAll(/`([\w/]+\.ts)`/g)].map(([, file = ""]) => `packages/runtime/src/${file}`)
    assert.isAbove(files.length, 10)
    assert.isBelow(files.length, 15)
    assert.deepStrictEqual(
      files.filter((file) => !/^\/\*\*\n \* \w[^]{60}/.test(Repository.text(file))),
      []
    )
  })
})

describe("a changeset", () => {
  it("names our packages and the kind of change", () => {
    const names = Repository.packages.map((one) => one.manifest.name)
    const wrong = pages
      .filter((page) => /^\.changeset\/(?!README)/.test(page))
      .filter((page) => {
        const head = /^---\n([\s\S]*?)---\n+\S/.exec(Repository.text(page))?.[1]
        const lines =
          head
            ?.trim()
            .split("\n")
            .map((line) => /^"(.+)": (major|minor|patch)$/.exec(line)?.[1]) ?? []
        return lines.length === 0 || lines.some((name) => name === undefined || !names.includes(name))
      })
    assert.deepStrictEqual(wrong, [])
  })
})

describe("the page of custom events", () => {
  it("lists exactly those that the runtime emits", () => {
    const sources = Repository.files.filter((file) =>
      /^packages\/(runtime|protocol)\/src\/(?!testing|Ordering)/.test(file)
    )
    const place =
      /event_type: (?:[^"\n]*\? )?"([a-z_]+)"(?: : "([a-z_]+)")?|(?:event|expiring|escalated|given)Type = "([a-z_]+)"/g
    const said = sources.flatMap((file) =>
      [...Repository.text(file).matchAll(place)].flatMap(([, ...names]) => names.filter((name) => name !== undefined))
    )
    const rows = [...Repository.text("docs/custom-events.md").matchAll(/^\| `([a-z_]+)` \| [^|]+ \| [^|]+ \|$/gm)]
    const told = rows.map(([, name = ""]) => name).filter((name) => name !== "event_type")
    assert.sameMembers([...new Set(said)], told)
  })
})

describe("the page of errors", () => {
  it("has every tagged error of the packages, and no other", () => {
    const defined = Repository.packages
      .flatMap(({ sources }) => sources)
      .flatMap(({ path }) => [
        ...Repository.text(path).matchAll(/^export class (\w+) extends (?:Schema|Data)\.TaggedError/gm)
      ])
      .map(([, name = ""]) => name)
    const page = Repository.text("docs/errors.md")
    const listed = new Set(
      [...page.matchAll(/^(?:\| (`[^|]*`) \||## (`\w+`))/gm)].flatMap(([, row = "", head = ""]) =>
        [...(row + head).matchAll(/`(\w+)`/g)].map(([, name = ""]) => name)
      )
    )
    assert.deepStrictEqual([...new Set(defined)].toSorted(), [...listed].toSorted())
  })
})
