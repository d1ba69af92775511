/**
 * An agent narrowed for one query, and for one step of it: with other tools, another model and settings. What a query
 * changes is part of the run's record, so that a resumed run has the same; specialists below the agent keep their own.
 *
 * A query can remove tools and add questions, and tools that the caller runs itself. It cannot remove a question: only the
 * agent and the operator can. What an agent's `resolve` has chosen for a step narrows what the agent and the query allow;
 * it never widens it.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Tool from "effect/ai/Tool"
import * as Policy from "../approval/Policy.ts"
import { sha256Hex } from "../kernel/Digest.ts"
import type * as Erased from "../kernel/Erased.ts"
import * as PlainJson from "../kernel/PlainJson.ts"
import * as SchemaCheck from "../kernel/SchemaCheck.ts"
import { ModelSettings, type ToolDefinition } from "../model/Model.ts"
import * as JsonSchema from "../tool/JsonSchema.ts"
import * as ObjectRoot from "../tool/ObjectRoot.ts"
import type { Callable, Member } from "./AgentRegistry.ts"
import type { Chosen } from "./Resolution.ts"
import * as ToolSearch from "./ToolSearch.ts"
import * as TypedText from "./TypedText.ts"

const ClientToolStruct = Schema.Struct({
  name: Schema.String,
  description: Schema.optionalKey(Schema.String),
  parameters: Schema.Json
})

/**
 * A tool that the caller runs itself. `parameters` is a JSON Schema; arguments that do not fit it are refused before
 * the caller is asked.
 *
 * @since 0.1.0
 * @category models
 */
export interface ClientTool extends Schema.Schema.Type<typeof ClientToolStruct> {}

const QueryToolsStruct = Schema.Struct({
  without: Schema.optionalKey(Schema.Array(Schema.String)),
  ask: Schema.optionalKey(Schema.Array(Schema.String)),
  client: Schema.optionalKey(Schema.Array(ClientToolStruct))
}).annotate({ identifier: "QueryTools" })

/**
 * `without`: names of the agent's tools, client tools and specialists that are not offered. `ask`: names of further
 * tools with calls that need approval. In both, unknown names are ignored. `client`: the caller's own tools; submit
 * their results with `submitToolResult`. A client tool that the agent itself has is not changed.
 *
 * @since 0.1.0
 * @category schemas
 */
export interface QueryTools extends Schema.Schema.Type<typeof QueryToolsStruct> {}
export const QueryTools: Schema.Codec<QueryTools> = QueryToolsStruct

/** The maximum number of a caller's tools, and the maximum length of a name. Providers accept no more. */
const mostTools = 128
const nameShape = /^[a-zA-Z0-9_-]{1,64}$/

/** Why an agent cannot have these tools, as a message for the caller; `undefined` if it can. */
export const toolsRefusal = (member: Member, { client = [], without }: QueryTools): string | undefined => {
  if (client.length > mostTools) return `Too many tools. A query can add at most ${mostTools}`
  const own = [...member.tools.values()]
    .filter(({ execution, isSearch }) => execution === "server" && isSearch !== true)
    .map((tool) => tool.name)
  const taken = new Set([...own, ...member.specialists.keys()].filter(isOffered(without)))
  for (const tool of client) {
    if (!nameShape.test(tool.name)) return "Invalid name of a caller's tool. Use 1 to 64 letters, digits, - and _"
    if (taken.has(tool.name)) return `Two tools are named ${tool.name}. Rename one`
    taken.add(tool.name)
    const told = ObjectRoot.make(tool.parameters)
    if (told._tag === "Refused") return `The parameters of tool ${tool.name} ${told.problem}; ${ObjectRoot.cure}`
  }
  return undefined
}

const isOffered = (without: ReadonlyArray<string> = []): ((name: string) => boolean) => {
  const names = new Set(without)
  return (one) => !names.has(one)
}

/** The agent with these changes. */
export const withTools = (member: Member, { ask = [], client = [], without }: QueryTools): Member => {
  const left = only(member, isOffered(without))
  const asks = new Set(ask)
  const tools = new Map<string, Callable>()
  for (const tool of left.tools.values()) {
    // It is recreated under a name that does not occur in the query.
    if (tool.isSearch === true) continue
    tools.set(tool.name, asks.has(tool.name) ? { ...tool, policy: Policy.asking(tool.policy) } : tool)
  }
  for (const tool of client) if (!tools.has(tool.name)) tools.set(tool.name, brought(tool))
  return having(left, tools)
}

/** The agent with those of its tools, client tools and specialists alone. */
const only = (member: Member, isLeft: (name: string) => boolean): Member =>
  having(
    { ...member, specialists: new Map([...member.specialists].filter(([name]) => isLeft(name))) },
    new Map([...member.tools].filter(([name]) => isLeft(name)))
  )

/** The agent with these tools, and what it offers its model by them and its specialists. */
const having = ({ withheld: _, ...member }: Member, tools: Member["tools"]): Member => ({
  ...member,
  ...ToolSearch.parts(
    member.search,
    tools,
    member.offered.filter((one) => member.specialists.has(one.name))
  )
})

const brought = ({ description, name: called, parameters }: ClientTool): Callable => {
  const told = ObjectRoot.make(parameters)
  const root = told._tag === "Told" ? told.schema : parameters
  const definition: ToolDefinition = { name: called, description, parameters: root, strict: undefined }
  return {
    name: called,
    execution: "client",
    isPlan: false,
    definition,
    policy: "never",
    hash: sha256Hex(JSON.stringify([called, description, parameters])),
    decode: SchemaCheck.checked(JsonSchema.checker(parameters)),
    invoke: undefined,
    maxCost: undefined,
    timeoutMs: undefined,
    retry: undefined,
    concurrency: undefined,
    idempotent: false,
    readonly: false,
    mayRepeat: false
  }
}

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
export const modelRefusal = (member: Member, { output, settings }: QueryModel): string | undefined => {
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
  return modelRefusal(member, asked) ?? asked
}

/** The agent with these settings. */
export const withModel = (
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
    check: output === undefined || output === member.output ? member.check : TypedText.byJsonSchema(output.schema),
    definition: { ...definition, settings, maxOutputTokens: Number.isFinite(most) ? most : undefined }
  }
}

/** What is wrong with a choice for this agent; `undefined` if it can be used. */
export const choiceProblem = (member: Member, { model, tools = [] }: Chosen): string | undefined => {
  if (model !== undefined && !member.models.has(model)) {
    const known = [...member.models.keys()].join(", ") || "none. List them in models"
    return `unknown model ${JSON.stringify(model)}. The agent's models: ${known}`
  }
  const names = member.resolver?.names
  const unknown = tools.find(
    (name) => names?.has(name) !== true && !member.tools.has(name) && !member.specialists.has(name)
  )
  return unknown === undefined ? undefined : `unknown tool ${JSON.stringify(unknown)}. Name the agent's own tools`
}

/** The agent of a step: `member` with the choice. `settings`: those of `member` for this step. */
export const withChoice = (member: Member, chosen: Chosen, settings: ModelSettings | undefined): Member => {
  const { instructions, maxOutputTokens = Number.POSITIVE_INFINITY, model, providerOptions, tools } = chosen
  const { definition, instructed } = member
  const most = Math.min(maxOutputTokens, definition.maxOutputTokens ?? Number.POSITIVE_INFINITY)
  const chosenTools = tools === undefined ? undefined : new Set(tools)
  const left = chosenTools === undefined ? member : only(member, (name) => chosenTools.has(name))
  return {
    ...left,
    model: (model === undefined ? undefined : member.models.get(model)) ?? member.model,
    definition: {
      ...definition,
      ...(instructions === undefined ? {} : { instructions: joinedInstructions(instructions, instructed?.added) }),
      ...(providerOptions === undefined
        ? {}
        : { providerOptions: { ...definition.providerOptions, ...providerOptions } }),
      settings: chosen.settings === undefined ? settings : { ...settings, ...chosen.settings },
      maxOutputTokens: Number.isFinite(most) ? most : undefined
    }
  }
}

/** An agent's instructions with what a query adds to them. */
export const joinedInstructions = (own: string | undefined, added: string | undefined): string | undefined =>
  own === undefined || added === undefined ? (own ?? added) : `${own}\n\n${added}`
