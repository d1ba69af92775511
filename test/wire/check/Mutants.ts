/** Damaged runs as each dialect sends them: which line is the first that shows the damage. */
import type { Envelope } from "@reins/protocol"
import { Ordering } from "@reins/protocol"
import * as Generated from "@reins/protocol/testing"
import type { Dialect, Encoder } from "@reins/wire"
import { Sse } from "@reins/wire"
import * as A2a from "@reins/wire/a2a"
import * as Aap from "@reins/wire/aap"
import * as Acp from "@reins/wire/acp"
import * as AgUi from "@reins/wire/ag-ui"
import * as AiSdk from "@reins/wire/ai-sdk"
import * as Anthropic from "@reins/wire/anthropic"
import * as Kai from "@reins/wire/kai"
import * as Karta from "@reins/wire/karta"
import * as Native from "@reins/wire/native"
import * as OpenaiChat from "@reins/wire/openai-chat"
import * as OpenaiResponses from "@reins/wire/openai-responses"
import * as Steerable from "@reins/wire/steerable"
import type { Name } from "@reins/wire/check"
import { play } from "../Play.ts"
import type { Answers } from "../Play.ts"

export const dialects: { readonly [N in Name]: Dialect.Dialect } = {
  a2a: A2a.dialect,
  aap: Aap.dialect,
  acp: Acp.dialect,
  "ag-ui": AgUi.dialect,
  "ai-sdk": AiSdk.dialect,
  anthropic: Anthropic.dialect,
  kai: Kai.dialect,
  karta: Karta.dialect,
  native: Native.dialect,
  "openai-chat": OpenaiChat.dialect,
  "openai-responses": OpenaiResponses.dialect,
  steerable: Steerable.dialect
}

type Log = ReadonlyArray<Envelope.Envelope>

export interface Damaged {
  readonly seed: number
  readonly kind: Generated.Mutant["kind"]
  readonly log: Log
  /** The rule that is broken first; `ended` where the run only stops too early. */
  readonly rule: string
  /** Where in the log it is broken. */
  readonly at: number
  /** Where the log begins to differ from the intact one. */
  readonly from: number
}

const faultOf = (log: Log): Pick<Damaged, "rule" | "at"> | undefined => {
  const [fault] = Ordering.check(log)
  if (fault !== undefined) return { rule: fault.violation.rule, at: fault.index }
  const automaton = new Ordering.Automaton()
  for (const { agentPath, event } of log) automaton.accept(agentPath, [event])
  return automaton.ended ? undefined : { rule: "ended", at: log.length }
}

/** Up to `count` damaged logs for each rule that damage breaks, from so many seeds. */
export const damaged = (seeds: number, count: number): ReadonlyArray<Damaged> => {
  const counts = new Map<string, number>()
  return Array.from({ length: seeds }, (_, seed) => seed).flatMap((seed) => {
    const random = Generated.seeded(seed)
    const intact = Generated.generate(random, { events: 10 + (seed % 5) * 15 })
    const { kind, log } = Generated.mutate(random, intact)
    const fault = faultOf(log)
    const known = counts.get(fault?.rule ?? "") ?? 0
    if (fault === undefined || known >= count) return []
    counts.set(fault.rule, known + 1)
    const from = log.findIndex(({ agentPath, event }, index) => {
      const before = intact[index]
      return before === undefined || before.event !== event || before.agentPath !== agentPath
    })
    return [{ seed, kind, log, from: from < 0 ? log.length : from, ...fault }]
  })
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
      finish: () => {
        // What ends an answer is of no event.
        index += 0.5
        return mark(encoder.finish().map((frame) => ({ ...frame })))
      },
      reopen: (answered, messageId) => {
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
