import { assert, describe, it } from "@effect/vitest"
import { type LanguageModelV4, UnsupportedFunctionalityError } from "@ai-sdk/provider"
import { AiSdkModel } from "@reins/models"
import type { Message } from "@reins/protocol"
import type { ModelPart } from "@reins/runtime"
import { Effect, Schema } from "effect"
import { ask, asking } from "../Ask.ts"
import { fake, finish } from "../FakeModel.ts"

/** The content of the last message as it was sent; `undefined` where none was. */
const last = (messages: ReadonlyArray<Message.Message>, provider = "fake.chat") =>
  Effect.gen(function* () {
    const model = { ...fake([finish()]), provider }
    yield* ask(model, undefined, asking(messages))
    return model.asked[0]?.prompt.at(-1)?.content
  })

const said = (...content: ReadonlyArray<Message.TextPart | Message.FilePart>): Message.Message => ({
  role: "user",
  content: [...content]
})
const text = (words: string): Message.TextPart => ({ type: "text", text: words })
const file = (mediaType: string, data: string): Message.FilePart => ({ type: "file", mediaType, data })
const result = (part: Partial<Message.ResultPart>): Message.Message => ({
  role: "tool",
  content: [{ type: "tool-result", id: "c", name: "look", result: null, ...part }]
})

/** The result of a call as it was sent. */
const output = (part: Partial<Message.ResultPart>) =>
  Effect.map(last([said(text("go")), result(part)]), (content) => {
    const [one] = Array.isArray(content) ? content : []
    return one?.type === "tool-result" ? one.output : undefined
  })

const png = "iVBORw0KGgo="

describe("an empty text", () => {
  it.effect("is not sent to any provider", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* last([said(text(" "), text("a"), text(""))]), [{ type: "text", text: "a" }])
      const assistant: Message.Message = { role: "assistant", content: [text("\n\n")] }
      assert.deepStrictEqual(yield* last([said(text("a")), assistant]), [{ type: "text", text: "a" }])
    })
  )

  it.effect("with a provider's metadata is sent to that provider, and to no other", () =>
    Effect.gen(function* () {
      const signed: Message.TextPart = { type: "text", text: "", metadata: { google: { thoughtSignature: "s" } } }
      const history: ReadonlyArray<Message.Message> = [said(text("a")), { role: "assistant", content: [signed] }]
      assert.deepStrictEqual(yield* last(history, "google.generative-ai"), [
        { type: "text", text: "", providerOptions: { google: { thoughtSignature: "s" } } }
      ])
      assert.deepStrictEqual(yield* last(history, "openai.chat"), [{ type: "text", text: "a" }])
    })
  )

  it.effect.each<readonly [Partial<Message.ResultPart>, unknown]>([
    [{ result: "" }, { type: "text", value: "(no output)" }],
    [{ result: null }, { type: "json", value: null }],
    [
      { result: "x", content: [text("")] },
      { type: "text", value: "(no output)" }
    ],
    [
      { result: " ", status: "failed" },
      { type: "error-text", value: "The tool call failed without a message" }
    ],
    [
      { result: "x", content: [text(""), file("image/png", png)] },
      { type: "content", value: [{ type: "file", mediaType: "image/png", data: { type: "data", data: png } }] }
    ]
  ])("in the result %j is sent or left out as it should", ([part, sent]) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* output(part), sent)
    })
  )
})

describe("a failure that was too long", () => {
  it.effect("is sent shortened, and still as a failure", () =>
    Effect.gen(function* () {
      const cut = { result: "x".repeat(9000), content: [text("x […]")], status: "failed" as const }
      assert.deepStrictEqual(yield* output(cut), { type: "error-text", value: "x […]" })
    })
  )
})

describe("a file", () => {
  it.effect.each<readonly [string, string, string, string]>([
    ["application/octet-stream", `data:image/gif;base64,${png}`, "image/gif", png],
    ["image/png", `data:;base64,${png}`, "image/png", png],
    ["IMAGE/JPG; q=1", png, "image/jpeg", png],
    ["image/*", png, "image/png", png],
    ["image", png, "image/png", png],
    ["", "JVBERi0=", "application/pdf", "JVBERi0="],
    ["application/octet-stream", "JVBERi0=", "application/pdf", "JVBERi0="],
    ["audio/*", "UklGRiQAAABXQVZFZm10IA==", "audio/wav", "UklGRiQAAABXQVZFZm10IA=="],
    ["image/*", "JVBERi0=", "image/*", "JVBERi0="],
    ["text/plain; charset=utf-8", "aGk=", "text/plain", "aGk="],
    ["", "data:text/plain,a%20b", "text/plain", "YSBi"],
    ["png", png, "image/png", png],
    ["w", "AAAA", "application/octet-stream", "AAAA"]
  ])("of type %j as %s is sent as %s", ([type, data, told, bytes]) =>
    Effect.gen(function* () {
      const [part] = (yield* last([said(file(type, data))])) ?? []
      assert.deepStrictEqual<unknown>(part, { type: "file", mediaType: told, data: { type: "data", data: bytes } })
    })
  )

  it.effect("at an address keeps its type", () =>
    Effect.gen(function* () {
      const url = "https://example.org/a.pdf"
      const [part] = (yield* last([said(file("image/*", url))])) ?? []
      const data = { type: "url", url: new URL(url), originalUrl: url }
      assert.deepStrictEqual<unknown>(part, { type: "file", mediaType: "image/*", data })
    })
  )

  it.effect.prop(
    "is sent or replaced by a text, whatever its type and its data",
    { type: Schema.String, data: Schema.String },
    (one) =>
      Effect.gen(function* () {
        const [part] = (yield* last([said(file(one.type, one.data))])) ?? []
        assert.match(
          JSON.stringify(part),
          /"type":"file","mediaType":"[\w.+-]+\/[\w.+*-]+"|"text":"\(a file of type [^ ]+\/[^ ]+, which/
        )
      })
  )

  it.effect.each(["no base64!", "", "data:image/png;base64,"])("without bytes (%j) is replaced by a text", (data) =>
    Effect.gen(function* () {
      assert.deepStrictEqual<unknown>(yield* last([said(file("image/png", data))]), [
        { type: "text", text: "(a file of type image/png, which cannot be sent to this model)" }
      ])
    })
  )

  it.effect("that a package refuses is replaced by a text, with a warning, and is not sent again", () =>
    Effect.gen(function* () {
      const taking = fake([finish()], [finish()])
      let tries = 0
      const model: LanguageModelV4 = {
        ...taking,
        doStream: (options) => {
          tries++
          const refused = JSON.stringify(options.prompt).includes('"mediaType":"video/mp4"')
          return refused
            ? Promise.reject(new UnsupportedFunctionalityError({ functionality: "file part media type video/mp4" }))
            : taking.doStream(options)
        }
      }
      const port = AiSdkModel.make(model)
      const parts: Array<ModelPart> = []
      const request = asking([said(text("a"), file("video/mp4", "AAAA"), file("image/png", png))])
      const attempt = port.attempt(request, (some) => void parts.push(...some))
      yield* attempt
      assert.strictEqual(tries, 2)
      yield* attempt
      assert.strictEqual(tries, 3)
      for (const { prompt } of taking.asked) {
        assert.deepStrictEqual<unknown>(prompt[0]?.content, [
          { type: "text", text: "a" },
          { type: "text", text: "(a file of type video/mp4, which cannot be sent to this model)" },
          { type: "file", mediaType: "image/png", data: { type: "data", data: png } }
        ])
      }
      assert.deepStrictEqual(
        parts.filter(({ type }) => type === "warning"),
        Array.from({ length: 2 }, () => ({
          type: "warning" as const,
          message: "files of type video/mp4 cannot be sent to this model: a text in their place says so"
        }))
      )
    })
  )

  it.effect("is not blamed for what a package refuses for another reason", () =>
    Effect.gen(function* () {
      const refusal = new UnsupportedFunctionalityError({ functionality: "tool choice" })
      let tries = 0
      const model: LanguageModelV4 = {
        ...fake(),
        doStream: () => {
          tries++
          return Promise.reject(refusal)
        }
      }
      const { failure } = yield* ask(model, undefined, asking([said(text("a"), file("image/png", png))]))
      assert.strictEqual(failure._tag === "Some" ? failure.value._tag : undefined, "InvalidRequest")
      assert.strictEqual(tries, 2)
    })
  )

  it.effect.each(["openai.chat", "groq.chat", "mistral.chat", "cohere.chat", "openai-compatible.chat"])(
    "of a tool's result is sent to %s in a message of its own, since the result is text there",
    (provider) =>
      Effect.gen(function* () {
        const model = { ...fake([finish()]), provider }
        const shown = result({ result: "x", content: [text("seen"), file("image/png", png)] })
        yield* ask(model, undefined, asking([said(text("go")), shown, said(text("more"))]))
        const [, tool, apart, more] = model.asked[0]?.prompt ?? []
        assert.deepNestedInclude(tool, {
          role: "tool",
          "content[0].output": { type: "text", value: "seen\n(a file, which is in the message after the results)" }
        })
        assert.deepStrictEqual<unknown>(apart?.content, [
          { type: "text", text: "Files of the result of look:" },
          { type: "file", mediaType: "image/png", data: { type: "data", data: png } }
        ])
        assert.deepStrictEqual<unknown>(more?.content, [{ type: "text", text: "more" }])
      })
  )

  it.effect("and a mark of another provider's are not sent to Mistral as an assistant's", () =>
    Effect.gen(function* () {
      const assistant: Message.Message = {
        role: "assistant",
        content: [
          text("look"),
          file("image/png", png),
          { type: "file", mediaType: "image/png", data: png, metadata: { reins: { kind: "reasoning-file" } } },
          { type: "reasoning", text: "", metadata: { reins: { kind: "custom", custom: "a.b" }, a: { kept: 1 } } }
        ]
      }
      assert.deepStrictEqual<unknown>(yield* last([said(text("go")), assistant], "mistral.chat"), [
        { type: "text", text: "look" },
        { type: "text", text: "(a file of type image/png, which cannot be sent to this model)" }
      ])
    })
  )
})

describe("a call that another provider ran", () => {
  const call = (id: string): Message.CallPart => ({
    type: "tool-call",
    id,
    name: "search",
    args: {},
    execution: "provider",
    metadata: { anthropic: { kept: true } }
  })
  const found = (id: string): Message.ResultPart => ({
    type: "tool-result",
    id,
    name: "search",
    result: id,
    metadata: { anthropic: { kept: true } }
  })
  const history: ReadonlyArray<Message.Message> = [
    said(text("go")),
    { role: "assistant", content: [call("a"), call("b"), found("a"), found("b"), text("so"), call("late")] }
  ]
  const shape = (provider: string) =>
    Effect.gen(function* () {
      const model = { ...fake([finish()]), provider }
      yield* ask(model, undefined, asking(history))
      return model.asked[0]?.prompt.map(({ content, role }) => [
        role,
        Array.isArray(content) ? content.map((part) => part.type) : content
      ])
    })

  it.effect.each(["mistral.chat", "openai.chat", "openai.responses", "google.generative-ai"])(
    "is an ordinary call with its result for %s",
    (provider) =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* shape(provider), [
          ["user", ["text"]],
          ["assistant", ["tool-call", "tool-call"]],
          ["tool", ["tool-result", "tool-result"]],
          ["assistant", ["text"]]
        ])
      })
  )

  it.effect("has a name that the other provider accepts", () =>
    Effect.gen(function* () {
      const model = { ...fake([finish()]), provider: "mistral.chat" }
      const ran = { ...call("a"), name: "mcp.look" }
      const content = [ran, { ...found("a"), name: "mcp.look" }]
      yield* ask(model, undefined, asking([said(text("go")), { role: "assistant", content }]))
      const [options] = model.asked
      assert.deepNestedInclude(options?.prompt[1], { "content[0].toolName": "mcp_look" })
      assert.deepNestedInclude(options?.prompt[2], { "content[0].toolName": "mcp_look" })
      assert.deepStrictEqual(
        options?.tools?.map(({ name }) => name),
        ["mcp_look"]
      )
    })
  )

  it.effect.each(["anthropic.messages", "own.name"])("goes back unchanged to %s", (provider) =>
    Effect.gen(function* () {
      assert.deepStrictEqual((yield* shape(provider))?.slice(1), [
        ["assistant", ["tool-call", "tool-call", "tool-result", "tool-result", "text", "tool-call"]]
      ])
    })
  )
})
