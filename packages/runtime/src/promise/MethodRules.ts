/**
 * What the arguments and options of a method must be. A method rejects with its name, the argument, the value and the cure before
 * anything is done. Its types say which arguments and options need a rule: without one it does not compile.
 */
import { CostReport, ListedRun, Message, type Principal } from "@reins/protocol"
import type * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as Types from "../kernel/Erased.ts"
import * as Rule from "../kernel/OptionRule.ts"
import * as PlainJson from "../kernel/PlainJson.ts"
import type { MemoryOwner } from "../runtime/Memories.ts"
import * as Runs from "../runtime/Runs.ts"
import type { RuntimeShape, TenantOptions } from "../runtime/RuntimeShape.ts"

/** The name of an argument, and what it must be. */
type ArgumentRule = readonly [name: string, rule: Rule.Rule]

type Each<Args extends ReadonlyArray<unknown>> = { readonly [At in keyof Args]: ArgumentRule }

type Callable = (...args: never) => unknown

type OptionsOf<Options, When extends "needed" | "optional"> = When extends "needed"
  ? { readonly needed: Rule.Rules<NonNullable<Options>> }
  : Rule.Rules<NonNullable<Options>>

/** A rule for each argument, and, where the last one are options, for each of those; `needed` where they may not be absent. */
export type RulesOf<Args extends ReadonlyArray<unknown>> =
  Required<Args> extends readonly [...infer Before, infer Options]
    ? [Options] extends [Callable]
      ? Each<readonly [...Before, Options]>
      : [Options] extends [object | undefined]
        ? readonly [...Each<Before>, OptionsOf<Options, Args extends Required<Args> ? "needed" : "optional">]
        : Each<readonly [...Before, Options]>
    : readonly []

/** Makes a function that returns a promise of a method. It rejects where the arguments do not fit their rules. */
export type Method = <Args extends ReadonlyArray<unknown>, A, E>(
  name: string,
  pick: (runtime: RuntimeShape) => (...args: Args) => Effect.Effect<A, E>,
  rules: RulesOf<NoInfer<Args>>
) => (...args: Args) => Promise<A>

/** Makes the functions of a runtime's methods. */
export const methodOf =
  (run: <A, E>(effect: (runtime: RuntimeShape) => Effect.Effect<A, E>) => Promise<A>): Method =>
  (name, pick, rules) => {
    const issueOf = checker(name, Types.as(rules))
    return (...args) => {
      const issue = issueOf(args)
      return issue === undefined ? run((runtime) => pick(runtime)(...args)) : Promise.reject(new Error(issue))
    }
  }

type OptionRules = Rule.Rules<{ readonly [name: string]: unknown }>

type AnyRule = ArgumentRule | OptionRules | { readonly needed: OptionRules }

const isArgument = (rule: AnyRule): rule is ArgumentRule => Array.isArray(rule)
const isNeeded = (rule: OptionRules | { readonly needed: OptionRules }): rule is { readonly needed: OptionRules } =>
  typeof rule["needed"] === "object"

/** Says what is wrong with the arguments of a function `name`; `undefined` if they fit. */
export const checked: <Args extends ReadonlyArray<unknown>>(
  name: string,
  rules: RulesOf<NoInfer<Args>>
) => (args: Args) => string | undefined = (name, rules) => checker(name, Types.as(rules))

/**
 * The same without the types of the arguments. Without `resourceId`, many methods reach every tenant, so that a misspelt option
 * must not count as absent, and nor must one of a wrong type.
 */
const checker = (name: string, rules: ReadonlyArray<AnyRule>) => {
  const each = rules.map((rule) => {
    if (isArgument(rule)) return (value: unknown) => Rule.argumentIssue(name, rule[0], value, rule[1])
    const options = optionsRule(rule)
    return (value: unknown) => Rule.issueOf(`${name}()`, value, options)
  })
  return (args: ReadonlyArray<unknown>): string | undefined => {
    for (const [index, issueOf] of each.entries()) {
      const issue = issueOf(args[index])
      if (issue !== undefined) return issue
    }
    return undefined
  }
}

/** Where needed options are absent altogether, the message names the first of them that may not be. */
const optionsRule = (rules: OptionRules | { readonly needed: OptionRules }): Rule.Rule => {
  const own: OptionRules = isNeeded(rules) ? rules.needed : rules
  const such = isNeeded(rules) ? `: ${Object.keys(own).join(", ")}` : ', such as { resourceId: "acme" }'
  const rule = Rule.fields<{ readonly [name: string]: unknown }>(`Give an object of options${such}`, own)
  if (!isNeeded(rules)) return Rule.optional(rule)
  return (value) => (value === undefined ? rule({}) : undefined) ?? rule(value)
}

const { count, fields, list, must, optional, text } = Rule

export const threadId: ArgumentRule = ["threadId", text("Give the id of a thread")]
export const runId: ArgumentRule = ["runId", text("Give the id of a run")]

export const optionalText = (cure: string): Rule.Rule => optional(text(cure))

const resourceId = optionalText("Give the name of a tenant")

/** The options of a method that takes the name of a tenant alone. */
export const tenant = { resourceId } satisfies Rule.Rules<TenantOptions>

/** What lists and sums are filtered by, where its value is the id of something or the name of an agent. */
export const filters = {
  ...tenant,
  threadId: optional(threadId[1]),
  runId: optional(runId[1]),
  principal: optionalText("Give the id of a principal"),
  agent: optionalText("Give the name of an agent")
}

/** Whose memories are meant. */
export const owner = {
  resourceId,
  principal: filters.principal,
  agent: filters.agent
} satisfies Rule.Rules<MemoryOwner>

/** A principal that acts. */
export const principal: Rule.Rule = optional(
  fields<Principal>('Give an object such as { id: "ada", roles: ["finance"] }', {
    id: Rule.name("Give the id of the principal"),
    roles: optional(list('Give a list of roles, such as ["finance"]', text("Name a role")))
  })
)

/** From when on and before when. */
export const span = { since: Runs.moment, until: Runs.moment }

/** How many rows a page or a report has. */
export const rows = (most: number): Rule.Rule => optional(Rule.between(1, most))

/** The `next` of the page before. */
export const cursor = optionalText("Give the `next` of the previous page")

/** An amount of a filter, in US dollars. */
export const usd = optional(Rule.atLeast(0))

/** An amount; the runtime says which are invalid. */
export const amount = optional(must("Give a number of US dollars", Predicate.isNumber))

export const state = optional(Rule.oneOf("running", "waiting", "ended", "open"))
export const endReason = optional(Rule.oneOf(...ListedRun.endReasons))
export const dimensions = optional(
  list('Give a list of dimensions, such as ["agent", "day"]', Rule.oneOf(...CostReport.dimensions))
)

/** Names of agents from the root to an agent below it. */
export const agentPath = optional(list('Give a list of names, such as ["billing#1"]', text("Name an agent")))

/** The place of a message in its thread. */
export const place = must(
  "Give the index of a message, or the id of a run",
  (value) => typeof value === "string" || count()(value) === undefined
)

const readParts = Schema.decodeUnknownOption(Schema.Array(Message.UserPart))

/** Texts and files that a model is shown. */
export const parts = Rule.secret(
  must('Give a list of { type: "text", text } and { type: "file", mediaType, data }', (value) =>
    Option.isSome(readParts(PlainJson.copy(value)))
  )
)

/** JSON, which may be content. */
export const json = Rule.secret(
  must("Give JSON, such as null where there is nothing", (value) => PlainJson.copy(value) !== undefined)
)
