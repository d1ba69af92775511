/**
 * A recorded run is replayed on changed code: the change is found at the first event that differs, with its field. Its
 * models and tools are never called.
 */
import { assert, describe, it } from "@effect/vitest"
import { Agent, Compaction, Deployment, Model, type Policy, Runtime, Specialist } from "@reins/runtime"
import { journalHost, MemoryJournal, RunExport } from "@reins/runtime/journal"
import { createRuntime, expectReplay as expectSame } from "@reins/runtime/promise"
import { expectReplay, Probe, ScriptedModel } from "@reins/runtime/testing"
import { Effect, Layer, References, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"

/** What a program may change between the record and the replay. */
interface Program {
  readonly instructions?: string
  readonly model?: string
  readonly description?: string
  /** A query that the tool refuses, although its JSON Schema does not say so. */
  readonly refused?: string
  readonly policy?: Policy
  readonly search?: boolean
  readonly writes?: string
  readonly writerSteps?: number
}

const World = { asked: 0, ran: 0 }

const call = (id: string, name: string, args: { readonly [key: string]: string }) => ({ id, name, args })

/** Searches, charges in parallel with a writer, and answers. */
const replies = [
  ScriptedModel.calls([call("c1", "search", { query: "shoes" })]),
  ScriptedModel.calls([call("c2", "charge", { amount: "5" }), call("c3", "writer", { prompt: "Write about shoes." })]),
  ScriptedModel.text("All done.")
]

const runtimeOf = (
  { description = "Searches", instructions = "Be brief.", model = "scripted-1", policy = "always", ...more }: Program,
  deployment: Layer.Layer<never> = Layer.empty
) => {
  const { refused = "", search = true, writes = "Write well.", writerSteps = 3 } = more
  const query = Schema.String.check(Schema.makeFilter((words: string) => words !== refused))
  const Search = Tool.make("search", { description, parameters: Schema.Struct({ query }), success: Schema.String })
  const Charge = Tool.make("charge", { parameters: Schema.Struct({ amount: Schema.String }), success: Schema.String })
  const ran = () =>
    Effect.sync(() => {
      World.ran++
      return "ok"
    })
  const port = ScriptedModel.make({
    model,
    respond: ({ metadata, messages }) => {
      World.asked++
      if (metadata.agent === "writer") return ScriptedModel.text("A text about shoes.")
      return replies[messages.filter(({ role }) => role === "tool").length] ?? ScriptedModel.text("Nothing.")
    }
  })
  const writer = Specialist.make("writer", {
    description: "Writes",
    instructions: writes,
    budget: { maxSteps: writerSteps }
  })
  const Both = Toolkit.make(Search, Charge)
  const One = Toolkit.make(Charge)
  const options = {
    instructions,
    specialists: [writer],
    approvals: { charge: policy },
    compaction: Compaction.slidingWindow({ above: 100_000, keep: 50_000 })
  }
  const agents = [
    search ? Agent.make("desk", { ...options, toolkit: Both }) : Agent.make("desk", { ...options, toolkit: One })
  ]
  return Runtime.layer({ agents }).pipe(
    Layer.provide([Both.toLayer({ search: ran, charge: ran }), Layer.succeed(Model, port), deployment])
  )
}

/** The export of a run of the program in which a person approves the charge. */
const record = (program: Program = {}) => {
  const journal = MemoryJournal.make()
  return Effect.gen(function* () {
    const runtime = yield* Runtime
    const { runId } = yield* runtime.start("Sell shoes.", { threadId: "thread" })
    const probe = yield* Probe.watch(runId)
    const asked = yield* Effect.option(probe.next("approval-required"))
    if (asked._tag === "Some") yield* runtime.approvals.respond(asked.value.data.id, "approve")
    yield* probe.end
    return journal.exportRun(runId)
  }).pipe(Effect.scoped, Effect.provide(runtimeOf(program, Layer.succeed(Deployment.Deployment, journalHost(journal)))))
}

const replay = (exported: string | ReadonlyArray<string> | RunExport.Recording, program: Program = {}) =>
  Effect.gen(function* () {
    const runtime = yield* Runtime
    World.asked = 0
    World.ran = 0
    const replayed = yield* runtime.replay(exported)
    assert.deepStrictEqual(World, { asked: 0, ran: 0 })
    return replayed
  }).pipe(Effect.provide(runtimeOf(program)))

/** The event, its number, the field and both sides of the first difference. */
const difference = Effect.fnUntraced(function* (changed: Program, original: Program = {}) {
  const replayed = yield* replay(yield* record(original), changed)
  if (replayed._tag === "Identical") return yield* Effect.die(new Error("no difference was found"))
  const { event, field, recorded, replayed: now, seq } = replayed.divergence
  return { seq, type: event?.event.type, field, recorded, now }
})

const quiet = Effect.provideService(References.MinimumLogLevel, "None")

describe("a replay", () => {
  it.effect("of unchanged code is identical, and calls no model and no tool", () =>
    Effect.gen(function* () {
      const exported = yield* record()
      const replayed = yield* replay(exported)
      assert.strictEqual(replayed._tag, "Identical")
      assert.strictEqual(replayed.events, exported.filter((line) => line.includes('"kind":"event"')).length)
      assert.deepStrictEqual(yield* replay(`${exported.join("\n")}\n`), replayed)
      const recording = yield* Effect.flatMap(RunExport.read(exported), RunExport.recordingOf)
      assert.deepStrictEqual(yield* replay(recording), replayed)
    }).pipe(quiet)
  )

  it.effect("finds changed instructions at the first step", () =>
    Effect.gen(function* () {
      const found = yield* difference({ instructions: "Be polite." })
      assert.deepInclude(found, { seq: 1, type: "step-start", field: "instructions", now: "Be polite." })
    }).pipe(quiet)
  )

  it.effect("finds a specialist's changed instructions at the specialist's first step", () =>
    Effect.gen(function* () {
      const found = yield* difference({ writes: "Write badly." })
      assert.deepInclude(found, { type: "step-start", field: "instructions", now: "Write badly." })
      assert.isAbove(found.seq, 4)
    }).pipe(quiet)
  )

  it.effect("finds another model", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* difference({ model: "scripted-2" }), {
        seq: 1,
        type: "step-start",
        field: "model",
        recorded: "scripted/scripted-1",
        now: "scripted/scripted-2"
      })
    }).pipe(quiet)
  )

  it.effect("finds a tool with another description, by its name", () =>
    Effect.gen(function* () {
      const found = yield* difference({ description: "Finds" })
      assert.deepInclude(found, { seq: 1, type: "step-start", field: "tool search" })
      assert.match(JSON.stringify(found.now), /"Finds"/)
    }).pipe(quiet)
  )

  it.effect("finds a tool that is missing", () =>
    Effect.gen(function* () {
      const found = yield* difference({ search: false })
      assert.deepInclude(found, { seq: 1, field: "tool search", now: undefined })
    }).pipe(quiet)
  )

  it.effect("finds a policy that does not ask any more, at the question", () =>
    Effect.gen(function* () {
      const found = yield* difference({ policy: () => false })
      assert.deepInclude(found, { type: "approval-required", field: "approval of charge" })
      assert.deepInclude(found.recorded, { verdict: "ask" })
      assert.deepInclude(found.now, { verdict: "allow" })
    }).pipe(quiet)
  )

  it.effect("finds a policy that denies, at the question", () =>
    Effect.gen(function* () {
      const found = yield* difference({ policy: { deny: "no charges" } })
      assert.deepInclude(found, { type: "approval-required", field: "approval of charge" })
      assert.deepInclude(found.now, { verdict: "denied", reason: "no charges" })
    }).pipe(quiet)
  )

  it.effect("finds a policy that asks where nobody was asked, at the result of the call", () =>
    Effect.gen(function* () {
      const found = yield* difference({ policy: "always" }, { policy: "never" })
      assert.deepInclude(found, { type: "tool-invocation", field: "event" })
      assert.deepInclude(found.now, { type: "approval-required" })
    }).pipe(quiet)
  )

  it.effect("finds parameters by which the arguments are invalid, at the result of the call", () =>
    Effect.gen(function* () {
      const found = yield* difference({ refused: "shoes" })
      assert.deepInclude(found, { type: "tool-invocation", field: "result", recorded: "ok" })
      assert.deepInclude(found.now, { error: "InvalidArguments" })
    }).pipe(quiet)
  )

  it.effect("finds a specialist's limit that was lowered below what it used", () =>
    Effect.gen(function* () {
      const found = yield* difference({ writerSteps: 0 })
      assert.deepInclude(found, { type: "step-start", field: "budget maxSteps", recorded: "the model is asked" })
    }).pipe(quiet)
  )
})

describe("an export that cannot be replayed", () => {
  const refused = (exported: string | ReadonlyArray<string>) =>
    Effect.map(Effect.flip(replay(exported)), ({ message, reason }) => ({ message, reason }))

  it.effect("is refused with the number of its first line that is none", () =>
    Effect.gen(function* () {
      const [first = "", ...rest] = yield* record()
      assert.deepStrictEqual(yield* refused([first, "{}", ...rest]), {
        reason: "Unreadable",
        message: "Line 2 is not a line of an exported run"
      })
      assert.deepStrictEqual(yield* refused(""), { reason: "Unreadable", message: "Not an exported run" })
      assert.deepStrictEqual(yield* refused(first.replace('"version":1', '"version":2')), {
        reason: "Unreadable",
        message: "The run was exported in version 2 of the format by a later release. Update this one"
      })
    }).pipe(quiet)
  )

  it.effect("is refused while its run is open, and when its agent is unknown", () =>
    Effect.gen(function* () {
      const exported = yield* record()
      const open = exported.filter((line) => !line.includes("data-latency-summary"))
      assert.match((yield* refused(open)).message, /has not ended: its log stops at event \d+\. Replay it when it has/)
      const other = exported.map((line) => line.replace('"agent":"desk"', '"agent":"shop"'))
      assert.match(
        (yield* refused(other)).message,
        /is of agent "shop", which this program does not have\. Its agents: writer, desk/
      )
    }).pipe(quiet)
  )
})

describe("a test", () => {
  it.effect("passes for the same way, and fails with both sides of the first difference", () =>
    Effect.gen(function* () {
      const exported = yield* record()
      yield* expectReplay(exported).pipe(Effect.provide(runtimeOf({})))
      const other = Effect.provide(expectReplay(exported), runtimeOf({ instructions: "Be polite." }))
      const failure = yield* Effect.flip(other)
      assert.isTrue(failure._tag === "ReplayDiffers" && failure.seq === 1 && failure.field === "instructions")
      assert.match(
        failure.message,
        /goes another way at event 1 \(step-start\): instructions\n {2}log: {4}digest \w+\n {2}replay: Be polite\./
      )
    }).pipe(quiet)
  )

  it("does so without Effect, too", async () => {
    const journal = MemoryJournal.make()
    const runtime = (instructions: string) =>
      createRuntime({
        model: ScriptedModel.make({ respond: () => ScriptedModel.text("Sold.") }),
        agents: [{ name: "desk", instructions }],
        services: Layer.succeed(Deployment.Deployment, journalHost(journal))
      })
    await using same = runtime("Be brief.")
    await using other = runtime("Be polite.")
    const { runId } = await same.start("Sell.")
    for await (const _ of same.watch(runId)) continue
    const exported = journal.exportRun(runId)
    await expectSame(exported, same)
    assert.deepInclude(await same.replay(exported.join("\n")), { _tag: "Identical", undigested: 0 })
    const failure = await expectSame(exported, other).then(String, String)
    assert.match(failure, /goes another way at event 1 \(step-start\): instructions/)
  })
})
