/**
 * What one query asks of its agent's model: limits of its answers, their form, and how it samples. It is part of the
 * run's record, so that a run that is taken up again asks for the same; specialists below the agent keep their own.
 */
import * as Schema from "effect/Schema"
import { ModelSettings } from "../model/ModelSettings.ts"
import type { Member } from "./AgentRegistry.ts"

const Count = Schema.Int.check(Schema.isGreaterThan(0))

const QueryModelStruct = Schema.Struct({
  maxOutputTokens: Schema.optionalKey(Count),
  output: Schema.optionalKey(Schema.Struct({ name: Schema.String, schema: Schema.Json })),
  settings: Schema.optionalKey(ModelSettings)
}).annotate({ identifier: "QueryModel" })

/**
 * `maxOutputTokens`: most tokens that a step may write; of this and the agent's own the smaller one holds. `output`: a
 * JSON Schema that the final text must fit. The model is told so; the text is not checked, and reaches the caller as it
 * is.
 */
export interface QueryModel extends Schema.Schema.Type<typeof QueryModelStruct> {}
export const QueryModel: Schema.Codec<QueryModel> = QueryModelStruct

/** Why an agent cannot be asked this, as a message for the caller; `undefined` where it can. */
export const refusal = (member: Member, { output, settings }: QueryModel): string | undefined => {
  if (output !== undefined && member.output !== undefined) {
    return `The agent ${member.name} has an output of its own. Leave out the output format`
  }
  const choice = settings?.toolChoice
  if (choice === "required" && member.offered.length === 0) {
    return `The agent ${member.name} has no tools to call. Leave out the tool choice, or bring a tool`
  }
  return typeof choice === "object" && !member.offered.some(({ name }) => name === choice.tool)
    ? `Unknown tool ${JSON.stringify(choice.tool)} in the tool choice. Name one of the agent's or the query's tools`
    : undefined
}

/** The agent as it runs with this. */
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
