/**
 * A query's changes to the tools of its agent: tools that are removed, tools that ask first, and tools that the caller
 * adds and runs itself. They are part of the run's record, so that a resumed run has the same tools; specialists below
 * the agent keep theirs.
 *
 * A query can remove tools and add questions. It cannot remove a question: only the agent and the operator can.
 */
import * as Schema from "effect/Schema"
import * as Policy from "../approval/Policy.ts"
import type { ToolDefinition } from "../model/Model.ts"
import * as SchemaCheck from "../kernel/SchemaCheck.ts"
import * as JsonSchema from "../tool/JsonSchema.ts"
import * as ObjectRoot from "../tool/ObjectRoot.ts"
import { sha256Hex } from "../kernel/Digest.ts"
import * as ToolSearch from "./ToolSearch.ts"
import type { Callable, Member } from "./AgentRegistry.ts"

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
const most = 128
const name = /^[a-zA-Z0-9_-]{1,64}$/

/** Why an agent cannot have these tools, as a message for the caller; `undefined` if it can. */
export const refusal = (member: Member, { client = [], without }: QueryTools): string | undefined => {
  if (client.length > most) return `Too many tools. A query can add at most ${most}`
  const own = [...member.tools.values()]
    .filter(({ execution, isSearch }) => execution === "server" && isSearch !== true)
    .map((tool) => tool.name)
  const taken = new Set([...own, ...member.specialists.keys()].filter(isOffered(without)))
  for (const tool of client) {
    if (!name.test(tool.name)) return "Invalid name of a caller's tool. Use 1 to 64 letters, digits, - and _"
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
export const apply = (member: Member, { ask = [], client = [], without }: QueryTools): Member => {
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
export const only = (member: Member, isLeft: (name: string) => boolean): Member =>
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
