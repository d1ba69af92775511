/** The templates of new projects: what is written of them, and that they run as they are, without a key. */
import { assert, describe, it } from "@effect/vitest"
import { adapted, nameOf, run, template, write } from "create-reins"
import { execFile } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"

const fronts = ["promise", "effect"] as const

const folder = () => {
  const path = mkdtempSync(join(tmpdir(), "reins-new-"))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

describe.each(fronts)("the template with %s", (front) => {
  const node = (...args: ReadonlyArray<string>) =>
    promisify(execFile)(process.execPath, args, {
      cwd: template(front),
      env: { ...process.env, RUNS: ":memory:", MODEL: undefined, NODE_TEST_CONTEXT: undefined }
    })

  it("answers a question with a tool, and denies what nobody is there to approve", async () => {
    const found = await node("src/main.ts")
    assert.match(
      found.stdout,
      /\[find_order call\][\s\S]*The tool find_order is done: .*"shipped"[\s\S]*stop, \d+ tokens/
    )
    const refused = await node("src/main.ts", "Refund", "80", "dollars", "for", "order", "B-2")
    assert.match(refused.stdout, /The tool refund is denied/)
    assert.strictEqual(`${found.stderr}${refused.stderr}`, "")
  })

  it("has tests that pass", async () => {
    const { stdout } = await node("--test", "--test-reporter=tap", "test/*.test.ts")
    assert.match(stdout, /# pass 2\n# fail 0/)
  })
})

describe("a new project", () => {
  it.each(fronts)("has all files of the template with %s, under its own name", (front) => {
    using place = folder()
    const outcome = write({ folder: join(place.path, "My Shop"), front })
    assert.strictEqual(outcome._tag, "Written")
    if (outcome._tag !== "Written") return
    assert.strictEqual(outcome.name, "my-shop")
    assert.include(outcome.files, ".gitignore")
    assert.notInclude(outcome.files, "gitignore")
    for (const file of outcome.files) {
      const text = readFileSync(join(outcome.folder, file), "utf8")
      assert.notInclude(text, "my-agent")
      assert.notMatch(text, /"(workspace|catalog):/)
    }
    const read = readFileSync(join(outcome.folder, "README.md"), "utf8")
    for (const [, file] of read.matchAll(/`((?:src|test)\/[\w.]+)`/g)) assert.include(outcome.files, file)
  })

  it("depends on versions that a registry has", () => {
    const manifest = '{\n  "name": "my-agent",\n  "effect": "catalog:",\n  "reins": "workspace:^",\n  "zod": "4.0.0"\n}'
    assert.strictEqual(
      adapted("package.json", manifest, "shop", { effect: "4.1.0", reins: "^0.1.0" }),
      '{\n  "name": "shop",\n  "effect": "^4.1.0",\n  "reins": "^0.1.0",\n  "zod": "4.0.0"\n}'
    )
  })

  it("depends on what a clone of the repository has, and is said to be of one", () => {
    using place = folder()
    const outcome = write({ folder: join(place.path, "shop"), front: "effect" })
    const { dependencies } = JSON.parse(readFileSync(join(place.path, "shop", "package.json"), "utf8"))
    assert.match(dependencies["@reins/runtime"], /^\^\d+\.\d+\.\d+/)
    assert.match(dependencies["effect"], /^\^4\.\d+\.\d+/)
    assert.isTrue(outcome._tag === "Written" && outcome.isOfClone)
    assert.include(run([join(place.path, "other")], place.path).text, "a clone of the repository")
  })

  it("has every dependency of its template among those that the package is developed with", () => {
    const manifest = (path: string) => JSON.parse(readFileSync(path, "utf8"))
    const own = manifest(join(template("effect"), "..", "..", "package.json")).devDependencies
    for (const front of fronts) {
      const { dependencies, devDependencies } = manifest(join(template(front), "package.json"))
      for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies })) {
        if (version === "workspace:^" || version === "catalog:") assert.strictEqual(own[name], version, name)
      }
    }
  })

  it("is not written over files, or under no name", () => {
    using place = folder()
    mkdirSync(join(place.path, "taken"))
    writeFileSync(join(place.path, "taken", "mine.txt"), "")
    const taken = run([join(place.path, "taken")], place.path)
    assert.strictEqual(taken.code, 1)
    assert.include(taken.text, "has files already")
    assert.strictEqual(run([join(place.path, "???")], place.path).code, 1)
    assert.deepStrictEqual(
      ["My_Shop", "--a--", "Ä", "shop2"].map((name) => nameOf(name)),
      ["my-shop", "a", "", "shop2"]
    )
  })

  it("is made by the command, which says what to do next", () => {
    using place = folder()
    assert.strictEqual(run([], place.path).code, 2)
    assert.include(run(["a", "--fast"], place.path).text, "Unknown option --fast")
    assert.include(run(["--help"], place.path).text, "--effect")
    const made = run([join(place.path, "shop"), "--effect"], place.path)
    assert.strictEqual(made.code, 0)
    assert.include(made.text, "cd shop\n  npm install\n  npm start\n  npm test\n")
    assert.isTrue(existsSync(join(place.path, "shop", "src", "Desk.ts")))
  })
})
