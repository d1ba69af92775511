/** Decodes a request as a server does: by method and path, with a body. */
import { Dialect } from "@reins/wire"
import type { Exchange } from "@reins/wire"
import { Result } from "effect"
import { rule } from "./Rule.ts"

interface Extras {
  readonly query?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
  readonly url?: string
}

export const decode = (
  dialect: Dialect.Dialect,
  line: string,
  body?: unknown,
  extras: Extras = {}
): Dialect.Decoded => {
  const [method = "", path = ""] = line.split(" ")
  const matched = Dialect.match(dialect, method, path)
  rule(matched._tag === "Route", "there is such a route", line)
  return matched.route.decode({ params: matched.params, query: {}, headers: {}, ...extras, body })
}

/** What an understood request means. */
export const ask = (dialect: Dialect.Dialect, line: string, body?: unknown, extras?: Extras): Exchange => {
  const decoded = decode(dialect, line, body, extras)
  if (Result.isSuccess(decoded)) return decoded.success
  throw new Error(`refused: ${decoded.failure.message}`)
}

/** The command of an understood request. */
export const command = (dialect: Dialect.Dialect, line: string, body?: unknown, extras?: Extras): Exchange["command"] =>
  ask(dialect, line, body, extras).command
