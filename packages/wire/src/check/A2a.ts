/**
 * Reads a stream of A2A 1.0 in its JSON form, bare or as the results of JSON-RPC: a task whose artifacts grow or are
 * replaced, and whose state moves to an end; or one message.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { Any, Bool, type Captured, decoderOf, hasField, make, Maybe, quote, Text, textAt } from "./Reader.ts"

const Part = Schema.Struct({ text: Maybe(Text), raw: Maybe(Text), url: Maybe(Text), data: Maybe(Any) })
const Message = Schema.Struct({
  messageId: Text,
  contextId: Maybe(Text),
  taskId: Maybe(Text),
  role: Schema.Literals(["ROLE_USER", "ROLE_AGENT"]),
  parts: Schema.Array(Part)
})
const Artifact = Schema.Struct({ artifactId: Text, name: Maybe(Text), parts: Schema.Array(Part) })
const Status = Schema.Struct({
  state: Schema.Literals(
    [
      "SUBMITTED",
      "WORKING",
      "COMPLETED",
      "FAILED",
      "CANCELED",
      "INPUT_REQUIRED",
      "REJECTED",
      "AUTH_REQUIRED",
      "UNSPECIFIED"
    ].map((state) => `TASK_STATE_${state}`)
  ),
  message: Maybe(Message),
  timestamp: Maybe(Text)
})
const of = { taskId: Text, contextId: Text }

const Event = Schema.Union([
  Schema.Struct({
    task: Schema.Struct({
      id: Text,
      contextId: Text,
      status: Status,
      artifacts: Maybe(Schema.Array(Artifact)),
      history: Maybe(Schema.Array(Message))
    })
  }),
  Schema.Struct({ statusUpdate: Schema.Struct({ ...of, status: Status }) }),
  Schema.Struct({
    artifactUpdate: Schema.Struct({ ...of, artifact: Artifact, append: Maybe(Bool), lastChunk: Maybe(Bool) })
  }),
  Schema.Struct({ message: Message })
])
type Event = typeof Event.Type

const decode = decoderOf(Event)
const decodeError = decoderOf(Schema.Struct({ code: Schema.Int, message: Text }))

const rules = {
  shape:
    "A frame is one of task, message, status update and artifact update, alone or as the result of a JSON-RPC response",
  "same-request": "Every response of the stream has the id of its request",
  "task-first": "A task opens the stream, once, or the stream is one message",
  "same-task": "Every update is of the task and the context of the stream",
  "artifact-known": "Only an artifact that was sent grows",
  "artifact-open": "An artifact does not grow behind its last chunk",
  "end-last": "Nothing follows a state that ends or interrupts the task",
  ended: "The stream ends with a state that ends or interrupts the task, with a message, or with an error"
}

const ends = new Set(["COMPLETED", "FAILED", "CANCELED", "REJECTED"].map((state) => `TASK_STATE_${state}`))
const waits = new Set(["INPUT_REQUIRED", "AUTH_REQUIRED"].map((state) => `TASK_STATE_${state}`))
const textOf = (parts: ReadonlyArray<typeof Part.Type>): string => parts.map(({ text = "" }) => text).join("")

const isRpc = (value: unknown): boolean => textAt(value, "jsonrpc") === "2.0"
const inner = (value: unknown): unknown =>
  isRpc(value) && typeof value === "object" && value !== null && "result" in value ? value.result : value
const idOf = (value: unknown): string =>
  typeof value === "object" && value !== null && "id" in value ? JSON.stringify(value.id) : "none"

export const protocol = make({
  name: "a2a",
  title: "A2A",
  rules,
  isSign: ({ value }) => ["task", "statusUpdate", "artifactUpdate"].some((key) => hasField(inner(value), key)),
  open: (notes) => {
    const artifacts = new Map<string, "open" | "last">()
    let task: { readonly id: string; readonly contextId: string } | undefined
    let request: string | undefined
    let phase: "before" | "open" | "over" = "before"
    let isWaiting = false

    const moved = (state: string): void => {
      isWaiting = waits.has(state)
      if (ends.has(state) || isWaiting) phase = "over"
    }

    const ofTask = ({ contextId, taskId }: { readonly taskId: string; readonly contextId: string }): void => {
      if (task !== undefined && (taskId !== task.id || contextId !== task.contextId))
        notes.fault("same-task", `it is of ${quote(taskId)} in ${quote(contextId)}`)
    }

    const update = ({
      append = false,
      artifact,
      lastChunk
    }: Extract<Event, { readonly artifactUpdate: unknown }>["artifactUpdate"]): void => {
      const { artifactId: id, parts } = artifact
      const known = artifacts.get(id)
      if (append && known === undefined && !notes.continues) notes.fault("artifact-known", `${quote(id)} was not sent`)
      if (append && known === "last") notes.fault("artifact-open", `${quote(id)} had its last chunk`)
      artifacts.set(id, lastChunk === true ? "last" : "open")
      notes.text(textOf(parts), id, !append)
    }

    const take = (event: Event): void => {
      if (phase === "over") return notes.fault("end-last", "a frame follows")
      if ("message" in event) {
        if (phase !== "before") notes.fault("task-first", "a message comes among the updates of a task")
        phase = "over"
        return notes.text(textOf(event.message.parts), event.message.messageId)
      }
      if ("task" in event) {
        if (phase !== "before") notes.fault("task-first", "a task comes again")
        task = event.task
        phase = "open"
        for (const { artifactId, parts } of event.task.artifacts ?? []) {
          if (!artifacts.has(artifactId)) artifacts.set(artifactId, "open")
          notes.text(textOf(parts), artifactId, true)
        }
        return moved(event.task.status.state)
      }
      if (phase === "before") {
        notes.fault("task-first", "an update comes before the task")
        phase = "open"
      }
      if ("statusUpdate" in event) {
        ofTask(event.statusUpdate)
        return moved(event.statusUpdate.status.state)
      }
      ofTask(event.artifactUpdate)
      update(event.artifactUpdate)
    }

    return {
      get isWaiting() {
        return isWaiting
      },
      read: ({ value }: Captured) => {
        if (isRpc(value)) {
          const id = idOf(value)
          if (request !== undefined && id !== request) notes.fault("same-request", `the id is ${id} after ${request}`)
          request = request ?? id
          if (typeof value === "object" && value !== null && "error" in value) {
            const error = decodeError(value.error)
            if (Result.isFailure(error)) notes.fault("shape", error.failure)
            if (phase === "over") notes.fault("end-last", "an error follows")
            phase = "over"
            return
          }
        }
        const event = decode(inner(value))
        if (Result.isFailure(event)) notes.fault("shape", event.failure)
        else take(event.success)
      },
      end: () => {
        if (phase !== "over") notes.fault("ended", "the stream ends before")
        phase = "before"
        request = undefined
      }
    }
  }
})
