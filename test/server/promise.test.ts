import { assert, describe, it } from "@effect/vitest"
import { createRuntime } from "@reins/runtime/promise"
import { ScriptedModel } from "@reins/runtime/testing"
import { createServer, serveAcp, serveSidecar, toNodeHandler } from "@reins/server/node"
import { toWebHandler } from "@reins/server/promise"
import { Sqlite } from "@reins/store/sqlite"
import * as OpenaiChat from "@reins/wire/openai-chat"
import { once } from "node:events"
import * as Http from "node:http"
import { connect } from "node:net"

const desk = (services?: Parameters<typeof createRuntime>[0]["services"]) =>
  createRuntime({
    model: ScriptedModel.make({
      respond: (request) => ScriptedModel.text(`You said: ${ScriptedModel.lastPrompt(request)}`)
    }),
    agents: [{ name: "desk" }],
    services
  })

const question = {
  method: "POST",
  headers: { "content-type": "application/json", authorization: "Bearer secret" },
  body: JSON.stringify({ model: "desk", messages: [{ role: "user", content: "hello" }] })
}

const answerOf = async (response: Response) => {
  const body: { readonly choices: ReadonlyArray<{ readonly message: { readonly content: string } }> } =
    await response.json()
  return body.choices[0]?.message.content
}

const thrown = (call: () => unknown): string => {
  try {
    call()
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
  return ""
}

const withKeys = { access: { secret: "acme" }, dialects: [OpenaiChat.dialect] }
const path = "/openai-chat/chat/completions"

describe("a runtime without Effect, served", () => {
  it("answers as a web handler, and stays open when the handler is disposed", async () => {
    await using runtime = desk()
    const { dispose, handler } = toWebHandler(runtime, { ...withKeys, prefix: "/ai" })
    const response = await handler(new Request(`http://app.example/ai${path}`, question))
    assert.strictEqual(await answerOf(response), "You said: hello")
    await dispose()
    assert.strictEqual((await runtime.complete("still there?")).output, "You said: still there?")
  })

  it("shares its runs with the program that made it", async () => {
    await using runtime = desk()
    const { dispose, handler } = toWebHandler(runtime, { ...withKeys, threadIds: "shared" })
    const { runId } = await runtime.complete("hello", { threadId: "t", resourceId: "acme" })
    const found = await handler(
      new Request(`http://app.example/native/runs/${runId}`, { headers: { authorization: "Bearer secret" } })
    )
    assert.strictEqual(found.status, 200)
    await dispose()
  })

  it("listens on Node, on loopback and a free port, until it is closed", async () => {
    await using runtime = desk()
    const listening = await createServer(runtime, { access: "open", dialects: [OpenaiChat.dialect] }).listen()
    assert.match(listening.url, /^http:\/\/127\.0\.0\.1:[1-9]\d*$/)
    assert.strictEqual(await answerOf(await fetch(`${listening.url}${path}`, question)), "You said: hello")
    await listening.close()
    assert.isTrue(
      await fetch(listening.url).then(
        () => false,
        () => true
      )
    )
  })

  /** What a server answers to these bytes, until it has said `end` or closes. */
  const answerTo = async (
    url: string,
    requests: ReadonlyArray<string | Uint8Array>,
    end: (told: Buffer) => boolean
  ) => {
    const socket = connect(Number(new URL(url).port), "127.0.0.1")
    let told = Buffer.alloc(0)
    for (const request of requests) socket.write(request)
    for await (const bytes of socket) {
      told = Buffer.concat([told, bytes])
      if (end(told)) break
    }
    socket.destroy()
    return told
  }

  const upgrade = (protocols: string) =>
    [
      "GET /native/socket HTTP/1.1",
      "host: 127.0.0.1",
      "connection: upgrade",
      "upgrade: websocket",
      "sec-websocket-version: 13",
      "sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==",
      `sec-websocket-protocol: ${protocols}`,
      "",
      ""
    ].join("\r\n")

  it("closes a WebSocket at a frame that announces more than the limit, before the frame has come", async () => {
    await using runtime = desk()
    await using listening = await createServer(runtime, { access: { secret: "acme" }, maxBodyBytes: 1000 }).listen()
    // A text of 2,000 bytes, of which none is sent.
    const frame = Uint8Array.of(0x81, 0x80 | 126, 2000 >> 8, 2000 & 0xff, 0, 0, 0, 0)
    const closing = Buffer.of(0x03, 1009 & 0xff)
    const told = await answerTo(listening.url, [upgrade("reins, bearer.secret"), frame], (all) => all.includes(closing))
    assert.isTrue(told.includes(closing))
  })

  it("waits for no client that neither reads nor finishes when it closes", async () => {
    await using runtime = desk()
    const listening = await createServer(runtime, { access: { secret: "acme" } }).listen()
    const start = "POST /native/query HTTP/1.1\r\nhost: x\r\nauthorization: Bearer secret\r\n"
    const open = [start, `${start}content-length: 100\r\n\r\n{`, upgrade("reins, bearer.secret")].map((request) => {
      const socket = connect(Number(new URL(listening.url).port), "127.0.0.1")
      socket.on("error", () => {})
      socket.write(request)
      return socket
    })
    // The WebSocket has been opened, and by then the others have come. From now on it answers nothing.
    await new Promise((resolve) => open[2]?.once("data", resolve))
    open[2]?.pause()
    const closed = open.slice(0, 2).map((socket) => new Promise((resolve) => socket.on("close", resolve).resume()))
    await listening.close()
    await Promise.all(closed)
    open[2]?.destroy()
  })

  it("does not repeat the key that a page offers as a subprotocol, whatever its position", async () => {
    await using runtime = desk()
    await using listening = await createServer(runtime, { access: { secret: "acme" } }).listen()
    const told = await answerTo(listening.url, [upgrade("bearer.secret, reins")], (all) => all.includes("\r\n\r\n"))
    assert.match(told.toString("latin1"), /^HTTP\/1\.1 101/)
    assert.match(told.toString("latin1"), /sec-websocket-protocol: reins\r\n/i)
    assert.notInclude(told.toString("latin1"), "bearer.secret")
  })

  it("answers with open access only under names of this machine, and of listed origins", async () => {
    await using runtime = desk()
    await using open = await createServer(runtime, { access: "open", origins: ["http://desk.lan:8080"] }).listen()
    await using wide = await createServer(runtime, { access: "open", hosts: "any" }).listen()
    await using keyed = await createServer(runtime, { access: { secret: "acme" } }).listen()
    /** A page whose own name leads here reads without an origin, and with its name as the host. */
    const told = async (url: string, host: string) => {
      const request = `GET /native/runs HTTP/1.1\r\nhost: ${host}\r\nauthorization: Bearer secret\r\nconnection: close\r\n\r\n`
      return (await answerTo(url, [request], () => false)).toString("latin1")
    }
    for (const host of [
      "evil.example",
      "evil.example:80",
      "evil.example.",
      "localhost.evil.example",
      "127.0.0.1.evil.example"
    ]) {
      const refused = await told(open.url, host)
      assert.match(refused, /^HTTP\/1\.1 403/, host)
      assert.include(refused, "HostForbidden")
      for (const { url } of [wide, keyed]) assert.match(await told(url, host), /^HTTP\/1\.1 200/, host)
    }
    for (const host of [
      "localhost:1",
      "LOCALHOST",
      "localhost.:1",
      "desk.localhost",
      "127.0.0.1:1",
      "[::1]:1",
      "192.168.0.7",
      "desk.lan:1",
      "desk.lan."
    ]) {
      assert.match(await told(open.url, host), /^HTTP\/1\.1 200/, host)
    }
  })

  it("does not listen on a network with open access", async () => {
    await using runtime = desk()
    const refused = await createServer(runtime, { access: "open" })
      .listen({ host: "0.0.0.0" })
      .then(() => "", String)
    assert.include(refused, 'access is "open" and host is "0.0.0.0"')
  })

  it("rejects at listen and at ready when its store does not open", async () => {
    await using runtime = desk(Sqlite.layer({ filename: "/no/such/folder/runs.db" }))
    const listened = await createServer(runtime, { access: "open" })
      .listen()
      .then(() => "", String)
    assert.include(listened, "/no/such/folder/runs.db")
    assert.include(await runtime.ready().then(() => "", String), "/no/such/folder/runs.db")
  })

  it("is mounted in an existing server of Node", async () => {
    await using runtime = desk()
    const handle = toNodeHandler(runtime, { ...withKeys, prefix: "/ai" })
    const server = Http.createServer((request, response) =>
      request.url?.startsWith("/ai/") ? handle(request, response) : void response.end("mine")
    )
    server.listen(0, "127.0.0.1")
    await once(server, "listening")
    const address = server.address()
    const url = `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`
    assert.strictEqual(await (await fetch(url)).text(), "mine")
    assert.strictEqual(await answerOf(await fetch(`${url}/ai${path}`, question)), "You said: hello")
    await handle.dispose()
    server.close()
    server.closeAllConnections()
  })

  it("asks a function who may send requests", async () => {
    await using runtime = desk()
    const { dispose, handler } = toWebHandler(runtime, {
      dialects: [OpenaiChat.dialect],
      access: async ({ headers, key }) => (key === "secret" ? { tenant: headers["x-tenant"] ?? "acme" } : undefined)
    })
    const ask = (key: string) =>
      handler(
        new Request(`http://app.example${path}`, {
          ...question,
          headers: { ...question.headers, authorization: `Bearer ${key}` }
        })
      )
    assert.strictEqual((await ask("secret")).status, 200)
    assert.strictEqual((await ask("wrong")).status, 401)
    await dispose()
  })
})

describe("the options of a served runtime", () => {
  const canary = "sk-canary-5f3b0c9d"
  const secret = `whsec_${Buffer.alloc(32, 7).toString("base64")}`
  const named = "sk_canary_5f3b0c9d"
  const wrong: ReadonlyArray<readonly [place: string, options: object]> = [
    ["access", { access: undefined }],
    ["access", { access: "opn" }],
    ["access", { access: canary }],
    ["access", { access: [canary] }],
    ["in access", { access: { [canary]: { tenant: "acme", role: ["operator"] } } }],
    ["access", { access: { [canary]: "" } }],
    ["access", { access: { [named]: "" } }],
    ["access", { access: { [named]: { tenant: 5 } } }],
    ["dialects[0]", { dialects: ["openai-chat"] }],
    ["dialects[0].paht", { dialects: [{ dialect: OpenaiChat.dialect, paht: "/openai/v1" }] }],
    ["dialects[0].path", { dialects: [{ dialect: OpenaiChat.dialect, path: "openai/v1" }] }],
    ["limits.perMinute", { limits: { perMinute: 5 } }],
    ["limits.requests.perSecond", { limits: { requests: { perSecond: "5", burst: 1 } } }],
    ["limits.requests.burst", { limits: { requests: { perSecond: 5 } } }],
    ["webhooks.secret", { webhooks: { secret: canary } }],
    ["webhooks.own[0].secret", { webhooks: { own: [{ url: `https://host/${canary}`, secret: canary }] } }],
    ["webhooks.own[0].secret", { webhooks: { own: [{ url: `https://host/${canary}`, secret: [] }] } }],
    ["webhooks.own[0].secret[1]", { webhooks: { own: [{ url: `https://host`, secret: [secret, canary] }] } }],
    ["in webhooks.own[0]", { webhooks: { own: [{ url: `https://host/${canary}`, secret, event: [] }] } }],
    ["webhooks.retryFor", { webhooks: { secret, retryFor: { day: 3 } } }],
    ["keepAlive", { keepAlive: "15s" }],
    ["keepAlive", { keepAlive: 0 }],
    ["bodyTimeout", { bodyTimeout: Number.NaN }],
    ["onDisconnect.cancelAfter", { onDisconnect: { cancelAfter: {} } }],
    ["onDisconnect", { onDisconnect: "stop" }],
    ["onBusy", { onBusy: "wait" }],
    ["threadIds", { threadIds: "per-user" }],
    ["prefix", { prefix: "ai" }],
    ["maxBodyBytes", { maxBodyBytes: "4 MiB" }],
    ["origins", { origins: "https://app.example" }],
    ["keyHeaders", { keyHeaders: { [canary]: canary } }],
    ["clientModels", { clientModels: "all" }],
    ["descriptions.desk.titel", { descriptions: { desk: { titel: "Front desk" } } }],
    [
      "descriptions.desk.options[0].default",
      { descriptions: { desk: { options: [{ type: "secret", name: "key", default: [canary] }] } } }
    ],
    ["pages", { pages: "no" }],
    ["orgins", { orgins: [canary] }]
  ]

  it.each(wrong)("are refused by their place, without a secret: %s, %j", async (place, options) => {
    await using runtime = desk()
    const given = { access: "open", ...options } as never
    for (const make of [createServer, toWebHandler, toNodeHandler]) {
      const said = thrown(() => make(runtime, given))
      assert.match(said, /^(Invalid|Unknown) option /)
      assert.isTrue(
        [". ", ": "].some((end) => said.includes(`option ${place}${end}`)),
        said
      )
      assert.notInclude(said, canary)
      assert.notInclude(said, named)
    }
  })

  it.each([
    [{ tenat: "acme" }, /^Error: Unknown option tenat\. Available options: .*tenant/],
    [{ tenant: "" }, /^Error: Invalid option tenant: ""\. Give the name of a tenant/],
    [{ maxBodyBytes: "4 MiB" }, /^Error: Invalid option maxBodyBytes: "4 MiB"\. Use a number of bytes/],
    [{ access: "open" }, /^Error: Unknown option access\. /],
    [{ quietReady: "no" }, /^Error: (Invalid option quietReady: "no"\. Use true|Unknown option quietReady\. )/],
    [7, /^Error: Invalid option of serve(Acp|Sidecar): 7\. Give an object of options/]
  ] as const)("are refused before the standard input is read: %j", async (options, message) => {
    await using runtime = desk()
    for (const serve of [serveAcp, serveSidecar]) {
      assert.match(await serve(runtime, options as never).then(() => "serves", String), message)
    }
  })

  it("are taken where they fit, and so is where to listen", async () => {
    await using runtime = desk()
    const server = createServer(runtime, {
      access: { [canary]: { tenant: "acme", roles: ["operator"] }, other: "acme" },
      dialects: [OpenaiChat.dialect],
      limits: { requests: { perSecond: 5, burst: 20 }, concurrentRuns: 3 },
      webhooks: { secret, own: [{ url: "https://host.example/hook", secret: [secret] }], retryFor: "3 days" },
      keepAlive: { seconds: 15 },
      onDisconnect: { cancelAfter: "1 minute" },
      onBusy: "queue"
    })
    const said = (where: unknown) => server.listen(where as never).then(() => "listens", String)
    assert.match(await said({ port: "80x" }), /^Error: Invalid option port: "80x"\. Use a port from 0 to 65535/)
    assert.match(await said({ prt: 80 }), /^Error: Unknown option prt\. Available options: port, host/)
    assert.match(await said(8080), /^Error: Invalid option of listen: 8080\. Give an object of options/)
  })
})
