import { assert, describe, it } from "@effect/vitest"
import { Transcript } from "@reins/protocol"
import { Decision, Deployment, Prices, Runtime } from "@reins/runtime"
import type { RuntimeOptions } from "@reins/runtime"
import { Probe, ScriptedModel, Tap } from "@reins/runtime/testing"
import { Effect, Layer, Stream } from "effect"
import * as Desk from "../support/Desk.ts"
import { Loans } from "../support/Library.ts"
import * as Story from "../support/Story.ts"

const prices = Prices.layerTable({ "scripted/scripted-1": { inputPerMillionUsd: 3, outputPerMillionUsd: 15 } })

/** Cancels, `times` times, at the run's `at`-th write. */
const cancelling = (at: number, times: number) => {
  let writes = 0
  return Layer.provideMerge(
    Tap.layer(({ cancel, runId }) => {
      if (runId !== "run" || ++writes !== at) return
      for (let time = 0; time < times; time++) cancel()
    }),
    Layer.mergeAll(Deployment.layerMemory(), prices)
  )
}

/** The tides story, cancelled at one moment; then another query on the same thread. */
const cancelledAt = (at: number, answers: "runtime" | "watcher", times = 1) => {
  const model = Story.model()
  const options: Omit<RuntimeOptions<[]>, "agents"> = answers === "runtime" ? { unattended: "approve" } : {}
  return Effect.gen(function* () {
    const runtime = yield* Runtime
    const { lent } = yield* Loans
    yield* runtime.start("What about tides?", { threadId: "thread", runId: "run" })
    const probe = yield* Probe.watch("run")
    yield* Effect.forkScoped(
      Stream.runForEach(runtime.watch("run"), ({ event }) =>
        event.type === "approval-required"
          ? Effect.ignore(runtime.respondToApproval(event.data.id, Decision.approve()))
          : Effect.void
      )
    )
    yield* probe.end
    const ran = lent.length
    const thread = yield* runtime.threads.get("thread")
    const pending = yield* runtime.pendingApprovals()
    const again = yield* runtime.start("And the moon?", { threadId: "thread", runId: "next" })
    yield* again.cancel
    const next = model.requests.find(({ metadata }) => metadata.runId === "next")
    return { probe, ran, thread, pending, next }
  }).pipe(Effect.scoped, Effect.provide(Layer.provide(Desk.layer(model, options), cancelling(at, times))))
}

type Cancelled = Effect.Success<ReturnType<typeof cancelledAt>>

const isSound = ({ next, pending, probe, ran, thread }: Cancelled): void => {
  Story.isWhole(probe.envelopes)
  Story.addsUp(probe.of("data-cost-summary")[0]?.data)
  assert.deepStrictEqual(pending, [])
  // Only approved calls ran, and every call that ran is in the log.
  const allowed = probe.of("approval-decision").filter(({ data }) => data.outcome.outcome === "approve")
  assert.isAtMost(ran, allowed.length)
  assert.isTrue(Transcript.isPairComplete(thread))
  assert.deepStrictEqual(thread, Transcript.messages(Transcript.fold(probe.envelopes, "What about tides?")))
  assert.deepStrictEqual(next?.messages.slice(0, -1), [...thread])
  const [finish] = probe.of("finish")
  assert.strictEqual(
    finish?.usage.totalTokens,
    probe.of("data-cost-summary")[0]?.data.root.usage.totalTokens,
    "what finish counts is what is paid for"
  )
}

const sweep = (answers: "runtime" | "watcher", times = 1) =>
  Effect.gen(function* () {
    const reasons = new Set<string | undefined>()
    for (let at = 1; ; at++) {
      const cancelled = yield* cancelledAt(at, answers, times)
      const reason = cancelled.probe.of("finish")[0]?.finishReason
      reasons.add(reason)
      isSound(cancelled)
      // The first moment that the story never reached: it ran to its end.
      if (reason === "stop") return { moments: at, reasons }
    }
  })

describe("a run that is cancelled at any moment", () => {
  it.effect("ends as cancelled, complete, charged and with a thread that can continue; the runtime approves", () =>
    Effect.gen(function* () {
      const { moments, reasons } = yield* sweep("runtime")
      assert.isAbove(moments, 20)
      assert.deepStrictEqual([...reasons], ["cancelled", "stop"])
    })
  )

  it.effect("ends as cancelled, complete, charged and with a thread that can continue; a watcher approves", () =>
    Effect.gen(function* () {
      const { moments } = yield* sweep("watcher")
      assert.isAbove(moments, 20)
    })
  )

  it.effect("ends once, however often it is cancelled", () =>
    Effect.gen(function* () {
      const { moments } = yield* sweep("runtime", 3)
      assert.isAbove(moments, 20)
    })
  )
})

describe("a run that is cancelled by its own tool", () => {
  it.effect("settles that call as it ended, starts nothing more, and ends as cancelled", () => {
    const model = ScriptedModel.make({ respond: Story.tides })
    const seen: Array<string> = []
    const services = Layer.provideMerge(
      Tap.layer(({ cancel, events }) => {
        for (const event of events) {
          seen.push(event.type)
          if (event.type === "tool-progress") cancel()
        }
      }),
      Deployment.layerMemory()
    )
    return Effect.gen(function* () {
      const runtime = yield* Runtime
      yield* runtime.start("What about tides?", { runId: "run" })
      const probe = yield* Probe.watch("run")
      yield* probe.end
      Story.isWhole(probe.envelopes)
      assert.strictEqual(probe.of("finish")[0]?.finishReason, "cancelled")
      const statuses = probe.of("tool-invocation").flatMap((event) => (event.state === "result" ? [event.status] : []))
      assert.include(statuses, "cancelled")
      assert.strictEqual(probe.of("tool-progress").length, 1)
    }).pipe(Effect.scoped, Effect.provide(Layer.provide(Desk.layer(model), services)))
  })
})
