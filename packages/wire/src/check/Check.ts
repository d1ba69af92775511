/** Checks whole streams: texts, and streams of bytes or text. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { Checker, type Options, type Trouble, type Violation } from "./Checker.ts"
import type { Name } from "./Protocols.ts"

/**
 * What a check found.
 *
 * @since 0.1.0
 * @category models
 */
export interface Report {
  /** Absent: it was not given, and nothing tells it. */
  readonly dialect: Name | undefined
  readonly frames: number
  /** In the order of the lines. Empty, and no `trouble`: the stream is as its protocol says. */
  readonly violations: ReadonlyArray<Violation>
  /** Why it could not be checked; absent: it was. */
  readonly trouble?: Trouble
}

const reportOf = (checker: Checker, violations: ReadonlyArray<Violation>): Report => ({
  dialect: checker.dialect,
  frames: checker.frames,
  violations,
  ...(checker.trouble === undefined ? {} : { trouble: checker.trouble })
})

/**
 * Checks a captured text: the body of a response as SSE or as JSON lines.
 *
 * @since 0.1.0
 * @category operations
 */
export const checkText = (text: string, options: Options = {}): Report => {
  const checker = new Checker(options)
  return reportOf(checker, [...checker.push(text), ...checker.end()])
}

/**
 * Checks a stream of text while it is read, and returns all violations at its end. Of a stream of bytes, pass
 * `Stream.decodeText(bytes)`.
 *
 * @since 0.1.0
 * @category operations
 */
export const checkStream = <E, R>(
  text: Stream.Stream<string, E, R>,
  options: Options = {}
): Effect.Effect<Report, E, R> =>
  Effect.suspend(() => {
    const checker = new Checker(options)
    const violations: Array<Violation> = []
    return Stream.runForEach(text, (piece) =>
      Effect.sync(() => {
        violations.push(...checker.push(piece))
      })
    ).pipe(Effect.map(() => reportOf(checker, [...violations, ...checker.end()])))
  })
