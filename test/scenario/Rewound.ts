/**
 * Random threads: queries, queries that replace a part, rewinds, returns and forks between them, on the memory engine and
 * on a store whose process is killed at any event of any run. Both tell the same story.
 */
import { assert } from "@effect/vitest"
import { Message, Transcript } from "@reins/protocol"
import { seeded } from "@reins/protocol/testing"
import { Agent, Deployment, Model, Prices, Runtime } from "@reins/runtime"
import { type JournalStore, journalHost } from "@reins/runtime/journal"
import { CrashingJournal, ScriptedModel } from "@reins/runtime/testing"
import { Context, Effect, Exit, Fiber, Layer, Schema, Scope, Stream } from "effect"
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
      Prices.layerTable({ "scripted/scripted-1": { inputPerMillionUsd: 1.234567, outputPerMillionUsd: 2 } }),
      deployment
    ])
  )

/** A process, which dies at an event of a run, or never. */
const begin = Effect.fnUntraced(function* (store: JournalStore | undefined, death: CrashingJournal.Death | undefined) {
  const process = store === undefined ? undefined : CrashingJournal.crashing(store, death)
  const scope = yield* Scope.fork(yield* Effect.scope)
  const host =
    process === undefined
      ? Deployment.layerMemory()
      : Layer.succeed(
          Deployment.Deployment,
          journalHost(process.store, { gatherMs: 0, pollMs: Number.POSITIVE_INFINITY, reopenMs: 10, snapshotEvery: 1 })
        )
  const runtime = Context.get(yield* Layer.buildWithScope(layer(host), scope), Runtime)
  return { runtime, scope, process }
})

const wordsOf = (messages: ReadonlyArray<Message.Message>) => {
  assert.isTrue(Transcript.isPairComplete(messages))
  return messages.map((message) => `${message.role} ${Message.text(message)}`).join(" / ")
}

/**
 * What is done to a thread by a seed, and what the thread, its branches and its forks are after each step. `fresh`: an empty
 * store, whose processes are killed; absent: the memory engine.
 */
export const play = Effect.fnUntraced(function* (
  seed: number,
  fresh?: Effect.Effect<JournalStore, unknown, Scope.Scope>
) {
  const random = seeded(seed)
  const fate = seeded(seed + 1)
  const store = fresh === undefined ? undefined : yield* fresh
  const told: Array<string> = []
  const forks: Array<string> = []
  const drawn = new Set<string>()
  let deaths = 0
  let life = yield* begin(store, undefined)
  /** A new process, in which runs that the last one left go on. */
  const again = Effect.fnUntraced(function* (death: CrashingJournal.Death | undefined) {
    yield* life.process?.bury ?? Effect.void
    yield* Scope.close(life.scope, Exit.void)
    life = yield* begin(store, death)
  })
  const asked = Effect.fnUntraced(function* (
    runId: string,
    prompt: string,
    replaces: string | number | undefined,
    thread = threadId
  ) {
    if (store !== undefined) {
      const at = 1 + Math.floor(fate() * 9)
      yield* again(fate() < 0.7 ? { at, when: fate() < 0.5 ? "before" : "after" } : undefined)
    }
    const { process, runtime } = life
    const started = Effect.andThen(
      runtime.start(prompt, { runId, threadId: thread, ...(replaces === undefined ? {} : { replaces }) }),
      Stream.runDrain(runtime.watch(runId))
    )
    if (process === undefined) yield* started
    else {
      // What a dead process was asked is never answered, and cannot be interrupted before it is buried.
      const fiber = yield* Effect.forkDetach(started)
      yield* Effect.raceFirst(Effect.asVoid(Fiber.await(fiber)), process.died)
      if (process.isDead()) {
        deaths++
        yield* process.bury
        yield* Fiber.interrupt(fiber)
        yield* again(undefined)
      } else yield* Fiber.join(fiber)
    }
    Story.isWhole(yield* Stream.runCollect(life.runtime.watch(runId)))
  })
  for (let step = 0; step < 12; step++) {
    const { threads } = life.runtime
    const length = (yield* threads.info(threadId))?.version ?? 0
    const runs = [...(yield* threads.places(threadId)).keys()].toSorted()
    const branches = step === 0 ? [] : yield* threads.branches(threadId)
    const run = runs[Math.floor(random() * runs.length)]
    const place = run !== undefined && random() < 0.6 ? run : Math.floor(random() * (length + 1))
    const branch = branches[Math.floor(random() * branches.length)]
    const fork = forks[Math.floor(random() * forks.length)]
    const draw = random()
    const prompt = `${random() < 0.4 ? "look" : "say"} ${step}`
    const act = (name: string, effect: Effect.Effect<unknown, unknown, Scope.Scope>) => {
      drawn.add(name)
      return effect
    }
    if (draw < 0.3 || length === 0) yield* act("asked", asked(`r${step}`, prompt, undefined))
    else if (draw < 0.55) yield* act("replaced", asked(`r${step}`, prompt, place))
    else if (draw < 0.65) {
      // A branch, or the thread itself.
      const from = random() < 0.5 ? branch : undefined
      const forked = threads.fork(threadId, from === undefined ? {} : { branch: from.branchId })
      yield* act(
        "forked",
        Effect.map(forked, (one) => void forks.push(one.threadId))
      )
    } else if (draw < 0.72 && fork !== undefined) yield* act("fork asked", asked(`r${step}`, prompt, undefined, fork))
    else if (draw < 0.85 || branch === undefined) yield* act("rewound", threads.rewind(threadId, { to: place }))
    else yield* act("returned", threads.returnTo(threadId, branch.branchId))
    const after = life.runtime.threads
    const kept = yield* after.branches(threadId)
    const each = yield* Effect.forEach(kept, ({ branchId }) => after.get(threadId, { branch: branchId }))
    const apart = yield* Effect.forEach(forks, (one) => after.get(one))
    told.push([yield* after.get(threadId), ...each, ...apart].map(wordsOf).join(" | "))
    // No message is in two places, and none is lost.
    const here = [
      ...(yield* after.places(threadId)).keys(),
      ...kept.flatMap(({ runs }) => runs.map(({ runId }) => runId))
    ]
    assert.strictEqual(new Set(here).size, here.length, `${seed}: runs after ${step}`)
    const known = (yield* life.runtime.runs.list({ threadId })).runs.map(({ runId }) => runId)
    assert.deepStrictEqual(here.toSorted(), known.toSorted(), `${seed}: runs after ${step}`)
  }
  // What was replaced is paid for, to the nano-dollar, by the thread that it was asked in.
  const { costs, runs, threads } = life.runtime
  const { sum } = yield* costs.by()
  const spent = yield* Effect.forEach([threadId, ...forks], (one) =>
    Effect.gen(function* () {
      const own = (yield* runs.list({ threadId: one })).runs.map(({ costNanoUsd = 0 }) => costNanoUsd)
      const nanoUsd = (yield* threads.info(one))?.spent?.nanoUsd ?? 0
      assert.strictEqual(
        nanoUsd,
        own.reduce((all, each) => all + each, 0),
        `${seed}: what ${one} spent`
      )
      return nanoUsd
    })
  )
  assert.strictEqual(
    spent.reduce((all, one) => all + one, 0),
    sum.costNanoUsd
  )
  yield* Scope.close(life.scope, Exit.void)
  return { told, deaths, drawn, spent }
}, Effect.scoped)

/** Fails unless a store whose processes are killed tells the same as the memory engine, for each seed. */
export const check = (fresh: Effect.Effect<JournalStore, unknown, Scope.Scope>, seeds: ReadonlyArray<number>) =>
  Effect.gen(function* () {
    let deaths = 0
    const drawn = new Set<string>()
    for (const seed of seeds) {
      const killed = yield* play(seed, fresh)
      const whole = yield* play(seed)
      assert.deepStrictEqual(killed.told, whole.told, `seed ${seed}`)
      // A step in which a process died is paid for again, by the same thread.
      assert.lengthOf(killed.spent, whole.spent.length)
      for (const [index, nanoUsd] of whole.spent.entries())
        assert.isAtLeast(killed.spent[index] ?? 0, nanoUsd, `seed ${seed}: thread ${index}`)
      deaths += killed.deaths
      for (const name of killed.drawn) drawn.add(name)
    }
    assert.isAbove(deaths, 2 * seeds.length)
    return drawn
  })
