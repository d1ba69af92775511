/**
 * A call that a grant allows, and that waits for its turn: behind others of its tool or of its agent, or for money that
 * another holds. A person is asked where the grant has expired or was revoked by then.
 */
import { assert, describe, it } from "@effect/vitest"
import { Budget } from "@reins/protocol"
import { Decision, type GrantOptions, Prices, Runtime, ToolSettings } from "@reins/runtime"
import { Probe } from "@reins/runtime/testing"
import { Context, Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import * as Engines from "../../support/Engines.ts"
import * as OneTool from "../../support/OneTool.ts"

type How = Pick<OneTool.Options, "tool" | "agent">

const prices = Prices.layerTable({ "scripted/scripted-1": { inputPerMillionUsd: 0, outputPerMillionUsd: 0 } })

const send = OneTool.work.setNeedsApproval(true)

const waits: ReadonlyArray<readonly [what: string, How]> = [
  ["others of its tool", { tool: send.annotate(ToolSettings.Concurrency, 1) }],
  ["others of its agent", { tool: send, agent: { maxParallelCalls: 1 } }],
  [
    "money that another holds",
    { tool: send.annotate(ToolSettings.MaxCostUsd, () => 1), agent: { budget: Budget.make({ maxCostUsd: 1.5 }) } }
  ]
]

/** A run with two calls that a grant allows. The first runs for a minute, and the second waits for it. */
const waiting = Effect.fnUntraced(function* (
  services: () => Layer.Layer<never>,
  how: How,
  limits: Pick<GrantOptions, "maxCostUsd" | "expiresIn"> = {}
) {
  const ran: Array<number> = []
  const layer = OneTool.layer({
    ...how,
    services: Layer.merge(services(), prices),
    calls: [{ n: 1 }, { n: 2 }],
    handler: ({ n = 0 }) =>
      Effect.as(
        Effect.delay(
          Effect.sync(() => void ran.push(n)),
          "1 minute"
        ),
        n
      )
  })
  const runtime = Context.get(yield* Layer.build(layer), Runtime)
  const grant = yield* runtime.grants.give({
    tool: "work",
    scope: "thread",
    threadId: "thread",
    uses: 3,
    ...limits
  })
  yield* TestClock.adjust("1 second")
  const { runId } = yield* runtime.start("work", { threadId: "thread" })
  const probe = yield* Effect.provideService(Probe.watch(runId), Runtime, runtime)
  yield* TestClock.adjust("1 second")
  const open = Effect.map(runtime.pendingApprovals(), (all) => all.map(({ request }) => request))
  return { grant, open, probe, ran, runtime }
})

describe("a call that a grant allows and that waits for", () => {
  for (const [where, services] of Engines.all) {
    for (const [what, how] of waits) {
      it.effect(`${what} is asked about where the grant was revoked meanwhile, ${where}`, () =>
        Effect.gen(function* () {
          const { grant, open, probe, ran, runtime } = yield* waiting(services, how)
          assert.isTrue(yield* runtime.grants.revoke(grant.id))
          yield* TestClock.adjust("5 minutes")
          const [question] = yield* open
          assert.deepStrictEqual(ran, [1])
          assert.deepInclude(question, { target: "work", toolInvocationId: "c2", begunBefore: 0 })
          yield* runtime.respondToApproval(question?.id ?? "", Decision.approve())
          yield* TestClock.adjust("5 minutes")
          yield* probe.end
          assert.deepStrictEqual(ran, [1, 2])
          const { acts } = yield* runtime.approvals.history()
          assert.deepStrictEqual(
            acts.map(({ kind }) => kind),
            ["granted", "used", "used", "revoked", "asked", "answered", "decided"]
          )
        }).pipe(Effect.scoped)
      )

      it.effect(`${what} runs on it where nothing happened to the grant, ${where}`, () =>
        Effect.gen(function* () {
          const { open, probe, ran, runtime } = yield* waiting(services, how)
          yield* TestClock.adjust("5 minutes")
          yield* probe.end
          assert.deepStrictEqual(yield* open, [])
          assert.deepStrictEqual(ran, [1, 2])
          const [left] = yield* runtime.grants.list()
          assert.deepInclude(left, { usesLeft: 1 })
        }).pipe(Effect.scoped)
      )
    }

    it.effect(
      `others is asked about where the grant has expired meanwhile, and the grant holds nothing, ${where}`,
      () =>
        Effect.gen(function* () {
          const { open, probe, ran, runtime } = yield* waiting(
            services,
            {
              tool: send.annotate(ToolSettings.Concurrency, 1).annotate(ToolSettings.MaxCostUsd, () => 1)
            },
            { maxCostUsd: 5, expiresIn: "30 seconds" }
          )
          assert.deepInclude((yield* runtime.grants.list())[0], { usesLeft: 1, nanoUsdHeld: 2_000_000_000 })
          yield* TestClock.adjust("5 minutes")
          const [question] = yield* open
          assert.deepStrictEqual(ran, [1])
          yield* runtime.respondToApproval(question?.id ?? "", Decision.reject())
          yield* probe.end
          const [left] = yield* runtime.grants.list()
          assert.deepInclude(left, { usesLeft: 1, nanoUsdLeft: 5_000_000_000, nanoUsdHeld: 0 })
        }).pipe(Effect.scoped)
    )
  }
})
