/** Tools that a page runs, as assistant-ui sends them: by their names. */
import * as Schema from "effect/Schema"
import type { ClientTool } from "../Command.ts"

export const Tools = Schema.Record(
  Schema.String,
  Schema.Struct({ description: Schema.optionalKey(Schema.String), parameters: Schema.optionalKey(Schema.Json) })
)

export const clientToolsOf = (tools: typeof Tools.Type): ReadonlyArray<ClientTool> =>
  Object.entries(tools).map(([name, { description, parameters = { type: "object", properties: {} } }]) => ({
    name,
    ...(description === undefined ? {} : { description }),
    parameters
  }))
