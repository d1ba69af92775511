/**
 * What the golden agents' model says. A prompt names its script before a colon, `errands: go`; a script has the replies
 * of each agent, step by step, and behind them everybody is done.
 */
import { Message, ModelFailure } from "@reins/protocol"
import type { ModelPart, ModelRequest } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"

const { calls, failure, text, words } = ScriptedModel

const call = (id: string, name: string, args: Message.CallPart["args"]) => ({ id, name, args })
const n = (id: string, name: string, number: number) => call(id, name, { n: number })
const about = { provider: "scripted", model: "scripted-1" }

const reply = (...parts: ReadonlyArray<ModelPart>): ScriptedModel.Reply => ({ parts: [parts] })

/** Ids that a provider might choose, among them names that stored marks and answers might have. */
export const oddIds: ReadonlyArray<string> = [
  "gate/x",
  "again",
  "pay/again/1",
  "budget/1",
  "model/1",
  "approval/x",
  " ",
  "🜁 ü/é",
  "__proto__",
  "constructor",
  "a\nb",
  "odd#1",
  "%2F..//",
  "cancel",
  "a#1/b",
  "~x",
  "~pay~1again~11"
]

const odd = (name: string, from: number) => oddIds.map((id, index) => n(id, name, from + index))

/** The replies of an agent by step; those of one step by attempt where there are several. */
interface Script {
  readonly [agent: string]: ReadonlyArray<ScriptedModel.Reply | ReadonlyArray<ScriptedModel.Reply>>
}

const reading: Script = {
  reader: [
    calls([n("r1", "look", 11), n("r2", "dig", 12), call("k", "clerk", { prompt: "reading: pay up" })], {
      text: "Reading up. "
    }),
    words("Read all of it.")
  ],
  clerk: [calls([n("p", "pay", 13), n("l", "look", 14)], { text: "Paying." }), words("Paid.")]
}

/** A first step that calls, and an answer. */
const once = (...made: ReadonlyArray<ScriptedModel.ScriptedCall>): Script => ({
  desk: [calls(made, { text: "Let me see. " }), words("All of it is done.")]
})

const long = "So many words were said about this that nobody will read all of them again. ".repeat(4)

const scripts: { readonly [name: string]: Script } = {
  reading,
  plain: { desk: [words("Tides come twice a day, and the moon, which pulls, takes its time about it – 潮.")] },
  errands: {
    ...reading,
    desk: [
      calls(
        [
          n("c1", "dig", 1),
          n("c2", "look", 2),
          n("c3", "flaky", 3),
          n("c4", "print", 4),
          call("c5", "reader", { prompt: "reading: all about tides" })
        ],
        { text: "Let me look. " }
      ),
      calls([n("c6", "pay", 5), n("c7", "order", 6)]),
      words("Everything is here.")
    ]
  },
  faults: {
    desk: [
      calls([
        n("f1", "order", 10),
        n("f2", "nobody", 1),
        call("f3", "look", { n: "many" }),
        n("f4", "pay", 1),
        n("f5", "pay", 2)
      ]),
      words("Some of it went wrong.")
    ]
  },
  plan: once(call("t", "trip", { stops: ["Lübeck", "Wismar"] })),
  retried: {
    desk: [
      [
        failure(new ModelFailure.RateLimited({ ...about, retryAfterMs: 1 })),
        failure(new ModelFailure.NetworkFailed(about), "Half a sentence"),
        calls([n("c1", "look", 1)], { text: "A whole one. " })
      ],
      words("In the end it worked.")
    ]
  },
  rich: {
    desk: [
      reply(
        { type: "response", id: "resp_1", model: "scripted-1-dated" },
        { type: "warning", message: "no temperature" },
        { type: "reasoning", text: "I should ", part: "a" },
        { type: "reasoning", text: "look it up.", part: "a", metadata: { scripted: { signature: "s1" } } },
        { type: "tool-call", id: "w", name: "web", args: { q: "tides" }, execution: "provider" },
        { type: "tool-result", id: "w", name: "web", result: { hits: 2 } },
        { type: "source", source: { id: "s1", sourceType: "url", url: "https://example.org/tides", title: "Tides" } },
        { type: "file", mediaType: "image/png", data: "iVBORw0KGgo=" },
        { type: "text", text: "Found it. " },
        { type: "tool-call", id: "l", name: "look", args: { n: 1 }, metadata: { scripted: { signature: "s2" } } },
        {
          type: "finish",
          reason: "tool-calls",
          usage: { inputUncached: 12, inputCacheRead: 30, inputCacheWrite: 5, outputText: 9, outputReasoning: 4 },
          raw: "tool_use"
        }
      ),
      words("That is what is known.")
    ]
  },
  failed: { desk: [calls([n("c1", "look", 1)]), failure(new ModelFailure.InvalidRequest(about), "Well")] },
  cut: { desk: [text("It goes on and", { stop: "length" })] },
  dig: once(n("c1", "dig", 1), n("c2", "look", 2)),
  look: once(n("c1", "look", 1)),
  send: once(n("c1", "send", 1), n("c2", "look", 2)),
  pay: once(n("c1", "pay", 1), n("c2", "look", 2), n("c3", "dig", 3)),
  "pay-twice": { desk: [calls([n("c1", "pay", 1)]), calls([n("c1", "pay", 2)]), words("Paid twice.")] },
  "pay-locate-pay": {
    desk: [
      calls([n("c1", "pay", 1)]),
      calls([call("c2", "locate", { exact: true })]),
      calls([n("c3", "pay", 2)]),
      words("Paid at both ends.")
    ]
  },
  below: { ...reading, desk: once(n("c1", "dig", 1), call("r", "reader", { prompt: "reading: go" }))["desk"] ?? [] },
  locate: once(call("c1", "locate", { exact: false }), n("c2", "dig", 2)),
  brought: once(call("c1", "weather", { city: "Kiel" }), n("c2", "look", 2), n("c3", "dig", 3)),
  several: {
    ...reading,
    desk: [
      calls([
        n("c1", "pay", 1),
        call("c2", "locate", { exact: true }),
        call("c3", "trip", { stops: ["Kiel"] }),
        call("c4", "reader", { prompt: "reading: meanwhile" }),
        n("c5", "look", 5)
      ]),
      words("All of them at once.")
    ]
  },
  odd: {
    desk: [
      calls([...odd("look", 1), n("same", "look", 50)]),
      calls([...odd("pay", 101), n("same", "pay", 150)]),
      words("However they are called.")
    ]
  },
  "odd-below": {
    desk: [
      calls(
        ["r/1", "again", "🜁", "__proto__"].map((id, index) => call(id, "clerk", { prompt: `odd-below: ${index}` }))
      ),
      words("They all came back.")
    ],
    clerk: [calls([n("again", "pay", 201), n("", "look", 202)]), words("Paid.")]
  },
  "odd-send": once(...["c", "d/again/1", "a#1/b", "~x"].map((id, index) => n(id, "send", index + 1))),
  "odd-locate": once(call("c/again/2", "locate", { exact: true }), n("c", "pay", 2)),
  typed: {
    desk: [calls([call("s", "surveyor", { script: "typed", place: "the pier" })]), words("It is 12.5 m long.")],
    surveyor: [text("about twelve metres"), text('{"metres":12.5}')]
  },
  "typed-pay": { surveyor: [calls([n("p", "pay", 1)]), text('{"metres":3}')] },
  steps: {
    desk: [
      ...Array.from({ length: 12 }, (_, index) =>
        calls([n(`c${index + 1}`, index === 6 ? "dig" : "look", index + 1)], { text: `Step ${index + 1}. ` })
      ),
      calls([n("c13", "pay", 13)]),
      words("Thirteen steps.")
    ]
  },
  save: {
    saver: [
      calls([n("c1", "look", 1)]),
      calls([n("c2", "look", 2)]),
      calls([n("c3", "look", 3)]),
      calls([n("c4", "look", 4)]),
      words("Saved.")
    ]
  },
  stop: { stopper: [calls([n("c1", "look", 1)])] },
  wrap: { wrapper: [calls([n("c1", "look", 1)]), words("Wrapped up."), words("Wrapped up.")] },
  keep: {
    keeper: [
      ...Array.from({ length: 4 }, (_, index) => calls([n(`c${index + 1}`, "look", index + 1)], { text: long })),
      words("Kept in mind.")
    ]
  },
  "keep-pay": {
    keeper: [
      ...Array.from({ length: 4 }, (_, index) => calls([n(`c${index + 1}`, "look", index + 1)], { text: long })),
      calls([n("c5", "pay", 5)]),
      words("Kept and paid.")
    ]
  },
  "keep-more": { keeper: [words("I know.")] },
  robot: { robot: [calls([n("c1", "pay", 1)]), words("Nobody was there.")] }
}

/** What a keeper's model says in place of what is left out. */
export const summary = "In short: they looked at number 1."

/** The replies to a run's requests; those in `hangs` (`model desk 2`) never end. */
export const respond =
  (hangs: ReadonlySet<string>): ScriptedModel.Responder =>
  (request) => {
    const { agent, attempt, step } = request.metadata
    if (agent === "keeper" && request.tools.length === 0) return text(summary)
    const found = scriptOf(request)[agent]?.[step - 1] ?? words("Done.")
    const made = "parts" in found ? found : (found[Math.min(attempt, found.length) - 1] ?? words("Done."))
    if (hangs.has(`model ${agent} ${step}`)) return { parts: begun(made), hangs: true }
    return hangs.has(`model ${agent} ${step} silent`) ? { parts: [], hangs: true } : made
  }

/** The first words of a reply. */
const begun = ({ parts }: ScriptedModel.Reply): ScriptedModel.Reply["parts"] =>
  parts.slice(0, 3).map((all) => all.filter(({ type }) => type === "text"))

const scriptOf = (request: ModelRequest): Script => {
  for (const message of request.messages.toReversed()) {
    if (message.role !== "user") continue
    const said = Message.text(message)
    const name = /^([a-z-]+):/.exec(said)?.[1] ?? /"script":\s*"([a-z-]+)"/.exec(said)?.[1]
    const script = name === undefined ? undefined : scripts[name]
    if (script !== undefined) return script
  }
  return {}
}
