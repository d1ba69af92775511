/**
 * What the options of `createRuntime` must be: programs without types, and values that came from elsewhere, are told
 * the option, its value and the cure before anything is built.
 */
import { Budget, Quota } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import type { Recall } from "../agent/Agent.ts"
import * as CallRow from "../agent/CallRow.ts"
import * as ToolSearch from "../agent/ToolSearch.ts"
import * as Approvers from "../approval/Approvers.ts"
import * as Types from "../kernel/Erased.ts"
import * as Rule from "../kernel/OptionRule.ts"
import type { MemoryReach } from "../memory/RunMemory.ts"
import * as RuntimeRules from "../runtime/RuntimeRules.ts"
import * as Retrying from "../tool/Retrying.ts"
import type { AsyncAgent } from "./AsyncAgent.ts"
import type { Erased as AsyncTool } from "./AsyncTool.ts"
import type { AsyncUsageLookup, UsageLookups } from "./AsyncUsageLookup.ts"
import type { Options } from "./PromiseOptions.ts"
import type { OutputOptions, QueryOptions, RunOptions } from "./PromiseShape.ts"
import type { TenantKeys } from "./TenantKeys.ts"

const {
  between,
  callable,
  cases,
  count,
  duration,
  fields,
  flag,
  limit,
  list,
  must,
  name,
  object,
  oneOf,
  optional,
  record,
  secret,
  text
} = Rule

const isModel = (value: unknown): boolean =>
  Effect.isEffect(value) ||
  (Predicate.hasProperty(value, "attempt") && typeof value.attempt === "function") ||
  (Predicate.hasProperty(value, "open") && typeof value.open === "function")

const isCode = (value: unknown): boolean => typeof value === "function"
const isGiven = (value: unknown): boolean => isCode(value) || (typeof value === "object" && value !== null)

/** A model: its name, or a value. */
export const model: Rule.Rule = must(
  'Give a model, or the name of one, such as "openai:gpt-5.2" (with createRuntime of package reins)',
  (value) => (typeof value === "string" ? value !== "" : isModel(value))
)

const keywords = ["$ref", "allOf", "anyOf", "const", "enum", "items", "not", "oneOf", "properties"]

/** Whether it states something: names of arguments alone, as in `{ city: "string" }`, are read as unknown keywords. */
const isJsonSchema = (value: unknown): boolean =>
  Predicate.isObject(value) &&
  !Array.isArray(value) &&
  ((Predicate.hasProperty(value, "type") && (typeof value.type === "string" || Array.isArray(value.type))) ||
    keywords.some((keyword) => Object.hasOwn(value, keyword)))

/** A schema of parameters or of an answer. */
export const schema: Rule.Rule = must(
  'Give a schema of zod, valibot or arktype, or JSON Schema such as { type: "object", properties: { city: { type: "string" } } }',
  (value) => Predicate.hasProperty(value, "~standard") || isJsonSchema(value)
)

const approvers = optional(Approvers.rule)

/** The protocol says what a budget must be; here it is said of the options, before anything is built. */
const budget: Rule.Rule = optional((value) => {
  const shape = object("Give an object such as { maxSteps: 12 }")(value)
  if (shape !== undefined) return shape
  const invalid = Budget.validate(Budget.make(Types.as<Budget.Options>(value)))
  return invalid === undefined ? undefined : issueAt(value, invalid.limit, invalid.issue)
})

const quota: Rule.Rule = (value) => {
  const shape = object('Give an object such as { per: "tenant", window: "day", maxCostUsd: 5 }')(value)
  if (shape !== undefined) return shape
  const invalid = Quota.validate(Quota.make(Types.as<Quota.Options>(value)))
  return invalid === undefined ? undefined : issueAt(value, invalid.field, invalid.issue)
}

/** Each is valid, and no name is used twice. */
const quotas: Rule.Rule = optional((value) => {
  const wrong = list("Give a list of quotas", quota)(value)
  if (wrong !== undefined) return wrong
  const twice = Quota.validateAll(Types.as<ReadonlyArray<Quota.Options>>(value).map(Quota.make))
  return twice === undefined ? undefined : { path: "", value: twice.quota, cure: `This ${twice.field} ${twice.issue}` }
})

/** Without the value, which the message shows where it may. */
const issueAt = (value: unknown, path: string, issue: string): Rule.Fault => ({
  path,
  value: Predicate.hasProperty(value, path) ? value[path] : undefined,
  cure: `It ${issue.replace(/, but is [^]*/, "")}`
})

const names = (of: string): Rule.Rule => optional(list(`Give a list of names of ${of}`, name(`Name one of ${of}`)))

const reach = {
  scope: optional(oneOf("principal", "tenant")),
  ownAgent: optional(flag)
} satisfies Rule.Rules<MemoryReach>

const agentRules: Rule.Rules<AsyncAgent<string>> = {
  name: name('Give the agent a name, as in { name: "desk" }'),
  description: optional(text()),
  input: optional(schema),
  output: optional(schema),
  instructions: optional(text()),
  tools: names("the runtime's `tools`"),
  mcp: names("the runtime's `mcp`"),
  specialists: names("the runtime's `agents`"),
  model: optional(model),
  fallbacks: optional(list("Give a list of models", model)),
  models: optional(record("Give an object of models by name", model)),
  resolve: optional(callable("Give a function that returns what a step uses")),
  approvals: optional(record("Give an object of policies by tool name", optional(RuntimeRules.policy))),
  approvers,
  budget,
  maxOutputTokens: optional(count(1)),
  maxParallelCalls: optional(limit(1, Infinity)),
  repeatedCallLimit: CallRow.limitRule,
  onOpenResults: optional(oneOf("wait", "end")),
  compaction: optional(
    must(
      "Make it with Compaction.slidingWindow or Compaction.summarise, as in Compaction.slidingWindow({ above: 60_000, keep: 50_000 })",
      (value) =>
        Predicate.hasProperty(value, "compact") &&
        Predicate.hasProperty(value, "above") &&
        typeof value.above === "number" &&
        value.above >= 0
    )
  ),
  hooks: RuntimeRules.hooks,
  toolSearch: ToolSearch.rule,
  memory: optional(
    cases(
      (value) => typeof value === "boolean",
      Rule.any,
      fields('Use true, or an object such as { scope: "tenant" }', { ...reach, limit: optional(between(1, 100)) })
    )
  ),
  recall: optional(
    fields("Give an object such as { limit: 10 }", {
      ...reach,
      limit: optional(between(1, 100)),
      characters: optional(limit(0, Infinity))
    } satisfies Rule.Rules<Recall>)
  ),
  // It may have headers with keys.
  providerOptions: secret(
    optional(
      record(
        "Give an object of options by provider, such as { openai: { … } }",
        object("Give an object of the provider's options")
      )
    )
  )
}

const toolRules: Rule.Rules<AsyncTool> = {
  description: optional(text()),
  parameters: schema,
  needsApproval: optional(
    must("Use true, false or a function", (value) => typeof value === "boolean" || isCode(value))
  ),
  execute: optional(callable("Give the function that runs the tool, or leave it out if the caller runs it")),
  timeoutMs: optional(Rule.milliseconds),
  retries: optional(count()),
  retry: optional(Retrying.rule),
  hooks: RuntimeRules.hooks,
  concurrency: optional(count(1)),
  isPlan: optional(flag),
  mayRepeat: optional(flag),
  maxCostUsd: optional(
    must(
      "Use US dollars of at least 0, or a function",
      (value) => isCode(value) || (typeof value === "number" && value >= 0)
    )
  ),
  approvers,
  asks: optional(callable("Use askPerson() to make the tool"))
}

/** The rules of all options. */
export const rules: Rule.Rules<Options<{}, ReadonlyArray<AsyncAgent<string>>>> = {
  ...RuntimeRules.rules,
  model,
  agents: (value) =>
    must(
      'Give at least one agent, as in agents: [{ name: "desk" }]',
      (given) => Array.isArray(given) && given.length > 0
    )(value) ?? list("", fields('Give an object such as { name: "desk" }', agentRules))(value),
  models: optional(callable("Give a function from a name to a model")),
  tools: optional(
    record("Give an object of tools by name", fields("Make it with tool({ parameters, execute })", toolRules))
  ),
  // Such a value may have a command, an environment or headers with keys.
  mcp: secret(optional(record("Give an object of toolkits by name", must("Give a toolkit", isGiven)))),
  budget,
  quotas,
  services: secret(optional(must("Give a layer of Effect", Layer.isLayer))),
  credentials: secret(
    optional(
      fields("Give an object such as { find: async ({ resourceId, provider }) => … }", {
        find: callable("Give the function that finds a tenant's key"),
        cacheFor: optional(duration)
      } satisfies Rule.Rules<NonNullable<TenantKeys["credentials"]>>)
    )
  ),
  usageLookups: secret(
    optional(
      fields("Give an object such as { lookups: [{ provider, find: async ({ responseId }) => … }] }", {
        lookups: list(
          "Give a list of lookups",
          fields("Give an object such as { provider, find }", {
            provider: name("Name the provider that is asked"),
            models: optional(callable("Give a function of a model's name")),
            find: callable("Give the function that asks for a response")
          } satisfies Rule.Rules<AsyncUsageLookup>)
        ),
        every: optional(duration),
        within: optional(duration)
      } satisfies Rule.Rules<NonNullable<UsageLookups["usageLookups"]>>)
    )
  )
}

const runRules: Rule.Rules<RunOptions & Partial<OutputOptions>> = {
  threadId: optional(text("Give the id of a thread")),
  resourceId: optional(text("Give the name of a tenant")),
  runId: optional(text("Give an id of your own")),
  // Validated with the agent's own when the run starts, with errors of their own.
  budget: optional(object("Give an object such as { maxSteps: 12 }")),
  quotas: optional(list("Give a list of quotas", object('Give an object such as { per: "tenant", window: "day" }'))),
  repeatedCallLimit: CallRow.limitRule,
  onOpenResults: optional(oneOf("wait", "end")),
  principal: optional(text("Give the id of a principal")),
  providerKeys: secret(optional(object("Give an object of keys by provider"))),
  output: optional(schema),
  view: optional(oneOf("root", "progress")),
  signal: optional(
    must(
      "Give the signal of an AbortController",
      (value) => Predicate.hasProperty(value, "addEventListener") && Predicate.hasProperty(value, "aborted")
    )
  )
}

const queryRules: Rule.Rules<QueryOptions & Partial<OutputOptions>> = {
  ...runRules,
  agent: Rule.any,
  model: Rule.any,
  tools: Rule.any,
  history: Rule.any,
  replaces: Rule.any,
  branch: optional(text("Give the id of a branch")),
  instructions: optional(text()),
  onBusy: optional(oneOf("reject", "queue", "cancel-previous", "steer")),
  onThread: optional(oneOf("ignore", "append", "replace"))
}

const cure = 'Give an object of options, such as { threadId: "t1" }'
const runRule = optional(fields(cure, runRules))
const queryRule = optional(fields(cure, queryRules))

const promptRule = must(
  "Give text, or a list of texts and files",
  (said) => typeof said === "string" || Array.isArray(said)
)

/** Why a query with these options is refused; `undefined` if it may start. The runtime validates what is named in them. */
export const queryIssue = (prompt: unknown, options: unknown): string | undefined =>
  Rule.issueOf("prompt", prompt, promptRule) ?? Rule.problemOf("of the query", options, queryRule)

/** The same for a run of a specialist, whose input has a schema of its own. */
export const runIssue = (options: unknown): string | undefined => Rule.problemOf("of the run", options, runRule)

/**
 * A check of an option that a package has. `cure`: what to give. `isSecret`: messages do not show the value.
 *
 * @since 0.2.0
 * @category models
 */
export interface OwnRule {
  readonly fits: (value: unknown) => boolean
  readonly cure: string
  readonly isSecret?: boolean | undefined
}

const ruleOf = ({ cure, fits, isSecret }: OwnRule): Rule.Rule =>
  isSecret === true ? secret(must(cure, fits)) : must(cure, fits)

const requireAll = (
  what: string,
  options: unknown,
  own: OwnRules,
  known: { readonly [name: string]: Rule.Rule }
): void => {
  const added = Object.fromEntries(Object.entries(own).map(([name, one]) => [name, ruleOf(one)]))
  const problem = Rule.problemOf(what, options, fields("Give an object of options", { ...known, ...added }))
  if (problem !== undefined) throw new Error(problem)
}

interface OwnRules {
  readonly [name: string]: OwnRule
}

/**
 * Throws on the first invalid or unknown option of `createRuntime`; the message names it, its value and the cure. `own`:
 * checks of the options that a package adds or replaces, for packages that wrap `createRuntime`.
 *
 * @since 0.2.0
 * @category operations
 */
export const requireOptions = (options: unknown, own: { readonly [name: string]: OwnRule } = {}): void =>
  requireAll("of createRuntime", options, own, rules)

/**
 * Throws on the first invalid or unknown option of something else, whose options are all in `own`. `what`: names the
 * options as a whole, as in `of createServer`.
 *
 * @since 0.2.0
 * @category operations
 */
export const requireFitting = (what: string, options: unknown, own: { readonly [name: string]: OwnRule }): void =>
  requireAll(what, options, own, {})

/**
 * Whether a value is a time of at least 0: milliseconds, text such as `"2 seconds"`, an object of units, or a `Duration`.
 *
 * @since 0.2.0
 * @category guards
 */
export const isTime = (value: unknown): boolean => duration(value) === undefined
