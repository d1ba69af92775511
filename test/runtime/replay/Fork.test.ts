/** The conversation of a recorded run up to an event, from which a new run goes on. */
import { assert, describe, it } from "@effect/vitest"
import { Transcript } from "@reins/protocol"
import { Agent, Deployment, Fork, Model, Runtime } from "@reins/runtime"
import { journalHost, MemoryJournal, RunExport } from "@reins/runtime/journal"
import { Probe, ScriptedModel } from "@reins/runtime/testing"
import { Effect, Layer, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"

const Double = Tool.make("double", { parameters: Schema.Struct({ n: Schema.Number }), success: Schema.Number })
class Kit extends Toolkit.make(Double) {}

/** Calls twice, then answers; what it is sent is in `requests`. */
const model = () =>
  ScriptedModel.make({
    respond: ({ messages }) => {
      const made = messages.filter(({ role }) => role === "tool").length
      return made === 2
        ? ScriptedModel.text("It is 8.")
        : ScriptedModel.calls([{ id: `c${made}`, name: "double", args: { n: 2 + 2 * made } }])
    }
  })

const layer = (port: ReturnType<typeof model>, deployment: Layer.Layer<never> = Layer.empty) =>
  Runtime.layer({ agents: [Agent.make("desk", { toolkit: Kit })] }).pipe(
    Layer.provide([Kit.toLayer({ double: ({ n }) => Effect.succeed(2 * n) }), Layer.succeed(Model, port), deployment])
  )

const recorded = Effect.suspend(() => {
  const journal = MemoryJournal.make()
  return Effect.gen(function* () {
    const runtime = yield* Runtime
    const { runId } = yield* runtime.start("Double 2 twice.")
    const probe = yield* Probe.watch(runId)
    yield* probe.end
    return yield* Effect.flatMap(RunExport.read(journal.exportRun(runId)), RunExport.recordingOf)
  }).pipe(Effect.scoped, Effect.provide(layer(model(), Layer.succeed(Deployment.Deployment, journalHost(journal)))))
})

describe("a fork", () => {
  it.effect("takes the settled steps up to its event, and asks for a prompt where the run had answered", () =>
    Effect.gen(function* () {
      const recording = yield* recorded
      const results = recording.envelopes.flatMap(({ event, seq }) =>
        event.type === "tool-invocation" && event.state === "result" ? [seq] : []
      )
      const [first = 0, second = 0] = results
      const finish = recording.envelopes.findIndex(({ event }) => event.type === "finish") + 1
      for (let seq = 0; seq <= recording.envelopes.length; seq++) {
        const { history, prompt } = Fork.at(recording, seq)
        assert.isTrue(Transcript.isPairComplete(history), `${seq}`)
        const roles = history.map(({ role }) => role).join(" ")
        const given = prompt === undefined ? "none" : prompt.length === 0 ? "goes on" : "again"
        const steps = ["", "user assistant tool", "user assistant tool assistant tool"]
        const expected =
          seq < first
            ? [steps[0], "again"]
            : seq < second
              ? [steps[1], "goes on"]
              : seq < finish
                ? [steps[2], "goes on"]
                : [`${steps[2]} assistant`, "none"]
        assert.deepStrictEqual([roles, given], expected, `${seq}`)
      }
    })
  )

  it.effect("is where a new run goes on, with what the model had read", () =>
    Effect.gen(function* () {
      const recording = yield* recorded
      const result = recording.envelopes.findIndex(
        ({ event }) => event.type === "tool-invocation" && event.state === "result"
      )
      const { history, prompt = [] } = Fork.at(recording, result + 1)
      const port = model()
      yield* Effect.gen(function* () {
        const runtime = yield* Runtime
        const { output } = yield* runtime.complete(prompt, { history })
        assert.strictEqual(output, "It is 8.")
      }).pipe(Effect.provide(layer(port)))
      assert.strictEqual(port.requests.length, 2)
      assert.deepStrictEqual(port.requests[0]?.messages, history)
    })
  )
})
