/** The part of the native contract that lists runs and costs: for operators, auditors, and each principal's own. */
import { CostReport, ListedRun } from "@reins/protocol"
import * as Schema from "effect/Schema"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import * as OpenApi from "effect/http-api/OpenApi"
import { refusals } from "./Refused.ts"

const Text = Schema.optionalKey(Schema.String)
const Amount = Schema.optionalKey(Schema.NumberFromString)

/** Named here, so that generated declarations can refer to it. */
export interface Costs extends CostReport.CostReport {}
const Costs: Schema.Codec<Costs> = CostReport.CostReport

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
