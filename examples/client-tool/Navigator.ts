/**
 * An agent whose tools run at its caller, and the script in place of its model. Each tool declares its parameters and
 * its result; there are no handlers here.
 */
import { Agent } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"

export const Locate = Tool.make("locate", {
  description: "Where the user's device is",
  success: Schema.Struct({ city: Schema.String })
})

export const Photograph = Tool.make("photograph", {
  description: "Take a picture with the user's camera",
  parameters: Schema.Struct({ of: Schema.NonEmptyString }),
  success: Schema.Struct({ file: Schema.String })
})

export const Device = Toolkit.make(Locate, Photograph)

export const Navigator = Agent.make("navigator", { instructions: "You help on the way.", clientTools: Device })

/** Calls both tools of the device at once, and reports the results. */
export const respond: ScriptedModel.Responder = (request) => {
  const results = ScriptedModel.lastResults(request)
  return results.length === 0
    ? ScriptedModel.calls([
        { id: "where", name: "locate", args: {} },
        { id: "what", name: "photograph", args: { of: "the street" } }
      ])
    : ScriptedModel.words(results.map(({ name, result }) => `${name}: ${JSON.stringify(result)}.`).join(" "))
}
