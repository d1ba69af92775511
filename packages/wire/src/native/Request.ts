/**
 * The native requests: a query, a cancel, an answer to an approval, a client's tool result, a run to watch; and the
 * native stream: our events unchanged (source 002).
 *
 * **Carries** everything. **Reorders** nothing. **Loses** nothing, except that the root view leaves out what specialists
 * say below the root other than their approvals. The stream stays open while the run waits for a person: the answer
 * comes by another request.
 */
import { Envelope, Event, Message } from "@reins/protocol"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { type Accumulated, whole } from "../Accumulation.ts"
import * as Body from "../Body.ts"
import { type Fields, honoured } from "../Body.ts"
import type { Answer, Decoded, Encoder, Reply, Request, Route } from "../Dialect.ts"
import type { Facts } from "../Facts.ts"
import * as Frame from "../Frame.ts"
import * as ModelOptions from "../ModelOptions.ts"
import * as Refusal from "../Refusal.ts"

/**
 * `stream: false` waits for the run's end and returns its outcome.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Query = Schema.Struct({
  prompt: Message.Prompt,
  threadId: Schema.optionalKey(Schema.String),
  agent: Schema.optionalKey(Schema.String),
  model: Schema.optionalKey(Schema.String),
  requestId: Schema.optionalKey(Schema.String),
  replaces: Schema.optionalKey(Schema.Union([Schema.Natural, Schema.String])),
  stream: Schema.optionalKey(Schema.Boolean)
})

/**
 * A call's result, from the client that ran it.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ToolResult = Schema.Struct({
  result: Schema.Json,
  isFailure: Schema.optionalKey(Schema.Boolean)
})

/** What becomes of each field of a query. */
export const fields: Fields = {
  prompt: honoured("A text, or parts with files"),
  threadId: honoured("The thread; absent: a new one"),
  agent: honoured("Names the agent; absent: the thread's, or the first"),
  model: honoured("Names one of the agent's models, where the server lets its clients; else ignored"),
  requestId: honoured("The same id again joins the run that it started"),
  replaces: honoured(
    "Everything of `threadId` from this message (its index) or run (its id) on, which becomes a branch"
  ),
  stream: honoured("`false` waits for the end and returns the outcome")
}

const readQuery = Body.read(Query)
const readToolResult = Body.read(ToolResult)

const wantsLines = ({ headers, query }: Request): boolean =>
  query["format"] === "ndjson" || (headers["accept"] ?? "").includes("application/x-ndjson")

const stream = (request: Request): Answer => {
  const asked = request.query["view"]
  const view = asked === "all" || asked === "progress" ? asked : "root"
  return {
    _tag: "Stream",
    format: wantsLines(request) ? "ndjson" : "sse",
    isStamped: true,
    open: () => open(view)
  }
}

const summary = (run: Accumulated): Reply => ({
  status: 200,
  body: {
    runId: run.runId,
    threadId: run.threadId,
    text: run.text,
    messages: run.messages,
    ...(run.finish === undefined ? {} : { finishReason: run.finish.finishReason, usage: run.finish.usage }),
    ...(run.error === undefined ? {} : { error: run.error }),
    ...(run.cost === undefined ? {} : { cost: run.cost }),
    ...(run.latency === undefined ? {} : { latency: run.latency }),
    ...(run.questions.length === 0 ? {} : { approvals: run.questions }),
    ...(run.clientCalls.length === 0 ? {} : { clientCalls: run.clientCalls.map(({ call }) => call) })
  }
})

const facts = (found: Facts): Reply => {
  switch (found._tag) {
    case "Accepted":
    case "Nothing":
      return { status: 202, body: {} }
    case "Cancelled":
      return { status: 202, body: { running: found.isRunning } }
    case "Approvals":
      return { status: 200, body: { approvals: found.approvals } }
    default:
      return { status: 200, body: found }
  }
}

const query = (request: Request): Decoded =>
  Result.flatMap(readQuery(request.body), ({ model, stream: isStream, ...asked }) =>
    asked.replaces !== undefined && asked.threadId === undefined
      ? Result.fail(Refusal.badRequest("Missing threadId. replaces is about a thread"))
      : Result.succeed({
          command: { _tag: "StartQuery", ...asked, ...ModelOptions.make({ name: model }) },
          answer: isStream === false ? { _tag: "Whole", open: () => whole("when-parked", summary) } : stream(request)
        })
  )

const watch = (request: Request): Decoded => {
  const after = request.headers["last-event-id"] ?? request.query["after"]
  if (after !== undefined && !/^-?\d{1,15}$/.test(after)) {
    return Result.fail(Refusal.badRequest("Invalid after. Use a sequence number"))
  }
  return Result.succeed({
    command: {
      _tag: "Resume",
      address: { runId: request.params["runId"] ?? "" },
      ...(after === undefined ? {} : { after })
    },
    answer: stream(request)
  })
}

const respond = (request: Request): Decoded =>
  Result.map(Body.readDecision(request.body), (decision) => ({
    command: {
      _tag: "Answer",
      address: {},
      decisions: [{ approvalId: request.params["approvalId"] ?? "", decision }],
      results: []
    },
    answer: { _tag: "Facts", shape: facts }
  }))

const submit = (request: Request): Decoded =>
  Result.map(readToolResult(request.body), (result) => ({
    command: {
      _tag: "SubmitToolResults",
      address: { runId: request.params["runId"] ?? "" },
      results: [{ toolCallId: request.params["toolCallId"] ?? "", ...result }]
    },
    answer: { _tag: "Facts", shape: facts }
  }))

export const routes: ReadonlyArray<Route> = [
  { method: "POST", path: "/query", decode: query },
  { method: "GET", path: "/runs/:runId/events", decode: watch },
  {
    method: "POST",
    path: "/runs/:runId/cancel",
    decode: ({ params }) =>
      Result.succeed({
        command: { _tag: "Cancel", address: { runId: params["runId"] ?? "" } },
        answer: { _tag: "Facts", shape: facts }
      })
  },
  { method: "POST", path: "/runs/:runId/results/:toolCallId", decode: submit },
  {
    method: "GET",
    path: "/approvals",
    decode: ({ query: { threadId } }) =>
      Result.succeed({
        command: { _tag: "ListApprovals", ...(threadId === undefined ? {} : { threadId }) },
        answer: { _tag: "Facts", shape: facts }
      })
  },
  { method: "POST", path: "/approvals/:approvalId", decode: respond }
]

/**
 * `root`: the events of the root agent, without envelopes. `progress`: besides them what specialists tell of their
 * work. `all`: every event, in its envelope.
 */
export type View = "root" | "progress" | "all"

export const open = (view: View): Encoder => ({
  step: (envelope) => {
    if (view === "all") return [{ data: JSON.stringify(Envelope.toJson(envelope)), id: `${envelope.seq}` }]
    const isSeen = view === "root" ? Envelope.isRootView(envelope) : Envelope.isProgressView(envelope)
    if (!isSeen) return Frame.none
    return [{ data: JSON.stringify(Event.toJson(envelope.event)), id: `${envelope.seq}` }]
  },
  finish: () => Frame.none,
  reopen: () => Frame.none,
  isDetached: false
})
