/**
 * The native REST interface as a typed contract, from which its OpenAPI document and typed clients are made
 * (`HttpApiClient.make(Api.make(), …)`). Requests go through the same pipeline as every dialect.
 */
import { Approval, Audit, Decision, Grant, ListedRun, Message, Quota } from "@reins/protocol"
import { Query, ToolResult } from "@reins/wire/native"
import * as Schema from "effect/Schema"
import * as HttpApi from "effect/http-api/HttpApi"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import * as OpenApi from "effect/http-api/OpenApi"
import { LateResult, Raise, Steer } from "./NativeRoutes.ts"
import { openBody } from "./OpenBody.ts"
import * as ThreadRoutes from "./ThreadRoutes.ts"
import * as OperatorApi from "./OperatorApi.ts"
import { refusals } from "./Refused.ts"

export { Refused } from "./Refused.ts"

/** An answer, named so that generated declarations can refer to it. */
const Answer: Schema.Codec<Decision> = Decision

const events = HttpApiSchema.StreamUint8Array({ contentType: "text/event-stream" })

const Thread = Schema.Struct({
  threadId: Schema.String,
  agent: Schema.String,
  state: Schema.Literals(["idle", "running"]),
  createdAt: Schema.Natural,
  updatedAt: Schema.Natural,
  title: Schema.optionalKey(Schema.String),
  runId: Schema.optionalKey(Schema.String),
  metadata: Schema.optionalKey(Schema.Json),
  approvals: Schema.Array(Approval.Request),
  clientCalls: Schema.Array(Schema.Json)
}).annotate({ identifier: "Thread" })

const Run = Schema.Struct({
  ...ListedRun.fields,
  text: Schema.optionalKey(Schema.String),
  finishReason: Schema.optionalKey(Schema.String),
  usage: Schema.optionalKey(Schema.Json),
  error: Schema.optionalKey(Schema.Json),
  cost: Schema.optionalKey(Schema.Json),
  latency: Schema.optionalKey(Schema.Json),
  approvals: Schema.optionalKey(Schema.Array(Approval.Request)),
  clientCalls: Schema.optionalKey(Schema.Array(Schema.Json))
}).annotate({ identifier: "Run" })

const place = {
  view: Schema.optionalKey(Schema.String),
  format: Schema.optionalKey(Schema.String)
}

const runs = HttpApiGroup.make("runs").add(
  HttpApiEndpoint.post("query", "/query", {
    query: place,
    payload: Query,
    success: events,
    error: refusals
  }).annotateMerge(
    OpenApi.annotations({
      transform: openBody,
      summary: "Start a run",
      description:
        "Streams the run's events: SSE, or NDJSON for `accept: application/x-ndjson`; with `stream: false`, returns the outcome once the run has ended. The headers `x-run-id` and `x-thread-id` name the run. It continues when the client disconnects."
    })
  ),
  HttpApiEndpoint.get("status", "/runs/:runId", {
    params: { runId: Schema.String },
    success: Run,
    error: refusals
  }).annotateMerge(
    OpenApi.annotations({
      summary: "A run: its state, its summaries and its output so far",
      description: "The role auditor gets no text, approvals and client calls."
    })
  ),
  HttpApiEndpoint.get("watch", "/runs/:runId/events", {
    params: { runId: Schema.String },
    query: { ...place, after: Schema.optionalKey(Schema.String) },
    headers: { "last-event-id": Schema.optionalKey(Schema.String) },
    success: events,
    error: refusals
  }).annotateMerge(
    OpenApi.annotations({
      summary: "Watch a run",
      description:
        "From its first event, or after `after` or `Last-Event-ID`: the `id` of the last event seen. The role auditor gets the events without content."
    })
  ),
  HttpApiEndpoint.post("cancel", "/runs/:runId/cancel", {
    params: { runId: Schema.String },
    success: Schema.Struct({ running: Schema.Boolean }).pipe(HttpApiSchema.status(202)),
    error: refusals
  }).annotateMerge(OpenApi.annotations({ summary: "Cancel a run" })),
  HttpApiEndpoint.post("steer", "/runs/:runId/messages", {
    params: { runId: Schema.String },
    payload: Steer,
    success: Schema.Struct({ messageId: Schema.String, position: Schema.Natural, after: Schema.Natural }).pipe(
      HttpApiSchema.status(202)
    ),
    error: refusals
  }).annotateMerge(
    OpenApi.annotations({
      transform: openBody,
      summary: "Send a message to a running run",
      description:
        "The message enters the conversation before the run's next step, once. Watch the run after `after` to see it and what follows. A run that is ending answers 409: query its thread instead."
    })
  ),
  HttpApiEndpoint.post("raise", "/runs/:runId/budget", {
    params: { runId: Schema.String },
    payload: Raise,
    success: Schema.Struct({}).pipe(HttpApiSchema.status(202)),
    error: refusals
  }).annotateMerge(OpenApi.annotations({ summary: "Raise a run's budget limits" })),
  HttpApiEndpoint.post("submit", "/runs/:runId/results/:toolCallId", {
    params: { runId: Schema.String, toolCallId: Schema.String },
    payload: ToolResult,
    success: Schema.Struct({}).pipe(HttpApiSchema.status(202)),
    error: refusals
  }).annotateMerge(OpenApi.annotations({ transform: openBody, summary: "Submit the result of a client tool call" }))
)

const approvals = HttpApiGroup.make("approvals").add(
  HttpApiEndpoint.get("list", "/approvals", {
    query: { threadId: Schema.optionalKey(Schema.String) },
    success: Schema.Struct({ approvals: Schema.Array(Approval.Request) }),
    error: refusals
  }).annotateMerge(OpenApi.annotations({ summary: "Open approvals, oldest first" })),
  HttpApiEndpoint.get("history", "/approvals/history", {
    query: {
      threadId: Schema.optionalKey(Schema.String),
      runId: Schema.optionalKey(Schema.String),
      principal: Schema.optionalKey(Schema.String),
      since: Schema.optionalKey(Schema.NumberFromString),
      until: Schema.optionalKey(Schema.NumberFromString),
      after: Schema.optionalKey(Schema.String),
      limit: Schema.optionalKey(Schema.NumberFromString)
    },
    success: Schema.Struct({ acts: Schema.Array(Audit.Act), next: Schema.optionalKey(Schema.String) }),
    error: refusals
  }).annotateMerge(
    OpenApi.annotations({
      summary:
        "The audit record of approvals and grants, oldest first, in pages; with Accept: application/x-ndjson as JSON lines, and the next page's `after` in the header reins-next"
    })
  ),
  HttpApiEndpoint.post("answer", "/approvals/:approvalId", {
    params: { approvalId: Schema.String },
    payload: Answer,
    success: Schema.Struct({}).pipe(HttpApiSchema.status(202)),
    error: refusals
  }).annotateMerge(OpenApi.annotations({ summary: "Approve, reject or revise an approval, once" }))
)

const Rewound = Schema.Struct({
  threadId: Schema.String,
  version: Schema.Natural,
  branchId: Schema.optionalKey(Schema.String)
}).annotate({ identifier: "RewoundThread" })

const results = HttpApiGroup.make("results").add(
  HttpApiEndpoint.get("ticket", "/results/:ticketId", {
    params: { ticketId: Schema.String },
    success: Schema.Struct({
      ticketId: Schema.String,
      runId: Schema.String,
      toolName: Schema.String,
      callId: Schema.String,
      agentPath: Schema.Array(Schema.String),
      schema: Schema.Json,
      expiresAt: Schema.optionalKey(Schema.Natural),
      state: Schema.Literals(["open", "delivered", "expired", "closed"])
    }),
    error: refusals
  }).annotateMerge(OpenApi.annotations({ summary: "A ticket of a call that answers later" })),
  HttpApiEndpoint.post("deliver", "/results/:ticketId", {
    params: { ticketId: Schema.String },
    payload: LateResult,
    success: Schema.Struct({}).pipe(HttpApiSchema.status(202)),
    error: refusals
  }).annotateMerge(
    OpenApi.annotations({
      summary: "Deliver the late result of a call, once",
      description:
        "A value that fits the schema of the tool's results, or a failure. A second delivery answers 409 with AlreadyDelivered; so does one after the ticket's expiry or the run's end."
    })
  )
)

const threads = HttpApiGroup.make("threads").add(
  HttpApiEndpoint.get("listThreads", "/threads", {
    query: {
      after: Schema.optionalKey(Schema.String),
      before: Schema.optionalKey(Schema.String),
      limit: Schema.optionalKey(Schema.String)
    },
    success: Schema.Struct({ threads: Schema.Array(Thread), next: Schema.optionalKey(Schema.String) }),
    error: refusals
  }).annotateMerge(OpenApi.annotations({ summary: "Threads, newest first, in pages" })),
  HttpApiEndpoint.get("getThread", "/threads/:threadId", {
    params: { threadId: Schema.String },
    success: Schema.Struct({ ...Thread.fields, messages: Schema.Array(Message.Message) }),
    error: refusals
  }).annotateMerge(OpenApi.annotations({ summary: "A thread with its messages" })),
  HttpApiEndpoint.delete("deleteThread", "/threads/:threadId", {
    params: { threadId: Schema.String },
    success: HttpApiSchema.NoContent,
    error: refusals
  }).annotateMerge(OpenApi.annotations({ summary: "Delete a thread without an active run" })),
  HttpApiEndpoint.post("rewindThread", "/threads/:threadId/rewind", {
    params: { threadId: Schema.String },
    payload: ThreadRoutes.Rewind,
    success: Rewound,
    error: refusals
  }).annotateMerge(
    OpenApi.annotations({
      summary: "Take a thread back to before a message or a run",
      description:
        "What was after it becomes the branch `branchId`, if it was anything. 409 while a run leases the thread (`ThreadBusy`), and for a message or run that it does not have (`PlaceNotFound`)."
    })
  ),
  HttpApiEndpoint.get("branches", "/threads/:threadId/branches", {
    params: { threadId: Schema.String },
    success: Schema.Struct({ branches: Schema.Array(ThreadRoutes.Branch) }),
    error: refusals
  }).annotateMerge(OpenApi.annotations({ summary: "What was replaced of a thread, in that order" })),
  HttpApiEndpoint.get("branch", "/threads/:threadId/branches/:branchId", {
    params: { threadId: Schema.String, branchId: Schema.String },
    success: Schema.Struct({ branchId: Schema.String, messages: Schema.Array(Message.Message) }),
    error: refusals
  }).annotateMerge(OpenApi.annotations({ summary: "The messages of a branch, from the thread's first one" })),
  HttpApiEndpoint.post("returnToBranch", "/threads/:threadId/branches/:branchId/return", {
    params: { threadId: Schema.String, branchId: Schema.String },
    success: Rewound,
    error: refusals
  }).annotateMerge(
    OpenApi.annotations({ summary: "Give a thread the messages of a branch; what they replace becomes one" })
  ),
  HttpApiEndpoint.post("forkThread", "/threads/:threadId/fork", {
    params: { threadId: Schema.String },
    payload: ThreadRoutes.Fork,
    success: Schema.Struct({ threadId: Schema.String }),
    error: refusals
  }).annotateMerge(OpenApi.annotations({ summary: "Make another thread of a thread's messages, or of a branch's" }))
)

const grants = HttpApiGroup.make("grants").add(
  HttpApiEndpoint.get("listGrants", "/grants", {
    success: Schema.Struct({ grants: Schema.Array(Grant.Grant) }),
    error: refusals
  }).annotateMerge(OpenApi.annotations({ summary: "Grants: approvals that are remembered" })),
  HttpApiEndpoint.delete("revokeGrant", "/grants/:grantId", {
    params: { grantId: Schema.String },
    success: HttpApiSchema.NoContent,
    error: refusals
  }).annotateMerge(OpenApi.annotations({ summary: "Revoke a grant: calls ask for approval again" }))
)

const quotas = HttpApiGroup.make("quotas").add(
  HttpApiEndpoint.get("quotas", "/quotas", {
    success: Schema.Struct({ quotas: Schema.Array(Quota.Usage) }),
    error: refusals
  }).annotateMerge(
    OpenApi.annotations({ summary: "What is used and left of the quotas of this key's tenant and principal" })
  )
)

const File = Schema.Struct({
  fileId: Schema.String,
  runId: Schema.String,
  filename: Schema.String,
  mediaType: Schema.String,
  sizeBytes: Schema.Natural,
  at: Schema.Natural
}).annotate({ identifier: "File" })

const files = HttpApiGroup.make("files").add(
  HttpApiEndpoint.get("getFile", "/files/:fileId", {
    params: { fileId: Schema.String },
    success: HttpApiSchema.StreamUint8Array({ contentType: "application/octet-stream" }),
    error: refusals
  }).annotateMerge(OpenApi.annotations({ summary: "A file that a tool made, with its own media type" })),
  HttpApiEndpoint.get("listFiles", "/threads/:threadId/files", {
    params: { threadId: Schema.String },
    success: Schema.Struct({ files: Schema.Array(File) }),
    error: refusals
  }).annotateMerge(OpenApi.annotations({ summary: "The files of a thread, oldest first" }))
)

const agents = HttpApiGroup.make("agents").add(
  HttpApiEndpoint.get("agents", "/agents", {
    success: Schema.Struct({ agents: Schema.Array(Schema.Json) }),
    error: refusals
  }).annotateMerge(OpenApi.annotations({ summary: "The described agents, with their tools" }))
)

const bearer = {
  components: { securitySchemes: { key: { type: "http", scheme: "bearer" } } },
  security: [{ key: [] }]
}

const withSecurity = (page: Record<string, unknown>): Record<string, unknown> => ({
  ...page,
  security: bearer.security,
  components: { ...(typeof page["components"] === "object" ? page["components"] : {}), ...bearer.components }
})

/**
 * The contract, under a base path.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (path: `/${string}` = "/native") =>
  HttpApi.make("reins")
    .add(runs, OperatorApi.group, approvals, results, grants, quotas, threads, files, agents)
    .prefix(path)
    .annotateMerge(
      OpenApi.annotations({
        title: "Reins",
        version: "1",
        description: "Start runs, watch them and answer their approvals.",
        transform: withSecurity
      })
    )
