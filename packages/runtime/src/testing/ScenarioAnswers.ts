/**
 * The answers of models in random scenarios, plain and typed, and what must hold of the root's typed ones in every run:
 * an invalid answer is retracted and asked for again, once, and only a valid one ends a run as its answer.
 */
import type { Envelope, Events } from "@reins/protocol"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { ModelPart } from "../model/Model.ts"
import * as ScriptedModel from "./ScriptedModel.ts"

type Random = () => number
type Finish = Extract<ModelPart, { readonly type: "finish" }>

/**
 * The schema of the answer.
 *
 * @since 0.2.0
 * @category schemas
 */
export const Answer = Schema.Struct({ found: Schema.Natural })

const isAnswer = Schema.is(Answer)
const readAnswer = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Json))

/** What models write: half of it fits. */
const texts = (random: Random): string => {
  const found = Math.floor(random() * 9)
  switch (Math.floor(random() * 10)) {
    case 0:
      return "I found nothing."
    case 1:
      return `{"found":"many"}`
    case 2:
      return `{"found":-${found + 1}}`
    case 3:
      return `{"found":${found}`
    case 4:
      return `\`\`\`json\n{"found":${found}}\n\`\`\``
    default:
      return `{"found":${found}}`
  }
}

/**
 * The root's typed answer, in pieces; a few are cut.
 *
 * @since 0.2.0
 * @category operations
 */
export const ofRoot = (random: Random, usage: Finish["usage"]): ScriptedModel.Reply => {
  const text = texts(random)
  const size = 1 + Math.floor(random() * text.length)
  const pieces = text.match(new RegExp(`[\\s\\S]{1,${size}}`, "g")) ?? []
  const parts = pieces.map((piece): ReadonlyArray<ModelPart> => [{ type: "text", text: piece }])
  return { parts: [...parts, [{ type: "finish", reason: random() < 0.1 ? "length" : "stop", usage }]] }
}

/**
 * The typed answer of the specialist `gamma`: usually valid.
 *
 * @since 0.2.0
 * @category operations
 */
export const ofGamma = (random: Random, usage: NonNullable<Finish["usage"]>): ScriptedModel.Reply =>
  ScriptedModel.text(random() < 0.6 ? `{"found":${Math.floor(random() * 9)}}` : "I found nothing.", { usage })

/**
 * An answer of some words, perhaps of none.
 *
 * @since 0.2.0
 * @category operations
 */
export const speech = (random: Random, usage: Finish["usage"]): ScriptedModel.Reply => ({
  parts: [
    ...(random() < 0.3 ? [[{ type: "reasoning", text: "hmm" } satisfies ModelPart]] : []),
    ...Array.from({ length: Math.floor(random() * 4) }, (_, index): ReadonlyArray<ModelPart> => [
      { type: "text", text: `word${index} ` }
    ]),
    [{ type: "finish", reason: random() < 0.1 ? "length" : "stop", usage }]
  ]
})

/**
 * The reply with a source, a file or another text before it.
 *
 * @since 0.2.0
 * @category operations
 */
export const dressed = (form: Random, reply: ScriptedModel.Reply): ScriptedModel.Reply => {
  const more: ReadonlyArray<readonly [number, ModelPart]> = [
    [0.2, { type: "source", source: { id: "s", sourceType: "url", url: "https://acme.test" } }],
    [0.2, { type: "text", text: "Besides, ", part: "other" }],
    [0.1, { type: "file", mediaType: "text/plain", data: "aGk=" }]
  ]
  const added = more.flatMap(([chance, part]) => (form() < chance ? [part] : []))
  return added.length === 0 ? reply : { ...reply, parts: [added, ...reply.parts] }
}

/**
 * What a model says that it used.
 *
 * @since 0.2.0
 * @category operations
 */
export const usage = (random: Random) => ({
  inputUncached: Math.floor(random() * 50),
  ...(random() < 0.3 ? { inputCacheRead: Math.floor(random() * 40) } : {}),
  ...(random() < 0.2 ? { inputCacheWrite: Math.floor(random() * 20) } : {}),
  outputText: 1 + Math.floor(random() * 25),
  ...(random() < 0.2 ? { outputReasoning: Math.floor(random() * 10) } : {})
})

/** What counts of the root's text in its last step. */
const lastText = (root: ReadonlyArray<Envelope.Envelope>): string => {
  let text = ""
  for (const { event } of root) {
    if (event.type === "step-start" || event.type === "step-retracted") text = ""
    else if (event.type === "text") text += event.text
  }
  return text.replace(/^```json\n|\n```$/g, "")
}

/**
 * What is wrong with the typed answers of a run.
 *
 * @since 0.2.0
 * @category operations
 */
export const check = (stored: ReadonlyArray<Envelope.Envelope>): ReadonlyArray<string> => {
  const root = stored.filter(({ agentPath }) => agentPath.length === 0)
  const events = root.map(({ event }) => event)
  const invalid = events.filter((event) => event.type === "step-retracted" && event.reason === "OutputInvalid").length
  const finish = events.find((event): event is Events.Finish => event.type === "finish")
  const failed = events.find((event) => event.type === "error")
  const isGivenUp = failed?.type === "error" && failed.error.code === "E_OUTPUT_INVALID"
  const faults: Array<string> = []
  if (invalid > (isGivenUp ? 2 : 1)) faults.push(`${invalid} answers were retracted as invalid`)
  if (isGivenUp && invalid === 0) faults.push("the run failed for an invalid answer that was not asked for again")
  if (finish === undefined) return faults
  const { finishReason, output } = finish
  if (finishReason === "stop" && output === undefined) faults.push("the run ended as answered, without a typed answer")
  if (output !== undefined && !isAnswer(output)) faults.push(`the answer ${JSON.stringify(output)} does not fit`)
  if (output !== undefined && finishReason !== "stop" && finishReason !== "budget")
    faults.push(`a run that ended with ${finishReason} has a typed answer`)
  const said = Option.getOrUndefined(readAnswer(lastText(root)))
  if (output !== undefined && JSON.stringify(said) !== JSON.stringify(output))
    faults.push(`the answer ${JSON.stringify(output)} is not what the last step says`)
  return faults
}
