/**
 * The definitions of tools and specialists as models are given them. A schema that has no JSON Schema, or that no object
 * matches, is refused while the agents are built.
 */
import type { Json } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Tool from "effect/ai/Tool"
import * as PlainJson from "../kernel/PlainJson.ts"
import type { ToolDefinition } from "../model/Model.ts"
import * as ObjectRoot from "../tool/ObjectRoot.ts"
import type * as Agent from "./Agent.ts"
import { refuse } from "./InvalidAgents.ts"

/** A specialist's definition for its coordinator's model. */
export const offer = Effect.fnUntraced(function* (
  coordinator: string,
  { definition, name }: { readonly definition: Agent.Definition; readonly name: string }
): Effect.fn.Return<ToolDefinition> {
  const { description, input } = definition
  if (input === undefined) return { name, description, parameters: promptParameters, strict: undefined }
  const what = `the input parameters of specialist ${JSON.stringify(name)}`
  const written = yield* jsonSchema(coordinator, what, () => Tool.getJsonSchemaFromSchema(input))
  return { name, description, parameters: yield* parameters(coordinator, what, written), strict: undefined }
})

const promptParameters: Json = {
  type: "object",
  properties: { prompt: { type: "string", description: "What to do, with everything needed to do it" } },
  required: ["prompt"],
  additionalProperties: false
}

/** The JSON Schema that `write` makes. Rejects a schema that has none. */
export const jsonSchema = (agent: string, what: string, write: () => unknown): Effect.Effect<Json> =>
  Effect.try({ try: () => PlainJson.copy(write()), catch: String }).pipe(
    Effect.catch((error) => refuse(`Agent ${JSON.stringify(agent)}: ${what} has no JSON Schema: ${error}`)),
    Effect.flatMap((written) =>
      written === undefined
        ? refuse(`Agent ${JSON.stringify(agent)}: ${what}: not a JSON Schema; ${ObjectRoot.cure}`)
        : Effect.succeed(written)
    )
  )

/** The model's schema of parameters. Rejects those that no object matches. */
export const parameters = (agent: string, what: string, written: Json): Effect.Effect<Json> => {
  const told = ObjectRoot.make(written)
  return told._tag === "Told"
    ? Effect.succeed(PlainJson.copy(told.schema) ?? told.schema)
    : refuse(`Agent ${JSON.stringify(agent)}: ${what} ${told.problem}; ${ObjectRoot.cure}`)
}
