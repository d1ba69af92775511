/** What the agent can do. A tool is a function with a schema; the model reads its description. */
import { tool } from "reins"
import { z } from "zod"

const Order = z.object({ order: z.string().describe("The order's number, such as A-1") })

export const tools = {
  find_order: tool({
    description: "Find an order by its number",
    parameters: Order,
    execute: ({ order }) => ({ order, state: "shipped", paidUsd: 80 })
  }),
  refund: tool({
    description: "Give a customer money back",
    parameters: Order.extend({ amountUsd: z.number().positive() }),
    // A person is asked first: by `npm start` here, by a request where the agent is served.
    needsApproval: ({ amountUsd }) => amountUsd > 50,
    // The key is the same however often the call is tried, so that money moves once.
    execute: ({ amountUsd, order }, call) => ({ refunded: amountUsd, order, key: call.idempotencyKey })
  })
}
