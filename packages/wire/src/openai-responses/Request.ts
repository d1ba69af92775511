/**
 * The requests of the Responses protocol. `previous_response_id` names the run whose thread a query continues, or whose
 * questions it answers; items that repeat our own output are ignored. `model` names the agent.
 */
import { Decision } from "@reins/protocol"
import type { Message } from "@reins/protocol"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { whole } from "../Accumulation.ts"
import type { Accumulated } from "../Accumulation.ts"
import * as Body from "../Body.ts"
import * as CallId from "../CallId.ts"
import type { DecisionFor, ResultFor } from "../Command.ts"
import type { Answer, Decoded, Reply, Request, Route } from "../Dialect.ts"
import * as Refusal from "../Refusal.ts"
import * as Encoder from "./Encoder.ts"
import * as Item from "./Item.ts"
import * as Response from "./Response.ts"

const Part = Schema.Struct({
  type: Schema.Literals(["input_text", "output_text", "input_image", "input_file"]),
  text: Schema.optionalKey(Schema.String),
  image_url: Schema.optionalKey(Schema.String),
  file_url: Schema.optionalKey(Schema.String),
  file_data: Schema.optionalKey(Schema.String),
  filename: Schema.optionalKey(Schema.String)
})
const Content = Schema.Union([Schema.String, Schema.Array(Part)])
type Content = typeof Content.Type

const Spoken = Schema.Struct({
  type: Schema.optionalKey(Schema.Literal("message")),
  role: Schema.Literals(["user", "assistant", "system", "developer"]),
  content: Content
})
type Spoken = typeof Spoken.Type
const CallOutput = Schema.Struct({
  type: Schema.Literal("function_call_output"),
  call_id: Schema.String,
  output: Schema.Union([Schema.String, Schema.Array(Part)])
})
const ApprovalResponse = Schema.Struct({
  type: Schema.Literal("mcp_approval_response"),
  approval_request_id: Schema.String,
  approve: Schema.Boolean,
  reason: Schema.optionalKey(Schema.NullOr(Schema.String))
})
// Our own output, sent back by the client.
const Echo = Schema.Struct({
  type: Schema.Literals(["function_call", "mcp_call", "mcp_approval_request", "reasoning", "item_reference"])
})

/** Sampling settings, instructions and provider tools belong to the agent and are ignored. */
export const Create = Schema.Struct({
  model: Schema.optionalKey(Schema.String),
  input: Schema.Union([Schema.String, Schema.Array(Schema.Union([CallOutput, ApprovalResponse, Echo, Spoken]))]),
  stream: Schema.optionalKey(Schema.NullOr(Schema.Boolean)),
  previous_response_id: Schema.optionalKey(Schema.NullOr(Schema.String)),
  tools: Schema.optionalKey(
    Schema.Array(
      Schema.Struct({
        type: Schema.String,
        name: Schema.optionalKey(Schema.String),
        description: Schema.optionalKey(Schema.NullOr(Schema.String)),
        parameters: Schema.optionalKey(Schema.Json)
      })
    )
  )
})
type Create = typeof Create.Type

const read = Body.read(Create)

const partsOf = (content: Content): ReadonlyArray<Message.UserPart> =>
  typeof content === "string"
    ? [{ type: "text", text: content }]
    : content.map((part): Message.UserPart => {
        if (part.type === "input_text" || part.type === "output_text") return { type: "text", text: part.text ?? "" }
        const mediaType = part.type === "input_image" ? "image/*" : "application/octet-stream"
        const data = part.image_url ?? part.file_url ?? part.file_data ?? ""
        return { type: "file", mediaType, data, ...(part.filename === undefined ? {} : { filename: part.filename }) }
      })

const textOf = (content: Content): string =>
  partsOf(content).reduce((text, part) => (part.type === "text" ? text + part.text : text), "")

const seedOf = (spoken: ReadonlyArray<Spoken>): ReadonlyArray<Message.Message> =>
  spoken.flatMap(({ content, role }): ReadonlyArray<Message.Message> => {
    if (role === "user") return [{ role, content: partsOf(content) }]
    return role === "assistant" ? [{ role, content: [{ type: "text", text: textOf(content) }] }] : []
  })

const outputOf = (run: Accumulated): ReadonlyArray<Item.Item> => {
  let made = 0
  const id = (prefix: string) => `${prefix}_${run.runId}_${(made += 1)}`
  const called = new Map<string, Message.CallPart>()
  const items = run.messages.flatMap((message): ReadonlyArray<Item.Item> =>
    message.content.flatMap((part): ReadonlyArray<Item.Item> => {
      switch (part.type) {
        case "text":
          return [Item.message(id("msg"), part.text, "completed")]
        case "reasoning":
          return [Item.reasoning(id("rs"), part.text)]
        case "tool-call":
          called.set(part.id, part)
          return []
        case "tool-result": {
          const call = called.get(part.id)
          if (call?.execution === "client") return []
          return [
            Item.mcpCall(id("mcp"), {
              name: part.name,
              args: call?.args ?? {},
              result: part.result,
              status: part.status
            })
          ]
        }
        default:
          return []
      }
    })
  )
  const calls = run.clientCalls.map(({ call, path }) =>
    Item.functionCall(id("fc"), CallId.make(path, call.toolInvocationId), call, true)
  )
  return [...items, ...run.questions.map(Item.approvalRequest), ...calls]
}

const responseOf = (model: string, previous: string | undefined, run: Accumulated): Reply => ({
  status: 200,
  body: Response.make(
    { runId: run.runId, threadId: run.threadId, at: run.at, model, answer: run.answer, previous },
    outputOf(run),
    { finish: run.finish, error: run.error, cost: run.cost, latency: run.latency }
  )
})

const answerOf = ({ model = "reins", previous_response_id, stream }: Create): Answer => {
  const previous = previous_response_id ?? undefined
  return stream === true
    ? { _tag: "Stream", format: "sse", isStamped: false, open: () => Encoder.open(model, previous) }
    : { _tag: "Whole", open: () => whole("when-parked", (run) => responseOf(model, previous, run)) }
}

const create = (request: Create): Decoded => {
  const answer = answerOf(request)
  const { input } = request
  const items = typeof input === "string" ? [{ role: "user" as const, content: input }] : input
  const decisions = items.flatMap((item): ReadonlyArray<DecisionFor> => {
    if (!("approve" in item)) return []
    const said = { feedback: item.reason ?? undefined }
    const decision = item.approve ? Decision.approve(said) : Decision.reject(said)
    return [{ approvalId: item.approval_request_id, decision }]
  })
  const results = items.flatMap((item): ReadonlyArray<ResultFor> =>
    "call_id" in item
      ? [
          {
            toolCallId: item.call_id,
            result: Body.jsonOr(typeof item.output === "string" ? item.output : textOf(item.output))
          }
        ]
      : []
  )
  const clientTools = (request.tools ?? [])
    .filter(({ type }) => type === "function")
    .map(({ description, name = "", parameters = { type: "object", properties: {} } }) => ({
      name,
      ...(description === undefined || description === null ? {} : { description }),
      parameters
    }))
  // Each request lists its client's tools again.
  const settings = { settings: { clientTools } }
  const previous = request.previous_response_id ?? undefined
  if (decisions.length + results.length > 0) {
    const address = previous === undefined ? {} : { runId: Response.runOf(previous) }
    return Result.succeed({ command: { _tag: "Answer", address, decisions, results, ...settings }, answer })
  }
  const spoken = items.filter((item) => "role" in item)
  const last = spoken.findLastIndex(({ role }) => role === "user")
  const asked = spoken[last]
  if (asked === undefined) return Result.fail(Refusal.badRequest("input must contain a user message"))
  const seed = previous === undefined ? seedOf(spoken.slice(0, last)) : []
  return Result.succeed({
    command: {
      _tag: "StartQuery",
      prompt: partsOf(asked.content),
      ...(request.model === undefined ? {} : { agent: request.model }),
      ...(previous === undefined ? {} : { continues: Response.runOf(previous) }),
      ...(seed.length === 0 ? {} : { seed }),
      ...settings
    },
    answer
  })
}

const fetch = ({ params, query }: Request): Decoded => {
  const runId = Response.runOf(params["id"] ?? "")
  const given = query["starting_after"] ?? "-1"
  const after = Number(given)
  if (!/^-?\d{1,15}$/.test(given))
    return Result.fail(Refusal.badRequest("Invalid starting_after. Use a sequence number"))
  return Result.succeed({
    command: { _tag: "Resume", address: { runId } },
    answer:
      query["stream"] === "true"
        ? { _tag: "Stream", format: "sse", isStamped: false, open: () => Encoder.openAfter("reins", after) }
        : { _tag: "Whole", open: () => whole("when-parked", (run) => responseOf("reins", undefined, run)) }
  })
}

export const routes: ReadonlyArray<Route> = [
  { method: "POST", path: "/responses", decode: ({ body }) => Result.flatMap(read(body), create) },
  { method: "GET", path: "/responses/:id", decode: fetch },
  {
    method: "POST",
    path: "/responses/:id/cancel",
    decode: ({ params: { id = "" } }) =>
      Result.succeed({
        command: { _tag: "Cancel", address: { runId: Response.runOf(id) } },
        answer: {
          _tag: "Facts",
          shape: () => ({ status: 200, body: { id, object: "response", status: "cancelled", output: [] } })
        }
      })
  }
]
