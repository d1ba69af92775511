/**
 * A customer says once what she prefers, and is answered by it in another thread; then she asks to be forgotten, and the
 * report says what was deleted and what was kept.
 */
import { open } from "./Desk.ts"

await using desk = open()

const ask = async (principal: string, threadId: string, prompt: string) => {
  console.log(`${principal} in ${threadId}> ${prompt}`)
  for await (const event of desk.query(prompt, { principal, threadId })) {
    if (event.type === "tool-invocation" && event.state === "call") console.log(`  ${event.toolName}`)
    if (event.type === "text") process.stdout.write(event.text)
    if (event.type === "finish" && event.finishReason === "stop") console.log()
  }
}

await ask("ann", "monday", "I prefer large print.")
await ask("ann", "friday", "Please print my invoice.")
await ask("bob", "tuesday", "Please print my invoice.")

console.log("ann asks to be forgotten")
const { deleted, kept } = await desk.erase({ principal: "ann", cancel: true })
for (const [what, count] of Object.entries(deleted)) if (count > 0) console.log(`  deleted: ${count} ${what}`)
for (const { count, what, why } of kept) console.log(`  kept: ${count} ${what}. ${why}`)

await ask("ann", "sunday", "Please print my invoice.")
