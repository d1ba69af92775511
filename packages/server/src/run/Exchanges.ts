/**
 * Executes an exchange of a dialect, whatever carried it: its command for a principal, with what its mount and its
 * dialect say of busy threads and of readers who leave.
 */
import type { Command, Dialect, Refusal } from "@reins/wire"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { type Principal, sightOf } from "../access/Authenticator.ts"
import type { Mount, OnDisconnect } from "../options/ServerOptions.ts"
import * as Commands from "./Commands.ts"
import * as Lookup from "./Lookup.ts"
import * as Outcome from "./Outcome.ts"
import type { ServerContext } from "./ServerContext.ts"
import * as StreamResponse from "./StreamResponse.ts"

/** Who asks, and the keys for model providers that the request brings besides theirs. */
export interface Asker {
  readonly principal: Principal
  readonly providerKeys: Principal["providerKeys"]
}

export const execute = Effect.fnUntraced(function* (
  serving: ServerContext,
  { anyAgent = false, dialect, onBusy }: Mount,
  { principal, providerKeys }: Asker,
  { answer, command, onBusy: expected, onDisconnect, outlives }: Dialect.Exchange
): Effect.fn.Return<Outcome.Outcome, Refusal.Refusal> {
  yield* Lookup.checkIds(command)
  const manner = {
    providerKeys,
    dialect,
    isWatched: answer._tag !== "Facts",
    anyAgent,
    onBusy: onBusy ?? serving.onBusy ?? expected ?? dialect.onBusy ?? ("reject" as const),
    onDisconnect: outlives === true ? ("keep" as const) : onDisconnectOf(serving, dialect, command, onDisconnect)
  }
  const carried = yield* Commands.execute(serving, principal, command, manner)
  if (carried._tag !== "Run") return carried
  const query = command._tag === "Answer" ? command.otherwise : command
  const isCounted = answer._tag === "Stream" && answer.countsInput === true && query?._tag === "StartQuery"
  const counted = isCounted ? yield* Effect.option(Commands.countTokens(serving, principal, query, manner)) : undefined
  const inputTokens = counted === undefined ? undefined : Option.getOrUndefined(counted)
  const hidesContent = sightOf(principal) === "order"
  const feed = { ...carried.feed, onDisconnect: manner.onDisconnect, inputTokens, hidesContent }
  return Outcome.run(feed)
})

/** A dialect's own way is for the requests that a run answers. Who only watches does not end it. */
const onDisconnectOf = (
  { onDisconnect }: ServerContext,
  dialect: Dialect.Dialect,
  { _tag }: Command.Command,
  expected: Dialect.Exchange["onDisconnect"]
): OnDisconnect =>
  onDisconnect ??
  (_tag === "StartQuery" || _tag === "Answer" ? (expected ?? dialect.onDisconnect) : undefined) ??
  "keep"

/** The single answer of a run, once it has ended or waits. */
export const whole = (
  serving: ServerContext,
  feed: Outcome.Feed,
  answer: Extract<Dialect.Answer, { readonly _tag: "Whole" }>
): Effect.Effect<Dialect.Reply, Refusal.Refusal> =>
  Effect.gen(function* () {
    const status = yield* serving.runtime.status(feed.runId)
    if (status === undefined) return yield* StreamResponse.whole(serving, feed, answer.open())
    const note = yield* Lookup.note(serving, status)
    const { echo } = feed.openings.at(-1) ?? note ?? {}
    const openings = feed.upTo === undefined ? (note?.openings ?? []) : feed.openings
    const all = [note?.echo, ...openings.map((opening) => opening.echo)]
    const echoes = all.flatMap((one) => (one === undefined ? [] : [one]))
    const about = { agent: status.agent, ...(echo === undefined ? {} : { echo }), echoes }
    return yield* StreamResponse.whole(serving, feed, answer.open(about))
  })
