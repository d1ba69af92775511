/**
 * The frameworks that are measured. A contestant is loaded only in the process that measures it.
 */
import type { Contestant } from "./Contestant.ts"
import type { Entry } from "./Family.ts"
import { tool } from "./Script.ts"

/** A peer's file is plain JavaScript: its packages, and so their types, are not there when types are checked. */
const peer = async (file: string): Promise<Contestant> => (await import(`./peers/${file}`)).contestant(tool)

export const contestants: { readonly [name: string]: Entry<Contestant> } = {
  floor: {
    title: "floor",
    load: async () => (await import("./contestants/Floor.ts")).contestant
  },
  promise: {
    title: "Reins, `for await`",
    isOurs: true,
    load: async () => (await import("./contestants/Reins.ts")).promise
  },
  effect: {
    title: "Reins, Effect stream",
    isOurs: true,
    load: async () => (await import("./contestants/Reins.ts")).effect
  },
  "ai-sdk": { title: "AI SDK 7", needs: "peers", load: () => peer("AiSdk.mjs") },
  "openai-agents": { title: "OpenAI Agents", needs: "peers", load: () => peer("OpenAiAgents.mjs") }
}
