/** What the options of a runtime must be, apart from its agents: those of both fronts. */
import * as Predicate from "effect/Predicate"
import type * as Agent from "../agent/Agent.ts"
import * as Hook from "../hook/Hook.ts"
import * as Rule from "../kernel/OptionRule.ts"
import type { RuntimeOptions } from "./RuntimeShape.ts"

/** A hook's value. A plain object is none. */
export const hook: Rule.Rule = Rule.must('Make it with hook({ name: "…", beforeCall, … }), or Hook.make', Hook.isHook)

export const hooks: Rule.Rule = Rule.optional(Rule.list("Give a list of hooks", hook))

export const rules: Rule.Rules<Omit<RuntimeOptions<ReadonlyArray<Agent.Any>>, "agents" | "quotas">> = {
  hooks,
  quotaWait: Rule.optional(Rule.duration),
  providerKeys: Rule.optional(Rule.must("Give a function that returns a tenant's key", Predicate.isFunction, true)),
  metrics: Rule.optional(Rule.flag),
  logs: Rule.optional(Rule.flag),
  approvals: Rule.optional(
    Rule.either(
      Rule.oneOf("never", "always"),
      Rule.must(
        'Use "never", "always", a function, or an object with deny or approvers',
        (value) =>
          typeof value === "function" ||
          Predicate.hasProperty(value, "deny") ||
          Predicate.hasProperty(value, "approvers")
      )
    )
  ),
  approvalExpiresIn: Rule.optional(Rule.duration),
  approvalWarnBefore: Rule.optional(Rule.duration),
  unattended: Rule.optional(Rule.oneOf("wait", "deny", "approve")),
  modelRetries: Rule.optional(Rule.limit(0, Infinity)),
  modelRetryEvents: Rule.optional(Rule.flag),
  toolInputEvents: Rule.optional(Rule.flag),
  midStreamFailure: Rule.optional(Rule.oneOf("error", "retract")),
  modelRetryDelay: Rule.optional(Rule.duration),
  modelTimeout: Rule.optional(Rule.duration),
  modelIdleTimeout: Rule.optional(Rule.duration),
  cancelGrace: Rule.optional(Rule.duration),
  repeatedCallLimit: Rule.optional(Rule.limit(1, false, Infinity)),
  defaultMaxSteps: Rule.optional(Rule.limit(0, false, Infinity)),
  maxDepth: Rule.optional(Rule.limit(0, Infinity)),
  maxResultCharacters: Rule.optional(Rule.limit(0, Infinity)),
  maxFileBytes: Rule.optional(Rule.limit(0, Infinity)),
  memory: Rule.optional(
    Rule.fields("Give an object such as { memories: 1000 }", {
      memories: Rule.optional(Rule.limit(0, Infinity)),
      bytes: Rule.optional(Rule.limit(0, Infinity)),
      textBytes: Rule.optional(Rule.limit(0, Infinity))
    })
  ),
  fileUrl: Rule.optional(Rule.callable("Give a function from a file's id to its URL")),
  captureContent: Rule.optional(Rule.flag)
}
