/**
 * A query's settings for its agent's model: limits and format of answers, and sampling. They are part of the run's
 * record, so that a resumed run has the same; specialists below the agent keep their own.
 */
import * as Schema from "effect/Schema"
import { ModelSettings } from "../model/Model.ts"
import type { Member } from "./AgentRegistry.ts"

const Count = Schema.Int.check(Schema.isGreaterThan(0))

const QueryModelStruct = Schema.Struct({
  maxOutputTokens: Schema.optionalKey(Count),
  output: Schema.optionalKey(Schema.Struct({ name: Schema.String, schema: Schema.Json })),
  settings: Schema.optionalKey(ModelSettings)
}).annotate({ identifier: "QueryModel" })

/**
 * `maxOutputTokens`: the maximum output tokens of a step; the smaller of this and the agent's own applies. `output`: a
 * JSON Schema for the final text, which is sent to the model; the text is not validated.
 *
 * @since 0.1.0
 * @category schemas
 */
export interface QueryModel extends Schema.Schema.Type<typeof QueryModelStruct> {}
export const QueryModel: Schema.Codec<QueryModel> = QueryModelStruct

/** Why an agent does not support these settings, as a message for the caller; `undefined` if it does. */
export const refusal = (member: Member, { output, settings }: QueryModel): string | undefined => {
  if (output !== undefined && member.output !== undefined) {
    return `The agent ${member.name} has an output of its own. Leave out the output format`
  }
  const choice = settings?.toolChoice
  if (choice === "required" && member.offered.length === 0) {
    return `The agent ${member.name} has no tools to call. Leave out the tool choice, or add a tool`
  }
  return typeof choice === "object" && !member.offered.some(({ name }) => name === choice.tool)
    ? `Unknown tool ${JSON.stringify(choice.tool)} in the tool choice. Name one of the agent's or the query's tools`
    : undefined
}

/** The agent with these settings. */
export const apply = (member: Member, { maxOutputTokens, output = member.output, settings }: QueryModel): Member => {
  const { definition } = member
  const most = Math.min(
    maxOutputTokens ?? Number.POSITIVE_INFINITY,
    definition.maxOutputTokens ?? Number.POSITIVE_INFINITY
  )
  return {
    ...member,
    output,
    definition: { ...definition, settings, maxOutputTokens: Number.isFinite(most) ? most : undefined }
  }
}
