import { assert, describe, it } from "@effect/vitest"
import { dialect as agUi } from "@reins/wire/ag-ui"
import { dialect as aiSdk } from "@reins/wire/ai-sdk"
import { dialect as kai } from "@reins/wire/kai"
import { dialect as chat } from "@reins/wire/openai-chat"
import { dialect as responses } from "@reins/wire/openai-responses"
import type { Dialect } from "@reins/wire"
import type { Message } from "@reins/protocol"
import { Result } from "effect"

/** The prompt of a request. */
const promptOf = (dialect: Dialect.Dialect, path: string, body: object): Message.Prompt => {
  const route = dialect.routes.find((one) => one.path === path && one.method === "POST") ?? assert.fail(path)
  const { command } = Result.getOrThrow(route.decode({ params: {}, query: {}, headers: {}, body }))
  return command._tag === "StartQuery" ? command.prompt : assert.fail(command._tag)
}

const typesOf = (prompt: Message.Prompt): ReadonlyArray<string> =>
  typeof prompt === "string" ? [] : prompt.flatMap((part) => (part.type === "file" ? [part.mediaType] : []))

/** URLs, and the media types that their files have. */
const images = {
  "data:image/png;base64,AA==": "image/png",
  "https://example.com/a.JPEG?size=2": "image/jpeg",
  "https://example.com/a": "image/*"
}
const documents = { "data:text/plain;charset=utf-8;base64,AA==": "text/plain;charset=utf-8" }

describe("files in messages", () => {
  it("keep their whole media type in Chat Completions", () => {
    const content = [
      ...Object.keys(images).map((url) => ({ type: "image_url", image_url: { url } })),
      ...Object.keys(documents).map((file_data) => ({ type: "file", file: { file_data, filename: "a.txt" } })),
      { type: "input_audio", input_audio: { data: "AA==", format: "mp3" } }
    ]
    const prompt = promptOf(chat, "/chat/completions", { model: "a", messages: [{ role: "user", content }] })
    assert.deepStrictEqual(typesOf(prompt), [...Object.values(images), ...Object.values(documents), "audio/mpeg"])
  })

  it("keep their whole media type in Responses", () => {
    const content = [
      ...Object.keys(images).map((image_url) => ({ type: "input_image", image_url })),
      ...Object.keys(documents).map((file_data) => ({ type: "input_file", file_data, filename: "a.txt" }))
    ]
    const prompt = promptOf(responses, "/responses", { input: [{ role: "user", content }] })
    assert.deepStrictEqual(typesOf(prompt), [...Object.values(images), ...Object.values(documents)])
  })

  it("keep their whole media type in AG-UI, AI SDK and Kai, also where only the URL says it", () => {
    const url = "data:text/plain;charset=utf-8;base64,AA=="
    const content = [
      { type: "image", source: { type: "url", value: "https://example.com/a.webp" } },
      { type: "document", source: { type: "url", value: url } }
    ]
    const run = { threadId: "t", runId: "r", messages: [{ id: "m", role: "user", content }] }
    assert.deepStrictEqual(typesOf(promptOf(agUi, "/run", run)), ["image/webp", "text/plain;charset=utf-8"])
    const parts = [
      { type: "file", mediaType: "application/octet-stream", url },
      { type: "file", mediaType: "text/markdown; charset=utf-8", url }
    ]
    const types = ["text/plain;charset=utf-8", "text/markdown; charset=utf-8"]
    const message = { id: "m", role: "user", parts }
    assert.deepStrictEqual(typesOf(promptOf(aiSdk, "/chat", { id: "t", messages: [message] })), types)
    assert.deepStrictEqual(typesOf(promptOf(kai, "/api/chat", { id: "t", message })), types)
  })
})
