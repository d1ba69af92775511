/** Arguments and options of wrong types, as programs without types give them to the methods of the runtime without Effect. */
import { assert, describe, it } from "@effect/vitest"
import { Compaction, createRuntime, expectReplay, FileOutput } from "@reins/runtime/promise"
import { ScriptedModel } from "@reins/runtime/testing"
import { Sqlite } from "@reins/store/sqlite"
import { runInNewContext } from "node:vm"

const parameters = { type: "object", properties: {} } as const

const begin = (services?: ReturnType<typeof Sqlite.layer>) =>
  createRuntime({
    model: ScriptedModel.make({ replies: [ScriptedModel.text("Hello.")] }),
    tools: { order: { parameters, execute: () => "ordered" } },
    agents: [{ name: "desk", tools: ["order"] }],
    quotas: [{ name: "runs", per: "tenant", window: "day", maxRuns: 100 }],
    services
  })

// Whatever a program may pass: types say what it should, and are erased here.
type Loose = { readonly [name: string]: Loose } & ((...args: ReadonlyArray<unknown>) => Promise<unknown>)

/** What a method rejects with; `"taken"` if it does not. */
const refusalOf = (runtime: object, method: string, args: ReadonlyArray<unknown>): Promise<string> => {
  const own = method.split(".").reduce<Loose | undefined>((found, name) => found?.[name], runtime as Loose)
  return own === undefined ? Promise.resolve("no such method") : own(...args).then(() => "taken", String)
}

/** The methods whose first argument is an id, and what it names. */
const byId: ReadonlyArray<readonly [method: string, id: string, ...rest: ReadonlyArray<unknown>]> = [
  ["cancel", "runId"],
  ["status", "runId"],
  ["steer", "runId", "wait"],
  ["submitToolResult", "runId", "c", { result: 1 }],
  ["raiseBudget", "runId", { maxSteps: 5 }],
  ["runs.get", "runId"],
  ["runs.export", "runId"],
  ["approvals.respond", "id", "approve"],
  ["files.get", "fileId"],
  ["files.list", "threadId"],
  ["threads.get", "threadId"],
  ["threads.info", "threadId"],
  ["threads.fork", "threadId"],
  ["threads.rewind", "threadId", { to: 0 }],
  ["threads.branches", "threadId"],
  ["threads.returnTo", "threadId", "b"],
  ["threads.limit", "threadId", undefined],
  ["threads.describe", "threadId", {}],
  ["threads.replace", "threadId", []],
  ["threads.before", "threadId", "r"],
  ["threads.places", "threadId"],
  ["threads.delete", "threadId"],
  ["costs.estimates", "runId"],
  ["webhooks.rotate", "id"],
  ["webhooks.remove", "id"],
  ["webhooks.waiting", "id"],
  ["webhooks.retry", "id"],
  ["results.deliver", "ticketId", { value: 1 }],
  ["results.get", "ticketId"],
  ["memory.remember", "text"],
  ["memory.recall", "query"],
  ["memory.forget", "id"],
  ["grants.revoke", "id"],
  ["quotas.limit", "name", { maxRuns: 1 }]
]

/** A call, and the whole message that it is refused with. */
const refused: ReadonlyArray<readonly [method: string, args: ReadonlyArray<unknown>, message: string]> = [
  ["runs.list", [{ limit: "5" }], 'option runs.list().limit: "5". Use a whole number from 1 to 1000'],
  ["runs.list", [{ limit: Number.NaN }], "option runs.list().limit: NaN. Use a whole number from 1 to 1000"],
  [
    "runs.list",
    [{ since: "yesterday" }],
    'option runs.list().since: "yesterday". Give a valid Date, or epoch milliseconds'
  ],
  [
    "runs.list",
    [{ until: new Date("soon") }],
    "option runs.list().until: an invalid date. Give a valid Date, or epoch milliseconds"
  ],
  [
    "costs.by",
    [{ since: runInNewContext('new Date("soon")') }],
    "option costs.by().since: an invalid date. Give a valid Date, or epoch milliseconds"
  ],
  [
    "runs.list",
    [{ state: "done" }],
    'option runs.list().state: "done". Use "running" or "waiting" or "ended" or "open"'
  ],
  ["runs.list", [{ threadId: null }], "option runs.list().threadId: null. Give the id of a thread"],
  ["runs.list", [{ minCostUsd: "1" }], 'option runs.list().minCostUsd: "1". Use a number of at least 0'],
  ["approvals.history", [{ after: 3 }], "option approvals.history().after: 3. Give the `next` of the previous page"],
  ["approvals.pending", [{ runId: 5 }], "option approvals.pending().runId: 5. Give the id of a run"],
  [
    "approvals.respond",
    ["a", undefined],
    'argument decision of approvals.respond(): undefined. Use "approve", "reject", or a decision such as Decision.approve({ uses: 1 })'
  ],
  [
    "approvals.respond",
    ["a", "approve", { principal: "ada" }],
    'option approvals.respond().principal: "ada". Give an object such as { id: "ada", roles: ["finance"] }'
  ],
  ["raiseBudget", ["r", 5], "argument limits of raiseBudget(): 5. Give an object such as { maxSteps: 50 }"],
  [
    "submitToolResult",
    ["r", "c"],
    "option submitToolResult(): undefined. Give an object of options: result, isFailure, content, agentPath"
  ],
  [
    "submitToolResult",
    ["r", "c", { result: 1, isFailure: "no" }],
    'option submitToolResult().isFailure: "no". Use true or false'
  ],
  [
    "submitToolResult",
    ["r", "c", { result: 1, content: "secret words" }],
    'option submitToolResult().content. Give a list of { type: "text", text } and { type: "file", mediaType, data }'
  ],
  [
    "submitToolResult",
    ["r", "c", { result: 10n }],
    "option submitToolResult().result. Give JSON, such as null where there is nothing"
  ],
  [
    "costs.by",
    [{ dimensions: ["colour"] }],
    'option costs.by().dimensions[0]: "colour". Use "tenant" or "principal" or'
  ],
  ["costs.correct", [{}], "option costs.correct().runId: undefined. Give the id of a run"],
  [
    "threads.rewind",
    ["t", { to: {} }],
    "option threads.rewind().to: an object. Give the index of a message, or the id of a run"
  ],
  ["threads.rewind", ["t"], "option threads.rewind().to: undefined. Give the index of a message, or the id of a run"],
  ["threads.fork", ["t", { at: "2" }], 'option threads.fork().at: "2". Use a whole number of at least 0'],
  ["threads.import", [[], { principal: 5 }], "option threads.import().principal: 5. Give the id of a principal"],
  [
    "threads.limit",
    ["t", 5],
    "argument budget of threads.limit(): 5. Give an object such as { maxSteps: 12 }, or undefined for no limits"
  ],
  [
    "threads.describe",
    ["t", "Travel"],
    'argument change of threads.describe(). Give an object such as { title: "Travel" }'
  ],
  ["threads.describe", ["t", { title: 5 }], "argument change.title of threads.describe(). Give a title"],
  [
    "quotas.limit",
    ["runs", 5],
    "argument limits of quotas.limit(): 5. Give an object such as { maxCostUsd: 5 }, or undefined for the quota's own limits"
  ],
  ["quotas.usage", [{ quotas: "runs" }], 'option quotas.usage().quotas: "runs". Give a list of quotas'],
  [
    "results.deliver",
    ["t", "late"],
    "argument result of results.deliver(). Give an object such as { value } or { failure }"
  ],
  [
    "memory.remember",
    ["tea", { tags: "drinks" }],
    'option memory.remember().tags: "drinks". Give a list of tags, such as ["travel"]'
  ],
  [
    "memory.remember",
    ["tea", { expiresIn: "soon" }],
    'option memory.remember().expiresIn: "soon". Use milliseconds, or text such as "2 seconds"'
  ],
  ["memory.recall", ["tea", { limit: 0 }], "option memory.recall().limit: 0. Use a whole number from 1 to 100"],
  ["erase", [{ principal: "ada", cancel: "no" }], 'option erase().cancel: "no". Use true or false'],
  [
    "erase",
    [],
    "option erase(): undefined. Give an object of options: resourceId, principal, cancel, within, keepAudit"
  ],
  ["webhooks.add", [{ url: 5 }], "option webhooks.add().url. Give an absolute URL with https or http"],
  [
    "webhooks.add",
    [{ url: "https://a.example", content: "no" }],
    'option webhooks.add().content: "no". Use true or false'
  ],
  ["replay", [5], "argument exported of replay(): 5. Give the text of an exported run, or its lines"],
  [
    "complete",
    ["Hi", { model: { maxOutputToken: 5 } }],
    "input for desk: Unknown option model.maxOutputToken. Available options: name, maxOutputTokens"
  ],
  [
    "complete",
    ["Hi", { model: { settings: { temprature: 0 } } }],
    "input for desk: Unknown option model.settings.temprature. Available options: temperature"
  ],
  [
    "complete",
    ["Hi", { tools: { witout: ["order"] } }],
    "input for desk: Unknown option tools.witout. Available options: without, ask, client"
  ],
  [
    "complete",
    ["Hi", { budget: { maxCallsPerTool: new Map([["order", 1]]) } }],
    "budget: maxCallsPerTool must be an object of whole numbers by tool name"
  ],
  ["complete", ["Hi", { history: "no" }], 'option history: "no". Give a list of messages'],
  [
    "complete",
    ["Hi", { threadId: "t", replaces: {} }],
    "option replaces: an object. Give the index of a message, or the id of a run"
  ],
  ["complete", ["Hi", { providerKeys: { openai: 5 } }], "option providerKeys. Give a key"]
]

describe.each([
  ["memory", () => begin()],
  ["SQLite", () => begin(Sqlite.layer({ filename: ":memory:" }))]
])("an argument of a wrong type, of a runtime over %s,", (_name, make) => {
  it("is refused where it is an id", async () => {
    await using runtime = make()
    for (const [method, name, ...rest] of byId) {
      for (const id of [undefined, null, 5, Number.NaN, {}, ["t"]]) {
        assert.match(
          await refusalOf(runtime, method, [id, ...rest]),
          new RegExp(`^Error: Invalid argument ${name} of ${method.replace(".", "\\.")}\\(\\): .+\\. Give `)
        )
      }
    }
  })

  it("is refused by its method, its name and its value, with the cure", async () => {
    await using runtime = make()
    for (const [method, args, message] of refused) {
      assert.include(await refusalOf(runtime, method, args), `Invalid ${message}`, method)
    }
  })

  it("is none where it is right and comes from another realm", async () => {
    await using runtime = begin()
    const given: ReadonlyArray<readonly [method: string, code: string]> = [
      ["runs.list", "({ since: new Date(0), until: new Date() })"],
      ["approvals.history", "({ since: new Date(0) })"],
      ["costs.by", "({})"],
      ["quotas.usage", "({})"]
    ]
    for (const [method, code] of given) {
      assert.strictEqual(await refusalOf(runtime, method, [runInNewContext(code)]), "taken", method)
    }
  })

  it("leaves nothing behind that is read later", async () => {
    await using runtime = make()
    await runtime.memory.remember("Likes tea")
    for (const text of [5, 10n, null, { text: "tea" }]) {
      assert.match(await refusalOf(runtime, "memory.remember", [text]), /Give the text to remember/)
    }
    assert.deepStrictEqual(
      (await runtime.memory.recall("tea")).map(({ text }) => text),
      ["Likes tea"]
    )
    await refusalOf(runtime, "threads.describe", ["t", { title: 5, votes: "up" }])
    await refusalOf(runtime, "threads.import", [[], { threadId: 5 }])
    assert.deepStrictEqual(await runtime.threads.list(), [])
  })
})

describe("a reader of a run", () => {
  it("rejects where its run or its options are of wrong types", async () => {
    await using runtime = begin()
    const said = (...args: ReadonlyArray<unknown>) =>
      (runtime.watch as (...args: ReadonlyArray<unknown>) => AsyncIterator<unknown>)(...args)
        .next()
        .then(() => "read", String)
    assert.include(await said(undefined), "Invalid argument runId of watch(): undefined. Give the id of a run")
    assert.include(await said("r", { after: "3" }), 'Invalid option watch().after: "3". Give the number of an event')
    assert.include(await said("r", { signal: "stop" }), 'Invalid option watch().signal: "stop". Give the signal of an')
    assert.include(await said("r", null), "Invalid option watch(): null. Give an object of options")
  })
})

describe("a value that is made for a runtime", () => {
  it("is refused where it is made, by its option and the cure", () => {
    const window = (options: unknown) => Compaction.slidingWindow(options as never)
    assert.throws(
      () => window(undefined),
      /Invalid option slidingWindow\(\): undefined\. Give an object such as \{ above/
    )
    assert.throws(
      () => window({ above: 5 }),
      /Invalid option slidingWindow\(\)\.keep: undefined\. Use a number of at least 0/
    )
    assert.throws(
      () => Compaction.summarise({ above: 5, keep: "3" } as never),
      /Invalid option summarise\(\)\.keep: "3"\. Use a number of at least 0/
    )
    const file = (options: unknown) => new FileOutput(options as never)
    // As bytes it would be five zeros.
    assert.throws(
      () => file({ mediaType: "text/plain", content: 5 }),
      /FileOutput\(\)\.content\. Give a Uint8Array, or a/
    )
    assert.throws(() => file({ mediaType: 5, content: "x" }), /FileOutput\(\)\.mediaType: 5\. Give a media type/)
    assert.deepStrictEqual([...file({ mediaType: "a/b", content: new Uint8Array([7]).buffer }).content], [7])
  })
})

describe("a runtime that is closed", () => {
  it("rejects with an error that says so, whatever is asked", async () => {
    const runtime = begin()
    const run = await runtime.start("Hi")
    await run.result()
    await runtime[Symbol.asyncDispose]()
    for (const asked of [
      () => runtime.status("r"),
      () => runtime.complete("Hi"),
      () => runtime.start("Hi"),
      () => runtime.query("Hi").next(),
      () => runtime.watch("r").next(),
      () => runtime.ready(),
      () => run.cancel()
    ]) {
      const failure = await asked().then(() => "taken", String)
      assert.strictEqual(failure, "Error: The runtime is closed. Make a new one with createRuntime")
    }
  })
})

describe("a regression test of a run", () => {
  it("needs the runtime that replays it", async () => {
    const said = await expectReplay("{}", undefined as never).catch(String)
    assert.include(
      said,
      "Invalid argument runtime of expectReplay(): undefined. Give the runtime that createRuntime has"
    )
  })
})
