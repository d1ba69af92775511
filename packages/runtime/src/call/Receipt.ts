/**
 * Receipts: what a call has done that its stored result does not tell yet. They are written once, under the call's
 * idempotency key, so that a call that is retried or made again gets the first result where there is one.
 *
 * A handler makes receipts of its parts (`ToolRun.once`). The runtime makes one of the whole call where other stores
 * have to be asked between the handler's end and the commit of the call's result: the grant that it is charged to, or
 * the quota.
 */
import { Entry, type Json } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Semaphore from "effect/Semaphore"
import type { Work } from "../engine/Engine.ts"
import * as Erased from "../kernel/Erased.ts"
import * as PlainJson from "../kernel/PlainJson.ts"
import * as Names from "../run/Names.ts"
import * as Call from "./Call.ts"
import type { CallContext } from "./Call.ts"

/** The stored value of a part; absent where it has returned nothing. */
const Part = Schema.Struct({ value: Schema.optionalKey(Schema.Json) })
const readPart = Schema.decodeUnknownSync(Part)

/** The receipts of the parts of one call. */
export class Receipts {
  private readonly context: CallContext
  private readonly work: Work
  /** A part that is asked for twice at the same time runs once: an abandoned attempt may still be in it. */
  private readonly locks = new Map<string, Semaphore.Semaphore>()

  constructor(context: CallContext, work: Work) {
    this.context = context
    this.work = work
  }

  /** Runs `effect` unless the part of that name has a receipt; see `ToolRun.once`. */
  once<A, E, R>(name: string, effect: Effect.Effect<A, E, R>, schema?: Schema.Codec<A, Json>): Effect.Effect<A, E, R> {
    const { context, work } = this
    const key = Names.once(context.agent.path, context.call.id, name)
    const read = (stored: Json): Effect.Effect<A> => {
      const { value } = readPart(stored)
      return schema === undefined || value === undefined
        ? // Without a schema the value is JSON, or nothing.
          Effect.succeed(Erased.as<A>(value))
        : Effect.orDie(Schema.decodeUnknownEffect(schema)(value))
    }
    const write = (value: A): Effect.Effect<Json> =>
      schema === undefined
        ? value === undefined
          ? Effect.succeed({})
          : Effect.suspend(() => {
              const json = PlainJson.copy(value)
              return json === undefined
                ? Effect.die(new Error(`The result of once(${JSON.stringify(name)}) is not JSON. Give it a schema`))
                : Effect.succeed({ value: json })
            })
        : Effect.map(Effect.orDie(Schema.encodeEffect(schema)(value)), (value) => ({ value }))
    const made = Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(restore(effect), (value) =>
        Effect.flatMap(write(value), (json) => Effect.flatMap(work.kept.put(key, json), read))
      )
    )
    return Effect.suspend(() => {
      let lock = this.locks.get(name)
      if (lock === undefined) this.locks.set(name, (lock = Semaphore.makeUnsafe(1)))
      return lock.withPermit(
        Effect.suspend(() => {
          const stored = work.kept.get(key)
          return stored === undefined ? made : read(stored)
        })
      )
    })
  }
}

const Whole = Schema.Struct({
  end: Call.StoredRan,
  row: Entry.Entry,
  asked: Schema.optionalKey(Schema.Array(Entry.Entry))
})
const encodeWhole = Schema.encodeEffect(Whole)
const decodeWhole = Schema.decodeUnknownEffect(Whole)

/** A call that has ended, with its ledger row. */
export interface Whole {
  readonly end: Call.CallEnd
  readonly row: Entry.ToolEntry
  /** The rows of what hooks have asked models, and reported, after it. */
  readonly asked: ReadonlyArray<Entry.Entry>
}

/** Stores how the call has ended, before its result is committed. On an engine without storage it does nothing. */
export const keep = ({ agent, call }: CallContext, work: Work, { asked, end, row }: Whole): Effect.Effect<void> =>
  work.begin === undefined
    ? Effect.void
    : Effect.flatMap(Effect.orDie(encodeWhole(asked.length === 0 ? { end, row } : { end, row, asked })), (json) =>
        Effect.asVoid(work.kept.put(Names.receipt(agent.path, call.id), json))
      )

/** How the call has ended, if an earlier owner of the run has stored it. */
export const find = ({ agent, call }: CallContext, work: Work): Effect.Effect<Whole | undefined> => {
  const stored = work.kept.get(Names.receipt(agent.path, call.id))
  if (stored === undefined) return Effect.succeed(undefined)
  return Effect.map(Effect.orDie(decodeWhole(stored)), ({ asked = [], end, row }) =>
    Call.isEnd(end) && row.kind === "tool" ? { end, row, asked } : undefined
  )
}
