/**
 * One clause of the contract of journal stores, and the few words in which clauses are written.
 */
import type { Envelope } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Result from "effect/Result"
import type { Batch, JournalStore, Opened } from "../host/journal/JournalStore.ts"
import { record } from "./JournalSamples.ts"

/** One promise, and how to see whether a store keeps it. */
export interface Clause {
  readonly name: string
  readonly check: (store: JournalStore) => Effect.Effect<void>
}

export const same = (actual: unknown, wanted: unknown, what: string): Effect.Effect<void> =>
  Equal.equals(actual, wanted)
    ? Effect.void
    : Effect.die(new Error(`${what}: wanted ${JSON.stringify(wanted)}, found ${JSON.stringify(actual)}`))

export const create = (store: JournalStore, over?: Parameters<typeof record>[0]) =>
  Effect.orDie(store.create(record(over)))

export const open = (store: JournalStore, runId = "run", at = 2000): Effect.Effect<Opened> =>
  Effect.flatMap(Effect.orDie(store.open(runId, at)), (opened) =>
    opened === undefined ? Effect.die(new Error(`${runId} could not be opened`)) : Effect.succeed(opened)
  )

/** Creates a run and opens it. */
export const begin = (store: JournalStore, over?: Parameters<typeof record>[0]) =>
  Effect.andThen(create(store, over), open(store, over?.runId))

export const commit = (
  store: JournalStore,
  epoch: number,
  envelopes: ReadonlyArray<Envelope.Envelope>,
  rest: Partial<Batch> = {}
) => Effect.orDie(store.commit({ runId: "run", epoch, envelopes, marks: [], ...rest }))

export const tagOf = <A, E extends { readonly _tag: string }>(effect: Effect.Effect<A, E>) =>
  Effect.map(Effect.result(effect), (result) => (Result.isFailure(result) ? result.failure._tag : "no failure"))

export const read = (store: JournalStore, after = 0, limit = 1000) => Effect.orDie(store.read("run", after, limit))
export const status = (store: JournalStore, runId = "run") => Effect.orDie(store.status(runId))
export const answer = (store: JournalStore, name: string, value: string, at = 5000) =>
  Effect.orDie(store.answer("run", name, value, at))

export const clause = (name: string, check: (store: JournalStore) => Effect.Effect<void>): Clause => ({ name, check })
