/** An app whose tool has no handler: nobody exported its services. */
import { Agent, Specialist } from "@reins/runtime"
import { Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"

export const Rooms = Toolkit.make(
  Tool.make("book", { parameters: Schema.Struct({ city: Schema.String }), success: Schema.String })
)
const Booker = Specialist.make("booker", { description: "Books rooms", toolkit: Rooms })

export default Agent.make("desk", { specialists: [Booker] })
