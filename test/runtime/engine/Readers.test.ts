/**
 * What the runtime hands out (events, envelopes, messages, requests, questions) is no way to write to a log or a
 * thread.
 */
import { assert, describe, it } from "@effect/vitest"
import { Decision, type Envelope } from "@reins/protocol"
import { Deployment, type ModelPort, type ModelRequest, ToolRun } from "@reins/runtime"
import { journalHost, MemoryJournal } from "@reins/runtime/journal"
import type { ScriptedModel } from "@reins/runtime/testing"
import { Effect, Layer, Stream } from "effect"
import * as OneTool from "../../support/OneTool.ts"

/** Overwrites everything in `value` that can be, and makes arrays longer; what refuses is left as it is. */
const scribble = (value: unknown, seen = new Set<unknown>()): void => {
  if (typeof value !== "object" || value === null || seen.has(value)) return
  seen.add(value)
  for (const name of Object.keys(value)) {
    scribble(Reflect.get(value, name), seen)
    Reflect.set(value, name, "a lie")
  }
  if (Array.isArray(value) && Object.isExtensible(value)) value.push("a lie")
}

const copy = <A>(value: A): A => JSON.parse(JSON.stringify(value))

/** A model whose adapter writes to every request when it has answered; `sent` gets the requests as they came. */
const scribbling = (model: ModelPort, sent: Array<ModelRequest>): ModelPort => ({
  ...model,
  attempt: (request, emit) => {
    sent.push(copy(request))
    return Effect.ensuring(
      model.attempt(request, emit),
      Effect.sync(() => scribble(request))
    )
  }
})

const journal = () =>
  Layer.succeed(
    Deployment.Deployment,
    journalHost(MemoryJournal.make(), { gatherMs: 0, pollMs: Number.POSITIVE_INFINITY })
  )

for (const [where, services] of [
  ["in memory", () => Deployment.layerMemory()],
  ["on a journal", journal]
] as const) {
  describe(`what a runtime ${where} hands out`, () => {
    it.effect("cannot be mutated by a reader, so that the next reader sees the original", () =>
      Effect.gen(function* () {
        const sent: Array<ModelRequest> = []
        const model = scribbling(OneTool.caller([{ n: 1 }]), sent)
        const { handle, runtime } = yield* OneTool.start({
          handler: () =>
            Effect.as(
              ToolRun.use((run) => run.emit("acme-note", { at: ["home"] })),
              { list: [1, 2] }
            ),
          model: model as ScriptedModel.ScriptedModel,
          agent: { approvals: { work: "always" } },
          services: services()
        })
        const seen: Array<Envelope.Envelope> = []
        const [asked] = yield* Stream.runCollect(
          runtime.watch("run").pipe(
            Stream.filter(({ event }) => event.type === "approval-required"),
            Stream.take(1)
          )
        )
        const [question] = yield* runtime.pendingApprovals()
        assert.isDefined(question)
        const before = copy(question)
        scribble(asked)
        scribble(question)
        assert.deepStrictEqual(copy((yield* runtime.pendingApprovals())[0]), before)
        yield* runtime.respondToApproval(before.request.id, Decision.approve())

        yield* Stream.runForEach(runtime.watch("run"), (envelope) =>
          Effect.sync(() => {
            seen.push(copy(envelope))
            scribble(envelope)
          })
        )
        yield* Stream.runForEach(handle.events, (event) => Effect.sync(() => scribble(event)))
        assert.isAbove(seen.length, 8)
        const again = yield* Stream.runCollect(runtime.watch("run"))
        assert.deepStrictEqual(copy(again), seen)

        const history = yield* runtime.threads.get("thread")
        const messages = copy(history)
        assert.strictEqual(messages.length, 4)
        scribble(history)
        assert.deepStrictEqual(copy(yield* runtime.threads.get("thread")), messages)

        const [first, second] = sent
        assert.deepStrictEqual(second?.tools, first?.tools)
        assert.deepStrictEqual(second?.messages.slice(0, 1), first?.messages)
        assert.deepStrictEqual([second?.metadata.agentPath, second?.metadata.runId], [[], "run"])
      }).pipe(Effect.scoped)
    )
  })
}
