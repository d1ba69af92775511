/** Asks the desk through each app that mounts it, over HTTP on loopback or as the framework calls it. */
import { once } from "node:events"
import type { Server } from "node:http"
import * as Next from "./app/ai/[...path]/route.ts"
import { runtime } from "./desk.ts"
import { app as express } from "./express.ts"
import { app as hono } from "./hono.ts"
import { server as node } from "./node.ts"

const question = (origin: string) =>
  new Request(`${origin}/ai/openai-chat/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: "Bearer local-key" },
    body: JSON.stringify({ model: "desk", messages: [{ role: "user", content: "Where is order A-1?" }] })
  })

const ask = async (name: string, origin: string, send: (request: Request) => Response | Promise<Response>) => {
  const response = await send(question(origin))
  const { choices } = await response.json()
  console.log(`${name}: ${response.status} ${choices[0].message.content}`)
}

const overHttp = async (name: string, server: Server) => {
  if (!server.listening) await once(server, "listening")
  const address = server.address()
  if (address === null || typeof address === "string") throw new Error(`${name} does not listen on a port`)
  await ask(name, `http://127.0.0.1:${address.port}`, fetch)
  server.close()
  server.closeAllConnections()
}

await ask("hono", "http://app.example", (request) => hono.fetch(request))
await ask("next", "http://app.example", (request) => Next.POST(request))
await overHttp("express", express.listen(0, "127.0.0.1"))
await overHttp("node", node.listen(0, "127.0.0.1"))
await runtime[Symbol.asyncDispose]()
process.exit() // The apps would keep running.
