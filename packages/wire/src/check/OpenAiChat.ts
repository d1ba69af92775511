/** Reads a stream of OpenAI's Chat Completions, as its own server and the many that follow it send it. */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import {
  Any,
  type Captured,
  Count,
  decoderOf,
  hasField,
  isJson,
  make,
  Maybe,
  Nullable,
  quote,
  Text,
  textAt
} from "./Reader.ts"

const Call = Schema.Struct({
  index: Maybe(Count),
  id: Nullable(Text),
  type: Nullable(Text),
  function: Maybe(Schema.Struct({ name: Nullable(Text), arguments: Nullable(Text) }))
})

const Choice = Schema.Struct({
  index: Count,
  delta: Schema.Struct({
    role: Nullable(Schema.Literals(["developer", "system", "user", "assistant", "tool"])),
    content: Maybe(Any),
    refusal: Nullable(Text),
    tool_calls: Nullable(Schema.Array(Call))
  }),
  finish_reason: Nullable(Text)
})
type Choice = typeof Choice.Type

const Chunk = Schema.Struct({
  id: Text,
  object: Text,
  created: Count,
  model: Text,
  choices: Schema.Array(Choice),
  usage: Nullable(Schema.Struct({ prompt_tokens: Count, completion_tokens: Maybe(Count), total_tokens: Maybe(Count) }))
})

const decode = decoderOf(Chunk)
const decodeError = decoderOf(Schema.Struct({ error: Schema.Struct({ message: Text }) }))

const rules = {
  shape: "A frame is a chunk with an array of choices, or an error",
  "same-id": "Every chunk with a choice has the completion's id",
  "role-first": "The first delta of a choice names its role",
  "call-first": "The first piece of a call has its id and the name of its function; calls are numbered from 0",
  "arguments-json": "The arguments of a call are together one JSON value",
  "finish-once": "A choice has one `finish_reason`, and nothing is said behind it",
  "finish-calls": "A choice that finishes for `tool_calls` has some",
  "usage-last": "The chunk of the usage comes behind every choice",
  "error-last": "An error is the last frame",
  finish: "Every choice finishes, unless an error ends the stream",
  done: "The stream of frames ends with `[DONE]`, once"
}

const kind = "chat.completion.chunk"

interface Saying {
  isFinished: boolean
  calls: number
  open: { readonly index: number; args: string } | undefined
}

export const protocol = make({
  name: "openai-chat",
  title: "OpenAI Chat Completions",
  rules,
  isSign: ({ value }) => textAt(value, "object") === kind,
  open: (notes) => {
    const ids = new Set<string>()
    let id: string | undefined
    let choices = new Map<number, Saying>()
    let hasUsage = false
    let hasFailed = false
    let isDone = false
    let isSse = false
    let isWaiting = false

    const closed = ({ open }: Saying): void => {
      if (open !== undefined && open.args !== "" && !isJson(open.args))
        notes.fault("arguments-json", `those of the call ${open.index} are no JSON`)
    }

    const piece = (saying: Saying, call: typeof Call.Type): void => {
      const index = call.index ?? saying.calls
      const args = call.function?.arguments ?? ""
      if (saying.open !== undefined && index === saying.open.index) {
        saying.open.args += args
        return
      }
      closed(saying)
      if (index !== saying.calls) notes.fault("call-first", `the call ${index} begins, and ${saying.calls} is next`)
      else if (call.id == null || call.function?.name == null)
        notes.fault("call-first", `the call ${index} begins without ${call.id == null ? "an id" : "a name"}`)
      saying.calls = Math.max(saying.calls, index + 1)
      saying.open = { index, args }
    }

    const say = (choice: Choice): void => {
      const { delta, finish_reason: reason, index } = choice
      const before = choices.get(index)
      const saying: Saying = before ?? { isFinished: false, calls: 0, open: undefined }
      choices.set(index, saying)
      if (saying.isFinished) return notes.fault("finish-once", `a delta of the choice ${index}, which has finished`)
      if (before === undefined && delta.role == null)
        notes.fault("role-first", `the choice ${index} begins without one`)
      if (index === 0 && typeof delta.content === "string") notes.text(delta.content)
      for (const call of delta.tool_calls ?? []) piece(saying, call)
      if (reason == null) return
      closed(saying)
      saying.isFinished = true
      if (reason !== "tool_calls") return
      if (saying.calls === 0) notes.fault("finish-calls", `the choice ${index} has none`)
      isWaiting = true
    }

    const take = (value: unknown): void => {
      const chunk = decode(value)
      if (Result.isFailure(chunk)) return notes.fault("shape", chunk.failure)
      const { choices: said, id: its, object, usage } = chunk.success
      // Chunks without choices carry what servers add, such as the verdict of a filter, and leave the rest empty.
      if (said.length > 0) {
        if (object !== kind) notes.fault("shape", `field object is ${quote(object)}`)
        if (id === undefined && ids.has(its))
          notes.fault("same-id", `the id ${quote(its)} is that of an earlier completion`)
        if (id !== undefined && id !== its) notes.fault("same-id", `the id is ${quote(its)} after ${quote(id)}`)
        id = id ?? its
        ids.add(its)
        if (hasUsage) notes.fault("usage-last", "a choice follows it")
      }
      if (usage != null && said.length === 0) {
        if (hasUsage) notes.fault("usage-last", "it comes again")
        hasUsage = true
      }
      for (const choice of said) say(choice)
    }

    return {
      get isWaiting() {
        return isWaiting
      },
      read: (frame: Captured) => {
        isSse = frame.isSse
        if (isDone) notes.fault("done", frame.data === "[DONE]" ? "`[DONE]` comes again" : "a frame follows `[DONE]`")
        if (id === undefined) isWaiting = false
        if (frame.data === "[DONE]") {
          isDone = true
          return
        }
        if (hasFailed) notes.fault("error-last", "a frame follows it")
        if (!hasField(frame.value, "error")) return take(frame.value)
        const error = decodeError(frame.value)
        if (Result.isFailure(error)) notes.fault("shape", error.failure)
        hasFailed = true
      },
      end: () => {
        const unfinished = [...choices].filter(([, { isFinished }]) => !isFinished).map(([index]) => index)
        if (!hasFailed && (choices.size === 0 || unfinished.length > 0))
          notes.fault(
            "finish",
            choices.size === 0 ? "there is no choice" : `the choices ${unfinished.join(", ")} do not`
          )
        if (isSse && !isDone) notes.fault("done", "the stream ends without `[DONE]`")
        id = undefined
        choices = new Map()
        hasUsage = false
        hasFailed = false
        isDone = false
      }
    }
  }
})
