/**
 * The tool search of an agent that has more tools than its model should read at once: the model is sent some of their
 * definitions and a tool that finds the others (BM25). What it finds, and what is called, is sent from the next step on,
 * behind what was sent before, in the order in which it was loaded.
 *
 * This file has the setting, which tools are withheld, and how they are found. `run/AgentState` knows what a run has
 * loaded. Policies, approvals and tenants do not depend on it: a tool that is not loaded can be called as any other.
 */
import type { Json } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import { sha256Hex } from "../kernel/Digest.ts"
import * as Rule from "../kernel/OptionRule.ts"
import * as WordSearch from "../kernel/WordSearch.ts"
import type { ToolDefinition } from "../model/Model.ts"
import * as TokenEstimator from "../model/TokenEstimator.ts"
import * as SchemaCheck from "../kernel/SchemaCheck.ts"
import * as JsonSchema from "../tool/JsonSchema.ts"
import * as ToolOutcome from "../tool/ToolOutcome.ts"

/**
 * When an agent's tools are searched, and which of them its model always has.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** Up to how many tools and specialists all definitions are sent. Absent: 40. */
  readonly above?: number | undefined
  /** Up to how many estimated tokens of definitions all are sent. Absent: any number. */
  readonly aboveTokens?: number | undefined
  /** Names of tools and specialists that are sent from the first step on, in any case. Absent: none. */
  readonly alwaysLoaded?: ReadonlyArray<string> | undefined
  /** How many tools a search loads at most, from 1 to 50. Absent: 5. */
  readonly limit?: number | undefined
}

/**
 * Where accuracy begins to fall with the number of definitions: vendors say 30 to 50. So many have some 10,000 tokens.
 */
const usualAbove = 40

const usualLimit = 5

/** The search of one agent. */
export interface ToolSearch {
  readonly above: number
  readonly aboveTokens: number
  readonly limit: number
  readonly always: ReadonlySet<string>
  /** The names of the agent's own tools and specialists; what a query brings is always sent. */
  readonly own: ReadonlySet<string>
}

/** What the setting must be, apart from the names in it. */
export const rule: Rule.Rule = Rule.optional(
  Rule.cases(
    (value) => value === false,
    Rule.any,
    Rule.fields<Options>("Use false, or an object such as { above: 40 }", {
      above: Rule.optional(Rule.atLeast(0)),
      aboveTokens: Rule.optional(Rule.atLeast(0)),
      alwaysLoaded: Rule.optional(Rule.list("Give a list of names of tools", Rule.name("Name a tool"))),
      limit: Rule.optional(Rule.between(1, 50))
    })
  )
)

/** What is wrong with the setting of an agent with these tools; `undefined` if nothing is. */
export const problemOf = (options: Options | false | undefined, names: ReadonlySet<string>): string | undefined => {
  const issue = Rule.issueOf("toolSearch", options, rule)
  if (issue !== undefined || options === undefined || options === false) return issue
  const unknown = options.alwaysLoaded?.find((name) => !names.has(name))
  return unknown === undefined
    ? undefined
    : `toolSearch.alwaysLoaded names ${JSON.stringify(unknown)}, which is no tool or specialist of the agent`
}

/** The search of an agent with these tools and specialists; `undefined` where its setting is off. */
export const of = (options: Options | false | undefined, own: ReadonlySet<string>): ToolSearch | undefined => {
  if (options === false) return undefined
  const {
    above = usualAbove,
    aboveTokens = Number.POSITIVE_INFINITY,
    alwaysLoaded = [],
    limit = usualLimit
  } = options ?? {}
  return { above, aboveTokens, limit, always: new Set(alwaysLoaded), own }
}

/** The names among these definitions that are withheld until they are loaded; `undefined` if all are sent. */
export const withheld = (
  { above, aboveTokens, always, own }: ToolSearch,
  definitions: ReadonlyArray<ToolDefinition>
): ReadonlySet<string> | undefined => {
  const ours = definitions.filter(({ name }) => own.has(name))
  const isOver =
    ours.length > above ||
    (aboveTokens !== Number.POSITIVE_INFINITY && TokenEstimator.byLength.text(JSON.stringify(ours)) > aboveTokens)
  if (!isOver) return undefined
  const names = new Set(ours.flatMap(({ name }) => (always.has(name) ? [] : [name])))
  return names.size === 0 ? undefined : names
}

/** The name of the search among these: one that no tool and no specialist has. */
export const nameAmong = (taken: ReadonlySet<string>): string => {
  let name = "search_tools"
  for (let count = 2; taken.has(name); count++) name = `search_tools_${count}`
  return name
}

const parameters: Json = {
  type: "object",
  properties: {
    query: {
      type: "string",
      minLength: 1,
      description: "Words for what the tool does or is called, such as: invoice create"
    }
  },
  required: ["query"],
  additionalProperties: false
}

const Found = Schema.Struct({ tools: Schema.Array(Schema.Struct({ name: Schema.String })) })
const readFound = Schema.decodeUnknownOption(Found)

/** The names that a search has loaded, by its result. */
export const loadedBy = (result: Json): ReadonlyArray<string> =>
  Option.match(readFound(result), { onNone: () => [], onSome: ({ tools }) => tools.map(({ name }) => name) })

/** The tool that searches `definitions`, of which `names` are withheld. */
export const tool = (
  name: string,
  { limit }: ToolSearch,
  definitions: ReadonlyArray<ToolDefinition>,
  names: ReadonlySet<string>
) => {
  const definition: ToolDefinition = Object.freeze({
    name,
    description:
      `Finds tools. You have ${names.size} more tools than are listed here: search for one before you say that ` +
      "something cannot be done. What is found can be called from your next step on.",
    parameters,
    strict: undefined
  })
  let index: WordSearch.Index | undefined
  const known = new Map(definitions.map((one) => [one.name, one]))
  const search = (query: string): ToolOutcome.ToolOutcome => {
    index ??= WordSearch.index(
      definitions.flatMap((one) => (names.has(one.name) ? [documentOf(one)] : [])),
      { fuzzy: true }
    )
    const found = index.search(spaced(query))
    if (found.length === 0) {
      return ToolOutcome.success({ tools: [], message: "No tool has these words. Try others, or do without" })
    }
    return ToolOutcome.success({
      tools: found.slice(0, limit).map(({ id }) => ({ name: id, description: lineOf(known.get(id)?.description) })),
      ...(found.length > limit ? { more: found.length - limit } : {})
    })
  }
  const decode = SchemaCheck.checked(JsonSchema.checker(parameters))
  return {
    name,
    execution: "server" as const,
    isPlan: false,
    isSearch: true,
    definition,
    policy: "never" as const,
    hash: sha256Hex(JSON.stringify([name, "tool search", parameters])),
    decode,
    invoke: (args: Json) =>
      Effect.match(decode(args), {
        onFailure: (issue) => ToolOutcome.fault("InvalidArguments", issue),
        onSuccess: (given) =>
          search(Predicate.hasProperty(given, "query") && Predicate.isString(given.query) ? given.query : "")
      }),
    maxCost: undefined,
    timeoutMs: undefined,
    retry: undefined,
    concurrency: undefined,
    idempotent: true,
    readonly: true,
    mayRepeat: false
  }
}

/** The tool that a search is. */
export type SearchTool = ReturnType<typeof tool>

/**
 * The tools and definitions of an agent with these tools, and with specialists that are offered by `offers`: with a
 * search, if it has too many of them.
 */
export const parts = <Tool extends { readonly definition: ToolDefinition; readonly isSearch?: boolean | undefined }>(
  search: ToolSearch | undefined,
  all: ReadonlyMap<string, Tool>,
  offers: ReadonlyArray<ToolDefinition>
): {
  readonly tools: ReadonlyMap<string, Tool | SearchTool>
  readonly offered: ReadonlyArray<ToolDefinition>
  readonly withheld?: ReadonlySet<string>
} => {
  const tools = new Map<string, Tool | SearchTool>([...all].filter(([, one]) => one.isSearch !== true))
  const definitions = [...Array.from(tools.values(), ({ definition }) => definition), ...offers]
  const names = search === undefined ? undefined : withheld(search, definitions)
  if (search === undefined || names === undefined) return { tools, offered: Object.freeze(definitions) }
  const name = nameAmong(new Set([...search.own, ...definitions.map(({ name }) => name)]))
  const found = tool(name, search, definitions, names)
  tools.set(name, found)
  return { tools, offered: Object.freeze([...definitions, found.definition]), withheld: names }
}

/** What a tool is found by: its name, and what is said of it and of its parameters. */
const documentOf = ({ description = "", name, parameters }: ToolDefinition): WordSearch.Document => {
  const fields = Predicate.hasProperty(parameters, "properties") ? parameters.properties : undefined
  const said = Predicate.isObject(fields)
    ? Object.entries(fields).map(([field, schema]) =>
        Predicate.hasProperty(schema, "description") ? `${spaced(field)} ${String(schema.description)}` : spaced(field)
      )
    : []
  return { id: name, title: spaced(name), text: [description, ...said].join(" ") }
}

/** `createInvoice` as words. What other signs separate is divided anyway. */
const spaced = (name: string): string => name.replace(/(\p{Ll}|\p{N})(\p{Lu})/gu, "$1 $2")

/** The beginning of a description, on one line. */
const lineOf = (description = ""): string => {
  const line = (description.trim().split("\n", 1)[0] ?? "").trim()
  return line.length > 200 ? `${line.slice(0, 199).toWellFormed()}…` : line
}
