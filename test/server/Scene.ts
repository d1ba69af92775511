/**
 * The agent behind the servers under test. The prompt selects its behaviour: `tool`, `file`, `picture`, `gated`, `two`, `plan`,
 * `client`, `brought`, `held`, `error`, `post` (of the agent `courier`, which answers later), `calls NAME NAME`; `show` answers what the model was given; `key` says which
 * key it was sent; anything else is repeated word by word. `held` streams one word and then waits until it is released.
 */
import { ModelFailure } from "@reins/protocol"
import { Agent, FileOutput, Model, Runtime, Specialist, ToolRun, ToolSettings } from "@reins/runtime"
import type { ModelPort, ModelRequest } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Context, Effect, Layer, Redacted, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"
import * as RunTap from "./RunTap.ts"

const options = { parameters: Schema.Struct({ value: Schema.String }), success: Schema.Struct({ got: Schema.String }) }
const Kit = Toolkit.make(
  Tool.make("plain", { description: "Answers", ...options }),
  Tool.make("draw", { description: "Makes a file", ...options, dependencies: [ToolRun] }),
  Tool.make("paint", {
    ...options,
    description: "Returns a picture",
    success: Schema.Struct({ got: FileOutput.schema })
  }),
  Tool.make("gated", { description: "Asks first", ...options, needsApproval: true }),
  Tool.make("planned", { description: "Carries out a plan", ...options }).annotate(ToolSettings.IsPlan, true)
)
/** The bytes of a picture. */
export const picture = new Uint8Array([137, 80, 78, 71])

const Client = Toolkit.make(Tool.make("theirs", { description: "Run by the caller", ...options }))

const Helper = Specialist.make("helper", { description: "Helps", toolkit: Kit })
class Strong extends Context.Service<Strong, ModelPort>()("test/server/Strong") {}
export const Desk = Agent.make("desk", {
  toolkit: Kit,
  clientTools: Client,
  specialists: [Helper],
  models: { strong: Strong }
})

/** The same tools, and two of a role must approve each call that asks. */
const Vault = Agent.make("vault", { toolkit: Kit, approvers: { roles: ["sre"], quorum: 2 } })

/** An agent whose tool answers later. */
const Later = Toolkit.make(
  Tool.make("post", { description: "Answers later", ...options, dependencies: [ToolRun] }).annotate(
    Tool.Idempotent,
    true
  )
)
export const Courier = Agent.make("courier", { toolkit: Later })

const call = (request: ModelRequest, ...names: ReadonlyArray<string>) =>
  ScriptedModel.calls(
    names.map((name, index) => ({
      id: `${request.metadata.runId}-${request.metadata.agent}-${index}`,
      name,
      args: name === "helper" ? { prompt: "gated" } : { value: name }
    }))
  )

const called: { readonly [prompt: string]: ReadonlyArray<string> } = {
  tool: ["plain"],
  file: ["draw"],
  picture: ["paint"],
  gated: ["gated"],
  two: ["gated", "gated"],
  plan: ["planned"],
  client: ["theirs"],
  brought: ["brought"],
  nested: ["helper"],
  post: ["post"]
}

/** A runtime of the agent; `held` runs continue when `release` is run. */
export const make = Effect.gen(function* () {
  const hold = yield* ScriptedModel.hold
  const tap = yield* RunTap.make
  const model = ScriptedModel.make({
    respond: (request) => {
      const prompt = ScriptedModel.lastPrompt(request)
      const names = prompt.startsWith("calls ")
        ? prompt.split(" ").slice(1)
        : Object.hasOwn(called, prompt)
          ? called[prompt]
          : undefined
      if (/\bshow$/.test(prompt)) {
        const { instructions, messages, tools } = request
        return ScriptedModel.text(JSON.stringify({ instructions, messages, tools: tools.map(({ name }) => name) }))
      }
      if (prompt === "key") {
        const key = request.key === undefined ? "the server's" : Redacted.value(request.key)
        return key.startsWith("bad")
          ? ScriptedModel.failure(new ModelFailure.AuthenticationFailed({ provider: "scripted", model: "one" }))
          : ScriptedModel.text(`with ${key}`)
      }
      if (prompt === "held") return { ...ScriptedModel.words("one two three four five"), hold, heldAfter: 1 }
      if (prompt === "error") {
        return ScriptedModel.failure(new ModelFailure.InvalidRequest({ provider: "scripted", model: "one" }), "Hm. ")
      }
      return names === undefined || ScriptedModel.lastResults(request).length > 0
        ? ScriptedModel.words(names === undefined ? prompt : "all is done")
        : call(request, ...names)
    }
  })
  const layer = Runtime.layer({
    agents: [Desk, Vault, Courier],
    fileUrl: (fileId) => `https://files.test/${fileId}`
  }).pipe(
    Layer.provide([
      Kit.toLayer({
        plain: ({ value }) => Effect.succeed({ got: value }),
        draw: () =>
          Effect.gen(function* () {
            const run = yield* ToolRun
            const content = "<script>alert(1)</script> \u{1f422}"
            return {
              got: yield* Effect.orDie(run.storeFile({ filename: 'a "b".html', mediaType: "text/html", content }))
            }
          }),
        paint: () =>
          Effect.succeed({ got: new FileOutput({ mediaType: "image/png", filename: "sea.png", content: picture }) }),
        gated: ({ value }) => Effect.succeed({ got: value }),
        planned: ({ value }) => Effect.succeed({ got: value })
      }),
      Later.toLayer({
        post: () =>
          Effect.gen(function* () {
            const ticket = yield* (yield* ToolRun).later({ receipt: "posted", expiresIn: "2 days" })
            return yield* ticket.end
          })
      }),
      Layer.succeed(Model, model),
      Layer.succeed(Strong, ScriptedModel.make({ model: "strong-1", respond: () => ScriptedModel.text("from strong") }))
    ])
  )
  return { layer: tap.layer(layer), hold, model, tap }
})
