/**
 * Conversations, which are threads: made with items and metadata, read, changed and deleted. Items are added to the end,
 * and deleted one by one, while no response is under way in the conversation. What system and developer messages say is
 * added to the agent's instructions, for the whole conversation.
 *
 * The result of a call may come later than the call. A call whose result was deleted is shown without one, and read by
 * the model as cancelled.
 */
import type { Message } from "@reins/protocol"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Body from "../Body.ts"
import type { Settings } from "../Command.ts"
import type { Decoded, Reply, Request, Route } from "../Dialect.ts"
import type { Facts } from "../Facts.ts"
import * as Refusal from "../Refusal.ts"
import { encodeError } from "../openai-chat/Encoder.ts"
import * as Input from "./Input.ts"
import * as Item from "./Item.ts"
import { invalidLimit, isLimit, page } from "./Stored.ts"

const metadata = Schema.optionalKey(Schema.NullOr(Schema.Record(Schema.String, Schema.String)))

/**
 * The body of `POST /conversations`.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Conversation = Schema.Struct({
  items: Schema.optionalKey(Schema.NullOr(Schema.Array(Input.Item))),
  metadata
})

const read = {
  create: Body.read(Conversation),
  update: Body.read(Schema.Struct({ metadata })),
  add: Body.read(Schema.Struct({ items: Schema.NonEmptyArray(Input.Item) }))
}

const idOf = ({ params }: Request): string => params["id"] ?? ""
const itemOf = ({ params }: Request): string => params["item"] ?? ""

const conversation = (facts: Facts): Reply => {
  if (facts._tag !== "Thread") return { status: 200, body: {} }
  const { createdAt, metadata, threadId } = facts.thread
  const created_at = Math.floor(createdAt / 1000)
  return { status: 200, body: { id: threadId, object: "conversation", created_at, metadata: metadata ?? {} } }
}

const settingsOf = (instructions: string | undefined): { readonly settings?: Settings } =>
  instructions === undefined ? {} : { settings: { instructions } }

const create = ({ items, metadata }: typeof Conversation.Type): Decoded => {
  const history = Input.historyOf(undefined, items ?? [])
  return Result.map(history.all(), (seed) => ({
    command: {
      _tag: "CreateThread",
      ...(seed.length === 0 ? {} : { seed }),
      ...settingsOf(history.instructions),
      ...(metadata == null ? {} : { metadata })
    },
    answer: { _tag: "Facts", shape: conversation }
  }))
}

const noItem = Refusal.make("not-found", "ItemNotFound", "Unknown item")

const itemsOf = (name: string, facts: Facts): ReadonlyArray<Input.InputItem> =>
  Input.fromMessages(name, facts._tag === "History" || facts._tag === "Thread" ? facts.messages : [])

const list = (request: Request): Decoded =>
  isLimit(request)
    ? Result.succeed({
        command: { _tag: "GetHistory", threadId: idOf(request), form: "full" },
        answer: { _tag: "Facts", shape: (facts) => page(itemsOf(idOf(request), facts), request) }
      })
    : invalidLimit

const get = (request: Request): Decoded =>
  Result.succeed({
    command: { _tag: "GetHistory", threadId: idOf(request), form: "full" },
    answer: {
      _tag: "Facts",
      shape: (facts) => {
        const found = itemsOf(idOf(request), facts).find(({ id }) => id === itemOf(request))
        return found === undefined ? encodeError(noItem) : { status: 200, body: found }
      }
    }
  })

/** Items that the conversation gets; instructions are left out. */
const add = (request: Request, items: ReadonlyArray<Input.Item>): Decoded => {
  const history = Input.historyOf(undefined, items)
  const count = items.filter((item) => !("role" in item) || item.role === "user" || item.role === "assistant").length
  return Result.succeed({
    command: {
      _tag: "EditHistory",
      threadId: idOf(request),
      change: (before: ReadonlyArray<Message.Message>) => Input.historyOf(undefined, items, before).all(),
      ...(history.recalls.length === 0 ? {} : { recalls: Item.recallsOf(history.recalls) }),
      ...settingsOf(history.instructions)
    },
    answer: {
      _tag: "Facts",
      shape: (facts) =>
        page(itemsOf(idOf(request), facts).slice(-count), { ...request, query: { order: "asc", limit: "100" } })
    }
  })
}

const remove = (request: Request): Decoded =>
  Result.succeed({
    command: {
      _tag: "EditHistory",
      threadId: idOf(request),
      change: (before: ReadonlyArray<Message.Message>) => {
        const left = Input.without(idOf(request), before, itemOf(request))
        return left === undefined ? Result.fail(noItem) : Result.succeed(left)
      }
    },
    answer: { _tag: "Facts", shape: conversation }
  })

const update = (request: Request, given: { readonly metadata?: { readonly [name: string]: string } | null }): Decoded =>
  Result.succeed({
    command: {
      _tag: "EditHistory",
      threadId: idOf(request),
      ...(given.metadata == null ? {} : { metadata: given.metadata })
    },
    answer: { _tag: "Facts", shape: conversation }
  })

export const conversationRoutes: ReadonlyArray<Route> = [
  {
    method: "POST",
    path: "/conversations",
    decode: ({ body }) => Result.flatMap(read.create(body ?? {}), create)
  },
  {
    method: "GET",
    path: "/conversations/:id",
    decode: (request) =>
      Result.succeed({
        command: { _tag: "GetThread", threadId: idOf(request) },
        answer: { _tag: "Facts", shape: conversation }
      })
  },
  {
    method: "POST",
    path: "/conversations/:id",
    decode: (request) => Result.flatMap(read.update(request.body), (given) => update(request, given))
  },
  {
    method: "DELETE",
    path: "/conversations/:id",
    decode: (request) =>
      Result.succeed({
        command: { _tag: "DeleteThread", threadId: idOf(request) },
        answer: {
          _tag: "Facts",
          shape: () => ({ status: 200, body: { id: idOf(request), object: "conversation.deleted", deleted: true } })
        }
      })
  },
  { method: "GET", path: "/conversations/:id/items", decode: list },
  {
    method: "POST",
    path: "/conversations/:id/items",
    decode: (request) => Result.flatMap(read.add(request.body), ({ items }) => add(request, items))
  },
  { method: "GET", path: "/conversations/:id/items/:item", decode: get },
  { method: "DELETE", path: "/conversations/:id/items/:item", decode: remove }
]
