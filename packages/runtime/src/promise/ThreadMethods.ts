/** The methods of threads of the runtime without Effect, and what their arguments must be; as `Methods`. */
import { Budget } from "@reins/protocol"
import * as Rule from "../kernel/OptionRule.ts"
import type { TenantOptions } from "../runtime/RuntimeShape.ts"
import type { DescriptionChange, ThreadVote } from "../thread/ThreadDescription.ts"
import * as Rules from "./MethodRules.ts"
import type { Method } from "./MethodRules.ts"
import type { PromiseRuntime } from "./PromiseShape.ts"

const { any, count, fields, flag, list, object, optional, text } = Rule
const { filters, tenant, threadId } = Rules

/** The ids that a new thread may get, and whose it is. */
const made = { ...tenant, threadId: filters.threadId, principal: filters.principal }

const branch = Rules.optionalText("Give the id of a branch")

const vote = fields<ThreadVote>("Give an object such as { messageId, isUp: true }", {
  messageId: text("Give the id of a message"),
  isUp: flag
})

/** Titles, votes and metadata are content. */
const change = Rule.secret(
  fields<DescriptionChange>('Give an object such as { title: "Travel" }', {
    title: optional(text("Give a title")),
    metadata: optional(Rules.json),
    votes: optional(list("Give a list of votes", vote))
  })
)

export const threads = (method: Method): PromiseRuntime["threads"] => ({
  get: method("threads.get", (runtime) => runtime.threads.get, [threadId, { ...tenant, branch }]),
  info: method("threads.info", (runtime) => runtime.threads.info, [threadId, tenant]),
  list: method("threads.list", (runtime) => runtime.threads.list, [tenant]),
  import: method("threads.import", (runtime) => runtime.threads.import, [["history", any], made]),
  fork: method("threads.fork", (runtime) => runtime.threads.fork, [
    threadId,
    { ...made, at: optional(count()), branch }
  ]),
  rewind: method("threads.rewind", (runtime) => runtime.threads.rewind, [
    threadId,
    { needed: { ...tenant, to: Rules.place } }
  ]),
  branches: method("threads.branches", (runtime) => runtime.threads.branches, [threadId, tenant]),
  returnTo: method("threads.returnTo", (runtime) => runtime.threads.returnTo, [
    threadId,
    ["branchId", text("Give the id of a branch")],
    tenant
  ]),
  limit: method(
    "threads.limit",
    (runtime) => (threadId: string, budget: Budget.Options | undefined, options?: TenantOptions) =>
      runtime.threads.limit(threadId, budget === undefined ? undefined : Budget.make(budget), options),
    [
      threadId,
      ["budget", optional(object("Give an object such as { maxSteps: 12 }, or undefined for no limits"))],
      tenant
    ]
  ),
  describe: method("threads.describe", (runtime) => runtime.threads.describe, [threadId, ["change", change], tenant]),
  replace: method("threads.replace", (runtime) => runtime.threads.replace, [
    threadId,
    ["history", any],
    { ...tenant, version: optional(count()) }
  ]),
  before: method("threads.before", (runtime) => runtime.threads.before, [threadId, Rules.runId, tenant]),
  places: method("threads.places", (runtime) => runtime.threads.places, [threadId, tenant]),
  delete: method("threads.delete", (runtime) => runtime.threads.delete, [threadId, tenant])
})
