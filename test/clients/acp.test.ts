/** The official client of the Agent Client Protocol, as an editor that starts the agent's process. */
import { client, methods, ndJsonStream } from "@agentclientprotocol/sdk"
import type { PermissionOptionKind, PromptResponse, SessionNotification } from "@agentclientprotocol/sdk"
import { assert, describe, it } from "@effect/vitest"
import { checkText } from "@reins/wire/check"
import { Effect } from "effect"
import { spawn } from "node:child_process"
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { Readable, Writable } from "node:stream"

const main = join(import.meta.dirname, "..", "..", "examples", "serve-all", "stdio.ts")

const reins = join(import.meta.dirname, "..", "..", "packages", "cli", "bin", "reins.mjs")

type Update = SessionNotification["update"]

/**
 * An editor with an agent, for the duration of a test. `choices`: which options it takes where it is asked, one after
 * the other.
 */
const editor = (
  choices: Array<PermissionOptionKind | "cancelled"> = [],
  command: ReadonlyArray<string> = [main, "acp"]
) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const agent = spawn(process.execPath, command, { stdio: ["pipe", "pipe", "inherit"] })
      const updates: Array<Update> = []
      const asked: Array<string> = []
      const shown: Array<ReadonlyArray<string>> = []
      let wake = () => {}
      const [heard, kept] = (Readable.toWeb(agent.stdout) as ReadableStream<Uint8Array>).tee()
      const stream = ndJsonStream(Writable.toWeb(agent.stdin), heard)
      // Whatever the agent says, to the end of the test, follows the protocol.
      const checked = new Response(kept).text().then((text) => checkText(text, { dialect: "acp" }))
      const connection = client()
        .onNotification(methods.client.session.update, ({ params }) => {
          updates.push(params.update)
          wake()
        })
        .onRequest(methods.client.session.requestPermission, ({ params }) => {
          asked.push(params.toolCall.toolCallId)
          shown.push([params.toolCall.title ?? "", ...params.options.map(({ name }) => name)])
          const choose = choices.shift()
          const option = params.options.find(({ kind }) => kind === choose)
          return option === undefined
            ? { outcome: { outcome: "cancelled" as const } }
            : { outcome: { outcome: "selected" as const, optionId: option.optionId } }
        })
        .connect(stream)
      const until = async (fits: (update: Update) => boolean) => {
        while (!updates.some(fits)) await new Promise<void>((resolve) => (wake = resolve))
      }
      return { agent, updates, asked, shown, until, checked, ask: connection.agent }
    }),
    ({ agent, checked }) =>
      Effect.promise(async () => {
        agent.kill()
        const { frames, violations } = await checked
        assert.isAbove(frames, 3)
        // A test may leave its agent within a turn.
        assert.deepStrictEqual(
          violations.filter(({ rule }) => rule !== "ended"),
          []
        )
      })
  )

const said = (updates: ReadonlyArray<Update>): string =>
  updates
    .map((update) =>
      update.sessionUpdate === "agent_message_chunk" && update.content.type === "text" ? update.content.text : ""
    )
    .join("")

const text = (words: string) => [{ type: "text" as const, text: words }]

describe("an editor", () => {
  it.live("opens a session, has turns, and loads it again with what was said", () =>
    Effect.gen(function* () {
      const { ask, updates } = yield* editor()
      yield* Effect.promise(async () => {
        const hello = await ask.request("initialize", { protocolVersion: 1, clientCapabilities: {} })
        assert.deepInclude(hello, { protocolVersion: 1 })
        const { sessionId } = await ask.request("session/new", { cwd: "/work", mcpServers: [] })
        const one = await ask.request<PromptResponse>("session/prompt", { sessionId, prompt: text("scenario tool") })
        assert.strictEqual(one.stopReason, "end_turn")
        const states = updates.flatMap((update) =>
          update.sessionUpdate === "tool_call" || update.sessionUpdate === "tool_call_update" ? [update.status] : []
        )
        assert.includeMembers(states, ["pending", "completed"])
        const before = said(updates)
        assert.include(before, "Done: ")
        updates.length = 0
        await ask.request("session/load", { cwd: "/work", mcpServers: [], sessionId })
        assert.strictEqual(said(updates), before)
        assert.strictEqual(updates[0]?.sessionUpdate, "user_message_chunk")
        const { sessions } = await ask.request("session/list", {})
        assert.deepStrictEqual(
          sessions.map((session) => [session.sessionId, session.cwd]),
          [[sessionId, "/work"]]
        )
        const unknown = await ask
          .request("session/prompt", { sessionId: "no", prompt: text("hello") })
          .catch((error: { readonly code: number }) => error.code)
        assert.strictEqual(unknown, -32002)
      })
    })
  )

  it.live("has the command line's assistant as its agent, and permits what it writes", () =>
    Effect.gen(function* () {
      const folder = yield* Effect.acquireRelease(
        Effect.sync(() => mkdtempSync(join(tmpdir(), "reins-editor-"))),
        (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
      )
      writeFileSync(join(folder, "ships.md"), "The schooner Aurora carried tea.\n")
      const command = [reins, "acp", "--model", "demo", "--store", "memory", "--path", folder]
      const { ask, asked, updates } = yield* editor(["allow_once"], command)
      yield* Effect.promise(async () => {
        await ask.request("initialize", { protocolVersion: 1, clientCapabilities: {} })
        const { sessionId } = await ask.request("session/new", { cwd: folder, mcpServers: [] })
        const prompt = text("What did the schooner carry?")
        const { stopReason } = await ask.request<PromptResponse>("session/prompt", { sessionId, prompt })
        assert.strictEqual(stopReason, "end_turn")
      })
      assert.lengthOf(asked, 1)
      assert.include(said(updates), "Aurora carried tea.")
      assert.include(readdirSync(folder), "reins-report.md")
    })
  )

  it.live("is asked for permission, and its choice holds", () =>
    Effect.gen(function* () {
      const { ask, asked, updates } = yield* editor(["allow_once", "reject_once", "cancelled", "allow_always"])
      yield* Effect.promise(async () => {
        const { sessionId } = await ask.request("session/new", { cwd: "/", mcpServers: [] })
        const ends: Array<string | undefined> = []
        for (let turn = 0; turn < 5; turn += 1) {
          updates.length = 0
          const { stopReason } = await ask.request<PromptResponse>("session/prompt", {
            sessionId,
            prompt: text("scenario gated")
          })
          assert.strictEqual(stopReason, "end_turn")
          const states = updates.flatMap((update) =>
            update.sessionUpdate === "tool_call_update" ? [update.status ?? undefined] : []
          )
          ends.push(states.at(-1))
        }
        assert.deepStrictEqual(ends, ["completed", "failed", "failed", "completed", "completed"])
      })
      // The last was allowed for the session before.
      assert.strictEqual(asked.length, 4)
    })
  )

  it.live("is asked a question with its options, and the choice is the answer", () =>
    Effect.gen(function* () {
      const { ask, shown, updates } = yield* editor(["allow_once", "reject_once"])
      yield* Effect.promise(async () => {
        const { sessionId } = await ask.request("session/new", { cwd: "/", mcpServers: [] })
        for (const scenario of ["question", "question-text"]) {
          const turn = { sessionId, prompt: text(`scenario ${scenario}`) }
          assert.strictEqual((await ask.request<PromptResponse>("session/prompt", turn)).stopReason, "end_turn")
        }
        assert.deepStrictEqual(shown, [
          ["Which colour?", "red", "blue", "Do not answer"],
          ["What is your name?", "Do not answer"]
        ])
        const results = updates.flatMap((update) =>
          update.sessionUpdate === "tool_call_update" && update.status !== "in_progress" ? [update.rawOutput] : []
        )
        assert.strictEqual(results[0], "red")
        assert.deepInclude(results[1], { error: "Declined" })
      })
    })
  )

  it.live("cancels a turn, and is told so; calls that it would have to run fail", () =>
    Effect.gen(function* () {
      const { ask, until, updates } = yield* editor()
      yield* Effect.promise(async () => {
        const { sessionId } = await ask.request("session/new", { cwd: "/", mcpServers: [] })
        const turn = ask.request<PromptResponse>("session/prompt", { sessionId, prompt: text("scenario slow") })
        await until(({ sessionUpdate }) => sessionUpdate === "agent_message_chunk")
        const second = await ask
          .request("session/prompt", { sessionId, prompt: text("hello") })
          .catch((error: { readonly message: string }) => error.message)
        assert.include(String(second), "active turn")
        await ask.notify("session/cancel", { sessionId })
        assert.strictEqual((await turn).stopReason, "cancelled")
        updates.length = 0
        await ask.request<PromptResponse>("session/prompt", { sessionId, prompt: text("scenario client-tool") })
        const failed = updates.find(
          (update) => update.sessionUpdate === "tool_call_update" && update.status === "failed"
        )
        assert.include(JSON.stringify(failed), "cannot run")
      })
    })
  )

  it.live("cancels a turn in the same breath as it began, and a line that is too long is refused", () =>
    Effect.gen(function* () {
      const { ask, agent } = yield* editor()
      yield* Effect.promise(async () => {
        await ask.request("initialize", { protocolVersion: 1, clientCapabilities: {} })
        const { sessionId } = await ask.request("session/new", { cwd: "/work", mcpServers: [] })
        const params = { sessionId, prompt: text("scenario slow") }
        const replies: Array<{ readonly id?: unknown; readonly result?: unknown; readonly error?: object }> = []
        const seen = new Promise<void>((resolve) => {
          createInterface({ input: agent.stdout }).on("line", (line) => {
            const said = JSON.parse(line)
            if (said.id === 77 || said.id === null) replies.push(said)
            if (replies.length === 2) resolve()
          })
        })
        agent.stdin.write(
          [
            { jsonrpc: "2.0", id: 77, method: "session/prompt", params },
            { jsonrpc: "2.0", method: "session/cancel", params: { sessionId } },
            { jsonrpc: "2.0", id: 78, method: "session/list", params: { cursor: "x".repeat(5_000_000) } }
          ]
            .map((message) => `${JSON.stringify(message)}\n`)
            .join("")
        )
        await seen
        assert.deepInclude(replies.find(({ id }) => id === 77)?.result, { stopReason: "cancelled" })
        assert.deepInclude(replies.find(({ id }) => id === null)?.error, {
          code: -32600,
          message: "The line is longer than 4194304 characters. Send a shorter one, or raise maxBodyBytes"
        })
      })
    })
  )
})
