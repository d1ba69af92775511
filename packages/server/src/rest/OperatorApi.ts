/** The part of the native contract that lists runs and costs: for operators, auditors, and each principal's own. */
import { AgentPath, CostReport, type Json, ListedRun, Usage } from "@reins/protocol"
import { ErasureReport, Memory } from "@reins/runtime"
import * as Schema from "effect/Schema"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import * as OpenApi from "effect/http-api/OpenApi"
import { Webhook } from "@reins/runtime/journal"
import * as OperatorRoutes from "./OperatorRoutes.ts"
import { refusals } from "./Refused.ts"
import * as ReplayRoutes from "./ReplayRoutes.ts"
import * as WebhookRoutes from "./WebhookRoutes.ts"

const Text = Schema.optionalKey(Schema.String)
const Amount = Schema.optionalKey(Schema.NumberFromString)

/** Named here, so that generated declarations can refer to it. */
export interface Costs extends CostReport.CostReport {}
const Costs: Schema.Codec<Costs> = CostReport.CostReport

const WebhookFields = {
  id: Schema.String,
  url: Schema.String,
  events: Schema.Array(Webhook.WebhookEvent),
  content: Schema.Boolean,
  source: Schema.Literals(["api", "settings", "protocol"]),
  runId: Text,
  dialect: Text,
  createdAt: Schema.Natural,
  waiting: Schema.Natural,
  oldestAt: Schema.optionalKey(Schema.Natural),
  failures: Schema.Natural,
  failingSince: Schema.optionalKey(Schema.Natural),
  lastError: Text,
  acceptedAt: Schema.optionalKey(Schema.Natural),
  lost: Schema.Natural
}

/** What a web hook has yet to be told, as clients see it. */
export interface WaitingNotice {
  readonly event: Webhook.WebhookEvent
  readonly at: number
  readonly attempts: number
  readonly nextAt: number
  readonly run: {
    readonly runId: string
    readonly threadId: string
    readonly agent: string
    readonly principal?: string
    readonly startedAt: number
  }
  readonly facts: Webhook.NoticeFacts
}
const WaitingNotice: Schema.Codec<WaitingNotice> = Schema.Struct({
  event: Webhook.WebhookEvent,
  at: Schema.Natural,
  attempts: Schema.Natural,
  nextAt: Schema.Natural,
  run: Schema.Struct({
    runId: Schema.String,
    threadId: Schema.String,
    agent: Schema.String,
    principal: Text,
    startedAt: Schema.Natural
  }),
  facts: Webhook.NoticeFacts
}).annotate({ identifier: "WaitingNotice" })

const EstimateStruct = Schema.Struct({
  agentPath: AgentPath.AgentPath,
  step: Schema.Natural,
  purpose: Schema.optionalKey(Schema.Literals(["compaction", "hook"])),
  provider: Schema.String,
  model: Schema.String,
  usage: Usage.Usage,
  costNanoUsd: Schema.optionalKey(Schema.Natural),
  startedAt: Schema.Natural,
  endedAt: Schema.Natural
}).annotate({ identifier: "Estimate" })

/** A row of a run's ledger that is estimated. */
export interface Estimate extends Schema.Schema.Type<typeof EstimateStruct> {}
const Estimate: Schema.Codec<Estimate> = EstimateStruct

const Change = Schema.Struct({
  costNanoUsd: Schema.Int,
  unpriced: Schema.Int,
  promptTokens: Schema.Int,
  completionTokens: Schema.Int
}).annotate({ identifier: "CostChange" })

/** Named here, so that generated declarations can refer to it. */
export interface Remembered extends Memory {}
const Remembered: Schema.Codec<Remembered, Json> = Memory

/** The endpoints. */
export const group = HttpApiGroup.make("operator").add(
  HttpApiEndpoint.get("listRuns", "/runs", {
    query: {
      state: Schema.optionalKey(Schema.Literals(["running", "waiting", "open", "ended"])),
      agent: Text,
      threadId: Text,
      principal: Text,
      endReason: Schema.optionalKey(ListedRun.EndReason),
      since: Amount,
      until: Amount,
      minCostUsd: Amount,
      maxCostUsd: Amount,
      after: Text,
      limit: Amount
    },
    success: ListedRun.Page,
    error: refusals
  }).annotateMerge(
    OpenApi.annotations({
      summary: "Runs, the latest first, in pages",
      description:
        "Runs that match all given fields; `since` and `until` are about their start, in epoch milliseconds. `after` is the `next` of the previous page: runs that start meanwhile move no page. A named principal without the role operator or auditor gets its own runs."
    })
  ),
  HttpApiEndpoint.get("exportRun", "/runs/:runId/export", {
    params: { runId: Schema.String },
    success: HttpApiSchema.StreamUint8Array({ contentType: "application/x-ndjson" }),
    error: refusals
  }).annotateMerge(
    OpenApi.annotations({
      summary: "All that the store has of a run, as JSON lines",
      description:
        "For `reins replay`, and for an archive to import: prompts, arguments and results, and threads by the store's own ids. A run whose events were deleted, and every run of a server in memory, has no export. A named principal without the role operator gets its own runs; the role auditor gets none."
    })
  ),
  HttpApiEndpoint.post("replayRun", "/runs/:runId/replay", {
    params: { runId: Schema.String },
    payload: ReplayRoutes.Replay,
    success: ReplayRoutes.ReplayResult,
    error: refusals
  }).annotateMerge(
    OpenApi.annotations({
      summary: "Run a logged run again on the agents of this server",
      description:
        "Says whether the run would go the same way, or where it differs first: the event, the field, and what both sides say there. No model and no tool is called, and nothing is stored. `agent`: another agent that decides in place of the run's own. For the roles operator and auditor, and for keys without a name; the role auditor gets the event and the field's name without what is below it. A run that has not ended answers 409; one whose events were deleted, and every run of a server in memory, 404."
    })
  ),
  HttpApiEndpoint.post("forkRun", "/runs/:runId/fork", {
    params: { runId: Schema.String },
    payload: ReplayRoutes.RunFork,
    success: ReplayRoutes.RunForked,
    error: refusals
  }).annotateMerge(
    OpenApi.annotations({
      summary: "Make another thread of a run's conversation up to an event",
      description:
        "`seq`: the last event that it keeps, from the last step whose calls all have their results by then; 0: before the run; absent: all of it. `prompt` of the response is what the run had yet to answer there: query the thread with it, or with another prompt or agent. A named principal without the role operator forks its own runs."
    })
  ),
  HttpApiEndpoint.get("estimates", "/runs/:runId/estimates", {
    params: { runId: Schema.String },
    success: Schema.Struct({ estimates: Schema.Array(Estimate) }),
    error: refusals
  }).annotateMerge(
    OpenApi.annotations({
      summary: "The rows of a run's ledger that are estimated",
      description: "Because a provider had not reported what it used. Rows that are corrected are still listed."
    })
  ),
  HttpApiEndpoint.post("correct", "/runs/:runId/corrections", {
    params: { runId: Schema.String },
    payload: OperatorRoutes.Correcting,
    success: Change,
    error: refusals
  }).annotateMerge(
    OpenApi.annotations({
      summary: "Corrects an estimated row of an ended run, once",
      description:
        "With what its provider reported later. The ledger gets a line with the difference; the run's quotas and its thread's totals follow; the run's summary stays as it was stated. Needs a key that sees all of its tenant."
    })
  ),
  HttpApiEndpoint.get("costs", "/costs", {
    query: {
      by: Text,
      principal: Text,
      agent: Text,
      root: Text,
      runId: Text,
      model: Text,
      tool: Text,
      since: Amount,
      until: Amount,
      limit: Amount,
      format: Schema.optionalKey(Schema.Literals(["json", "csv"]))
    },
    success: Costs,
    error: refusals
  }).annotateMerge(
    OpenApi.annotations({
      summary: "What runs cost, summed by tenant, principal, agent, root, run, model, tool, provider and day",
      description:
        "`by` names the dimensions, separated by commas; without it, only the sum. A run is booked when it ends, on the day of its end (UTC); `since` and `until` are about its end, in epoch milliseconds. With `format=csv` or `accept: text/csv` as CSV."
    })
  ),
  HttpApiEndpoint.get("webhooks", "/webhooks", {
    success: Schema.Struct({
      webhooks: Schema.Array(Schema.Struct(WebhookFields).annotate({ identifier: "Webhook" }))
    }),
    error: refusals
  }).annotateMerge(
    OpenApi.annotations({
      summary: "The tenant's web hooks, and how they do",
      description:
        "For the role operator, and for keys without a name. Those with a `runId` were set by a client of the protocol `dialect` for its run: of their `url` only the origin is shown, and at most 1,000 of them. `waiting`: what a web hook has yet to be told. `failures`, `failingSince`, `lastError`: of the attempts since the last accepted one. `lost`: what was given up."
    })
  ),
  HttpApiEndpoint.post("addWebhook", "/webhooks", {
    payload: WebhookRoutes.Added,
    success: Schema.Struct({ ...WebhookFields, secret: Schema.String }).pipe(HttpApiSchema.status(201)),
    error: refusals
  }).annotateMerge(
    OpenApi.annotations({
      summary: "Have an address told of open questions and ended runs",
      description:
        "Signed as Standard Webhooks have it, with the `secret` of the response, which is not shown again. With `content: true` also what is asked and what was answered."
    })
  ),
  HttpApiEndpoint.post("rotateWebhook", "/webhooks/:webhookId/secret", {
    params: { webhookId: Schema.String },
    success: Schema.Struct({ secret: Schema.String }),
    error: refusals
  }).annotateMerge(
    OpenApi.annotations({
      summary: "A new secret for a web hook",
      description: "What is sent is signed with it and with the one before, until the next one."
    })
  ),
  HttpApiEndpoint.get("notices", "/webhooks/:webhookId/notices", {
    params: { webhookId: Schema.String },
    query: { limit: Amount },
    success: Schema.Struct({ notices: Schema.Array(WaitingNotice) }),
    error: refusals
  }).annotateMerge(
    OpenApi.annotations({
      summary: "What a web hook has yet to be told, the next one first",
      description:
        "Without content. `attempts`: the number of failed attempts; `nextAt`: when it is sent next, in epoch milliseconds. `limit`: at most 1,000, 100 if absent. What was accepted is not kept."
    })
  ),
  HttpApiEndpoint.post("retryWebhook", "/webhooks/:webhookId/retry", {
    params: { webhookId: Schema.String },
    success: Schema.Struct({}).pipe(HttpApiSchema.status(202)),
    error: refusals
  }).annotateMerge(
    OpenApi.annotations({
      summary: "Send at once what waits for a web hook",
      description: "Instead of after the delay that its failures have earned, as when its receiver was mended."
    })
  ),
  HttpApiEndpoint.delete("removeWebhook", "/webhooks/:webhookId", {
    params: { webhookId: Schema.String },
    success: HttpApiSchema.NoContent,
    error: refusals
  }).annotateMerge(OpenApi.annotations({ summary: "Remove a web hook, and what it was not told yet" })),
  HttpApiEndpoint.get("listMemories", "/memories", {
    query: { principal: Text, agent: Text, after: Text, limit: Amount },
    success: Schema.Struct({ memories: Schema.Array(Remembered), next: Text }),
    error: refusals
  }).annotateMerge(
    OpenApi.annotations({
      summary: "What agents remember across threads, the latest first, in pages",
      description:
        "Of the tenant, or of one principal or agent. A named principal without the role operator gets its own memories. The role auditor gets none."
    })
  ),
  HttpApiEndpoint.delete("forgetMemory", "/memories/:memoryId", {
    params: { memoryId: Schema.String },
    success: HttpApiSchema.NoContent,
    error: refusals
  }).annotateMerge(OpenApi.annotations({ summary: "Delete a memory" })),
  HttpApiEndpoint.delete("erasePrincipal", "/principals/:principalId", {
    params: { principalId: Schema.String },
    query: {
      cancel: Schema.optionalKey(Schema.Literals(["true", "false"])),
      audit: Schema.optionalKey(Schema.Literals(["erase", "keep"]))
    },
    success: ErasureReport,
    error: refusals
  }).annotateMerge(
    OpenApi.annotations({
      summary: "Erase all that is kept of a principal of the tenant",
      description:
        "For the role operator, and for keys without a name. Threads, runs, files, memories, grants, acts, notices, notes and quotas of the principal are deleted; the response says how many, and what was kept and why. Refused while a run of the principal has not ended; `cancel=true` cancels its runs first. `audit=keep` keeps acts about its runs, under a pseudonym."
    })
  ),
  HttpApiEndpoint.get("principal", "/principal", {
    success: Schema.Struct({
      tenant: Schema.String,
      name: Text,
      roles: Schema.optionalKey(Schema.Array(Schema.String)),
      sees: Schema.Literals(["all", "order", "own"])
    }),
    error: refusals
  }).annotateMerge(
    OpenApi.annotations({
      summary: "Who the key is, and what it sees",
      description:
        "`all`: everything of the tenant. `order`: when runs happened and what they cost, without content. `own`: in lists of runs and costs its own only."
    })
  )
)
