/**
 * What is streamed of the recordings' calls while their models write them, and the sources that they cite: those beside
 * `test/recordings/main.ts`, and those of real providers in `../shared/recordings` where they are.
 */
import { assert, layer } from "@effect/vitest"
import { AiSdkModel } from "@reins/models"
import { Playback, ProviderPackage, Recording } from "@reins/models/testing"
import { Agent, Model, Runtime } from "@reins/runtime"
import { Effect, Layer, Stream } from "effect"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { basename, dirname, join } from "node:path"
import * as Story from "../support/Story.ts"
import * as Asked from "./Provider.ts"

const suffix = ".chunks.txt"
const folders = [join(import.meta.dirname, "../recordings"), join(import.meta.dirname, "../../../shared/recordings")]
const recordings = folders.flatMap((folder) => {
  if (!existsSync(folder)) {
    console.warn(`${folder} is missing: its recordings are skipped`)
    return []
  }
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(suffix))
    .toSorted()
    .map((path) =>
      Recording.parse(basename(dirname(path)), basename(path, suffix), readFileSync(join(folder, path), "utf8"))
    )
})

/** Their answers end within a call. */
const unfinished = ["openai-compatible-chat/calls-then-length", "anthropic/spliced-message-start"]

/** How many sources each cites. */
const sources: { readonly [path: string]: number } = {
  "anthropic/pause-turn.1": 1,
  "anthropic/pause-turn.2": 1,
  "openai-responses/openai-file-search-tool.1": 2,
  "openai-responses/openai-file-search-tool.2": 1
}

const events = Effect.fnUntraced(function* (recording: Recording.Recording) {
  const provider = yield* Asked.Provider
  provider.push(Asked.recorded(recording, { seed: 1, maxPiece: 61 }))
  for (let step = 0; step < 3; step++) provider.push(Asked.recorded(Playback.last(recording)))
  const { model } = yield* ProviderPackage.playerOf(recording, provider.url)
  const log = yield* Effect.gen(function* () {
    const runtime = yield* Runtime
    const handle = yield* runtime.start("hello", { threadId: "t" })
    return yield* Stream.runCollect(handle.envelopes)
  }).pipe(
    Effect.provide(
      Runtime.layer({ agents: [Agent.make("desk", {})], modelRetries: 0 }).pipe(
        Layer.provide(Layer.succeed(Model, AiSdkModel.make(model)))
      )
    )
  )
  provider.clear()
  Story.isWhole(log)
  return log.map(({ event }) => event)
})

layer(Asked.layer, { excludeTestServices: true })("a recorded answer", (it) => {
  it.effect.each(recordings.map(({ folder, name }, index) => [`${folder}/${name}`, index] as const))(
    "%s streams the arguments of each call that it makes, once",
    ([path, index]) =>
      Effect.gen(function* () {
        const recording = recordings[index]
        if (recording === undefined) return
        const said = yield* events(recording)
        const inputs = new Map<string, { readonly name: string; text: string }>()
        const calls = new Map<string, unknown>()
        for (const event of said) {
          if (event.type === "tool-input-delta") {
            const input = inputs.get(event.toolInvocationId) ?? { name: event.toolName, text: "" }
            inputs.set(event.toolInvocationId, input)
            input.text += event.text
          }
          if (event.type === "tool-invocation" && event.state === "call") {
            calls.set(event.toolInvocationId, event.args)
            const input = inputs.get(event.toolInvocationId)
            if (input !== undefined) {
              assert.strictEqual(input.name, event.toolName)
              if (input.text !== "") assert.deepStrictEqual(JSON.parse(input.text), event.args)
            }
          }
        }
        const orphans = [...inputs.keys()].filter((id) => !calls.has(id))
        if (!unfinished.includes(path)) assert.deepStrictEqual(orphans, [])
        assert.strictEqual(said.filter(({ type }) => type === "source").length, sources[path] ?? 0)
      })
  )
})
