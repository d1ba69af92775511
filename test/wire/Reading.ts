/**
 * Reads answers by the readers of `reins check`, which know the protocols and nothing of our encoders, as a client would
 * understand them. What we demand of ourselves beyond a protocol stands beside: fields that our own schema declares,
 * and what our own extensions say.
 */
import { Schema } from "effect"
import type { Frame } from "@reins/wire"
import { Sse } from "@reins/wire"
import { Checker } from "@reins/wire/check"
import type { Name, Violation } from "@reins/wire/check"
import type { Answers } from "./Play.ts"
import type { Fields } from "./Rule.ts"
import { fields, rule } from "./Rule.ts"
import type { Understood } from "./Suite.ts"

/** What a checker says of answers, and what a client understands of them. */
export const readAll = (dialect: Name, answers: Answers) => {
  const parts = new Map<string, string>()
  const results = new Map<string, string>()
  const checker = new Checker({
    dialect,
    heard: {
      text: (piece, part = "", replaces = false) => parts.set(part, (replaces ? "" : (parts.get(part) ?? "")) + piece),
      result: (id, text) => results.set(id, text)
    }
  })
  const violations: Array<Violation & { readonly answer: number }> = []
  const waits: Array<boolean> = []
  for (const [answer, frames] of answers.entries()) {
    const found = [...checker.push(Sse.encodeAll(frames)), ...checker.end()]
    violations.push(...found.map((violation) => ({ ...violation, answer })))
    if (checker.trouble !== undefined)
      violations.push({ line: 1, rule: checker.trouble, found: "there is nothing to read", says: "", answer })
    waits.push(checker.isWaiting)
  }
  return { violations, waits, understood: { text: [...parts.values()].join(""), results } }
}

/** A schema that knows every field of what we send. */
type Own = Schema.ConstraintDecoder<unknown>

export interface Demands {
  /** The schema of what a frame carries, by our own encoder. Absent: it is not checked. */
  readonly schema?: Own
  /** The same, by the frame. */
  readonly schemaOf?: (frame: Frame.Frame) => Own | undefined
  /** What must hold of every frame; `at` is its place in its answer. */
  readonly frame?: (frame: Frame.Frame, at: number, answer: number) => void
  /** Results that only our own extensions tell. */
  readonly results?: (value: Fields, results: Map<string, string>) => void
  /** A violation that is known and stays. Absent: none is. */
  readonly tolerates?: (violation: Violation) => boolean
  /** False where an answer that waits cannot be told from one that ends. Absent: it can. */
  readonly waits?: boolean
}

const strictly = (schema: Own) => Schema.decodeUnknownSync(schema, { onExcessProperty: "error" })

/** Reads answers, and throws where they break a rule or a demand. */
export const reading = (
  dialect: Name,
  { frame: demand, results: told, schema, schemaOf, tolerates = () => false, waits: mustWait = true }: Demands = {}
) => {
  const decoders = new Map<Own, (value: unknown) => unknown>()
  const decode = (own: Own, value: unknown): void => {
    const known = decoders.get(own) ?? strictly(own)
    decoders.set(own, known)
    known(value)
  }
  return (answers: Answers): Understood => {
    const { understood, violations: all, waits } = readAll(dialect, answers)
    const violations = all.filter((violation) => !tolerates(violation))
    rule(violations.length === 0, "the protocol holds", violations)
    rule(
      !mustWait || waits.every((isWaiting, index) => isWaiting === index < answers.length - 1),
      "an answer waits exactly when another follows",
      waits
    )
    const results = new Map(understood.results)
    for (const [answer, frames] of answers.entries()) {
      for (const [at, frame] of frames.entries()) {
        demand?.(frame, at, answer)
        if (frame.data === "[DONE]") continue
        const value = fields(frame)
        const own = schemaOf === undefined ? schema : schemaOf(frame)
        if (own !== undefined) decode(own, value)
        told?.(value, results)
      }
    }
    return { text: understood.text, results }
  }
}
