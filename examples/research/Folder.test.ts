import { assert, describe, layer } from "@effect/vitest"
import { Effect, FileSystem, Layer, PlatformError, Result } from "effect"
import { Folder, type Options } from "./Folder.ts"
import * as Sample from "./Sample.ts"

const within = <A, E, R>(root: string, effect: Effect.Effect<A, E, R>, options?: Options) =>
  Effect.provide(effect, Folder.layer(root, options))

/** The result of a read: the text, or why not. */
const reading = (root: string, file: string, options?: Options) =>
  within(
    root,
    Effect.flatMap(Folder, (folder) => Effect.result(folder.read(file))),
    options
  ).pipe(Effect.map((result) => (Result.isSuccess(result) ? result.success : result.failure.reason)))

const listing = (root: string, folder = ".", options?: Options) =>
  within(
    root,
    Effect.flatMap(Folder, (inside) => inside.list(folder)),
    options
  )

/** A folder with links that lead out of it, and a secret beside it. */
const besieged = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const outside = yield* Sample.folder({ "secret.txt": "the secret" })
  const root = yield* Sample.folder({ "inside.txt": "inside", "sub/deep.txt": "deep" })
  yield* fs.symlink(`${outside}/secret.txt`, `${root}/file-out`)
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
        assert.strictEqual(yield* reading(root, "sub/file-in"), "inside")
      })
    )

    it.effect("nothing outside: not by .., not by an absolute path, not through a link", () =>
      Effect.gen(function* () {
        const { outside, root } = yield* besieged
        const name = outside.slice(outside.lastIndexOf("/") + 1)
        const attacks = [
          `../${name}/secret.txt`,
          `sub/../../${name}/secret.txt`,
          `${outside}/secret.txt`,
          "/etc/passwd",
          "..",
          "/",
          "file-out",
          "folder-out/secret.txt",
          "chain-out/secret.txt",
          "sub/loop/../../folder-out/secret.txt",
          `${root}/../${name}/secret.txt`
        ]
        for (const attack of attacks) assert.strictEqual(yield* reading(root, attack), "outside the folder", attack)
      })
    )

    it.effect("no link that leads round, no folder, no empty name, no zero byte in a name", () =>
      Effect.gen(function* () {
        const { root } = yield* besieged
        assert.strictEqual(yield* reading(root, "a"), "unreadable")
        assert.strictEqual(yield* reading(root, "sub"), "not a file")
        assert.strictEqual(yield* reading(root, ""), "not a file")
        assert.strictEqual(yield* reading(root, "inside.txt\0"), "unreadable")
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
        assert.strictEqual(yield* reading(root, ".git/config"), "passed over")
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
        for (const attack of ["..", "/", "folder-out", "chain-out"]) {
          const refused = yield* Effect.flip(listing(root, attack))
          assert.strictEqual(refused._tag === "PathRefused" && refused.reason, "outside the folder", attack)
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

    it.effect("nothing that is not part of it", () =>
      Effect.gen(function* () {
        const root = yield* Sample.folder({ "report.md": "", "a.md": "", "dist/built.js": "" })
        const { files } = yield* listing(root, ".", { without: [`${root}/report.md`] })
        assert.deepStrictEqual(files, [{ file: "a.md", bytes: 0 }])
      })
    )

    it.effect("an empty folder", () =>
      Effect.gen(function* () {
        const { files, folders } = yield* listing(yield* Sample.folder({}))
        assert.deepStrictEqual({ files, folders }, { files: [], folders: 0 })
      })
    )

    it.effect("the rest where something cannot be read, and counts it", () =>
      Effect.gen(function* () {
        const root = yield* Sample.folder({ "a.txt": "a", "locked/b.txt": "b" })
        const { files, skipped } = yield* listing(root).pipe(Effect.provide(withLocked(`${root}/locked`)))
        assert.deepStrictEqual(files, [{ file: "a.txt", bytes: 1 }])
        assert.strictEqual(skipped.unreadable, 1)
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

    it.effect("what cannot be read", () =>
      Effect.gen(function* () {
        const root = yield* Sample.folder({})
        const said = yield* refusal(root).pipe(Effect.provide(withLocked(root)))
        assert.strictEqual(said, `unreadable: The folder "${root}" cannot be read.`)
      })
    )
  })
})

/** The real file system, except for one unreadable folder: permissions do not stop a test that runs as root. */
const withLocked = (locked: string) =>
  Layer.effect(
    FileSystem.FileSystem,
    Effect.map(FileSystem.FileSystem, (fs) => ({
      ...fs,
      readDirectoryEntries: (path: string) =>
        path === locked
          ? Effect.fail(
              PlatformError.systemError({
                _tag: "PermissionDenied",
                module: "FileSystem",
                method: "readDirectoryEntries",
                pathOrDescriptor: path
              })
            )
          : fs.readDirectoryEntries(path)
    }))
  )
