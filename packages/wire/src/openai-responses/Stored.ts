/**
 * The forms of a response (streamed, whole, the rest of a stream), and the routes of responses that are kept: by their
 * ids, with the input that they were made of. A response is deleted with its thread, where the thread was made for it;
 * one in a conversation is part of it.
 */
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import type { Decoded, Encoder, Folding, Reply, Request, Route } from "../Dialect.ts"
import type { Facts } from "../Facts.ts"
import type * as Frame from "../Frame.ts"
import { AnswerId, type AnswerOf } from "../Ids.ts"
import * as Refusal from "../Refusal.ts"
import * as TypedText from "../TypedText.ts"
import * as Encoding from "./Encoder.ts"
import { type Options, ResponseEncoder } from "./Encoder.ts"
import * as Input from "./Input.ts"
import * as Response from "./Response.ts"

type Frames = ReadonlyArray<Frame.Frame>

/** Whether JSON was asked for. */
const isTyped = ({ said }: Pick<Options, "said">): boolean =>
  Predicate.hasProperty(said?.text, "format") &&
  Predicate.hasProperty(said.text.format, "type") &&
  said.text.format.type !== "text"

/** The response as a stream, with the typed answer alone where JSON was asked for. */
export const open = (options: Options): Encoder =>
  isTyped(options) ? TypedText.streamed(Encoding.open(options)) : Encoding.open(options)

/** The same response without a stream. */
export const fold = (options: Options): Folding => {
  const encoder = new ResponseEncoder({ ...options, isWhole: true })
  const folding: Folding = {
    step: (envelope) => void encoder.step(envelope),
    reopen: (answered) => void encoder.reopen(answered),
    reply: () => ({ status: 200, body: encoder.whole }),
    get isDetached() {
      return encoder.isDetached
    }
  }
  return isTyped(options) ? TypedText.folded(folding) : folding
}

/** Only the frames with a `sequence_number` above `after`, for a client that reconnects. */
export const openAfter = (options: Options, after: number): Encoder => {
  const encoder = open(options)
  let sent = -1
  const unseen = (frames: Frames): Frames => frames.filter(() => (sent += 1) > after)
  return {
    step: (envelope) => unseen(encoder.step(envelope)),
    finish: () => unseen(encoder.finish()),
    reopen: (answered) => {
      sent = -1
      return unseen(encoder.reopen(answered))
    },
    get isDetached() {
      return encoder.isDetached
    }
  }
}

const idOf = ({ params }: Request): string => params["id"] ?? ""
const answerOf = (request: Request): AnswerOf => AnswerId.parse(Response.prefix, idOf(request))

const options = { model: "reins" }

const fetch = (request: Request): Decoded => {
  const { answer, runId } = answerOf(request)
  const { headers, query } = request
  const given = query["starting_after"] ?? "-1"
  const after = Number(given)
  if (!/^-?\d{1,15}$/.test(given))
    return Result.fail(Refusal.badRequest("Invalid starting_after. Use a sequence number"))
  const isStream = query["stream"] === "true"
  // The id of a frame; `starting_after` is the number of an event.
  const seen = isStream ? headers["last-event-id"] : undefined
  return Result.succeed({
    // As it stands: who fetches a response in progress asks again.
    command: {
      _tag: "Resume",
      address: { runId },
      answer,
      ...(isStream ? {} : { only: "stored" }),
      ...(seen === undefined ? {} : { after: seen })
    },
    answer: isStream
      ? { _tag: "Stream", format: "sse", isStamped: true, open: () => openAfter(options, after) }
      : { _tag: "Whole", open: (about) => fold(Response.askedOf(about)) }
  })
}

/** The response as it stands when its run has been cancelled; one that has ended stays as it is. */
const cancel = (request: Request): Decoded => {
  const { answer, runId } = answerOf(request)
  return Result.succeed({
    command: { _tag: "Resume", address: { runId }, answer, cancels: true },
    answer: { _tag: "Whole", open: (about) => fold(Response.askedOf(about)) }
  })
}

const remove = (request: Request): Decoded =>
  Result.succeed({
    command: { _tag: "DeleteRun", runId: answerOf(request).runId },
    answer: {
      _tag: "Facts",
      shape: () => ({ status: 200, body: { id: idOf(request), object: "response", deleted: true } })
    }
  })

/** A page of items. `all` are in the order in which they were said; the protocol's own order is the other way round. */
export const page = (all: ReadonlyArray<Input.InputItem>, { query }: Request): Reply => {
  const ordered = query["order"] === "asc" ? all : all.toReversed()
  const after = query["after"]
  const start = after === undefined ? 0 : ordered.findIndex(({ id }) => id === after) + 1
  const limit = Number(query["limit"] ?? "20")
  const data = ordered.slice(start, start + limit)
  const ends = { first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null }
  return { status: 200, body: { object: "list", data, has_more: start + limit < ordered.length, ...ends } }
}

export const isLimit = ({ query: { limit = "20" } }: Request): boolean =>
  /^\d{1,3}$/.test(limit) && +limit >= 1 && +limit <= 100

export const invalidLimit = Result.fail({
  ...Refusal.badRequest("Invalid limit. Use a number from 1 to 100"),
  field: "limit"
})

const itemsOf = (request: Request, name: string): ((facts: Facts) => Reply) => {
  return (facts) => {
    const messages = facts._tag === "History" || facts._tag === "Thread" ? facts.messages : []
    return page(Input.fromMessages(name, messages), request)
  }
}

const inputItems = (request: Request): Decoded => {
  const { answer, runId } = answerOf(request)
  return isLimit(request)
    ? Result.succeed({
        command: { _tag: "GetInput", runId, answer },
        answer: { _tag: "Facts", shape: itemsOf(request, AnswerId.make("", { answer, runId })) }
      })
    : invalidLimit
}

export const routes: ReadonlyArray<Route> = [
  { method: "GET", path: "/responses/:id", decode: fetch },
  { method: "DELETE", path: "/responses/:id", decode: remove },
  { method: "POST", path: "/responses/:id/cancel", decode: cancel },
  { method: "GET", path: "/responses/:id/input_items", decode: inputItems }
]
