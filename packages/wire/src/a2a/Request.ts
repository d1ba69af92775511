/**
 * A2A's requests: the agent card, and JSON-RPC with the methods of version 1.0, also under their names of version 0.3.
 *
 * A message without a task begins one; one with a task answers what it waits for: by data parts that name it
 * (`approvalId` with `decision`, `toolCallId` with `result`), or by words where one thing waits.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { whole } from "../Accumulation.ts"
import * as Body from "../Body.ts"
import { type Fields, honoured, ignored } from "../Body.ts"
import type { Command, PushTo } from "../Command.ts"
import type { Answer, Decoded, Request, Route } from "../Dialect.ts"
import type { Facts } from "../Facts.ts"
import * as Frame from "../Frame.ts"
import * as Refusal from "../Refusal.ts"
import * as Card from "./Card.ts"
import * as Encoder from "./Encoder.ts"
import * as JsonRpc from "./JsonRpc.ts"
import * as Listing from "./Listing.ts"
import * as Task from "./Task.ts"

const Text = Schema.String
const Maybe = Schema.optionalKey

/**
 * The parameters of `message/send` and `message/stream`.
 *
 * @since 0.1.0
 * @category schemas
 */
export const SendMessage = Schema.Struct({
  message: Task.Message,
  configuration: Maybe(
    Schema.Struct({
      acceptedOutputModes: Maybe(Schema.Array(Text)),
      taskPushNotificationConfig: Maybe(Task.PushConfig),
      historyLength: Maybe(Schema.Natural),
      returnImmediately: Maybe(Schema.Boolean)
    })
  ),
  metadata: Maybe(Schema.Json)
})

/** What becomes of the fields of a message that is sent. */
export const fields: Fields = {
  "params.message.parts": honoured("The query, or the answer to what the task waits for"),
  "params.message.messageId": honoured("Sent again, it is the same task"),
  "params.message.contextId": honoured("The thread; absent: a new one"),
  "params.message.taskId": honoured("The task that is answered; absent: a new one"),
  "params.message.metadata": ignored("What models read stands in the parts"),
  "params.message.extensions": ignored("There are none"),
  "params.message.referenceTaskIds": ignored("Tasks of the same context are known to each other"),
  "params.configuration.acceptedOutputModes": honoured("Refused where text is not among them"),
  "params.configuration.historyLength": honoured(
    "So many of the client's own messages to the task, the last ones; absent: all"
  ),
  "params.configuration.returnImmediately": honoured("The task goes on in the background"),
  "params.configuration.taskPushNotificationConfig": honoured("Refused where the server sends no web hooks"),
  "params.metadata": honoured("Kept with the thread"),
  "params.tenant": ignored("The key says whose the task is")
}

/** A task has what its run has made since it began. */
const ofTask = { isOfRun: true }

const Named = Schema.Struct({ id: Text, historyLength: Maybe(Schema.Natural) })
const OfTask = Schema.Struct({ taskId: Text, id: Maybe(Text) })

const read = {
  call: Body.read(JsonRpc.Call),
  send: JsonRpc.ofParams(SendMessage),
  task: JsonRpc.ofParams(Named),
  push: JsonRpc.ofParams(Schema.Struct({ ...Task.PushConfig.fields, taskId: Text })),
  ofTask: JsonRpc.ofParams(OfTask)
}

/** Methods by their names; those of version 0.3 mean the same here. */
const methods: { readonly [name: string]: string } = {
  "message/send": "SendMessage",
  "message/stream": "SendStreamingMessage",
  "tasks/get": "GetTask",
  "tasks/list": "ListTasks",
  "tasks/cancel": "CancelTask",
  "tasks/resubscribe": "SubscribeToTask",
  "tasks/pushNotificationConfig/set": "CreateTaskPushNotificationConfig",
  "tasks/pushNotificationConfig/get": "GetTaskPushNotificationConfig",
  "tasks/pushNotificationConfig/list": "ListTaskPushNotificationConfigs",
  "tasks/pushNotificationConfig/delete": "DeleteTaskPushNotificationConfig",
  "agent/getAuthenticatedExtendedCard": "GetExtendedAgentCard"
}

const onlyText = Refusal.make(
  "bad-request",
  "ContentTypeNotSupported",
  "params.configuration.acceptedOutputModes must have text/plain: answers are text"
)

const accepted = (id: JsonRpc.Id, asked: Task.Message) => (facts: Facts) => {
  const { runId = "", threadId = "" } = facts._tag === "Accepted" ? facts : {}
  const history = [{ ...asked, taskId: runId, contextId: threadId }]
  // A task that is answered has begun before.
  const state: Task.State = (asked.taskId ?? "") === "" ? "TASK_STATE_SUBMITTED" : "TASK_STATE_WORKING"
  return JsonRpc.success(id, {
    task: { id: runId, contextId: threadId, status: { state }, history }
  })
}

const inRpc =
  (id: JsonRpc.Id): Encoder.Form =>
  (result) =>
    Frame.unnamed({ jsonrpc: "2.0", id, result })

const streamed = (id: JsonRpc.Id, asked?: Task.Message): Answer => ({
  _tag: "Stream",
  format: "sse",
  isStamped: true,
  open: () => Encoder.open(inRpc(id), asked)
})

const send = (
  id: JsonRpc.Id,
  agent: string | undefined,
  { configuration = {}, message, metadata }: typeof SendMessage.Type,
  isStream: boolean
): Decoded => {
  const modes = configuration.acceptedOutputModes ?? []
  if (modes.length > 0 && !modes.some((mode) => /^(\*|text)\/(\*|plain|markdown)$|^text$/.test(mode))) {
    return Result.fail(onlyText)
  }
  const { returnImmediately: detached = false, taskPushNotificationConfig: push } = configuration
  const shown = configuration.historyLength === 0 ? undefined : message
  const answer: Answer = isStream
    ? streamed(id, message.taskId === undefined ? shown : undefined)
    : detached
      ? { _tag: "Facts", shape: accepted(id, message) }
      : {
          _tag: "Whole",
          open: (about) =>
            whole(
              "when-parked",
              (run) =>
                JsonRpc.success(id, {
                  task: Encoder.taskOf(run, about?.echoes ?? [Task.kept(message)], configuration.historyLength)
                }),
              ofTask
            )
        }
  const hook = push === undefined ? {} : { push: Task.pushOf(push) }
  if (message.taskId !== undefined && message.taskId !== "") {
    return Result.map(Task.answerOf(message.taskId, message), (given) => ({
      command: { ...given, detached, echo: Task.kept(message), ...hook },
      answer
    }))
  }
  const prompt = Task.promptOf(message.parts)
  if (prompt.length === 0)
    return Result.fail(Body.invalidField("params.message.parts", "Send a text, a file, a url or data"))
  const { contextId, messageId } = message
  return Result.succeed({
    command: {
      _tag: "StartQuery",
      prompt,
      detached,
      requestId: messageId,
      echo: Task.kept(message),
      ...(metadata === undefined ? {} : { metadata }),
      ...(contextId === undefined || contextId === "" ? {} : { threadId: contextId }),
      ...(agent === undefined ? {} : { agent }),
      ...hook
    },
    answer
  })
}

const get = (id: JsonRpc.Id, { historyLength, id: runId }: typeof Named.Type): Decoded =>
  Result.succeed({
    command: { _tag: "Resume", address: { runId }, only: "stored" },
    answer: {
      _tag: "Whole",
      open: (about) =>
        whole("never", (run) => JsonRpc.success(id, Encoder.taskOf(run, about?.echoes, historyLength)), ofTask)
    }
  })

const notCancelable = Refusal.make("conflict", "TaskNotCancelable", "The task has ended and cannot be canceled")

const cancel = (id: JsonRpc.Id, runId: string): Decoded =>
  Result.succeed({
    command: { _tag: "Cancel", address: { runId } },
    answer: {
      _tag: "Facts",
      shape: (facts) =>
        facts._tag === "Cancelled" && facts.isRunning
          ? JsonRpc.success(id, {
              id: runId,
              contextId: facts.threadId ?? "",
              status: { state: "TASK_STATE_CANCELED" }
            })
          : JsonRpc.failure(id, notCancelable)
    }
  })

const pushes = (id: JsonRpc.Id, taskId: string, shape: (found: ReadonlyArray<PushTo>) => unknown): Answer => ({
  _tag: "Facts",
  shape: (facts) => {
    const found = facts._tag === "Pushes" ? facts.pushes : []
    const told = shape(found)
    return told === undefined
      ? JsonRpc.failure(id, Refusal.make("not-found", "RunNotFound", `Unknown push notification config of ${taskId}`))
      : JsonRpc.success(id, told)
  }
})

const methodNotFound = Refusal.make("not-found", "MethodNotFound", "Unknown method")
const noCard = Refusal.make("not-found", "ExtendedCardNotConfigured", "There is no extended agent card")
const otherVersion = Refusal.make("bad-request", "VersionNotSupported", "A2A-Version must be 1.0")

const called = (
  { id, method, params }: typeof JsonRpc.Call.Type,
  agent: string | undefined,
  request: Request
): Decoded => {
  switch (methods[method] ?? method) {
    case "SendMessage":
      return Result.flatMap(read.send(params), (sent) => send(id, agent, sent, false))
    case "SendStreamingMessage":
      return Result.flatMap(read.send(params), (sent) => send(id, agent, sent, true))
    case "GetTask":
      return Result.flatMap(read.task(params), (task) => get(id, task))
    case "CancelTask":
      return Result.flatMap(read.task(params), (task) => cancel(id, task.id))
    case "SubscribeToTask":
      return Result.map(read.task(params), (task) => {
        const after = request.headers["last-event-id"]
        const command: Command = {
          _tag: "Resume",
          address: { runId: task.id },
          ...(after === undefined ? {} : { after })
        }
        return { command, answer: streamed(id) }
      })
    case "ListTasks":
      return Listing.decode(id, params)
    case "CreateTaskPushNotificationConfig":
      return Result.map(read.push(params), (given) => ({
        command: { _tag: "SetPush", runId: given.taskId, push: Task.pushOf(given) },
        answer: pushes(id, given.taskId, () => Task.pushConfigOf(given.taskId, Task.pushOf(given)))
      }))
    case "GetTaskPushNotificationConfig":
      return Result.map(read.ofTask(params), ({ id: name = "default", taskId }) => ({
        command: { _tag: "ListPushes", runId: taskId },
        answer: pushes(id, taskId, (found) => {
          const one = found.find((push) => push.id === name)
          return one === undefined ? undefined : Task.pushConfigOf(taskId, one)
        })
      }))
    case "ListTaskPushNotificationConfigs":
      return Result.map(read.ofTask(params), ({ taskId }) => ({
        command: { _tag: "ListPushes", runId: taskId },
        answer: pushes(id, taskId, (found) => ({
          configs: found.map((push) => Task.pushConfigOf(taskId, push)),
          nextPageToken: ""
        }))
      }))
    case "DeleteTaskPushNotificationConfig":
      return Result.map(read.ofTask(params), ({ id: name = "default", taskId }) => ({
        command: { _tag: "RemovePush", runId: taskId, id: name },
        answer: pushes(id, taskId, () => ({}))
      }))
    case "GetExtendedAgentCard":
      return Result.fail(noCard)
    default:
      return Result.fail(methodNotFound)
  }
}

const rpc = (request: Request): Decoded => {
  const version = request.headers["a2a-version"]
  if (version !== undefined && version !== "" && !/^1(\.\d+)*$/.test(version)) return Result.fail(otherVersion)
  return Result.flatMap(read.call(request.body), (call) => called(call, request.params["agent"], request))
}

const cardOf =
  (pushes: boolean) =>
  ({ params, url }: Request): Decoded =>
    Result.succeed({
      command: { _tag: "Describe" },
      answer: { _tag: "Facts", shape: Card.card(url, params["agent"], pushes) }
    })

export const cardPath = "/.well-known/agent-card.json"
const encodeError = (refusal: Refusal.Refusal, { body }: Request) => JsonRpc.failure(JsonRpc.idOf(body), refusal, body)

/** `pushes`: whether the server that mounts them sends web hooks. */
export const routes = (pushes: boolean): ReadonlyArray<Route> => [
  { method: "GET", path: cardPath, isPublic: true, decode: cardOf(pushes) },
  { method: "GET", path: `/agents/:agent${cardPath}`, isPublic: true, decode: cardOf(pushes) },
  { method: "POST", path: "/rpc", decode: rpc, encodeError },
  { method: "POST", path: "/agents/:agent/rpc", decode: rpc, encodeError }
]
