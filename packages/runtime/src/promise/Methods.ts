/**
 * Groups of methods of the runtime without Effect that are those of the runtime itself, as functions that return
 * promises.
 */
import type * as Effect from "effect/Effect"
import * as Rule from "../kernel/OptionRule.ts"
import type { MemoryOwner } from "../runtime/Memories.ts"
import type { RuntimeShape, TenantOptions } from "../runtime/RuntimeShape.ts"
import type { PromiseRuntime, QuotaSubject, RunVerbs } from "./PromiseShape.ts"

/** The names of the options of `O`: one that is missing, or that `O` does not have, does not compile. */
type Names<O> = { readonly [Name in keyof Rule.Rules<NonNullable<O>>]-?: true }

/** Where the options are among a method's arguments, its last one, and their names; `none` for a method without options. */
type OptionsOf<Args extends ReadonlyArray<unknown>> =
  Required<Args> extends readonly [...infer Before, infer Options]
    ? [Options] extends [object | undefined]
      ? readonly [at: Before["length"], names: Names<Options>]
      : "none"
    : "none"

/**
 * Makes a function that returns a promise of a method. It rejects where the method's options are none that it has: without
 * `resourceId`, many methods reach every tenant, so that a misspelt one must not count as absent.
 */
export type Method = <Args extends ReadonlyArray<unknown>, A, E>(
  name: string,
  pick: (runtime: RuntimeShape) => (...args: Args) => Effect.Effect<A, E>,
  options: OptionsOf<NoInfer<Args>>
) => (...args: Args) => Promise<A>

/** Makes the functions of a runtime's methods. */
export const methodOf =
  (run: <A, E>(effect: (runtime: RuntimeShape) => Effect.Effect<A, E>) => Promise<A>): Method =>
  (name, pick, options) => {
    const check = checked(`${name}()`, options)
    return (...args) => {
      const issue = check(args)
      return issue === undefined ? run((runtime) => pick(runtime)(...args)) : Promise.reject(new Error(issue))
    }
  }

const checked = (
  what: string,
  options: "none" | readonly [at: number, names: object]
): ((args: ReadonlyArray<unknown>) => string | undefined) => {
  if (options === "none") return () => undefined
  const [at, names] = options
  const rules = Object.keys(names).map((name) => [
    name,
    name === "resourceId" ? Rule.optional(Rule.text("Give the name of a tenant")) : Rule.any
  ])
  const rule = Rule.optional(
    Rule.fields<{ readonly [name: string]: unknown }>(
      'Give an object of options, such as { resourceId: "acme" }',
      Object.fromEntries(rules)
    )
  )
  return (args) => Rule.issueOf(what, args[at], rule)
}

/** A method that takes the name of a tenant alone. */
export const tenant = { resourceId: true } satisfies Names<TenantOptions>

/** A method that takes the subject of quotas. */
export const subject = { resourceId: true, principal: true, quotas: true } satisfies Names<QuotaSubject>

export const raiseBudget = (method: Method): PromiseRuntime["raiseBudget"] =>
  method("raiseBudget", (runtime) => runtime.raiseBudget, [2, { resourceId: true, principal: true, by: true }])

export const runs = (method: Method): Omit<PromiseRuntime["runs"], keyof RunVerbs> => ({
  list: method("runs.list", (runtime) => runtime.runs.list, [
    0,
    {
      resourceId: true,
      runId: true,
      threadId: true,
      agent: true,
      principal: true,
      state: true,
      endReason: true,
      since: true,
      until: true,
      minCostUsd: true,
      maxCostUsd: true,
      after: true,
      limit: true
    }
  ]),
  waiting: method("runs.waiting", (runtime) => runtime.runs.waiting, "none"),
  get: method("runs.get", (runtime) => runtime.runs.get, [1, tenant]),
  export: method("runs.export", (runtime) => runtime.runs.export, [1, tenant])
})

export const approvals = (method: Method): PromiseRuntime["approvals"] => ({
  respond: method("approvals.respond", (runtime) => runtime.approvals.respond, [
    2,
    { resourceId: true, principal: true }
  ]),
  pending: method("approvals.pending", (runtime) => runtime.approvals.pending, [
    0,
    {
      resourceId: true,
      threadId: true,
      runId: true
    }
  ]),
  history: method("approvals.history", (runtime) => runtime.approvals.history, [
    0,
    {
      resourceId: true,
      threadId: true,
      runId: true,
      principal: true,
      since: true,
      until: true,
      after: true,
      limit: true
    }
  ])
})

export const files = (method: Method): PromiseRuntime["files"] => ({
  get: method("files.get", (runtime) => runtime.files.get, [1, tenant]),
  list: method("files.list", (runtime) => runtime.files.list, [1, tenant])
})

export const threads = (method: Method): Omit<PromiseRuntime["threads"], "limit"> => ({
  get: method("threads.get", (runtime) => runtime.threads.get, [
    1,
    {
      resourceId: true,
      branch: true
    }
  ]),
  info: method("threads.info", (runtime) => runtime.threads.info, [1, tenant]),
  list: method("threads.list", (runtime) => runtime.threads.list, [0, tenant]),
  import: method("threads.import", (runtime) => runtime.threads.import, [
    1,
    { threadId: true, resourceId: true, principal: true }
  ]),
  fork: method("threads.fork", (runtime) => runtime.threads.fork, [
    1,
    {
      threadId: true,
      resourceId: true,
      principal: true,
      at: true,
      branch: true
    }
  ]),
  rewind: method("threads.rewind", (runtime) => runtime.threads.rewind, [1, { resourceId: true, to: true }]),
  branches: method("threads.branches", (runtime) => runtime.threads.branches, [1, tenant]),
  returnTo: method("threads.returnTo", (runtime) => runtime.threads.returnTo, [2, tenant]),
  describe: method("threads.describe", (runtime) => runtime.threads.describe, [2, tenant]),
  replace: method("threads.replace", (runtime) => runtime.threads.replace, [
    2,
    {
      resourceId: true,
      version: true
    }
  ]),
  before: method("threads.before", (runtime) => runtime.threads.before, [2, tenant]),
  places: method("threads.places", (runtime) => runtime.threads.places, [1, tenant]),
  delete: method("threads.delete", (runtime) => runtime.threads.delete, [1, tenant])
})

export const costs = (method: Method): PromiseRuntime["costs"] => ({
  by: method("costs.by", (runtime) => runtime.costs.by, [
    0,
    {
      dimensions: true,
      resourceId: true,
      principal: true,
      agent: true,
      root: true,
      runId: true,
      model: true,
      tool: true,
      since: true,
      until: true,
      limit: true
    }
  ]),
  estimates: method("costs.estimates", (runtime) => runtime.costs.estimates, [1, tenant]),
  correct: method("costs.correct", (runtime) => runtime.costs.correct, [
    0,
    {
      resourceId: true,
      runId: true,
      agentPath: true,
      step: true,
      purpose: true,
      provider: true,
      model: true,
      usage: true,
      costUsd: true
    }
  ])
})

export const webhooks = (method: Method): PromiseRuntime["webhooks"] => ({
  add: method("webhooks.add", (runtime) => runtime.webhooks.add, [
    0,
    { url: true, resourceId: true, events: true, content: true, secret: true, atMost: true }
  ]),
  list: method("webhooks.list", (runtime) => runtime.webhooks.list, [0, tenant]),
  rotate: method("webhooks.rotate", (runtime) => runtime.webhooks.rotate, [1, tenant]),
  remove: method("webhooks.remove", (runtime) => runtime.webhooks.remove, [1, tenant]),
  ofRuns: method("webhooks.ofRuns", (runtime) => runtime.webhooks.ofRuns, [0, { resourceId: true, limit: true }]),
  waiting: method("webhooks.waiting", (runtime) => runtime.webhooks.waiting, [1, { resourceId: true, limit: true }]),
  retry: method("webhooks.retry", (runtime) => runtime.webhooks.retry, [1, tenant])
})

export const results = (method: Method): PromiseRuntime["results"] => ({
  deliver: method("results.deliver", (runtime) => runtime.results.deliver, [2, { resourceId: true, costUsd: true }]),
  get: method("results.get", (runtime) => runtime.results.get, [1, tenant])
})

export const steer = (method: Method): PromiseRuntime["steer"] =>
  method("steer", (runtime) => runtime.steer, [2, { resourceId: true, messageId: true, questions: true }])

export const erase = (method: Method): PromiseRuntime["erase"] =>
  method("erase", (runtime) => runtime.erase, [
    0,
    { principal: true, resourceId: true, cancel: true, within: true, keepAudit: true }
  ])

const owner = { resourceId: true, principal: true, agent: true } satisfies Names<MemoryOwner>

export const memory = (method: Method): PromiseRuntime["memory"] => ({
  remember: method("memory.remember", (runtime) => runtime.memory.remember, [
    1,
    { ...owner, id: true, kind: true, tags: true, expiresIn: true }
  ]),
  recall: method("memory.recall", (runtime) => runtime.memory.recall, [1, { ...owner, kind: true, limit: true }]),
  list: method("memory.list", (runtime) => runtime.memory.list, [0, { ...owner, after: true, limit: true }]),
  forget: method("memory.forget", (runtime) => runtime.memory.forget, [1, owner])
})

export const grants = (method: Method): PromiseRuntime["grants"] => ({
  give: method("grants.give", (runtime) => runtime.grants.give, [
    0,
    {
      scope: true,
      threadId: true,
      runId: true,
      agentPath: true,
      tool: true,
      agent: true,
      resourceId: true,
      matcher: true,
      uses: true,
      maxCostUsd: true,
      expiresIn: true,
      by: true
    }
  ]),
  list: method("grants.list", (runtime) => runtime.grants.list, [0, tenant]),
  revoke: method("grants.revoke", (runtime) => runtime.grants.revoke, [1, { resourceId: true, by: true }])
})
