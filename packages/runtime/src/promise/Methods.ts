/**
 * Groups of methods of the runtime without Effect that are those of the runtime itself, as functions that return
 * promises.
 */
import type * as Effect from "effect/Effect"
import * as Rule from "../kernel/OptionRule.ts"
import type { Answerer } from "../runtime/Answers.ts"
import type { CorrectionOptions } from "../runtime/Corrections.ts"
import type { EraseOptions } from "../runtime/Erasures.ts"
import type { MemoryListOptions, MemoryOwner, RecallOptions, RememberOptions } from "../runtime/Memories.ts"
import type { DeliverOptions } from "../runtime/Results.ts"
import type { NewWebhook } from "../runtime/Webhooks.ts"
import type { CostOptions, RunFilter } from "../runtime/Runs.ts"
import type { NewThread } from "../runtime/Threads.ts"
import type { HistoryOptions, RuntimeShape, SteerOptions, TenantOptions } from "../runtime/RuntimeShape.ts"
import type { PromiseRuntime, QuotaSubject, RunVerbs } from "./PromiseShape.ts"

/** Why a method's arguments are refused; `undefined` if they are not. */
export type Check = (args: ReadonlyArray<unknown>) => string | undefined

/** Makes a function that returns a promise of a method; it rejects where `check` refuses its arguments. */
export type Method = <Args extends ReadonlyArray<unknown>, A, E>(
  pick: (runtime: RuntimeShape) => (...args: Args) => Effect.Effect<A, E>,
  check?: Check
) => (...args: Args) => Promise<A>

/** The options of the type `O`, each by its name. */
type Names<O> = { readonly [Name in keyof O]-?: true }

/**
 * The argument at `index` has these options and no others. Without `resourceId`, many methods reach every tenant: a misspelt
 * one must not.
 */
const takes = <O>(what: string, index: number, names: Names<O>): Check => {
  const rules = Object.keys(names).map((name) => [
    name,
    name === "resourceId" ? Rule.optional(Rule.text("Give the name of a tenant")) : Rule.any
  ])
  const rule = Rule.optional(
    Rule.fields('Give an object of options, such as { resourceId: "acme" }', Object.fromEntries(rules))
  )
  return (args) => Rule.issueOf(`${what}()`, args[index], rule)
}

/** The last argument, at `index`, names a tenant at most. */
export const ofTenant = (what: string, index: number): Check => takes<TenantOptions>(what, index, { resourceId: true })

/** The argument at `index` says whose quotas are meant. */
export const ofSubject = (what: string, index: number): Check =>
  takes<QuotaSubject>(what, index, { resourceId: true, principal: true, quotas: true })

export const raiseBudget = (method: Method): PromiseRuntime["raiseBudget"] =>
  method(
    (runtime) => runtime.raiseBudget,
    takes<Answerer & { readonly by?: string }>("raiseBudget", 2, { resourceId: true, principal: true, by: true })
  )

export const runs = (method: Method): Omit<PromiseRuntime["runs"], keyof RunVerbs> => ({
  list: method(
    (runtime) => runtime.runs.list,
    takes<RunFilter>("runs.list", 0, {
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
    })
  ),
  waiting: method((runtime) => runtime.runs.waiting),
  get: method((runtime) => runtime.runs.get, ofTenant("runs.get", 1)),
  export: method((runtime) => runtime.runs.export, ofTenant("runs.export", 1))
})

export const approvals = (method: Method): PromiseRuntime["approvals"] => ({
  respond: method(
    (runtime) => runtime.approvals.respond,
    takes<Answerer>("approvals.respond", 2, { resourceId: true, principal: true })
  ),
  pending: method(
    (runtime) => runtime.approvals.pending,
    takes<NonNullable<Parameters<RuntimeShape["pendingApprovals"]>[0]>>("approvals.pending", 0, {
      resourceId: true,
      threadId: true,
      runId: true
    })
  ),
  history: method(
    (runtime) => runtime.approvals.history,
    takes<HistoryOptions>("approvals.history", 0, {
      resourceId: true,
      threadId: true,
      runId: true,
      principal: true,
      since: true,
      until: true,
      after: true,
      limit: true
    })
  )
})

export const files = (method: Method): PromiseRuntime["files"] => ({
  get: method((runtime) => runtime.files.get, ofTenant("files.get", 1)),
  list: method((runtime) => runtime.files.list, ofTenant("files.list", 1))
})

export const threads = (method: Method): Omit<PromiseRuntime["threads"], "limit"> => ({
  get: method(
    (runtime) => runtime.threads.get,
    takes<{ readonly resourceId?: string; readonly branch?: string }>("threads.get", 1, {
      resourceId: true,
      branch: true
    })
  ),
  info: method((runtime) => runtime.threads.info, ofTenant("threads.info", 1)),
  list: method((runtime) => runtime.threads.list, ofTenant("threads.list", 0)),
  import: method(
    (runtime) => runtime.threads.import,
    takes<NewThread>("threads.import", 1, { threadId: true, resourceId: true, principal: true })
  ),
  fork: method(
    (runtime) => runtime.threads.fork,
    takes<NonNullable<Parameters<RuntimeShape["threads"]["fork"]>[1]>>("threads.fork", 1, {
      threadId: true,
      resourceId: true,
      principal: true,
      at: true,
      branch: true
    })
  ),
  rewind: method(
    (runtime) => runtime.threads.rewind,
    takes<Parameters<RuntimeShape["threads"]["rewind"]>[1]>("threads.rewind", 1, { resourceId: true, to: true })
  ),
  branches: method((runtime) => runtime.threads.branches, ofTenant("threads.branches", 1)),
  returnTo: method((runtime) => runtime.threads.returnTo, ofTenant("threads.returnTo", 2)),
  describe: method((runtime) => runtime.threads.describe, ofTenant("threads.describe", 2)),
  replace: method(
    (runtime) => runtime.threads.replace,
    takes<NonNullable<Parameters<RuntimeShape["threads"]["replace"]>[2]>>("threads.replace", 2, {
      resourceId: true,
      version: true
    })
  ),
  before: method((runtime) => runtime.threads.before, ofTenant("threads.before", 2)),
  places: method((runtime) => runtime.threads.places, ofTenant("threads.places", 1)),
  delete: method((runtime) => runtime.threads.delete, ofTenant("threads.delete", 1))
})

export const costs = (method: Method): PromiseRuntime["costs"] => ({
  by: method(
    (runtime) => runtime.costs.by,
    takes<CostOptions>("costs.by", 0, {
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
    })
  ),
  estimates: method((runtime) => runtime.costs.estimates, ofTenant("costs.estimates", 1)),
  correct: method(
    (runtime) => runtime.costs.correct,
    takes<CorrectionOptions>("costs.correct", 0, {
      resourceId: true,
      runId: true,
      agentPath: true,
      step: true,
      purpose: true,
      provider: true,
      model: true,
      usage: true,
      costUsd: true
    })
  )
})

export const webhooks = (method: Method): PromiseRuntime["webhooks"] => ({
  add: method(
    (runtime) => runtime.webhooks.add,
    takes<NewWebhook>("webhooks.add", 0, {
      url: true,
      resourceId: true,
      events: true,
      content: true,
      secret: true,
      atMost: true
    })
  ),
  list: method((runtime) => runtime.webhooks.list, ofTenant("webhooks.list", 0)),
  rotate: method((runtime) => runtime.webhooks.rotate, ofTenant("webhooks.rotate", 1)),
  remove: method((runtime) => runtime.webhooks.remove, ofTenant("webhooks.remove", 1)),
  ofRuns: method(
    (runtime) => runtime.webhooks.ofRuns,
    takes<TenantOptions & { readonly limit: number }>("webhooks.ofRuns", 0, { resourceId: true, limit: true })
  ),
  waiting: method(
    (runtime) => runtime.webhooks.waiting,
    takes<TenantOptions & { readonly limit: number }>("webhooks.waiting", 1, { resourceId: true, limit: true })
  ),
  retry: method((runtime) => runtime.webhooks.retry, ofTenant("webhooks.retry", 1))
})

export const results = (method: Method): PromiseRuntime["results"] => ({
  deliver: method(
    (runtime) => runtime.results.deliver,
    takes<DeliverOptions>("results.deliver", 2, { resourceId: true, costUsd: true })
  ),
  get: method((runtime) => runtime.results.get, ofTenant("results.get", 1))
})

export const steer = (method: Method): PromiseRuntime["steer"] =>
  method(
    (runtime) => runtime.steer,
    takes<SteerOptions>("steer", 2, { resourceId: true, messageId: true, questions: true })
  )

export const erase = (method: Method): PromiseRuntime["erase"] =>
  method(
    (runtime) => runtime.erase,
    takes<EraseOptions>("erase", 0, { principal: true, resourceId: true, cancel: true, within: true, keepAudit: true })
  )

const owner = { resourceId: true, principal: true, agent: true } satisfies Names<MemoryOwner>

export const memory = (method: Method): PromiseRuntime["memory"] => ({
  remember: method(
    (runtime) => runtime.memory.remember,
    takes<RememberOptions>("memory.remember", 1, { ...owner, id: true, kind: true, tags: true, expiresIn: true })
  ),
  recall: method(
    (runtime) => runtime.memory.recall,
    takes<RecallOptions>("memory.recall", 1, { ...owner, kind: true, limit: true })
  ),
  list: method(
    (runtime) => runtime.memory.list,
    takes<MemoryListOptions>("memory.list", 0, { ...owner, after: true, limit: true })
  ),
  forget: method((runtime) => runtime.memory.forget, takes<MemoryOwner>("memory.forget", 1, owner))
})

export const grants = (method: Method): PromiseRuntime["grants"] => ({
  give: method((runtime) => runtime.grants.give),
  list: method((runtime) => runtime.grants.list, ofTenant("grants.list", 0)),
  revoke: method(
    (runtime) => runtime.grants.revoke,
    takes<TenantOptions & { readonly by?: string }>("grants.revoke", 1, { resourceId: true, by: true })
  )
})
