/**
 * Random threads: queries, queries that replace a part, rewinds and returns between them, on the memory engine and on a
 * journal whose process is killed at any event of any run. Both tell the same story.
 */
import { assert, describe, it } from "@effect/vitest"
import { Message, Transcript } from "@reins/protocol"
import { seeded } from "@reins/protocol/testing"
import { Agent, Deployment, Model, Prices, Runtime } from "@reins/runtime"
import { journalHost, MemoryJournal } from "@reins/runtime/journal"
import { CrashingJournal, ScriptedModel } from "@reins/runtime/testing"
import { Context, Effect, Exit, Layer, Schema, Scope, Stream } from "effect"
import { Tool, Toolkit } from "effect/ai"
import * as Story from "../support/Story.ts"

const look = Tool.make("look", { parameters: Schema.Struct({ at: Schema.String }), success: Schema.String })
class Tools extends Toolkit.make(look.annotate(Tool.Idempotent, true)) {}
const desk = Agent.make("desk", { toolkit: Tools })
const threadId = "t"

/** What a model says depends on what it is asked: a step that is repeated says the same. */
const model = () =>
  ScriptedModel.make({
    respond: (request) => {
      const asked = ScriptedModel.lastPrompt(request)
      return asked.startsWith("look") && ScriptedModel.lastResults(request).length === 0
        ? ScriptedModel.calls([{ id: `call-${asked}`, name: "look", args: { at: asked } }])
        : ScriptedModel.text(`${request.messages.length}:${asked}`)
    }
  })

const layer = (deployment: Layer.Layer<never>) =>
  Runtime.layer({ agents: [desk] }).pipe(
    Layer.provide([
      Tools.toLayer({ look: ({ at }) => Effect.succeed(`seen ${at}`) }),
      Layer.succeed(Model, model()),
      Prices.layerTable({ "scripted/scripted-1": { inputPerMillionUsd: 1, outputPerMillionUsd: 2 } }),
      deployment
    ])
  )

/** A process, which dies at an event of a run, or never. */
const begin = Effect.fnUntraced(function* (
  journal: MemoryJournal.MemoryJournal | undefined,
  death: CrashingJournal.Death | undefined
) {
  const process = journal === undefined ? undefined : CrashingJournal.crashing(journal, death)
  const scope = yield* Scope.make()
  const host =
    process === undefined
      ? Deployment.layerMemory()
      : Layer.succeed(
          Deployment.Deployment,
          journalHost(process.store, { gatherMs: 0, pollMs: Number.POSITIVE_INFINITY, snapshotEvery: 1 })
        )
  const runtime = Context.get(yield* Layer.buildWithScope(layer(host), scope), Runtime)
  return { runtime, scope, process }
})

const wordsOf = (messages: ReadonlyArray<Message.Message>) => {
  assert.isTrue(Transcript.isPairComplete(messages))
  return messages.map((message) => `${message.role} ${Message.text(message)}`).join(" / ")
}

/** What is done to a thread by a seed, and what the thread and its branches are after each step. */
const play = Effect.fnUntraced(function* (seed: number, isKilled: boolean) {
  const random = seeded(seed)
  const fate = seeded(seed + 1)
  const journal = isKilled ? MemoryJournal.make() : undefined
  const told: Array<string> = []
  let deaths = 0
  let life = yield* begin(journal, undefined)
  /** A new process, in which runs that the last one left go on. */
  const again = Effect.fnUntraced(function* (death: CrashingJournal.Death | undefined) {
    yield* life.process?.bury ?? Effect.void
    yield* Scope.close(life.scope, Exit.void)
    life = yield* begin(journal, death)
  })
  const asked = Effect.fnUntraced(function* (runId: string, prompt: string, replaces: string | number | undefined) {
    if (journal !== undefined) {
      const at = 1 + Math.floor(fate() * 9)
      yield* again(fate() < 0.7 ? { at, when: fate() < 0.5 ? "before" : "after" } : undefined)
    }
    const { process, runtime } = life
    const started = Effect.andThen(
      runtime.start(prompt, { runId, threadId, ...(replaces === undefined ? {} : { replaces }) }),
      Stream.runDrain(runtime.watch(runId))
    )
    yield* process === undefined ? started : Effect.raceFirst(started, process.died)
    if (process?.isDead() === true) {
      deaths++
      yield* again(undefined)
    }
    const log = yield* Stream.runCollect(life.runtime.watch(runId))
    Story.isWhole(log)
  })
  for (let step = 0; step < 12; step++) {
    const { threads } = life.runtime
    const length = (yield* threads.info(threadId))?.version ?? 0
    const runs = [...(yield* threads.places(threadId)).keys()].toSorted()
    const branches = step === 0 ? [] : yield* threads.branches(threadId)
    const run = runs[Math.floor(random() * runs.length)]
    const place = run !== undefined && random() < 0.6 ? run : Math.floor(random() * (length + 1))
    const branch = branches[Math.floor(random() * branches.length)]
    const drawn = random()
    const prompt = `${random() < 0.4 ? "look" : "say"} ${step}`
    if (drawn < 0.4 || length === 0) yield* asked(`r${step}`, prompt, undefined)
    else if (drawn < 0.65) yield* asked(`r${step}`, prompt, place)
    else if (drawn < 0.8 || branch === undefined) yield* threads.rewind(threadId, { to: place })
    else yield* threads.returnTo(threadId, branch.branchId)
    const after = life.runtime.threads
    const kept = yield* after.branches(threadId)
    const each = yield* Effect.forEach(kept, ({ branchId }) => after.get(threadId, { branch: branchId }))
    told.push([yield* after.get(threadId), ...each].map(wordsOf).join(" | "))
    // No message is in two places, and none is lost.
    const here = [
      ...(yield* after.places(threadId)).keys(),
      ...kept.flatMap(({ runs }) => runs.map(({ runId }) => runId))
    ]
    assert.strictEqual(new Set(here).size, here.length, `${seed}: runs after ${step}`)
    const known = (yield* life.runtime.runs.list({ threadId })).runs.map(({ runId }) => runId)
    assert.deepStrictEqual(here.toSorted(), known.toSorted(), `${seed}: runs after ${step}`)
  }
  // What was replaced is paid for, to the nano-dollar.
  const { sum } = yield* life.runtime.costs.by()
  assert.strictEqual((yield* life.runtime.threads.info(threadId))?.spent?.nanoUsd, sum.costNanoUsd)
  yield* Scope.close(life.scope, Exit.void)
  return { told, deaths }
})

describe("a thread that is asked, rewound, edited and returned to", () => {
  it.effect("is lawful, loses no message and no cost, and is the same where its process is killed at any event", () =>
    Effect.gen(function* () {
      let deaths = 0
      for (const seed of [0, 100, 200, 300, 400, 500, 600, 700]) {
        const killed = yield* play(seed, true)
        assert.deepStrictEqual(killed.told, (yield* play(seed, false)).told, `seed ${seed}`)
        deaths += killed.deaths
      }
      assert.isAbove(deaths, 16)
    })
  )
})
