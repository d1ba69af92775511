import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { connect as connectTo } from "node:net"
import * as Served from "./Served.ts"

type Told = Record<string, unknown> & { readonly type: string }

/** A connection of a client: what it was told so far, and a wait for what comes. */
class Peer {
  readonly told: Array<Told> = []
  readonly closed: Promise<{ readonly code: number }>
  readonly socket: WebSocket
  #wake: Array<() => void> = []

  constructor(url: string, protocols: ReadonlyArray<string>) {
    this.socket = new WebSocket(url.replace(/^http/, "ws"), [...protocols])
    this.socket.addEventListener("message", ({ data }) => {
      this.told.push(JSON.parse(String(data)))
      for (const wake of this.#wake.splice(0)) wake()
    })
    this.closed = new Promise((resolve) => {
      this.socket.addEventListener("close", ({ code }) => {
        resolve({ code })
        for (const wake of this.#wake.splice(0)) wake()
      })
    })
  }

  readonly opened = (): Promise<boolean> =>
    new Promise((resolve) => {
      this.socket.addEventListener("open", () => resolve(true))
      this.socket.addEventListener("error", () => resolve(false))
    })

  readonly say = (message: unknown): void =>
    this.socket.send(typeof message === "string" ? message : JSON.stringify(message))

  /** The first message that fits, which may have come already. */
  readonly until = async (fits: (told: Told) => boolean): Promise<Told> => {
    for (;;) {
      const found = this.told.find(fits)
      if (found !== undefined) return found
      if (this.socket.readyState === WebSocket.CLOSED) throw new Error(`closed: ${JSON.stringify(this.told)}`)
      await new Promise<void>((resolve) => this.#wake.push(resolve))
    }
  }
}

const connect = (served: Served.Served, path = "/native/socket", key = "dev-key") =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const peer = new Peer(served.url + path, ["reins", `bearer.${key}`])
      assert.isTrue(await peer.opened())
      return peer
    }),
    (peer) => Effect.sync(() => peer.socket.close())
  )

const of = (peer: Peer, id: string, type = "event") =>
  peer.told.filter((told) => told["id"] === id && told.type === type)
const isEnd = (id: string) => (told: Told) => told.type === "end" && told["id"] === id

describe("a WebSocket of the native interface", () => {
  it.live("answers concurrent queries, and a watch with exactly what the client has not seen", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const peer = yield* connect(served)
      yield* Effect.promise(async () => {
        peer.say({ type: "query", id: "1", query: { prompt: "held" } })
        peer.say({ type: "query", id: "2", query: { prompt: "tool", threadId: "t" } })
        await peer.until(isEnd("2"))
        assert.isFalse(peer.told.some(isEnd("1")))
        await Effect.runPromise(served.scene.hold.release)
        await peer.until(isEnd("1"))
      })
      const started = peer.told.find(({ id, type }) => id === "2" && type === "start")
      const sse = yield* served.ask(`/native/runs/${String(started?.["runId"])}/events`)
      assert.deepStrictEqual(
        of(peer, "2").map(({ event, seq }) => [`${String(seq)}`, event]),
        sse.frames.map(({ data, id }) => [id, JSON.parse(data)])
      )
      const after = Number(of(peer, "2")[3]?.["seq"])
      peer.say({ type: "watch", id: "3", runId: started?.["runId"], after, view: "all" })
      yield* Effect.promise(() => peer.until(isEnd("3")))
      assert.isTrue(
        of(peer, "3").every(({ event, seq }) => Number(seq) > after && (event as { seq: number }).seq === seq)
      )
    })
  )

  it.live("takes answers, cancels and results, and goes on", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const peer = yield* connect(served)
      yield* Effect.promise(async () => {
        peer.say({ type: "query", id: "q", query: { prompt: "gated" } })
        const asked = await peer.until((told) => (told["event"] as Told)?.type === "approval-required")
        const { id: approvalId } = (asked["event"] as { data: { id: string } }).data
        peer.say({ type: "approvals", id: "list" })
        const listed = await peer.until(({ id }) => id === "list")
        assert.strictEqual(JSON.stringify(listed).includes(approvalId), true)
        peer.say({ type: "answer", id: "a", approvalId, decision: { type: "approve" } })
        assert.deepInclude(await peer.until(({ id }) => id === "a"), { type: "reply", status: 202 })
        await peer.until(isEnd("q"))
        peer.say({ type: "answer", id: "b", approvalId: "unknown", decision: { type: "approve" } })
        assert.deepInclude(await peer.until(({ id }) => id === "b"), { type: "error", status: 404 })
        peer.say({ type: "query", id: "h", query: { prompt: "held" } })
        const { runId } = await peer.until(({ id, type }) => id === "h" && type === "start")
        peer.say({ type: "cancel", id: "c", runId })
        await peer.until(isEnd("h"))
      })
      assert.include(JSON.stringify(of(peer, "h")), '"finishReason":"cancelled"')
    })
  )

  it.live("is refused without a key and shows nothing of another tenant", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const foreign = new Peer(`${served.url}/native/socket`, ["reins", "bearer.wrong"])
      assert.isFalse(yield* Effect.promise(foreign.opened))
      assert.strictEqual((yield* served.ask("/native/socket", { key: "" })).status, 401)
      assert.strictEqual((yield* served.ask("/native/socket")).status, 400)
      const mine = yield* served.ask("/native/query", { body: { prompt: "hello" } })
      const peer = yield* connect(served, "/native/socket", "other-key")
      peer.say({ type: "watch", id: "w", runId: mine.headers.get("x-run-id") })
      const told = yield* Effect.promise(() => peer.until(({ id }) => id === "w"))
      assert.deepInclude(told, { type: "error", status: 404 })
    })
  )

  it.live("reports an invalid message, and continues", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve({ limits: { requests: { perSecond: 0.001, burst: 3 } } })
      const peer = yield* connect(served)
      yield* Effect.promise(async () => {
        peer.say({ type: "dance", id: "x" })
        assert.deepInclude(await peer.until(({ id }) => id === "x"), { type: "error", status: 400 })
        peer.say({ type: "query", id: "y", query: {} })
        const told = await peer.until(({ id }) => id === "y")
        assert.include(JSON.stringify(told), "prompt")
        peer.say({ type: "ping" })
        await peer.until(({ type }) => type === "pong")
        peer.say({ type: "query", id: "1", query: { prompt: "held" } })
        peer.say({ type: "query", id: "1", query: { prompt: "hello" } })
        await peer.until(({ type, error }) => type === "error" && JSON.stringify(error).includes("IdTaken"))
        peer.say({ type: "query", id: "2", query: { prompt: "hello" } })
        peer.say({ type: "query", id: "3", query: { prompt: "hello" } })
        await peer.until(({ id, type }) => id === "3" && type === "error")
        await Effect.runPromise(served.scene.hold.release)
        await peer.until(isEnd("1"))
      })
      assert.deepInclude(of(peer, "3", "error")[0], { status: 429 })
    })
  )

  it.live.each([
    ["bytes", 1003, new Uint8Array([1])],
    ["a text that is not JSON", 1007, "{"],
    ["a message above the limit", 1009, JSON.stringify({ type: "ping", more: "x".repeat(2000) })]
  ] as const)("is closed for %s with %d", ([, code, message]) =>
    Effect.gen(function* () {
      const served = yield* Served.serve({ maxBodyBytes: 1000 })
      const peer = yield* connect(served)
      peer.socket.send(message)
      assert.strictEqual((yield* Effect.promise(() => peer.closed)).code, code)
    })
  )

  it.live("is pinged while it is silent, and closed with 1001 when the server closes", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve({ keepAlive: "40 millis" })
      const peer = yield* connect(served)
      peer.say({ type: "query", id: "1", query: { prompt: "held" } })
      yield* Effect.promise(() => peer.until(({ type }) => type === "ping"))
      yield* served.close
      assert.strictEqual((yield* Effect.promise(() => peer.closed)).code, 1001)
      assert.isFalse(peer.told.some(isEnd("1")))
    })
  )

  it.live("sends no more than its client takes, and the rest when it goes on", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const word = "w".repeat(64 * 1024)
      const prompt = Array.from({ length: 500 }, () => word).join(" ")
      const { runId } = yield* served.runtime.start(prompt, { resourceId: "dev" })
      yield* Served.drained(served.runtime.watch(runId))
      const socket = connectTo(Number(new URL(served.url).port), "127.0.0.1")
      const watch = Buffer.from(JSON.stringify({ type: "watch", id: "1", runId }))
      const upgrade = `GET /native/socket HTTP/1.1\r\nhost: x\r\nauthorization: Bearer dev-key\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: x3JJHMbDL1EzLkh9GBhXDw==\r\nsec-websocket-version: 13\r\n\r\n`
      yield* Effect.promise(
        () =>
          new Promise<void>((resolve) => {
            socket.write(upgrade)
            socket.once("data", () => {
              socket.pause()
              // One text, masked with zeros.
              socket.write(Buffer.concat([Buffer.from([0x81, 0x80 + watch.length, 0, 0, 0, 0]), watch]))
              resolve()
            })
          })
      )
      // A reader that takes everything comes after the one that takes nothing.
      for (let reader = 0; reader < 2; reader += 1) yield* served.ask(`/native/runs/${runId}/events`)
      assert.isBelow(served.sockets[0]?.writableLength ?? Infinity, 1_000_000)
      const last = yield* Effect.promise(
        () =>
          new Promise<string>((resolve) => {
            let seen = ""
            socket.on("data", (chunk) => {
              seen = `${seen}${chunk.toString("latin1")}`.slice(-200)
              if (seen.includes('{"type":"end"')) resolve(seen)
            })
            socket.resume()
          })
      )
      assert.include(last, '"id":"1"')
      socket.destroy()
    })
  )

  it.live("handles its runs as a stream does when the client disconnects", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve({ onDisconnect: "cancel" })
      const peer = yield* connect(served)
      peer.say({ type: "query", id: "1", query: { prompt: "held" } })
      const { runId } = yield* Effect.promise(() => peer.until(({ type }) => type === "start"))
      yield* served.scene.hold.reached
      peer.socket.close()
      const log = yield* Stream.runCollect(served.runtime.watch(String(runId)))
      assert.include(JSON.stringify(log), '"finishReason":"cancelled"')
    })
  )
})
