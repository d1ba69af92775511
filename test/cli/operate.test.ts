import { assert, layer } from "@effect/vitest"
import { Figures, Operate, Replay, Screen } from "@reins/cli"
import { ConfigProvider, Effect, FileSystem, Option, Stream } from "effect"
import { ChildProcess, ChildProcessSpawner } from "effect/process"
import { createServer } from "node:net"
import { reins } from "./Command.ts"
import * as Sample from "./Sample.ts"

const main = `${import.meta.dirname}/../../packages/cli/bin/reins.mjs`

/** A server of the demo on this folder, on a port that the system chooses; its address and everything that it printed at first. */
const served = Effect.fnUntraced(function* (
  cwd: string,
  env: { readonly [name: string]: string } = {},
  what: ReadonlyArray<string> = ["--demo"]
) {
  const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
  const child = yield* spawner.spawn(
    ChildProcess.make(process.execPath, [main, "serve", ...what, "--port", "0"], {
      cwd,
      stdin: "ignore",
      env: { NO_COLOR: "1", REINS_MODEL: "", REINS_API_KEYS: "", ...env },
      extendEnv: true
    })
  )
  let printed = ""
  yield* Stream.runForEach(
    Stream.takeUntil(Stream.decodeText(child.stdout), (text) => (printed + text).includes("Ctrl-C")),
    (text) => Effect.sync(() => void (printed += text))
  )
  return { child, printed, url: /on (http:\S+)/.exec(printed)?.[1] ?? "" }
})

/** Asks the server, and waits until the run does, or has told `what`. */
const ask = (
  url: string,
  threadId: string,
  headers: { readonly [name: string]: string } = {},
  what = "approval-required"
) =>
  Effect.promise(async () => {
    const response = await fetch(`${url}/native/query`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify({ prompt: "Who is captain?", threadId })
    })
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
    for (let seen = ""; !seen.includes(what);) {
      const next = await reader?.read()
      if (next === undefined || next.done) throw new Error(`the run never asked: ${seen}`)
      seen += next.value
    }
    await reader?.cancel()
    return response.headers.get("x-run-id") ?? ""
  })

/** What a command of an operator prints, in this process. */
const printed = (
  command: (given: Operate.Given) => Effect.Effect<void, { readonly message: string }, Screen>,
  given: Partial<Operate.Given>,
  env: { readonly [name: string]: string } = {}
) =>
  Effect.suspend(() => {
    let out = ""
    const screen = Screen.of({
      look: () => ({ columns: undefined, colors: false, live: false, plain: false }),
      print: (text) => Effect.sync(() => void (out += text)),
      note: () => Effect.void,
      ask: undefined
    })
    const usual = {
      app: undefined,
      store: undefined,
      path: undefined,
      url: undefined,
      tenant: "default",
      jsonOutput: false
    }
    return command({ ...usual, ...given }).pipe(
      Effect.provideService(Screen, screen),
      Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromEnv({ env })),
      Effect.match({ onFailure: (error) => error.message, onSuccess: () => out })
    )
  })

const replaying = {
  model: undefined,
  fork: undefined,
  question: undefined,
  approve: "deny",
  budget: undefined
} as const

layer(Sample.layer, { excludeTestServices: true })("the operator's commands", (it) => {
  it.effect("list, read, answer and audit the runs of a local store while a server carries them", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const ships = yield* Sample.folder(Sample.ships)
      const server = yield* served(ships)
      for (const path of [
        "/ai-sdk",
        "/ag-ui",
        "/openai-chat/v1",
        "/anthropic",
        "/aap",
        "/kai",
        "/karta",
        "/steerable",
        "/docs"
      ]) {
        assert.include(server.printed, `${server.url}${path}`)
      }
      const runId = yield* ask(server.url, "t")
      const json = { path: ships, jsonOutput: true }
      const on = { path: ships }
      assert.match(
        yield* printed((given) => Figures.runs({ ...given, limit: 5 }), on),
        new RegExp(`${runId} +waiting .* assistant `)
      )
      const open = yield* printed(Operate.approvals, on)
      assert.match(open, /^apr_\w+ {2}assistant wants to create the file reins-report\.md/)
      const id = /^apr_\w+/.exec(open)?.[0] ?? ""
      const revise = (edit: string) => printed((given) => Operate.revise({ ...given, id, edit, by: "Mia" }), on)
      assert.strictEqual(yield* revise("nothing"), "An edit is name=value, or an object of JSON.")
      assert.strictEqual(yield* revise("file=captain.md"), `Approved ${id} with changes.\n`)
      const events = (after: number, follow: boolean) =>
        printed((given) => Operate.events({ ...given, runId, after, follow }), json)
      assert.match((yield* events(0, true)).trimEnd().split("\n").at(-1) ?? "", /"type":"data-latency-summary"/)
      assert.include(yield* fs.readDirectory(ships), "captain.md")
      assert.match(yield* events(5, false), /^\{"seq":6,/)
      assert.match(yield* printed((given) => Operate.cost({ ...given, runId }), on), /^Cost\n[^]*\ntotal[^]*\nTime\n/)
      const audit = yield* printed((given) => Operate.audit({ ...given, run: undefined, limit: 50 }), on)
      assert.match(audit, /answered revise +write_file +Mia [^]*decided revise/)
      const approve = (given: Operate.Given) => Operate.approve({ ...given, id, scope: "call", by: "Ines" })
      assert.match(yield* printed(approve, on), /^Approval "apr_\w+": /)
      assert.strictEqual(
        yield* printed((given) => Operate.reject({ ...given, id: "apr_x", reason: undefined, by: undefined }), on),
        'No approval "apr_x" is open. reins approvals lists them.'
      )
      assert.match(
        yield* printed((given) => Operate.cost({ ...given, runId: "nope" }), on),
        /^There is no run "nope"\./
      )
      assert.include(
        yield* printed((given) => Figures.runs({ ...given, limit: 5 }), { ...on, tenant: "other" }),
        "There is no run yet."
      )
      const list = (filter: Partial<Figures.RunsGiven>) =>
        printed((given) => Figures.runs({ ...given, limit: 5, ...filter }), on)
      // The thread has the name that its client gave it, also at a terminal.
      assert.match(yield* list({ thread: "t" }), new RegExp(`${runId} .* t\\s*$`, "m"))
      assert.match(
        yield* list({ state: "ended", since: "1h", agent: "assistant" }),
        new RegExp(`${runId} +ended +stop`)
      )
      for (const filter of [{ state: "waiting" }, { until: "1h" }, { ended: "failed" }, { principal: "x" }] as const) {
        assert.strictEqual(yield* list(filter), "No run matches.\n", JSON.stringify(filter))
      }
      assert.match(yield* list({ since: "soon" }), /^--since: "soon" is not a time\./)
      assert.match(yield* list({ minUsd: "much" }), /^--min-usd: "much" is not an amount of US dollars\./)
      const costs = (more: Partial<Figures.CostsGiven>) =>
        printed((given) => Figures.costs({ ...given, by: "tenant,run", csv: false, isOneTenant: false, ...more }), on)
      assert.match(yield* costs({}), new RegExp(`^tenant +run +runs[^]*\ndefault +${runId} +1 [^]*\ntotal +1 `))
      assert.match(yield* costs({ by: "model" }), /^model +runs[^]*\n\(tools\) +1 [^]*\ndemo-responder +1 /)
      assert.match(yield* costs({ by: "tool" }), /\n\(models\) +1 /)
      assert.match(yield* costs({ by: "model,tool" }), /\n- +write_file +1 [^]*\ndemo-responder +- +1 /)
      const csv = yield* costs({ csv: true })
      assert.match(csv, /^tenant,run,usd,runs,[^]*"default","run_/)
      assert.strictEqual(yield* costs({ until: "1h" }), "Nothing was spent yet.\n")
      assert.strictEqual(yield* costs({ tenant: "other", isOneTenant: true }), "Nothing was spent yet.\n")
      assert.match(yield* costs({ by: "week" }), /^--by: "week" is not a list of tenant, principal, /)
      const sqlite = yield* Effect.promise(() => import("node:sqlite"))
      const database = new sqlite.DatabaseSync(`${ships}/.reins/runs.db`)
      database.exec("UPDATE reins_events SET event = '{'")
      database.close()
      assert.match(
        yield* printed((given) => Operate.cost({ ...given, runId }), on),
        /^Stored data of run "run_\w+" cannot be read: a row in reins_events is damaged\. Restore it from a backup/
      )
    })
  )

  it.effect("answer the question of an agent with a value that fits it, and decline it", () =>
    Effect.gen(function* () {
      const ships = yield* Sample.folder(Sample.ships)
      const { child, url } = yield* served(ships, {}, ["--app", `${import.meta.dirname}/apps/asking.ts`])
      const answering = (id: string, value: string | undefined, json?: string) =>
        printed(
          (given) => Operate.answer({ ...given, id, value: Option.fromUndefinedOr(value), json, by: undefined }),
          { url }
        )
      const asked = Effect.fnUntraced(function* (thread: string) {
        yield* ask(url, thread)
        const open = yield* printed(Operate.approvals, { url })
        assert.match(open, /^apr_\w+ {2}\w+ asks: Which colour\?\n {4}1 {2}red\n {4}2 {2}blue\n$/)
        return /^apr_\w+/.exec(open)?.[0] ?? ""
      })
      const first = yield* asked("t")
      assert.include(yield* answering(first, "green"), 'Answer with one of "red", "blue".')
      assert.match(yield* answering(first, undefined, "green"), /is not JSON\. Quote a text/)
      assert.match(yield* answering(first, "red", '"red"'), /^Name one answer/)
      assert.match(yield* answering("apr_unknown", "red"), /^No approval "apr_unknown" is open/)
      assert.strictEqual(yield* answering(first, "2"), `Answered ${first}.\n`)
      const second = yield* asked("u")
      assert.strictEqual(yield* answering(second, undefined, '"red"'), `Answered ${second}.\n`)
      const third = yield* asked("v")
      assert.strictEqual(yield* answering(third, "! none of them"), `Declined ${third}.\n`)
      yield* child.kill()
    })
  )

  it.effect(
    "show what a run waits for, and deliver its late result, once",
    () =>
      Effect.gen(function* () {
        const ships = yield* Sample.folder(Sample.ships)
        const app = `${import.meta.dirname}/apps/courier.ts`
        const env = { REINS_API_KEYS: "shop-key=shop,other-key=other" }
        const { child, url } = yield* served(ships, env, ["--app", app])
        const key = { REINS_API_KEY: "shop-key" }
        const runId = yield* ask(url, "t", { authorization: "Bearer shop-key" }, "results_awaited")
        const events = (follow: boolean) =>
          printed((given) => Operate.events({ ...given, runId, after: 0, follow }), { url }, key)
        const before = yield* events(false)
        assert.match(before, /\npost sleeps until \d{4}-\d\d-\d\d \d\d:\d\d UTC\n/)
        assert.match(before, /post in .*; its result comes later, by \d{4}-\S+ \S+ UTC, for ticket run_\w+\.tkt_\w+\n/)
        assert.match(before, /\nWaits for the late result of post, by \d{4}-/)
        assert.match(
          yield* printed((given) => Figures.runs({ ...given, limit: 5, state: "waiting" }), { url }, key),
          new RegExp(`${runId} +waiting +late results `)
        )
        const ticket = /run_\w+\.tkt_\w+/.exec(before)?.[0] ?? ""
        const deliver = (value: string, more: { readonly id?: string } = {}, as = key) =>
          printed(
            (given) => Operate.deliver({ ...given, id: ticket, value, failure: false, cost: undefined, ...more }),
            { url },
            as
          )
        const there = '{"place":"Oslo"}'
        assert.match(yield* deliver("Oslo"), /^"Oslo" is not JSON\. Quote a text/)
        assert.match(yield* deliver('"Oslo"'), /place|object/)
        assert.match(yield* deliver(there, { id: `${runId}.tkt_0` }), /Unknown ticket/)
        assert.match(yield* deliver(there, {}, { REINS_API_KEY: "other-key" }), /Unknown ticket/)
        // As a person types it: no flag but those of the place is needed.
        const typed = yield* reins(ships, ["deliver", ticket, there, "--url", url, "--cost", "0.5"], { env: key })
        assert.deepStrictEqual([typed.stdout, typed.stderr, typed.code], [`Delivered to ${ticket}.\n`, "", 0])
        const after = yield* events(true)
        assert.match(after, /post, the result of an earlier call\n/)
        assert.include(after, 'It arrived: {"place":"Oslo"}')
        assert.match(yield* deliver(there), /already|accepted|delivered/i)
        assert.match(
          yield* printed((given) => Operate.cost({ ...given, runId }), { url }, key),
          /\n +post +1 +0\.500000\n/
        )
        yield* child.kill()
      }),
    60_000
  )

  it.effect("do the same on a server by its address and a key", () =>
    Effect.gen(function* () {
      const ships = yield* Sample.folder(Sample.ships)
      const { child, printed: announced, url } = yield* served(ships, { REINS_API_KEYS: "secret-key=shop" })
      assert.include(announced, "Who has a key of REINS_API_KEYS.")
      const runId = yield* ask(url, "t", { authorization: "Bearer secret-key" })
      const key = { REINS_API_KEY: "secret-key" }
      const json = { url, jsonOutput: true }
      assert.match(
        yield* printed((given) => Figures.runs({ ...given, limit: 5 }), { url }, key),
        new RegExp(`${runId} +waiting`)
      )
      const { id } = JSON.parse(yield* printed(Operate.approvals, json, key))
      const events = (follow: boolean) =>
        printed((given) => Operate.events({ ...given, runId, after: 0, follow }), { url }, key)
      assert.include(yield* events(false), "wants to create the file reins-report.md")
      const approve = (given: Operate.Given) => Operate.approve({ ...given, id, scope: "thread", by: undefined })
      assert.strictEqual(yield* printed(approve, { url }, key), `Approved for this thread: ${id}.\n`)
      assert.include(yield* events(true), "The report is in")
      const grants = (revoke: string | undefined) => (given: Operate.Given) => Operate.grants({ ...given, revoke })
      const grant = JSON.parse(yield* printed(grants(undefined), json, key))
      assert.strictEqual(grant.toolName, "write_file")
      assert.strictEqual(yield* printed(grants(grant.id), { url }, key), `Revoked ${grant.id}: calls ask again.\n`)
      assert.match(
        yield* printed((given) => Operate.audit({ ...given, run: runId, limit: 50 }), json, key),
        /"kind":"revoked"/
      )
      assert.strictEqual(
        yield* printed((given) => Operate.cancel({ ...given, runId }), { url }, key),
        `Run ${runId} has ended.\n`
      )
      // A run of the server, on the code that is here.
      assert.match(
        yield* printed((given) => Replay.run({ ...given, ...replaying, what: runId, path: ships }), { url }, key),
        new RegExp(`^${runId} goes the same way: \\d+ events\\.\n$`)
      )
      assert.strictEqual(
        yield* printed((given) => Replay.run({ ...given, ...replaying, what: "nobody" }), { url }, key),
        "Unknown run."
      )
      assert.match(
        yield* printed(Operate.approvals, { url }, { REINS_API_KEY: "wrong" }),
        /does not accept the key\. Set REINS_API_KEY/
      )
      assert.match(
        yield* printed(Operate.approvals, { url: "http://127.0.0.1:1" }),
        /^No server answers at .*\. Is reins serve running there\?$/
      )
      assert.match(yield* printed(Operate.approvals, { store: "memory" }), /^A store in memory ends with its process\./)
      assert.match(yield* printed(Operate.approvals, {}, { REINS_STORE: "memory" }), /^A store in memory ends/)
      assert.strictEqual(
        yield* printed(Operate.approvals, {}, { REINS_STORE: "redis://u:secret@h" }),
        'REINS_STORE: unknown store "redis". Use memory, sqlite:FILE or postgres://…'
      )
      assert.match(
        yield* printed((given) => Operate.raise({ ...given, runId, limits: "more" }), { url }),
        /^"more" is not a limit\./
      )
      const costs = (by: string) =>
        printed((given) => Figures.costs({ ...given, by, csv: false, isOneTenant: false }), json, key)
      const [spent] = (yield* costs("run")).split("\n")
      const total = JSON.parse(spent ?? "")
      assert.deepStrictEqual([total.run, total.runs], [runId, 1])
      yield* child.kill({ killSignal: "SIGINT" })
      assert.strictEqual(Number(yield* child.exitCode), 0)
      // The next server knows of runs what the store does.
      const next = yield* served(ships, { REINS_API_KEYS: "secret-key=shop,audit-key=shop:auditor" })
      const again = { url: next.url, jsonOutput: true }
      const runs = (given: Operate.Given) =>
        Figures.runs({ ...given, limit: 5, ended: "stop", minUsd: "0", since: "1h" })
      for (const REINS_API_KEY of ["secret-key", "audit-key"]) {
        const [listed] = (yield* printed(runs, again, { REINS_API_KEY })).split("\n")
        const run = JSON.parse(listed ?? "")
        assert.deepStrictEqual([run.runId, run.costNanoUsd, run.threadId], [runId, total.costNanoUsd, "t"])
      }
      assert.match(
        yield* printed(Operate.approvals, again, { REINS_API_KEY: "audit-key" }),
        /^The role auditor may read lists of runs, their order, costs/
      )
      yield* next.child.kill({ killSignal: "SIGINT" })
    })
  )

  it.effect("end with a sentence where there is nothing, nobody, or a port that is taken", () =>
    Effect.gen(function* () {
      const ships = yield* Sample.folder(Sample.ships)
      const taken = yield* Effect.acquireRelease(
        Effect.callback<{ readonly port: number; readonly close: () => void }>((resume) => {
          const server = createServer().listen(0, "127.0.0.1", () => {
            const address = server.address()
            const port = typeof address === "object" && address !== null ? address.port : 0
            resume(Effect.succeed({ port, close: () => server.close() }))
          })
        }),
        ({ close }) => Effect.sync(close)
      )
      const expected = [
        [
          ["serve", "--demo", "--store", "memory", "--port", String(taken.port)],
          /^Port \d+ is taken\. Choose another: --port \d+/
        ],
        [
          ["serve", "--demo", "--store", "memory", "--host", "0.0.0.0"],
          /^Without keys anybody .* Set REINS_API_KEYS=KEY=TENANT/
        ],
        [
          ["serve", "--demo", "--store", "memory", "--port", "0"],
          /^REINS_API_KEYS has an entry that is not KEY=TENANT\./
        ],
        [["events", "nope"], /^There is no store .*runs\.db\. Name another: --path DIR, or --store/],
        [["init", "."], /has files already\. Name a new folder/]
      ] as const
      const results = yield* Effect.forEach(expected, ([args]) =>
        reins(ships, args, { env: { REINS_API_KEYS: args.some((arg) => arg === "0") ? "nonsense" : "" } })
      )
      for (const [index, { code, stderr, stdout }] of results.entries()) {
        assert.match(stderr, expected[index]?.[1] ?? /^$/)
        assert.notInclude(stderr, "    at ")
        assert.deepStrictEqual([code, stdout], [1, ""])
      }
    })
  )

  it.effect("init makes a project in a new folder", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const folder = yield* Sample.folder({})
      const { code, stdout } = yield* reins(folder, ["init", "my-desk"])
      assert.match(stdout, /^Created my-desk \(\d+ files\)\. Next:\n\n {2}cd my-desk\n {2}npm install\n/)
      assert.include(yield* fs.readDirectory(`${folder}/my-desk`), "package.json")
      assert.strictEqual(code, 0)
    })
  )
})

layer(Sample.layer, { excludeTestServices: true })("reins sidecar", (it) => {
  it.effect("answers its host in lines, and ends with it", () =>
    Effect.gen(function* () {
      const ships = yield* Sample.folder(Sample.ships)
      const input = '{"jsonrpc":"2.0","id":1,"method":"system.ping","params":{}}\n'
      const { code, stderr, stdout } = yield* reins(ships, ["sidecar", "--model", "demo", "--store", "memory"], {
        input
      })
      assert.match(stdout, /"id":1,[^\n]*"status":"ok"/)
      for (const line of stdout.trimEnd().split("\n")) assert.strictEqual(JSON.parse(line).jsonrpc, "2.0")
      assert.match(stderr, /^__SIDECAR_READY__:/)
      assert.strictEqual(code, 0)
      const refused = yield* reins(ships, ["acp", "--app", "no.ts"], { input: "" })
      assert.deepStrictEqual([refused.code, refused.stdout], [1, ""])
      assert.match(refused.stderr, /^There is no app file "no\.ts"\./)
    })
  )
})
