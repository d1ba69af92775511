/**
 * A model that plays the scenario named by the prompt, makes the calls that the prompt spells out, shows what it was
 * given, and repeats every other prompt, word by word. It costs nothing and needs no key, so every protocol can be
 * tried.
 */
import { Message, ModelFailure } from "@reins/protocol"
import type { Json } from "@reins/protocol"
import { Model } from "@reins/runtime"
import type { ModelPart, ModelPort, ModelRequest } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Effect, Layer, Option, Schema } from "effect"

export const names = [
  "text",
  "reasoning",
  "tool",
  "parallel",
  "failing-tool",
  "gated",
  "two-gated",
  "specialist",
  "plan",
  "client-tool",
  "question",
  "question-text",
  "question-form",
  "files",
  "budget",
  "error",
  "sources",
  "tool-input",
  "tool-input-client",
  "structured",
  "steer",
  "slow"
] as const
type Name = (typeof names)[number]

/** The state of a request: how many steps since the question, and the last result. */
interface Scene {
  readonly request: ModelRequest
  readonly step: number
  readonly results: string
}

type Reply = ScriptedModel.Reply

const say = (...parts: ReadonlyArray<ModelPart>): Reply => ({
  parts: [
    ...parts.map((part) => [part]),
    [{ type: "finish", reason: "stop", usage: ScriptedModel.usage(parts.map(() => "word").join(" ")) }]
  ]
})

const words = (sentence: string) => ScriptedModel.words(sentence)

type Made = readonly [name: string, args: Json]

/** Call ids contain the run's id, so that no two runs of a thread share one. */
const call = ({ request, step }: Scene, ...made: ReadonlyArray<Made>): Reply =>
  ScriptedModel.calls(
    made.map(([name, args], index) => ({
      id: `call_${request.metadata.runId.replace(/^run_/, "")}_${step + 1}${"abcdef"[index]}`,
      name,
      args
    })),
    { text: "Let me see. " }
  )

/** The same calls, with arguments that are written word by word. */
const written = (scene: Scene, ...made: ReadonlyArray<Made>): Reply => {
  if (scene.step > 0) return words(`Done: ${scene.results}`)
  const whole = call(scene, ...made).parts.flat()
  const parts = whole.flatMap((part): ReadonlyArray<ModelPart> =>
    part.type === "tool-call" ? [...ScriptedModel.input(part, 6), part] : [part]
  )
  return { parts: parts.map((part) => [part]) }
}

const once = (scene: Scene, ...made: ReadonlyArray<Made>): Reply =>
  scene.step === 0 ? call(scene, ...made) : words(`Done: ${scene.results}`)

const refused = (request: ModelRequest): Reply =>
  ScriptedModel.failure(
    new ModelFailure.InvalidRequest({
      provider: "scripted",
      model: "scenarios",
      description: `scenario of ${request.metadata.agent}`
    }),
    "This will not go well. "
  )

const scenes: { readonly [N in Exclude<Name, "slow">]: (scene: Scene) => Reply } = {
  text: () => words("The quick brown fox jumps over the lazy dog."),
  reasoning: () =>
    say(
      { type: "reasoning", text: "They ask for reasons. " },
      { type: "reasoning", text: "Reasons they shall have." },
      { type: "text", text: "Because " },
      { type: "text", text: "it is so." }
    ),
  tool: (scene) => once(scene, ["lookup", { query: "tides" }]),
  parallel: (scene) =>
    once(scene, ["lookup", { query: "tides" }], ["lookup", { query: "winds" }], ["lookup", { query: "stars" }]),
  "failing-tool": (scene) => once(scene, ["flaky", { reason: "the shelf is empty" }]),
  gated: (scene) => once(scene, ["send_mail", { to: "mia@example.com", subject: "hello" }]),
  "two-gated": (scene) =>
    once(
      scene,
      ["send_mail", { to: "mia@example.com", subject: "hello" }],
      ["send_mail", { to: "leo@example.com", subject: "hello" }]
    ),
  specialist: (scene) => {
    if (scene.request.metadata.agent === "researcher") return once(scene, ["lookup", { query: "tidal power" }])
    return once(scene, ["researcher", { prompt: "tidal power" }])
  },
  plan: (scene) => {
    const wanted = revised(scene)
    return wanted === undefined
      ? once(scene, ["carry_out_plan", { steps: ["measure the tide", "set the sail", "leave the harbour"] }])
      : call(scene, ["carry_out_plan", { steps: wanted }])
  },
  "client-tool": (scene) => once(scene, ["ask_colour", { question: "Which colour?" }]),
  question: (scene) => once(scene, ["AskPerson", { question: "Which colour?", options: ["red", "blue"] }]),
  "question-text": (scene) => once(scene, ["AskPerson", { question: "What is your name?" }]),
  "question-form": (scene) =>
    once(scene, [
      "AskPerson",
      {
        question: "Where to?",
        fields: [
          { name: "city", type: "text" },
          { name: "nights", type: "integer", label: "Nights" },
          { name: "room", type: "choice", options: ["single", "double"], optional: true }
        ]
      }
    ]),
  files: (scene) => once(scene, ["make_report", { title: "tides" }]),
  budget: (scene) => call(scene, ["lookup", { query: `page ${scene.step + 1}` }]),
  error: ({ request }) => refused(request),
  sources: () =>
    say(
      { type: "text", text: "The tide turns " },
      {
        type: "source",
        source: { id: "source-1", sourceType: "url", url: "https://example.com/tides", title: "Tides" }
      },
      { type: "text", text: "twice a day." },
      {
        type: "source",
        source: { id: "source-2", sourceType: "document", mediaType: "application/pdf", title: "A book of tides" }
      }
    ),
  "tool-input": (scene) =>
    written(scene, ["lookup", { query: "tides of the northern sea" }], ["lookup", { query: "winds" }]),
  "tool-input-client": (scene) => written(scene, ["ask_colour", { question: "Which colour shall the sail have?" }]),
  // Steps go by until a message comes, which is then the prompt and is repeated like any other.
  steer: (scene) =>
    scene.step < 5
      ? call(scene, ["lookup", { query: `page ${scene.step + 1}` }])
      : words("I went through five pages, and nobody said a word."),
  structured: () => ScriptedModel.text(JSON.stringify({ topic: "tides", turns: 2, times: ["06:12", "18:37"] }))
}

const Revision = Schema.Struct({
  error: Schema.Literal("RevisionWanted"),
  partial: Schema.Struct({ steps: Schema.NonEmptyArray(Schema.String) })
})

/** The steps that a person wants instead of the proposed ones. */
const revised = ({ request }: Scene): ReadonlyArray<string> | undefined => {
  const [last] = ScriptedModel.lastResults(request)
  const revision = Schema.decodeUnknownOption(Revision)(last?.result)
  return Option.isSome(revision) ? revision.value.partial.steps : undefined
}

const isScene = (name: string): name is keyof typeof scenes => Object.hasOwn(scenes, name)

const sceneOf = (request: ModelRequest): Scene => {
  const asked = request.messages.findLastIndex(({ role }) => role === "user")
  const step = request.messages.slice(asked + 1).filter(({ role }) => role === "assistant").length
  const results = ScriptedModel.lastResults(request).map(({ result }) => JSON.stringify(result))
  return { request, step, results: results.join(" ") }
}

const nameOf = (request: ModelRequest): string | undefined =>
  request.metadata.agent === "researcher" ? "specialist" : /^scenario (\S+)$/.exec(prompt(request).trim())?.[1]

const prompt = (request: ModelRequest): string => {
  const last = request.messages.findLast(({ role }) => role === "user")
  return last === undefined ? "" : Message.text(last)
}

/** What the model was given, as JSON. */
const shown = ({ maxOutputTokens: max, messages, ...request }: ModelRequest): Reply => {
  const { instructions, output, providerOptions, settings, tools } = request
  return ScriptedModel.text(JSON.stringify({ instructions, messages, tools, output, max, providerOptions, settings }))
}

const asJson = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Json))

/** Arguments that the tool of this name accepts, for prompts that name only the tool. */
const usualArgs: { readonly [tool: string]: Json } = {
  lookup: { query: "tides" },
  flaky: { reason: "the shelf is empty" },
  send_mail: { to: "mia@example.com", subject: "hello" },
  make_report: { title: "tides" },
  carry_out_plan: { steps: ["measure the tide", "set the sail"] },
  ask_colour: { question: "Which colour?" },
  AskPerson: { question: "Which colour?", options: ["red", "blue"] },
  researcher: { prompt: "tidal power" }
}

/** The calls that a prompt spells out: `call NAME JSON`, one call; `calls A B`, several at once. */
const spelled = (text: string): ReadonlyArray<Made> | undefined => {
  const [, one, rest = ""] = /^call (\S+)(.*)$/s.exec(text) ?? []
  if (one !== undefined) {
    const given = rest.trim() === "" ? undefined : Option.getOrElse(asJson(rest), (): Json => rest.trim())
    return [[one, given ?? usualArgs[one] ?? {}]]
  }
  const [, several] = /^calls (.+)$/s.exec(text) ?? []
  return several?.split(/\s+/).map((name): Made => [name, usualArgs[name] ?? {}])
}

/** The prompt again, up to the first stop sequence in it, as providers do that name it. */
const repeated = (request: ModelRequest): Reply => {
  const text = prompt(request)
  const [first] = (request.settings?.stopSequences ?? [])
    .flatMap((stopSequence) => (text.includes(stopSequence) ? [{ stopSequence, at: text.indexOf(stopSequence) }] : []))
    .toSorted((one, other) => one.at - other.at)
  if (first === undefined) return words(text)
  const { at, stopSequence } = first
  const usage = ScriptedModel.usage(text.slice(0, at))
  return {
    parts: [[{ type: "text", text: text.slice(0, at) }], [{ type: "finish", reason: "stop", usage, stopSequence }]]
  }
}

const respond = (request: ModelRequest): Reply => {
  const name = nameOf(request)
  if (name === undefined) {
    const text = prompt(request).trim()
    if (/(^|\s)show$/.test(text)) return shown(request)
    const made = spelled(text)
    return made === undefined ? repeated(request) : once(sceneOf(request), ...made)
  }
  return isScene(name) ? scenes[name](sceneOf(request)) : words(`There is no scenario ${name}: ${names.join(", ")}.`)
}

/** One word every 100 ms, for ten seconds. */
const slow = Effect.fnUntraced(function* (emit: Parameters<ModelPort["attempt"]>[1]) {
  for (let count = 1; count <= 100; count += 1) {
    yield* Effect.sleep("100 millis")
    emit([{ type: "text", text: `word${count} ` }])
  }
  emit([{ type: "finish", reason: "stop", usage: { inputUncached: 10, outputText: 100 } }])
})

const about = { provider: "scripted", model: "scenarios" }

/** How long the steps of `scenario steer` take, so that a message finds the run active. */
const pace = "400 millis"

/** A scripted model records its requests; a new one per request lets a server run for days. */
export const layer: Layer.Layer<Model> = Layer.succeed(Model, {
  ...about,
  attempt: (request, emit) => {
    const name = nameOf(request)
    if (name === "slow") return slow(emit)
    const played = ScriptedModel.make({ ...about, respond }).attempt(request, emit)
    return name === "steer" ? Effect.delay(played, pace) : played
  }
})
