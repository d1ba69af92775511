/** Serves the agent over HTTP: `npm run serve`. Set `KEY` before it listens on a network. */
import * as AiSdk from "@reins/wire/ai-sdk"
import * as OpenaiChat from "@reins/wire/openai-chat"
import { createServer } from "reins"
import app from "./app.ts"

const key = process.env["KEY"]
const server = createServer(app, {
  access: key === undefined ? "open" : { [key]: "default" },
  dialects: [AiSdk.dialect, { dialect: OpenaiChat.dialect, path: "/openai/v1", anyAgent: true }]
})
const { close, url } = await server.listen({
  port: Number(process.env["PORT"] ?? 4111),
  host: process.env["HOST"] ?? "127.0.0.1"
})
console.log(`Serving on ${url}, with documentation at ${url}/docs`)

const stop = async () => {
  await close()
  await app[Symbol.asyncDispose]()
}
process.once("SIGINT", stop)
process.once("SIGTERM", stop)
