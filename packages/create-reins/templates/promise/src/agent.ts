/** The agent: what it is told, its tools, and its limits. */
import { agent } from "reins"

export const desk = agent({
  name: "desk",
  instructions: "You answer for a shop. Look an order up before you say anything about it.",
  tools: ["find_order", "refund"],
  budget: { maxSteps: 20, maxDuration: "2 minutes" }
})
