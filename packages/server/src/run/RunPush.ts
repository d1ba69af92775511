/**
 * Tells the states of one run to the web hook that a client of a protocol has set: each frame of the dialect's
 * `openPush` is the body of one request. The next sender makes the frames from the log again, and those up to the
 * last event that was sent are left out.
 */
import type { Envelope } from "@reins/protocol"
import type { RuntimeShape } from "@reins/runtime"
import type { LeasedWebhook } from "@reins/runtime/journal"
import type { Dialect } from "@reins/wire"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as ThreadName from "../thread/ThreadName.ts"
import type * as Delivery from "../webhook/Delivery.ts"
import * as Signature from "../webhook/Signature.ts"

/** The services of a push. `pushes`: the encoders of run states, by dialect. */
export interface Telling {
  readonly runtime: RuntimeShape
  readonly naming: ThreadName.Naming
  readonly pushes: ReadonlyMap<string, () => Dialect.Encoder>
}

/** How long a query may wait for its thread before its web hook is given up, in milliseconds. */
const startMs = 3_600_000

/** Something was refused. */
class Stopped extends Schema.TaggedError<Stopped>()("Stopped", {}) {}

/** A body, and its id, which is unique within its web hook. */
interface Part {
  readonly key: string
  readonly body: string
}

/**
 * Tells the run until it has ended (`finished`; also when there is no such run any more), or until `post` answers that
 * something was refused. `unstarted`: its run is not there yet, since a query's web hook is stored before its run.
 */
export const tell = (
  { naming, pushes, runtime }: Telling,
  { toldSeq, webhook }: LeasedWebhook,
  post: (id: string, body: string) => Effect.Effect<Delivery.Refused | undefined>
): Effect.Effect<"finished" | "unfinished" | "unstarted"> =>
  Effect.gen(function* () {
    const { push, runId = "" } = webhook
    const open = pushes.get(push?.dialect ?? "")
    const status = yield* runtime.status(runId)
    if (status === undefined) {
      const age = (yield* Clock.currentTimeMillis) - webhook.createdAt
      return age < startMs ? "unstarted" : "finished"
    }
    if (open === undefined) return "unfinished"
    const encoder = open()
    const rename = ThreadName.envelopes(naming, status.resourceId)
    let isPaused = false
    let last = 0
    const partsOf = (envelopes: ReadonlyArray<Envelope.Envelope>): ReadonlyArray<Part> => {
      const parts = envelopes.flatMap((envelope) => {
        const opening = isPaused ? encoder.reopen([]) : []
        isPaused = false
        const frames = [...opening, ...encoder.step(rename(envelope))]
        const { seq } = envelope
        return seq > toldSeq ? frames.map(({ data }, index) => ({ key: `${seq}.${index}`, body: data })) : []
      })
      last = envelopes.at(-1)?.seq ?? last
      isPaused = encoder.isDetached
      return isPaused && last > toldSeq ? [...parts, ...closing()] : parts
    }
    const closing = (): ReadonlyArray<Part> =>
      encoder.finish().map(({ data }, index) => ({ key: `${last}.end.${index}`, body: data }))
    const send = (parts: ReadonlyArray<Part>): Effect.Effect<void, Stopped> =>
      parts.length === 0
        ? Effect.void
        : Effect.andThen(
            Effect.forEach(
              parts,
              ({ body, key }) =>
                Effect.flatMap(post(Signature.idOf(webhook.id, key), body), (refused) =>
                  refused === undefined ? Effect.void : Effect.fail(new Stopped())
                ),
              { discard: true }
            ),
            Effect.suspend(() => runtime.webhooks.outbox.told(webhook.id, last))
          )
    return yield* runtime.watch(runId).pipe(
      Stream.runForEachArray((envelopes) => send(partsOf(envelopes))),
      Effect.andThen(Effect.suspend(() => send(closing()))),
      Effect.as("finished" as const),
      Effect.catchTags({
        Stopped: () => Effect.succeed("unfinished" as const),
        RunNotFound: () => Effect.succeed("finished" as const)
      })
    )
  })
