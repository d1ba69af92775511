/** `reins preview`: what a question would start, and that nothing is. */
import { assert, layer } from "@effect/vitest"
import { Effect, FileSystem } from "effect"
import { reins } from "./Command.ts"
import * as Sample from "./Sample.ts"

layer(Sample.layer, { excludeTestServices: true })("reins preview", (it) => {
  it.effect("shows the request, who is asked about which tool, and the limits, and makes no store", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const cwd = yield* Sample.folder(Sample.ships)
      const { code, stderr, stdout } = yield* reins(cwd, ["preview", "What is here?", "--model", "demo"])
      assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
      const lines = stdout.split("\n")
      assert.strictEqual(lines[0], "assistant would ask demo/demo-responder. Nothing was started.")
      assert.match(stdout, /\nFirst request\nabout [\d,]+ tokens: instructions [\d,]+, tools [\d,]+, 1 message \d+\n/)
      assert.match(stdout, /\nassistant +write_file +asks +anybody\n/)
      assert.match(stdout, /\nassistant > surveyor +survey_folder +runs\n/)
      assert.match(
        stdout,
        /\nAt most\n40 steps, 100 calls; at a limit: wrap-up\. Money has no limit: --budget usd=0\.25 sets one\.\n$/
      )
      assert.isFalse(yield* fs.exists(`${cwd}/.reins`))
      assert.isFalse(yield* fs.exists(`${cwd}/reins-report.md`))
    })
  )

  it.effect("prints the same as one object, with the limits of the command line", () =>
    Effect.gen(function* () {
      const cwd = yield* Sample.folder({})
      const args = [
        "preview",
        "Hi",
        "--model",
        "demo",
        "--budget",
        "usd=0.25,steps=3,time=2m,end=stop",
        "--json-output"
      ]
      const { stdout } = yield* reins(cwd, args)
      const preview = JSON.parse(stdout)
      assert.deepStrictEqual(preview.most, { steps: 3, costUsd: 0.25, durationMs: 120_000 })
      assert.deepInclude(preview, { agent: "assistant", onExhausted: "stop", messages: 1 })
    })
  )

  it.effect("needs neither a model nor the key of one", () =>
    Effect.gen(function* () {
      const cwd = yield* Sample.folder({})
      const without = yield* reins(cwd, ["preview", "Hi"])
      assert.deepStrictEqual({ code: without.code, stderr: without.stderr }, { code: 0, stderr: "" })
      assert.include(without.stdout, "assistant would ask the model, which is not set. Nothing was started.\n")
      const named = yield* reins(cwd, ["preview", "Hi", "--model", "openai:gpt-5.2"])
      assert.include(named.stdout, "assistant would ask openai/gpt-5.2. Nothing was started.\n")
    })
  )

  it.effect("says in one sentence why nothing would be started", () =>
    Effect.gen(function* () {
      const cwd = yield* Sample.folder({})
      const none = yield* reins(cwd, ["preview", "Hi", "--model", "demo", "--agent", "nobody"])
      assert.deepStrictEqual(none, {
        code: 1,
        stdout: "",
        stderr: 'Nothing would be started: Unknown agent "nobody". Available agents: surveyor, reader, assistant.\n'
      })
      assert.strictEqual((yield* reins(cwd, ["preview"])).code, 2)
    })
  )
})
