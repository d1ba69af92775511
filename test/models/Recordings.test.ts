/**
 * The recordings beside `test/recordings/main.ts`: turns that a provider pauses, results that come in a later step, ids
 * that repeat or are empty, and calls before ends that nobody documents. Each is played alone, one of each kind under
 * every fault (all of them are in CI); those that answer each other (`.1`, `.2`) also as one conversation.
 */
import { assert, describe, it, layer } from "@effect/vitest"
import { AiSdkModel } from "@reins/models"
import { Fault, Playback, ProviderPackage, Recording } from "@reins/models/testing"
import { Agent, Model, Runtime } from "@reins/runtime"
import { Effect, Layer, Schema, Stream } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { readdirSync, readFileSync } from "node:fs"
import { basename, dirname, join } from "node:path"
import * as Story from "../support/Story.ts"
import * as Asked from "./Provider.ts"

const suffix = ".chunks.txt"
const folder = join(import.meta.dirname, "../recordings")
const recordings = readdirSync(folder, { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(suffix))
  .toSorted()
  .map((path) =>
    Recording.parse(basename(dirname(path)), basename(path, suffix), readFileSync(join(folder, path), "utf8"))
  )

const named = (path: string): Recording.Recording => {
  const found = recordings.find((one) => `${one.folder}/${one.name}` === path)
  if (found === undefined) throw new Error(`no recording ${path}`)
  return found
}

const looked: Array<unknown> = []
const Kit = Toolkit.make(Tool.dynamic("look", { parameters: { type: "object" }, success: Schema.Unknown }))
const desk = Agent.make("desk", {
  toolkit: Effect.provide(
    Kit,
    Kit.toLayer({
      look: (args: unknown) =>
        Effect.as(
          Effect.sync(() => looked.push(args)),
          "seen"
        )
    })
  )
})

/** A run over these responses, one a step, and a small one at the end; with the requests that it made. */
const converse = (paths: ReadonlyArray<string>, seed?: number) =>
  Effect.gen(function* () {
    const provider = yield* Asked.Provider
    looked.length = 0
    const own = paths.map(named)
    const [first] = own
    if (first === undefined) return yield* Effect.die(new Error("no recording"))
    const before = provider.received.length
    for (const one of own) provider.push(Asked.recorded(one, seed === undefined ? {} : { seed, maxPiece: 61 }))
    provider.push(Asked.recorded(Playback.last(first)))
    const { model } = yield* ProviderPackage.playerOf(first, provider.url)
    const log = yield* Effect.gen(function* () {
      const runtime = yield* Runtime
      const handle = yield* runtime.start("hello", { threadId: "t" })
      return yield* Stream.runCollect(handle.envelopes)
    }).pipe(
      Effect.provide(
        Runtime.layer({ agents: [desk], modelRetries: 0 }).pipe(
          Layer.provide(Layer.succeed(Model, AiSdkModel.make(model)))
        )
      )
    )
    provider.clear()
    Story.isWhole(log)
    const events = log.map(({ event }) => event)
    return {
      text: events.flatMap((event) => (event.type === "text" ? [event.text] : [])).join(""),
      results: events.flatMap((event) => (event.type === "tool-invocation" && event.state === "result" ? [event] : [])),
      finish: events.find((event) => event.type === "finish")?.finishReason,
      requests: provider.received.slice(before).map(({ body }): Body => JSON.parse(body))
    }
  })

interface Body {
  readonly messages: ReadonlyArray<{
    readonly role: string
    readonly content: unknown
    readonly tool_call_id?: string
    readonly tool_calls?: ReadonlyArray<{ readonly id: string }>
  }>
}

const blocks = (
  body: Body | undefined,
  at: number
): ReadonlyArray<{ readonly type?: string; readonly id?: string }> => {
  const content = body?.messages.at(at)?.content
  return Array.isArray(content) ? content : []
}
const types = (body: Body | undefined, at: number) => blocks(body, at).map(({ type }) => type)

describe("the recordings", () => {
  it("are there", () => {
    assert.isAtLeast(recordings.length, 21)
  })
})

layer(Asked.layer, { excludeTestServices: true })("a recording", (it) => {
  const names = recordings.map(({ folder, name }) => `${folder}/${name}`)

  it.effect.each(names)("%s is played as its package reports it", (name) =>
    Effect.gen(function* () {
      for (const seed of [1, 2, 3]) {
        const { problems } = yield* Playback.play(named(name), { seed, maxPiece: 61 })
        assert.deepStrictEqual(problems, [], `seed ${seed}`)
      }
    })
  )

  it.effect.each([
    "anthropic/late-result.1",
    "anthropic/pause-turn.1",
    "anthropic/pause-turn.2",
    "google/calls-then-other",
    "openai-compatible-chat/duplicate-ids"
  ])("%s leaves a valid, ended and complete log under every fault", (name) =>
    Effect.gen(function* () {
      for (const fault of Fault.all) {
        assert.deepStrictEqual(yield* Fault.play(named(name), fault), [], Fault.nameOf(fault))
      }
    })
  )

  it.effect.each([undefined, 1, 2])(
    "of a paused turn is sent back unchanged, and continues; in pieces of seed %s",
    (seed) =>
      Effect.gen(function* () {
        const { finish, requests, results, text } = yield* converse(
          ["anthropic/pause-turn.1", "anthropic/pause-turn.2"],
          seed
        )
        assert.strictEqual(finish, "stop")
        assert.strictEqual(text, "I'll look that up. High water is at 14:05, and the next spring tide is on Friday. 🌊")
        assert.strictEqual(requests.length, 2)
        assert.strictEqual(requests[1]?.messages.at(-1)?.role, "assistant")
        assert.deepStrictEqual(types(requests[1], -1), [
          "text",
          "server_tool_use",
          "web_search_tool_result",
          "server_tool_use"
        ])
        assert.deepStrictEqual(
          results.map(({ status, toolInvocationId, toolName }) => [toolInvocationId, toolName, status]),
          [
            ["srvtoolu_pause_1", "web_search", undefined],
            ["srvtoolu_pause_2", "web_search", undefined]
          ]
        )
        assert.include(JSON.stringify(results[1]?.result), "https://example.org/spring")
      })
  )

  it.effect("of a turn that was paused twice continues twice, and a call without an answer is reported", () =>
    Effect.gen(function* () {
      const { finish, requests, results } = yield* converse([
        "anthropic/pause-turn-alone.1",
        "anthropic/pause-turn-alone.1"
      ])
      assert.strictEqual(finish, "stop")
      assert.strictEqual(requests.length, 3)
      assert.deepStrictEqual(
        results.map(({ result, status }) => [status, JSON.stringify(result).includes("ResultMissing")]),
        [
          ["failed", true],
          ["failed", true]
        ]
      )
    })
  )

  it.effect.each([undefined, 1, 2])("of a result in a later step finds its call; in pieces of seed %s", (seed) =>
    Effect.gen(function* () {
      const { finish, requests, results, text } = yield* converse(
        ["anthropic/late-result.1", "anthropic/late-result.2"],
        seed
      )
      assert.strictEqual(finish, "stop")
      assert.strictEqual(text, "Let me compute that.It printed “seen”.")
      assert.deepStrictEqual(looked, [{ at: 1 }])
      assert.deepStrictEqual(types(requests[1], -2), ["text", "server_tool_use", "tool_use"])
      assert.deepStrictEqual(types(requests[1], -1), ["tool_result"])
      assert.deepStrictEqual(results.map(({ status, toolName }) => [toolName, status]).toSorted(), [
        ["code_execution", undefined],
        ["look", undefined]
      ])
      assert.include(JSON.stringify(results.find(({ toolName }) => toolName === "code_execution")?.result), "seen")
    })
  )

  it.effect.each<readonly [string, ReadonlyArray<unknown>]>([
    ["openai-compatible-chat/duplicate-ids", [{ at: 1 }, { at: 2 }, { at: 3 }]],
    ["openai-compatible-chat/empty-ids", [{ at: 1 }, { at: 2 }]],
    ["openai-compatible-chat/foreign-ids", [{ at: 1 }, { at: 2 }]],
    ["google/calls-then-other", [{ at: 1 }, { at: 1 }]],
    ["google/calls-then-unspecified", [{ at: 1 }]],
    ["openai-responses/duplicate-ids", [{ at: 1 }, { at: 2 }]],
    ["openai-responses/calls-then-incomplete", [{ at: 1 }]],
    ["mistral/calls-then-unknown", [{ at: 1 }]],
    ...["stop", "eos", "empty", "unknown", "function-call", "end-turn"].map(
      (end) => [`openai-compatible-chat/calls-then-${end}`, [{ at: 1 }]] as const
    ),
    ["openai-compatible-chat/calls-then-length", []]
  ])("%s runs each of its calls once, and its next request pairs them with their results", ([path, expected]) =>
    Effect.gen(function* () {
      const { finish, requests, results } = yield* converse([path])
      assert.deepStrictEqual(looked, expected)
      assert.strictEqual(results.length, expected.length)
      assert.strictEqual(finish, expected.length === 0 ? "length" : "stop")
      if (!path.startsWith("openai-compatible-chat") || expected.length === 0) return
      const { messages = [] } = requests[1] ?? {}
      const called = messages.flatMap(({ tool_calls = [] }) => tool_calls.map(({ id }) => id))
      assert.strictEqual(new Set(called).size, expected.length)
      for (const id of called) assert.match(id, /^[\w-]{1,40}$/)
      assert.deepStrictEqual(
        messages.flatMap(({ tool_call_id }) => (tool_call_id === undefined ? [] : [tool_call_id])),
        called
      )
    })
  )
})
