/** The agent of `agent.ts` with other instructions, as a change of code leaves it. */
import { Agent } from "@reins/runtime"

export default Agent.make("desk", { instructions: "You answer in verse." })
