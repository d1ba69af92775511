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
import { reach } from "../memory/MemoryRules.ts"
import * as RuntimeSettings from "../runtime/RuntimeSettings.ts"
import type * as MemoryTools from "../tool/MemoryTools.ts"
import * as Retrying from "../tool/Retrying.ts"
import type { AsyncAgent } from "./AsyncAgent.ts"
import type { Erased as AsyncTool } from "./AsyncTool.ts"
import type { AsyncUsageLookup, Options, TenantKeys, UsageLookups } from "./PromiseOptions.ts"
import { isJsonSchema } from "./Parameters.ts"

const {
  any,
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
  const wrong = Budget.misfit(Budget.make(Types.as<Budget.Options>(value)))
  if (wrong === undefined) return undefined
  const { limit, tool } = wrong
  if (tool === undefined) return faultAt(limit, value, wrong)
  return Rule.at(
    limit,
    Rule.atName(tool, { path: "", value: valueAt(tool, valueAt(limit, value)), cure: `It ${wrong.issue}` })
  )
})

const quota: Rule.Rule = (value) => {
  const shape = object('Give an object such as { per: "tenant", window: "day", maxCostUsd: 5 }')(value)
  if (shape !== undefined) return shape
  const wrong = Quota.misfit(Quota.make(Types.as<Quota.Options>(value)))
  return wrong === undefined ? undefined : faultAt(wrong.field, value, wrong)
}

interface Misfit {
  readonly issue: string
  readonly known?: ReadonlyArray<string>
}

const valueAt = (name: string, options: unknown): unknown =>
  Predicate.hasProperty(options, name) ? options[name] : undefined

const faultAt = (name: string, options: unknown, { issue, known }: Misfit): Rule.Fault =>
  known === undefined
    ? Rule.at(name, { path: "", value: valueAt(name, options), cure: `It ${issue}` })
    : Rule.unknownOption(name, known)

/** Each is valid, and no name is used twice. */
const quotas: Rule.Rule = optional((value) => {
  const wrong = list("Give a list of quotas", quota)(value)
  if (wrong !== undefined) return wrong
  const twice = Quota.validateAll(Types.as<ReadonlyArray<Quota.Options>>(value).map(Quota.make))
  return twice === undefined ? undefined : { path: "", value: twice.quota, cure: `This ${twice.field} ${twice.issue}` }
})

const names = (of: string): Rule.Rule => optional(list(`Give a list of names of ${of}`, name(`Name one of ${of}`)))

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
  approvals: optional(record("Give an object of policies by tool name", optional(RuntimeSettings.policy))),
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
  hooks: RuntimeSettings.hooks,
  toolSearch: ToolSearch.rule,
  memory: optional(
    cases(
      (value) => typeof value === "boolean",
      any,
      fields<MemoryTools.Options>('Use true, or an object such as { scope: "tenant" }', {
        ...reach,
        limit: optional(between(1, 100))
      })
    )
  ),
  recall: optional(
    fields<Recall>("Give an object such as { limit: 10 }", {
      ...reach,
      limit: optional(between(1, 100)),
      characters: optional(limit(0, Infinity))
    })
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
  hooks: RuntimeSettings.hooks,
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
  ...RuntimeSettings.rules,
  model,
  agents: (value) =>
    must(
      'Give at least one agent, as in agents: [{ name: "desk" }]',
      (given) => Array.isArray(given) && given.length > 0
    )(value) ?? list("", fields<AsyncAgent<string>>('Give an object such as { name: "desk" }', agentRules))(value),
  models: optional(callable("Give a function from a name to a model")),
  tools: optional(
    record(
      "Give an object of tools by name",
      fields<AsyncTool>("Make it with tool({ parameters, execute })", toolRules)
    )
  ),
  // Such a value may have a command, an environment or headers with keys.
  mcp: secret(optional(record("Give an object of toolkits by name", must("Give a toolkit", isGiven)))),
  budget,
  quotas,
  services: secret(optional(must("Give a layer of Effect", Layer.isLayer))),
  credentials: secret(
    optional(
      fields<NonNullable<TenantKeys["credentials"]>>(
        "Give an object such as { find: async ({ resourceId, provider }) => … }",
        {
          find: callable("Give the function that finds a tenant's key"),
          cacheFor: optional(duration)
        }
      )
    )
  ),
  usageLookups: secret(
    optional(
      fields<NonNullable<UsageLookups["usageLookups"]>>(
        "Give an object such as { lookups: [{ provider, find: async ({ responseId }) => … }] }",
        {
          lookups: list(
            "Give a list of lookups",
            fields<AsyncUsageLookup>("Give an object such as { provider, find }", {
              provider: name("Name the provider that is asked"),
              models: optional(callable("Give a function of a model's name")),
              find: callable("Give the function that asks for a response")
            })
          ),
          every: optional(duration),
          within: optional(duration)
        }
      )
    )
  )
}

/**
 * Throws on the first invalid or unknown option of `createRuntime`; the message names it, its value and the cure. `own`:
 * rules of the options that a package adds or replaces, for packages that wrap `createRuntime`.
 *
 * @since 0.2.0
 * @category operations
 */
export const requireOptions = (options: unknown, own: Rule.Rules<{ readonly [name: string]: unknown }> = {}): void =>
  requireFitting<{ readonly [name: string]: unknown }>("of createRuntime", options, { ...rules, ...own })

/**
 * Throws on the first invalid or unknown option of something else, whose options are those of `A`. `what`: names the
 * options as a whole, as in `of createServer`.
 *
 * @since 0.2.0
 * @category operations
 */
export const requireFitting = <A = never>(what: string, options: unknown, rules: Rule.Rules<A>): void => {
  const problem = Rule.problemOf(what, options, fields<A>("Give an object of options", rules))
  if (problem !== undefined) throw new Error(problem)
}
