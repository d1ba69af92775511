/**
 * The native dialect as this server mounts it: its own routes, and those for runs, threads and agents that no foreign
 * protocol defines.
 */
import { Refusal } from "@reins/wire"
import type { Dialect, Facts } from "@reins/wire"
import { dialect as native } from "@reins/wire/native"
import * as Result from "effect/Result"
import * as NativeRoutes from "./NativeRoutes.ts"

type Reply = Dialect.Reply

const threadOf = ({ clientCalls, questions, secrets: _, settings: __, ...thread }: Facts.Thread) => ({
  ...thread,
  approvals: questions,
  clientCalls: clientCalls.map(({ call, path }) => ({ ...call, agentPath: path }))
})

const shape = (facts: Facts.Facts): Reply => {
  switch (facts._tag) {
    case "Thread":
      return { status: 200, body: { ...threadOf(facts.thread), messages: facts.messages } }
    case "Threads": {
      const next = facts.next === undefined ? {} : { next: facts.next }
      return { status: 200, body: { threads: facts.threads.map(threadOf), ...next } }
    }
    case "Agents":
      return { status: 200, body: { agents: facts.agents } }
    case "Nothing":
      return { status: 204 }
    default:
      return { status: 200, body: {} }
  }
}

const answer: Dialect.Answer = { _tag: "Facts", shape }

const limitOf = (text: string | undefined): Result.Result<number | undefined, Refusal.Refusal> => {
  if (text === undefined) return Result.succeed(undefined)
  return /^[1-9]\d{0,5}$/.test(text)
    ? Result.succeed(Number(text))
    : Result.fail(Refusal.badRequest("Invalid limit. Use a number above 0"))
}

const routes: ReadonlyArray<Dialect.Route> = [
  {
    method: "GET",
    path: "/threads",
    decode: ({ query: { after, before, limit } }) =>
      Result.map(limitOf(limit), (count) => ({
        command: {
          _tag: "ListThreads",
          ...(after === undefined ? {} : { after }),
          ...(before === undefined ? {} : { before }),
          ...(count === undefined ? {} : { limit: count })
        },
        answer
      }))
  },
  {
    method: "GET",
    path: "/threads/:threadId",
    decode: ({ params }) =>
      Result.succeed({ command: { _tag: "GetThread", threadId: params["threadId"] ?? "" }, answer })
  },
  {
    method: "DELETE",
    path: "/threads/:threadId",
    decode: ({ params }) =>
      Result.succeed({ command: { _tag: "DeleteThread", threadId: params["threadId"] ?? "" }, answer })
  },
  {
    method: "GET",
    path: "/agents",
    decode: () => Result.succeed({ command: { _tag: "Describe" }, answer })
  }
]

const more = [...routes, ...NativeRoutes.places]
const taken = new Set(native.routes.map(({ method, path }) => `${method} ${path}`))

export const dialect: Dialect.Dialect = {
  ...native,
  routes: [...native.routes, ...more.filter(({ method, path }) => !taken.has(`${method} ${path}`))]
}
