/** A policy that denies: the call does not run, nobody is asked, and the model reads why. */
import { assert, describe, it } from "@effect/vitest"
import { Decision, Runtime } from "@reins/runtime"
import type { Policy } from "@reins/runtime"
import { createRuntime } from "@reins/runtime/promise"
import { Probe, ScriptedModel } from "@reins/runtime/testing"
import { Effect } from "effect"
import * as OneTool from "../../support/OneTool.ts"
import * as Story from "../../support/Story.ts"

const under = Effect.fnUntraced(function* (policy: Policy) {
  const ran = { count: 0 }
  const probe = yield* OneTool.finished({
    handler: () => Effect.sync(() => void ran.count++),
    calls: [{ n: 5 }],
    agent: { approvals: { work: policy } }
  })
  return { probe, ran }
})

const denial = { deny: "Payments are made on Mondays: propose it then" }

const ways: { readonly [way: string]: Policy } = {
  "for every call": denial,
  "by a predicate": ({ n }) => (n > 3 ? denial : false),
  "by a predicate that takes its time": () => Effect.as(Effect.yieldNow, denial)
}

describe("a policy that denies", () => {
  for (const [way, policy] of Object.entries(ways)) {
    it.effect(`${way} runs nothing, asks nobody, and tells the model the reason`, () =>
      Effect.gen(function* () {
        const { probe, ran } = yield* under(policy)
        assert.strictEqual(ran.count, 0)
        assert.deepStrictEqual(probe.of("approval-required"), [])
        const [, settled] = probe.of("tool-invocation")
        assert.deepInclude(settled, { status: "denied", result: { error: "Denied", message: denial.deny } })
        Story.isWhole(probe.envelopes)
      }).pipe(Effect.scoped)
    )
  }

  it.effect("allows calls that its predicate does not deny", () =>
    Effect.gen(function* () {
      const { probe, ran } = yield* under(({ n }) => (n > 5 ? denial : false))
      assert.strictEqual(ran.count, 1)
      assert.deepStrictEqual(probe.of("approval-required"), [])
    }).pipe(Effect.scoped)
  )

  it.effect("denies even if a grant covers the call and the query asks about each call", () =>
    Effect.gen(function* () {
      let isDenied = false
      const ran = { count: 0 }
      const { probe, runtime } = yield* OneTool.start({
        handler: () => Effect.sync(() => void ran.count++),
        agent: { approvals: { work: () => (isDenied ? denial : true) } }
      })
      const { data } = yield* probe.next("approval-required")
      yield* runtime.respondToApproval(data.id, Decision.approve({ scope: "thread" }))
      yield* probe.end
      isDenied = true
      const { runId } = yield* runtime.start("again", { threadId: "thread", tools: { ask: ["work"] } })
      const second = yield* Effect.provideService(Probe.watch(runId), Runtime, runtime)
      yield* second.end
      assert.strictEqual(ran.count, 1)
      assert.deepStrictEqual(second.of("approval-required"), [])
      const [, settled] = second.of("tool-invocation")
      assert.deepInclude(settled, { status: "denied", result: { error: "Denied", message: denial.deny } })
    }).pipe(Effect.scoped)
  )

  it("denies in the Promise interface, on a tool and on an agent", async () => {
    let ran = 0
    const parameters = { type: "object", properties: { n: { type: "number" } } } as const
    const tool = { parameters, execute: () => void ran++ }
    await using runtime = createRuntime({
      model: ScriptedModel.make({
        respond: (request) =>
          ScriptedModel.lastResults(request).length > 0
            ? ScriptedModel.text("done")
            : ScriptedModel.calls([
                { id: "c1", name: "own", args: { n: 1 } },
                { id: "c2", name: "agents", args: { n: 1 } }
              ])
      }),
      tools: { own: { ...tool, needsApproval: async () => denial }, agents: tool },
      agents: [{ name: "clerk", tools: ["own", "agents"], approvals: { agents: denial } }]
    })
    const seen: Array<string> = []
    for await (const event of runtime.query("go")) {
      seen.push(event.type === "tool-invocation" ? `${event.toolName} ${event.state}` : event.type)
      if (event.type === "tool-invocation" && event.state === "result") assert.strictEqual(event.status, "denied")
    }
    assert.strictEqual(ran, 0)
    assert.notInclude(seen, "approval-required")
    assert.includeMembers(seen, ["own result", "agents result"])
  })
})
