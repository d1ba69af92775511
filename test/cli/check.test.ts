import { assert, layer } from "@effect/vitest"
import { exitCode, runWith, wordsFor } from "@reins/cli"
import { checkText, names } from "@reins/wire/check"
import type { Name } from "@reins/wire/check"
import { ConfigProvider, Effect, Exit, FileSystem, Schema, Stream } from "effect"
import { ChildProcess, ChildProcessSpawner } from "effect/process"
import { reins } from "./Command.ts"
import * as Sample from "./Sample.ts"

const main = `${import.meta.dirname}/../../packages/cli/bin/reins.mjs`
const app = `${import.meta.dirname}/apps/checked.ts`

/** A server of the app on a port that the system chooses. */
const served = Effect.fnUntraced(function* (cwd: string) {
  const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
  const child = yield* spawner.spawn(
    ChildProcess.make(process.execPath, [main, "serve", "--app", app, "--port", "0"], {
      cwd,
      stdin: "ignore",
      env: { NO_COLOR: "1", REINS_MODEL: "", REINS_API_KEYS: "" },
      extendEnv: true
    })
  )
  let printed = ""
  yield* Stream.runForEach(
    Stream.takeUntil(Stream.decodeText(child.stdout), (text) => (printed + text).includes("Ctrl-C")),
    (text) => Effect.sync(() => void (printed += text))
  )
  return /on (http:\S+)/.exec(printed)?.[1] ?? ""
})

const post = (url: string, body: object, method = "POST") =>
  Effect.promise(async () => {
    const response = await fetch(url, {
      method,
      headers: { "content-type": "application/json", accept: "text/event-stream", "x-storageapi-token": "t" },
      body: JSON.stringify(body)
    })
    return response.text()
  })

const user = [{ role: "user", content: "When was she lost?" }]
const page = { id: "m1", role: "user", parts: [{ type: "text", text: "When was she lost?" }] }
const rpc = {
  jsonrpc: "2.0",
  id: 1,
  method: "SendStreamingMessage",
  params: { message: { messageId: "m", role: "ROLE_USER", parts: [{ text: "When was she lost?" }] } }
}

/** How each dialect that `reins serve` serves is asked for a stream. */
const asked: { readonly [path: string]: readonly [name: Name, body: object, method?: string] } = {
  "native/query": ["native", { prompt: "When was she lost?" }],
  "native/query?view=all": ["native", { prompt: "When was she lost?" }],
  "native/query?format=ndjson": ["native", { prompt: "When was she lost?" }],
  "ai-sdk/chat": ["ai-sdk", { id: "t1", messages: [page] }],
  "ag-ui/run": ["ag-ui", { threadId: "t2", runId: "r2", messages: [{ id: "m", ...user[0] }], protocolVersion: "1.0" }],
  "openai-chat/v1/chat/completions": ["openai-chat", { model: "desk", messages: user, stream: true }],
  "openai-responses/v1/responses": ["openai-responses", { model: "desk", input: "When was she lost?", stream: true }],
  "anthropic/v1/messages": ["anthropic", { model: "desk", max_tokens: 99, messages: user, stream: true }],
  "aap-v2/session": ["aap", { agent: { name: "desk" }, messages: user, stream: "delta" }, "PUT"],
  "kai/api/chat": [
    "kai",
    { id: "t3", message: page, selectedChatModel: "chat-model", selectedVisibilityType: "private" }
  ],
  "kai/api/chat?events=wrapped": [
    "kai",
    { id: "t4", message: page, selectedChatModel: "chat-model", selectedVisibilityType: "private" }
  ],
  "karta/v1/sessions/t5/messages": ["karta", { text: "When was she lost?", stream: true }],
  "steerable/api/chats/t6/send": ["steerable", { content: "When was she lost?" }],
  "a2a/rpc": ["a2a", rpc]
}

const Line = Schema.fromJsonString(Schema.Record(Schema.String, Schema.Json))
const decode = Schema.decodeUnknownSync(Line)

const broken = [
  'data: {"type":"start"}',
  "",
  'data: {"type":"text-delta","id":"t","delta":"secret"}',
  "",
  "data: [DONE]",
  "",
  ""
]

layer(Sample.layer, { excludeTestServices: true })("reins check", (it) => {
  it.effect.each([
    { about: "an app", args: ["--app", app] },
    { about: "approved calls", args: ["--model", "demo", "--approve", "once"] },
    { about: "denied calls", args: ["--model", "demo"] }
  ])(
    "finds nothing in what reins ask prints: $about",
    ({ args }) =>
      Effect.gen(function* () {
        const folder = yield* Sample.folder(Sample.ships)
        const said = yield* reins(folder, ["ask", "When was the schooner lost?", ...args, "--json-output"])
        const found = yield* reins(folder, ["check", "-", "--dialect", "kai"], { input: said.stdout })
        assert.match(found.stdout, /^standard input: \d+ frames \(kai\), 0 violations\n$/)
        assert.strictEqual(found.code, 0)
      }),
    60_000
  )

  it.effect(
    "finds nothing in what reins events prints",
    () =>
      Effect.gen(function* () {
        const folder = yield* Sample.folder(Sample.ships)
        yield* reins(folder, ["ask", "When was the schooner lost?", "--model", "demo"])
        const runs = yield* reins(folder, ["runs", "--json-output"])
        const { runId } = decode(runs.stdout.split("\n")[0] ?? "")
        const events = yield* reins(folder, ["events", String(runId), "--json-output"])
        const { frames, ...report } = checkText(events.stdout)
        assert.deepStrictEqual(report, { dialect: "native", violations: [] })
        assert.isAbove(frames, 20)
      }),
    60_000
  )

  it.effect(
    "finds nothing in what reins serve answers, in each of its dialects",
    () =>
      Effect.gen(function* () {
        const folder = yield* Sample.folder(Sample.ships)
        const url = yield* served(folder)
        yield* post(`${url}/karta/v1/sessions`, { session_id: "t5" })
        for (const [path, [dialect, body, method]] of Object.entries(asked)) {
          const said = yield* post(`${url}/${path}`, body, method)
          for (const options of [{ dialect }, {}]) {
            const { trouble = "none", ...report } = checkText(said, options)
            assert.deepStrictEqual(
              [trouble, report.dialect, report.violations],
              ["none", dialect, []],
              `${path}: ${said}`
            )
            assert.isAbove(report.frames, 3, path)
          }
        }
        const said = yield* post(`${url}/ai-sdk/chat`, { id: "t9", messages: [page] })
        const found = yield* reins(folder, ["check", "-", "--dialect", "ai-sdk"], { input: said })
        assert.match(found.stdout, /^standard input: \d+ frames \(ai-sdk\), 0 violations\n$/)
        const covered = new Set(Object.values(asked).map(([dialect]) => dialect))
        // An editor speaks ACP over standard input and output; `test/clients/acp.test.ts` checks what it is told.
        assert.deepStrictEqual(
          names.filter((name) => !covered.has(name)),
          ["acp"]
        )
      }),
    60_000
  )

  it.effect(
    "reads a large file piece by piece",
    () =>
      Effect.gen(function* () {
        const folder = yield* Sample.folder({})
        const fs = yield* FileSystem.FileSystem
        const frame = new TextEncoder().encode(`data: {"type":"text","text":"${"so it is ".repeat(800)}"}\n\n`)
        const block = new Uint8Array(frame.length * 140).map((_, at) => frame[at % frame.length] ?? 0)
        const pieces = Stream.range(1, 100).pipe(Stream.map(() => block))
        const ends = (text: string) => Stream.make(new TextEncoder().encode(text))
        const write = (name: string, all: Stream.Stream<Uint8Array>) =>
          Stream.run(all, fs.sink(`${folder}/${name}`)).pipe(Effect.scoped)
        yield* write("large.sse", ends('data: {"type":"step-start"}\n\n').pipe(Stream.concat(pieces)))
        yield* write("long.txt", Stream.range(1, 1000).pipe(Stream.map(() => new Uint8Array(100_000).fill(120))))
        assert.isAbove(Number((yield* fs.stat(`${folder}/large.sse`)).size), 100_000_000)
        const check = (name: string) =>
          reins(folder, ["check", name, "--dialect", "native"], { env: { NODE_OPTIONS: "--max-old-space-size=64" } })
        const large = yield* check("large.sse")
        assert.match(
          large.stdout,
          /^large\.sse:28001: the stream ends before the run\. .*\n.*: 14,001 frames \(native\), 1 violation\n$/
        )
        assert.strictEqual(large.code, 1)
        const long = yield* check("long.txt")
        assert.match(long.stderr, /^long\.txt is neither SSE nor JSON lines: /)
        assert.strictEqual(long.code, 2)
      }),
    60_000
  )

  it.effect("says where a stream breaks which rule, and quotes nothing of it", () =>
    Effect.gen(function* () {
      const folder = yield* Sample.folder({ "answer.sse": broken.join("\n") })
      const found = yield* reins(folder, ["check", "answer.sse", "--dialect", "ai-sdk"])
      assert.strictEqual(
        found.stdout,
        [
          'answer.sse:3: "text-delta" for the part "t", which is not open. A delta and an end have a part that was started and has not ended. [part-open]',
          "answer.sse:5: the stream ends without one. An answer that begins with `start` ends with `finish`, `error` or `abort`. [finish]",
          "answer.sse: 3 frames (ai-sdk), 2 violations",
          ""
        ].join("\n")
      )
      assert.deepStrictEqual([found.code, found.stderr], [1, ""])
      const lines = (yield* reins(folder, ["check", "answer.sse", "--dialect", "ai-sdk", "--json-output"])).stdout
      const [first, , last] = lines
        .trim()
        .split("\n")
        .map((line) => decode(line))
      assert.deepInclude(first, { file: "answer.sse", line: 3, rule: "part-open" })
      assert.deepStrictEqual(last, {
        file: "answer.sse",
        dialect: "ai-sdk",
        recognized: false,
        frames: 3,
        violations: 2
      })
    })
  )

  it.effect.each([
    { args: ["@/no.sse"], why: /^There is no file ".*no\.sse"\.\n$/ },
    { args: ["@/log"], why: /^".*log" cannot be read \(\w+\)\. Name a file that can, or - for standard input\.\n$/ },
    {
      args: ["@/README.md"],
      why: /README\.md is neither SSE nor JSON lines: .* Capture the body alone, without headers\.\n$/
    },
    { args: ["@/empty"], why: /empty has no frame\. Capture the body of a response: / },
    { args: ["@/blank"], why: /blank has no frame\. / },
    { args: ["@/binary"], why: /binary is not text\. / },
    {
      args: ["@/pretty.json"],
      why: /pretty\.json begins like JSON, but its first line is not a complete JSON value\. /
    },
    { args: ["@/foreign.sse"], why: /foreign\.sse does not tell its dialect\. Name it: --dialect NAME, one of a2a, / },
    {
      args: ["@/foreign.sse", "--dialect", "sdk"],
      why: /^Unknown dialect "sdk"\. Dialects: a2a, aap, .* steerable\.\n$/
    }
  ])("$args cannot be checked: code 2 and one sentence", ({ args, why }) =>
    Effect.gen(function* () {
      const folder = yield* Sample.folder({
        ...Sample.ships,
        empty: "",
        blank: "\n\n",
        binary: new Uint8Array([0x1f, 0x8b, 0x08, 0x00, 0xff, 0xfe, 0x0a, 0x00]),
        "pretty.json": '{\n  "type": "text"\n}\n',
        "foreign.sse": 'data: {"kind":"hello"}\n\n'
      })
      const exit = yield* runWith(["check", ...args.map((arg) => arg.replace("@", folder))]).pipe(
        Effect.exit,
        Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromEnv({ env: {} }))
      )
      const words = Exit.isFailure(exit) ? wordsFor(exit.cause) : ""
      assert.match(words, why)
      assert.strictEqual(words.split("\n").length, 2)
      assert.strictEqual(exitCode(exit), 2)
    })
  )
})
