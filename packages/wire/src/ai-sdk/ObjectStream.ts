/**
 * The requests of `useObject` and its answers: a stream of plain text that is the JSON of a typed answer, and nothing
 * else. What a page submits is its prompt, as a string, or an object with the prompt.
 *
 * **Carries** the typed answer of the root: as it comes, or, with `checked=true` in the address, once it was checked.
 *
 * **Loses** everything else. A text takes nothing back: where JSON that was sent is retracted, the answer fails, and so it
 * does where the run fails, is cut by a limit, has no typed answer, or waits for a tool of the client's. Nothing sent:
 * the response is an error with the message. Something sent: the connection breaks, which `useObject` shows as an error.
 */
import type { Envelope, Events } from "@reins/protocol"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Body from "../Body.ts"
import { honoured, ignored, type Fields } from "../Body.ts"
import type { Decoded, Encoder as AnyEncoder, Request } from "../Dialect.ts"
import * as Frame from "../Frame.ts"
import * as ModelOptions from "../ModelOptions.ts"
import { Parking } from "../Parking.ts"
import * as Refusal from "../Refusal.ts"
import * as TypedText from "../TypedText.ts"

/**
 * What a page submits to `POST /object`, if it is not a string.
 *
 * @since 0.2.0
 * @category schemas
 */
export const ObjectRequest = Schema.Struct({
  prompt: Schema.NonEmptyString,
  threadId: Schema.optionalKey(Schema.NullOr(Schema.NonEmptyString)),
  agent: Schema.optionalKey(Schema.NullOr(Schema.String)),
  model: Schema.optionalKey(Schema.NullOr(Schema.String)),
  schema: Schema.optionalKey(Schema.NullOr(Schema.Json))
})

/** What becomes of the fields of such a request. */
export const fields: Fields = {
  prompt: honoured("The prompt. A body that is a string is the prompt alone"),
  threadId: honoured("The thread, which goes on; absent: one of the request's own"),
  agent: honoured("Names the agent; absent: the server's first"),
  model: honoured("Names one of the agent's models, where the server lets its clients; else ignored"),
  schema: honoured("A JSON Schema that the answer must fit, for an agent without an output of its own"),
  "*": ignored("The page's own")
}

const read = Body.read(ObjectRequest, fields)

/** Why an answer cannot be completed. */
const broken = (code: string, message: string): Refusal.Refusal => Refusal.make("internal", code, message)

class ObjectEncoder implements AnyEncoder {
  readonly #parking = new Parking()
  failure: Refusal.Refusal | undefined

  get isDetached(): boolean {
    return this.failure !== undefined || this.#parking.isParked
  }

  step(envelope: Envelope.Envelope): ReadonlyArray<Frame.Frame> {
    this.#parking.step(envelope)
    const { agentPath, event } = envelope
    if (agentPath.length > 0) return Frame.none
    switch (event.type) {
      case "text":
        return [{ data: event.text }]
      case "finish":
        this.failure = failureOf(event)
        return Frame.none
      case "error":
        this.failure = broken(event.error.code, event.error.message)
        return Frame.none
      default:
        return Frame.none
    }
  }

  finish(): ReadonlyArray<Frame.Frame> {
    if (this.failure === undefined && this.#parking.isParked)
      this.failure = Refusal.make(
        "conflict",
        "Waiting",
        "The run waits for a person or for a tool of the client's. Answer by its thread"
      )
    return Frame.none
  }

  reopen(answered: Iterable<string>): ReadonlyArray<Frame.Frame> {
    this.#parking.expect(answered)
    this.failure = undefined
    return Frame.none
  }
}

const failureOf = ({ finishReason, output }: Events.Finish): Refusal.Refusal | undefined => {
  if (output !== undefined) return undefined
  return finishReason === "stop"
    ? Refusal.make(
        "unprocessable",
        "NoTypedAnswer",
        "The agent has no output schema. Give it one, or send a JSON Schema as schema"
      )
    : broken("AnswerCut", `The answer is not complete: the run ended with ${finishReason}`)
}

export const decode = ({ body, query }: Request): Decoded =>
  Result.map(
    read(Predicate.isString(body) ? { prompt: body } : body),
    ({ agent, model, prompt, schema, threadId }) => ({
      command: {
        _tag: "StartQuery",
        prompt,
        ...(threadId == null ? {} : { threadId }),
        ...(agent == null ? {} : { agent }),
        ...ModelOptions.make({ name: model, output: schema == null ? undefined : { name: "object", schema } })
      },
      answer: {
        _tag: "Stream",
        format: "text",
        isStamped: false,
        open: () => TypedText.streamed(new ObjectEncoder(), query["checked"] !== "true")
      },
      // `stop()` of the page aborts its request, so no reader is left.
      onDisconnect: "cancel"
    })
  )
