import { assert, describe, it } from "@effect/vitest"
import { ModelFailure } from "@reins/protocol"
import { Agent, Deployment, Model, type ModelPart, ModelStream, Runtime } from "@reins/runtime"
import { journalHost, MemoryJournal } from "@reins/runtime/journal"
import { Deferred, Effect, Exit, Fiber, Layer, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { queryObjects } from "node:v8"

const request = {
  instructions: undefined,
  messages: [],
  tools: [],
  maxOutputTokens: undefined,
  output: undefined,
  providerOptions: undefined,
  metadata: { runId: "run", threadId: "thread", agent: "solo", agentPath: [], step: 1, attempt: 1 }
}

const words = (count: number) => Array.from({ length: count }, (_, n): ModelPart => ({ type: "text", text: `${n}` }))

/** What a source that `open`s so hands over, array by array, and how it ends. */
const taken = (open: ModelStream.Options["open"], room?: () => Promise<void>) => {
  const arrays: Array<ReadonlyArray<ModelPart>> = []
  const model = ModelStream.fromAsyncIterable({ provider: "test", model: "streamed", open })
  const attempt = model.attempt(request, (parts) => {
    arrays.push(parts)
    return room?.()
  })
  return { arrays, attempt }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

describe("a model over an async iterable", () => {
  it.live("passes on every part, in order, and everything of one turn together", () =>
    Effect.gen(function* () {
      const { arrays, attempt } = taken(async function* () {
        yield* words(5)
      })
      yield* attempt
      assert.deepStrictEqual(arrays, [words(5)])
    })
  )

  it.live("delays no part until the next turn", () =>
    Effect.gen(function* () {
      const seen: Array<number> = []
      const { arrays, attempt } = taken(async function* () {
        for (const word of words(3)) {
          yield word
          for (let turns = 0; turns < 3; turns++) yield* await turn().then(() => [])
          seen.push(arrays.flat().length)
        }
      })
      yield* attempt
      assert.deepStrictEqual(seen, [1, 2, 3])
    })
  )

  it.live("blocks the source while the run has no room", () =>
    Effect.gen(function* () {
      let read = 0
      let open = () => {}
      const room = new Promise<void>((resolve) => {
        open = resolve
      })
      const { arrays, attempt } = taken(
        async function* () {
          for (const word of words(5000)) {
            read++
            yield word
          }
        },
        () => room
      )
      const fiber = yield* Effect.forkChild(attempt, { startImmediately: true })
      for (let turns = 0; turns < 20; turns++) yield* Effect.promise(turn)
      assert.isBelow(read, 2000)
      open()
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(arrays.flat(), words(5000))
    })
  )

  it.live("fails with its source's error, after what came before", () =>
    Effect.gen(function* () {
      const failure = new ModelFailure.RateLimited({ provider: "test", model: "streamed" })
      const { arrays, attempt } = taken(async function* () {
        yield* words(2)
        throw failure
      })
      assert.deepStrictEqual(yield* Effect.exit(attempt), Exit.fail(failure))
      assert.deepStrictEqual(arrays.flat(), words(2))
    })
  )

  it.live("treats any other throw as a crash", () =>
    Effect.gen(function* () {
      const { attempt } = taken(async function* () {
        yield* words(1)
        throw new Error("no")
      })
      assert.deepStrictEqual(yield* Effect.exit(attempt), Exit.die(new Error("no")))
    })
  )

  it.live("crashes with an iterator that throws when it is asked or closed, or hands over no object", () =>
    Effect.gen(function* () {
      const broken = (second: () => Promise<IteratorResult<ModelPart>>) => {
        const steps = [() => Promise.resolve({ value: words(1)[0] } as IteratorResult<ModelPart>), second]
        const open = () => ({
          [Symbol.asyncIterator]: () => ({
            next: () => (steps.shift() ?? second)(),
            return: () => {
              throw new Error("not closed")
            }
          })
        })
        return taken(open)
      }
      const thrown = broken(() => {
        throw new Error("no")
      })
      assert.deepStrictEqual(yield* Effect.exit(thrown.attempt), Exit.die(new Error("no")))
      assert.deepStrictEqual(thrown.arrays.flat(), words(1))
      const nothing: never = undefined as never
      const empty = yield* Effect.exit(broken(() => Promise.resolve(nothing)).attempt)
      assert.match(String(empty), /next\(\) returned no object/)
      const hanging = broken(() => new Promise(() => {}))
      const fiber = yield* Effect.forkChild(hanging.attempt, { startImmediately: true })
      yield* Effect.promise(turn)
      yield* Fiber.interrupt(fiber)
    })
  )

  it.live("aborts the source when the request is cancelled", () =>
    Effect.gen(function* () {
      const told: Array<string> = []
      const { attempt } = taken(async function* (_request, signal) {
        signal.addEventListener("abort", () => told.push("aborted"))
        for (;;) yield* await turn().then(() => words(1))
      })
      const fiber = yield* Effect.forkChild(attempt, { startImmediately: true })
      yield* Effect.promise(turn)
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(told, ["aborted"])
    })
  )
})

describe("a run whose model answers without waiting", () => {
  it.live("keeps no requests until the next turn", () => {
    const work = Tool.make("work", { parameters: Schema.Struct({}), success: Schema.String })
    const kit = Toolkit.make(work)
    const steps = 90
    let kept = 0
    const model = ModelStream.fromAsyncIterable({
      provider: "test",
      model: "streamed",
      open: async function* (sent): AsyncGenerator<ModelPart> {
        const { step } = sent.metadata
        if (step === steps) kept = queryObjects(sent.constructor, { format: "count" })
        else yield { type: "tool-call", id: `c${step}`, name: "work", args: {} }
        yield { type: "finish", reason: step === steps ? "stop" : "tool-calls", usage: {} }
      }
    })
    return Effect.gen(function* () {
      const { complete } = yield* Runtime
      yield* complete("go")
      assert.isAbove(kept, 0)
      assert.isBelow(kept, 10)
    }).pipe(
      Effect.provide(
        Runtime.layer({ agents: [Agent.make("solo", { toolkit: kit, repeatedCallLimit: false })] }).pipe(
          Layer.provide([
            kit.toLayer({ work: () => Effect.succeed("done") }),
            Layer.succeed(Model, model),
            Layer.succeed(Deployment.Deployment, journalHost(MemoryJournal.make()))
          ])
        )
      )
    )
  })
})

describe("a source that fails, with a limit on its silence", () => {
  /** A pump whose failure handler never ends by itself, and takes a moment to stop. */
  const failing = (said: Array<string>, afterMs: number, begun = () => {}) =>
    ModelStream.pump(
      { next: () => Promise.reject(new Error("no")), leave: () => undefined },
      {
        take: () => undefined,
        onError: () =>
          Effect.onInterrupt(Effect.andThen(Effect.sync(begun), Effect.never), () =>
            Effect.andThen(Effect.yieldNow, () => Effect.sync(() => said.push("handler ended")))
          ),
        idle: { afterMs, end: Effect.sync(() => said.push("silent")) }
      }
    )

  it.live("ends after the handler of its failure, interrupted by the limit", () =>
    Effect.gen(function* () {
      const said: Array<string> = []
      yield* failing(said, 20)
      said.push("pump ended")
      assert.deepStrictEqual(said.toSorted(), ["handler ended", "pump ended", "silent"])
      assert.strictEqual(said.at(-1), "pump ended")
    })
  )

  it.live("ends after the handler of its failure, interrupted from outside", () =>
    Effect.gen(function* () {
      const said: Array<string> = []
      const begun = yield* Deferred.make<void>()
      const handles = () => Deferred.doneUnsafe(begun, Effect.void)
      const pumping = yield* Effect.forkChild(failing(said, 60_000, handles), { startImmediately: true })
      yield* Deferred.await(begun)
      yield* Fiber.interrupt(pumping)
      said.push("pump ended")
      assert.deepStrictEqual(said, ["handler ended", "pump ended"])
    })
  )
})
