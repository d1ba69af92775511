/** An app whose agent asks for a colour, and repeats the answer. */
import { Agent, AskPerson, Model, Runtime } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Layer } from "effect"

const model = ScriptedModel.make({
  respond: (request) => {
    const [answer] = ScriptedModel.lastResults(request)
    const args = { question: "Which colour?", options: ["red", "blue"] }
    return answer === undefined
      ? ScriptedModel.calls([{ id: "c", name: "AskPerson", args }])
      : ScriptedModel.text(`The answer is ${JSON.stringify(answer.result)}.`)
  }
})

export default Runtime.layer({ agents: [Agent.make("desk", { toolkit: AskPerson.toolkit })] }).pipe(
  Layer.provide(Layer.succeed(Model, model))
)
