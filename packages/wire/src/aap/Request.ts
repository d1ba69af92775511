/**
 * Requests of the Agent Application Protocol. Versions 1 and 2 create a session and run its first turn in one request,
 * version 3 creates it first. What system messages say is added to the agent's instructions, for the whole session. The
 * client's answers all come together in the next turn; a turn either asks or answers.
 */
import { Decision } from "@reins/protocol"
import type { Message as Ours } from "@reins/protocol"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Body from "../Body.ts"
import { honoured, type Fields } from "../Body.ts"
import type { DecisionFor, ResultFor, Settings } from "../Command.ts"
import type { Answer, Decoded, Request, Route } from "../Dialect.ts"
import * as Refusal from "../Refusal.ts"
import * as Encoder from "./Encoder.ts"
import { Message, partsOf, resultOf, shownOf, Tool, ToolPermission, toOurs, User } from "./Message.ts"
import { history, shape, type Version } from "./Encoder.ts"

const ToolSpec = Schema.Struct({
  name: Schema.String,
  title: Schema.optionalKey(Schema.String),
  description: Schema.optionalKey(Schema.String),
  inputSchema: Schema.optionalKey(Schema.Json),
  parameters: Schema.optionalKey(Schema.Json)
})

const Config = {
  tools: Schema.optionalKey(
    Schema.Array(Schema.Struct({ name: Schema.String, trust: Schema.optionalKey(Schema.Boolean) }))
  ),
  options: Schema.optionalKey(Schema.Record(Schema.String, Schema.String))
}
const AgentConfig = Schema.Struct(Config)

const Mode = Schema.Literals(["delta", "message", "none"])

/**
 * The body that creates a session.
 *
 * @since 0.1.0
 * @category schemas
 */
export const CreateSession = Schema.Struct({
  agent: Schema.Struct({ name: Schema.String, ...Config }),
  stream: Schema.optionalKey(Mode),
  messages: Schema.optionalKey(Schema.Array(Message)),
  tools: Schema.optionalKey(Schema.Array(ToolSpec))
})
type CreateSession = typeof CreateSession.Type

/**
 * The body that sends a turn of a session.
 *
 * @since 0.1.0
 * @category schemas
 */
export const SendTurn = Schema.Struct({
  agent: Schema.optionalKey(AgentConfig),
  stream: Schema.optionalKey(Mode),
  messages: Schema.NonEmptyArray(Schema.Union([User, Tool, ToolPermission])),
  tools: Schema.optionalKey(Schema.Array(ToolSpec))
})
type SendTurn = typeof SendTurn.Type

/** What becomes of each field of a turn. */
export const fields: Fields = {
  messages: honoured("A question, or answers to everything that waits"),
  stream: honoured("`delta` or `message`; `none` answers once"),
  "agent.tools": honoured("Which of the agent's tools are enabled, and which of them ask first"),
  "agent.options": honoured("Merged into the session's options, by name"),
  tools: honoured("Tools that the application runs")
}

/** What becomes of each field of a new session. */
export const createFields: Fields = {
  ...fields,
  "agent.name": honoured("Names the agent for the whole conversation"),
  messages: honoured("What the session begins with")
}

const readCreate = Body.read(CreateSession)
const readTurn = Body.read(SendTurn)

/** On creation, tools that are not named are disabled; later they keep their state. */
const settingsOf = (
  agent: typeof AgentConfig.Type | undefined,
  tools: ReadonlyArray<typeof ToolSpec.Type> | undefined,
  isCreate: boolean
): Settings => {
  const named = agent?.tools ?? (isCreate ? [] : undefined)
  return {
    ...(named === undefined ? {} : { tools: named.map(({ name, trust = false }) => ({ name, trust })) }),
    ...(agent?.options === undefined ? {} : { options: agent.options }),
    ...(tools === undefined
      ? {}
      : {
          clientTools: tools.map(({ description, inputSchema, name, parameters }) => ({
            name,
            ...(description === undefined ? {} : { description }),
            parameters: parameters ?? inputSchema ?? { type: "object" }
          }))
        })
  }
}

/** Tool names must be unique across the agent's and the application's tools. */
const clash = (settings: Settings): string | undefined => {
  const names = [...(settings.tools ?? []), ...(settings.clientTools ?? [])].map(({ name }) => name)
  return names.find((name, index) => names.indexOf(name) !== index)
}

const answerOf = (mode: typeof Mode.Type | undefined, isCreate: boolean): Answer =>
  mode === "delta" || mode === "message"
    ? { _tag: "Stream", format: "sse", isStamped: true, open: () => Encoder.open(mode, isCreate) }
    : { _tag: "Whole", open: () => Encoder.fold(isCreate) }

/** The settings of a new session, with what its system messages say. */
const withInstructions = (settings: Settings, instructions: string | undefined): Settings =>
  instructions === undefined ? settings : { ...settings, instructions }

const createAndRun = ({ agent, messages = [], stream, tools }: CreateSession): Decoded => {
  const settings = settingsOf(agent, tools, true)
  const name = clash(settings)
  if (name !== undefined) return Result.fail(Refusal.badRequest("Duplicate tool name in agent.tools and tools"))
  const last = messages.at(-1)
  if (last?.role !== "user") return Result.fail(Refusal.badRequest("The last message must have role user"))
  const { instructions, messages: seed } = toOurs(messages.slice(0, -1))
  return Result.succeed({
    command: {
      _tag: "StartQuery",
      prompt: partsOf(last.content),
      create: "new",
      agent: agent.name,
      settings: withInstructions(settings, instructions),
      ...(seed.length === 0 ? {} : { seed })
    },
    answer: answerOf(stream, true)
  })
}

const createV3 = ({ agent, messages = [], tools }: CreateSession): Decoded => {
  const settings = settingsOf(agent, tools, true)
  const { instructions, messages: seed } = toOurs(messages)
  return clash(settings) === undefined
    ? Result.succeed({
        command: {
          _tag: "CreateThread",
          agent: agent.name,
          settings: withInstructions(settings, instructions),
          ...(seed.length === 0 ? {} : { seed })
        },
        answer: { _tag: "Facts", shape: shape(3, true) }
      })
    : Result.fail(Refusal.badRequest("Duplicate tool name in agent.tools and tools"))
}

const turn = (threadId: string, { agent, messages, stream, tools }: SendTurn): Decoded => {
  const settings = settingsOf(agent, tools, false)
  const answer = answerOf(stream, false)
  const asked: Array<Ours.UserPart> = []
  const decisions: Array<DecisionFor> = []
  const results: Array<ResultFor> = []
  for (const message of messages) {
    if (message.role === "user") asked.push(...partsOf(message.content))
    else if (message.role === "tool") {
      const content = shownOf(message.content)
      const result = { toolCallId: message.toolCallId, result: resultOf(message.content) }
      results.push(content === undefined ? result : { ...result, content })
    } else {
      const { granted, reason, toolCallId } = message
      decisions.push({ toolCallId, decision: granted ? Decision.approve() : Decision.reject({ feedback: reason }) })
    }
  }
  const isAnswer = decisions.length + results.length > 0
  if (isAnswer && asked.length > 0)
    return Result.fail(Refusal.badRequest("messages must either ask or answer, not both"))
  if (clash(settings) !== undefined)
    return Result.fail(Refusal.badRequest("Duplicate tool name in agent.tools and tools"))
  return Result.succeed({
    command: isAnswer
      ? { _tag: "Answer", address: { threadId }, decisions, results, complete: true, settings }
      : { _tag: "StartQuery", prompt: asked, threadId, create: "existing", settings },
    answer
  })
}

const readHistory = ({ params, query }: Request): Decoded => {
  const form = query["type"]
  return form === "full" || form === "compacted"
    ? Result.succeed({
        command: { _tag: "GetHistory", threadId: params["id"] ?? "", form },
        answer: { _tag: "Facts", shape: history(form) }
      })
    : Result.fail(Refusal.badRequest("Invalid type. Use full or compacted"))
}

/** Version 1 shows a session with its history, and has no route for the history alone. */
const getSession = (version: Version, { params }: Request): Decoded => {
  const threadId = params["id"] ?? ""
  return Result.succeed({
    command: { _tag: "GetThread", threadId },
    answer: { _tag: "Facts", shape: shape(version) }
  })
}

const session = (version: Version, at: string, create: Route, turns: string): ReadonlyArray<Route> => [
  {
    method: "GET",
    path: "/meta",
    isPublic: true,
    decode: () => Result.succeed({ command: { _tag: "Describe" }, answer: { _tag: "Facts", shape: shape(version) } })
  },
  create,
  {
    method: "GET",
    path: "/sessions",
    decode: ({ query: { after } }) =>
      Result.succeed({
        command: { _tag: "ListThreads", ...(after === undefined ? {} : { after }) },
        answer: { _tag: "Facts", shape: shape(version) }
      })
  },
  {
    method: "POST",
    path: `${at}/:id${turns}`,
    decode: ({ body, params }) => Result.flatMap(readTurn(body), (sent) => turn(params["id"] ?? "", sent))
  },
  {
    method: "GET",
    path: `${at}/:id`,
    decode: (request) => getSession(version, request)
  },
  ...(version === 1 ? [] : [{ method: "GET", path: `${at}/:id/history`, decode: readHistory } as const]),
  {
    method: "DELETE",
    path: `${at}/:id`,
    decode: ({ params }) =>
      Result.succeed({
        command: { _tag: "DeleteThread", threadId: params["id"] ?? "" },
        answer: { _tag: "Facts", shape: () => ({ status: 204 }) }
      })
  }
]

const createRoute: Route = {
  method: "PUT",
  path: "/session",
  decode: ({ body }) => Result.flatMap(readCreate(body), createAndRun)
}

export const routesV1 = session(1, "/session", createRoute, "")

export const routesV2 = session(2, "/session", createRoute, "")

export const routesV3 = session(
  3,
  "/sessions",
  { method: "POST", path: "/sessions", decode: ({ body }) => Result.flatMap(readCreate(body), createV3) },
  "/turns"
)
