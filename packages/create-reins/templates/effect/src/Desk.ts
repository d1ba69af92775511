/** The agent: what it is told, its tools, and its limits. */
import { Agent, Budget } from "@reins/runtime"
import { Orders } from "./Orders.ts"

export const Desk = Agent.make("desk", {
  instructions: "You answer for a shop. Look an order up before you say anything about it.",
  toolkit: Orders,
  budget: Budget.make({ maxSteps: 20, maxDuration: "2 minutes" })
})
