/**
 * A query's choice of its agent's model, and settings for it: limits and format of answers, and sampling. They are part
 * of the run's record, so that a resumed run has the same; specialists below the agent keep their own.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Tool from "effect/ai/Tool"
import type * as Erased from "../kernel/Erased.ts"
import * as PlainJson from "../kernel/PlainJson.ts"
import { ModelSettings } from "../model/Model.ts"
import type { Member } from "./AgentRegistry.ts"
import * as TypedAnswer from "./TypedAnswer.ts"

const Count = Schema.Int.check(Schema.isGreaterThan(0))

const QueryModelStruct = Schema.Struct({
  name: Schema.optionalKey(Schema.String),
  maxOutputTokens: Schema.optionalKey(Count),
  output: Schema.optionalKey(Schema.Struct({ name: Schema.String, schema: Schema.Json })),
  settings: Schema.optionalKey(ModelSettings)
}).annotate({ identifier: "QueryModel" })

/**
 * `name`: one of the agent's `models`, or `provider:model` of one; absent: the agent's own. `maxOutputTokens`: the
 * maximum output tokens of a step; the smaller of this and the agent's own applies. `output`: a JSON Schema for the
 * final text: the model gets it in its request, and the text is checked by it as an agent's own typed answer is
 * (`Agent.make`). Its value is the `output` of the event `finish`.
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

/** The settings with the JSON Schema of `output`, or why the agent is not asked for it. */
export const withOutput = (
  member: Member,
  model: QueryModel = {},
  output: Erased.CodecOf<Erased.Any>
): QueryModel | string => {
  if (model.output !== undefined) return "Both output and model.output are given. Leave out one of them"
  const written = Result.try(() => Tool.getJsonSchemaFromSchema(output))
  const schema = Result.isSuccess(written) ? PlainJson.copy(written.success) : undefined
  if (schema === undefined) {
    return "The schema of the output has no JSON Schema. Use JSON types, such as a string for a date"
  }
  const asked = { ...model, output: { name: "answer", schema } }
  return refusal(member, asked) ?? asked
}

/** The agent with these settings. */
export const apply = (
  member: Member,
  { maxOutputTokens, name, output = member.output, settings }: QueryModel
): Member => {
  const { definition } = member
  const model = name === undefined ? undefined : member.models.get(name)
  const most = Math.min(
    maxOutputTokens ?? Number.POSITIVE_INFINITY,
    definition.maxOutputTokens ?? Number.POSITIVE_INFINITY
  )
  return {
    ...member,
    model: model ?? member.model,
    output,
    check: output === undefined || output === member.output ? member.check : TypedAnswer.byJsonSchema(output.schema),
    definition: { ...definition, settings, maxOutputTokens: Number.isFinite(most) ? most : undefined }
  }
}
