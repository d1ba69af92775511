import { assert, describe, it } from "@effect/vitest"
import type { Json } from "@reins/protocol"
import { Transcript } from "@reins/protocol"
import { Decision } from "@reins/runtime"
import { type Probe, ScriptedModel } from "@reins/runtime/testing"
import { Deferred, Effect } from "effect"
import * as OneTool from "../../support/OneTool.ts"
import * as Story from "../../support/Story.ts"

const resultsOf = (probe: Probe.Probe) =>
  probe.of("tool-invocation").flatMap((event) => (event.state === "result" ? [event] : []))

/** What comes of calling `name` with `args`: the result, and whether the run went on to its end. */
const calling = (name: string, args: Json) =>
  Effect.gen(function* () {
    let ran = 0
    const model = ScriptedModel.make({
      replies: [ScriptedModel.calls([{ id: "1", name, args }]), ScriptedModel.text("done")]
    })
    const probe = yield* OneTool.finished({ model, handler: () => Effect.sync(() => void ran++) })
    Story.isWhole(probe.envelopes)
    assert.strictEqual(probe.of("finish")[0]?.finishReason, "stop")
    return { ran, result: resultsOf(probe)[0]?.result, status: resultsOf(probe)[0]?.status }
  }).pipe(Effect.scoped)

describe("a call", () => {
  it.effect.each(["unknown", "", "constructor", "__proto__", "Work"])(
    "of an unknown tool called %j gets a result that lists the available tools",
    (name) =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* calling(name, {}), {
          ran: 0,
          status: "failed",
          result: { error: "ToolNotFound", message: `Unknown tool ${JSON.stringify(name)}. Available tools: work` }
        })
      })
  )

  it.effect.each<readonly [string, Json]>([
    ["a misfit", { n: "many" }],
    ["a negative", { n: -1 }],
    ["no object", [1]],
    ["a string of JSON", `{"n": 1}`],
    ["broken JSON", `{"n": `]
  ])("with %s for arguments does not run, and gets a result that says why", ([, args]) =>
    Effect.gen(function* () {
      const { ran, result, status } = yield* calling("work", args)
      assert.deepStrictEqual([ran, status], [0, "failed"])
      assert.match(
        JSON.stringify(result),
        /"InvalidArguments","message":"(Expected|the arguments must be one JSON object)/
      )
    })
  )

  it.effect("with null for arguments runs without any", () =>
    Effect.gen(function* () {
      const { ran, status } = yield* calling("work", null)
      assert.deepStrictEqual([ran, status], [1, undefined])
    })
  )

  it.effect("with __proto__ among its arguments passes it to no handler", () =>
    Effect.gen(function* () {
      const { ran, status } = yield* calling("work", JSON.parse(`{ "n": 1, "__proto__": { "admin": true } }`))
      assert.deepStrictEqual([ran, status], [1, undefined])
      assert.isUndefined(Reflect.get({}, "admin"))
    })
  )
})

describe("the calls of one step", () => {
  it.effect("are all announced before any of fifty that answer at once has its result", () =>
    Effect.gen(function* () {
      const probe = yield* OneTool.finished({
        calls: Array.from({ length: 50 }, (_, n) => ({ n })),
        handler: ({ n }) => Effect.succeed(n)
      })
      Story.isWhole(probe.envelopes)
      const states = probe.of("tool-invocation").map(({ state }) => state)
      assert.deepStrictEqual(new Set(states.slice(0, 50)), new Set(["call"]))
      assert.deepStrictEqual(new Set(states.slice(50)), new Set(["result"]))
    }).pipe(Effect.scoped)
  )

  it.effect("return to the model in call order, in whatever order they ended", () =>
    Effect.gen(function* () {
      const gates = [yield* Deferred.make<void>(), yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      const model = OneTool.caller([{ n: 0 }, { n: 1 }, { n: 2 }])
      const { probe } = yield* OneTool.start({
        model,
        handler: ({ n = 0 }) => Effect.as(Deferred.await(gates[n] ?? assert.fail()), n)
      })
      for (const gate of gates.toReversed()) {
        yield* Deferred.succeed(gate, undefined)
        yield* Effect.yieldNow
      }
      yield* probe.end
      assert.deepStrictEqual(
        resultsOf(probe).map(({ result }) => result),
        [2, 1, 0]
      )
      assert.deepStrictEqual(
        ScriptedModel.lastResults(model.requests[1] ?? assert.fail()).map(({ result }) => result),
        [0, 1, 2]
      )
    }).pipe(Effect.scoped)
  )

  it.effect("run in parallel up to the agent's limit", () =>
    Effect.gen(function* () {
      let live = 0
      let most = 0
      const probe = yield* OneTool.finished({
        calls: Array.from({ length: 20 }, () => ({})),
        agent: { maxParallelCalls: 3 },
        handler: () =>
          Effect.gen(function* () {
            most = Math.max(most, ++live)
            for (let turn = 0; turn < 5; turn++) yield* Effect.yieldNow
            live--
          })
      })
      Story.isWhole(probe.envelopes)
      assert.strictEqual(most, 3)
    }).pipe(Effect.scoped)
  )

  it.effect("continue while one of them waits for a person, whatever the limit", () =>
    Effect.gen(function* () {
      const ran: Array<number | undefined> = []
      const { probe, runtime } = yield* OneTool.start({
        calls: [{ n: 1 }, { n: 2 }, { n: 3 }, { n: 4 }],
        agent: { maxParallelCalls: 1, approvals: { work: ({ n }) => n < 3 } },
        handler: ({ n }) => Effect.map(Effect.yieldNow, () => void ran.push(n))
      })
      yield* probe.next("approval-required", 2)
      yield* probe.until(
        ({ event }) => event.type === "tool-invocation" && event.state === "result" && event.toolInvocationId === "c4"
      )
      assert.deepStrictEqual(ran, [3, 4])
      for (const { request } of yield* runtime.pendingApprovals()) {
        yield* runtime.respondToApproval(request.id, Decision.approve())
      }
      yield* probe.end
      assert.deepStrictEqual(ran, [3, 4, 1, 2])
      Story.isWhole(probe.envelopes)
    }).pipe(Effect.scoped)
  )

  it.effect.each([0, -1, Number.NaN, 1.5])("run one after the other when %s may run in parallel", (maxParallelCalls) =>
    Effect.gen(function* () {
      let live = 0
      let most = 0
      const probe = yield* OneTool.finished({
        calls: [{}, {}, {}],
        agent: { maxParallelCalls },
        handler: () =>
          Effect.gen(function* () {
            most = Math.max(most, ++live)
            yield* Effect.yieldNow
            live--
          })
      })
      Story.isWhole(probe.envelopes)
      assert.strictEqual(most, 1)
    }).pipe(Effect.scoped)
  )

  it.effect("continue whatever one of them does", () =>
    Effect.gen(function* () {
      const model = OneTool.caller([{ n: 0 }, { n: 1 }, { n: 2 }, { n: -1 }])
      const probe = yield* OneTool.finished({
        model,
        handler: ({ n }) => (n === 0 ? Effect.die("no") : n === 1 ? Effect.fail("no") : Effect.succeed("yes"))
      })
      assert.deepStrictEqual(
        resultsOf(probe)
          .map(({ status, toolInvocationId }) => [toolInvocationId, status ?? "success"])
          .toSorted(),
        [
          ["c1", "failed"],
          ["c2", "failed"],
          ["c3", "success"],
          ["c4", "failed"]
        ]
      )
      assert.isTrue(Transcript.isPairComplete(model.requests[1]?.messages ?? []))
    }).pipe(Effect.scoped)
  )
})
