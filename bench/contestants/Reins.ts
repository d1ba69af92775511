/**
 * Reins with everything on: order check, gate, ledger with prices, a limit on time for the run and one for each tool
 * call.
 *
 * `promise` is `createRuntime`, its events read one by one in a plain loop; `effect` is the Effect service, its events
 * read array by array.
 */
import { Agent, Budget, Decision, Model, ModelStream, Prices, Runtime, ToolSettings } from "@reins/runtime"
import type { ModelPart } from "@reins/runtime"
import { createRuntime, type PromiseRuntime } from "@reins/runtime/promise"
import { NodeHttpServer } from "@effect/platform-node"
import { Authenticator, Server } from "@reins/server"
import { Context, Effect, Exit, Layer, ManagedRuntime, Schema, Scope, Stream } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { HttpServer } from "effect/http"
import { createServer } from "node:http"
import type { Contestant, Parked, Served } from "../Contestant.ts"
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

const streamed = (script: Script): ModelStream.Options => ({
  provider: "bench",
  model: "scripted",
  open: ({ metadata }) => script(metadata.step, voice)
})

const prices = Prices.layerTable({ "bench/scripted": { inputPerMillionUsd: 3, outputPerMillionUsd: 15 } })
const deployment = { maxParallelCalls: 64 }

/** The script, with `ended` called after each last answer. */
const watched = (script: Script, ended: () => void): Script =>
  async function* (step, saying) {
    yield* script(step, saying)
    if (step === 2) ended()
  }

/** Starts runs without readers, as a service does with runs that wait for days; answers them in order. */
const parking =
  (
    runtime: Pick<PromiseRuntime, "pendingApprovals" | "respondToApproval">,
    start: () => Promise<unknown>,
    finished: Finished
  ) =>
  async (count: number): Promise<Parked> => {
    for (let index = 0; index < count; index++) await start()
    let waiting = await runtime.pendingApprovals()
    while (waiting.length < count) {
      await new Promise((resolve) => setImmediate(resolve))
      waiting = await runtime.pendingApprovals()
    }
    return {
      resume: async () => {
        const ended = finished.after(count)
        for (const { request } of waiting) await runtime.respondToApproval(request.id, Decision.approve())
        await ended
      }
    }
  }

class Finished {
  private left = 0
  private done = () => {}

  readonly one = () => {
    if (--this.left === 0) setImmediate(this.done)
  }

  after(count: number): Promise<void> {
    this.left = count
    return new Promise((resolve) => {
      this.done = resolve
    })
  }
}

const Work = Tool.make("work", {
  description: tool.description,
  parameters: Schema.Struct({ n: Schema.Number }),
  success: Schema.Struct({ doubled: Schema.Number })
}).annotate(ToolSettings.Timeout, "30 seconds")

const Kit = Toolkit.make(Work)
const KitLive = Kit.toLayer({
  work: ({ n }) => {
    const answer = tool.answer(n)
    return answer instanceof Promise ? Effect.promise(() => answer) : Effect.succeed(answer)
  }
})

const runtimeOf = (script: Script, gated: boolean) => {
  const agent = Agent.make("bench", {
    ...deployment,
    toolkit: Kit,
    budget: Budget.make({ maxDuration: "10 minutes" }),
    approvals: gated ? { work: "always" } : {}
  })
  const model = ModelStream.fromAsyncIterable(streamed(script))
  return Runtime.layer({ agents: [agent] }).pipe(Layer.provide([KitLive, Layer.succeed(Model, model), prices]))
}

/** The native dialect, with keys, tenants and resumable streams, each event with its id. */
const serve = async (script: Script): Promise<Served> => {
  const scope = Scope.makeUnsafe()
  const live = Server.serve({}).pipe(
    Layer.provide([runtimeOf(script, false), Authenticator.layerKeys({ "bench-key": "bench" })]),
    Layer.provideMerge(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" }))
  )
  const { address } = Context.get(await Effect.runPromise(Layer.buildWithScope(live, scope)), HttpServer.HttpServer)
  if (!("port" in address)) throw new Error("the server has no port")
  return {
    url: `http://127.0.0.1:${address.port}/native/query`,
    headers: { authorization: "Bearer bench-key" },
    body: JSON.stringify({ prompt: "go" }),
    mark: '"type":"text"',
    close: () => Effect.runPromise(Scope.close(scope, Exit.void))
  }
}

export const effect: Contestant = {
  open: async (script, { gated }) => {
    const finished = new Finished()
    const layer = runtimeOf(gated ? watched(script, finished.one) : script, gated)
    const runtime = await ManagedRuntime.make(layer).runPromise(Runtime)
    const approvals = {
      pendingApprovals: () => Effect.runPromise(runtime.pendingApprovals()),
      respondToApproval: (id: string, decision: Decision | "approve" | "reject") =>
        Effect.runPromise(runtime.respondToApproval(id, decision))
    }
    return {
      run: (onText) =>
        Effect.runPromise(
          Stream.runForEachArray(runtime.query("go"), (events) =>
            Effect.sync(() => {
              for (const event of events) if (event.type === "text") onText(event.text)
            })
          )
        ),
      park: parking(approvals, () => Effect.runPromise(runtime.start("go")), finished)
    }
  },
  serve
}

export const promise: Contestant = {
  open: async (script, { gated }) => {
    const finished = new Finished()
    const runtime = createRuntime({
      model: streamed(gated ? watched(script, finished.one) : script),
      tools: {
        work: {
          description: tool.description,
          parameters: Schema.toStandardJSONSchemaV1(Schema.toStandardSchemaV1(Schema.Struct({ n: Schema.Number }))),
          needsApproval: gated,
          timeoutMs: 30_000,
          execute: async ({ n }) => tool.answer(n)
        }
      },
      agents: [{ name: "bench", tools: ["work"], ...deployment }],
      budget: { maxDuration: "10 minutes" },
      services: prices
    })
    return {
      run: async (onText) => {
        for await (const event of runtime.query("go")) if (event.type === "text") onText(event.text)
      },
      park: parking(runtime, () => runtime.start("go"), finished)
    }
  }
}
