/**
 * Groups of methods of the runtime without Effect that are those of the runtime itself, as functions that return
 * promises, and what their arguments must be. `Rule.any` is what the runtime refuses with an error of its own.
 */
import { Quota } from "@reins/protocol"
import * as Predicate from "effect/Predicate"
import * as Rule from "../kernel/OptionRule.ts"
import * as MemoryRules from "../memory/MemoryRules.ts"
import type * as Shape from "../runtime/RuntimeShape.ts"
import * as Rules from "./MethodRules.ts"
import type { Method } from "./MethodRules.ts"
import { signal } from "./QueryRules.ts"
import type { PromiseRuntime, QuotaSubject, RunVerbs } from "./PromiseShape.ts"

const { any, flag, list, must, object, optional, text } = Rule
const { amount, cursor, filters, owner, principal, rows, runId, span, tenant, threadId } = Rules

/** Why a run cannot be watched so; `undefined` if it can. */
export const watchIssue = Rules.checked<Parameters<PromiseRuntime["watch"]>>("watch", [
  runId,
  {
    after: optional(must("Give the number of an event", (value) => typeof value === "number" && !Number.isNaN(value))),
    signal: optional(signal)
  }
])

export const verbs = (method: Method): Omit<RunVerbs, "watch"> => ({
  status: method("status", (runtime) => runtime.status, [runId]),
  steer: method("steer", (runtime) => runtime.steer, [
    runId,
    ["message", any],
    {
      ...tenant,
      messageId: Rules.optionalText("Give an id of your own"),
      questions: optional(Rule.oneOf("keep", "withdraw"))
    }
  ]),
  cancel: method("cancel", (runtime) => runtime.cancel, [runId]),
  submitToolResult: method("submitToolResult", (runtime) => runtime.submitToolResult, [
    runId,
    ["callId", text("Give the id of a call")],
    {
      needed: {
        result: Rules.json,
        isFailure: optional(flag),
        content: optional(Rules.parts),
        agentPath: Rules.agentPath
      }
    }
  ]),
  raiseBudget: method("raiseBudget", (runtime) => runtime.raiseBudget, [
    runId,
    ["limits", object("Give an object such as { maxSteps: 50 }")],
    { ...tenant, principal, by: filters.principal }
  ])
})

export const replay = (method: Method): PromiseRuntime["replay"] =>
  method("replay", (runtime) => runtime.replay, [
    [
      "exported",
      must(
        "Give the text of an exported run, or its lines",
        (value) =>
          typeof value === "string" ||
          (Array.isArray(value) ? value.every(Predicate.isString) : Predicate.hasProperty(value, "envelopes"))
      )
    ]
  ])

export const runs = (method: Method): Omit<PromiseRuntime["runs"], keyof RunVerbs> => ({
  list: method("runs.list", (runtime) => runtime.runs.list, [
    {
      ...filters,
      ...span,
      state: Rules.state,
      endReason: Rules.endReason,
      minCostUsd: Rules.usd,
      maxCostUsd: Rules.usd,
      after: cursor,
      limit: rows(1000)
    }
  ]),
  waiting: method("runs.waiting", (runtime) => runtime.runs.waiting, []),
  get: method("runs.get", (runtime) => runtime.runs.get, [runId, tenant]),
  export: method("runs.export", (runtime) => runtime.runs.export, [runId, tenant])
})

const decision = must(
  'Use "approve", "reject", or a decision such as Decision.approve({ uses: 1 })',
  (value) => typeof value === "string" || Predicate.isObject(value)
)

const about = { ...tenant, threadId: filters.threadId, runId: filters.runId }

export const approvals = (method: Method): PromiseRuntime["approvals"] => ({
  respond: method("approvals.respond", (runtime) => runtime.approvals.respond, [
    ["id", text("Give the id of an approval request")],
    ["decision", decision],
    { ...tenant, principal }
  ]),
  pending: method("approvals.pending", (runtime) => runtime.approvals.pending, [about]),
  history: method("approvals.history", (runtime) => runtime.approvals.history, [
    { ...about, ...span, principal: filters.principal, after: cursor, limit: rows(10_000) }
  ])
})

export const files = (method: Method): PromiseRuntime["files"] => ({
  get: method("files.get", (runtime) => runtime.files.get, [["fileId", text("Give the id of a file")], tenant]),
  list: method("files.list", (runtime) => runtime.files.list, [threadId, tenant])
})

export const costs = (method: Method): PromiseRuntime["costs"] => ({
  by: method("costs.by", (runtime) => runtime.costs.by, [
    {
      ...tenant,
      ...span,
      dimensions: Rules.dimensions,
      principal: filters.principal,
      agent: filters.agent,
      root: filters.agent,
      runId: filters.runId,
      model: Rules.optionalText("Give the name of a model"),
      tool: Rules.optionalText("Give the name of a tool"),
      limit: rows(100_000)
    }
  ]),
  estimates: method("costs.estimates", (runtime) => runtime.costs.estimates, [runId, tenant]),
  correct: method("costs.correct", (runtime) => runtime.costs.correct, [
    {
      needed: {
        ...tenant,
        runId: runId[1],
        agentPath: Rules.agentPath,
        step: Rule.count(),
        purpose: Rules.optionalText("Give the purpose that costs.estimates lists"),
        provider: Rules.optionalText("Give the name of a provider"),
        model: Rules.optionalText("Give the name of a model"),
        usage: object("Give an object of counts of tokens, such as { inputUncached: 100 }"),
        costUsd: amount
      }
    }
  ])
})

const hook = ["id", text("Give the id of a web hook")] as const

export const webhooks = (method: Method): PromiseRuntime["webhooks"] => ({
  add: method("webhooks.add", (runtime) => runtime.webhooks.add, [
    {
      needed: {
        ...tenant,
        // Either may have a key.
        url: Rule.secret(text("Give an absolute URL with https or http")),
        secret: Rule.secret(Rules.optionalText("Use whsec_ and 24 to 64 bytes as Base64, or leave it out")),
        events: optional(list('Give a list of events, such as ["run.ended"]', text("Name an event"))),
        content: optional(flag),
        atMost: any
      }
    }
  ]),
  list: method("webhooks.list", (runtime) => runtime.webhooks.list, [tenant]),
  rotate: method("webhooks.rotate", (runtime) => runtime.webhooks.rotate, [hook, tenant]),
  remove: method("webhooks.remove", (runtime) => runtime.webhooks.remove, [hook, tenant]),
  ofRuns: method("webhooks.ofRuns", (runtime) => runtime.webhooks.ofRuns, [
    { ...tenant, limit: optional(Rule.count(1)) }
  ]),
  waiting: method("webhooks.waiting", (runtime) => runtime.webhooks.waiting, [
    hook,
    { ...tenant, limit: optional(Rule.count(1)) }
  ]),
  retry: method("webhooks.retry", (runtime) => runtime.webhooks.retry, [hook, tenant])
})

const ticketId = ["ticketId", text("Give the id of a ticket")] as const

const lateResult = must(
  "Give an object such as { value } or { failure }",
  (value) => Predicate.hasProperty(value, "value") || Predicate.hasProperty(value, "failure")
)

export const results = (method: Method): PromiseRuntime["results"] => ({
  deliver: method("results.deliver", (runtime) => runtime.results.deliver, [
    ticketId,
    ["result", Rule.secret(lateResult)],
    { ...tenant, costUsd: amount }
  ]),
  get: method("results.get", (runtime) => runtime.results.get, [ticketId, tenant])
})

const subject = {
  ...tenant,
  principal: filters.principal,
  quotas: optional(list("Give a list of quotas", object('Give an object such as { per: "tenant", window: "day" }')))
} satisfies Rule.Rules<QuotaSubject>

const quotasOf = ({ quotas, ...subject }: QuotaSubject = {}): Shape.QuotaSubject => ({
  ...subject,
  ...(quotas === undefined ? {} : { quotas: quotas.map(Quota.make) })
})

export const quotas = (method: Method): PromiseRuntime["quotas"] => ({
  usage: method("quotas.usage", (runtime) => (subject?: QuotaSubject) => runtime.quotas.usage(quotasOf(subject)), [
    subject
  ]),
  limit: method(
    "quotas.limit",
    (runtime) => (name: string, limits: Quota.LimitOptions | undefined, subject?: QuotaSubject) =>
      runtime.quotas.limit(name, limits, quotasOf(subject)),
    [
      ["name", text("Give the name of a quota")],
      ["limits", optional(object("Give an object such as { maxCostUsd: 5 }, or undefined for the quota's own limits"))],
      subject
    ]
  )
})

export const erase = (method: Method): PromiseRuntime["erase"] =>
  method("erase", (runtime) => runtime.erase, [
    {
      needed: {
        ...tenant,
        principal: any,
        cancel: optional(flag),
        within: optional(Rule.duration),
        keepAudit: optional(flag)
      }
    }
  ])

export const memory = (method: Method): PromiseRuntime["memory"] => ({
  remember: method("memory.remember", (runtime) => runtime.memory.remember, [
    ["text", MemoryRules.remembered],
    { ...owner, ...MemoryRules.remembering, id: Rules.optionalText("Give an id of your own") }
  ]),
  recall: method("memory.recall", (runtime) => runtime.memory.recall, [
    ["query", MemoryRules.sought],
    { ...owner, ...MemoryRules.recalling }
  ]),
  list: method("memory.list", (runtime) => runtime.memory.list, [{ ...owner, after: cursor, limit: rows(1000) }]),
  forget: method("memory.forget", (runtime) => runtime.memory.forget, [["id", text("Give the id of a memory")], owner])
})

export const grants = (method: Method): PromiseRuntime["grants"] => ({
  give: method("grants.give", (runtime) => runtime.grants.give, [
    {
      needed: {
        scope: any,
        threadId: any,
        runId: any,
        agentPath: any,
        tool: any,
        agent: any,
        resourceId: tenant.resourceId,
        matcher: any,
        uses: any,
        maxCostUsd: any,
        expiresIn: any,
        by: any
      }
    }
  ]),
  list: method("grants.list", (runtime) => runtime.grants.list, [tenant]),
  revoke: method("grants.revoke", (runtime) => runtime.grants.revoke, [
    ["id", text("Give the id of a grant")],
    { ...tenant, by: filters.principal }
  ])
})
