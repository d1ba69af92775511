/** A support desk without Effect: an agent with 60 tools that remembers what a customer prefers. */
import { createRuntime } from "@reins/runtime/promise"
import { model } from "./Script.ts"

const areas = ["order", "invoice", "delivery", "warranty", "voucher", "account"] as const
const verbs = ["find", "list", "print", "correct", "move", "split", "close", "reopen", "explain", "archive"] as const

const tool = (verb: string, area: string) =>
  [
    `${verb}_${area}`,
    {
      description: `${verb} the ${area} of a customer`,
      parameters: { type: "object", properties: { id: { type: "string" } }, required: ["id"] },
      execute: async (args: unknown) => `${verb} ${area}: done for ${JSON.stringify(args)}`
    }
  ] as const

/** 60 tools: with so many, the model gets a search tool and loads the definitions that it needs. */
export const tools = Object.fromEntries(areas.flatMap((area) => verbs.map((verb) => tool(verb, area))))

/** A runtime of the desk; its runs, threads and memories end with the process. */
export const open = () =>
  createRuntime({
    model,
    tools,
    agents: [
      {
        name: "desk",
        instructions: "You answer customers of a shop. Remember what they prefer.",
        tools: Object.keys(tools),
        memory: true,
        recall: { limit: 5 }
      }
    ]
  })
