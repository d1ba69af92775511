/**
 * The runtime: the agent with a model and a store. `MODEL=openai:gpt-5.2` uses a real model; it needs `npm install @ai-sdk/openai` and
 * `OPENAI_API_KEY`.
 */
import { createRuntime } from "reins"
import { desk } from "./agent.ts"
import { demo } from "./demo.ts"
import { tools } from "./tools.ts"

export default createRuntime({
  model: process.env["MODEL"] ?? demo,
  store: { sqlite: process.env["RUNS"] ?? "runs.db" },
  tools,
  agents: [desk]
})
