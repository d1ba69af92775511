/** What the options of a runtime must be, without those that are declared otherwise in a program without Effect. */
import * as Predicate from "effect/Predicate"
import * as Agent from "../agent/Agent.ts"
import * as CallRow from "../agent/CallRow.ts"
import * as Approvers from "../approval/Approvers.ts"
import type { Denial, Reviewed } from "../approval/Policy.ts"
import * as Hook from "../hook/Hook.ts"
import * as Rule from "../kernel/OptionRule.ts"
import type { MemoryLimits } from "../memory/Memory.ts"
import type { RuntimeOptions } from "./RuntimeShape.ts"

/** A hook's value, whose own options are valid. A plain object is none. */
export const hook: Rule.Rule = (value) =>
  !Hook.isHook(value)
    ? { path: "", value, cure: 'Make it with hook({ name: "…", beforeCall, … }), or Hook.make' }
    : value.issue === undefined
      ? undefined
      : { path: "", value, cure: value.issue }

export const hooks: Rule.Rule = Rule.optional(Rule.list("Give a list of hooks", hook))

const ruling = 'Use "never", "always", a function, { deny: reason } or { ask, approvers }'

const ruled: Rule.Rule = Rule.cases(
  (value) => Predicate.hasProperty(value, "deny"),
  Rule.fields<Denial>(ruling, { deny: Rule.name("Give the reason, which the model reads") }),
  Rule.must(ruling, (value) => value === "never" || value === "always" || typeof value === "function")
)

/** Whether a person is asked, and who may answer. */
export const policy: Rule.Rule = Rule.cases(
  (value) => Predicate.hasProperty(value, "approvers") || Predicate.hasProperty(value, "ask"),
  Rule.fields<Reviewed>(ruling, { ask: Rule.optional(ruled), approvers: Approvers.rule }),
  ruled
)

/** An empty list has a message of its own, where the agents are built. */
const isAgent = (value: unknown): boolean => Predicate.hasProperty(value, Agent.TypeId)

export const rules: Rule.Rules<RuntimeOptions<ReadonlyArray<Agent.Any>>> = {
  agents: Rule.list("Give a list of agents", Rule.must("Make it with Agent.make or Specialist.make", isAgent)),
  quotas: Rule.optional(Rule.list("Give a list of quotas", Rule.object("Make it with Quota.make"))),
  hooks,
  quotaWait: Rule.optional(Rule.duration),
  providerKeys: Rule.secret(Rule.optional(Rule.callable("Give a function that returns a tenant's key"))),
  metrics: Rule.optional(Rule.flag),
  logs: Rule.optional(Rule.flag),
  approvals: Rule.optional(policy),
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
  repeatedCallLimit: CallRow.limitRule,
  defaultMaxSteps: Rule.optional(Rule.limit(0, false, Infinity)),
  maxDepth: Rule.optional(Rule.limit(0, Infinity)),
  maxResultCharacters: Rule.optional(Rule.limit(0, Infinity)),
  maxFileBytes: Rule.optional(Rule.limit(0, Infinity)),
  memory: Rule.optional(
    Rule.fields<MemoryLimits>("Give an object such as { memories: 1000 }", {
      memories: Rule.optional(Rule.limit(0, Infinity)),
      bytes: Rule.optional(Rule.limit(0, Infinity)),
      textBytes: Rule.optional(Rule.limit(0, Infinity))
    })
  ),
  fileUrl: Rule.optional(Rule.callable("Give a function from a file's id to its URL")),
  captureContent: Rule.optional(Rule.flag)
}

/** What the options of a runtime must be. */
export const rule: Rule.Rule = Rule.fields<RuntimeOptions<ReadonlyArray<Agent.Any>>>("Give an object of options", rules)
