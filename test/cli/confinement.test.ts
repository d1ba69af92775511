import { assert, describe, it } from "@effect/vitest"
import { Assistant, Folder, isSecret, namesOf } from "@reins/cli"
import { Runtime } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Effect, Layer, Result, Schema, Stream } from "effect"
import { readFileSync, readdirSync, renameSync, rmSync, symlinkSync, unlinkSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import * as Attempts from "./Attempts.ts"

/** Runs the body in a besieged folder, which is removed afterwards. */
const besieged = <A, E>(body: (siege: Attempts.Besieged) => Effect.Effect<A, E, Folder>) =>
  Effect.acquireUseRelease(
    Effect.sync(Attempts.besiege),
    (siege) => Effect.provide(body(siege), Folder.layer(siege.root)),
    ({ root }) => Effect.sync(() => rmSync(dirname(root), { recursive: true, force: true }))
  )

describe("the folder's tools", () => {
  it.effect("read nothing outside and no secret, in more than 150 attempts", () =>
    besieged((siege) =>
      Effect.gen(function* () {
        const folder = yield* Folder
        const attempts = Attempts.toRead(siege)
        assert.isAbove(attempts.length, 150)
        for (const attempt of attempts) {
          const result = yield* Effect.result(folder.read(attempt))
          assert.isTrue(Result.isFailure(result), JSON.stringify(attempt))
        }
        assert.strictEqual(yield* folder.read("inside.txt"), "inside")
        assert.strictEqual(yield* folder.read(`${siege.root}/sub/../sub/deep.txt`), "deep")
      })
    )
  )

  it.effect("list neither a secret nor anything outside", () =>
    besieged((siege) =>
      Effect.gen(function* () {
        const folder = yield* Folder
        const { files, skipped } = yield* folder.list(".")
        assert.sameMembers(
          files.map(({ file }) => file),
          ["hard", "inside.txt", "sub/deep.txt"]
        )
        assert.isAbove(skipped.secrets, 40)
        for (const attempt of Attempts.toRead(siege)) {
          assert.isTrue(Result.isFailure(yield* Effect.result(folder.list(attempt))), JSON.stringify(attempt))
        }
      })
    )
  )

  it.effect("write nothing outside and over no secret, in more than 250 attempts", () =>
    besieged((siege) =>
      Effect.gen(function* () {
        const folder = yield* Folder
        const attempts = Attempts.toWrite(siege).flatMap((file) => [
          { file, replace: false },
          { file, replace: true }
        ])
        assert.isAbove(attempts.length, 250)
        for (const { file, replace } of attempts) {
          const result = yield* Effect.result(folder.write(file, "overwritten", { replace }))
          assert.isTrue(Result.isFailure(result), JSON.stringify({ file, replace }))
        }
        assert.strictEqual(readFileSync(join(siege.outside, "notes.txt"), "utf8"), Attempts.secret)
        assert.deepStrictEqual(readdirSync(siege.outside).toSorted(), ["notes.txt", "sub"])
        assert.deepStrictEqual(readdirSync(dirname(siege.root)).toSorted(), ["folder", "folder-beside", "outside"])
        assert.strictEqual(readFileSync(join(siege.root, ".env"), "utf8"), Attempts.secret)
      })
    )
  )

  it.effect("replace a hard link by a file of its own, so that the file elsewhere stays as it is", () =>
    besieged(({ outside }) =>
      Effect.gen(function* () {
        const folder = yield* Folder
        yield* folder.write("hard", "mine", { replace: true })
        assert.strictEqual(readFileSync(join(outside, "notes.txt"), "utf8"), Attempts.secret)
        assert.strictEqual(yield* folder.read("hard"), "mine")
      })
    )
  )

  it.live("follow no link that takes a folder's place while they work", () =>
    besieged(({ outside, root }) =>
      Effect.gen(function* () {
        const folder = yield* Folder
        const [real, aside] = [join(root, "sub"), join(root, "aside")]
        const working = { done: false }
        // A write may have made the folder anew meanwhile: then the next turn swaps that one.
        const swap = (...steps: ReadonlyArray<() => void>) =>
          steps.forEach((step) => Effect.runSync(Effect.ignore(Effect.try(step))))
        const breath = Effect.promise(() => new Promise((done) => setImmediate(done)))
        const swapping = Effect.gen(function* () {
          while (!working.done) {
            swap(
              () => rmSync(aside, { recursive: true, force: true }),
              () => renameSync(real, aside),
              () => symlinkSync(outside, real)
            )
            yield* breath
            swap(
              () => unlinkSync(real),
              () => renameSync(aside, real)
            )
            yield* breath
          }
        })
        const attempts = Effect.gen(function* () {
          const seen: Array<string> = []
          for (let turn = 0; turn < 60; turn++) {
            const read = yield* Effect.result(folder.read("sub/notes.txt"))
            if (Result.isSuccess(read)) seen.push(read.success)
            yield* Effect.result(folder.write("sub/written.txt", "mine", { replace: true }))
            yield* Effect.result(folder.write("sub/notes.txt", "mine", { replace: true }))
          }
          working.done = true
          return seen
        })
        const [, seen] = yield* Effect.all([swapping, attempts], { concurrency: 2 })
        assert.notInclude(seen, Attempts.secret)
        assert.deepStrictEqual(readdirSync(outside).toSorted(), ["notes.txt", "sub"])
        assert.strictEqual(readFileSync(join(outside, "notes.txt"), "utf8"), Attempts.secret)
      })
    )
  )
})

describe("the assistant's tools", () => {
  it.live("give a hostile model nothing from outside and no secret, in more than 400 calls", () =>
    Effect.acquireUseRelease(
      Effect.sync(Attempts.besiege),
      (siege) => {
        const calls = [
          ...Attempts.toRead(siege).flatMap((path) => [
            { name: "read_lines", args: { file: path, from: 1, to: 40 } },
            { name: "search_text", args: { terms: ["secret"], folder: path } }
          ]),
          ...Attempts.toWrite(siege).map((path) => ({
            name: "write_file",
            args: { file: path, replace: true, content: "overwritten" }
          })),
          { name: "search_text", args: { terms: [Attempts.secret], folder: "." } },
          { name: "read_lines", args: { file: "inside.txt", from: 1, to: 1 } }
        ]
        const model = ScriptedModel.layer({
          replies: [
            ScriptedModel.calls(calls.map((call, index) => ({ id: `c${index}`, ...call }))),
            ScriptedModel.text("Nothing.")
          ]
        })
        return Effect.gen(function* () {
          const { query, respondToApproval } = yield* Runtime
          const results: Array<string> = []
          yield* Stream.runForEach(query("Look around."), (event) => {
            if (event.type === "approval-required") return Effect.ignore(respondToApproval(event.data.id, "approve"))
            if (event.type === "tool-invocation" && event.state === "result") results.push(JSON.stringify(event.result))
            return Effect.void
          })
          assert.isAbove(calls.length, 400)
          assert.lengthOf(results, calls.length)
          // What it asked for is repeated in what it is told; what it must not see is not.
          const told = results.join("\n").replaceAll(`"term":"${Attempts.secret}"`, "")
          assert.notInclude(told, Attempts.secret)
          assert.notMatch(told, /root:x:0/)
          assert.include(told, '"inside"')
          assert.strictEqual(readFileSync(join(siege.outside, "notes.txt"), "utf8"), Attempts.secret)
          assert.deepStrictEqual(readdirSync(siege.outside).toSorted(), ["notes.txt", "sub"])
          assert.strictEqual(readFileSync(join(siege.root, ".env"), "utf8"), Attempts.secret)
        }).pipe(Effect.provide(Layer.provide(Assistant.layer(siege.root), model)))
      },
      ({ root }) => Effect.sync(() => rmSync(dirname(root), { recursive: true, force: true }))
    )
  )
})

describe("a path", () => {
  const root = resolve("/a/folder")
  const Piece = Schema.Union([
    Schema.Literals(["..", ".", "", "/", "sub", ".env", ".git", "a b", "%2e%2e", "\\", "~", "folder"]),
    Schema.String.check(Schema.isMaxLength(6))
  ])
  const Asked = Schema.Struct({ pieces: Schema.Array(Piece).check(Schema.isMaxLength(8)), absolute: Schema.Boolean })

  it.prop(
    "names something beneath the folder or is refused, whatever it is",
    { asked: Asked },
    ({ asked: { absolute, pieces } }) => {
      const names = namesOf(root, `${absolute ? "/" : ""}${pieces.join("/")}`)
      if (typeof names === "string") return
      assert.isFalse(names.some((name) => name === ".." || name === "." || name === "" || name.includes("/")))
      assert.isTrue(join(root, ...names) === root || join(root, ...names).startsWith(`${root}/`))
      assert.isFalse(isSecret(names))
    }
  )

  it("is a secret also as the copy that an editor or a person made of it, and as credentials in any format", () => {
    for (const name of [
      ".env~",
      "..env.swp",
      ".#.env",
      "#.env#",
      "server.key.bak",
      ".npmrc.orig",
      ".cargo/credentials.toml",
      "config/credentials.yml"
    ]) {
      assert.isTrue(isSecret(name.split("/")), name)
    }
  })

  it("is no secret where it only looks a little like one", () => {
    for (const name of [
      "environment.ts",
      ".env.example",
      "keyboard.ts",
      "monkey",
      "src/git/config",
      "secretary.md",
      "Credentials.tsx",
      "notes.md~",
      ".notes.md.swp",
      "#1"
    ]) {
      assert.isFalse(isSecret(name.split("/")), name)
    }
  })
})
