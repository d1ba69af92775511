/** A page with `useChat` that is opened again: the thread's messages, then the active run's stream. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Served from "./Served.ts"

const words = (text: string, id: string) => ({ id, role: "user", parts: [{ type: "text", text }] })

describe("the messages of a chat", () => {
  it.live("sent back with another question do not change what the model gets", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      yield* served.ask("/ai-sdk/chat", { body: { id: "t", messages: [words("tool", "1")] } })
      yield* served.ask("/ai-sdk/chat", { body: { id: "t", messages: [words("so far", "2")] } })
      const { json } = yield* served.ask("/ai-sdk/chat/t/messages")
      assert.deepStrictEqual(
        json.map(({ role }: { role: string }) => role),
        ["user", "assistant", "user", "assistant"]
      )
      assert.deepStrictEqual(
        json[1].parts.map(({ state, type }: { state?: string; type: string }) => [type, state]),
        [
          ["step-start", undefined],
          ["tool-plain", "output-available"],
          ["step-start", undefined],
          ["text", "done"]
        ]
      )
      const before = yield* served.runtime.threads.get("dev/t", { resourceId: "dev" })
      yield* served.ask("/ai-sdk/chat", { body: { id: "t", messages: [...json, words("more", "3")] } })
      const after = yield* served.runtime.threads.get("dev/t", { resourceId: "dev" })
      assert.deepStrictEqual(after.slice(0, before.length), before)
      assert.deepStrictEqual(served.scene.model.requests.at(-1)?.messages.slice(0, before.length), before)
    })
  )

  it.live("do not include the answer of an active run, which is in its stream", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      yield* served.ask("/ai-sdk/chat", { body: { id: "t", messages: [words("one", "1")] } })
      yield* served.ask("/ai-sdk/chat", { body: { id: "t", messages: [words("gated", "2")] } })
      const { json } = yield* served.ask("/ai-sdk/chat/t/messages")
      assert.deepStrictEqual(
        json.map(({ role }: { role: string }) => role),
        ["user", "assistant", "user"]
      )
      assert.deepStrictEqual(json[2].parts, [{ type: "text", text: "gated" }])
      const { frames } = yield* served.ask("/ai-sdk/chat/t/stream")
      assert.isTrue(frames.some(({ data }) => data.includes('"tool-approval-request"')))
    })
  )

  it.live("have the ids that their client gave and was given, however many runs there were", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const told: Array<string> = []
      for (let count = 1; count <= 110; count += 1) {
        const message = words("hello", `own-${count}`)
        const { frames } = yield* served.ask("/ai-sdk/chat", { body: { id: "t", messages: [message] } })
        told.push(`own-${count}`, JSON.parse(frames[0]?.data ?? "{}").messageId)
      }
      const { json } = yield* served.ask("/ai-sdk/chat/t/messages")
      assert.deepStrictEqual(
        json.map(({ id }: { readonly id: string }) => id),
        told
      )
    })
  )

  it.live("of another tenant, and of no chat, are not found", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      yield* served.ask("/ai-sdk/chat", { body: { id: "t", messages: [words("one", "1")] } })
      const other = yield* served.ask("/ai-sdk/chat/t/messages", { key: "other-key" })
      const none = yield* served.ask("/ai-sdk/chat/none/messages")
      assert.deepStrictEqual([other.status, none.status], [404, 404])
    })
  )
})
