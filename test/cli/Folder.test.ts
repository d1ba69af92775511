import { assert, describe, layer } from "@effect/vitest"
import { Effect, FileSystem, Result } from "effect"
import { Folder } from "@reins/cli"
import * as Sample from "./Sample.ts"

const within = <A, E, R>(root: string, effect: Effect.Effect<A, E, R>, options?: Parameters<typeof Folder.layer>[1]) =>
  Effect.provide(effect, Folder.layer(root, options))

/** The result of a read: the text, or why not. */
const reading = (root: string, file: string, options?: Parameters<typeof Folder.layer>[1]) =>
  within(
    root,
    Effect.flatMap(Folder, (folder) => Effect.result(folder.read(file))),
    options
  ).pipe(Effect.map((result) => (Result.isSuccess(result) ? result.success : result.failure.reason)))

const listing = (root: string, folder = ".", options?: Parameters<typeof Folder.layer>[1]) =>
  within(
    root,
    Effect.flatMap(Folder, (inside) => inside.list(folder)),
    options
  )

/** A folder with links that lead out of it, and a secret beside it. */
const besieged = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const outside = yield* Sample.folder({ "notes.txt": "the secret" })
  const root = yield* Sample.folder({ "inside.txt": "inside", "sub/deep.txt": "deep" })
  yield* fs.symlink(`${outside}/notes.txt`, `${root}/file-out`)
  yield* fs.symlink(outside, `${root}/folder-out`)
  yield* fs.symlink("folder-out", `${root}/chain-out`)
  yield* fs.symlink("../inside.txt", `${root}/sub/file-in`)
  yield* fs.symlink(".", `${root}/sub/loop`)
  yield* fs.symlink("b", `${root}/a`)
  yield* fs.symlink("a", `${root}/b`)
  return { outside, root }
})

layer(Sample.layer)("Folder", (it) => {
  describe("reads", () => {
    it.effect("what is inside, by a path from the root or an absolute one", () =>
      Effect.gen(function* () {
        const { root } = yield* besieged
        assert.strictEqual(yield* reading(root, "inside.txt"), "inside")
        assert.strictEqual(yield* reading(root, "./sub/../sub/deep.txt"), "deep")
        assert.strictEqual(yield* reading(root, `${root}/inside.txt`), "inside")
      })
    )

    it.effect("nothing outside: not by .., not by an absolute path, not through a link", () =>
      Effect.gen(function* () {
        const { outside, root } = yield* besieged
        const name = outside.slice(outside.lastIndexOf("/") + 1)
        const attacks = [
          `../${name}/notes.txt`,
          `sub/../../${name}/notes.txt`,
          `${outside}/notes.txt`,
          "/etc/passwd",
          "..",
          "/",
          `${root}/../${name}/notes.txt`
        ]
        for (const attack of attacks) assert.strictEqual(yield* reading(root, attack), "outside the folder", attack)
        const links = ["file-out", "folder-out/notes.txt", "chain-out/notes.txt", "sub/loop/../../folder-out/notes.txt"]
        for (const link of links) assert.strictEqual(yield* reading(root, link), "a link", link)
      })
    )

    it.effect("no link that leads round, no folder, no empty name, no zero byte in a name", () =>
      Effect.gen(function* () {
        const { root } = yield* besieged
        assert.strictEqual(yield* reading(root, "a"), "a link")
        assert.strictEqual(yield* reading(root, "sub/file-in"), "a link")
        assert.strictEqual(yield* reading(root, "sub"), "not a file")
        assert.strictEqual(yield* reading(root, ""), "not a file")
        assert.strictEqual(yield* reading(root, "inside.txt\0"), "not there")
        assert.strictEqual(yield* reading(root, "missing.txt"), "not there")
      })
    )

    it.effect("no file that is no text, or too large", () =>
      Effect.gen(function* () {
        const root = yield* Sample.folder({
          "zero.dat": "text\0and more",
          "latin.txt": new Uint8Array([0x66, 0xfc, 0x72]),
          "large.txt": "x".repeat(101),
          "fits.txt": "x".repeat(100),
          "empty.txt": ""
        })
        const options = { fileBytes: 100 }
        assert.strictEqual(yield* reading(root, "zero.dat", options), "not text")
        assert.strictEqual(yield* reading(root, "latin.txt", options), "not text")
        assert.strictEqual(yield* reading(root, "large.txt", options), "too large")
        assert.strictEqual(yield* reading(root, "fits.txt", options), "x".repeat(100))
        assert.strictEqual(yield* reading(root, "empty.txt", options), "")
      })
    )

    it.effect("nothing that a version control or an installer keeps for itself", () =>
      Effect.gen(function* () {
        const root = yield* Sample.folder({ ".git/config": "token", "node_modules/a/index.js": "a" })
        assert.strictEqual(yield* reading(root, ".git/config"), "a secret")
        assert.strictEqual(yield* reading(root, "node_modules/a/index.js"), "passed over")
      })
    )
  })

  describe("lists", () => {
    it.effect("files at any depth in the order of their names, and follows no link", () =>
      Effect.gen(function* () {
        const { root } = yield* besieged
        const { files, folders, skipped, truncated } = yield* listing(root)
        assert.deepStrictEqual(files, [
          { file: "inside.txt", bytes: 6 },
          { file: "sub/deep.txt", bytes: 4 }
        ])
        assert.strictEqual(folders, 1)
        assert.strictEqual(skipped.links, 7)
        assert.isFalse(truncated)
      })
    )

    it.effect("a folder below, its files named from the root", () =>
      Effect.gen(function* () {
        const { root } = yield* besieged
        const { files } = yield* listing(root, "sub")
        assert.deepStrictEqual(files, [{ file: "sub/deep.txt", bytes: 4 }])
      })
    )

    it.effect("no folder outside", () =>
      Effect.gen(function* () {
        const { root } = yield* besieged
        const refusals = {
          "..": "outside the folder",
          "/": "outside the folder",
          "folder-out": "a link",
          "chain-out": "a link"
        }
        for (const [attack, reason] of Object.entries(refusals)) {
          const refused = yield* Effect.flip(listing(root, attack))
          assert.strictEqual<unknown>(refused._tag === "PathRefused" && refused.reason, reason, attack)
        }
      })
    )

    it.effect("at most as many files as allowed, and says that there are more", () =>
      Effect.gen(function* () {
        const root = yield* Sample.folder({ "a.txt": "", "b/b.txt": "", "b/c.txt": "", "d.txt": "" })
        const { files, truncated } = yield* listing(root, ".", { files: 2 })
        assert.deepStrictEqual(
          files.map(({ file }) => file),
          ["a.txt", "b/b.txt"]
        )
        assert.isTrue(truncated)
      })
    )

    it.effect("not deeper than allowed", () =>
      Effect.gen(function* () {
        const root = yield* Sample.folder({ "a/b/c/deep.txt": "", "a/top.txt": "" })
        const { files, skipped } = yield* listing(root, ".", { depth: 2 })
        assert.deepStrictEqual(
          files.map(({ file }) => file),
          ["a/top.txt"]
        )
        assert.strictEqual(skipped.passedOver, 1)
      })
    )

    it.effect("nothing that is generated, and no secret", () =>
      Effect.gen(function* () {
        const root = yield* Sample.folder({ ".env": "K=1", "a.md": "", "dist/built.js": "", "keys/id_rsa": "k" })
        const { files, skipped } = yield* listing(root)
        assert.deepStrictEqual(files, [{ file: "a.md", bytes: 0 }])
        assert.strictEqual(skipped.secrets, 2)
      })
    )

    it.effect("an empty folder", () =>
      Effect.gen(function* () {
        const { files, folders } = yield* listing(yield* Sample.folder({}))
        assert.deepStrictEqual({ files, folders }, { files: [], folders: 0 })
      })
    )
  })

  describe("is not made of", () => {
    const refusal = (path: string) =>
      Effect.map(Effect.flip(within(path, Folder)), (error) => `${error.reason}: ${error.message}`)

    it.effect("what is not there, no folder, or nameless", () =>
      Effect.gen(function* () {
        const root = yield* Sample.folder({ "file.txt": "" })
        assert.strictEqual(yield* refusal(`${root}/no`), `missing: There is no folder "${root}/no".`)
        assert.strictEqual(yield* refusal(`${root}/file.txt`), `not-a-folder: "${root}/file.txt" is not a folder.`)
        assert.match(yield* refusal(`${root}/file.txt/x`), /^not-a-folder/)
        assert.match(yield* refusal(""), /^missing/)
      })
    )
  })

  describe("writes", () => {
    const writing = (root: string, file: string, text: string, replace = false) =>
      within(
        root,
        Effect.flatMap(Folder, (folder) => Effect.result(folder.write(file, text, { replace })))
      ).pipe(Effect.map((result) => (Result.isSuccess(result) ? result.success : result.failure.reason)))

    it.effect("a new file with the folders it lies in, whole, and leaves no draft", () =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const root = yield* Sample.folder({})
        assert.deepStrictEqual(yield* writing(root, "a/b/c.md", "text"), { bytes: 4, replaced: false })
        assert.strictEqual(yield* reading(root, "a/b/c.md"), "text")
        assert.deepStrictEqual(yield* fs.readDirectory(`${root}/a/b`), ["c.md"])
      })
    )

    it.effect("over an existing file only where it was said, and keeps its mode", () =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const root = yield* Sample.folder({ "run.sh": "old" })
        yield* fs.chmod(`${root}/run.sh`, 0o755)
        assert.strictEqual(yield* writing(root, "run.sh", "new"), "exists already")
        assert.strictEqual(yield* reading(root, "run.sh"), "old")
        assert.deepStrictEqual(yield* writing(root, "run.sh", "new", true), { bytes: 3, replaced: true })
        assert.strictEqual((yield* fs.stat(`${root}/run.sh`)).mode & 0o777, 0o755)
        assert.deepStrictEqual(yield* fs.readDirectory(root), ["run.sh"])
      })
    )

    it.effect("neither over a folder nor more than allowed", () =>
      Effect.gen(function* () {
        const root = yield* Sample.folder({ "sub/a.txt": "" })
        assert.strictEqual(yield* writing(root, "sub", "x", true), "not a file")
        assert.strictEqual(yield* writing(root, ".", "x", true), "not a file")
        assert.strictEqual(yield* writing(root, "large.txt", "x".repeat(1024 * 1024 + 1)), "too large")
      })
    )
  })
})
