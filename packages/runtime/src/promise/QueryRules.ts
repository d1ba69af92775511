/**
 * What the options of a query and of a specialist's run must be, as their verbs refuse them. `any` is what the runtime refuses
 * with an error of its own.
 */
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import * as CallRow from "../agent/CallRow.ts"
import type { QueryModel, QueryTools } from "../agent/NarrowedMember.ts"
import * as Rule from "../kernel/OptionRule.ts"
import type { ModelSettings } from "../model/Model.ts"
import { place } from "./MethodRules.ts"
import { schema } from "./PromiseRules.ts"
import type { OutputOptions, QueryOptions, RunOptions } from "./PromiseShape.ts"

const { any, cases, fields, list, must, name, object, oneOf, optional, record, secret, text } = Rule

/** The signal of a run. */
export const signal: Rule.Rule = must(
  "Give the signal of an AbortController",
  (value) => Predicate.hasProperty(value, "addEventListener") && Predicate.hasProperty(value, "aborted")
)

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
  providerKeys: secret(
    optional(
      record(
        "Give an object of keys by provider",
        optional(must("Give a key", (value) => typeof value === "string" || Redacted.isRedacted(value)))
      )
    )
  ),
  output: optional(schema),
  view: optional(oneOf("root", "progress")),
  signal: optional(signal)
}

const isLiteral = (value: unknown): boolean =>
  typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype

const queryRules: Rule.Rules<QueryOptions & Partial<OutputOptions>> = {
  ...runRules,
  agent: optional(text("Give the name of an agent")),
  // A misspelt field would change nothing; the runtime validates the others, and what is no object.
  model: cases(
    isLiteral,
    fields<QueryModel>("", {
      name: any,
      maxOutputTokens: any,
      output: any,
      settings: cases(
        isLiteral,
        fields<ModelSettings>("", {
          temperature: any,
          topP: any,
          topK: any,
          seed: any,
          presencePenalty: any,
          frequencyPenalty: any,
          stopSequences: any,
          reasoning: any,
          parallelToolCalls: any,
          toolChoice: any
        }),
        any
      )
    }),
    any
  ),
  tools: cases(isLiteral, fields<QueryTools>("", { without: any, ask: any, client: any }), any),
  history: optional(list("Give a list of messages", object("Give a message"))),
  replaces: optional(place),
  branch: optional(text("Give the id of a branch")),
  instructions: optional(text()),
  onBusy: optional(oneOf("reject", "queue", "cancel-previous", "steer")),
  onThread: optional(oneOf("ignore", "append", "replace"))
}

const cure = 'Give an object of options, such as { threadId: "t1" }'
const runRule = optional(fields<RunOptions & Partial<OutputOptions>>(cure, runRules))
const queryRule = optional(fields<QueryOptions & Partial<OutputOptions>>(cure, queryRules))

const promptRule = must(
  "Give text, or a list of texts and files",
  (said) => typeof said === "string" || Array.isArray(said)
)

/** Why a query with these options is refused; `undefined` if it may start. The runtime validates what is named in them. */
export const queryIssue = (prompt: unknown, options: unknown): string | undefined =>
  Rule.issueOf("prompt", prompt, promptRule) ?? Rule.problemOf("of the query", options, queryRule)

/** Why the value of an agent, as the first argument of a verb, is refused; `undefined` if it may be one. */
export const agentIssue = (agent: { readonly name: unknown }): string | undefined =>
  Rule.issueOf("agent.name", agent.name, name("Give an agent's value, which has the name of one"))

/** The same for a run of a specialist, whose input has a schema of its own. */
export const runIssue = (options: unknown): string | undefined => Rule.problemOf("of the run", options, runRule)
