import { assert, layer } from "@effect/vitest"
import { exitCode, runWith, wordsFor } from "@reins/cli"
import { Cause, ConfigProvider, Effect, Exit } from "effect"
import { readFileSync, writeFileSync } from "node:fs"
import { reins } from "./Command.ts"
import * as Sample from "./Sample.ts"

/** What a command line ends with, in this process: nothing of it comes to run. */
const ended = (folder: string, args: ReadonlyArray<string>) =>
  runWith(args.map((arg) => arg.replace("@", folder))).pipe(
    Effect.exit,
    Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromEnv({ env: {} })),
    Effect.map((exit) => ({
      code: exitCode(exit),
      words: Exit.isFailure(exit) ? wordsFor(exit.cause) : "",
      stack: Exit.isFailure(exit) ? Cause.pretty(exit.cause) : ""
    }))
  )

/** Files that are no apps. */
const apps = {
  ...Sample.ships,
  "throws.mjs": 'throw new Error("the harbour is closed")\n',
  "empty.mjs": "export {}\n",
  "wrong.mjs": "export default () => 7\n",
  "needs.mjs": 'import "a-package-of-nobody"\nexport default 1\n',
  "late.mjs": "export default Promise.resolve(1)\n",
  "value.mjs": "throw 7\n",
  "broken.mjs": "export default {\n",
  "plain.mjs": 'export default { name: "desk", instructions: "You answer for a shop." }\n'
}

layer(Sample.layer, { excludeTestServices: true })("bad input", (it) => {
  it.effect.each([
    { args: ["ask", "x"], code: 1, why: /^No model is set\. Set REINS_MODEL or pass --model.*--model demo\.\n$/ },
    { args: ["ask", "x", "--model", "nope"], code: 1, why: /^Invalid model name "nope"\. Use provider:model/ },
    { args: ["ask", "x", "--model", "nope:y"], code: 1, why: /^Unknown provider "nope"\. Available providers: / },
    {
      args: ["ask", "x", "--model", "openai:gpt-5.2"],
      code: 1,
      why: /^Missing API key for provider openai\. Set OPENAI_API_KEY\.\n$/
    },
    { args: ["ask", " ", "--model", "demo"], code: 2, why: /^There is no question\. Give one: / },
    {
      args: ["ask", "x", "--model", "demo", "--path", "@/no/such"],
      code: 1,
      why: /^There is no folder ".*no\/such"\.\n$/
    },
    {
      args: ["ask", "x", "--model", "demo", "--path", "@/README.md"],
      code: 1,
      why: /^".*README\.md" is not a folder\.\n$/
    },
    {
      args: ["ask", "x", "--model", "demo", "--budget", "stpes=3"],
      code: 2,
      why: /^--budget: unknown limit "stpes"\./
    },
    {
      args: ["ask", "x", "--model", "demo", "--hide", "text,nonsense"],
      code: 2,
      why: /^--hide: unknown event "nonsense"\. Events: text, reasoning, .*tool-call/
    },
    {
      args: ["chat", "--model", "demo", "--hide", "nonsense"],
      code: 2,
      why: /^--hide: unknown event "nonsense"\./
    },
    {
      args: ["raise", "run", "foo=1"],
      code: 2,
      why: /^Unknown limit "foo"\. Known limits: steps, calls, .*agents\.\n$/
    },
    { args: ["raise", "run", "steps=many"], code: 2, why: /^steps=many is not a number from 0\.\n$/ },
    { args: ["raise", "run", "time=soon"], code: 2, why: /^time=soon is not a time such as 90s or 2m\.\n$/ },
    {
      args: ["ask", "x", "--model", "demo", "--store", "redis://u:secret@h"],
      code: 2,
      why: /^--store: unknown store "redis"\. Use memory, /
    },
    {
      args: ["ask", "x", "--model", "demo", "--app", `@/${"long".repeat(100)}.ts`],
      code: 1,
      why: /long\.ts" cannot be read\. Check the path and the rights of its folder, or name another\.\n$/
    },
    {
      args: ["replay", `@/${"long".repeat(100)}.jsonl`],
      code: 1,
      why: /long\.jsonl" cannot be read\. Check the path and the rights of its folder, or name another\.\n$/
    },
    {
      args: ["ask", "x", "--model", "demo", "--store", "sqlite:"],
      code: 2,
      why: /^--store: sqlite: names no file\. Write sqlite:FILE\.\n$/
    },
    {
      args: ["runs", "--store", `sqlite:@/${"long".repeat(100)}.db`],
      code: 1,
      why: /^.*long\.db cannot be read\. Check the path and the rights of its folder, or name another: --store sqlite:FILE\.\n$/
    },
    {
      args: ["ask", "x", "--model", "demo", "--store", "sqlite:@/no/such/runs.db"],
      code: 1,
      why: /^SQLite at .*: Cannot open the file\. Its folder must exist/
    },
    {
      args: ["ask", "x", "--model", "demo", "--store", "sqlite:@/README.md"],
      code: 1,
      why: /^SQLite at .*: The file is not a SQLite database\./
    },
    {
      args: ["ask", "x", "--app", "@/no.ts"],
      code: 1,
      why: /^There is no app file ".*no\.ts"\. Name one: --app agent\.ts\n$/
    },
    {
      args: ["ask", "x", "--app", "@/log"],
      code: 1,
      why: /^There is no app file ".*log"\. Name one: --app agent\.ts\n$/
    },
    {
      args: ["ask", "x", "--app", "@/throws.mjs"],
      code: 1,
      why: /throws\.mjs does not load: Error: the harbour is closed\. Add --log-level debug/
    },
    {
      args: ["ask", "x", "--app", "@/empty.mjs"],
      code: 1,
      why: /empty\.mjs has no default export\. .* It exports nothing\.\n$/
    },
    {
      args: ["ask", "x", "--app", "@/wrong.mjs"],
      code: 1,
      why: /wrong\.mjs exports a function as its app\. Export an agent, /
    },
    {
      args: ["ask", "x", "--app", "@/needs.mjs"],
      code: 1,
      why: /needs\.mjs needs the package a-package-of-nobody, .* Run in its folder: npm install a-package-of-nobody\n$/
    },
    {
      args: ["ask", "x", "--app", "@/late.mjs"],
      code: 1,
      why: /late\.mjs exports a promise as its app\. Export an agent/
    },
    { args: ["ask", "x", "--app", "@/value.mjs"], code: 1, why: /value\.mjs does not load: a thrown value that is no/ },
    { args: ["acp", "--app", "@/throws.mjs"], code: 1, why: /throws\.mjs does not load: Error: the harbour is closed/ },
    {
      args: ["serve", "--model", "demo", "--port", "70000"],
      code: 2,
      why: /^--port: 70000 is not a port from 0 to 65535\./
    },
    {
      args: ["runs", "--store", "postgres://nobody:secret@127.0.0.1:1/x"],
      code: 1,
      why: /^Cannot connect to Postgres\. Check its host, port, user and password in --store or REINS_STORE\. Add --log-level/
    },
    {
      args: ["ask", "x", "--app", "@/plain.mjs"],
      code: 1,
      why: /plain\.mjs exports an agent of agent\(\)\. Export createRuntime\(/
    }
  ])("$args ends with code $code and one sentence", ({ args, code, why }) =>
    Effect.gen(function* () {
      const result = yield* ended(yield* Sample.folder(apps), args)
      assert.match(result.words, why)
      assert.strictEqual(result.code, code)
      assert.notInclude(result.words, "    at ")
      assert.notInclude(result.words, "secret@")
      assert.strictEqual(result.words.split("\n").length, 2)
    })
  )

  it.effect("a tool without a handler is named before anything is started", () =>
    Effect.gen(function* () {
      const { code, words } = yield* ended(import.meta.dirname, [
        "ask",
        "x",
        "--app",
        "@/apps/unhandled.ts",
        "--model",
        "scripted",
        "--store",
        "memory"
      ])
      assert.match(
        words,
        /^The tool "book" of .*unhandled\.ts has no handler\. Export a layer named "services" that has it\.\n$/
      )
      assert.strictEqual(code, 1)
    })
  )

  it.effect.each([
    { args: ["ask", "x", "--nope"], why: /^Unrecognized flag: --nope/ },
    { args: ["ask", "x", "--approve", "always"], why: /approve/ },
    { args: ["ask", "x", "--thread", ""], why: /flag --thread\. Expected: an id that is not empty, or no such flag\n/ },
    { args: ["chat", "--thread", " "], why: /flag --thread: " "\. Expected: an id that is not empty/ },
    { args: ["runs", "--tenant", ""], why: /flag --tenant\. Expected: a name that is not empty, or no such flag\n/ },
    {
      args: ["runs", "--limit", "0"],
      why: /^Invalid value for flag --limit: "0"\. Expected: a number from 1\nSee reins runs/
    },
    { args: ["audit", "--limit=-3"], why: /^Invalid value for flag --limit: "-3"\. Expected: a number from 1\n/ },
    { args: ["aks"], why: /aks/ }
  ])("$args is no command line: code 2, on standard error only", ({ args, why }) =>
    Effect.gen(function* () {
      const result = yield* reins(import.meta.dirname, args)
      assert.match(result.stderr, why)
      assert.strictEqual(result.code, 2)
      assert.strictEqual(result.stdout, "")
    })
  )

  it.effect("says of a file that Node cannot read why, in one sentence and without a trace", () =>
    Effect.gen(function* () {
      const folder = yield* Sample.folder({ ...apps, "enum.ts": "enum Colour { Red }\nexport default Colour.Red\n" })
      for (const [app, why] of [
        ["broken.mjs", /^broken\.mjs does not load: SyntaxError: .*\. Add --log-level debug to see where\.\n$/],
        ["README.md", /^README\.md is neither TypeScript nor JavaScript\. Name a \.ts or \.js file\.\n$/],
        [
          "enum.ts",
          /^enum\.ts does not load: TypeScript enum is not supported.*: use syntax without enum and namespace/
        ]
      ] as const) {
        const { code, stderr, stdout } = yield* reins(folder, ["serve", "--app", app])
        assert.match(stderr, why)
        assert.notInclude(stderr, "    at ")
        assert.deepStrictEqual([code, stdout], [1, ""])
      }
    })
  )

  it.effect("shows where it comes from at log level debug only", () =>
    Effect.gen(function* () {
      const folder = yield* Sample.folder(apps)
      const [quiet, loud] = yield* Effect.all(
        [[], ["--log-level", "debug"]].map((more) => reins(folder, ["ask", "x", "--app", "throws.mjs", ...more]))
      )
      assert.strictEqual(
        quiet?.stderr,
        "throws.mjs does not load: Error: the harbour is closed. Add --log-level debug to see where.\n"
      )
      assert.include(loud?.stderr, "    at ")
      assert.strictEqual(loud?.stdout, "")
    })
  )

  it.effect("tells what to do about a database that is cut short, and about a folder in the place of one", () =>
    Effect.gen(function* () {
      const folder = yield* Sample.folder(apps)
      yield* ended(folder, ["chat", "--model", "demo", "-q", "Hi", "--approve", "deny", "--store", "sqlite:@/whole.db"])
      writeFileSync(`${folder}/cut.db`, readFileSync(`${folder}/whole.db`).subarray(0, 5000))
      for (const [file, why] of [
        ["cut.db", /^SQLite at .*cut\.db: The file is damaged\. Restore it from a backup\.\n$/],
        ["log", /^SQLite at .*log: Cannot open the file\. Its folder must exist, and both must be writable\.\n$/]
      ] as const) {
        for (const args of [["ask", "x", "--model", "demo"], ["runs"], ["chat", "--model", "demo"]]) {
          const { code, words } = yield* ended(folder, [...args, "--store", `sqlite:@/${file}`])
          assert.match(words, why)
          assert.strictEqual(code, 1)
        }
      }
    })
  )

  it.effect("quotes names without what would drive the terminal", () =>
    Effect.gen(function* () {
      const folder = yield* Sample.folder(apps)
      for (const args of [
        ["check", "@/\u009b2J"],
        ["restore", "@/\u009b2J"],
        ["runs", "--since", "\u009b2J"]
      ]) {
        const { words } = yield* ended(folder, args)
        assert.include(words, "\ufffd2J")
        assert.notInclude(words, "\u009b")
      }
    })
  )

  it.effect("tells what to do about a database of a later version", () =>
    Effect.gen(function* () {
      const folder = yield* Sample.folder(apps)
      const sqlite = yield* Effect.promise(() => import("node:sqlite"))
      const database = new sqlite.DatabaseSync(`${folder}/runs.db`)
      database.exec(
        "CREATE TABLE reins_versions (version INTEGER NOT NULL PRIMARY KEY); INSERT INTO reins_versions VALUES (9999)"
      )
      database.close()
      const { code, words } = yield* ended(folder, ["ask", "x", "--model", "demo", "--store", "sqlite:@/runs.db"])
      assert.match(words, /^SQLite at .*: The database was written by a later version\. Use a later @reins\/store\.\n$/)
      assert.strictEqual(code, 1)
    })
  )
})
