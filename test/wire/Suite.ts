/**
 * The requirements of every dialect, for every scenario and for random valid logs.
 *
 * A dialect's own test brings a reader: written from the notes on the protocol, and knowing nothing of our encoder, it
 * throws at the first frame that breaks a rule and gives back what a client would have understood.
 */
import { assert, describe, it } from "@effect/vitest"
import { Approval } from "@reins/protocol"
import type { Envelope } from "@reins/protocol"
import * as Generated from "@reins/protocol/testing"
import type { Encoder, Frame } from "@reins/wire"
import { Cursor, Sse } from "@reins/wire"
import * as Foreign from "./Foreign.ts"
import { breaksOff, fold, play } from "./Play.ts"
import type { Answers, Manner, Settled } from "./Play.ts"
import { scenarios } from "./Scenarios.ts"

/** What a client understood: the answer's text, and each call's result as text, by the call's id. */
export interface Understood {
  readonly text: string
  readonly results: ReadonlyMap<string, string>
}

export interface Subject {
  readonly open: () => Encoder
  readonly read: (answers: Answers) => Understood
  /** Whether a client can take back a retracted step. */
  readonly retracts: boolean
  /** Whether the answer ends with an error where a client's call was begun and does not come. Absent: no. */
  readonly breaks?: boolean
  /** What a settled call reads like; nothing if the dialect does not send it. */
  readonly result: (settled: Settled, id: string) => string | undefined
  /**
   * What the stream shows when it is damaged. Absent: that its first or its last frame is lost, or the last is doubled.
   */
  readonly notices?: ReadonlyArray<keyof typeof damages>
  /** How its clients answer. Absent: all at once, or one by one. */
  readonly manners?: ReadonlyArray<Manner>
}

/** Ids of the calls whose question was answered with a no. */
export const refused = (log: ReadonlyArray<Envelope.Envelope>): ReadonlySet<string> => {
  const asked = new Map<string, string>()
  const ids = new Set<string>()
  for (const { agentPath, event } of log) {
    if (agentPath.length > 0) continue
    // The call goes on, however its question ends.
    if (event.type === "approval-required" && event.data.kind !== "question")
      asked.set(event.data.id, event.data.toolInvocationId ?? "")
    if (event.type !== "approval-decision") continue
    const { outcome } = event.data
    if (!Approval.allows(outcome) && !Approval.isAskedAgain(outcome)) ids.add(asked.get(event.data.id) ?? "")
  }
  return ids
}

export const lawful = (count: number): ReadonlyArray<readonly [seed: number, log: ReadonlyArray<Envelope.Envelope>]> =>
  Array.from({ length: count }, (_, seed) => {
    const random = Generated.seeded(seed)
    return [seed, Generated.generate(random, { events: 10 + (seed % 7) * 20 })] as const
  })

const understands = (subject: Subject, log: ReadonlyArray<Envelope.Envelope>, answers: Answers) => {
  const understood = subject.read(answers)
  if (subject.breaks === true && breaksOff(log)) return
  const said = fold(log)
  assert.strictEqual(understood.text, subject.retracts ? said.text : said.kept)
  const expected = [...said.results].flatMap(([id, settled]) => {
    const text = subject.result(settled, id)
    return text === undefined ? [] : [[id, text] as const]
  })
  const read = expected.map(([id]) => [id, understood.results.get(id)] as const)
  assert.deepStrictEqual(read, expected)
}

type Frames = ReadonlyArray<Frame.Frame>

/** The encoder behind the message that `before` ends with, whose first frames open the answer to it. */
const resumed = (encoder: Encoder, before: ReadonlyArray<Envelope.Envelope>): Encoder => {
  for (const envelope of before) encoder.step(envelope)
  const last = before.at(-1)?.event
  encoder.finish()
  let opening = encoder.reopen([], last?.type === "message-received" ? last.data.messageId : undefined)
  return {
    step: (envelope) => {
      const frames = [...opening, ...encoder.step(envelope)]
      opening = []
      return frames
    },
    finish: () => encoder.finish(),
    reopen: (answered, messageId) => encoder.reopen(answered, messageId),
    get isDetached() {
      return encoder.isDetached
    }
  }
}

const damages = {
  "lost end": (frames: Frames): Frames => frames.slice(0, -1),
  "doubled end": (frames: Frames): Frames => [...frames, ...frames.slice(-1)],
  "lost beginning": (frames: Frames): Frames => frames.slice(1)
}

const bytes = (answers: Answers): string => answers.map(Sse.encodeAll).join("---\n")

export const suite = (name: string, make: (log: ReadonlyArray<Envelope.Envelope>) => Subject): void => {
  describe.each([name])("%s", () => {
    it.each(scenarios)("gets through: %s", (_, log) => {
      const subject = make(log)
      for (const manner of subject.manners ?? ["all", "next"]) {
        understands(subject, log, play(subject.open, log, manner))
      }
    })

    it("ends no frame within a character", () => {
      for (const [scenario, log] of scenarios) {
        for (const frame of play(make(log).open, log).flat()) {
          const text = Sse.encodeAll([frame])
          // JSON has a lone surrogate as an escape, and a pair as it is.
          assert.isTrue(text.isWellFormed() && !/\\ud[89a-f]/i.test(text), `${scenario}: ${text}`)
        }
      }
    })

    it("gets through any lawful log", () => {
      for (const [seed, log] of lawful(80)) {
        const subject = make(log)
        try {
          understands(subject, log, play(subject.open, log))
        } catch (error) {
          throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
        }
      }
    })

    it("answers a user's message with what follows it, and nothing of what came before", () => {
      let found = 0
      for (const [seed, log] of lawful(60)) {
        const at = log.findIndex(({ event }) => event.type === "message-received")
        if (at < 0) continue
        found += 1
        const rest = log.slice(at + 1)
        const subject = make(rest)
        try {
          understands(
            subject,
            rest,
            play(() => resumed(subject.open(), log.slice(0, at + 1)), rest)
          )
        } catch (error) {
          throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
        }
      }
      assert.isAbove(found, 10)
    })

    it("passes on or leaves out events of a later version, and says the rest as it would without them", () => {
      for (const [seed, log] of lawful(40)) {
        const salted = Foreign.salted(log, seed)
        const subject = make(salted)
        try {
          understands(subject, salted, play(subject.open, salted))
        } catch (error) {
          throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
        }
      }
    })

    it("is read by one who notices a damaged stream", () => {
      for (const [scenario, log] of scenarios) {
        const subject = make(log)
        const answers = play(subject.open, log)
        for (const damage of subject.notices ?? ["lost end", "doubled end", "lost beginning"]) {
          const damaged = answers.map(damages[damage])
          assert.throws(() => understands(subject, log, damaged), undefined, undefined, `${damage} of: ${scenario}`)
        }
      }
    })

    it("says the same of the same envelopes", () => {
      for (const [, log] of [...scenarios, ...lawful(10)]) {
        const { open } = make(log)
        assert.strictEqual(bytes(play(open, structuredClone(log))), bytes(play(open, log)))
      }
    })

    it("ends nothing that has not ended", () => {
      for (const [, log] of scenarios) {
        const { open } = make(log)
        for (let length = 0; length < log.length; length++) {
          const encoder = open()
          for (const envelope of log.slice(0, length)) encoder.step(envelope)
          const last = log[length - 1]?.event.type
          if (encoder.isDetached || last === "finish" || last === "data-cost-summary") continue
          assert.deepStrictEqual(encoder.finish(), [])
        }
      }
    })

    it("goes on behind any frame without a gap or a repeat", () => {
      for (const [, log] of scenarios) {
        const { open } = make(log)
        const stamped = (encoder: Encoder) =>
          log.map((envelope) => [envelope.seq, Cursor.stamp(envelope.seq, encoder.step(envelope))] as const)
        const all = stamped(open())
        const frames: ReadonlyArray<Frame.Frame> = all.flatMap(([, some]) => some)
        for (const [index, frame] of frames.entries()) {
          const cursor = Cursor.parse(frame.id ?? "") ?? Cursor.start
          const rest = all.flatMap(([seq, some]) => Cursor.rest(cursor, seq, some))
          assert.deepStrictEqual(rest, frames.slice(index + 1))
        }
      }
    })
  })
}
