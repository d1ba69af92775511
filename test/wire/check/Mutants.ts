/** Damaged runs as each dialect sends them: which line is the first that shows the damage. */
import type { Envelope } from "@reins/protocol"
import { Ordering } from "@reins/protocol"
import * as Generated from "@reins/protocol/testing"
import type { Encoder } from "@reins/wire"
import { Sse } from "@reins/wire"
import { play } from "../Play.ts"
import type { Answers } from "../Play.ts"

type Log = ReadonlyArray<Envelope.Envelope>

export interface Damaged {
  readonly seed: number
  readonly kind: Generated.Mutant["kind"]
  readonly log: Log
  /** The rule that is broken first; `ended` where the run only stops too early. */
  readonly rule: string
  /** Where in the log it is broken. */
  readonly at: number
  readonly type: string
}

/** Damaged logs that are invalid, from the first seed to the last. */
export const damaged = function* (seeds: number): Generator<Damaged> {
  for (let seed = 0; seed < seeds; seed++) {
    const random = Generated.seeded(seed)
    const intact = Generated.generate(random, { events: 10 + (seed % 5) * 15 })
    const { kind, log } = Generated.mutate(random, intact)
    const [fault] = Ordering.check(log)
    const event = log[fault?.index ?? log.length - 1]?.event
    if (fault !== undefined) {
      yield { seed, kind, log, rule: fault.violation.rule, at: fault.index, type: event?.type ?? "" }
      continue
    }
    const automaton = new Ordering.Automaton()
    for (const { agentPath, event } of log) automaton.accept(agentPath, [event])
    if (!automaton.ended) yield { seed, kind, log, rule: "ended", at: log.length, type: event?.type ?? "" }
  }
}

/** The lines of each frame of an answer, as `Sse` writes them; the line is that of its data. */
const linesOf = (frames: Answers[number]): ReadonlyArray<number> => {
  let line = 0
  return frames.map((frame) => {
    const before = Sse.encode(frame).split("\n")
    const at = line + 1 + before.findIndex((text) => text.startsWith("data:"))
    line += before.length - 1
    return at
  })
}

export interface Place {
  readonly answer: number
  readonly line: number
}

/** The answers to a damaged run, and the lines that its event at `at` makes: none where the dialect sends nothing. */
export const sent = (open: () => Encoder, log: Log, at: number) => {
  const marks = new Map<object, number>()
  let index = -1
  const marking = (): Encoder => {
    const encoder = open()
    const mark = <A extends ReadonlyArray<object>>(frames: A): A => {
      for (const frame of frames) if (!marks.has(frame)) marks.set(frame, index)
      return frames
    }
    return {
      step: (envelope) => {
        index = log.indexOf(envelope)
        return mark(encoder.step(envelope).map((frame) => ({ ...frame })))
      },
      finish: () => mark(encoder.finish().map((frame) => ({ ...frame }))),
      reopen: (answered, messageId) => {
        index += 1
        return mark(encoder.reopen(answered, messageId).map((frame) => ({ ...frame })))
      },
      get isDetached() {
        return encoder.isDetached
      }
    }
  }
  const answers = play(marking, log)
  const places: Array<Place & { readonly index: number }> = []
  for (const [answer, frames] of answers.entries()) {
    const lines = linesOf(frames)
    for (const [position, frame] of frames.entries())
      places.push({ answer, line: lines[position] ?? 0, index: marks.get(frame) ?? -1 })
  }
  return { answers, places, shown: places.filter((place) => place.index === at) }
}
