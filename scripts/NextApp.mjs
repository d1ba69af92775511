/**
 * A Next app with one route handler of ours, over the packages as packed: built by Next's own compiler, started, and asked. Its bundler
 * reads every module that could be loaded, so a package that is optional must be optional to it, too.
 */
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Program from "./Program.mjs"

/** What the app needs besides the packages as packed. */
export const dependencies = { next: "16.4.6", react: "19.3.1", "react-dom": "19.3.1" }

const route = `import * as AiSdk from "@reins/wire/ai-sdk"
import { createRuntime, toWebHandler } from "reins"

const runtime = createRuntime({ model: "scripted", agents: [{ name: "desk" }] })
const { handler } = toWebHandler(runtime, { prefix: "/ai", access: "open", dialects: [AiSdk.dialect] })
export const GET = handler
export const POST = handler
`

const question = {
  id: "chat",
  trigger: "submit-message",
  messages: [{ id: "1", role: "user", parts: [{ type: "text", text: "hello" }] }]
}

/** Builds, starts and asks the app in a project that is installed. Rejects with the first step that does not hold. */
export const check = async (node, folder) => {
  const handler = join(folder, "app", "ai", "[...path]")
  mkdirSync(handler, { recursive: true })
  writeFileSync(join(handler, "route.js"), route)
  const next = join("node_modules", "next", "dist", "bin", "next")
  const env = { ...process.env, NEXT_TELEMETRY_DISABLED: "1" }
  await Program.done(node, [next, "build"], folder, env)
  const app = await Program.serving(node, [next, "start", "-p", "0", "-H", "127.0.0.1"], folder, env)
  try {
    const answer = await fetch(`${app.url}/ai/ai-sdk/chat`, { method: "POST", body: JSON.stringify(question) })
    Program.expect("the app's answer", await answer.text(), /You[\s\S]*said:[\s\S]*"type":"finish"/)
  } finally {
    app.child.kill("SIGTERM")
    await app.ended
  }
}
