/** One agent and its specialist. */
import { Agent, AskPerson, Budget, Specialist } from "@reins/runtime"
import { Caller, Desk } from "./Tools.ts"

export const Researcher = Specialist.make("researcher", {
  description: "Gathers what is known on a topic",
  instructions: "Look it up, then say it.",
  toolkit: Desk
})

export const Assistant = Agent.make("assistant", {
  instructions: "You help.",
  toolkit: [Desk, AskPerson.toolkit],
  clientTools: Caller,
  specialists: [Researcher],
  budget: Budget.make({ maxToolCalls: 6 })
})
