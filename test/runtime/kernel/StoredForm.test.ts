/** What a process reads of the steps and calls that another has stored: the same as that had, or nothing. */
import { assert, describe, it } from "@effect/vitest"
import type { Json } from "@reins/protocol"
import type { ModelRequest } from "@reins/runtime"
import type { JournalStore, Mark } from "@reins/runtime/journal"
import { ScriptedModel } from "@reins/runtime/testing"
import { Effect, Schema } from "effect"
import { Tool } from "effect/ai"
import { TestClock } from "effect/testing"
import * as Lives from "../../support/Lives.ts"

const look = Tool.make("look", { parameters: Schema.Struct({}), success: Schema.Json })

type Values = { readonly [name: string]: Json }

const Metadata = Schema.optionalKey(Schema.Struct({ bench: Schema.Record(Schema.String, Schema.Json) }))
const Part = Schema.Union([
  Schema.Struct({ type: Schema.Literals(["text", "reasoning"]), text: Schema.NonEmptyString, metadata: Metadata }),
  Schema.Struct({ type: Schema.Literal("file"), mediaType: Schema.Literal("image/png"), data: Schema.Literal("AA==") })
])
const Count = Schema.optionalKey(Schema.Natural.check(Schema.isLessThan(1000)))
const Answer = {
  parts: Schema.Array(Part),
  metadata: Metadata,
  calls: Schema.Literals([0, 1, 2]),
  result: Schema.Json,
  usage: Schema.Struct({
    inputUncached: Count,
    inputCacheRead: Count,
    inputCacheWrite: Count,
    inputCacheWriteLong: Count,
    outputText: Count,
    outputReasoning: Count
  })
}
interface Answer {
  readonly parts: ReadonlyArray<
    typeof Part.Type | { readonly type: "text"; readonly text: string; readonly metadata: Values }
  >
  readonly metadata?: Values | undefined
  readonly calls: number
  readonly result: Json
  readonly usage: (typeof Answer.usage)["Type"]
}

const plain: Answer = {
  parts: [{ type: "text", text: "I look." }],
  calls: 1,
  result: "seen",
  usage: { inputUncached: 1, outputText: 2 }
}

/** A run whose first two steps are `answer`, and whose third one its process does not live to get. */
const lives = ({ calls, metadata, parts, result, usage }: Answer) => {
  const requests: Array<ModelRequest> = []
  const whole = Lives.make({
    tool: look,
    handler: () => Effect.succeed(result),
    agent: { repeatedCallLimit: false },
    respond: (request) => {
      const { step } = request.metadata
      if (step > 2) {
        requests.push(request)
        return requests.length > 1 ? ScriptedModel.text("Done.") : { parts: [], hangs: true }
      }
      const calling = Array.from({ length: calls }, (_, index) => ({
        type: "tool-call" as const,
        id: `c${step}-${index}`,
        name: "look",
        args: {},
        ...(metadata && { metadata })
      }))
      return { parts: [[...parts, ...calling, { type: "finish", reason: "tool-calls", usage }]] }
    }
  })
  return { ...whole, requests }
}

/** The journal whose marks a new owner finds changed. */
const changed =
  (change: (mark: Mark) => Mark) =>
  (journal: JournalStore): JournalStore => ({
    ...journal,
    open: (runId, at) =>
      Effect.map(journal.open(runId, at), (opened) => opened && { ...opened, marks: opened.marks.map(change) })
  })

const twice = Effect.fnUntraced(function* (answer: Answer, change: (mark: Mark) => Mark = (mark) => mark) {
  const { events, process, requests } = lives(answer)
  const first = yield* process()
  yield* first.runtime.start("go", { runId: "run" })
  yield* TestClock.adjust("1 second")
  yield* first.end
  const second = yield* process(changed(change))
  yield* TestClock.adjust("1 second")
  yield* second.end
  return { last: events().at(-1)?.type, requests: requests.map(({ messages }) => messages) }
})

const isObject = (json: Json | undefined): json is Values =>
  typeof json === "object" && json !== null && !Array.isArray(json)

const isData = (name: string) => name === "args" || name === "each"

/** With another member in each object of the value, except where any members are data. */
const extended = (value: Json): Json => {
  if (Array.isArray(value)) return value.map(extended)
  if (!isObject(value)) return value
  const members = Object.entries(value).map(([name, each]) => [name, isData(name) ? each : extended(each)])
  return { ...Object.fromEntries(members), added: [1] }
}

const isStored = ({ kind, name }: Mark) => kind === "result" && /^(?:model|tool)\//.test(name)

/** The same value at `path`, or without what is there. */
const at = (value: Json | undefined, [name = "", ...rest]: ReadonlyArray<string>, put: Json | undefined): Json => {
  if (Array.isArray(value)) return value.map((each, index) => (String(index) === name ? at(each, rest, put) : each))
  if (name === "") return put ?? null
  const object = isObject(value) ? value : {}
  const { [name]: before, ...others } = object
  if (rest.length > 0) return { ...object, [name]: at(before, rest, put) }
  return put === undefined ? others : { ...object, [name]: put }
}

describe("a stored step and its calls", () => {
  it.effect.prop("make the same next request in another process", Answer, (answer) =>
    Effect.gen(function* () {
      const { requests } = yield* twice(answer)
      // An answer without a call ends the run in its first process.
      if (answer.calls === 0) return assert.deepStrictEqual(requests, [])
      assert.strictEqual(requests.length, 2)
      assert.deepStrictEqual(requests[1], requests[0])
    })
  )

  it.effect("are read without the fields that a later release may have added", () =>
    Effect.gen(function* () {
      const added = (mark: Mark): Mark => (isStored(mark) ? { ...mark, value: extended(mark.value) } : mark)
      const { last, requests } = yield* twice(plain, added)
      assert.strictEqual(requests.length, 2)
      assert.deepStrictEqual(requests[1], requests[0])
      assert.strictEqual(last, "data-latency-summary")
    })
  )

  it.effect("keep metadata with a member that is named `__proto__`", () =>
    Effect.gen(function* () {
      const provider = '{"signed":"a","__proto__":{"signed":"b"}}'
      const metadata = Schema.decodeSync(Schema.fromJsonString(Schema.Record(Schema.String, Schema.Json)))(provider)
      const { requests } = yield* twice({ ...plain, parts: [{ type: "text", text: "I look.", metadata }], metadata })
      assert.strictEqual(requests.length, 2)
      for (const messages of requests) {
        const parts = messages.flatMap(({ content }) => [...content]).filter(({ metadata }) => metadata !== undefined)
        assert.deepStrictEqual(
          parts.map(({ metadata }) => JSON.stringify(metadata)),
          [provider, provider, provider, provider]
        )
      }
    })
  )

  const invalid: ReadonlyArray<readonly [name: string, path: string, put: Json | undefined]> = [
    ["model/2", "outcome", "another"],
    ["model/2", "content", undefined],
    ["model/2", "content", "text"],
    ["model/2", "content.0", null],
    ["model/2", "content.0.type", "another"],
    ["model/2", "content.0.text", 7],
    ["model/2", "content.0.metadata", []],
    ["model/2", "content.1.args", undefined],
    ["model/2", "content.1.id", 7],
    ["model/2", "content.1.execution", "another"],
    ["model/2", "calls", {}],
    ["model/2", "calls.0", "c0"],
    ["model/2", "calls.0.type", "text"],
    ["model/2", "calls.0.name", null],
    ["model/2", "calls.0.metadata", "x"],
    ["model/2", "stop", "another"],
    ["model/2", "stop", undefined],
    ["model/2", "model", 7],
    ["model/2", "stopSequence", 7],
    ["model/2", "dropped", true],
    ["model/2", "verdict", 7],
    ["model/2", "usage", undefined],
    ["model/2", "usage.inputUncached", -1],
    ["model/2", "usage.outputText", 0.5],
    ["model/2", "usage.inputCacheRead", "1"],
    ["model/2", "request", 7],
    ["model/2", "request.messages", undefined],
    ["model/1", "request.each", "x"],
    ["model/1", "request.each.look", 7],
    ["tool/c2-0", "result", undefined],
    ["tool/c2-0", "status", "another"],
    ["tool/c2-0", "content", [7]],
    ["tool/c2-0", "usage", 7]
  ]

  it.effect.each(invalid)("end the run where %s has the invalid %s %o", ([name, path, put]) =>
    Effect.gen(function* () {
      const damaged = (mark: Mark): Mark =>
        mark.kind === "result" && mark.name === name ? { ...mark, value: at(mark.value, path.split("."), put) } : mark
      const { last, requests } = yield* twice(plain, damaged)
      assert.strictEqual(requests.length, 1)
      assert.strictEqual(last, "error")
    })
  )
})
