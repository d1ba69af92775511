/**
 * Serves specialists as tools of an MCP server: each call is a run of its own, and the specialist's answer is the
 * tool's result.
 *
 * It only registers them; the transport is `effect/ai`'s: `McpServer.layerStdio({ …, registrations:
 * McpSpecialists.layer(Researcher) })`.
 */
import { ObjectRoot, Runtime, type Specialist } from "@reins/runtime"
import * as Effect from "effect/Effect"
import * as McpServer from "effect/ai/McpServer"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import type { JsonSchema } from "effect/JsonSchema"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as JsonValue from "../aisdk/JsonValue.ts"

/**
 * A specialist failed. The code is that of the run's error; internal details are not revealed.
 *
 * @since 0.1.0
 * @category errors
 */
export class SpecialistFailed extends Schema.TaggedError<SpecialistFailed>()("SpecialistFailed", {
  specialist: Schema.String,
  message: Schema.String
}) {}

/**
 * Serves a specialist as a tool with its name. It has to be one of the runtime's agents.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = <In, Out>(
  specialist: Specialist.Of<In, Out>
): Layer.Layer<never, never, Runtime | McpServer.McpServer> => {
  const { definition, name } = specialist
  const tool = Tool.dynamic(name, {
    description: definition.description ?? name,
    parameters: definition.input === undefined ? promptOnly : rootOf(Tool.getJsonSchemaFromSchema(definition.input)),
    success: Schema.Unknown,
    failure: SpecialistFailed
  })
  const kit = Toolkit.make(tool)
  const handlers = kit.toLayer(
    Effect.map(Runtime, (runtime) => ({
      [name]: (given: unknown) =>
        Effect.flatMap(inputOf(specialist, given), (input) => runtime.completeSpecialist(specialist, input)).pipe(
          Effect.flatMap(({ output }) => outputOf(specialist, output)),
          Effect.mapError((error) => new SpecialistFailed({ specialist: name, message: error.message }))
        )
    }))
  )
  return Layer.provide(McpServer.toolkit(kit), handlers)
}

const promptOnly = {
  type: "object",
  properties: { prompt: { type: "string", description: "The task, with all the information needed to do it" } },
  required: ["prompt"]
} as const

/** Decodes the client's arguments to the specialist's input. */
const inputOf = <In, Out>(specialist: Specialist.Of<In, Out>, given: unknown) => {
  const { input } = specialist.definition
  return input === undefined
    ? Schema.decodeUnknownEffect(Prompt)(given).pipe(Effect.map(({ prompt }) => prompt))
    : Schema.decodeUnknownEffect(Schema.toCodecJson(input))(given)
}

/** The specialist's output, as JSON. */
const outputOf = <In, Out>({ definition }: Specialist.Of<In, Out>, output: unknown) =>
  definition.output === undefined
    ? Effect.succeed(output)
    : Schema.encodeUnknownEffect(Schema.toCodecJson(definition.output))(output)

/** Parameters with an object at their root, as clients require. */
const rootOf = (written: JsonSchema): JsonSchema => {
  const told = JsonValue.isJson(written) ? ObjectRoot.make(written) : undefined
  return told?._tag === "Told" ? told.schema : written
}

const Prompt = Schema.Struct({ prompt: Schema.String })
