import { assert, describe, it } from "@effect/vitest"
import { Checker } from "@reins/wire/check"
import type { Violation } from "@reins/wire/check"
import { Effect } from "effect"
import { spawn } from "node:child_process"
import { join } from "node:path"
import { createInterface } from "node:readline"

const main = join(import.meta.dirname, "..", "..", "examples", "serve-all", "stdio.ts")

interface Told {
  readonly id?: number
  readonly method?: string
  // oxlint-disable-next-line typescript/no-explicit-any -- parsed JSON, read field by field
  readonly params?: Record<string, any>
  readonly result?: Record<string, unknown>
  readonly error?: { readonly code: number; readonly data: { readonly kind: string } }
}

/** A host with its sidecar, for the duration of a test. */
const host = (...flags: ReadonlyArray<string>) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const sidecar = spawn(process.execPath, [main, "sidecar", ...flags])
      const told: Array<Told> = []
      let errors = ""
      const waiting: Array<() => void> = []
      const checker = new Checker({ dialect: "steerable" })
      const violations: Array<Violation> = []
      createInterface({ input: sidecar.stdout }).on("line", (line) => {
        told.push(JSON.parse(line))
        violations.push(...checker.push(`${line}\n`))
        for (const wake of waiting.splice(0)) wake()
      })
      sidecar.stderr.on("data", (chunk) => (errors += String(chunk)))
      const exited = new Promise<number | null>((resolve) => sidecar.on("exit", resolve))
      let ids = 0
      const until = async (fits: (one: Told) => boolean): Promise<Told> => {
        for (;;) {
          const found = told.find(fits)
          if (found !== undefined) return found
          await new Promise<void>((resolve) => waiting.push(resolve))
        }
      }
      const call = (method: string, params: object = {}): Promise<Told> => {
        ids += 1
        const id = ids
        sidecar.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", id, method, params })}\n`)
        return until((one) => one.id === id)
      }
      return { sidecar, told, until, call, exited, violations, errors: () => errors }
    }),
    ({ sidecar, told, violations }) =>
      Effect.sync(() => {
        sidecar.kill()
        // Whatever it said, to the end of the test, follows the protocol.
        assert.deepStrictEqual(violations, [])
        assert.isNotEmpty(told)
      })
  )

const chat = (streamId: string, content: string, sessionId?: string) => ({
  provider: "scripted",
  model: "assistant",
  messages: [{ role: "user", content }],
  streamId,
  ...(sessionId === undefined ? {} : { sessionId })
})

const ofStream = (streamId: string, method: string) => (one: Told) =>
  one.method === method && one.params?.["streamId"] === streamId

describe("the sidecar as a process", () => {
  it.live("runs tools by hand, with consent where they ask, and traces each", () =>
    Effect.gen(function* () {
      const { call } = yield* host("--quiet-ready")
      yield* Effect.promise(async () => {
        const invoke = (name: string, args: object, more: object = {}) =>
          call("tool.invoke", { name, arguments: args, ...more })
        const found = await invoke("lookup", { query: "tides" }, { id: "c1" })
        assert.deepInclude(found.result, { success: true, callId: "c1", data: { answer: "all about tides" } })
        const failed = await invoke("flaky", { reason: "the shelf is empty" })
        assert.deepInclude(failed.result, { success: false, needsFollowup: true })
        assert.deepInclude((await invoke("lookup", {})).result, { success: false, needsFollowup: true })
        assert.deepInclude((await invoke("unknown", {})).result, {
          success: false,
          terminal: false,
          needsFollowup: false
        })
        const mail = { to: "mia@example.com", subject: "hello" }
        const refused = await invoke("send_mail", mail)
        assert.deepInclude(refused.error, { code: -32020, data: { kind: "policy_denied" } })
        const sent = await invoke("send_mail", mail, { consentGranted: true })
        assert.deepInclude(sent.result, { success: true, data: { sent: "mia@example.com" } })
        // A question to a person is no tool to run by hand.
        const question = await invoke("AskPerson", { question: "Which?" }, { consentGranted: true })
        assert.deepInclude(question.result, { success: false, terminal: false })
        const trace = await call("trace.fetch", { traceId: found.result?.["traceId"] })
        assert.deepInclude(trace.result?.["trace"], { status: "completed" })
        const spans = trace.result?.["spans"] as ReadonlyArray<{ readonly kind: string; readonly name: string }>
        assert.deepStrictEqual(
          spans.map(({ kind, name }) => `${kind} ${name}`),
          ["agent run", "step step 1", "tool lookup"]
        )
      })
    })
  )

  it.live("says that it is ready, streams, and ends each stream once", () =>
    Effect.gen(function* () {
      const { call, errors, exited, told, until } = yield* host()
      yield* Effect.promise(async () => {
        await until(({ method }) => method === "lifecycle.ready")
        const ping = await call("system.ping")
        assert.deepInclude(ping.result, { status: "ok", protocolVersion: "0.1.0" })
        assert.match(errors(), /^__SIDECAR_READY__:\{"status":"ok"/)
        const created = await call("agent.session.create", { chatId: "c", sessionId: "s", userId: "u" })
        assert.deepInclude(created.result, { sessionId: "s", chatId: "c", userId: "u" })
        assert.deepStrictEqual((await call("agent.chat.stream", chat("one", "hello you", "s"))).result, {
          streamId: "one"
        })
        await until(ofStream("one", "stream.done"))
        const deltas = told.filter(ofStream("one", "stream.chunk")).map(({ params }) => params?.["delta"] ?? "")
        assert.strictEqual(deltas.join(""), "hello you")
        const trace = await call("trace.fetch", { traceId: "one" })
        assert.deepInclude(trace.result?.["trace"], { status: "completed", sessionId: "s" })
        const tools = await call("tool.list")
        assert.include(JSON.stringify(tools.result), '"name":"lookup"')
        assert.strictEqual((await call("system.shutdown")).error, undefined)
        await until(({ method, params }) => method === "lifecycle.shutdown" && params?.["reason"] === "normal")
        assert.strictEqual(await exited, 0)
      })
      assert.strictEqual(told.filter(ofStream("one", "stream.done")).length, 1)
    })
  )

  it.live("is given consent, cancels, and says of errors what kind they are", () =>
    Effect.gen(function* () {
      const { call, errors, sidecar, exited, until } = yield* host("--quiet-ready")
      yield* Effect.promise(async () => {
        await call("agent.chat.stream", chat("asks", "scenario gated"))
        const asked = await until(
          (one) => ofStream("asks", "trace.event")(one) && JSON.stringify(one).includes("approval-required")
        )
        const { id } = (asked.params ?? {})["event"]["data"]
        const given = await call("agent.chat.consent", { streamId: "asks", approvalId: id, consentGranted: true })
        assert.strictEqual(given.error, undefined)
        assert.deepInclude((await until(ofStream("asks", "stream.done"))).params, { ok: true })
        await call("agent.chat.stream", chat("slow", "scenario slow"))
        await until(ofStream("slow", "stream.chunk"))
        await call("agent.chat.cancel", { streamId: "slow" })
        assert.deepInclude((await until(ofStream("slow", "stream.done"))).params, { cancelled: true })
        const kinds = await Promise.all([
          call("nonsense"),
          call("agent.chat.stream", {}),
          call("agent.chat.cancel", { streamId: "unknown" })
        ])
        assert.deepStrictEqual(
          kinds.map(({ error }) => error?.data.kind),
          ["method_not_found", "invalid_params", "invalid_request"]
        )
        sidecar.stdin.end()
        await until(({ method, params }) => method === "lifecycle.shutdown" && params?.["reason"] === "eof")
        assert.strictEqual(await exited, 0)
      })
      assert.strictEqual(errors(), "")
    })
  )

  it.live("cancels a stream in the same breath as it was asked for, and drops a line that is too long", () =>
    Effect.gen(function* () {
      const { call, sidecar, until } = yield* host("--quiet-ready")
      yield* Effect.promise(async () => {
        await until(({ method }) => method === "lifecycle.ready")
        const line = (id: number, method: string, params: object) =>
          `${JSON.stringify({ jsonrpc: "2.0", id, method, params })}\n`
        sidecar.stdin.write(
          line(901, "agent.chat.stream", chat("brief", "scenario slow")) +
            line(902, "agent.chat.cancel", { streamId: "brief" })
        )
        assert.strictEqual((await until(({ id }) => id === 902)).error, undefined)
        assert.deepInclude((await until(ofStream("brief", "stream.done"))).params, { cancelled: true })
        sidecar.stdin.write(line(903, "system.ping", { padding: "x".repeat(5_000_000) }))
        const refused = await until(({ error }) => error?.data.kind === "invalid_request")
        assert.match(JSON.stringify(refused), /longer than 4194304 characters\. Send a shorter one/)
        assert.deepInclude((await call("system.ping")).result, { status: "ok" })
      })
    })
  )
})
