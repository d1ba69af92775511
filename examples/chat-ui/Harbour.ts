/** A harbour office: it looks up tides, which takes a while, and sends mails, which need approval. */
import { Agent, Model, type ModelPart, type ModelRequest, Prices, ToolRun } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Effect, Layer, Option, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"

const FindTides = Tool.make("find_tides", {
  description: "Finds the tides of a harbour",
  parameters: Schema.Struct({ harbour: Schema.String }),
  success: Schema.Struct({ highWater: Schema.Array(Schema.String) }),
  dependencies: [ToolRun]
}).annotate(Tool.Readonly, true)

const SendMail = Tool.make("send_mail", {
  description: "Writes to somebody",
  parameters: Schema.Struct({ to: Schema.String, subject: Schema.String }),
  success: Schema.Struct({ sent: Schema.String }),
  needsApproval: true
})

const stages = ["opening the almanac", "finding the moon", "adding the wind"]

class Harbour extends Toolkit.make(FindTides, SendMail) {
  static readonly layer = this.toLayer({
    find_tides: Effect.fnUntraced(function* () {
      const run = yield* ToolRun
      for (const [index, label] of stages.entries()) {
        yield* run.progress({ label, phaseIndex: index + 1, totalPhases: stages.length })
        yield* Effect.sleep("600 millis")
      }
      return { highWater: ["05:40", "18:05"] }
    }),
    send_mail: ({ subject, to }) => Effect.succeed({ sent: `${subject}, to ${to}` })
  })
}

export const Desk = Agent.make("harbour", { instructions: "You are the desk of a harbour.", toolkit: Harbour })

/** The script's replies; put a real model's layer here, and nothing else changes. */
const reply = (request: ModelRequest): ScriptedModel.Reply => {
  const [result] = ScriptedModel.lastResults(request)
  const id = `call_${request.metadata.runId}_${request.metadata.step}`
  if (result?.name === "find_tides")
    return ScriptedModel.words("High water is at **05:40** and at **18:05**. Sail with the first.")
  if (result !== undefined) {
    if (result.status !== "denied") return ScriptedModel.words("The crew has its mail.")
    return ScriptedModel.words(`Then I leave it unsent. (${messageOf(result.result)})`)
  }
  const asked = ScriptedModel.lastPrompt(request).toLowerCase()
  if (/tide|water/.test(asked)) {
    return ScriptedModel.calls([{ id, name: "find_tides", args: { harbour: "Brest" } }], { text: "Let me look. " })
  }
  if (/mail|write/.test(asked)) {
    const args = { to: "crew@example.com", subject: "We sail at first high water" }
    return ScriptedModel.calls([{ id, name: "send_mail", args }], { text: "I have a mail for the crew. " })
  }
  return ScriptedModel.words(
    "Ask me for the tides, or have me write to the crew. I answer from a script, word by word, so no key is needed."
  )
}

/** What the model reads of a call that was not allowed: the reason of a rejection. */
const messageOf = (result: unknown): string =>
  Option.match(Schema.decodeUnknownOption(Schema.Struct({ message: Schema.String }))(result), {
    onNone: () => "no reason given",
    onSome: ({ message }) => message
  })

const about = { provider: "scripted", model: "harbour-1" }

/** One word every 40 ms, like a real model. */
const spoken = (parts: ReadonlyArray<ReadonlyArray<ModelPart>>, emit: (parts: ReadonlyArray<ModelPart>) => unknown) =>
  Effect.forEach(
    parts,
    (each) =>
      Effect.andThen(
        Effect.sleep("40 millis"),
        Effect.sync(() => emit(each))
      ),
    { discard: true }
  )

/** The agent's dependencies. */
export const HarbourLive = Layer.mergeAll(
  Harbour.layer,
  Layer.succeed(Model, { ...about, attempt: (request, emit) => spoken(reply(request).parts, emit) }),
  Prices.layerTable({ "scripted/harbour-1": { inputPerMillionUsd: 3, outputPerMillionUsd: 15 } })
)
