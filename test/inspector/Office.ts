/**
 * The server under the inspector: an agent whose prompt selects what it does (`pay` asks first, `study` sends a
 * specialist, `long` writes many words, `limit` meets a budget that pauses, `build` answers later, `move` proposes a plan, `nap`
 * sleeps, `held` never ends), with keys of two tenants and roles.
 */
import { NodeHttpServer } from "@effect/platform-node"
import { page } from "@reins/inspector"
import { Agent, Budget, Deployment, Model, Prices, Runtime, Specialist, ToolRun, ToolSettings } from "@reins/runtime"
import { MemoryJournal, journalHost } from "@reins/runtime/journal"
import { ScriptedModel } from "@reins/runtime/testing"
import { Authenticator, Server } from "@reins/server"
import { Effect, Layer, ManagedRuntime, Option, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { HttpServer } from "effect/http"
import { createServer } from "node:http"

const Pay = Tool.make("pay", {
  description: "Pays a bill",
  parameters: Schema.Struct({
    supplier: Schema.String.annotate({ description: "Who is paid" }),
    amountUsd: Schema.Finite,
    note: Schema.optionalKey(Schema.String)
  }),
  success: Schema.String,
  needsApproval: true
})
const Look = Tool.make("look", {
  description: "Looks something up",
  parameters: Schema.Struct({}),
  success: Schema.String
})
const Build = Tool.make("build", {
  description: "Builds a branch, which takes long",
  parameters: Schema.Struct({}),
  success: Schema.String,
  dependencies: [ToolRun]
})
const Move = Tool.make("move", {
  description: "Moves systems, stage by stage",
  parameters: Schema.Struct({
    reason: Schema.String,
    stages: Schema.Array(Schema.Struct({ system: Schema.String, downtimeMinutes: Schema.Finite }))
  }),
  success: Schema.String
}).annotate(ToolSettings.IsPlan, true)
const Nap = Tool.make("nap", {
  description: "Does nothing for a week",
  parameters: Schema.Struct({}),
  success: Schema.String,
  dependencies: [ToolRun]
})
class Kit extends Toolkit.make(Pay, Look, Build, Move, Nap) {
  static readonly layer = this.toLayer({
    pay: ({ amountUsd, supplier }) => Effect.succeed(`paid ${amountUsd} USD to ${supplier}`),
    look: () => Effect.succeed("found"),
    move: ({ stages }) =>
      Effect.succeed(`moved ${stages.map((stage) => `${stage.system} in ${stage.downtimeMinutes}`).join(", ")}`),
    nap: () => Effect.andThen(ToolRun, (run) => Effect.as(run.sleep("7 days"), "rested")),
    build: () =>
      Effect.gen(function* () {
        const run = yield* ToolRun
        const ticket = yield* run.later({ receipt: "It has started" })
        return yield* ticket.end
      })
  })
}
const Reader = Specialist.make("reader", { description: "Reads", toolkit: Kit })
const Clerk = Agent.make("clerk", { toolkit: Kit, specialists: [Reader] })
const Frugal = Agent.make("frugal", { toolkit: Kit, budget: Budget.make({ maxSteps: 1, onExhausted: "pause" }) })

const revised = Schema.decodeUnknownOption(
  Schema.Struct({ error: Schema.Literal("RevisionWanted"), partial: Move.parametersSchema })
)
const stage = (system: string) => ({ system, downtimeMinutes: 30 })

const hold = Effect.runSync(ScriptedModel.hold)

const respond: ScriptedModel.Responder = (request) => {
  const results = ScriptedModel.lastResults(request)
  const wanted = revised(results[0]?.result)
  if (Option.isSome(wanted)) return ScriptedModel.calls([{ id: "revised", name: "move", args: wanted.value.partial }])
  if (results.length > 0) return ScriptedModel.text(`It is done: ${JSON.stringify(results[0]?.result)}.`)
  const prompt = ScriptedModel.lastPrompt(request)
  const id = `${request.metadata.agent}-1`
  if (prompt.startsWith("pay")) {
    return ScriptedModel.calls([{ id, name: "pay", args: { supplier: "Paper & Co", amountUsd: 40 } }])
  }
  if (prompt === "move") {
    const args = { reason: "new centre", stages: ["billing", "mail", "mainframe"].map(stage) }
    return ScriptedModel.calls([{ id, name: "move", args }])
  }
  if (prompt === "nap") return ScriptedModel.calls([{ id, name: "nap", args: {} }])
  if (prompt === "build") return ScriptedModel.calls([{ id, name: "build", args: {} }])
  if (prompt === "held") return { ...ScriptedModel.words("one two three four"), hold, heldAfter: 1 }
  if (prompt === "study") return ScriptedModel.calls([{ id, name: "reader", args: { prompt: "limit" } }])
  if (prompt === "limit" || prompt === "look") return ScriptedModel.calls([{ id, name: "look", args: {} }])
  if (prompt.startsWith("long")) {
    return ScriptedModel.words(Array.from({ length: Number(prompt.split(" ")[1]) }, (_, n) => `word${n}`).join(" "))
  }
  return ScriptedModel.text("Hello.")
}

const price = {
  model: "scripted",
  match: "exact",
  inputPerMillionUsd: 2,
  outputPerMillionUsd: 8,
  source: "test"
} as const

const RuntimeLive = Runtime.layer({ agents: [Clerk, Frugal] }).pipe(
  Layer.provide([
    Kit.layer,
    Layer.succeed(Model, ScriptedModel.make({ respond })),
    Layer.succeed(Prices.Prices, { find: () => price }),
    // A journal, so that runs can be replayed.
    Deployment.layerStore("memory", Effect.succeed(journalHost(MemoryJournal.make())))
  ])
)

const keys = Authenticator.layerKeys({
  "operator-key": { tenant: "acme", name: "olga", roles: ["operator"] },
  "auditor-key": { tenant: "acme", name: "ada", roles: ["auditor"] },
  "other-key": { tenant: "other", name: "otto", roles: ["operator"] }
})

const ServerLive = Layer.unwrap(
  Effect.map(HttpServer.HttpServer, ({ address }) =>
    Server.serve({
      agents: [Clerk, Frugal],
      inspector: page,
      prefix: "/ai",
      // Their receiver is opened by the test.
      webhooks: { allow: ({ hostname }) => hostname === "127.0.0.1" },
      origins: "port" in address ? [`http://127.0.0.1:${address.port}`] : []
    })
  )
).pipe(
  Layer.provideMerge(RuntimeLive),
  Layer.provide(keys),
  Layer.provideMerge(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" }))
)

/** Opens the office on a port that the system chooses. */
export const open = async () => {
  const managed = ManagedRuntime.make(ServerLive)
  const { port, runtime } = await managed.runPromise(
    Effect.gen(function* () {
      const { address } = yield* HttpServer.HttpServer
      return { port: "port" in address ? address.port : 0, runtime: yield* Runtime }
    })
  )
  const start = (prompt: string, options: { readonly agent?: "clerk" | "frugal"; readonly resourceId?: string } = {}) =>
    managed.runPromise(Effect.map(runtime.start(prompt, { resourceId: "acme", ...options }), ({ runId }) => runId))
  const clientHook = (runId: string) =>
    managed.runPromise(
      Effect.flatMap(Runtime, (runtime) =>
        runtime.webhooks.outbox.put({
          id: "whk_client",
          resourceId: "acme",
          runId,
          url: "https://client.example/secret",
          events: [],
          content: true,
          source: "protocol",
          createdAt: 0,
          secrets: [],
          push: { id: "theirs", dialect: "a2a" }
        })
      )
    )
  const remember = (text: string) =>
    managed.runPromise(
      Effect.flatMap(Runtime, (runtime) =>
        runtime.memory.remember(text, { resourceId: "acme", principal: "ana", agent: "clerk" })
      )
    )
  return { clientHook, remember, url: `http://127.0.0.1:${port}/ai/inspector`, start, close: () => managed.dispose() }
}
