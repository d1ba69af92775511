/**
 * Who is measured. A contestant is loaded only in the process that measures it.
 */
import type { Contestant } from "./Contestant.ts"
import { tool } from "./Script.ts"

export interface Entry {
  readonly title: string
  /** Needs the packages in `peers/`, which are not part of the workspace. */
  readonly peer: boolean
  readonly load: () => Promise<Contestant>
}

/** A peer's file is plain JavaScript: its packages, and so their types, are not there when types are checked. */
const peer = async (file: string): Promise<Contestant> => (await import(`./peers/${file}`)).contestant(tool)

export const contestants: { readonly [name: string]: Entry } = {
  floor: {
    title: "floor",
    peer: false,
    load: async () => (await import("./contestants/Floor.ts")).contestant
  },
  promise: {
    title: "Reins, `for await`",
    peer: false,
    load: async () => (await import("./contestants/Reins.ts")).promise
  },
  effect: {
    title: "Reins, Effect stream",
    peer: false,
    load: async () => (await import("./contestants/Reins.ts")).effect
  },
  "ai-sdk": { title: "AI SDK 7", peer: true, load: () => peer("AiSdk.mjs") },
  "openai-agents": { title: "OpenAI Agents", peer: true, load: () => peer("OpenAiAgents.mjs") }
}
