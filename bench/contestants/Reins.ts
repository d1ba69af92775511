/**
 * Reins with everything on: order check, gate, ledger with prices, a limit on time for the run and one for each tool call.
 *
 * `forAwait` reads event by event, as a plain consumer's loop does; `arrays` reads array by array, as Effect code may.
 */
import { Agent, Budget, Decision, Model, ModelStream, Prices, Runtime, ToolSettings } from "@reins/runtime"
import type { Event, ModelPart } from "@reins/runtime"
import { Effect, Layer, ManagedRuntime, Schema, Stream } from "effect"
import { Tool, Toolkit } from "effect/ai"
import type { Contestant } from "../Contestant.ts"
import { type Script, tool, type Voice } from "../Script.ts"

const voice: Voice<ModelPart> = {
  text: (text) => ({ type: "text", text }),
  call: (id, args) => ({ type: "tool-call", id, name: tool.name, args: JSON.parse(args) }),
  finish: (calls) => ({
    type: "finish",
    reason: calls ? "tool-calls" : "stop",
    usage: { inputUncached: 10, outputText: 10 }
  })
}

const Work = Tool.make("work", {
  description: tool.description,
  parameters: Schema.Struct({ n: Schema.Number }),
  success: Schema.Struct({ doubled: Schema.Number })
}).annotate(ToolSettings.Timeout, "30 seconds")

const Kit = Toolkit.make(Work)
const KitLive = Kit.toLayer({ work: ({ n }) => Effect.succeed(tool.answer(n)) })

const layer = (script: Script, gated: boolean) => {
  const agent = Agent.make("bench", {
    toolkit: Kit,
    budget: Budget.make({ maxDuration: "10 minutes" }),
    approvals: gated ? { work: "always" } : {},
    maxParallelCalls: 64
  })
  const model = ModelStream.fromAsyncIterable({
    provider: "bench",
    model: "scripted",
    open: ({ metadata }) => script(metadata.step, voice)
  })
  const prices = Prices.layerTable({ "bench/scripted": { inputPerMillionUsd: 3, outputPerMillionUsd: 15 } })
  return Runtime.layer({ agents: [agent] }).pipe(Layer.provide([KitLive, Layer.succeed(Model, model), prices]))
}

type Read = (events: Stream.Stream<Event, unknown>, onText: (text: string) => void) => Promise<void>

const eventByEvent: Read = async (events, onText) => {
  for await (const event of Stream.toAsyncIterable(events)) if (event.type === "text") onText(event.text)
}

const arrayByArray: Read = (events, onText) =>
  Effect.runPromise(
    Stream.runForEachArray(events, (all) =>
      Effect.sync(() => {
        for (const event of all) if (event.type === "text") onText(event.text)
      })
    )
  )

const reads = (read: Read): Contestant => ({
  open: async (script, { gated }) => {
    let finished = () => {}
    const counting: Script = async function* (step, saying) {
      yield* script(step, saying)
      finished()
    }
    const runtime = await ManagedRuntime.make(layer(gated ? counting : script, gated)).runPromise(Runtime)
    return {
      run: (onText) => read(runtime.query("go"), onText),
      park: async (count) => {
        await Effect.runPromise(
          Effect.forEach(Array.from({ length: count }), () => runtime.start("go"), { discard: true })
        )
        let waiting = await Effect.runPromise(runtime.pendingApprovals())
        while (waiting.length < count) {
          await new Promise((resolve) => setImmediate(resolve))
          waiting = await Effect.runPromise(runtime.pendingApprovals())
        }
        return {
          resume: async () => {
            let left = count
            const ended = new Promise<void>((resolve) => {
              finished = () => {
                if (--left === 0) setImmediate(resolve)
              }
            })
            await Effect.runPromise(
              Effect.forEach(waiting, ({ request }) => runtime.respondToApproval(request.id, Decision.approve()), {
                discard: true
              })
            )
            await ended
          }
        }
      }
    }
  }
})

export const forAwait: Contestant = reads(eventByEvent)
export const arrays: Contestant = reads(arrayByArray)
