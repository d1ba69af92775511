/**
 * What the protocols over lines share: the connection, of lines that a process reads from its parent and writes to it, the
 * commands of its one principal, and a run's frames as they come.
 */
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Semaphore from "effect/Semaphore"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import { type Command, type Dialect, type Facts, type Frame, Refusal } from "@reins/wire"
import type { Principal } from "../access/Authenticator.ts"
import * as Exchanges from "../run/Exchanges.ts"
import type { Feed } from "../run/Outcome.ts"
import type { ServerContext } from "../run/ServerContext.ts"
import * as StreamResponse from "../run/StreamResponse.ts"

/**
 * Takes the place of a line that is longer than is accepted. The rest of it is read and dropped.
 */
export interface TooLong {
  readonly _tag: "TooLong"
  /** The most characters of a line. */
  readonly limit: number
}

/** A line, or the news that one was too long. */
export type Incoming = string | TooLong

/** The error that is sent to the other side. */
export const tooLong = ({ limit }: TooLong): string =>
  `The line is longer than ${limit} characters. Send a shorter one, or raise maxBodyBytes`

/** Cuts text into lines as it arrives. Of a line above the limit nothing is held. */
export class LineSplitter {
  private readonly limit: number
  private held = ""
  private skips = false

  constructor(limit: number) {
    this.limit = limit
  }

  /** The lines that end in this piece, without their breaks. */
  push(piece: string): ReadonlyArray<Incoming> {
    const lines: Array<Incoming> = []
    for (let from = 0; ;) {
      const at = piece.indexOf("\n", from)
      const part = piece.slice(from, at < 0 ? undefined : at)
      if (!this.skips && this.held.length + part.length > this.limit) {
        lines.push({ _tag: "TooLong", limit: this.limit })
        this.skips = true
        this.held = ""
      }
      if (!this.skips) this.held += part
      if (at < 0) return lines
      if (!this.skips) lines.push(this.held)
      this.held = ""
      this.skips = false
      from = at + 1
    }
  }

  /** What is left without a break at the end. */
  end(): ReadonlyArray<Incoming> {
    return this.held === "" ? [] : [this.held]
  }
}

/**
 * `send` writes one line, without its break, and completes when the other side has room. The end of `incoming` is the
 * end of the other side.
 */
export interface Lines {
  readonly incoming: Stream.Stream<Incoming>
  readonly send: (line: string) => Effect.Effect<void>
}

/**
 * The process's standard input and output, with lines of up to `limit` characters. Nothing else may write to the
 * output.
 */
export const fromStdio = (limit: number): Effect.Effect<Lines, never, Stdio.Stdio> =>
  Effect.map(Stdio.Stdio, (stdio) => {
    const turn = Semaphore.makeUnsafe(1)
    const splitter = new LineSplitter(limit)
    return {
      incoming: stdio.stdin.pipe(
        Stream.decodeText(),
        Stream.map((piece) => splitter.push(piece)),
        Stream.concat(Stream.sync(() => splitter.end())),
        Stream.flattenIterable,
        Stream.filter((line) => typeof line !== "string" || line.trim() !== ""),
        Stream.catchCause(() => Stream.empty)
      ),
      send: (line) =>
        turn.withPermits(1)(Effect.ignore(Stream.run(Stream.make(`${line}\n`), stdio.stdout({ endOnDone: false }))))
    }
  })

/**
 * Waits for what the other side has asked before it closed its end, but not for long: a run may wait for somebody who
 * has gone.
 */
export const drained = (...sets: ReadonlyArray<FiberSet.FiberSet<unknown, unknown>>): Effect.Effect<void> =>
  Effect.ignore(Effect.timeout(Effect.forEach(sets, FiberSet.awaitEmpty, { discard: true }), "5 seconds"))

/** The process's standard error, for what is not of the protocol. */
export const warn = (line: string): Effect.Effect<void, never, Stdio.Stdio> =>
  Effect.flatMap(Stdio.Stdio, (stdio) =>
    Effect.ignore(Stream.run(Stream.make(`${line}\n`), stdio.stderr({ endOnDone: false })))
  )

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
export const factsOf = (speaker: Speaker, command: Command.Command): Effect.Effect<Facts.Facts, Refusal.Refusal> =>
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
export const shownRun = (
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
