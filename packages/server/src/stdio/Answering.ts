/** What the protocols over lines share: commands for one principal, and a run's frames as they come. */
import type { Command, Dialect, Facts, Frame } from "@reins/wire"
import { Refusal } from "@reins/wire"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Principal } from "../access/Authenticator.ts"
import * as Exchanges from "../run/Exchanges.ts"
import type { Feed } from "../run/Outcome.ts"
import type { ServerContext } from "../run/ServerContext.ts"
import * as StreamResponse from "../run/StreamResponse.ts"

/** The principal of the connection: the one who started the process. */
export interface Speaker {
  readonly serving: ServerContext
  readonly principal: Principal
  readonly dialect: Dialect.Dialect
}

const noFacts = Refusal.make("internal", "Internal", "Internal server error. See the server's log")

const execute = ({ dialect, principal, serving }: Speaker, command: Command.Command, answer: Dialect.Answer) =>
  Exchanges.execute(serving, { dialect }, { principal, providerKeys: undefined }, { command, answer })

const factsOnly: Dialect.Answer = { _tag: "Facts", shape: () => ({ status: 200 }) }

/** The facts of a command that does not show a run. */
export const facts = (speaker: Speaker, command: Command.Command): Effect.Effect<Facts.Facts, Refusal.Refusal> =>
  Effect.flatMap(execute(speaker, command, factsOnly), (outcome): Effect.Effect<Facts.Facts, Refusal.Refusal> => {
    if (outcome._tag === "Facts") return Effect.succeed(outcome.facts)
    if (outcome._tag === "NothingToResume") return Effect.fail(noFacts)
    const { runId, threadId } = outcome.feed
    return Effect.succeed({ _tag: "Accepted", runId, threadId })
  })

/** A run that was started or joined, and its frames. */
export interface Shown {
  readonly feed: Feed
  /** Runs `take` for each frame, in order, until the answer ends. */
  readonly read: (take: (frame: Frame.Frame) => Effect.Effect<void>) => Effect.Effect<void>
}

/** Begins a run, and shows it by `open`. */
export const run = (
  speaker: Speaker,
  command: Command.Command,
  open: () => Dialect.Encoder
): Effect.Effect<Shown, Refusal.Refusal> => {
  const answer = { _tag: "Stream", format: "ndjson", isStamped: false, open } as const
  return Effect.flatMap(execute(speaker, command, answer), (outcome) => {
    if (outcome._tag !== "Run") return Effect.fail(noFacts)
    const { feed } = outcome
    const read = (take: (frame: Frame.Frame) => Effect.Effect<void>) =>
      Effect.suspend(() => {
        const frames: Array<Frame.Frame> = []
        // A line only says that there is a frame.
        const told = StreamResponse.lines(speaker.serving, feed, answer, (frame) => {
          frames.push(frame)
          return "."
        })
        return Stream.runForEach(told, () =>
          Effect.suspend(() => {
            const frame = frames.shift()
            return frame === undefined ? Effect.void : take(frame)
          })
        )
      })
    return Effect.succeed({ feed, read })
  })
}
