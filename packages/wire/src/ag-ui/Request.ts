/**
 * AG-UI's run input. The thread is the server's and becomes what the messages show: a user message at the end is the
 * query, tool messages at the end are results of client calls; `resume` answers interrupts. A message that is alone and
 * that the thread does not know goes on with the thread. What the client says of its context and state becomes part of
 * the instructions.
 */
import type { Message } from "@reins/protocol"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Body from "../Body.ts"
import { honoured, ignored, type Fields } from "../Body.ts"
import type { DecisionFor } from "../Command.ts"
import type { Decoded, Request, Route } from "../Dialect.ts"
import * as History from "../History.ts"
import * as Media from "../Media.ts"
import * as Refusal from "../Refusal.ts"
import * as Encoder from "./Encoder.ts"
import { decisionOf } from "./AgUiEvent.ts"

const Source = Schema.Struct({
  type: Schema.Literals(["data", "url", "file"]),
  value: Schema.String,
  mimeType: Schema.optionalKey(Schema.String)
})
const Part = Schema.Union([
  Schema.Struct({ type: Schema.Literal("text"), text: Schema.String }),
  Schema.Struct({ type: Schema.Literals(["image", "audio", "video", "document"]), source: Source })
])
const Content = Schema.Union([Schema.String, Schema.Array(Part)])
type Content = typeof Content.Type

const User = Schema.Struct({ role: Schema.Literal("user"), id: Schema.String, content: Content })
const Tool = Schema.Struct({
  role: Schema.Literal("tool"),
  toolCallId: Schema.String,
  content: Content,
  error: Schema.optionalKey(Schema.String)
})
const Assistant = Schema.Struct({
  role: Schema.Literal("assistant"),
  subagentRunId: Schema.optionalKey(Schema.NullOr(Schema.String)),
  content: Schema.optionalKey(Schema.NullOr(Schema.String)),
  toolCalls: Schema.optionalKey(
    Schema.Array(
      Schema.Struct({
        id: Schema.String,
        function: Schema.Struct({ name: Schema.String, arguments: Schema.String })
      })
    )
  )
})
const Instructing = Schema.Struct({ role: Schema.Literals(["system", "developer"]), content: Schema.String })
const Other = Schema.Struct({ role: Schema.Literals(["activity", "reasoning"]) })

/**
 * The body that starts or continues a run.
 *
 * @since 0.1.0
 * @category schemas
 */
export const RunAgentInput = Schema.Struct({
  threadId: Schema.NonEmptyString,
  runId: Schema.NonEmptyString,
  parentRunId: Schema.optionalKey(Schema.NullOr(Schema.String)),
  messages: Schema.Array(Schema.Union([User, Tool, Assistant, Instructing, Other])),
  tools: Schema.optionalKey(
    Schema.Array(
      Schema.Struct({
        name: Schema.String,
        description: Schema.optionalKey(Schema.String),
        parameters: Schema.optionalKey(Schema.Json)
      })
    )
  ),
  context: Schema.optionalKey(
    Schema.NullOr(Schema.Array(Schema.Struct({ description: Schema.String, value: Schema.Json })))
  ),
  state: Schema.optionalKey(Schema.Json),
  protocolVersion: Schema.optionalKey(Schema.NullOr(Schema.Union([Schema.String, Schema.Finite]))),
  resume: Schema.optionalKey(
    Schema.Array(
      Schema.Struct({
        interruptId: Schema.String,
        status: Schema.Literals(["resolved", "cancelled"]),
        payload: Schema.optionalKey(Schema.Json)
      })
    )
  )
})
type RunAgentInput = typeof RunAgentInput.Type

/** What becomes of each field of a run input. */
export const fields: Fields = {
  threadId: honoured("The thread, which is the server's and becomes what the messages show"),
  runId: honoured("The same id again joins the run that it started"),
  messages: honoured("The conversation. System and developer messages are added to the agent's instructions"),
  tools: honoured("Tools that the client runs"),
  resume: honoured("Answers to interrupts"),
  context: honoured("Added to the agent's instructions, each entry as its description and its value"),
  state: honoured("Added to the agent's instructions as JSON, unless it is empty. The agent does not change it"),
  protocolVersion: honoured("From 1.0 on, the fields and outcomes that earlier clients refuse are sent, too"),
  parentRunId: honoured(
    "The run of the thread after which this one continues. What came after it is replaced, and kept as a branch"
  ),
  forwardedProps: ignored("They are for what an application agrees on with its own server")
}

const read = Body.read(RunAgentInput, fields)

const partsOf = (content: Content): ReadonlyArray<Message.UserPart> =>
  typeof content === "string"
    ? [{ type: "text", text: content }]
    : content.map((part): Message.UserPart =>
        part.type === "text"
          ? { type: "text", text: part.text }
          : Media.file({
              data: part.source.value,
              mediaType: part.source.mimeType,
              ...(part.type === "document" ? {} : { kind: `${part.type}/*` })
            })
      )

/** What specialists said is shown to the client, and is not part of the root's conversation. */
const isBelow = ({ subagentRunId }: typeof Assistant.Type): boolean => subagentRunId != null

const historyOf = (messages: RunAgentInput["messages"]): History.History => {
  const history = new History.History()
  const below = new Set<string>()
  for (const message of messages) {
    if (message.role === "assistant" && isBelow(message)) {
      for (const { id } of message.toolCalls ?? []) below.add(id)
      continue
    }
    switch (message.role) {
      case "user":
        history.user(partsOf(message.content))
        break
      case "assistant":
        if (message.content != null && message.content !== "")
          history.assistant({ type: "text", text: message.content })
        history.assistant(
          ...(message.toolCalls ?? []).map(({ function: { arguments: args, name }, id }): Message.CallPart => ({
            type: "tool-call",
            id,
            name,
            args: Body.jsonOr(args)
          }))
        )
        break
      case "tool": {
        const given = History.given(message.toolCallId, partsOf(message.content), message.error !== undefined)
        if (below.has(message.toolCallId)) history.below(given)
        else history.result(given)
        break
      }
      case "system":
      case "developer":
        history.instruct(message.content)
        break
      default:
    }
  }
  return history
}

/** Clients of AG-UI 1.0 and later say so, since older ones refuse fields that they do not know. */
const isCurrent = ({ headers, query }: Request, version?: string | number | null): boolean =>
  Number.parseFloat(headers["x-ag-ui-version"] ?? query["version"] ?? `${version ?? 0}`) >= 1

/** What the client shows and knows, as instructions for the model. */
const instruct = (history: History.History, { context, state }: RunAgentInput): History.History => {
  for (const { description, value } of context ?? []) history.instruct(`${description}:\n${Body.resultText(value)}`)
  const isEmpty = state == null || state === "" || JSON.stringify(state) === "{}" || JSON.stringify(state) === "[]"
  if (!isEmpty) history.instruct(`The state of the application:\n${JSON.stringify(state)}`)
  return history
}

const run = (input: RunAgentInput, request: Request): Decoded => {
  const agent = request.params["agent"]
  const { messages, parentRunId, resume = [], runId, threadId, tools = [] } = input
  const answer = {
    _tag: "Stream",
    format: "sse",
    isStamped: true,
    open: () => Encoder.open({ runId, isCurrent: isCurrent(request, input.protocolVersion) })
  } as const
  const clientTools = tools.map(({ description, name, parameters = { type: "object", properties: {} } }) => ({
    name,
    ...(description === undefined ? {} : { description }),
    parameters
  }))
  // Each request lists its client's tools again.
  const settings = { settings: { clientTools } }
  const decisions: Array<DecisionFor> = []
  for (const [index, { interruptId, payload, status }] of resume.entries()) {
    const read = decisionOf(status, payload, `resume.${index}.payload`)
    if (Result.isFailure(read)) return Result.fail(read.failure)
    const given = read.success
    if (given === undefined)
      return Result.fail(
        Refusal.badRequest(
          "Missing resume payload. Send { approved: true }, { approved: false }, a decision, or the answer to a question"
        )
      )
    decisions.push({ approvalId: interruptId, ...given })
  }
  const asked = messages.findLast((message) => message.role === "user")
  const first = messages.find((message) => message.role === "user")
  return Result.map(instruct(historyOf(messages), input).divide(decisions.length > 0), (divided) => ({
    command: History.command(divided, {
      address: { threadId },
      decisions,
      start: {
        threadId,
        requestId: runId,
        onThread: "replace",
        ...(asked === undefined ? {} : { messageId: asked.id }),
        ...(first === undefined ? {} : { firstId: first.id }),
        ...(agent === undefined ? {} : { agent }),
        ...(parentRunId == null || parentRunId === "" ? {} : { after: parentRunId }),
        ...settings
      }
    }),
    answer
  }))
}

const decode = (request: Request): Decoded => Result.flatMap(read(request.body), (input) => run(input, request))

export const routes: ReadonlyArray<Route> = [
  { method: "POST", path: "/run", decode },
  { method: "POST", path: "/agents/:agent/run", decode },
  {
    method: "GET",
    path: "/threads/:threadId/events",
    decode: (request) => {
      const { headers, params, query } = request
      const after = headers["last-event-id"] ?? query["after"]
      return Result.succeed({
        command: {
          _tag: "Resume",
          address: { threadId: params["threadId"] ?? "" },
          ...(after === undefined ? {} : { after })
        },
        answer: {
          _tag: "Stream",
          format: "sse",
          isStamped: true,
          open: () => Encoder.open({ isCurrent: isCurrent(request) })
        }
      })
    }
  },
  {
    method: "POST",
    path: "/threads/:threadId/cancel",
    decode: ({ params }) =>
      Result.succeed({
        command: { _tag: "Cancel", address: { threadId: params["threadId"] ?? "" } },
        answer: { _tag: "Facts", shape: () => ({ status: 202, body: {} }) }
      })
  }
]
