/**
 * The script in place of a model: it searches, and answers with the results. For an unknown topic it keeps searching,
 * as models do; asked for poetry it answers in prose, against its output schema.
 */
import { ScriptedModel } from "@reins/runtime/testing"
import { Option, Schema } from "effect"
import { Search } from "./Library.ts"
import { Input } from "./Researcher.ts"

export const respond: ScriptedModel.Responder = (request) => {
  const { most, topic } = Option.getOrElse(decodeInput(firstPrompt(request)), () => ({ most: 0, topic: "nothing" }))
  if (topic === "poetry") return ScriptedModel.text("The tide comes in, the tide goes out.")
  const found = ScriptedModel.lastResults(request).flatMap(({ result }) =>
    Option.getOrElse(decodeNotes(result), () => [])
  )
  if (found.length === 0) {
    const id = `search-${request.metadata.step}`
    return ScriptedModel.calls([{ id, name: "search", args: { topic } }])
  }
  const findings = found.slice(0, most).map(({ says, source }) => ({ claim: says, source }))
  return ScriptedModel.text(JSON.stringify({ findings }))
}

export const model = ScriptedModel.layer({ respond })

const decodeInput = Schema.decodeUnknownOption(Schema.fromJsonString(Input))
const decodeNotes = Schema.decodeUnknownOption(Search.successSchema)

/** The typed input is the specialist's first message, as JSON. */
const firstPrompt = (request: Parameters<ScriptedModel.Responder>[0]): string => {
  const [first] = request.messages
  return first === undefined ? "" : ScriptedModel.lastPrompt({ ...request, messages: [first] })
}
