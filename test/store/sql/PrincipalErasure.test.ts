/** Erasing a principal from a SQLite file: a secret at each entry, and a look at every row and every byte after it. */
import { assert, describe, it } from "@effect/vitest"
import { Agent, AskPerson, Decision, MemoryTools, Model, Quota, Runtime, ToolRun } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Sqlite } from "@reins/store/sqlite"
import { Effect, Layer, Schema, Stream } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { tmpdir } from "node:os"
import { join } from "node:path"

const Note = Tool.make("note", {
  parameters: Schema.Struct({ text: Schema.String }),
  success: Schema.String,
  needsApproval: true,
  dependencies: [ToolRun]
})
class Tools extends Toolkit.make(Note) {}

const handlers = Tools.toLayer({
  note: Effect.fnUntraced(function* ({ text }) {
    const run = yield* ToolRun
    const content = new TextEncoder().encode(`file ${text}`)
    yield* Effect.orDie(run.storeFile({ filename: `${text}.txt`, mediaType: "text/plain", content }))
    yield* run.progress({ label: `progress ${text}`, phaseIndex: 1, totalPhases: 1 })
    return `result ${text}`
  })
})

const desk = Agent.make("desk", { instructions: "Note it.", toolkit: [Tools, AskPerson.toolkit, MemoryTools.toolkit] })

/** Words without a separator, which no encoding escapes and the full-text index does not divide. */
const [ann, bob] = [
  { principal: "annprincipal", secret: "mulberry" },
  { principal: "bobprincipal", secret: "sycamore" }
]

/** The secret of the latest prompt is in everything that the model says and does. */
const model = ScriptedModel.make({
  respond: (request) => {
    const [secret = "none"] = /mulberry|sycamore/.exec(ScriptedModel.lastPrompt(request)) ?? []
    const call = (name: string, args: Record<string, string | ReadonlyArray<string>>) =>
      ScriptedModel.calls([{ id: `${name}-call`, name, args }], { text: `Said ${secret}.` })
    const [last] = ScriptedModel.lastResults(request)
    if (last === undefined) return call("note", { text: secret })
    if (last.name === "note") return call("AskPerson", { question: `Is it ${secret}?` })
    if (last.name === "AskPerson") return call("remember", { text: `remembered ${secret}`, tags: [secret] })
    return ScriptedModel.text(`Noted ${secret}.`)
  }
})

const runtime = (filename: string) =>
  Runtime.layer({ agents: [desk], quotas: [Quota.make({ per: "principal", window: "month", maxRuns: 100 })] }).pipe(
    Layer.provide([handlers, Layer.succeed(Model, model), Layer.fresh(Sqlite.layer({ filename, gatherMs: 0 }))])
  )

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "reins-principal-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

/** A run that is asked twice, answered by `by` and steered, and has ended. */
const lived = Effect.fnUntraced(function* (
  who: typeof ann,
  threadId: string,
  runId: string,
  { by = "ines", said = who.secret } = {}
) {
  const runtime = yield* Runtime
  const { principal, secret } = who
  yield* runtime.start(`My secret is ${secret}.`, { threadId, runId, principal })
  yield* runtime.steer(runId, `More of ${secret}.`)
  const allow = { by, scope: "thread", matcher: { text: secret }, feedback: `because ${said}` } as const
  yield* Stream.runForEach(runtime.watch(runId), ({ event }) =>
    event.type === "approval-required"
      ? runtime.respondToApproval(
          event.data.id,
          event.data.kind === "question" ? Decision.answer(`It is ${said}.`, { by }) : Decision.approve(allow)
        )
      : Effect.void
  )
})

/** The web hook that a client of a protocol sets for its run, with its address and its credentials. */
const ownHook = (runId: string, secret: string) => ({
  id: `push-${runId}`,
  resourceId: "default",
  runId,
  url: `https://receiver.example/${secret}`,
  events: [],
  content: false,
  source: "protocol" as const,
  createdAt: 0,
  secrets: [],
  push: { id: "push", dialect: "a2a", token: `token-${secret}` }
})

/** Every table of the store: whether this test has words of hers in it, or why there can be none. */
const tables: Record<string, "words" | { readonly none: string }> = {
  reins_answers: "words",
  reins_approvals: "words",
  reins_audit: { none: "acts have no arguments, and others answered; the next test has acts of hers" },
  reins_branch_messages: "words",
  reins_branches: { none: "places, and summaries of compacted messages" },
  reins_claims: "words",
  reins_client_calls: { none: "calls of runs that have not ended" },
  reins_costs: "words",
  reins_events: "words",
  reins_files: "words",
  reins_grants: "words",
  reins_marks: "words",
  reins_memories: "words",
  reins_memory_words: "words",
  reins_memory_words_config: { none: "settings of the full-text index" },
  reins_memory_words_content: "words",
  reins_memory_words_data: "words",
  reins_memory_words_docsize: { none: "numbers" },
  reins_memory_words_idx: { none: "numbers, and words where a page of the index begins" },
  reins_messages: "words",
  reins_notes: "words",
  reins_notices: { none: "ids, names, times and money of runs" },
  reins_quota_runs: { none: "what runs that have not ended hold" },
  reins_quota_used: "words",
  reins_quotas: "words",
  reins_reconciliations: { none: "ids of runs and times" },
  reins_runs: "words",
  reins_threads: "words",
  reins_versions: { none: "numbers" },
  reins_webhooks: "words"
}

/** A word as text, and as Base64 wherever it stands in what is encoded. */
const formsOf = (word: string): ReadonlyArray<string> => [
  word,
  ...["", "x", "xx"].map((before) => {
    const from = Math.ceil((before.length * 4) / 3)
    return Buffer.from(before + word)
      .toString("base64")
      .slice(from, Math.floor(((before.length + word.length) * 4) / 3))
  })
]

/** Everything that the store has written, as bytes. */
const bytesOf = (path: string): string =>
  readdirSync(path)
    .map((name) => readFileSync(join(path, name), "latin1"))
    .join("")

interface Row {
  readonly table: string
  readonly runId: string
  readonly threadId: string
  readonly text: string
}

/** All rows of all tables. */
const rowsOf = (filename: string): { readonly names: ReadonlyArray<string>; readonly rows: ReadonlyArray<Row> } => {
  const database = new DatabaseSync(filename, { readOnly: true })
  const names = database
    .prepare("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    .all()
    .map(({ name }) => String(name))
  const rows = names.flatMap((table) =>
    database
      .prepare(`SELECT * FROM "${table}"`)
      .all()
      .map((row) => ({
        table,
        runId: String(row["run_id"] ?? ""),
        threadId: String(row["thread_id"] ?? ""),
        text: Object.values(row)
          .map((value) => (value instanceof Uint8Array ? Buffer.from(value).toString("latin1") : String(value)))
          .join("\n")
      }))
  )
  database.close()
  return { names, rows }
}

/** The tables with such a row, in order. */
const tablesOf = (rows: ReadonlyArray<Row>, is: (row: Row) => boolean): ReadonlyArray<string> => [
  ...new Set(rows.filter(is).map(({ table }) => table))
]

const words = [ann.principal, ann.secret].flatMap(formsOf)
const hasWords = ({ text }: Row) => words.some((word) => text.includes(word))

describe("erasing a principal", () => {
  it.live("leaves none of its words and not its name in any table or byte of the file, and all of others", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const filename = join(path, "runs.db")
      const inMemory = yield* Effect.gen(function* () {
        const runtime = yield* Runtime
        yield* runtime.webhooks.add({ resourceId: "default", url: "https://receiver.example/told", content: true })
        yield* lived(bob, "b", "b1")
        yield* lived(ann, "a", "a1")
        for (const [runId, { secret }] of [
          ["b1", bob],
          ["a1", ann],
          ["a3", ann]
        ] as const) {
          yield* runtime.webhooks.outbox.put(ownHook(runId, secret))
        }
        yield* lived(ann, "a", "a2")
        yield* lived(ann, "b", "a3")
        yield* lived(bob, "b", "b2")
        yield* runtime.threads.rewind("a", { to: "a2" })
        yield* runtime.threads.fork("a", { threadId: "a-fork" })
        yield* runtime.threads.describe("a", { title: `About ${ann.secret}`, metadata: { by: ann.principal } })
        yield* runtime.memory.remember(`By code: ${ann.secret}`, { principal: ann.principal })
        yield* runtime.quotas.limit("principal.month", { maxRuns: 50 }, { principal: ann.principal })
        const { notes = assert.fail("no notes") } = runtime.threads
        for (const [threadId, secret] of [
          ["a", ann.secret],
          ["b", bob.secret]
        ] as const) {
          const runs = [{ runId: `${threadId}1`, note: secret }]
          yield* notes.put({ threadId, resourceId: "default" }, { version: 0, thread: secret, runs })
        }
        const others = Effect.gen(function* () {
          return {
            runs: yield* Effect.forEach(["b1", "b2"], (runId) =>
              Effect.map(runtime.runs.export(runId), (lines = []) =>
                // The history of a run in a shared thread has the erased messages.
                lines.filter((line) => !line.startsWith('{"kind":"history"'))
              )
            ),
            events: yield* Effect.forEach(["b1", "b2"], (runId) => Stream.runCollect(runtime.watch(runId))),
            files: yield* runtime.files.list("b"),
            memories: yield* runtime.memory.list({ principal: bob.principal }),
            webhooks: yield* runtime.webhooks.outbox.list({ runId: "b1" }),
            notes: yield* notes.get({ threadId: "b", resourceId: "default" }),
            quotas: yield* runtime.quotas.usage({ principal: bob.principal }),
            costs: yield* runtime.costs.by({ principal: bob.principal, dimensions: ["model", "run"] })
          }
        })
        const sums = runtime.costs.by({ dimensions: ["tenant", "model", "agent", "day"] })
        const before = { others: yield* others, sums: yield* sums }
        const there = rowsOf(filename)
        assert.deepStrictEqual(there.names, Object.keys(tables), "every table is accounted for")
        assert.deepStrictEqual(
          tablesOf(there.rows, hasWords),
          Object.keys(tables).filter((name) => tables[name] === "words"),
          "the words are at each entry"
        )
        const report = yield* runtime.erase({ principal: ann.principal })
        assert.deepInclude(report.deleted, { threads: 2, runs: 3, memories: 2, notes: 2, quotas: 1 })
        assert.isAbove(report.deleted.notices, 0)
        assert.deepStrictEqual(
          report.kept.map(({ ids = [], what }) => [what, ...ids]),
          [["run-ids"], ["cost-lines"], ["shared-threads", "b"]]
        )
        const after = { others: yield* others, sums: yield* sums }
        // What was done in threads of hers is gone, and so are the files of hers in his.
        assert.deepStrictEqual(
          after.others.files,
          before.others.files.filter(({ runId }) => runId !== "a3")
        )
        assert.deepStrictEqual({ ...after.others, files: [] }, { ...before.others, files: [] })
        assert.deepStrictEqual(after.sums, before.sums)
        const thread = JSON.stringify(yield* runtime.threads.get("b"))
        assert.isTrue(thread.includes(bob.secret) && thread.includes("[erased]"))
        return report
      }).pipe(Effect.provide(runtime(filename)))
      const { rows } = rowsOf(filename)
      assert.deepStrictEqual(tablesOf(rows, hasWords), [])
      // Kept of her runs are ids, costs, and places in his thread; of her threads nothing else is.
      assert.deepStrictEqual(
        tablesOf(rows, ({ runId }) => ["a1", "a2", "a3"].includes(runId)),
        ["reins_costs", "reins_messages", "reins_runs"]
      )
      assert.deepStrictEqual(
        tablesOf(rows, ({ threadId }) => ["a", "a-fork"].includes(threadId)),
        ["reins_runs"]
      )
      const bytes = bytesOf(path)
      assert.deepStrictEqual(
        words.filter((word) => bytes.includes(word)),
        []
      )
      assert.isTrue(bytes.includes(bob.secret) && bytes.includes(inMemory.pseudonym ?? "none"))
    })
  )

  it.live("replaces its name in acts and grants of others' runs; only their own logs and answers still name it", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const filename = join(path, "runs.db")
      const { acts, grants, report } = yield* Effect.gen(function* () {
        const runtime = yield* Runtime
        yield* lived(bob, "b", "b1", { by: ann.principal, said: "so" })
        yield* lived(ann, "a", "a1", { by: bob.principal, said: "so" })
        const before = rowsOf(filename).rows.filter(({ runId }) => runId !== "a1")
        assert.includeMembers([...tablesOf(before, hasWords)], ["reins_audit", "reins_grants"])
        const report = yield* runtime.erase({ principal: ann.principal })
        // Its grant still allows his call.
        yield* lived(bob, "b", "b2")
        const { acts } = yield* runtime.approvals.history()
        return { acts, grants: yield* runtime.grants.list(), report }
      }).pipe(Effect.provide(runtime(filename)))
      const { pseudonym = assert.fail("nothing is kept") } = report
      const { rows } = rowsOf(filename)
      assert.deepStrictEqual(
        rows.filter(hasWords).map(({ runId, table }) => `${table} ${runId}`),
        ["reins_answers b1", "reins_answers b1", "reins_events b1", "reins_events b1"]
      )
      assert.deepStrictEqual(
        report.kept.map(({ count, what }) => [what, count]),
        [
          ["run-ids", 1],
          ["cost-lines", 3],
          ["acts", 6],
          ["grants", 1]
        ]
      )
      assert.deepStrictEqual(
        grants.map(({ by }) => by),
        [pseudonym]
      )
      // Of his second run: those of the call that its grant allowed.
      assert.deepStrictEqual(
        [...new Set(acts.flatMap(({ by, runId }) => (by === undefined ? [] : [`${runId} by ${by}`])))],
        [`b1 by ${pseudonym}`, `b2 by ${pseudonym}`, "b2 by ines"]
      )
    })
  )
})
