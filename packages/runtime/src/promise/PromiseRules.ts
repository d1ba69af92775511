/**
 * What the options of `createRuntime` must be: programs without types, and values that came from elsewhere, are told
 * the option, its value and the cure before anything is built.
 */
import type { Budget, Quota } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import * as Rule from "../kernel/OptionRule.ts"
import * as RuntimeRules from "../runtime/RuntimeRules.ts"
import type { Retrying } from "../tool/Retrying.ts"
import type { AsyncAgent } from "./AsyncAgent.ts"
import type { Erased as AsyncTool } from "./AsyncTool.ts"
import type { Options } from "./PromiseOptions.ts"

const { callable, count, duration, either, fields, flag, limit, list, must, name, object, optional, record, text } =
  Rule

const isModel = (value: unknown): boolean =>
  Effect.isEffect(value) ||
  (Predicate.hasProperty(value, "attempt") && typeof value.attempt === "function") ||
  (Predicate.hasProperty(value, "open") && typeof value.open === "function")

const isCode = (value: unknown): boolean => typeof value === "function"
const isPositive = (value: unknown): boolean => typeof value === "number" && value > 0
const isGiven = (value: unknown): boolean => isCode(value) || (typeof value === "object" && value !== null)
const isTime = (value: unknown): boolean => duration(value) === undefined
const isPlain = (value: unknown): boolean => Predicate.isObject(value) && !Array.isArray(value)
const isReviewed = (value: unknown): boolean =>
  Predicate.hasProperty(value, "approvers") && Predicate.isObject(value.approvers)

/** A model: its name, or a value. */
export const model: Rule.Rule = must(
  'Give a model, or the name of one, such as "openai:gpt-5.2" (with createRuntime of package reins)',
  (value) => (typeof value === "string" ? value !== "" : isModel(value))
)

const schema: Rule.Rule = must(
  "Give a schema of zod, valibot or arktype, or JSON Schema",
  (value) => Predicate.isObject(value) || typeof value === "function"
)

const approvers = optional(object('Give an object such as { roles: ["lead"] }'))

const asks: Rule.Rule = optional(
  either(
    Rule.oneOf("never", "always"),
    must(
      'Use "never", "always", a function, { deny: reason } or { ask, approvers }',
      (value) => typeof value === "function" || Predicate.hasProperty(value, "deny") || isReviewed(value)
    )
  )
)

const budget: Rule.Rule = optional(
  fields("Give an object such as { maxSteps: 12 }", {
    maxDuration: optional(duration),
    maxCallsPerTool: optional(object("Give an object such as { search: 5 }"))
  } satisfies { readonly [K in keyof Budget.Options]?: Rule.Rule })
)

const quota: Rule.Rule = fields('Give an object such as { per: "tenant", window: "day", maxCostUsd: 5 }', {
  name: optional(text()),
  per: Rule.oneOf("tenant", "principal"),
  window: either(
    Rule.oneOf("day", "week", "month"),
    must('Use "day", "week", "month" or a time such as "1 hour"', isTime)
  )
} satisfies { readonly [K in keyof Quota.Options]?: Rule.Rule })

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
  approvals: optional(record("Give an object of policies by tool name", asks)),
  approvers,
  budget,
  maxOutputTokens: optional(count(1)),
  maxParallelCalls: optional(limit(1, Infinity)),
  repeatedCallLimit: optional(limit(1, false, Infinity)),
  onOpenResults: optional(Rule.oneOf("wait", "end")),
  compaction: optional(
    must("Make it with Compaction.slidingWindow or Compaction.summarise", (value) =>
      Predicate.hasProperty(value, "compact")
    )
  ),
  hooks: RuntimeRules.hooks,
  toolSearch: optional(
    must("Use false, or an object such as { above: 40 }", (value) => value === false || isPlain(value))
  ),
  memory: optional(
    must('Use true, or an object such as { scope: "tenant" }', (value) => typeof value === "boolean" || isPlain(value))
  ),
  recall: optional(object("Give an object such as { limit: 10 }")),
  providerOptions: optional(object("Give an object of options by provider"))
}

const toolRules: Rule.Rules<AsyncTool> = {
  description: optional(text()),
  parameters: must(
    'Give a schema of zod, valibot or arktype, or JSON Schema, such as { type: "object", properties: {} }',
    (value) => Predicate.isObject(value) || typeof value === "function"
  ),
  needsApproval: optional(
    must("Use true, false or a function", (value) => typeof value === "boolean" || isCode(value))
  ),
  execute: optional(callable("Give the function that runs the tool, or leave it out if the caller runs it")),
  timeoutMs: optional(must("Use a number of milliseconds above 0", isPositive)),
  retries: optional(count()),
  retry: optional(
    fields("Give an object such as { times: 2 }", {
      times: count(),
      delay: optional(duration),
      backoff: optional(must("Use a number of at least 1", (value) => typeof value === "number" && value >= 1)),
      maxDelay: optional(duration),
      within: optional(duration),
      when: optional(callable("Give a function from a failure to true or false"))
    } satisfies Rule.Rules<Retrying>)
  ),
  hooks: RuntimeRules.hooks,
  concurrency: optional(count(1)),
  isPlan: optional(flag),
  mayRepeat: optional(flag),
  maxCostUsd: optional(
    must("Use US dollars of at least 0, or a function", (value) => isCode(value) || isPositive(value) || value === 0)
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
  mcp: optional(record("Give an object of toolkits by name", must("Give a toolkit", isGiven))),
  budget,
  quotas: optional(list("Give a list of quotas", quota)),
  services: optional(must("Give a layer of Effect", Layer.isLayer)),
  credentials: optional((value) =>
    fields("Give an object such as { find: async ({ resourceId, provider }) => … }", {
      find: callable("Give the function that finds a tenant's key"),
      cacheFor: optional(duration)
    })(value)
  ),
  usageLookups: optional((value) =>
    fields("Give an object such as { lookups: [{ provider, find: async ({ responseId }) => … }] }", {
      lookups: list(
        "Give a list of lookups",
        fields("Give an object such as { provider, find }", {
          provider: name("Name the provider that is asked"),
          models: optional(callable("Give a function of a model's name")),
          find: callable("Give the function that asks for a response")
        })
      ),
      every: optional(duration),
      within: optional(duration)
    })(value)
  )
}

/**
 * A check of an option that a package adds. `cure`: what to give. `isSecret`: messages do not show the value.
 *
 * @since 0.2.0
 * @category models
 */
export interface OwnRule {
  readonly fits: (value: unknown) => boolean
  readonly cure: string
  readonly isSecret?: boolean | undefined
}

/**
 * Throws on the first invalid option of `createRuntime`; the message names it, its value and the cure. `own`: checks of
 * the options that a package adds or replaces, for packages that wrap `createRuntime`.
 *
 * @since 0.2.0
 * @category operations
 */
export const requireOptions = (options: unknown, own: { readonly [name: string]: OwnRule } = {}): void => {
  const added = Object.entries(own).map(([option, { cure, fits, isSecret }]) => [option, must(cure, fits, isSecret)])
  const problem = Rule.problemOf("of createRuntime", options, { ...rules, ...Object.fromEntries(added) })
  if (problem !== undefined) throw new Error(problem)
}
