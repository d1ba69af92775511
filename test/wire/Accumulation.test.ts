import { assert, describe, it } from "@effect/vitest"
import { Accumulation } from "@reins/wire"
import type { Dialect } from "@reins/wire"
import { dialect as anthropic } from "@reins/wire/anthropic"
import { dialect as karta } from "@reins/wire/karta"
import { dialect as native } from "@reins/wire/native"
import { dialect as chat } from "@reins/wire/openai-chat"
import { dialect as responses } from "@reins/wire/openai-responses"
import { ask } from "./Ask.ts"
import { fold } from "./Play.ts"
import type { Parsed } from "./Rule.ts"
import { rule } from "./Rule.ts"
import { scenario, scenarios } from "./Scenarios.ts"

const accumulate = (name: string) => {
  const accumulation = new Accumulation.Accumulation()
  for (const envelope of scenario(name)) accumulation.step(envelope)
  return accumulation.result()
}

describe("an accumulated run", () => {
  it.each(scenarios)("contains the same as the native stream: %s", (name, log) => {
    const run = accumulate(name)
    const { results, text } = fold(log)
    assert.strictEqual(run.text, text)
    const settled = run.messages.flatMap(({ content }) =>
      content.flatMap((part) => (part.type === "tool-result" ? [[part.id, part.result] as const] : []))
    )
    assert.deepStrictEqual(new Map(settled), new Map([...results].map(([id, { result }]) => [id, result])))
  })

  it("starts over with another answer", () => {
    const accumulation = new Accumulation.Accumulation()
    const log = scenario("gated, approved")
    for (const envelope of log.slice(0, 4)) accumulation.step(envelope)
    assert.deepStrictEqual(
      accumulation.result().questions.map(({ id }) => id),
      ["apr-1"]
    )
    accumulation.reopen(["apr-1"])
    for (const envelope of log.slice(4)) accumulation.step(envelope)
    assert.strictEqual(accumulation.result().text, "Refunded.")
    assert.strictEqual(accumulation.result().answer, 2)
  })
})

const user = { role: "user", content: "hi" }

const asked: ReadonlyArray<readonly [string, Dialect.Dialect, string, unknown, (body: Parsed) => string]> = [
  ["native", native, "POST /query", { prompt: "hi", stream: false }, (body) => body.text],
  ["karta", karta, "POST /v1/sessions/t/messages", { text: "hi" }, (body) => body.text],
  [
    "openai-chat",
    chat,
    "POST /chat/completions",
    { model: "a", messages: [user] },
    (body) => body.choices[0].message.content ?? ""
  ],
  [
    "openai-responses",
    responses,
    "POST /responses",
    { model: "a", input: "hi" },
    (body) =>
      body.output
        .flatMap((item: Parsed) => (item.type === "message" ? item.content.map((part: Parsed) => part.text) : []))
        .join("")
  ],
  [
    "anthropic",
    anthropic,
    "POST /v1/messages",
    { model: "a", max_tokens: 1, messages: [user] },
    (body) => body.content.map((block: Parsed) => (block.type === "text" ? block.text : "")).join("")
  ]
]

describe.each(asked)("a non-streaming answer of %s", (_, dialect, line, body, textOf) => {
  it.each(scenarios.filter(([name]) => name !== "error"))("is the fold of the stream: %s", (_name, log) => {
    const { answer } = ask(dialect, line, body)
    rule(answer._tag === "Whole", "it is answered at once")
    const folding = answer.open()
    for (const envelope of log) folding.step(envelope)
    assert.strictEqual(textOf(folding.reply().body), fold(log).text)
  })
})
