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

/** The secret of the latest prompt is in everything that the model says and does. */
const model = ScriptedModel.make({
  respond: (request) => {
    const [secret = "none"] = /secret-\w+/.exec(ScriptedModel.lastPrompt(request)) ?? []
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

/** A run that is asked twice, answered and steered, and has ended. */
const lived = Effect.fnUntraced(function* (principal: string, secret: string, threadId: string, runId: string) {
  const runtime = yield* Runtime
  yield* runtime.start(`My secret is ${secret}.`, { threadId, runId, principal })
  yield* runtime.steer(runId, `More of ${secret}.`)
  const allow = { by: "ines", scope: "thread", matcher: { text: secret }, feedback: `because ${secret}` } as const
  yield* Stream.runForEach(runtime.watch(runId), ({ event }) =>
    event.type === "approval-required"
      ? runtime.respondToApproval(
          event.data.id,
          event.data.kind === "question" ? Decision.answer(`It is ${secret}.`) : Decision.approve(allow)
        )
      : Effect.void
  )
})

/** Everything that the store has written, as bytes. */
const bytesOf = (path: string): string =>
  readdirSync(path)
    .map((name) => readFileSync(join(path, name), "latin1"))
    .join("")

/** The tables with a row that has one of these words. */
const tablesWith = (filename: string, words: ReadonlyArray<string>): ReadonlyArray<string> => {
  const database = new DatabaseSync(filename, { readOnly: true })
  const tables = database.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all()
  const found = tables
    .map(({ name }) => String(name))
    .filter((name) =>
      database
        .prepare(`SELECT * FROM "${name}"`)
        .all()
        .some((row) => {
          const text = Object.values(row)
            .map((value) => (value instanceof Uint8Array ? Buffer.from(value).toString("latin1") : String(value)))
            .join("\n")
          return words.some((word) => text.includes(word))
        })
    )
  database.close()
  return found
}

const base64Of = (text: string) => Buffer.from(text).toString("base64").slice(0, 20)

describe("erasing a principal", () => {
  it.live("leaves none of its words and not its name in any table or byte of the file, and all of others", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const filename = join(path, "runs.db")
      const words = ["secret-ann", "ann@people", base64Of("file secret-ann")]
      const inMemory = yield* Effect.gen(function* () {
        const runtime = yield* Runtime
        yield* runtime.webhooks.add({ resourceId: "default", url: "https://receiver.example/told", content: true })
        yield* lived("bob@people", "secret-bob", "b", "b1")
        yield* lived("ann@people", "secret-ann", "a", "a1")
        yield* lived("ann@people", "secret-ann", "a", "a2")
        yield* lived("ann@people", "secret-ann", "b", "a3")
        yield* lived("bob@people", "secret-bob", "b", "b2")
        yield* runtime.threads.rewind("a", { to: "a2" })
        yield* runtime.threads.fork("a", { threadId: "a-fork" })
        yield* runtime.threads.describe("a", { title: "About secret-ann", metadata: { by: "ann@people" } })
        yield* runtime.memory.remember("By code: secret-ann", { principal: "ann@people" })
        yield* runtime.quotas.limit("principal.month", { maxRuns: 50 }, { principal: "ann@people" })
        const { notes = assert.fail("no notes") } = runtime.threads
        for (const [threadId, secret] of [
          ["a", "secret-ann"],
          ["b", "secret-bob"]
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
            memories: yield* runtime.memory.list({ principal: "bob@people" }),
            notes: yield* notes.get({ threadId: "b", resourceId: "default" }),
            quotas: yield* runtime.quotas.usage({ principal: "bob@people" }),
            costs: yield* runtime.costs.by({ principal: "bob@people", dimensions: ["model", "run"] })
          }
        })
        const sums = runtime.costs.by({ dimensions: ["tenant", "model", "agent", "day"] })
        const before = { others: yield* others, sums: yield* sums }
        assert.includeMembers(
          [...tablesWith(filename, words)],
          [
            "reins_answers",
            "reins_approvals",
            "reins_branch_messages",
            "reins_claims",
            "reins_costs",
            "reins_events",
            "reins_files",
            "reins_grants",
            "reins_marks",
            "reins_memories",
            "reins_messages",
            "reins_notes",
            "reins_quota_used",
            "reins_quotas",
            "reins_runs",
            "reins_threads"
          ],
          "the words are at each entry"
        )
        const report = yield* runtime.erase({ principal: "ann@people" })
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
        assert.isTrue(thread.includes("secret-bob") && thread.includes("[erased]"))
        return report
      }).pipe(Effect.provide(runtime(filename)))
      assert.deepStrictEqual(tablesWith(filename, words), [])
      const bytes = bytesOf(path)
      assert.deepStrictEqual(
        words.filter((word) => bytes.includes(word)),
        []
      )
      assert.isTrue(bytes.includes("secret-bob") && bytes.includes(inMemory.pseudonym ?? "none"))
    })
  )
})
