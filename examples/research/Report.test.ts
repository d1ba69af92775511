import { assert, layer } from "@effect/vitest"
import { Effect, FileSystem, Result } from "effect"
import { Report } from "./Report.ts"
import * as Sample from "./Sample.ts"

/** Writes a report beside `out` and returns the outcome. */
const writing = (out: string, file: string, replace = false) =>
  Effect.flatMap(Report, (report) => Effect.result(report.write(file, "new", { replace }))).pipe(
    Effect.provide(Report.layer(out)),
    Effect.map((result) => (Result.isSuccess(result) ? result.success.path : result.failure.reason))
  )

const read = (path: string) => Effect.flatMap(FileSystem.FileSystem, (fs) => fs.readFileString(path))
const names = (path: string) => Effect.flatMap(FileSystem.FileSystem, (fs) => fs.readDirectory(path))

layer(Sample.layer)("Report", (it) => {
  it.effect("is written where nothing stands", () =>
    Effect.gen(function* () {
      const root = yield* Sample.folder({})
      assert.strictEqual(yield* writing(`${root}/out.md`, "report.md"), `${root}/report.md`)
      assert.strictEqual(yield* read(`${root}/report.md`), "new")
    })
  )

  it.effect("replaces a file only when it was to be replaced, and leaves nothing else behind", () =>
    Effect.gen(function* () {
      const root = yield* Sample.folder({ "report.md": "old" })
      assert.strictEqual(yield* writing(`${root}/out.md`, "report.md"), "the file exists and was not to be replaced")
      assert.strictEqual(yield* read(`${root}/report.md`), "old")
      assert.strictEqual(yield* writing(`${root}/out.md`, "report.md", true), `${root}/report.md`)
      assert.strictEqual(yield* read(`${root}/report.md`), "new")
      assert.deepStrictEqual(yield* names(root), ["report.md"])
    })
  )

  it.effect("stays in its folder, under a plain name", () =>
    Effect.gen(function* () {
      const root = yield* Sample.folder({ "sub/x.md": "old" })
      const attacks = [
        "../x.md",
        "sub/x.md",
        `${root}/sub/x.md`,
        "..md/../x.md",
        ".profile.md",
        "x.sh",
        ".md",
        "a\nb.md"
      ]
      for (const attack of attacks) {
        const said = yield* writing(`${root}/out.md`, attack, true)
        assert.strictEqual(said, "a plain name that ends in .md is needed", attack)
      }
      assert.strictEqual(yield* read(`${root}/sub/x.md`), "old")
    })
  )

  it.effect("is not written through a link", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const elsewhere = yield* Sample.folder({ "theirs.md": "theirs" })
      const root = yield* Sample.folder({})
      yield* fs.symlink(`${elsewhere}/theirs.md`, `${root}/report.md`)
      yield* fs.symlink(`${elsewhere}/fresh.md`, `${root}/dangling.md`)
      for (const file of ["report.md", "dangling.md"]) {
        const said = yield* writing(`${root}/out.md`, file, true)
        assert.strictEqual(said, "something that is no file stands there")
      }
      assert.strictEqual(yield* read(`${elsewhere}/theirs.md`), "theirs")
      assert.deepStrictEqual(yield* names(elsewhere), ["theirs.md"])
    })
  )

  it.effect("needs a folder that is there", () =>
    Effect.gen(function* () {
      const root = yield* Sample.folder({ file: "" })
      assert.strictEqual(yield* writing(`${root}/no/out.md`, "report.md"), "there is no such folder")
      assert.strictEqual(yield* writing(`${root}/file/out.md`, "report.md"), "there is no such folder")
    })
  )
})
