/** Asks the agent a question: `npm start -- "Refund 80 dollars for order A-1"`. */
import { createInterface } from "node:readline/promises"
import app from "./app.ts"

const question = process.argv.slice(2).join(" ") || "Where is my order A-1?"

/** Without a terminal nobody can be asked, and the answer is no. */
const decide = async (about: string) => {
  if (!process.stdin.isTTY) return "reject"
  const lines = createInterface(process.stdin, process.stdout)
  const answer = await lines.question(`${about}. Go on? [y/N] `)
  lines.close()
  return /^y(es)?$/i.test(answer.trim()) ? "approve" : "reject"
}

console.log(`> ${question}`)
for await (const event of app.query(question)) {
  if (event.type === "text") process.stdout.write(event.text)
  if (event.type === "tool-invocation") console.log(`[${event.toolName} ${event.state}]`)
  if (event.type === "approval-required") {
    const { id, payload, target } = event.data
    await app.approvals.respond(id, await decide(`${target} ${JSON.stringify(payload)}`))
  }
  if (event.type === "finish") console.log(`\n${event.finishReason}, ${event.usage.totalTokens} tokens`)
}
await app[Symbol.asyncDispose]()
