/**
 * Karta's requests: sessions, messages, inputs, its two adapters, and its managed agents. Every route except the
 * adapters' exists twice: at the top and below its project.
 */
import { Decision } from "@reins/protocol"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { AnswerId } from "../Ids.ts"
import * as Body from "../Body.ts"
import type { StartQuery } from "../Command.ts"
import type { Answer, Decoded, Request, Route } from "../Dialect.ts"
import * as History from "../History.ts"
import * as Refusal from "../Refusal.ts"
import * as Encoder from "./Encoder.ts"
import * as Fields from "./Fields.ts"
import type { KartaType } from "./KartaEvent.ts"
import * as Configuration from "./Configuration.ts"
import * as Policy from "./Policy.ts"
import type { Options } from "./Turn.ts"
import * as Session from "./Session.ts"

export const CreateSession = Schema.Struct({
  session_id: Schema.optionalKey(Schema.NonEmptyString),
  metadata: Schema.optionalKey(Schema.Record(Schema.String, Schema.Json))
})

const KartaTypes: Schema.Codec<KartaType> = Schema.Literals([
  "text",
  "reasoning",
  "tool_use",
  "step_start",
  "step_finish",
  "input_required",
  "error",
  "done",
  "system"
])

/**
 * The last three are client settings, sent along so that the server applies them.
 *
 * @since 0.1.0
 * @category schemas
 */
export const SendMessage = Schema.Struct({
  text: Schema.String,
  agent: Schema.optionalKey(Schema.String),
  participant_name: Schema.optionalKey(Schema.String),
  participant_type: Schema.optionalKey(Schema.Literals(["human", "ai"])),
  thinking: Schema.optionalKey(Schema.Boolean),
  stream: Schema.optionalKey(Schema.Boolean),
  hidden_event_types: Schema.optionalKey(Schema.Array(KartaTypes)),
  input_required_policy: Schema.optionalKey(Policy.InputPolicy),
  input_required_hidden_policy: Schema.optionalKey(Policy.InputPolicy)
})

/** `answer`, with a `value`, answers a question: an extension of ours. */
export const Decide = Schema.Union([
  Schema.Struct({ decision: Policy.Answers }),
  Schema.Struct({ decision: Schema.Literal("answer"), value: Schema.Json })
])

export const ChatCompletions = Schema.Struct({
  model: Schema.optionalKey(Schema.String),
  messages: Schema.NonEmptyArray(Schema.Struct({ role: Schema.String, content: Schema.String })),
  stream: Schema.optionalKey(Schema.Boolean),
  ...Fields.modelFields
})

export const Responses = Schema.Struct({
  model: Schema.optionalKey(Schema.String),
  input: Schema.Union([
    Schema.String,
    Schema.NonEmptyArray(Schema.Struct({ role: Schema.String, content: Schema.String }))
  ]),
  stream: Schema.optionalKey(Schema.Boolean),
  previous_response_id: Schema.optionalKey(Schema.NullOr(Schema.String)),
  ...Fields.modelFields
})

export const ManagedEvent = Schema.Union([
  Schema.Struct({ type: Schema.Literal("user.message"), text: Schema.String }),
  Schema.Struct({
    type: Schema.Literal("user.tool_confirmation"),
    tool_use_id: Schema.optionalKey(Schema.String),
    request_id: Schema.optionalKey(Schema.String),
    result: Schema.Literals(["allow", "deny"])
  }),
  Schema.Struct({ type: Schema.Literal("user.interrupt") })
])

const read = {
  create: Body.read(CreateSession),
  send: Body.read(SendMessage),
  decide: Body.read(Decide),
  chat: Body.read(ChatCompletions, Fields.chat),
  responses: Body.read(Responses, Fields.responses),
  managed: Body.read(ManagedEvent)
}

const streamed = (open: () => ReturnType<typeof Encoder.open>, isStamped = true): Answer => ({
  _tag: "Stream",
  format: "sse",
  isStamped,
  open
})

const id = ({ params }: Request): string => params["id"] ?? ""

const create =
  (mode: Configuration.PermissionMode) =>
  ({ body, params }: Request): Decoded =>
    Result.flatMap(read.create(body ?? {}), ({ metadata, session_id }) =>
      Object.keys(metadata ?? {}).length > 50
        ? Result.fail(Refusal.badRequest("metadata must have at most 50 keys"))
        : Result.succeed({
            command: {
              _tag: "CreateThread",
              resumes: true,
              ...(session_id === undefined ? {} : { threadId: session_id }),
              ...(metadata === undefined ? {} : { metadata })
            },
            answer: { _tag: "Facts", shape: Session.session(201, params["ref"], mode) }
          })
    )

const get =
  (mode: Configuration.PermissionMode) =>
  (request: Request): Decoded =>
    Result.succeed({
      command: { _tag: "GetThread", threadId: id(request) },
      answer: { _tag: "Facts", shape: Session.session(200, request.params["ref"], mode) }
    })

const send =
  (configuration: Configuration.Configuration) =>
  (request: Request): Decoded =>
    Result.map(read.send(request.body), ({ agent, stream, text, thinking = false, ...own }) => {
      const { automatic, options } = Configuration.settle(configuration, own, thinking)
      const command: StartQuery = {
        _tag: "StartQuery",
        prompt: text,
        threadId: id(request),
        create: "existing",
        ...(agent === undefined ? {} : { agent }),
        ...(automatic === undefined ? {} : { automatic })
      }
      const answer: Answer =
        stream === true
          ? streamed(() => Encoder.open(options))
          : { _tag: "Whole", open: (about) => Session.turn({ text, agent: about?.agent ?? agent ?? "", options }) }
      return { command, answer }
    })

const decide =
  (options: Options) =>
  (request: Request): Decoded =>
    Result.map(read.decide(request.body), (given) => ({
      command: {
        _tag: "Answer",
        address: { threadId: id(request) },
        decisions: [
          {
            approvalId: request.params["request"] ?? "",
            decision: given.decision === "answer" ? Decision.answer(given.value) : Policy.decisionOf(given.decision)
          }
        ],
        results: []
      },
      answer: { _tag: "Whole", open: () => Session.continuation(options) }
    }))

const historyOf = (messages: ReadonlyArray<{ readonly role: string; readonly content: string }>): History.History => {
  const history = new History.History()
  for (const { content, role } of messages) {
    if (role === "user") history.user([{ type: "text", text: content }])
    else if (role === "assistant") history.assistant({ type: "text", text: content })
    else history.instruct(content)
  }
  return history
}

const chat =
  (configuration: Configuration.Configuration) =>
  (request: Request): Decoded =>
    Result.flatMap(read.chat(request.body), ({ messages, model = "default", stream, ...asked }) =>
      Result.map(historyOf(messages).divide(), (divided) => ({
        command: History.command(divided, {
          address: {},
          start: { ...unattended(configuration), ...Fields.modelOptionsOf(asked) }
        }),
        answer:
          stream === true ? streamed(Encoder.openChat) : { _tag: "Whole", open: () => Session.chatCompletion(model) }
      }))
    )

/** The adapters cannot carry a question: only a server's policy answers one. */
const unattended = (configuration: Configuration.Configuration): { readonly automatic?: Decision } => {
  const { automatic } = Configuration.settle(configuration, {}, false)
  return automatic === undefined ? {} : { automatic }
}

const responses =
  (configuration: Configuration.Configuration) =>
  (request: Request): Decoded =>
    Result.flatMap(read.responses(request.body), ({ input, previous_response_id, stream, ...asked }) => {
      const previous = previous_response_id ?? undefined
      const start = {
        ...unattended(configuration),
        ...Fields.modelOptionsOf(asked),
        ...(previous === undefined ? {} : { continues: AnswerId.parse("resp_", previous) })
      }
      const said = typeof input === "string" ? [{ role: "user", content: input }] : input
      return Result.map(historyOf(said).divide(), (divided) => ({
        command: History.command(divided, { address: {}, start }),
        answer:
          stream === true ? streamed(Encoder.openResponses) : { _tag: "Whole", open: () => Session.response(previous) }
      }))
    })

const accepted: Answer = { _tag: "Facts", shape: () => ({ status: 202, body: { accepted: true } }) }

const manage =
  (configuration: Configuration.Configuration) =>
  (request: Request): Decoded =>
    Result.flatMap(read.managed(request.body), (event): Decoded => {
      const threadId = id(request)
      switch (event.type) {
        case "user.message":
          return Result.succeed({
            command: {
              _tag: "StartQuery",
              prompt: event.text,
              threadId,
              create: "existing",
              detached: true,
              ...unattended(configuration)
            },
            // It runs in the background, and an event of its own interrupts it.
            onBusy: "steer",
            answer: accepted
          })
        case "user.interrupt":
          return Result.succeed({ command: { _tag: "Cancel", address: { threadId } }, answer: accepted })
        case "user.tool_confirmation": {
          const { request_id, result, tool_use_id } = event
          if (request_id === undefined && tool_use_id === undefined) {
            return Result.fail(Refusal.badRequest("Missing request_id or tool_use_id"))
          }
          const decision = {
            ...(request_id === undefined ? {} : { approvalId: request_id }),
            ...(tool_use_id === undefined ? {} : { toolCallId: tool_use_id }),
            decision: Policy.decisionOf(result === "allow" ? "approve_once" : "deny")
          }
          return Result.succeed({
            command: { _tag: "Answer", address: { threadId }, decisions: [decision], results: [], detached: true },
            answer: accepted
          })
        }
      }
    })

const follow = (request: Request): Decoded => {
  const after = Number(request.query["after"] ?? request.headers["last-event-id"] ?? "0")
  return Number.isSafeInteger(after)
    ? Result.succeed({
        command: { _tag: "Resume", address: { threadId: id(request) }, scope: "thread" },
        answer: streamed(() => Encoder.openLog(after), false)
      })
    : Result.fail(Refusal.badRequest("Invalid after. Use a sequence number"))
}

const status = (request: Request): Decoded =>
  Result.succeed({
    command: { _tag: "Resume", address: { threadId: id(request) }, scope: "thread", only: "stored" },
    answer: { _tag: "Whole", open: Session.managed }
  })

const createManaged = (): Decoded =>
  Result.succeed({
    command: { _tag: "CreateThread" },
    answer: {
      _tag: "Facts",
      shape: (facts) => ({
        status: 201,
        body: { id: facts._tag === "Thread" ? facts.thread.threadId : "", status: "idle" }
      })
    }
  })

const sessions = (prefix: string, configuration: Configuration.Configuration): ReadonlyArray<Route> => {
  const mode = Configuration.modeOf(configuration)
  const { options } = Configuration.settle(configuration, {}, true)
  return [
    { method: "POST", path: `${prefix}/sessions`, decode: create(mode) },
    { method: "GET", path: `${prefix}/sessions/:id`, decode: get(mode) },
    { method: "POST", path: `${prefix}/sessions/:id/messages`, decode: send(configuration) },
    { method: "PUT", path: `${prefix}/sessions/:id/inputs/:request`, decode: decide(options) }
  ]
}

const project = "/v1/projects/:ref"

export const routes = (configuration: Configuration.Configuration): ReadonlyArray<Route> => [
  ...sessions("/v1", configuration),
  ...sessions(project, configuration),
  { method: "POST", path: `${project}/chat/completions`, decode: chat(configuration) },
  { method: "POST", path: `${project}/responses`, decode: responses(configuration) },
  { method: "POST", path: `${project}/managed-agents/sessions`, decode: createManaged },
  { method: "GET", path: `${project}/managed-agents/sessions/:id`, decode: status },
  { method: "POST", path: `${project}/managed-agents/sessions/:id/events`, decode: manage(configuration) },
  { method: "GET", path: `${project}/managed-agents/sessions/:id/events/stream`, decode: follow }
]
