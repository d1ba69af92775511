import { assert, describe, it } from "@effect/vitest"
import { HttpAgent } from "@ag-ui/client"
import type { Interrupt, Message } from "@ag-ui/client"
import { dialect } from "@reins/wire/ag-ui"
import { Effect } from "effect"
import * as Served from "../server/Served.ts"
import { asText, fold } from "../wire/Play.ts"
import { scenarios } from "../wire/Scenarios.ts"
import { lawful } from "../wire/Suite.ts"
import { Host } from "./Host.ts"

const run = async (prompt: string) => {
  const host = new Host(dialect)
  const agent = new HttpAgent({
    url: "http://localhost/run",
    threadId: "thread-1",
    initialMessages: [{ id: "u1", role: "user", content: prompt }],
    fetch: host.fetch
  })
  const failures: Array<string> = []
  for (let answer = 0; answer === 0 || !host.isOver; answer++) {
    const open: Array<Interrupt> = []
    const pending: Array<string> = []
    if (answer > 0) {
      const waiting = agent.messages.flatMap((message) =>
        message.role === "assistant" ? (message.toolCalls ?? []).map(({ id }) => id) : []
      )
      const settled = new Set(agent.messages.map((message) => (message.role === "tool" ? message.toolCallId : "")))
      pending.push(...waiting.filter((id) => !settled.has(id)))
      open.push(...agent.pendingInterrupts)
      if (open.length === 0) {
        for (const id of pending) {
          const result: Message = { id: `mine-${id}`, role: "tool", toolCallId: id, content: '{"lat":1.5}' }
          agent.addMessage(result)
        }
      }
    }
    const resume = open.map(({ id }) => ({
      interruptId: id,
      status: "resolved" as const,
      payload: { approved: true }
    }))
    await agent.runAgent(
      { runId: `their-run-${answer}`, ...(resume.length === 0 ? {} : { resume }) },
      { onRunErrorEvent: ({ event }) => void failures.push(event.message) }
    )
  }
  return { agent, failures, host }
}

describe("@ag-ui/client", () => {
  it.each(scenarios)("accepts, verifier and all: %s", async (name, log) => {
    const { agent, failures } = await run(`scenario ${name}`)
    assert.deepStrictEqual(failures, name === "error" ? ["the model is gone"] : [])
    const text = agent.messages
      .map((message) =>
        message.role === "assistant" && message.subagentRunId === undefined ? (message.content ?? "") : ""
      )
      .join("")
    assert.strictEqual(text, fold(log).kept)
    for (const [id, settled] of fold(log).results) {
      const result = agent.messages.find((message) => message.role === "tool" && message.toolCallId === id)
      assert.strictEqual(result?.content, asText(settled))
    }
  })

  it("accepts any valid log", async () => {
    for (const [seed, log] of lawful(60)) {
      const { agent, failures } = await run(`seed ${seed}`)
      const hasFailed = log.at(-1)?.event.type === "error"
      assert.deepStrictEqual(failures, hasFailed ? ["the model is gone"] : [], `seed ${seed}`)
      const text = agent.messages
        .map((message) =>
          message.role === "assistant" && message.subagentRunId === undefined ? (message.content ?? "") : ""
        )
        .join("")
      assert.strictEqual(text, fold(log).kept, `seed ${seed}`)
    }
  })
})

describe("@ag-ui/client over a thread of several runs", () => {
  it.live("goes back to the run that it names as parent, with its verifier, and to one that was replaced", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      let parentRunId: string | undefined
      /** One message alone, so that only the parent says where it belongs. */
      const ask = (runId: string, content: string, parent?: string) =>
        Effect.promise(async () => {
          parentRunId = parent
          const agent = new HttpAgent({
            url: `${served.url}/ag-ui/run`,
            threadId: "tree",
            headers: { authorization: "Bearer dev-key" },
            initialMessages: [{ id: `of ${runId}`, role: "user", content }]
          })
          agent.use((input, next) => next.run(parentRunId === undefined ? input : { ...input, parentRunId }))
          const failures: Array<string> = []
          const told = {
            onRunErrorEvent: ({ event }: { readonly event: { readonly message: string } }) =>
              void failures.push(event.message)
          }
          const { newMessages } = await agent.runAgent({ runId }, told).catch((error: unknown) => {
            failures.push(String(error))
            return { newMessages: [] }
          })
          const last = newMessages.findLast((message) => message.role === "assistant")
          return failures.length > 0 ? failures.join() : String(last?.content)
        })
      const past = (text: string): string =>
        JSON.parse(text)
          .messages.flatMap(({ content }: { readonly content: ReadonlyArray<{ readonly text: string }> }) =>
            content.map((part) => part.text)
          )
          .join(" | ")
      yield* ask("r1", "one")
      assert.strictEqual(yield* ask("r2", "second", "r1"), "second")
      assert.strictEqual(past(yield* ask("r3", "third show", "r2")), "one | one | second | second | third show")
      // Another way on from the first run; the second and third are a branch.
      assert.strictEqual(past(yield* ask("r4", "fourth show", "r1")), "one | one | fourth show")
      // Sent again, it joins its run, and the thread stays.
      assert.strictEqual(past(yield* ask("r4", "fourth show", "r1")), "one | one | fourth show")
      // Back to the branch, behind a run that was replaced.
      assert.strictEqual(past(yield* ask("r5", "fifth show", "r2")), "one | one | second | second | fifth show")
      assert.match(
        yield* Effect.exit(ask("r6", "six", "nobody")).pipe(Effect.map(String)),
        /HTTP 404|ParentRunNotFound/
      )
      assert.strictEqual(past(yield* ask("r7", "last show", "r2")), "one | one | second | second | last show")
    })
  )

  it.live("edits and asks again by the messages that it sends, and the thread is what it shows", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const agent = new HttpAgent({
        url: `${served.url}/ag-ui/run`,
        threadId: "edited",
        headers: { authorization: "Bearer dev-key" }
      })
      const shown = () => agent.messages.map(({ content, role }) => `${role}: ${String(content)}`)
      const ask = (messages: ReadonlyArray<Message>) =>
        Effect.promise(() => {
          agent.setMessages([...messages])
          return agent.runAgent()
        })
      const says = (id: string, content: string): Message => ({ id, role: "user", content })
      const thread = Effect.gen(function* () {
        const { json } = yield* served.ask("/native/threads/edited")
        const { json: listed } = yield* served.ask("/native/threads/edited/branches")
        const messages: ReadonlyArray<{
          readonly role: string
          readonly content: ReadonlyArray<{ readonly text?: string }>
        }> = json.messages
        return {
          shown: messages.map(({ content, role }) => `${role}: ${content.map(({ text = "" }) => text).join("")}`),
          branches: listed.branches.length
        }
      })
      yield* ask([says("u1", "one")])
      yield* ask([...agent.messages, says("u2", "second")])
      assert.deepStrictEqual(yield* thread, { shown: shown(), branches: 0 })
      yield* ask([...agent.messages.slice(0, 2), says("u3", "edited")])
      assert.deepStrictEqual(shown(), ["user: one", "assistant: one", "user: edited", "assistant: edited"])
      assert.deepStrictEqual(yield* thread, { shown: shown(), branches: 1 })
      yield* ask(agent.messages.slice(0, 3))
      assert.lengthOf(agent.messages, 4)
      assert.deepStrictEqual(yield* thread, { shown: shown(), branches: 2 })
    })
  )
})
